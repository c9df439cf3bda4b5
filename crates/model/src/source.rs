//! Sources and revisions.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where state is declared: a repository, and which of its commits is wanted.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub struct SourceSpec {
    /// A local path, or a `file://`, `https://`, `http://` or `ssh://` URL, or `user@host:path`.
    pub repo: String,
    /// Branch, tag, full or abbreviated commit, or a semver range of tags (`~1.4`, `>=2.0 <3`).
    /// Empty: what the repository's HEAD says.
    pub reference: String,
}

/// One commit of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What is to be taken back, to what, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert {
    /// The commit that the branch is known to stand on. Where it has moved on, nothing is done.
    pub expected: String,
    /// The commit to go back to.
    pub to: String,
    /// The folder, from the root of the tree; empty: all of it.
    pub path: String,
    /// The new commit's message.
    pub message: String,
    /// Who makes it.
    pub name: String,
    /// Their address.
    pub email: String,
    /// When. The same revert at the same time is the same commit.
    pub time: Timestamp,
    /// The name of a new branch for the commit, for a person to merge; left out: the branch itself
    /// moves on.
    pub branch: Option<String>,
}

/// What a remote repository is recognised by, whichever of its URLs names it: `https`, `ssh` and
/// `user@host:path` forms of one repository give the same text. `None` for one on this machine.
///
/// It is coarse on purpose: port and letter case do not count. A webhook that names one repository may
/// thus ask for news of another; that costs a request. It must not be used where two repositories
/// have to be told apart.
pub fn repository_key(repo: &str) -> Option<String> {
    let (authority, path) = match repo.split_once("://") {
        Some((scheme, rest)) if ["https", "http", "ssh", "git"].contains(&scheme) => {
            rest.split_once('/')?
        }
        Some(_) => return None,
        None => {
            let (authority, path) = repo.split_once(':')?;
            if !authority.contains('@') || authority.contains('/') {
                return None;
            }
            (authority, path)
        }
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    let path = path.split(['?', '#']).next().unwrap_or(path).trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    let named = !host.is_empty() && !path.is_empty();
    named.then(|| format!("{host}/{path}").to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_urls_of_a_repository_have_one_key() {
        let same = [
            "https://git.example.com/web/shop.git",
            "https://token:x@git.example.com/web/shop",
            "https://git.example.com:8443/Web/Shop/",
            "ssh://git@git.example.com:2222/web/shop.git",
            "git@git.example.com:web/shop.git",
            "git://git.example.com/web/shop",
        ];
        for repo in same {
            assert_eq!(repository_key(repo).as_deref(), Some("git.example.com/web/shop"), "{repo}");
        }
        assert_eq!(repository_key("https://[::1]:80/a").as_deref(), Some("[::1]/a"));
    }

    #[test]
    fn what_is_no_remote_repository_has_none() {
        for repo in [
            "/srv/shop",
            "./shop",
            "file:///srv/shop",
            "shop",
            "https://host",
            "",
            "C:x",
            "a/b@c:d",
        ] {
            assert_eq!(repository_key(repo), None, "{repo}");
        }
    }
}
