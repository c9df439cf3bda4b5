//! What a rendering cannot do without and does not find in its tree, and the answers to it.
//!
//! Engines fetch nothing. They say what they need, in full; the loop has it answered by whoever owns
//! the outside in question (Git by the source, live objects by the target, everything else by the
//! [`Supply`](crate::ports::Supply)) and renders again. Each need and its answer's digest is part of
//! what decided the result, and is recorded with the plan.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use crate::tree::Tree;
use crate::{Digest, SourceSpec};

/// Something from outside that a rendering cannot do without. As text it is what was asked, complete
/// and without credentials: the key in a plan's inputs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// A packed chart.
    Chart(ChartNeed),
    /// The files of a Git repository at a commit, a tag or a branch.
    Repository(SourceSpec),
    /// One file by HTTP.
    File {
        /// Its URL.
        url: String,
    },
    /// A live object, or all objects of a kind.
    Object(Lookup),
}

/// A chart of a chart repository or an OCI registry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChartNeed {
    /// URL of the repository (`https://…`, with an `index.yaml`), or `oci://registry/path`.
    pub repository: String,
    /// The chart's name in it.
    pub name: String,
    /// A version or a range of versions, as Helm reads them; empty: the newest.
    pub version: String,
    /// Whether the newest may be a pre-release.
    pub devel: bool,
}

/// What a template asks the cluster for with `lookup`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lookup {
    /// As in `apiVersion`.
    pub api_version: String,
    /// As in `kind`.
    pub kind: String,
    /// The namespace; all if it is empty.
    pub namespace: String,
    /// The name; all objects if it is empty, as a list.
    pub name: String,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chart(chart) => write!(f, "{chart}"),
            Self::Repository(spec) if spec.reference.is_empty() => {
                write!(f, "repository {}", spec.repo)
            }
            Self::Repository(spec) => write!(f, "repository {} at {}", spec.repo, spec.reference),
            Self::File { url } => write!(f, "file {url}"),
            Self::Object(lookup) => write!(f, "{lookup}"),
        }
    }
}

impl fmt::Display for ChartNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chart {}", self.name)?;
        if !self.version.is_empty() {
            write!(f, " {}", self.version)?;
        }
        write!(f, " of {}", self.repository)
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "live {} {}", self.api_version, self.kind)?;
        match (self.namespace.as_str(), self.name.as_str()) {
            ("", "") => Ok(()),
            ("", name) => write!(f, " {name}"),
            (namespace, "") => write!(f, "s in {namespace}"),
            (namespace, name) => write!(f, " {namespace}/{name}"),
        }
    }
}

/// What a need was answered with.
#[derive(Clone)]
pub enum Answer {
    /// The bytes: of a file, or of a packed chart.
    Bytes(Arc<[u8]>),
    /// The files of a repository.
    Tree(Arc<dyn Tree>),
    /// The object as the target shows it; null if there is none.
    Object(Arc<Value>),
    /// Whoever must know says that there is no such thing.
    Missing {
        /// The HTTP status that says so; 404 where it was not HTTP that said it.
        status: u16,
        /// Why, in words.
        why: String,
    },
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Tree(_) => f.write_str("Tree"),
            Self::Object(_) => f.write_str("Object(not shown)"),
            Self::Missing { why, .. } => write!(f, "Missing({why})"),
        }
    }
}

/// An answer, and what it is recorded as.
#[derive(Clone, Debug)]
pub struct Supplied {
    /// The answer.
    pub answer: Answer,
    /// Its digest; of secret content a keyed one.
    pub digest: Digest,
}

impl Supplied {
    /// Bytes that are no secret.
    pub fn bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self { digest: Digest::of(&bytes), answer: Answer::Bytes(bytes) }
    }

    /// There is no such thing.
    pub fn missing(status: u16, why: impl Into<String>) -> Self {
        let answer = Answer::Missing { status, why: why.into() };
        Self { digest: Digest::of(b"missing"), answer }
    }
}

/// The answers that are known.
pub type Answers = BTreeMap<Need, Supplied>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_text_a_need_says_what_was_asked() {
        let text = |need: Need| need.to_string();
        let chart = |version: &str| {
            Need::Chart(ChartNeed {
                repository: "https://charts.example".to_owned(),
                name: "web".to_owned(),
                version: version.to_owned(),
                devel: false,
            })
        };
        assert_eq!(text(chart("~1.2")), "chart web ~1.2 of https://charts.example");
        assert_eq!(text(chart("")), "chart web of https://charts.example");
        let object = |namespace: &str, name: &str| {
            Need::Object(Lookup {
                api_version: "v1".to_owned(),
                kind: "Secret".to_owned(),
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            })
        };
        assert_eq!(text(object("shop", "db")), "live v1 Secret shop/db");
        assert_eq!(text(object("shop", "")), "live v1 Secrets in shop");
    }
}
