//! KRM functions: what upstream checks of them before it runs them.

use serde_json::Value;

use crate::documents;
use crate::error::{Error, Result};
use crate::metadata;
use crate::resource::Resource;

const ANNOTATIONS: [&str; 2] = ["config.kubernetes.io/function", "config.k8s.io/function"];

/// Folders that a container mounts must be below the kustomization.
pub(super) fn check_mounts(resource: &Resource) -> Result<()> {
    let text = |name: &&str| metadata::annotation(resource.node(), name);
    let Some(spec) = ANNOTATIONS.iter().find_map(text) else { return Ok(()) };
    let spec = documents::to_json(spec.as_bytes())?;
    let mounts = spec.pointer("/container/mounts").and_then(Value::as_array);
    let sources = mounts.into_iter().flatten().filter_map(|mount| mount.get("src")?.as_str());
    for source in sources {
        let what = format!("plugin {} with mount path '{source}'", resource.original_id());
        if source.starts_with('/') {
            return Err(Error::new(format!(
                "{what} is not permitted; mount paths must be relative to the current kustomization directory"
            )));
        }
        if leaves(source) {
            return Err(Error::new(format!(
                "{what} is not permitted; mount paths must be under the current kustomization directory"
            )));
        }
    }
    Ok(())
}

fn leaves(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
}
