//! Where a repository is, from how an App names it. Pure.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use crate::GitError;

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Location {
    /// On this machine: a clone with a working copy, a worktree of one, or a bare repository.
    Local(PathBuf),
    /// Behind HTTP or HTTPS.
    Http(gix::Url),
    /// Behind SSH.
    Ssh(gix::Url),
}

impl Location {
    /// Reads a path, a URL, or `user@host:path`.
    pub(crate) fn parse(repo: &str) -> Result<Self, GitError> {
        let bad =
            |why: &str| GitError::BadName { repo: trueup_http::redact(repo), why: why.to_owned() };
        let repo = repo.trim();
        if repo.is_empty() {
            return Err(bad("it is empty"));
        }
        if !is_url(repo) && !is_scp(repo) {
            return Ok(Self::Local(PathBuf::from(repo)));
        }
        let url = gix::url::parse(repo).map_err(|_| bad("it is not a valid URL"))?;
        match &url.scheme {
            gix::url::Scheme::File => {
                let path = OsString::from_vec(url.path.into());
                Ok(Self::Local(PathBuf::from(path)))
            }
            gix::url::Scheme::Http | gix::url::Scheme::Https => Ok(Self::Http(url)),
            gix::url::Scheme::Ssh => {
                let host = url.host().unwrap_or_default();
                // A host or path that begins with a dash would be an option of ssh.
                if host.is_empty() || host.starts_with('-') || url.path.starts_with(b"-") {
                    return Err(bad("the host or path is missing or begins with a dash"));
                }
                Ok(Self::Ssh(url))
            }
            other => Err(bad(&format!("`{other}` is not one of file, https, http and ssh"))),
        }
    }
}

fn is_url(repo: &str) -> bool {
    repo.split_once("://").is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'+')
    })
}

/// Whether a colon comes before any slash: then Git takes what is left of it for a host.
fn is_scp(repo: &str) -> bool {
    repo.find(':').is_some_and(|colon| colon > 0 && !repo[..colon].contains('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_where_git_would_go() {
        let check = |repo: &str, expected: &str| {
            let found = match Location::parse(repo) {
                Ok(Location::Local(path)) => format!("local {}", path.display()),
                Ok(Location::Http(url)) => format!("http {url}"),
                Ok(Location::Ssh(url)) => {
                    format!("ssh {} {}", url.host().unwrap_or_default(), url.path)
                }
                Err(error) => error.to_string(),
            };
            assert_eq!(found, expected, "{repo}");
        };
        check(".", "local .");
        check("/srv/git/shop.git", "local /srv/git/shop.git");
        check("./a:b", "local ./a:b");
        check("file:///srv/git", "local /srv/git");
        check("https://git.example/shop", "http https://git.example/shop");
        check("http://localhost:8080/x", "http http://localhost:8080/x");
        check("ssh://git@git.example:2222/shop", "ssh git.example /shop");
        check("git@git.example:team/shop.git", "ssh git.example team/shop.git");
        check("git.example:shop", "ssh git.example shop");
        check("", "`` does not name a repository: it is empty");
        check(
            "git://git.example/x",
            "`git://git.example/x` does not name a repository: `git` is not one of file, https, http and ssh",
        );
        check(
            "ssh://-oProxyCommand=x/y",
            "`ssh://-oProxyCommand=x/y` does not name a repository: the host or path is missing or begins with a dash",
        );
    }
}
