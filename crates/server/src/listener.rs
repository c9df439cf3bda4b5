//! The HTTP listener: what it serves where, and its limits.
//!
//! Connections are served one by one with hyper rather than by a ready-made loop, because the limits
//! stand here: how many connections there may be, and how long one may take to say what it wants.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use trueup_controller::Operator;
use trueup_controller::metrics::Metrics;
use trueup_controller::secret::Secret;
use trueup_model::SourceSpec;

use crate::hooks::{self, Hooks};
use crate::{Listen, Webhooks, pages};

/// Connections at once; more wait to be accepted.
const CONNECTIONS_MAX: usize = 256;
/// How long a connection may take to send the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(10);
/// How long a request may take, its answer included.
const REQUEST_WITHIN: Duration = Duration::from_secs(120);
/// Plans that are made at once for those who ask over HTTP: each costs what a run costs.
const PLANS_AT_ONCE: usize = 2;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be listened at.
    #[error("{address} cannot be listened at (`listen.address`)")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
}

/// The HTTP listener of a controller.
pub struct HttpListener {
    listener: TcpListener,
    router: Router,
}

/// What every handler may use.
pub(crate) struct Shared {
    pub operator: Operator,
    pub metrics: Metrics,
    pub token: Option<Secret>,
    pub per_app: bool,
    pub metrics_authenticated: bool,
    pub plans: Semaphore,
    pub read: watch::Receiver<bool>,
    /// Set once and for all: an app that is added later does not make the controller unready.
    pub ready: AtomicBool,
    pub hooks: Hooks,
}

impl HttpListener {
    /// Listens where `listen` says; `None` where it names no address. `roots` are the sources that
    /// declare apps: a webhook may be about these too. `read` says whether they were read yet.
    pub async fn bind(
        listen: &Listen,
        webhooks: &Webhooks,
        operator: Operator,
        metrics: Metrics,
        roots: Vec<SourceSpec>,
        read: watch::Receiver<bool>,
    ) -> Result<Option<Self>, ListenError> {
        let Some(address) = listen.address else { return Ok(None) };
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ListenError::Bind { address, source })?;
        let hooks = Hooks::new(webhooks, operator.clone(), roots, metrics.clone());
        let shared = Shared {
            operator,
            metrics,
            token: listen.token.as_ref().map(Secret::new),
            per_app: listen.metrics.per_app,
            metrics_authenticated: listen.metrics.authenticated,
            plans: Semaphore::new(PLANS_AT_ONCE),
            read,
            ready: AtomicBool::new(false),
            hooks,
        };
        Ok(Some(Self { listener, router: router(Arc::new(shared)) }))
    }

    /// Where it listens: the port that was given where none was asked for.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Answers until the task is dropped.
    pub async fn serve(self) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(converse(stream, self.router.clone(), permit));
                }
                Err(error) => {
                    tracing::warn!(%error, "the HTTP listener failed to accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

async fn converse(stream: TcpStream, router: Router, _permit: OwnedSemaphorePermit) {
    let mut server = hyper::server::conn::http1::Builder::new();
    // A connection that may stay open without asking anything would take another one's place.
    server.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).keep_alive(false);
    let service = TowerToHyperService::new(router);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        tracing::debug!(%error, "a connection to the HTTP listener ended early");
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/healthz", get(pages::alive))
        .route("/readyz", get(pages::ready))
        .route("/metrics", get(pages::metrics))
        .route("/api/v1/openapi.json", get(pages::openapi))
        .route("/api/v1/apps", get(pages::apps))
        .route("/api/v1/apps/{app}", get(pages::app))
        .route("/api/v1/apps/{app}/plan", get(pages::plan))
        .route("/api/v1/apps/{app}/history", get(pages::app_history))
        .route("/api/v1/history", get(pages::history))
        .route("/hooks/{from}", post(hooks::receive))
        .fallback(pages::nothing_here)
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), bounded))
        .with_state(shared)
}

/// Counts each request, and ends those that take too long.
async fn bounded(
    State(shared): State<Arc<Shared>>,
    path: Option<MatchedPath>,
    request: Request,
    next: Next,
) -> Response {
    let answered = tokio::time::timeout(REQUEST_WITHIN, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| pages::too_late());
    let route = path.as_ref().map_or("other", MatchedPath::as_str);
    shared.metrics.served(route, response.status().as_u16());
    response
}

#[cfg(test)]
mod tests {
    /// What the OpenAPI document says is served is served, and nothing of the API is left out.
    #[test]
    fn the_api_is_documented() {
        let code = include_str!("listener.rs");
        let routed: Vec<&str> = code
            .lines()
            .filter_map(|line| line.trim().strip_prefix(".route(\"")?.split('"').next())
            .filter(|path| path.starts_with("/api/v1/") && !path.ends_with("openapi.json"))
            .collect();
        assert_eq!(routed, trueup_api::openapi::paths().collect::<Vec<_>>());
    }
}
