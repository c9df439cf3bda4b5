//! The section `notifications` of the controller's configuration.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::app::Duration;
use trueup_model::host::ValueFrom;

use super::Trigger;

/// Who is told of what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Notifications {
    /// Where messages go.
    pub sinks: Vec<SinkSettings>,
    /// The same message about the same app goes to a sink again after this time only.
    pub repeat: Duration,
    /// Where people can read more, with `{app}` for the app's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

impl Default for Notifications {
    fn default() -> Self {
        let hour = Duration::parse("1h").expect("an hour is a duration");
        Self { sinks: Vec::new(), repeat: hour, link: None }
    }
}

/// One place where messages go. Exactly one of the kinds is named.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SinkSettings {
    /// What it is called: in logs, metrics and `trueup notify test`.
    pub name: String,
    /// Of what it is told. Left out: what fits the kind (`docs/notifications.md`).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub triggers: BTreeSet<Trigger>,
    /// Of which apps, by name, with `*`, `?` and `[…]`. Left out: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// Of apps with all of these labels only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// A Slack channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slack: Option<Slack>,
    /// A Microsoft Teams channel, through a workflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Hook>,
    /// A Discord channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discord: Option<Hook>,
    /// Anything that takes an HTTP request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub webhook: Option<WebhookSettings>,
    /// E-mail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// The commit's status, and deployments, on GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub github: Option<Forge>,
    /// The commit's status, and deployments, on GitLab.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitlab: Option<Forge>,
    /// The commit's status on Gitea or Forgejo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitea: Option<Forge>,
    /// Alerts in Alertmanager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alertmanager: Option<Alertmanager>,
}

/// A Slack channel: an incoming webhook, or a bot's token with a channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Slack {
    /// The URL of an incoming webhook, which is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<ValueFrom>,
    /// A bot's token, with the right `chat:write`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<ValueFrom>,
    /// The channel that the bot writes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Slack's API, where it is not Slack's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// A channel that is written to through a URL, which is a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hook {
    /// The URL.
    pub url: ValueFrom,
}

/// Anything that takes an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookSettings {
    /// The URL, which may hold a secret.
    pub url: ValueFrom,
    /// `POST`, or `PUT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Headers that are no secrets.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<ValueFrom>,
    /// The body is signed with this key, as `trueup`'s own generic webhook wants it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<ValueFrom>,
    /// The body as a Go template over the message's fields, with Helm's functions. Left out: the
    /// fields as JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The media type of the body. Left out: `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// E-mail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Email {
    /// The mail server.
    pub host: String,
    /// Its port. Left out: 587, or 465 with `tls: implicit`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is encrypted.
    #[serde(default)]
    pub tls: MailTls,
    /// The user who logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Their password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<ValueFrom>,
    /// Who writes: `TrueUp <trueup@example.com>`.
    pub from: String,
    /// Who is written to.
    pub to: Vec<String>,
}

/// How a connection to a mail server is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MailTls {
    /// By `STARTTLS`; a server that offers none is refused.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all: for a relay on this machine.
    None,
}

/// A forge on which a commit's status is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forge {
    /// Its API. Left out: the public service's. Only apps from a repository on the same host are told
    /// of, unless `host` says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// The host that repositories are named by, where it is not the API's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// A token that may set a commit's status (and make deployments).
    pub token: ValueFrom,
    /// The environment that deployments are into, with `{app}` for the app's name. Left out: only the
    /// commit's status is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
}

/// Alertmanager, or anything with its API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Alertmanager {
    /// Where it is: `http://alertmanager:9093`.
    pub url: String,
    /// Sent as `Authorization: Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<ValueFrom>,
    /// Labels that every alert carries.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// What is wrong with the settings.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("notifications: sink `{sink}`: {why}")]
pub struct SettingsError {
    /// Which sink.
    pub sink: String,
    /// What is wrong, and what to do.
    pub why: String,
}

impl SinkSettings {
    /// An error about it.
    pub(super) fn wrong(&self, why: impl Into<String>) -> SettingsError {
        SettingsError { sink: self.name.clone(), why: why.into() }
    }

    /// The kinds that are named.
    fn kinds(&self) -> Vec<&'static str> {
        [
            ("slack", self.slack.is_some()),
            ("teams", self.teams.is_some()),
            ("discord", self.discord.is_some()),
            ("webhook", self.webhook.is_some()),
            ("email", self.email.is_some()),
            ("github", self.github.is_some()),
            ("gitlab", self.gitlab.is_some()),
            ("gitea", self.gitea.is_some()),
            ("alertmanager", self.alertmanager.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, named)| named.then_some(name))
        .collect()
    }

    /// Of what it is told where it does not say: people of what they may have to act on, forges of how
    /// a commit fares, Alertmanager of what begins and ends.
    pub fn told_of(&self) -> BTreeSet<Trigger> {
        use Trigger::{
            Applied, Degraded, Drifted, Failed, Healthy, RolledBack, WaitingForApproval,
        };
        if !self.triggers.is_empty() {
            return self.triggers.clone();
        }
        let forge = self.github.is_some() || self.gitlab.is_some() || self.gitea.is_some();
        if forge {
            return [Applied, Healthy, Failed, Degraded, RolledBack, WaitingForApproval].into();
        }
        if self.alertmanager.is_some() {
            return [Healthy, Failed, Degraded, RolledBack].into();
        }
        [Failed, Degraded, Drifted, RolledBack, WaitingForApproval].into()
    }
}

impl Notifications {
    /// Whether each sink has a name of its own and one kind.
    pub fn check(&self) -> Result<(), SettingsError> {
        let mut names = BTreeSet::new();
        for sink in &self.sinks {
            if sink.name.is_empty() {
                return Err(sink.wrong("it needs a `name`"));
            }
            if !names.insert(&sink.name) {
                return Err(sink.wrong("another one has the same name"));
            }
            match sink.kinds().as_slice() {
                [_] => {}
                [] => return Err(sink.wrong("it names no kind: slack, teams, discord, webhook, email, github, gitlab, gitea or alertmanager")),
                several => {
                    return Err(sink.wrong(format!("it names several kinds: {}", several.join(", "))));
                }
            }
        }
        Ok(())
    }
}
