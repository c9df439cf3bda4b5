//! A sink: where a message goes, and what came of sending it.

use std::sync::Arc;
use std::time::Duration;

use trueup_http::{Client, Proxy, Request};

use super::settings::{SettingsError, SinkSettings};
use super::{Occasion, alertmanager, discord, email, forge, slack, teams, webhook};
use crate::secret::{Secret, SecretError};

/// How long a server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// More of an answer than is ever shown.
const ANSWER_MAX: u64 = 64 << 10;
/// So much of a refusal is shown.
const SHOWN: usize = 200;

/// Why a message did not arrive. It holds no secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct SendError {
    /// What went wrong.
    pub message: String,
    /// Whether trying again is pointless.
    pub permanent: bool,
    /// How long the server asks to wait.
    pub after: Option<Duration>,
}

impl SendError {
    /// One that only a change of the configuration can mend.
    pub fn permanent(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: true, after: None }
    }

    /// One that may pass.
    pub fn passing(message: impl Into<String>) -> Self {
        Self { message: message.into(), permanent: false, after: None }
    }
}

impl From<SecretError> for SendError {
    fn from(error: SecretError) -> Self {
        Self::passing(error.to_string())
    }
}

/// A sink of any kind.
pub struct Sink {
    name: String,
    kind: Kind,
}

enum Kind {
    Slack(slack::Slack),
    Teams(teams::Teams),
    Discord(discord::Discord),
    Webhook(Box<webhook::Webhook>),
    Email(email::Email),
    Forge(forge::Forge),
    Alertmanager(alertmanager::Alertmanager),
}

impl Sink {
    /// As configured. The settings were checked: exactly one kind is named.
    pub fn new(settings: &SinkSettings) -> Result<Self, SettingsError> {
        let wire = Wire::new().map_err(|error| settings.wrong(error.to_string()))?;
        let wrong = |why: String| settings.wrong(why);
        let kind = if let Some(slack) = &settings.slack {
            Kind::Slack(slack::Slack::new(slack, wire).map_err(wrong)?)
        } else if let Some(hook) = &settings.teams {
            Kind::Teams(teams::Teams::new(hook, wire))
        } else if let Some(hook) = &settings.discord {
            Kind::Discord(discord::Discord::new(hook, wire))
        } else if let Some(hook) = &settings.webhook {
            Kind::Webhook(Box::new(webhook::Webhook::new(hook, wire).map_err(wrong)?))
        } else if let Some(email) = &settings.email {
            Kind::Email(email::Email::new(email).map_err(wrong)?)
        } else if let Some(github) = &settings.github {
            Kind::Forge(forge::Forge::new(forge::Kind::GitHub, github, wire).map_err(wrong)?)
        } else if let Some(gitlab) = &settings.gitlab {
            Kind::Forge(forge::Forge::new(forge::Kind::GitLab, gitlab, wire).map_err(wrong)?)
        } else if let Some(gitea) = &settings.gitea {
            Kind::Forge(forge::Forge::new(forge::Kind::Gitea, gitea, wire).map_err(wrong)?)
        } else if let Some(manager) = &settings.alertmanager {
            Kind::Alertmanager(alertmanager::Alertmanager::new(manager, wire))
        } else {
            return Err(settings.wrong("it names no kind"));
        };
        Ok(Self { name: settings.name.clone(), kind })
    }

    /// What it is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sends a message, once.
    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        match &self.kind {
            Kind::Slack(slack) => slack.send(occasion).await,
            Kind::Teams(teams) => teams.send(occasion).await,
            Kind::Discord(discord) => discord.send(occasion).await,
            Kind::Webhook(webhook) => webhook.send(occasion).await,
            Kind::Email(email) => email.send(occasion).await,
            Kind::Forge(forge) => forge.send(occasion).await,
            Kind::Alertmanager(manager) => manager.send(occasion).await,
        }
    }
}

/// The way to a sink that speaks HTTP.
#[derive(Clone)]
pub struct Wire {
    client: Client,
}

impl Wire {
    /// With deadlines that suit a message.
    pub fn new() -> Result<Self, trueup_http::HttpError> {
        let settings = trueup_http::Settings {
            proxy: Proxy::Environment,
            answer_within: ANSWER_WITHIN,
            largest_answer: ANSWER_MAX,
            ..trueup_http::Settings::default()
        };
        Ok(Self { client: Client::new(&settings)? })
    }

    /// Asks; gives the body of a success. `secrets` are hidden in what a failure says.
    pub async fn ask(&self, request: Request, secrets: &[Arc<str>]) -> Result<Vec<u8>, SendError> {
        let answer = self.client.send(&request).await;
        let answer =
            answer.map_err(|error| SendError::passing(hidden(&error.to_string(), secrets)))?;
        let (status, success) = (answer.status(), answer.is_success());
        let after = answer.header("retry-after").and_then(|seconds| seconds.parse().ok());
        let body = answer.bytes().await.unwrap_or_default();
        if success {
            return Ok(body);
        }
        let said: String = String::from_utf8_lossy(&body).trim().chars().take(SHOWN).collect();
        let message = format!("the server answered {status}: {said}");
        Err(SendError {
            message: hidden(message.trim_end_matches([':', ' ']), secrets),
            permanent: (400..500).contains(&status) && !matches!(status, 408 | 425 | 429),
            after: after.map(Duration::from_secs),
        })
    }
}

/// A text without any of the secrets in it, nor the part of a secret URL that follows its host.
fn hidden(text: &str, secrets: &[Arc<str>]) -> String {
    let mut text = text.to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(&**secret, "(not shown)");
        if let Ok(url) = url::Url::parse(secret)
            && url.path().len() > 1
        {
            text = text.replace(url.as_str(), "(not shown)").replace(url.path(), "/(not shown)");
        }
    }
    text
}

/// A request with a JSON body.
pub fn post(url: &str, body: &serde_json::Value) -> Request {
    Request {
        method: trueup_http::Method::POST,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: body.to_string().into_bytes(),
        ..Request::get(url)
    }
}

/// A secret that need not be there.
pub async fn read(secret: Option<&Secret>) -> Result<Option<Arc<str>>, SendError> {
    match secret {
        Some(secret) => Ok(Some(secret.read().await?)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_whole_and_as_paths() {
        let secrets: [Arc<str>; 2] = ["https://hooks.example.com/T1/B2/xyz".into(), "tok".into()];
        assert_eq!(
            hidden("https://hooks.example.com/T1/B2/xyz: no; see /T1/B2/xyz with tok", &secrets),
            "(not shown): no; see /(not shown) with (not shown)"
        );
    }
}
