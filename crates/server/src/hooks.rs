//! Webhooks: a forge says that a repository has something new.
//!
//! A webhook brings nothing but the name of a repository: what is applied is what Git says when it is
//! asked. So the worst that a forged one could do is to make us ask, and that is what is guarded:
//!
//! - **genuine**: the signature (or token) is checked in constant time, before the body is parsed;
//! - **once**: a delivery that was taken is not taken again ([`seen`]); where the sender signs a time,
//!   an old one is refused;
//! - **bounded**: bodies, how many are read at once, and how long that may take;
//! - **coalesced**: however many come, a repository is asked a few times a second at most ([`ring`]).
//!
//! Each forge is a file of pure functions from headers and body to what was meant.

mod bitbucket;
mod generic;
mod gitea;
mod github;
mod gitlab;
mod ring;
mod seen;
mod signature;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};
use trueup_controller::Operator;
use trueup_controller::metrics::Metrics;
use trueup_controller::secret::Secret;
use trueup_model::SourceSpec;
use trueup_model::source::repository_key;

use crate::Webhooks;
use crate::listener::Shared;
use crate::pages::failure;
use ring::Ring;
use seen::Seen;

/// Largest body. A push of 2,048 commits, more than which no forge lists, has about half of that.
const BODY_MAX: usize = 4 << 20;
/// Bodies that are read at once.
const BODIES_AT_ONCE: usize = 8;
/// How long a body may take to arrive.
const BODY_WITHIN: Duration = Duration::from_secs(10);
/// More URLs than any forge names a repository by.
const URLS_MAX: usize = 32;

/// A delivery that is genuine: by what it is recognised when it comes again.
#[derive(Debug, PartialEq, Eq)]
struct Genuine {
    marks: Vec<String>,
}

/// Why a delivery is not taken.
#[derive(Debug, PartialEq, Eq)]
enum Refusal {
    /// It is not signed, or not by the secret.
    Unsigned(&'static str),
    /// It is signed, but old.
    Old,
    /// It is genuine and cannot be understood.
    Malformed(String),
}

/// What a delivery means.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// The forge tries whether we are there.
    Ping,
    /// A repository, by all its URLs, has something new.
    News(Vec<String>),
    /// Something that is of no interest.
    Other(String),
}

/// Whether a delivery is genuine, by the secret, its headers, its body and the time.
type Verify = fn(&[u8], &HeaderMap, &[u8], Timestamp) -> Result<Genuine, Refusal>;

/// A forge: how its deliveries are checked and understood.
struct Forge {
    name: &'static str,
    verify: Verify,
    read: fn(&HeaderMap, &Value) -> Result<Meaning, Refusal>,
}

const FORGES: &[Forge] =
    &[github::FORGE, gitlab::FORGE, gitea::FORGE, bitbucket::FORGE, generic::FORGE];

/// Takes webhooks in.
pub(crate) struct Hooks {
    secrets: Vec<(&'static str, Secret)>,
    operator: Operator,
    roots: Vec<SourceSpec>,
    metrics: Metrics,
    room: Semaphore,
    seen: Mutex<Seen>,
    ring: Ring,
}

impl Hooks {
    /// With these secrets.
    pub(crate) fn new(
        settings: &Webhooks,
        operator: Operator,
        roots: Vec<SourceSpec>,
        metrics: Metrics,
    ) -> Self {
        let given = [
            (github::FORGE.name, &settings.github),
            (gitlab::FORGE.name, &settings.gitlab),
            (gitea::FORGE.name, &settings.gitea),
            (bitbucket::FORGE.name, &settings.bitbucket),
            (generic::FORGE.name, &settings.generic),
        ];
        let secrets = given
            .into_iter()
            .filter_map(|(name, from)| Some((name, Secret::new(from.as_ref()?))))
            .collect();
        let ring = Ring::new(operator.signals.clone());
        let seen = Mutex::new(Seen::default());
        Self { secrets, operator, roots, metrics, room: Semaphore::new(BODIES_AT_ONCE), seen, ring }
    }

    fn configured(&self, name: &str) -> Option<(&'static Forge, &Secret)> {
        let forge = FORGES.iter().find(|forge| forge.name == name)?;
        let (_, secret) = self.secrets.iter().find(|(of, _)| *of == forge.name)?;
        Some((forge, secret))
    }

    /// Answers a delivery, and says in a word what became of it.
    async fn take(
        &self,
        forge: &Forge,
        secret: &Secret,
        headers: &HeaderMap,
        body: Body,
    ) -> (&'static str, Response) {
        let body = match self.body(body).await {
            Ok(body) => body,
            Err(response) => return ("malformed", response),
        };
        let secret = match secret.read().await {
            Ok(secret) => secret,
            Err(error) => {
                tracing::warn!(%error, forge = forge.name, "a webhook cannot be checked");
                let why = "the controller cannot read the secret of this webhook";
                return ("failed", failure(StatusCode::INTERNAL_SERVER_ERROR, why));
            }
        };
        match self.understand(forge, secret.as_bytes(), headers, &body).await {
            Ok(Meaning::Ping) => ("ping", (StatusCode::OK, "pong\n").into_response()),
            Ok(Meaning::Other(what)) => {
                ("ignored", accepted(&format!("{what} is of no interest"), 0))
            }
            Ok(Meaning::News(urls)) => {
                let asked = self.ask(&urls).await;
                let word = if asked == 0 { "ignored" } else { "taken" };
                let said = if asked == 0 { "no app uses this repository" } else { "it is asked" };
                (word, accepted(said, asked))
            }
            Err((word, response)) => (word, response),
        }
    }

    async fn body(&self, body: Body) -> Result<axum::body::Bytes, Response> {
        let Ok(_permit) = self.room.acquire().await else {
            return Err(failure(StatusCode::SERVICE_UNAVAILABLE, "the controller ends"));
        };
        match tokio::time::timeout(BODY_WITHIN, to_bytes(body, BODY_MAX)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(_)) => {
                let why = format!("the body is cut off, or larger than {} MiB", BODY_MAX >> 20);
                Err(failure(StatusCode::PAYLOAD_TOO_LARGE, why))
            }
            Err(_) => Err(failure(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time")),
        }
    }

    async fn understand(
        &self,
        forge: &Forge,
        secret: &[u8],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<Meaning, (&'static str, Response)> {
        let now = Timestamp::now();
        let genuine = (forge.verify)(secret, headers, body, now).map_err(refuse)?;
        if !self.seen.lock().await.take(&genuine.marks, now) {
            let why = "this delivery was taken before";
            return Err(("replayed", failure(StatusCode::CONFLICT, why)));
        }
        let value: Value = signature::json(headers, body).map_err(refuse)?;
        (forge.read)(headers, &value).map_err(refuse)
    }

    /// Asks every repository that one of the URLs names, or that is named just so, and that an app or
    /// a root uses; says how many.
    async fn ask(&self, urls: &[String]) -> usize {
        let keys: BTreeSet<String> =
            urls.iter().take(URLS_MAX).filter_map(|url| repository_key(url)).collect();
        let subjects = self.operator.subjects.read().await;
        let used = subjects.values().map(|subject| subject.source()).chain(&self.roots);
        let is_meant = |repo: &String| {
            urls.contains(repo) || repository_key(repo).is_some_and(|key| keys.contains(&key))
        };
        let repos: BTreeSet<String> =
            used.map(|source| &source.repo).filter(|repo| is_meant(repo)).cloned().collect();
        drop(subjects);
        let asked = repos.len();
        self.ring.ring(repos);
        asked
    }
}

/// Takes a delivery in: the answer comes at once, what follows from it later.
pub(crate) async fn receive(
    State(shared): State<Arc<Shared>>,
    Path(from): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Some((forge, secret)) = shared.hooks.configured(&from) else {
        let why = format!("webhooks of `{from}` are not configured (`webhooks`)");
        return failure(StatusCode::NOT_FOUND, why);
    };
    let (word, response) = shared.hooks.take(forge, secret, &headers, body).await;
    tracing::debug!(forge = forge.name, word, "a webhook");
    shared.hooks.metrics.hooked(forge.name, word);
    response
}

fn accepted(said: &str, repositories: usize) -> Response {
    let answer = json!({ "message": said, "repositories": repositories });
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

fn refuse(refusal: Refusal) -> (&'static str, Response) {
    match refusal {
        Refusal::Unsigned(why) => ("unsigned", failure(StatusCode::UNAUTHORIZED, why)),
        Refusal::Old => {
            let why = "the delivery is too old, or the clocks differ";
            ("replayed", failure(StatusCode::CONFLICT, why))
        }
        Refusal::Malformed(why) => ("malformed", failure(StatusCode::BAD_REQUEST, why)),
    }
}

/// The texts at these paths, those that are there.
fn texts(value: &Value, pointers: &[&str]) -> Vec<String> {
    let text = |pointer: &&str| value.pointer(pointer)?.as_str().map(str::to_owned);
    pointers.iter().filter_map(text).collect()
}

/// News of the repository that these URLs name; malformed without any.
fn news(urls: Vec<String>) -> Result<Meaning, Refusal> {
    match urls.is_empty() {
        true => Err(Refusal::Malformed("the delivery names no repository".to_owned())),
        false => Ok(Meaning::News(urls)),
    }
}
