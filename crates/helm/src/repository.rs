//! What a chart repository's `index.yaml`, or the tags of an OCI repository, offer, and which version
//! a request means: as Helm chooses. Pure: whoever fetches hands in bytes.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::Value;
use trueup_gotemplate::functions::semver::{Constraint, Dialect};

use crate::document;
use crate::versions::Version;

const DIALECT: Dialect = Dialect::V3_4;

/// A version of a chart in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Its version, as it is written.
    pub version: String,
    /// Where its archive is: a URL, or a path from the repository's.
    pub url: String,
    /// The SHA-256 of its archive in hexadecimal digits; may be empty.
    pub digest: String,
}

/// The charts of a repository.
#[derive(Clone, Debug, Default)]
pub struct Index {
    charts: BTreeMap<String, Vec<Offer>>,
}

/// Why there is no such version.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// The index cannot be read.
    #[error("its index.yaml cannot be read: {0}")]
    Index(String),
    /// No chart of this name.
    #[error("it has no chart {name}{}", similar(.close))]
    Name {
        /// The name.
        name: String,
        /// The name of a chart that it has, if one is alike.
        close: Option<String>,
    },
    /// The range cannot be read.
    #[error("`{wanted}` is neither a version nor a range of versions: {why}")]
    Range {
        /// What was asked for.
        wanted: String,
        /// Why not.
        why: String,
    },
    /// No version fits.
    #[error("it has no version {wanted} of {name}; the newest is {newest}")]
    Version {
        /// The chart.
        name: String,
        /// What was asked for.
        wanted: String,
        /// The newest that is there.
        newest: String,
    },
}

fn similar(close: &Option<String>) -> String {
    close.as_ref().map(|name| format!("; did you mean {name}?")).unwrap_or_default()
}

impl Index {
    /// Reads an `index.yaml`. What in it is no version of a chart is left out, as Helm does.
    ///
    /// # Errors
    /// It is no YAML, or no index.
    pub fn parse(text: &[u8]) -> Result<Self, ChoiceError> {
        let unreadable = |why: &str| ChoiceError::Index(why.to_owned());
        let document = document::read(text).map_err(ChoiceError::Index)?;
        let entries = document.get("entries").ok_or_else(|| unreadable("it has no entries"))?;
        let mut charts = BTreeMap::new();
        for (name, versions) in entries.as_object().into_iter().flatten() {
            let offers = versions.as_array().into_iter().flatten().filter_map(offer);
            charts.insert(name.clone(), offers.collect());
        }
        Ok(Self { charts })
    }

    /// The version that a request means: the one that is written just so, else the newest that the
    /// range allows.
    ///
    /// # Errors
    /// There is none.
    pub fn choose(&self, name: &str, wanted: &str, devel: bool) -> Result<&Offer, ChoiceError> {
        let offers = self.charts.get(name).ok_or_else(|| ChoiceError::Name {
            name: name.to_owned(),
            close: self.charts.keys().find(|known| is_alike(known, name)).cloned(),
        })?;
        let versions: Vec<&str> = offers.iter().map(|offer| offer.version.as_str()).collect();
        let chosen = choose(name, &versions, wanted, devel)?;
        offers.get(chosen).ok_or_else(|| ChoiceError::Index("it changed".to_owned()))
    }
}

/// Which of the tags of an OCI repository a request means; a tag writes `_` for the `+` of a version.
///
/// # Errors
/// There is none.
pub fn choose_tag(
    name: &str,
    tags: &[String],
    wanted: &str,
    devel: bool,
) -> Result<String, ChoiceError> {
    let versions: Vec<String> = tags.iter().map(|tag| tag.replace('_', "+")).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let chosen = choose(name, &versions, wanted, devel)?;
    Ok(tags.get(chosen).cloned().unwrap_or_default())
}

/// Whether a request names one version and no range: then what was fetched for it once stays.
pub fn is_exact(wanted: &str) -> bool {
    Version::parse_strict(wanted.strip_prefix('v').unwrap_or(wanted), DIALECT).is_ok()
}

/// The index of the version that is meant.
fn choose(name: &str, versions: &[&str], wanted: &str, devel: bool) -> Result<usize, ChoiceError> {
    if let Some(exact) = versions.iter().position(|version| *version == wanted) {
        return Ok(exact);
    }
    let range = match wanted {
        "" if devel => ">0.0.0-0",
        "" => "*",
        range => range,
    };
    let constraint = Constraint::parse(range, DIALECT).map_err(|error| ChoiceError::Range {
        wanted: wanted.to_owned(),
        why: error.to_string(),
    })?;
    let mut parsed: Vec<(usize, Version)> = versions
        .iter()
        .enumerate()
        .filter_map(|(at, version)| Some((at, Version::parse(version, DIALECT).ok()?)))
        .collect();
    parsed.sort_by(|(_, one), (_, other)| newest_first(one, other));
    match parsed.iter().find(|(_, version)| constraint.allows(version)) {
        Some((at, _)) => Ok(*at),
        None => Err(ChoiceError::Version {
            name: name.to_owned(),
            wanted: wanted.to_owned(),
            newest: parsed
                .first()
                .and_then(|(at, _)| versions.get(*at))
                .map_or("none", |version| version)
                .to_owned(),
        }),
    }
}

fn newest_first(one: &Version, other: &Version) -> Ordering {
    other.precedence(one)
}

fn offer(entry: &Value) -> Option<Offer> {
    let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let url = entry.get("urls")?.as_array()?.first()?.as_str()?.to_owned();
    let version = text("version");
    Version::parse(&version, DIALECT).ok()?;
    Some(Offer { version, url, digest: text("digest") })
}

fn is_alike(known: &str, name: &str) -> bool {
    known.eq_ignore_ascii_case(name) || known.contains(name) || name.contains(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = "apiVersion: v1
entries:
  web:
  - {version: 1.2.0, urls: [web-1.2.0.tgz], digest: aa}
  - {version: 1.10.0, urls: ['https://elsewhere.example/web-1.10.0.tgz']}
  - {version: 2.0.0-rc.1, urls: [web-2.0.0-rc.1.tgz]}
  - {version: 1.10.1+build.5, urls: [web-1.10.1+build.5.tgz]}
  - {version: latest, urls: [x.tgz]}
  - {version: 3.0.0}
  only-pre:
  - {version: 0.1.0-alpha, urls: [only.tgz]}
";

    fn check(name: &str, wanted: &str, devel: bool, expected: &str) {
        let index = Index::parse(INDEX.as_bytes()).expect("an index");
        let seen = match index.choose(name, wanted, devel) {
            Ok(offer) => offer.version.clone(),
            Err(error) => error.to_string(),
        };
        assert_eq!(seen, expected, "{name} {wanted}");
    }

    #[test]
    fn the_version_is_the_one_that_helm_takes() {
        check("web", "1.2.0", false, "1.2.0");
        check("web", "^1.0.0", false, "1.10.1+build.5");
        check("web", "~1.10.0", false, "1.10.1+build.5");
        check("web", "", false, "1.10.1+build.5");
        check("web", "", true, "2.0.0-rc.1");
        check("web", ">=2.0.0-0", false, "2.0.0-rc.1");
        check("web", "1.2", false, "1.2.0");
        check("only-pre", "", false, "it has no version  of only-pre; the newest is 0.1.0-alpha");
        check("web", "^3", false, "it has no version ^3 of web; the newest is 2.0.0-rc.1");
        check("Web", "", false, "it has no chart Web; did you mean web?");
        check(
            "web",
            "newest",
            false,
            "`newest` is neither a version nor a range of versions: improper constraint: newest",
        );
    }

    #[test]
    fn tags_are_versions() {
        let tags = ["1.0.0", "1.1.0_build.1", "latest"].map(str::to_owned);
        assert_eq!(choose_tag("web", &tags, "^1", false).as_deref(), Ok("1.1.0_build.1"));
        assert_eq!(
            choose_tag("web", &tags, "1.1.0+build.1", false).as_deref(),
            Ok("1.1.0_build.1")
        );
        assert!(choose_tag("web", &tags, "2", false).is_err());
    }

    #[test]
    fn exact_versions_and_ranges_are_told_apart() {
        for exact in ["1.2.3", "v1.2.3", "1.2.3-rc.1+x"] {
            assert!(is_exact(exact), "{exact}");
        }
        for range in ["", "1", "1.2", "^1.2.3", "1.x", "*", "1.2.3 || 2"] {
            assert!(!is_exact(range), "{range}");
        }
    }

    #[test]
    fn what_is_no_index_is_said() {
        for text in ["{", "a: b", "[]", ""] {
            assert!(matches!(Index::parse(text.as_bytes()), Err(ChoiceError::Index(_))), "{text}");
        }
    }
}
