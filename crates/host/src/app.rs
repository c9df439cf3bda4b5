//! One app on this machine: its part of the state folder and its bookkeeping.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trueup_model::observed::Owner;
use trueup_model::record::InventoryItem;
use trueup_model::{AppName, InstallationKey, ResourceId};

use crate::book::{Book, Entry};
use crate::config::{HostConfig, Level};
use crate::error::HostError;
use crate::fault::FaultPoint;
use crate::layout::AppLayout;
use crate::place::{Place, Policy};
use crate::values::{Printed, Resolver};

/// What all apps on this machine share.
#[derive(Debug)]
pub struct Machine {
    /// How the target was set up.
    pub config: HostConfig,
    /// Which paths may be used.
    pub policy: Policy,
    /// What commands that give values printed of late.
    pub printed: Printed,
    /// What tests do at certain points.
    pub fault_hook: Option<fn(FaultPoint)>,
    /// Which app's resource stands at a path.
    pub claims: Mutex<HashMap<PathBuf, (AppName, ResourceId)>>,
}

/// One app on this machine.
#[derive(Debug)]
pub struct App {
    /// Its name.
    pub name: AppName,
    /// Its part of the state folder.
    pub layout: AppLayout,
    machine: Arc<Machine>,
    book: Mutex<Book>,
}

impl App {
    /// Opens what is known of an app and notes which paths it claims.
    pub fn open(
        machine: Arc<Machine>,
        name: AppName,
        layout: AppLayout,
    ) -> Result<Self, HostError> {
        let book = Book::open(layout.book())?;
        // An app that was no more and is here again has what it left behind.
        let _ = std::fs::remove_file(layout.left());
        for (id, entry) in book.entries() {
            machine.claim(&name, id, entry);
        }
        Ok(Self { name, layout, machine, book: Mutex::new(book) })
    }

    /// Gives up what it claims, without touching it.
    pub fn leave(&self) {
        for (id, entry) in self.book().entries() {
            self.machine.release(&self.name, id, entry);
        }
    }

    /// What all apps share.
    pub fn machine(&self) -> &Arc<Machine> {
        &self.machine
    }

    /// For whom this target works.
    pub fn level(&self) -> Level {
        self.machine.config.level
    }

    /// The key that secrets are named with.
    pub fn key(&self) -> &InstallationKey {
        &self.machine.config.key
    }

    /// The place that a path in one of its documents means.
    pub fn place(&self, text: &str) -> Result<Place, HostError> {
        self.machine.policy.place(&self.name, text)
    }

    /// A point at which tests may end the process.
    pub fn fault(&self, point: FaultPoint) {
        if let Some(hook) = self.machine.fault_hook {
            hook(point);
        }
    }

    /// Resolves values for it.
    pub fn resolver(&self) -> Resolver<'_> {
        Resolver {
            key: self.key(),
            folder: self.layout.own.clone(),
            search_path: &self.machine.config.search_path,
            printed: &self.machine.printed,
            allowed: &self.machine.config.allowed,
        }
    }

    /// The book, for as long as the answer is held.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a resource.
    pub fn entry(&self, id: &ResourceId) -> Option<Entry> {
        self.book().get(id).cloned()
    }

    /// Writes the book and keeps the claims in step. A resource that takes a path over from another
    /// of this app takes its entry too.
    pub fn note(&self, mut changes: Vec<(ResourceId, Option<Entry>)>) -> Result<(), HostError> {
        let mut book = self.book();
        let taken_over = changes.iter().filter_map(|(id, entry)| {
            let (app, other) = self.machine.claimant(&entry.as_ref()?.path)?;
            let theirs = app == self.name && other != *id && book.get(&other).is_some();
            theirs.then_some((other, None))
        });
        let taken_over: Vec<(ResourceId, Option<Entry>)> = taken_over.collect();
        changes.splice(0..0, taken_over);
        for (id, entry) in &changes {
            if let Some(old) = book.get(id) {
                self.machine.release(&self.name, id, old);
            }
            if let Some(entry) = entry {
                self.machine.claim(&self.name, id, entry);
            }
        }
        book.write(changes)
    }

    /// What is known of what stands at `path`, for a resource that is declared there: its own
    /// entry, or that of another resource of this app, from which it takes the place over.
    pub fn entry_at(&self, id: &ResourceId, path: &Path) -> Option<Entry> {
        if let Some(entry) = self.entry(id) {
            return Some(entry);
        }
        match self.machine.claimant(path) {
            Some((app, other)) if app == self.name => self.entry(&other),
            _ => None,
        }
    }

    /// Whether what stands at the path of this entry is still this resource's to remove.
    pub fn still_claims(&self, id: &ResourceId, path: &Path) -> bool {
        self.machine.claimant(path).is_none_or(|(app, other)| app == self.name && other == *id)
    }

    /// Whose it is that stands at `path`. `as_intended` tells whether it is what was last begun, or
    /// what is desired now.
    pub fn owner(
        &self,
        id: &ResourceId,
        path: &Path,
        item: Option<&InventoryItem>,
        as_intended: impl FnOnce(Option<&Entry>) -> bool,
    ) -> Owner {
        match self.machine.claimant(path) {
            Some((app, _)) if app != self.name => return Owner::App(app.to_string()),
            _ => {}
        }
        let entry = self.entry_at(id, path);
        let ours = match (&entry, item) {
            (Some(entry), _) if entry.path != path => false,
            (Some(entry), _) if !entry.intended || entry.was_ours => true,
            (Some(_), _) => as_intended(entry.as_ref()),
            (None, Some(item)) if !item.intended => true,
            (None, Some(_)) => as_intended(None),
            (None, None) => false,
        };
        if ours { Owner::Ours } else { Owner::Nobody }
    }
}

impl Machine {
    fn claims(&self) -> MutexGuard<'_, HashMap<PathBuf, (AppName, ResourceId)>> {
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claim(&self, app: &AppName, id: &ResourceId, entry: &Entry) {
        if !entry.path.as_os_str().is_empty() {
            self.claims().insert(entry.path.clone(), (app.clone(), id.clone()));
        }
    }

    fn release(&self, app: &AppName, id: &ResourceId, entry: &Entry) {
        let mut claims = self.claims();
        if claims.get(&entry.path).is_some_and(|(a, i)| a == app && i == id) {
            claims.remove(&entry.path);
        }
    }

    /// Which app's resource stands at a path.
    pub fn claimant(&self, path: &Path) -> Option<(AppName, ResourceId)> {
        self.claims().get(path).cloned()
    }
}
