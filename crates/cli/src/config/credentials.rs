//! How servers are reached, by the beginning of their URLs: repositories, charts, registries.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_git::SshAccess;
use trueup_http::{Access, Credential, Proxy, Scheme, SecretFrom};

use super::SecretSource;

/// How the servers below a URL are reached. Of several rules that fit, the longest prefix counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialRule {
    /// The beginning of the URLs: `https://git.example.com/team/`, `ssh://git@git.example.com/`,
    /// `git@git.example.com:team/`, `oci://registry.example.com/`.
    pub prefix: String,
    /// The user that goes with the password; left out: what the password names (`user:password`),
    /// or `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A password or token, for HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// How the password is shown: `basic` (the default; most servers take a token so) or `bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<LoginScheme>,
    /// Whom to trust and who we are, for HTTPS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsRule>,
    /// A proxy's URL, or `none`; left out: what `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// Keys, for SSH.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh: Option<SshRule>,
}

/// How a password is shown to a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LoginScheme {
    /// As user and password.
    Basic,
    /// As a bearer token.
    Bearer,
}

/// Whom to trust and who we are, for HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TlsRule {
    /// Certificates (PEM) of authorities that are trusted besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorities: Option<SecretSource>,
    /// Our own certificate (PEM), for servers that ask for one; its key may stand with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<SecretSource>,
    /// The key (PEM) of our own certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretSource>,
}

/// Keys, for SSH.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SshRule {
    /// Our private key; left out: what SSH itself would try.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<SecretSource>,
    /// The hosts that are known, as in `~/.ssh/known_hosts`; left out: SSH's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known_hosts: Option<SecretSource>,
    /// What becomes of hosts that are not known.
    pub new_hosts: NewHosts,
}

/// What becomes of hosts that are not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum NewHosts {
    /// They are refused.
    #[default]
    Refuse,
    /// They are trusted at first sight.
    Accept,
}

impl CredentialRule {
    /// What it says for HTTP.
    pub fn http(&self) -> Access {
        let from = |source: &Option<SecretSource>| source.as_ref().map(SecretFrom::from);
        let tls = self.tls.clone().unwrap_or_default();
        let credential = from(&self.password).map(|from| Credential {
            from,
            user: self.user.clone(),
            scheme: match self.scheme {
                Some(LoginScheme::Bearer) => Scheme::Bearer,
                Some(LoginScheme::Basic) | None => Scheme::Basic,
            },
        });
        Access {
            prefix: normal(&self.prefix),
            credential,
            authorities: from(&tls.authorities),
            certificate: from(&tls.certificate),
            certificate_key: from(&tls.key),
            proxy: match self.proxy.as_deref() {
                None => Proxy::Environment,
                Some("none") => Proxy::None,
                Some(url) => Proxy::Url(url.to_owned()),
            },
        }
    }

    /// What it says for SSH, if it says something.
    pub fn ssh(&self) -> Option<SshAccess> {
        let rule = self.ssh.as_ref()?;
        let from = |source: &Option<SecretSource>| source.as_ref().map(SecretFrom::from);
        Some(SshAccess {
            prefix: normal(&self.prefix),
            key: from(&rule.key),
            known_hosts: from(&rule.known_hosts),
            trust_new_hosts: rule.new_hosts == NewHosts::Accept,
        })
    }
}

/// `user@host:path` as the URL that it means; a registry is asked over HTTPS.
fn normal(prefix: &str) -> String {
    if let Some(registry) = prefix.strip_prefix("oci://") {
        return format!("https://{registry}");
    }
    match prefix.split_once(':') {
        Some((host, path)) if host.contains('@') && !host.contains('/') => {
            format!("ssh://{host}/{}", path.trim_start_matches('/'))
        }
        _ => prefix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_may_be_written_as_git_writes_hosts() {
        assert_eq!(normal("git@git.example:team/"), "ssh://git@git.example/team/");
        assert_eq!(normal("git@git.example:"), "ssh://git@git.example/");
        assert_eq!(normal("https://git.example:8443/x"), "https://git.example:8443/x");
        assert_eq!(normal("oci://registry.example/charts"), "https://registry.example/charts");
        assert_eq!(normal(""), "");
    }

    #[test]
    fn a_rule_speaks_for_http_and_ssh() {
        let rule: CredentialRule = serde_json::from_value(serde_json::json!({
            "prefix": "https://git.example/",
            "password": { "env": "TOKEN" },
            "tls": { "authorities": { "file": "/etc/ca.pem" } },
            "proxy": "none",
        }))
        .expect("a rule");
        let http = rule.http();
        assert_eq!(http.credential.expect("one").from, SecretFrom::Environment("TOKEN".into()));
        assert_eq!(http.authorities, Some(SecretFrom::File("/etc/ca.pem".into())));
        assert_eq!(http.proxy, Proxy::None);
        assert!(rule.ssh().is_none());
    }
}
