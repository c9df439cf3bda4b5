//! What changes on the machine while nobody asks: files by inotify, processes by the events of
//! their shims. Nothing is polled, but for what cannot be watched: then that is said in the log,
//! and the whole app is looked at every minute.
//!
//! Changes are gathered for a moment and told once an app. A change of a file that leaves it just
//! as it was noted (our own write, above all) is not told.

mod folders;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio::sync::{Notify, broadcast};
use tokio::task::JoinSet;
use trueup_model::ports::{Change, Changes};
use trueup_model::{AppName, Resource, ResourceId};

use crate::app::App;
use crate::shim::client::{Events, last_words};
use crate::shim::protocol::Phase;
use folders::WatchedFolders;

/// Changes are gathered for so long: a program that writes three files is one change.
const GATHER: Duration = Duration::from_millis(10);

/// What is being written by us right now is looked at again after so long.
const WHILE_WRITING: Duration = Duration::from_millis(50);

/// What cannot be watched is looked at so often.
const FULL_CHECK: Duration = Duration::from_secs(60);

/// So many changes wait for a slow listener; one that misses some is told to look at all.
const WAITING: usize = 1024;

/// Watches the machine, until it is dropped.
pub struct Watch {
    inner: Arc<Inner>,
    tasks: Mutex<JoinSet<()>>,
}

struct Inner {
    told: broadcast::Sender<Change>,
    pending: Mutex<BTreeMap<AppName, Pending>>,
    wake: Notify,
    folders: WatchedFolders,
    /// Shims that are listened to, by app and file name.
    shims: Mutex<HashSet<(AppName, String)>>,
    apps: Mutex<HashMap<AppName, Arc<App>>>,
}

/// What is to be told of an app: single resources, or "look at everything".
#[derive(Debug, Default)]
struct Pending {
    ids: BTreeSet<ResourceId>,
    all: bool,
}

impl Watch {
    /// Starts watching; nothing is watched yet.
    pub fn start() -> Self {
        let (told, _) = broadcast::channel(WAITING);
        let inner = Arc::new(Inner {
            told,
            pending: Mutex::default(),
            wake: Notify::new(),
            folders: WatchedFolders::new(),
            shims: Mutex::default(),
            apps: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(tell(inner.clone()));
        tasks.spawn(hear_folders(inner.clone()));
        tasks.spawn(check_unwatched(inner.clone()));
        Self { inner, tasks: Mutex::new(tasks) }
    }

    /// Watches the files and folders of an app, instead of those it had before.
    pub fn app<'a>(&self, app: &Arc<App>, resources: impl Iterator<Item = &'a Resource>) {
        lock(&self.inner.apps).insert(app.name.clone(), app.clone());
        self.inner.folders.watch(app, resources);
    }

    /// Listens to those shims of an app that are not listened to yet.
    pub fn shims(&self, app: &Arc<App>) {
        let files = std::fs::read_dir(app.layout.run()).into_iter().flatten().flatten();
        let mut tasks = lock(&self.tasks);
        while tasks.try_join_next().is_some() {}
        for file in files {
            let name = file.file_name().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".sock") else { continue };
            let key = (app.name.clone(), stem.to_owned());
            if lock(&self.inner.shims).insert(key.clone()) {
                tasks.spawn(hear_shim(self.inner.clone(), app.clone(), key));
            }
        }
    }

    /// Stops watching for an app.
    pub fn forget(&self, app: &AppName) {
        self.inner.folders.forget(app);
        lock(&self.inner.apps).remove(app);
        lock(&self.inner.pending).remove(app);
    }

    /// Changes from now on.
    pub fn changes(&self) -> Changes {
        let receiver = self.inner.told.subscribe();
        let inner = self.inner.clone();
        Box::pin(changes_of(receiver, inner).flat_map(futures::stream::iter))
    }
}

/// One that listens too slowly has missed changes: it is told to look at every app.
fn changes_of(
    receiver: broadcast::Receiver<Change>,
    inner: Arc<Inner>,
) -> impl Stream<Item = Vec<Change>> {
    futures::stream::unfold((receiver, inner), |(mut receiver, inner)| async move {
        let changes = match receiver.recv().await {
            Ok(change) => vec![change],
            Err(broadcast::error::RecvError::Closed) => return None,
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let apps: Vec<AppName> = lock(&inner.apps).keys().cloned().collect();
                apps.into_iter().map(|app| Change { app, id: None }).collect()
            }
        };
        Some((changes, (receiver, inner)))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    fn note(&self, app: &AppName, id: Option<ResourceId>) {
        let mut pending = lock(&self.pending);
        let of_app = pending.entry(app.clone()).or_default();
        match id {
            Some(id) => {
                of_app.ids.insert(id);
            }
            None => of_app.all = true,
        }
        self.wake.notify_one();
    }

    fn note_all(&self) {
        let apps: Vec<AppName> = lock(&self.apps).keys().cloned().collect();
        for app in apps {
            self.note(&app, None);
        }
    }

    /// Tells what is pending and not just our own doing. Answers whether something is being written
    /// right now, and is to be looked at again.
    fn tell_pending(&self) -> bool {
        let pending = std::mem::take(&mut *lock(&self.pending));
        let mut again = false;
        for (name, of_app) in pending {
            let app = lock(&self.apps).get(&name).cloned();
            let mut changed: Vec<ResourceId> = Vec::new();
            for id in of_app.ids {
                match app.as_deref().map_or(Seen::Changed, |app| folders::seen(app, &id)) {
                    Seen::Changed => changed.push(id),
                    Seen::AsNoted => {}
                    Seen::BeingWritten => {
                        again = true;
                        lock(&self.pending).entry(name.clone()).or_default().ids.insert(id);
                    }
                }
            }
            if of_app.all || !changed.is_empty() {
                let one = (!of_app.all && changed.len() == 1).then(|| changed.swap_remove(0));
                // Nobody may be listening.
                let _ = self.told.send(Change { app: name, id: one });
            }
        }
        again
    }
}

/// How a resource looks, beside what was noted of it.
enum Seen {
    Changed,
    AsNoted,
    BeingWritten,
}

async fn tell(inner: Arc<Inner>) {
    loop {
        inner.wake.notified().await;
        tokio::time::sleep(GATHER).await;
        while inner.tell_pending() {
            tokio::time::sleep(WHILE_WRITING).await;
        }
    }
}

async fn hear_folders(inner: Arc<Inner>) {
    let Some(mut events) = inner.folders.events() else { return };
    while let Some(heard) = events.next().await {
        match heard {
            folders::Heard::Overflow => {
                tracing::warn!(
                    "more files changed at once than the system tells (fs.inotify.max_queued_events); \
                     every app is looked at in full"
                );
                inner.note_all();
            }
            folders::Heard::Changed(resources) => {
                for (app, id) in resources {
                    inner.note(&app, Some(id));
                }
            }
        }
    }
}

async fn check_unwatched(inner: Arc<Inner>) {
    let mut every = tokio::time::interval(FULL_CHECK);
    loop {
        every.tick().await;
        for app in inner.folders.unwatched() {
            inner.note(&app, None);
        }
    }
}

async fn hear_shim(inner: Arc<Inner>, app: Arc<App>, key: (AppName, String)) {
    let id = id_of(&app, &key.1);
    if let Some(id) = &id
        && let Ok(mut events) = Events::of(&app.layout.run(), id).await
    {
        // The first report is news too: it may differ from what was last looked at.
        while let Some(report) = events.next().await {
            if matches!(report.status.phase, Phase::Ready | Phase::Running) {
                remove_old_releases(app.clone()).await;
            }
            inner.note(&app.name, Some(id.clone()));
        }
    }
    lock(&inner.shims).remove(&key);
    // Also that a shim is gone is a change.
    inner.note(&app.name, id);
}

/// A new shim binds its socket a moment before it first writes of itself; by the time it is listened
/// to it has.
fn id_of(app: &App, stem: &str) -> Option<ResourceId> {
    let (kind, name) = stem.split_once('-')?;
    let id = ResourceId::new(trueup_model::kinds::HOST_GROUP, kind, "", name);
    Some(last_words(&app.layout.run(), &id).map_or(id, |report| report.about.id))
}

/// What ran from an old release now runs from the new one.
async fn remove_old_releases(app: Arc<App>) {
    let removed = tokio::task::spawn_blocking(move || {
        let kept: Vec<(String, Vec<trueup_model::Digest>)> = app
            .book()
            .entries()
            .iter()
            .filter(|(id, entry)| id.kind == "Directory" && !entry.intended)
            .map(|(id, entry)| (id.name.clone(), entry.releases.clone()))
            .collect();
        for (name, releases) in kept {
            if let Err(error) = crate::directory::remove_old(&app, &name, &releases) {
                tracing::warn!(app = %app.name, "old releases of {name} stay: {error}");
            }
        }
    });
    let _ = removed.await;
}
