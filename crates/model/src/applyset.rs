//! ApplySets (KEP-3659): how `kubectl` and others see that objects belong together. The parent of an
//! app's set is a ConfigMap in the app's namespace; each member carries the set's id in a label.

use base64::Engine;
use sha2::{Digest, Sha256};

use crate::AppName;

/// Label of the parent: the id of its set.
pub const ID: &str = "applyset.kubernetes.io/id";
/// Label of a member: the id of the set it belongs to.
pub const PART_OF: &str = "applyset.kubernetes.io/part-of";

/// Name of the ConfigMap that is the parent of an app's set. Two installations that use a namespace
/// have parents of their own.
pub fn parent(app: &AppName, installation: &str) -> String {
    let installation: String = installation.chars().take(8).collect();
    format!("trueup-{app}-{installation}")
}

/// The id of the set whose parent is this ConfigMap, as the KEP derives it.
pub fn id(parent: &str, namespace: &str) -> String {
    let digest = Sha256::digest(format!("{parent}.{namespace}.ConfigMap."));
    let digest = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest);
    format!("applyset-{digest}-v1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_into_labels() {
        let app = AppName::new("shop").expect("a name");
        assert_eq!(parent(&app, "0123456789abcdef"), "trueup-shop-01234567");
        let id = id("trueup-shop-01234567", "shop");
        assert!(id.len() <= 63 && id.starts_with("applyset-") && id.ends_with("-v1"), "{id}");
    }
}
