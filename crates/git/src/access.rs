//! How repositories behind SSH are reached. What concerns HTTP is [`trueup_http::Access`].

use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::MemfdFlags;
use trueup_http::SecretFrom;

/// How the repositories below a URL are reached through SSH.
#[derive(Clone, Debug, Default)]
pub struct SshAccess {
    /// The beginning of their URLs, `ssh://git@git.example/`; the form `user@host:path` is written
    /// so, too. Empty: all repositories. The longest that fits counts.
    pub prefix: String,
    /// A private key; without it what SSH itself would try.
    pub key: Option<SecretFrom>,
    /// Known hosts, in SSH's own format; without them SSH's own.
    pub known_hosts: Option<SecretFrom>,
    /// Whether a host that is not known yet is trusted at first sight.
    pub trust_new_hosts: bool,
}

impl SshAccess {
    /// The rule for a repository.
    pub(crate) fn of<'a>(rules: &'a [Self], url: &gix::Url) -> Option<&'a Self> {
        trueup_http::rule_for(rules, |rule| &rule.prefix, &as_ruled(url))
    }
}

/// A URL as rules are written against it: without a password, and the path from the root.
pub(crate) fn as_ruled(url: &gix::Url) -> String {
    let mut url = url.clone();
    url.set_password(None);
    if url.scheme != gix::url::Scheme::Ssh {
        url.set_user(None);
    }
    url.serialize_alternative_form = false;
    if !url.path.starts_with(b"/") {
        url.path.insert(0, b'/');
    }
    url.to_bstring().to_string()
}

/// A secret as a file that a program on this machine can open while this is there. What is no file
/// stays in memory: it never gets onto a disk.
pub(crate) struct Readable {
    path: PathBuf,
    _memory: Option<File>,
}

impl Readable {
    /// Reads the secret, or names its file.
    pub(crate) fn of(from: &SecretFrom) -> Result<Self, String> {
        if let SecretFrom::File(path) = from {
            return Ok(Self { path: path.clone(), _memory: None });
        }
        let mut secret = from.bytes()?;
        if !secret.ends_with(b"\n") {
            // SSH does not read a key of which the last line has no end.
            secret.push(b'\n');
        }
        Self::in_memory(&secret).map_err(|error| format!("{}: {error}", from.name()))
    }

    fn in_memory(secret: &[u8]) -> io::Result<Self> {
        let mut file = File::from(rustix::fs::memfd_create("trueup", MemfdFlags::CLOEXEC)?);
        // SSH refuses a key that others could read.
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(secret)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
        Ok(Self { path: path.into(), _memory: Some(file) })
    }

    /// Where it can be opened.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_fits_a_repository_however_its_url_is_written() {
        let rule = |prefix: &str| SshAccess { prefix: prefix.to_owned(), ..SshAccess::default() };
        let rules = [rule("ssh://git@git.example"), rule("ssh://git@git.example/team/")];
        let check = |url: &str, expected: Option<&str>| {
            let url = gix::url::parse(url).expect("a URL");
            let found = SshAccess::of(&rules, &url).map(|rule| rule.prefix.as_str());
            assert_eq!(found, expected, "{}", url.to_bstring());
        };
        check("git@git.example:x", Some("ssh://git@git.example"));
        check("git@git.example:team/x", Some("ssh://git@git.example/team/"));
        check("ssh://git:pw@git.example/x", Some("ssh://git@git.example"));
        check("ssh://root@git.example/x", None);
        let https = gix::url::parse("https://user:pw@git.example/team/x").expect("a URL");
        assert_eq!(as_ruled(&https), "https://git.example/team/x");
    }

    #[test]
    fn a_secret_that_is_no_file_can_be_read_as_one() {
        let printed = SecretFrom::Command(vec!["printf".to_owned(), "key".to_owned()]);
        let readable = Readable::of(&printed).expect("readable");
        assert_eq!(std::fs::read(readable.path()).expect("it is there"), b"key\n");
        let mode = std::fs::metadata(readable.path()).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert!(Readable::of(&SecretFrom::Command(Vec::new())).is_err());
    }
}
