//! What is answered to a `GET`: health, metrics and the read-only API.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;
use trueup_api::{Failure, Reply, Request, VERSION};
use trueup_controller::metrics::MEDIA_TYPE;
use trueup_model::AppName;

use crate::listener::Shared;

/// Entries of the ledger that are given where no limit is asked for, and at most.
const ENTRIES: usize = 50;
const ENTRIES_MAX: usize = 1000;

type Site = State<Arc<Shared>>;

/// An answer that is not what was asked for.
pub(crate) fn failure(code: StatusCode, message: impl Into<String>) -> Response {
    let failure = Failure { api_version: VERSION.to_owned(), message: message.into() };
    let mut response = (code, Json(failure)).into_response();
    if code == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
    }
    response
}

/// The process answers: it lives.
pub(crate) async fn alive(State(shared): Site) -> Response {
    match shared.operator.signals.as_ref().is_some_and(|signals| signals.is_closed()) {
        true => failure(StatusCode::SERVICE_UNAVAILABLE, "the controller has ended"),
        false => (StatusCode::OK, "ok\n").into_response(),
    }
}

/// Every app that is declared was looked at since the start, whatever came of it.
pub(crate) async fn ready(State(shared): Site) -> Response {
    if !shared.ready.load(Ordering::Relaxed) {
        if let Err(why) = looked_at(&shared).await {
            return failure(StatusCode::SERVICE_UNAVAILABLE, why);
        }
        shared.ready.store(true, Ordering::Relaxed);
    }
    (StatusCode::OK, "ok\n").into_response()
}

async fn looked_at(shared: &Shared) -> Result<(), String> {
    if !*shared.read.borrow() {
        return Err("what declares the apps was not read yet".to_owned());
    }
    let subjects = shared.operator.subjects.read().await;
    let board = shared.operator.board.read().await;
    match subjects.keys().filter(|app| !board.contains_key(app)).count() {
        0 => Ok(()),
        left => Err(format!("{left} of {} apps were not looked at yet", subjects.len())),
    }
}

pub(crate) async fn metrics(State(shared): Site, headers: HeaderMap) -> Response {
    if shared.metrics_authenticated
        && let Err(refusal) = known(&shared, &headers).await
    {
        return refusal;
    }
    let board = shared.operator.board.read().await.clone();
    let text = shared.metrics.text(&board, shared.per_app);
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response()
}

/// What the API is, for whoever wants to know.
pub(crate) async fn openapi() -> Response {
    Json(trueup_api::openapi::document()).into_response()
}

pub(crate) async fn nothing_here() -> Response {
    failure(
        StatusCode::NOT_FOUND,
        "there is nothing here; /api/v1/openapi.json lists what there is",
    )
}

pub(crate) fn too_late() -> Response {
    failure(StatusCode::SERVICE_UNAVAILABLE, "it took too long")
}

pub(crate) async fn apps(State(shared): Site, headers: HeaderMap) -> Response {
    answer(&shared, &headers, Request::Status { app: None }).await
}

pub(crate) async fn app(
    State(shared): Site,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Response {
    match app_of(&shared, &headers, &name).await {
        Ok(app) => answer(&shared, &headers, Request::Status { app: Some(app) }).await,
        Err(refusal) => refusal,
    }
}

/// Parameters of a plan.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanQuery {
    revision: Option<String>,
}

pub(crate) async fn plan(
    State(shared): Site,
    headers: HeaderMap,
    Path(name): Path<String>,
    query: Result<Query<PlanQuery>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let app = match app_of(&shared, &headers, &name).await {
        Ok(app) => app,
        Err(refusal) => return refusal,
    };
    let Ok(Query(PlanQuery { revision })) = query else {
        return failure(StatusCode::BAD_REQUEST, "a plan takes `revision` and nothing else");
    };
    let Ok(_permit) = shared.plans.try_acquire() else {
        return failure(StatusCode::TOO_MANY_REQUESTS, "too many plans are being made; ask again");
    };
    answer(&shared, &headers, Request::Plan { app, revision }).await
}

/// Parameters of a history.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    limit: Option<usize>,
}

type Limit = Result<Query<HistoryQuery>, axum::extract::rejection::QueryRejection>;

pub(crate) async fn history(State(shared): Site, headers: HeaderMap, query: Limit) -> Response {
    match limit(query) {
        Ok(limit) => answer(&shared, &headers, Request::History { app: None, limit }).await,
        Err(refusal) => refusal,
    }
}

pub(crate) async fn app_history(
    State(shared): Site,
    headers: HeaderMap,
    Path(name): Path<String>,
    query: Limit,
) -> Response {
    let app = match app_of(&shared, &headers, &name).await {
        Ok(app) => app,
        Err(refusal) => return refusal,
    };
    match limit(query) {
        Ok(limit) => answer(&shared, &headers, Request::History { app: Some(app), limit }).await,
        Err(refusal) => refusal,
    }
}

fn limit(query: Limit) -> Result<usize, Response> {
    match query {
        Ok(Query(HistoryQuery { limit })) => match limit.unwrap_or(ENTRIES) {
            limit @ 1..=ENTRIES_MAX => Ok(limit),
            _ => Err(failure(StatusCode::BAD_REQUEST, "`limit` is from 1 to 1000")),
        },
        Err(_) => Err(failure(StatusCode::BAD_REQUEST, "a history takes `limit`, a number, only")),
    }
}

/// The app that is meant. Who may not ask does not learn which apps there are.
async fn app_of(shared: &Shared, headers: &HeaderMap, name: &str) -> Result<AppName, Response> {
    known(shared, headers).await?;
    let there = match AppName::new(name) {
        Ok(app) if shared.operator.subjects.read().await.contains_key(&app) => Some(app),
        _ => None,
    };
    there.ok_or_else(|| failure(StatusCode::NOT_FOUND, format!("there is no app {name}")))
}

async fn answer(shared: &Shared, headers: &HeaderMap, request: Request) -> Response {
    if let Err(refusal) = known(shared, headers).await {
        return refusal;
    }
    match shared.operator.answer(request).await {
        Reply::Status(list) => json(&list),
        Reply::Plan(report) | Reply::Changed(report) => json(&report),
        Reply::History(list) => json(&list),
        Reply::Why(report) => json(&report),
        Reply::Failed { message } | Reply::Done { message } => {
            failure(StatusCode::INTERNAL_SERVER_ERROR, message)
        }
    }
}

fn json(value: &impl Serialize) -> Response {
    Json(value).into_response()
}

/// Whether whoever asks has the token.
async fn known(shared: &Shared, headers: &HeaderMap) -> Result<(), Response> {
    let Some(token) = &shared.token else {
        let why = "nobody may read this: no token is configured (`listen.token`)";
        return Err(failure(StatusCode::UNAUTHORIZED, why));
    };
    let token = token.read().await.map_err(|error| {
        tracing::warn!(%error, "the token of the API cannot be read");
        failure(StatusCode::INTERNAL_SERVER_ERROR, "the controller cannot read its token")
    })?;
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
        return Ok(());
    }
    Err(failure(StatusCode::UNAUTHORIZED, "this needs the token: `Authorization: Bearer ...`"))
}
