//! Listing a collection and following it, for as long as somebody takes it.
//!
//! It lists in pages, then follows; where the server forgot (410), or the connection broke, it lists
//! again. Objects are handed on one by one and dropped.

use std::pin::pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::StreamExt;
use http::{Request, header};
use kube::core::WatchEvent;
use serde_json::Value;
use tokio::time::timeout;

use crate::document;
use crate::target::Shared;
use crate::wire::{Ask, DEADLINE, escape};

const PAGE: usize = 500;
/// A server ends a watch after this many seconds; it is then resumed where it was.
const LASTS: u64 = 280;
/// A watch that tells nothing for so long, not even the bookmarks that servers send each minute, is
/// not relied on: its connection may be gone without a word.
const SILENCE: Duration = Duration::from_secs(100);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How a feed stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It does not follow: nothing can be relied on.
    Broken,
    /// It lists or follows, and has listed all.
    Live,
    /// It is not allowed.
    Forbidden,
}

/// Who takes a feed.
pub trait Taker: Send {
    /// A list begins: what it does not show is gone.
    fn begin(&mut self);
    /// An object is there.
    fn there(&mut self, shared: &Arc<Shared>, object: &Value);
    /// The list is complete, as of this version.
    fn listed(&mut self, shared: &Arc<Shared>, version: &str);
    /// An object is gone, or is not selected any more; this is how it was.
    fn gone(&mut self, shared: &Arc<Shared>, object: &Value);
    /// How the feed stands now.
    fn stands(&mut self, shared: &Arc<Shared>, state: State);
}

/// Why a feed stops following.
enum Ended {
    /// The server forgot where it was, or its connection broke: list again.
    Lost,
    /// It is not allowed.
    Forbidden,
    /// Nobody needs it any more.
    Dropped,
}

/// A collection that is followed.
pub struct Feed<T> {
    /// Of this cluster; it ends when that is dropped.
    pub shared: Weak<Shared>,
    /// Path of the collection.
    pub collection: String,
    /// A label selector, or nothing.
    pub selector: String,
    /// Whom to act as.
    pub user: Option<String>,
    /// Who takes it.
    pub taker: T,
}

impl<T: Taker> Feed<T> {
    /// Lists and follows until the cluster is dropped.
    pub async fn run(mut self) {
        let mut pause = FIRST_PAUSE;
        loop {
            let ended = match self.list().await {
                Ok(version) => {
                    pause = FIRST_PAUSE;
                    self.follow(version).await
                }
                Err(ended) => ended,
            };
            let Some(shared) = self.shared.upgrade() else { return };
            match ended {
                Ended::Dropped => return,
                Ended::Forbidden => self.taker.stands(&shared, State::Forbidden),
                Ended::Lost => self.taker.stands(&shared, State::Broken),
            }
            drop(shared);
            let wait = if matches!(ended, Ended::Forbidden) { LONGEST_PAUSE } else { pause };
            tokio::time::sleep(wait).await;
            pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
        }
    }

    fn path(&self, query: &str) -> String {
        format!("{}?labelSelector={}{query}", self.collection, escape(&self.selector))
    }

    /// Lists in pages; gives the version to follow from.
    async fn list(&mut self) -> Result<String, Ended> {
        self.taker.begin();
        let mut next = String::new();
        loop {
            let shared = self.shared.upgrade().ok_or(Ended::Dropped)?;
            let path = self.path(&format!("&limit={PAGE}&continue={}", escape(&next)));
            let ask = Ask::get(path).acting_as(self.user.clone());
            let answer = shared.wire.ask(&ask).await.map_err(|_| Ended::Lost)?;
            if !answer.succeeded() {
                return Err(if answer.code == 403 { Ended::Forbidden } else { Ended::Lost });
            }
            let items = answer.body.pointer("/items").and_then(Value::as_array);
            for object in items.into_iter().flatten() {
                self.taker.there(&shared, object);
            }
            next = document::metadata(&answer.body, "continue").to_owned();
            if next.is_empty() {
                let version = document::metadata(&answer.body, "resourceVersion").to_owned();
                self.taker.listed(&shared, &version);
                self.taker.stands(&shared, State::Live);
                return Ok(version);
            }
        }
    }

    /// Follows until it is lost. A connection that ends in time is resumed where it was.
    async fn follow(&mut self, mut version: String) -> Ended {
        loop {
            let Some(shared) = self.shared.upgrade() else { return Ended::Dropped };
            let client = shared.wire.client().await;
            drop(shared);
            let Ok(client) = client else { return Ended::Lost };
            let Ok(request) = self.request(&version) else { return Ended::Lost };
            let asked = timeout(DEADLINE, client.request_events::<Value>(request)).await;
            let Ok(Ok(events)) = asked else { return Ended::Lost };
            let mut events = pin!(events);
            let mut told = false;
            loop {
                let event = match timeout(SILENCE, events.next()).await {
                    Ok(Some(Ok(event))) => event,
                    Ok(None) => break,
                    Ok(Some(Err(_))) | Err(_) => return Ended::Lost,
                };
                let Some(shared) = self.shared.upgrade() else { return Ended::Dropped };
                match self.event(&shared, event) {
                    Some(seen) => version = seen,
                    None => return Ended::Lost,
                }
                told = true;
            }
            // A server tells at least bookmarks. One that says nothing and ends is not asked at once.
            if !told {
                return Ended::Lost;
            }
        }
    }

    fn request(&self, version: &str) -> http::Result<Request<Vec<u8>>> {
        let path = self.path(&format!(
            "&watch=true&allowWatchBookmarks=true&timeoutSeconds={LASTS}&resourceVersion={}",
            escape(version)
        ));
        let mut request = Request::get(path).header(header::ACCEPT, crate::wire::JSON);
        if let Some(user) = &self.user {
            request = request.header("Impersonate-User", user);
        }
        request.body(Vec::new())
    }

    /// Takes an event in; gives the version it brings the feed to. `None`: the server gave up.
    fn event(&mut self, shared: &Arc<Shared>, event: WatchEvent<Value>) -> Option<String> {
        let version = |object: &Value| document::metadata(object, "resourceVersion").to_owned();
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                self.taker.there(shared, &object);
                Some(version(&object))
            }
            WatchEvent::Deleted(object) => {
                self.taker.gone(shared, &object);
                Some(version(&object))
            }
            WatchEvent::Bookmark(mark) => Some(mark.metadata.resource_version),
            WatchEvent::Error(_) => None,
        }
    }
}
