//! The service: requests with their faults, and watches that last.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{BoxStream, StreamExt};
use http::{Request, Response, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::time::Instant;
use tower_service::Service;

use super::ApiServer;
use super::answer::{Answer, Refusal};
use super::watch::Following;
use crate::faults::Fault;

/// A connection that broke, before or after the request was carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the connection was reset (simulated)")]
pub struct Broken;

/// How often a watch that asks for it is told how far it is.
const BOOKMARK: Duration = Duration::from_secs(60);

/// The content of an answer.
pub enum Body {
    /// Whole.
    Whole(Option<Bytes>),
    /// As it comes.
    Events(BoxStream<'static, Result<Bytes, Broken>>),
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Broken>>> {
        match &mut *self {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(http_body::Frame::data(b)))),
            Self::Events(events) => events.poll_next_unpin(context).map_ok(http_body::Frame::data),
        }
    }
}

impl<B> Service<Request<B>> for ApiServer
where
    B: http_body::Body + Send + 'static,
    B::Data: Send,
    B::Error: std::fmt::Debug,
{
    type Response = Response<Body>;
    type Error = Broken;
    type Future = BoxFuture<'static, Result<Response<Body>, Broken>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let server = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let Ok(content) = body.collect().await else { return Err(Broken) };
            server.answer(Request::from_parts(parts, content.to_bytes().into())).await
        })
    }
}

impl ApiServer {
    /// A crash of whoever asks can come before the request takes effect, and after it.
    async fn answer(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Broken> {
        let faults = &self.shared.faults;
        let pause = faults.draw(4);
        let fault = faults.step().await;
        tokio::time::sleep(Duration::from_millis(pause.into())).await;
        match fault {
            None => {}
            Some(Fault::Before) => return self.fail_before(request).await,
            Some(Fault::After) => {
                self.serve(&request);
                return self.fail_after().await;
            }
        }
        let answer = self.serve(&request);
        faults.step().await;
        Ok(self.respond(answer))
    }

    /// Nothing is done, and the answer says so or does not come. Sometimes it is not the request
    /// that fails: somebody else writes first.
    async fn fail_before(&self, request: Request<Vec<u8>>) -> Result<Response<Body>, Broken> {
        match self.shared.faults.draw(6) {
            0 => Err(Broken),
            1 => never().await,
            2 => Ok(self.refuse(500, "InternalError", "etcdserver: request timed out", None)),
            3 => Ok(self.refuse(503, "ServiceUnavailable", "apiserver is shutting down", None)),
            4 => {
                let message =
                    "the server has received too many requests and has asked us to try again later";
                Ok(self.refuse(429, "TooManyRequests", message, Some(1)))
            }
            _ => {
                self.meddle(&request);
                Ok(self.respond(self.serve(&request)))
            }
        }
    }

    async fn fail_after(&self) -> Result<Response<Body>, Broken> {
        match self.shared.faults.draw(3) {
            0 => Err(Broken),
            1 => never().await,
            _ => Ok(self.refuse(504, "Timeout", "the server was unable to return a response in the time allotted, but may still be processing the request", None)),
        }
    }

    /// A controller writes to the object that a request is about, so that its version changes.
    fn meddle(&self, request: &Request<Vec<u8>>) {
        let path = request.uri().path();
        let version = self.shared.version.borrow().to_string();
        let content =
            serde_json::json!({"metadata": {"annotations": {"example.com/seen": version}}});
        self.ask(&super::Ask {
            method: "PATCH",
            path: &format!("{path}?fieldManager=example-controller"),
            content_type: "merge",
            content: Some(content),
            agent: "example-controller",
        });
    }

    fn refuse(
        &self,
        code: u16,
        reason: &'static str,
        message: &str,
        retry_after: Option<u64>,
    ) -> Response<Body> {
        let mut response = self.respond(Refusal::new(code, reason, message).into());
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }

    fn respond(&self, answer: Answer) -> Response<Body> {
        let (code, kind, body) = match answer {
            Answer::Document(code, document) => {
                let bytes = Bytes::from(document.to_string());
                (code, "application/json", Body::Whole(Some(bytes)))
            }
            Answer::Text(code, text) => {
                (code, "text/plain", Body::Whole(Some(Bytes::from_static(text.as_bytes()))))
            }
            Answer::Watch(following) => {
                (200, "application/json", Body::Events(self.clone().follow(following)))
            }
        };
        let response = Response::builder().status(code).header(header::CONTENT_TYPE, kind);
        response.body(body).expect("status and header are well-formed")
    }

    fn follow(self, following: Following) -> BoxStream<'static, Result<Bytes, Broken>> {
        let until = Instant::now() + Duration::from_secs(following.lasts);
        let watch = Watch {
            version: self.shared.version.subscribe(),
            breaks: self.shared.breaks.subscribe(),
            server: self,
            following,
            until,
            ended: false,
        };
        futures::stream::unfold(watch, |mut watch| async move {
            let next = watch.next().await?;
            Some((next, watch))
        })
        .boxed()
    }
}

async fn never() -> ! {
    match std::future::pending::<Infallible>().await {}
}

struct Watch {
    server: ApiServer,
    following: Following,
    version: tokio::sync::watch::Receiver<u64>,
    breaks: tokio::sync::watch::Receiver<u64>,
    until: Instant,
    ended: bool,
}

impl Watch {
    async fn next(&mut self) -> Option<Result<Bytes, Broken>> {
        while !self.ended {
            self.version.mark_unchanged();
            let events = self.following.next(&self.server.lock().objects);
            match events {
                Ok(events) if events.is_empty() => {}
                Ok(events) => return Some(Ok(lines(&events))),
                Err(last) => {
                    self.ended = true;
                    return Some(Ok(lines(&[last])));
                }
            }
            let bookmark = (Instant::now() + BOOKMARK).min(self.until);
            tokio::select! {
                biased;
                _ = self.breaks.changed() => {
                    self.ended = true;
                    return Some(Err(Broken));
                }
                changed = self.version.changed() => if changed.is_err() { return None },
                () = tokio::time::sleep_until(bookmark) => {
                    self.ended = bookmark == self.until;
                    if self.following.bookmarks {
                        return Some(Ok(lines(&[self.following.bookmark()])));
                    }
                }
            }
            let lag =
                *self.server.shared.lag.lock().expect("no test panics while it holds the lag");
            if !lag.is_zero() {
                tokio::time::sleep(lag).await;
            }
        }
        None
    }
}

fn lines(events: &[Value]) -> Bytes {
    let mut text = String::new();
    for event in events {
        text.push_str(&event.to_string());
        text.push('\n');
    }
    Bytes::from(text)
}
