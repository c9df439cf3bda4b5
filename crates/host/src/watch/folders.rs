//! Folders by inotify.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use futures::Stream;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
use tokio::io::unix::AsyncFd;
use trueup_model::{AppName, Resource, ResourceId};

use super::{Seen, lock};
use crate::app::App;
use crate::book::Signature;
use crate::readiness::waitable;

/// Folders that are watched, and for whom.
pub struct WatchedFolders {
    fd: Option<Arc<AsyncFd<OwnedFd>>>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    folders: HashMap<i32, Watched>,
    by_path: HashMap<PathBuf, i32>,
    /// What each app has registered, so that an unchanged app costs nothing.
    registered: HashMap<AppName, u64>,
    /// Apps of which not all can be watched.
    unwatched: BTreeSet<AppName>,
}

#[derive(Default)]
struct Watched {
    path: PathBuf,
    /// Who has something of this name in it.
    names: HashMap<String, Vec<(AppName, ResourceId)>>,
    /// Whose release it is a part of.
    whole: Vec<(AppName, ResourceId)>,
}

/// For which changes in a folder somebody is told.
enum Interest {
    Name(String),
    Whole,
}

/// What was heard.
pub enum Heard {
    /// These may have changed.
    Changed(Vec<(AppName, ResourceId)>),
    /// Something was not heard.
    Overflow,
}

impl WatchedFolders {
    /// None yet.
    pub fn new() -> Self {
        let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
        let fd = inotify::init(flags).map_err(std::io::Error::from).and_then(waitable);
        if let Err(error) = &fd {
            tracing::warn!(
                "files cannot be watched ({error}; fs.inotify.max_user_instances may be too small): \
                 every app is looked at once a minute instead"
            );
        }
        Self { fd: fd.ok().map(Arc::new), state: Arc::default() }
    }

    /// Watches what an app declares, instead of what it declared before.
    pub fn watch<'a>(&self, app: &App, resources: impl Iterator<Item = &'a Resource>) {
        let mut hasher = DefaultHasher::new();
        let wanted: Vec<&Resource> = resources.collect();
        for resource in &wanted {
            resource.digest.hash(&mut hasher);
        }
        let hash = hasher.finish();
        if lock(&self.state).registered.get(&app.name) == Some(&hash) {
            return;
        }
        self.forget(&app.name);
        let mut by_folder: BTreeMap<PathBuf, Vec<(Interest, ResourceId)>> = BTreeMap::new();
        for resource in wanted {
            let path = resource.body.pointer("/spec/path").and_then(serde_json::Value::as_str);
            let Some(Ok(place)) = path.map(|path| app.place(path)) else { continue };
            let named = (Interest::Name(place.name().to_owned()), resource.id.clone());
            by_folder.entry(place.folder_path()).or_default().push(named);
            for folder in crate::directory::folders_of_release(app, resource) {
                let whole = (Interest::Whole, resource.id.clone());
                by_folder.entry(folder).or_default().push(whole);
            }
        }
        let mut complete = true;
        for (folder, names) in by_folder {
            complete &= self.add(app, &folder, names);
        }
        if complete {
            lock(&self.state).registered.insert(app.name.clone(), hash);
        }
    }

    /// Whether the folder is watched from now on. One that is not there yet will be when it is.
    fn add(&self, app: &App, folder: &Path, interests: Vec<(Interest, ResourceId)>) -> bool {
        let mut state = lock(&self.state);
        let Some(fd) = &self.fd else {
            state.unwatched.insert(app.name.clone());
            return true;
        };
        let flags = WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        match inotify::add_watch(fd.get_ref(), folder, flags) {
            Ok(watch) => {
                let watched = state
                    .folders
                    .entry(watch)
                    .or_insert_with(|| Watched { path: folder.to_owned(), ..Watched::default() });
                for (interest, id) in interests {
                    let of_interest = match interest {
                        Interest::Name(name) => watched.names.entry(name).or_default(),
                        Interest::Whole => &mut watched.whole,
                    };
                    of_interest.push((app.name.clone(), id));
                }
                state.by_path.insert(folder.to_owned(), watch);
                true
            }
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => false,
            Err(error) => {
                tracing::warn!(
                    app = %app.name,
                    "{} cannot be watched ({error}; fs.inotify.max_user_watches may be too small): \
                     the app is looked at once a minute instead",
                    folder.display()
                );
                state.unwatched.insert(app.name.clone());
                true
            }
        }
    }

    /// Watches nothing for an app any more.
    pub fn forget(&self, app: &AppName) {
        let mut state = lock(&self.state);
        state.registered.remove(app);
        state.unwatched.remove(app);
        let mut idle = Vec::new();
        for (watch, watched) in &mut state.folders {
            for resources in watched.names.values_mut() {
                resources.retain(|(name, _)| name != app);
            }
            watched.names.retain(|_, resources| !resources.is_empty());
            watched.whole.retain(|(name, _)| name != app);
            if watched.names.is_empty() && watched.whole.is_empty() {
                idle.push(*watch);
            }
        }
        for watch in idle {
            if let Some(watched) = state.folders.remove(&watch) {
                state.by_path.remove(&watched.path);
            }
            if let Some(fd) = &self.fd {
                // It may have gone with its folder.
                let _ = inotify::remove_watch(fd.get_ref(), watch);
            }
        }
    }

    /// Apps of which not all can be watched.
    pub fn unwatched(&self) -> Vec<AppName> {
        lock(&self.state).unwatched.iter().cloned().collect()
    }

    /// What is heard; `None` where nothing can be.
    pub fn events(&self) -> Option<std::pin::Pin<Box<dyn Stream<Item = Heard> + Send>>> {
        let (fd, state) = (self.fd.clone()?, self.state.clone());
        Some(Box::pin(futures::stream::unfold((fd, state), |(fd, state)| async move {
            loop {
                let mut ready = fd.readable().await.ok()?;
                let heard = read(fd.get_ref(), &state);
                ready.clear_ready();
                if let Some(heard) = heard {
                    return Some((heard, (fd, state)));
                }
            }
        })))
    }
}

/// Reads all that waits to be read.
fn read(fd: &OwnedFd, state: &Mutex<State>) -> Option<Heard> {
    let mut buffer = [MaybeUninit::uninit(); 64 * 1024];
    let mut reader = inotify::Reader::new(fd, &mut buffer);
    let mut changed = Vec::new();
    let mut overflow = false;
    while let Ok(event) = reader.next() {
        let flags = event.events();
        overflow |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
        let name = event.file_name().map(|name| name.to_string_lossy().into_owned());
        let mut state = lock(state);
        if flags.contains(ReadFlags::IGNORED) {
            state.lose(event.wd());
        }
        let Some(watched) = state.folders.get(&event.wd()) else { continue };
        changed.extend(watched.whole.iter().cloned());
        match name {
            Some(name) => changed.extend(watched.names.get(&name).into_iter().flatten().cloned()),
            None => {
                changed.extend(watched.names.values().flatten().cloned());
                if flags.intersects(ReadFlags::MOVE_SELF) {
                    state.lose(event.wd());
                }
            }
        }
    }
    match (overflow, changed.is_empty()) {
        (true, _) => Some(Heard::Overflow),
        (false, false) => Some(Heard::Changed(changed)),
        (false, true) => None,
    }
}

impl State {
    /// A folder is gone: those who have something in it register anew.
    fn lose(&mut self, watch: i32) {
        let Some(watched) = self.folders.remove(&watch) else { return };
        self.by_path.remove(&watched.path);
        for (app, _) in watched.names.values().flatten().chain(&watched.whole) {
            self.registered.remove(app);
        }
    }
}

/// How a file looks beside what was noted of it.
pub fn seen(app: &App, id: &ResourceId) -> Seen {
    let Some(entry) = app.entry(id) else { return Seen::Changed };
    if entry.intended {
        return Seen::BeingWritten;
    }
    let Some(noted) = entry.signature else { return Seen::Changed };
    let now = app.place(&entry.path.to_string_lossy()).and_then(|place| {
        let Some(folder) = place.folder()? else { return Ok(None) };
        Ok(folder.stat(place.name())?.map(|stat| Signature::of(&folder, &stat)))
    });
    match now {
        Ok(Some(now)) if noted.same(&now) && !crate::directory::was_changed(app, id, &entry) => {
            Seen::AsNoted
        }
        _ => Seen::Changed,
    }
}
