//! What the cluster can do, as `.Capabilities` shows it.

use std::fmt;

use crate::Profile;
use crate::versions::Version;

/// The version and the APIs of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Its version.
    pub kube_version: KubeVersion,
    /// The API versions that it serves, such as `apps/v1`; the form with a kind
    /// (`apps/v1/Deployment`) is one too, where it is known.
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// In full, with a `v`: `v1.33.4-gke.1245000`.
    pub version: String,
    /// What constraints are checked with: `v1.33.4`.
    pub normalized: String,
    /// The first number.
    pub major: String,
    /// The second number.
    pub minor: String,
}

impl fmt::Display for KubeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.normalized)
    }
}

impl Capabilities {
    /// What Helm assumes where it asks no cluster: the version and the APIs of the client library
    /// that it is built with.
    pub fn assumed(profile: Profile) -> Self {
        let minor = match profile {
            Profile::Helm3 => "32",
            Profile::Helm4 => "35",
        };
        let version = format!("v1.{minor}.0");
        let is_known = |(known, _): &&(Option<Profile>, &str)| known.is_none_or(|of| of == profile);
        Self {
            kube_version: KubeVersion {
                normalized: version.clone(),
                version,
                major: "1".to_owned(),
                minor: minor.to_owned(),
            },
            api_versions: ASSUMED_APIS
                .iter()
                .filter(is_known)
                .map(|(_, version)| (*version).to_owned())
                .collect(),
        }
    }
}

impl KubeVersion {
    /// Reads a version as `--kube-version` takes it. Helm 4 takes any that begins with two numbers
    /// and keeps what follows; Helm 3 takes semantic versions.
    ///
    /// # Errors
    /// Helm's words.
    pub fn parse(text: &str, profile: Profile) -> Result<Self, String> {
        match profile {
            Profile::Helm3 => {
                let version =
                    Version::parse(text, profile.semver()).map_err(|error| error.to_string())?;
                let text = format!("v{}", version);
                Ok(Self {
                    normalized: text.clone(),
                    version: text,
                    major: version.major.to_string(),
                    minor: version.minor.to_string(),
                })
            }
            Profile::Helm4 => Self::parse_generic(text),
        }
    }

    /// `ParseGeneric` of `k8s.io/apimachinery`.
    fn parse_generic(text: &str) -> Result<Self, String> {
        let unparsable = || format!("could not parse {text:?} as version");
        let trimmed = text.trim_start();
        let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
        if !trimmed.starts_with(|char: char| char.is_ascii_digit()) {
            return Err(unparsable());
        }
        let end = numbers_end(trimmed);
        let components: Vec<&str> = trimmed.get(..end).unwrap_or_default().split('.').collect();
        let [major, minor, ..] = components.as_slice() else {
            return Err(format!("illegal version string {text:?}"));
        };
        if major.len() > 1 && major.starts_with('0') {
            return Err(format!("illegal zero-prefixed version component {major:?} in {text:?}"));
        }
        let number = |component: &str| -> Result<String, String> {
            let number: u64 = component.parse().map_err(|_| {
                format!(
                    "illegal non-numeric version component {component:?} in {text:?}: strconv.ParseUint: parsing {component:?}: value out of range"
                )
            })?;
            Ok(number.to_string())
        };
        let numbers: Vec<String> =
            components.iter().map(|component| number(component)).collect::<Result<_, _>>()?;
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        Ok(Self {
            version,
            normalized: format!("v{}", numbers.join(".")),
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

/// Where the numbers and dots at the beginning end: each dot is followed by a digit.
fn numbers_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |index: usize| bytes.get(index).is_some_and(u8::is_ascii_digit);
    let mut end = 0;
    while is_digit(end) || (bytes.get(end) == Some(&b'.') && is_digit(end + 1)) {
        end += 1;
    }
    end
}

/// The API versions that Helm's client library knows, in its order; some only in one profile.
const ASSUMED_APIS: &[(Option<Profile>, &str)] = &[
    (None, "v1"),
    (None, "admissionregistration.k8s.io/v1"),
    (None, "admissionregistration.k8s.io/v1alpha1"),
    (None, "admissionregistration.k8s.io/v1beta1"),
    (None, "internal.apiserver.k8s.io/v1alpha1"),
    (None, "apps/v1"),
    (None, "apps/v1beta1"),
    (None, "apps/v1beta2"),
    (None, "authentication.k8s.io/v1"),
    (None, "authentication.k8s.io/v1alpha1"),
    (None, "authentication.k8s.io/v1beta1"),
    (None, "authorization.k8s.io/v1"),
    (None, "authorization.k8s.io/v1beta1"),
    (None, "autoscaling/v1"),
    (None, "autoscaling/v2"),
    (None, "autoscaling/v2beta1"),
    (None, "autoscaling/v2beta2"),
    (None, "batch/v1"),
    (None, "batch/v1beta1"),
    (None, "certificates.k8s.io/v1"),
    (None, "certificates.k8s.io/v1beta1"),
    (None, "certificates.k8s.io/v1alpha1"),
    (None, "coordination.k8s.io/v1alpha2"),
    (None, "coordination.k8s.io/v1beta1"),
    (None, "coordination.k8s.io/v1"),
    (None, "discovery.k8s.io/v1"),
    (None, "discovery.k8s.io/v1beta1"),
    (None, "events.k8s.io/v1"),
    (None, "events.k8s.io/v1beta1"),
    (None, "extensions/v1beta1"),
    (None, "flowcontrol.apiserver.k8s.io/v1"),
    (None, "flowcontrol.apiserver.k8s.io/v1beta1"),
    (None, "flowcontrol.apiserver.k8s.io/v1beta2"),
    (None, "flowcontrol.apiserver.k8s.io/v1beta3"),
    (None, "networking.k8s.io/v1"),
    (Some(Profile::Helm3), "networking.k8s.io/v1alpha1"),
    (None, "networking.k8s.io/v1beta1"),
    (None, "node.k8s.io/v1"),
    (None, "node.k8s.io/v1alpha1"),
    (None, "node.k8s.io/v1beta1"),
    (None, "policy/v1"),
    (None, "policy/v1beta1"),
    (None, "rbac.authorization.k8s.io/v1"),
    (None, "rbac.authorization.k8s.io/v1beta1"),
    (None, "rbac.authorization.k8s.io/v1alpha1"),
    (Some(Profile::Helm4), "resource.k8s.io/v1"),
    (Some(Profile::Helm4), "resource.k8s.io/v1beta2"),
    (None, "resource.k8s.io/v1beta1"),
    (None, "resource.k8s.io/v1alpha3"),
    (None, "scheduling.k8s.io/v1alpha1"),
    (None, "scheduling.k8s.io/v1beta1"),
    (None, "scheduling.k8s.io/v1"),
    (None, "storage.k8s.io/v1beta1"),
    (None, "storage.k8s.io/v1"),
    (None, "storage.k8s.io/v1alpha1"),
    (Some(Profile::Helm3), "storagemigration.k8s.io/v1alpha1"),
    (Some(Profile::Helm4), "storagemigration.k8s.io/v1beta1"),
    (None, "apiextensions.k8s.io/v1beta1"),
    (None, "apiextensions.k8s.io/v1"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str, profile: Profile) -> String {
        match KubeVersion::parse(text, profile) {
            Ok(version) => format!("{} {}", version.version, version.normalized),
            Err(error) => error,
        }
    }

    #[test]
    fn versions_are_read_as_each_helm_reads_them() {
        assert_eq!(parsed("1.33.4-gke.1", Profile::Helm4), "v1.33.4-gke.1 v1.33.4");
        assert_eq!(parsed("v1.33", Profile::Helm4), "v1.33 v1.33");
        assert_eq!(parsed("1", Profile::Helm4), "illegal version string \"1\"");
        assert_eq!(parsed("x", Profile::Helm4), "could not parse \"x\" as version");
        assert_eq!(parsed("1.33", Profile::Helm3), "v1.33.0 v1.33.0");
    }
}
