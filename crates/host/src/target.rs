//! The port: one machine as a [`Target`].

use std::collections::{HashMap, HashSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures::StreamExt;
use futures::stream;
use jiff::Timestamp;
use trueup_model::capabilities::KindInfo;
use trueup_model::observed::{Observed, ObservedResource};
use trueup_model::ports::{AppContext, Changes, Foresight, PortError};
use trueup_model::record::{Inventory, InventoryItem};
use trueup_model::{
    Action, AppName, Capabilities, Event, Resource, ResourceId, Target, host, kinds,
};

use crate::app::{App, Machine};
use crate::config::{HostConfig, Level};
use crate::error::{Doing, HostError};
use crate::fault::FaultPoint;
use crate::folders::Folders;
use crate::identity::{self, Identity};
use crate::launching::Release;
use crate::layout::Layout;
use crate::outcome::{Outcome, event_result};
use crate::place::{Policy, make_private_folder};
use crate::readiness::blocking;
use crate::values::Printed;
use crate::watch::Watch;
use crate::{directory, file, process, rename, task};

/// So many processes, tasks and folders are changed or asked at once.
const AT_ONCE: usize = 16;

/// One machine as a target.
pub struct HostTarget {
    machine: Arc<Machine>,
    layout: Layout,
    identity: Identity,
    apps: Mutex<HashMap<AppName, Arc<App>>>,
    watch: Watch,
}

impl HostTarget {
    /// Opens the state folder and everything that is known of the apps in it. Needs a Tokio runtime.
    ///
    /// # Errors
    /// Where the folder cannot be made or read, or belongs to another machine or a newer version.
    pub fn open(config: HostConfig) -> Result<Self, PortError> {
        Self::open_with(config, None)
    }

    /// The same, with a hook that tests end the process in.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_with(
        config: HostConfig,
        fault_hook: Option<fn(FaultPoint)>,
    ) -> Result<Self, PortError> {
        let state = &config.state_dir;
        make_private_folder(state)
            .doing(|| format!("make the state folder {}", state.display()))?;
        if config.level == Level::System {
            // Processes of other users reach their folders through it; they cannot list it.
            let _ = std::fs::set_permissions(state, Permissions::from_mode(0o711));
        }
        let state =
            state.canonicalize().doing(|| format!("use the state folder {}", state.display()))?;
        let layout = Layout::new(state);
        let identity = identity::claim(&layout, config.accept_identity)?;
        let roots = config.roots.iter().map(|root| clean_root(root)).collect();
        let policy = Policy::new(layout.clone(), roots);
        let machine = Arc::new(Machine {
            config,
            policy,
            printed: Printed::default(),
            fault_hook,
            claims: Mutex::default(),
        });
        let target =
            Self { machine, layout, identity, apps: Mutex::default(), watch: Watch::start() };
        for name in target.known_apps() {
            target.app(&name)?;
        }
        Ok(target)
    }

    /// Apps that have something on this machine.
    pub fn known_apps(&self) -> Vec<AppName> {
        let folders = std::fs::read_dir(self.layout.host()).into_iter().flatten().flatten();
        let mut names: Vec<AppName> = folders
            .filter(|folder| folder.file_type().is_ok_and(|kind| kind.is_dir()))
            .filter(|folder| !folder.path().join("left").exists())
            .filter_map(|folder| AppName::new(folder.file_name().to_str()?).ok())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn app(&self, name: &AppName) -> Result<Arc<App>, HostError> {
        if let Some(app) = self.apps().get(name) {
            return Ok(app.clone());
        }
        let layout = self.layout.app(name);
        rename::clear(&layout).doing(|| format!("make room for the app {name}"))?;
        let app = Arc::new(App::open(self.machine.clone(), name.clone(), layout)?);
        Ok(self.apps().entry(name.clone()).or_insert(app).clone())
    }

    pub(crate) fn forget_app(&self, name: &AppName) {
        if let Some(app) = self.apps().remove(name) {
            app.leave();
        }
        self.watch.forget(name);
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    fn apps(&self) -> std::sync::MutexGuard<'_, HashMap<AppName, Arc<App>>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Links in a root are followed once, when the target is opened; one that is not there yet is taken
/// as it is written.
fn clean_root(root: &std::path::Path) -> PathBuf {
    root.canonicalize().unwrap_or_else(|_| root.to_owned())
}

/// What is desired, in the inventory, or both.
struct Asked {
    id: ResourceId,
    desired: Option<Arc<Resource>>,
    item: Option<InventoryItem>,
}

fn asked(desired: Vec<Arc<Resource>>, inventory: &Inventory) -> Vec<Asked> {
    let declared = |resource: Arc<Resource>| Asked {
        id: resource.id.clone(),
        item: inventory.get(&resource.id).cloned(),
        desired: Some(resource),
    };
    desired.into_iter().map(declared).collect()
}

fn asked_of_inventory(desired: &[Arc<Resource>], inventory: &Inventory) -> Vec<Asked> {
    let wanted: HashSet<&ResourceId> = desired.iter().map(|resource| &resource.id).collect();
    let known = inventory.iter().filter(|(id, _)| !wanted.contains(id));
    let asked = |(id, item): (&ResourceId, &InventoryItem)| Asked {
        id: id.clone(),
        desired: None,
        item: Some(item.clone()),
    };
    known.map(asked).collect()
}

fn is_file_like(id: &ResourceId) -> bool {
    id.group == kinds::HOST_GROUP && matches!(id.kind.as_str(), "File" | "Directory")
}

/// Files that one look shows to be as they were written, and the resources that are left.
fn observe_unchanged(app: &App, desired: Vec<Arc<Resource>>) -> (Observed, Vec<Arc<Resource>>) {
    let folders = Folders::default();
    let book = app.book();
    let mut observed = Observed::new();
    let mut left = Vec::new();
    for resource in desired {
        let seen = is_plain_file(&resource.id)
            .then(|| file::surely_unchanged(app, &book, &folders, &resource))
            .flatten();
        match seen {
            Some(seen) => {
                observed.insert(resource.id.clone(), seen);
            }
            None => left.push(resource),
        }
    }
    (observed, left)
}

/// Files and folders, in one go on a thread that may block.
fn observe_files(app: &App, asked: &[Asked]) -> Observed {
    let folders = Folders::default();
    let look = |asked: &Asked| {
        let (id, item) = (&asked.id, asked.item.as_ref());
        match (&asked.desired, id.kind.as_str()) {
            (Some(resource), "File") => file::observe(app, &folders, resource, item),
            (Some(resource), _) => directory::observe(app, &folders, resource, item),
            (None, "File") => file::observe_unwanted(app, &folders, id, item),
            (None, _) => directory::observe_unwanted(app, &folders, id, item),
        }
    };
    asked.iter().map(|asked| (asked.id.clone(), look(asked))).collect()
}

async fn observe_running(app: &Arc<App>, asked: &Asked) -> ObservedResource {
    let id = &asked.id;
    match (id.group.as_str(), id.kind.as_str(), &asked.desired) {
        (kinds::HOST_GROUP, "Process" | "Timer", Some(resource)) => {
            process::observe(app, resource).await
        }
        (kinds::HOST_GROUP, "Process" | "Timer", None) => process::observe_unwanted(app, id).await,
        (kinds::HOST_GROUP, "Task", Some(resource)) => task::observe(app, resource).await,
        (kinds::HOST_GROUP, "Task", None) => task::observe_unwanted(app, id).await,
        _ => ObservedResource::unknown(format!(
            "{id} is not a kind that a machine has: it has {} of {}",
            host::KINDS.join(", "),
            host::API_VERSION
        )),
    }
}

#[async_trait]
impl Target for HostTarget {
    async fn capabilities(&self) -> Result<Capabilities, PortError> {
        let known = |kind: &&str| {
            let info = KindInfo { versions: vec!["v1".to_owned()], namespaced: false };
            (format!("{}/{kind}", kinds::HOST_GROUP), info)
        };
        let versions = std::iter::once(host::API_VERSION.to_owned())
            .chain(host::KINDS.iter().map(|kind| format!("{}/{kind}", host::API_VERSION)));
        Ok(Capabilities {
            target: self.identity.target_id(),
            kube_version: String::new(),
            api_versions: versions.collect(),
            kinds: host::KINDS.iter().map(known).collect(),
            unanswered_groups: Vec::new(),
        })
    }

    async fn observe(
        &self,
        context: &AppContext,
        desired: &[Arc<Resource>],
        inventory: &Inventory,
        _foresight: Foresight,
    ) -> Result<Observed, PortError> {
        let app = self.app(&context.app)?;
        // Registered before anything is looked at: a change in between is told.
        self.watch.app(&app, desired.iter().map(Arc::as_ref).filter(|r| is_file_like(&r.id)));
        let (of, declared) = (app.clone(), desired.to_vec());
        let (mut observed, left) = blocking(move || Ok(observe_unchanged(&of, declared))).await?;
        let mut asked = asked(left, inventory);
        if inventory.len() + asked.len() > observed.len() {
            asked.extend(asked_of_inventory(desired, inventory));
        }
        let (files, running): (Vec<Asked>, Vec<Asked>) =
            asked.into_iter().partition(|asked| is_file_like(&asked.id));
        let of = app.clone();
        let looked = blocking(move || Ok(observe_files(&of, &files)));
        let others = stream::iter(running)
            .map(|asked| {
                let app = app.clone();
                async move { (asked.id.clone(), observe_running(&app, &asked).await) }
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>();
        let (looked, others) = tokio::join!(looked, others);
        observed.extend(looked?);
        observed.extend(others);
        self.watch.shims(&app);
        Ok(observed)
    }

    async fn execute(&self, context: &AppContext, actions: &[Action]) -> Vec<Event> {
        let app = match self.app(&context.app) {
            Ok(app) => app,
            Err(error) => return all_failed(actions, &error),
        };
        let release = Release { revision: context.revision.clone(), rendered: context.rendered };
        let (files, others): (Vec<&Action>, Vec<&Action>) =
            actions.iter().partition(|action| is_plain_file(&action.id));
        let (files, others) = tokio::join!(
            write_files(&app, files.into_iter().cloned().collect()),
            stream::iter(others.into_iter().cloned())
                .map(|action| carry_out(app.clone(), release.clone(), action))
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>()
        );
        self.watch.shims(&app);
        files.into_iter().chain(others).collect()
    }

    async fn forget(&self, app: &AppName) {
        if let Err(error) = self.forget_kept(app) {
            tracing::warn!(%app, "it could not be forgotten: {}", error.sentence());
        }
    }

    async fn rename(&self, from: &AppName, to: &AppName) -> Result<(), PortError> {
        self.forget_app(from);
        self.forget_app(to);
        let (layout, from, to) = (self.layout.clone(), from.clone(), to.clone());
        Ok(blocking(move || rename::rename(&layout, &from, &to)).await?)
    }

    fn changes(&self) -> Changes {
        self.watch.changes()
    }
}

fn is_plain_file(id: &ResourceId) -> bool {
    is_file_like(id) && id.kind == "File"
}

async fn write_files(app: &Arc<App>, actions: Vec<Action>) -> Vec<Event> {
    if actions.is_empty() {
        return Vec::new();
    }
    let app = app.clone();
    let kept = actions.clone();
    let written = tokio::task::spawn_blocking(move || {
        let wanted: Vec<&Action> = actions.iter().collect();
        let results = file::apply(&app, &wanted);
        wanted.into_iter().zip(results).map(|(action, result)| event(action, result)).collect()
    });
    written.await.unwrap_or_else(|error| all_failed(&kept, &HostError::Failed(error.to_string())))
}

async fn carry_out(app: Arc<App>, release: Release, action: Action) -> Event {
    let result = match action.id.kind.as_str() {
        "Directory" => {
            let (app, action) = (app.clone(), action.clone());
            blocking(move || directory::apply(&app, &action)).await
        }
        "Process" | "Timer" => process::apply(&app, &release, &action).await,
        "Task" => task::apply(&app, &release, &action).await,
        _ => Err(HostError::Refused(format!("{} is not a kind that a machine has", action.id))),
    };
    event(&action, result)
}

fn event(action: &Action, result: Result<Outcome, HostError>) -> Event {
    Event {
        id: action.id.clone(),
        verb: action.verb,
        at: Timestamp::now(),
        result: event_result(result),
    }
}

fn all_failed(actions: &[Action], error: &HostError) -> Vec<Event> {
    let failed = |action| event(action, Err(HostError::Failed(error.sentence())));
    actions.iter().map(failed).collect()
}
