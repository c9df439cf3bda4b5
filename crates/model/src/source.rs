//! Sources and revisions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where state is declared: a repository, and which of its commits is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// A local path, or a `file://`, `https://`, `http://` or `ssh://` URL, or `user@host:path`.
    pub repo: String,
    /// Branch, tag, full or abbreviated commit, or a semver range of tags (`~1.4`, `>=2.0 <3`).
    /// Empty: what the repository's HEAD says.
    pub reference: String,
}

/// One commit of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// The commit's full id in hexadecimal.
    pub commit: String,
    /// What the reference was resolved to: `refs/heads/main`, `refs/tags/v1.4.2`, or empty for a
    /// commit that was asked for by its id.
    pub reference: String,
    /// When it was committed: the `now` of rendering.
    pub time: Timestamp,
    /// Who wrote it, `Name <address>`.
    pub author: String,
    /// First line of the message.
    pub subject: String,
    /// What a person should know about how it was read (`3 uncommitted changes are not applied`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Revision {
    /// The first seven digits: enough for people.
    pub fn short(&self) -> &str {
        self.commit.get(..7).unwrap_or(&self.commit)
    }
}
