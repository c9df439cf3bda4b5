//! How servers are reached: credentials, certificates, proxies. Each rule is for what lies below a
//! URL prefix, so that no document can call for a credential that is meant for another place.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use trueup_model::Digest;

use crate::{Client, HttpError, Login, Proxy, SecretFrom, Settings, redact};

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

/// How the servers below a URL are reached.
#[derive(Clone, Debug)]
pub struct Access {
    /// The beginning of the URLs, `https://git.example/team/`. Empty: all. The longest that fits
    /// counts.
    pub prefix: String,
    /// A password or token.
    pub credential: Option<Credential>,
    /// Certificates (PEM) of authorities that are trusted besides the system's.
    pub authorities: Option<SecretFrom>,
    /// Our own certificate (PEM), with its key unless that is given apart.
    pub certificate: Option<SecretFrom>,
    /// The key (PEM) of our own certificate.
    pub certificate_key: Option<SecretFrom>,
    /// Which proxy requests go through.
    pub proxy: Proxy,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            prefix: String::new(),
            credential: None,
            authorities: None,
            certificate: None,
            certificate_key: None,
            proxy: Proxy::Environment,
        }
    }
}

impl Credential {
    /// Reads the secret. The error says why that cannot be done, and holds nothing of it.
    fn login(&self) -> Result<Login, String> {
        let secret = self.from.text()?;
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

/// The rule for a URL among rules with prefixes: the longest prefix that fits counts.
pub fn rule_for<'a, T>(rules: &'a [T], prefix: impl Fn(&T) -> &str, url: &str) -> Option<&'a T> {
    let fitting = rules.iter().filter(|rule| fits(prefix(rule), url));
    fitting.max_by_key(|rule| prefix(rule).len())
}

/// Whether a URL is below a prefix: at the end of a name, not within one.
fn fits(prefix: &str, url: &str) -> bool {
    let Some(rest) = url.strip_prefix(prefix) else { return false };
    prefix.is_empty() || prefix.ends_with('/') || rest.is_empty() || rest.starts_with('/')
}

/// Clients by the rules for URLs. A client is kept with its connections for as long as what its
/// rule reads stays the same, so that a renewed certificate counts without a new start.
pub struct Clients {
    rules: Vec<Access>,
    settings: Settings,
    known: Mutex<HashMap<String, (Digest, Client)>>,
}

impl Clients {
    /// Clients by these rules; all else is as `settings` say.
    pub fn new(rules: Vec<Access>, settings: Settings) -> Self {
        Self { rules, settings, known: Mutex::default() }
    }

    /// The client for a URL, and who asks. Reads files and may run a command, so it may block.
    pub fn of(&self, url: &str) -> Result<(Client, Option<Login>), HttpError> {
        let plain = Access::default();
        let rule = rule_for(&self.rules, |rule| &rule.prefix, url).unwrap_or(&plain);
        let bad = |why: String| HttpError::Credential { url: redact(url), why };
        let login = rule.credential.as_ref().map(Credential::login).transpose().map_err(bad)?;
        let settings = self.settings_of(rule).map_err(bad)?;
        let seen = seen(&settings);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, client)) = known.get(&rule.prefix)
            && *before == seen
        {
            return Ok((client.clone(), login));
        }
        let client = Client::new(&settings)?;
        known.insert(rule.prefix.clone(), (seen, client.clone()));
        Ok((client, login))
    }

    fn settings_of(&self, rule: &Access) -> Result<Settings, String> {
        let read = |from: &Option<SecretFrom>| from.as_ref().map(SecretFrom::bytes).transpose();
        let mut settings = self.settings.clone();
        settings.authorities.extend(read(&rule.authorities)?.unwrap_or_default());
        if let Some(mut certificate) = read(&rule.certificate)? {
            if let Some(key) = read(&rule.certificate_key)? {
                certificate.push(b'\n');
                certificate.extend(key);
            }
            settings.certificate = Some(certificate);
        }
        settings.proxy = rule.proxy.clone();
        Ok(settings)
    }
}

/// What of the settings was read anew.
fn seen(settings: &Settings) -> Digest {
    let mut all = settings.authorities.clone();
    all.push(0);
    all.extend(settings.certificate.iter().flatten());
    Digest::of(&all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts() {
        let rules = ["https://git.example", "https://git.example/team", "ssh://git@git.example/"];
        let check = |url: &str, expected: Option<&str>| {
            assert_eq!(rule_for(&rules, |rule| rule, url).copied(), expected, "{url}");
        };
        check("https://git.example/x", Some("https://git.example"));
        check("https://git.example/team/x", Some("https://git.example/team"));
        check("https://git.example/teams/x", Some("https://git.example"));
        check("https://git.example.evil/x", None);
        check("ssh://git@git.example/x", Some("ssh://git@git.example/"));
        check("ssh://root@git.example/x", None);
    }

    #[test]
    fn a_secret_names_its_user_or_does_not() {
        let login = |text: &str, user: Option<&str>, scheme| {
            let from = SecretFrom::Command(vec!["echo".to_owned(), text.to_owned()]);
            Credential { from, user: user.map(str::to_owned), scheme }.login()
        };
        let basic = |user: &str, password: &str| {
            Ok(Login::Basic { user: user.to_owned(), password: password.to_owned() })
        };
        assert_eq!(login("ada:pw:1", None, Scheme::Basic), basic("ada", "pw:1"));
        assert_eq!(login("token", None, Scheme::Basic), basic("git", "token"));
        assert_eq!(login("to:ken", Some("ada"), Scheme::Basic), basic("ada", "to:ken"));
        assert_eq!(login("to:ken", None, Scheme::Bearer), Ok(Login::Bearer("to:ken".to_owned())));
        assert!(login("", None, Scheme::Basic).unwrap_err().contains("is empty"));
    }

    #[test]
    fn a_client_is_kept_while_what_it_reads_stays_the_same() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, "").expect("a file");
        let rule =
            Access { authorities: Some(SecretFrom::File(file.clone())), ..Access::default() };
        let clients = Clients::new(vec![rule], Settings::default());
        let made = || clients.known.lock().unwrap().get("").map(|(digest, _)| *digest);
        clients.of("https://a.example/").expect("a client");
        let first = made();
        clients.of("https://a.example/").expect("the same");
        assert_eq!(made(), first);
        std::fs::write(&file, "# renewed\n").expect("a file");
        clients.of("https://a.example/").expect("a client");
        assert_ne!(made(), first);
        std::fs::remove_file(&file).expect("it is there");
        let error = clients.of("https://a.example/").map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}
