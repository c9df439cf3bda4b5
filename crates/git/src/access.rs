//! How repositories are reached: credentials, certificates, keys. Each rule is for the repositories
//! below a URL prefix, so that a repository's name cannot call for another one's credential.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use trueup_http::{Login, Proxy};

/// Where a secret is read when it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretFrom {
    /// A file; white space around it does not count.
    File(PathBuf),
    /// An environment variable.
    Environment(String),
    /// What a program prints, given with its arguments.
    Command(Vec<String>),
}

/// How a password or token is shown to the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    /// As user and password; most servers take a token for the password.
    #[default]
    Basic,
    /// As a bearer token.
    Bearer,
}

/// A password or token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Where it is read: `user:password`, or a password or token alone.
    pub from: SecretFrom,
    /// The user, where the secret names none; `git` if this does not either.
    pub user: Option<String>,
    /// How it is shown.
    pub scheme: Scheme,
}

/// How the repositories below a URL are reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// The beginning of their URLs, `https://git.example/team/`; a host of the `user@host:path` form
    /// is written as `ssh://user@host/`. Empty: all repositories. The longest that fits counts.
    pub prefix: String,
    /// A password or token, for HTTP.
    pub credential: Option<Credential>,
    /// A file of certificates (PEM) of authorities that are trusted besides the system's.
    pub authorities: Option<PathBuf>,
    /// A file with our own certificate and its key (PEM).
    pub certificate: Option<PathBuf>,
    /// Which proxy HTTP goes through.
    pub proxy: Proxy,
    /// A private key, for SSH; without it what SSH itself would try.
    pub ssh_key: Option<PathBuf>,
    /// The file of known hosts, for SSH; without it SSH's own.
    pub known_hosts: Option<PathBuf>,
    /// Whether a host that is not known yet is trusted at first sight.
    pub trust_new_hosts: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            credential: None,
            authorities: None,
            certificate: None,
            proxy: Proxy::Environment,
            ssh_key: None,
            known_hosts: None,
            trust_new_hosts: false,
        }
    }
}

impl Access {
    /// The rule for a repository.
    pub(crate) fn of<'a>(rules: &'a [Self], url: &gix::Url) -> Option<&'a Self> {
        let url = without_password(url);
        rules.iter().filter(|rule| fits(&rule.prefix, &url)).max_by_key(|rule| rule.prefix.len())
    }
}

/// A URL as rules are written against it.
fn without_password(url: &gix::Url) -> String {
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

/// Whether a URL is below a prefix: at the end of a name, not within one.
fn fits(prefix: &str, url: &str) -> bool {
    let Some(rest) = url.strip_prefix(prefix) else { return false };
    prefix.is_empty() || prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
}

impl Credential {
    /// Reads the secret. The error says why that cannot be done, and holds nothing of it.
    pub(crate) fn login(&self) -> Result<Login, String> {
        let secret = self.from.read()?;
        let secret = secret.trim();
        if secret.is_empty() {
            return Err(format!("{} is empty", self.from.name()));
        }
        if self.scheme == Scheme::Bearer {
            return Ok(Login::Bearer(secret.to_owned()));
        }
        let (user, password) = match (&self.user, secret.split_once(':')) {
            (None, Some((user, password))) => (user, password),
            (user, _) => (user.as_deref().unwrap_or("git"), secret),
        };
        Ok(Login::Basic { user: user.to_owned(), password: password.to_owned() })
    }
}

impl SecretFrom {
    fn name(&self) -> String {
        match self {
            Self::File(path) => format!("the file {}", path.display()),
            Self::Environment(name) => format!("the environment variable {name}"),
            Self::Command(command) => {
                format!("the output of `{}`", command.first().map_or("", String::as_str))
            }
        }
    }

    fn read(&self) -> Result<String, String> {
        let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", self.name());
        match self {
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| failed(&error)),
            Self::Environment(name) => std::env::var(name).map_err(|error| failed(&error)),
            Self::Command(command) => {
                let (program, arguments) =
                    command.split_first().ok_or_else(|| failed(&"no command is given"))?;
                let output = Command::new(program)
                    .args(arguments)
                    .stdin(Stdio::null())
                    .stderr(Stdio::null())
                    .output()
                    .map_err(|error| failed(&error))?;
                if !output.status.success() {
                    return Err(failed(&output.status));
                }
                String::from_utf8(output.stdout).map_err(|_| failed(&"it is not UTF-8"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let rule = |prefix: &str| Access { prefix: prefix.to_owned(), ..Access::default() };
        let rules = [
            rule("https://git.example"),
            rule("https://git.example/team"),
            rule("ssh://git@git.example/"),
        ];
        let check = |url: &str, expected: Option<&str>| {
            let url = gix::url::parse(url).expect("a URL");
            let found = Access::of(&rules, &url).map(|rule| rule.prefix.as_str());
            assert_eq!(found, expected, "{}", url.to_bstring());
        };
        check("https://git.example/x", Some("https://git.example"));
        check("https://user:pw@git.example/team/x", Some("https://git.example/team"));
        check("https://git.example/teams/x", Some("https://git.example"));
        check("https://git.example.evil/x", None);
        check("git@git.example:x", Some("ssh://git@git.example/"));
        check("ssh://root@git.example/x", None);
    }

    #[test]
    fn secrets_are_read_where_they_are() {
        let login = |from: SecretFrom, user: Option<&str>| {
            let user = user.map(str::to_owned);
            Credential { from, user, scheme: Scheme::Basic }.login()
        };
        let basic = |user: &str, password: &str| {
            Ok(Login::Basic { user: user.to_owned(), password: password.to_owned() })
        };
        let says = |text: &str| SecretFrom::Command(vec!["echo".to_owned(), text.to_owned()]);
        assert_eq!(login(says("ada:pw:1"), None), basic("ada", "pw:1"));
        assert_eq!(login(says("token"), None), basic("git", "token"));
        assert_eq!(login(says("to:ken"), Some("ada")), basic("ada", "to:ken"));
        let missing = SecretFrom::Environment("TRUEUP_NOT_SET".to_owned());
        assert!(login(missing, None).unwrap_err().contains("TRUEUP_NOT_SET"));
        assert!(login(SecretFrom::Command(Vec::new()), None).is_err());
        assert!(login(says(""), None).unwrap_err().contains("is empty"));
    }
}
