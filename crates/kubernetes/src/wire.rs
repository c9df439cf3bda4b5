//! One request: its path, its limits, and what is tried again.

use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, header};
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::sync::{RwLock, Semaphore};
use tracing::field::Empty;
use tracing::{Instrument as _, info_span};

use crate::connect::Connection;
use crate::status::Answer;

/// Documents in full.
pub const JSON: &str = "application/json";
/// Requests in flight at most; the server's priority and fairness does the rest.
const IN_FLIGHT: usize = 32;
/// How long one request may take. Longer than the API server's own limit for webhooks (30 s).
pub const DEADLINE: Duration = Duration::from_secs(35);
/// How often a request is sent that the server refuses as too many, or a read that got no answer.
const TRIES: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// A server that names no time, or an absurd one, is asked again after at most this long.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a request has no answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing was received.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// Too long.
    #[error("the API server did not answer within {} s", DEADLINE.as_secs())]
    Late,
    /// There is no way to a cluster.
    #[error("{0}")]
    NotConnected(String),
    /// The request cannot be put as one.
    #[error("the request cannot be made: {0}")]
    Unsendable(String),
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Ask {
    /// HTTP method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Content type and content.
    pub content: Option<(&'static str, Value)>,
    /// The service account to act as.
    pub impersonate: Option<String>,
    /// In which form the answer is wanted.
    pub accept: &'static str,
}

impl Ask {
    /// A read.
    pub fn get(path: String) -> Self {
        Self { method: Method::GET, path, content: None, impersonate: None, accept: JSON }
    }

    /// A request with content.
    pub fn with(method: Method, path: String, kind: &'static str, content: Value) -> Self {
        let content = Some((kind, content));
        Self { method, path, content, impersonate: None, accept: JSON }
    }

    /// Answered in this form.
    pub fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// Done as this user.
    pub fn acting_as(mut self, user: Option<String>) -> Self {
        self.impersonate = user;
        self
    }
}

/// The way to an API server: opened when it is first needed, and again when the credentials it was
/// opened with are refused, for the kubeconfig may hold newer ones by then.
pub struct Wire {
    way: Way,
    client: RwLock<Option<Client>>,
    permits: Arc<Semaphore>,
}

enum Way {
    To(Connection),
    Over(Client),
}

impl Way {
    async fn open(&self) -> Result<Client, NoAnswer> {
        match self {
            Self::To(connection) => {
                connection.open().await.map_err(|error| NoAnswer::NotConnected(chain(&error)))
            }
            Self::Over(client) => Ok(client.clone()),
        }
    }
}

impl Wire {
    /// To this cluster.
    pub fn new(connection: Connection) -> Self {
        Self::by(Way::To(connection))
    }

    /// Over a client that is open.
    pub fn over(client: Client) -> Self {
        Self::by(Way::Over(client))
    }

    fn by(way: Way) -> Self {
        let permits = Arc::new(Semaphore::new(IN_FLIGHT));
        Self { way, client: RwLock::new(None), permits }
    }

    /// The client, for watches: they are not counted.
    pub async fn client(&self) -> Result<Client, NoAnswer> {
        if let Some(client) = &*self.client.read().await {
            return Ok(client.clone());
        }
        let client = self.way.open().await?;
        *self.client.write().await = Some(client.clone());
        Ok(client)
    }

    /// Asks. `Too many requests` is waited for and asked again, for it was not carried out; so is a
    /// read without an answer. A write without an answer may have been carried out: whoever asked
    /// must look.
    pub async fn ask(&self, ask: &Ask) -> Result<Answer, NoAnswer> {
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..TRIES).rev() {
            let (result, wait) = self.once(ask).await;
            let again = match &result {
                Ok(answer) => answer.code == 429,
                Err(NoAnswer::Unreachable(_)) => ask.method == Method::GET,
                Err(_) => false,
            };
            if !again || tries_left == 0 {
                return result;
            }
            // Narrows what is in flight while the server is overwhelmed.
            let half = self.permits.available_permits() / 2;
            let _held = self.permits.try_acquire_many(u32::try_from(half).unwrap_or(0));
            tokio::time::sleep(wait.unwrap_or(pause).min(LONGEST_PAUSE)).await;
            pause = pause.saturating_mul(2);
        }
        Err(NoAnswer::Late)
    }

    async fn once(&self, ask: &Ask) -> (Result<Answer, NoAnswer>, Option<Duration>) {
        let request = match request(ask) {
            Ok(request) => request,
            Err(error) => return (Err(NoAnswer::Unsendable(error.to_string())), None),
        };
        let client = match self.client().await {
            Ok(client) => client,
            Err(error) => return (Err(error), None),
        };
        let Ok(_permit) = self.permits.acquire().await else {
            return (Err(NoAnswer::Unreachable("it is shut down".to_owned())), None);
        };
        let span = info_span!("api", verb = ask.method.as_str(), code = Empty);
        let exchange = exchange(&client, request).instrument(span.clone());
        match tokio::time::timeout(DEADLINE, exchange).await {
            Err(_) => (Err(NoAnswer::Late), None),
            Ok(Err(error)) => (Err(NoAnswer::Unreachable(chain(&error))), None),
            Ok(Ok((answer, wait))) => {
                span.record("code", answer.code);
                if answer.code == 401 {
                    *self.client.write().await = None;
                }
                (Ok(answer), wait)
            }
        }
    }
}

/// One exchange; with how long the server asks to wait, if it does.
async fn exchange(
    client: &Client,
    request: Request<Body>,
) -> Result<(Answer, Option<Duration>), kube::Error> {
    let response = client.send(request).await?;
    let code = response.status().as_u16();
    let seconds = response.headers().get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
    let bytes = response.into_body().collect_bytes().await?;
    let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
    let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
    Ok((Answer { code, body }, seconds.map(Duration::from_secs)))
}

fn request(ask: &Ask) -> Result<Request<Body>, http::Error> {
    let mut builder = Request::builder().method(ask.method.clone()).uri(&ask.path);
    if let Some(user) = &ask.impersonate {
        builder = builder.header("Impersonate-User", user);
    }
    builder = builder.header(header::ACCEPT, ask.accept);
    match &ask.content {
        None => builder.body(Body::empty()),
        Some((kind, content)) => builder
            .header(header::CONTENT_TYPE, *kind)
            .body(Body::from(content.to_string().into_bytes())),
    }
}

/// An error with its causes in one line, each said once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !text.contains(&message) {
            text.push_str(&format!(": {message}"));
        }
        source = cause.source();
    }
    text
}

/// A part of a path or query, with everything escaped that is not plain (RFC 3986, unreserved).
pub fn escape(part: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:".contains(byte);
    part.bytes()
        .map(|byte| if plain(&byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
