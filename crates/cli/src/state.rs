//! The state folder, opened: the adapters behind the ports, wired together here and nowhere else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jiff::Timestamp;
use tokio::sync::RwLock;
use trueup_api::{Reply, Request};
use trueup_controller::locks::Locks;
use trueup_controller::run::{Board, Subjects};
use trueup_controller::{Operator, Worlds};
use trueup_engine::{Subject, World};
use trueup_fetch::{Fetcher, Options as FetchOptions};
use trueup_forge::HttpForge;
use trueup_git::{GitSource, Options as GitOptions};
use trueup_host::{Allowed, HostConfig, HostTarget};
use trueup_http::Settings;
use trueup_kubernetes::{ClusterApps, Connection, KubernetesTarget};
use trueup_model::InstallationKey;
use trueup_model::app_set::Cluster;
use trueup_model::ports::{AppObjects, Clock, Forge, PortError, Store, Target};
use trueup_model::record::Declaration;
use trueup_render::Renderer;
use trueup_store::{LedgerUrl, StateStore};

use crate::Global;
use crate::config::{self, Config, CredentialRule};
use crate::error::CliError;
use crate::{client, place};

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A state folder with its store, and the outside that this machine can reach.
pub struct State {
    folder: PathBuf,
    config: Config,
    store: StateStore,
    source: Arc<GitSource>,
    supply: Arc<Fetcher>,
    renderer: Arc<Renderer>,
    host: OnceLock<Result<Arc<HostTarget>, PortError>>,
    clusters: Mutex<BTreeMap<Connection, Arc<KubernetesTarget>>>,
    forge: Arc<HttpForge>,
    objects: OnceLock<Arc<ClusterApps>>,
}

impl State {
    /// Opens it for this process alone.
    pub async fn open(global: &Global) -> Result<Arc<Self>, CliError> {
        let folder = place::state_folder(global)?;
        let url = ledger_url(&global.config()?.ledger)?;
        let store = StateStore::open(&folder, url.as_ref()).await;
        let store = store.map_err(|error| CliError::of(&error))?;
        Ok(Arc::new(Self::with(folder, store, global.config()?)))
    }

    /// Opens it for reading, whoever else uses it.
    pub async fn open_read_only(global: &Global) -> Result<Arc<Self>, CliError> {
        let folder = place::state_folder(global)?;
        let url = ledger_url(&global.config()?.ledger)?;
        let store = StateStore::open_read_only(&folder, url.as_ref()).await;
        let store = store.map_err(|error| CliError::of(&error))?;
        Ok(Arc::new(Self::with(folder, store, global.config()?)))
    }

    fn with(folder: PathBuf, store: StateStore, config: &Config) -> Self {
        Self {
            store,
            source: Arc::new(GitSource::new(git_options(&folder, config))),
            supply: Arc::new(Fetcher::new(fetch_options(&folder, config))),
            config: config.clone(),
            folder,
            renderer: Arc::new(Renderer::new()),
            host: OnceLock::new(),
            clusters: Mutex::default(),
            forge: Arc::new(HttpForge::new(http_rules(config), Settings::default())),
            objects: OnceLock::new(),
        }
    }

    /// From now on the `App` objects of a cluster are apps too.
    pub fn follow_objects(&self, context: Option<String>) {
        let connection = Connection { context, ..Connection::default() };
        self.objects.get_or_init(|| Arc::new(ClusterApps::new(connection)));
    }

    /// The store.
    pub fn store(&self) -> &StateStore {
        &self.store
    }

    /// The source.
    pub fn source(&self) -> &Arc<GitSource> {
        &self.source
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The engines.
    pub fn renderer(&self) -> &Arc<Renderer> {
        &self.renderer
    }

    /// This machine as a target.
    pub fn host(&self) -> Result<Arc<HostTarget>, PortError> {
        self.host
            .get_or_init(|| {
                let shim = std::env::current_exe().map_err(|error| {
                    PortError::permanent(format!("the path of this program is unknown: {error}"))
                })?;
                let key = self.store.key().clone();
                HostTarget::open(host_config(&self.folder, shim, key, &self.config.host))
                    .map(Arc::new)
            })
            .clone()
    }

    /// The cluster that an app names: one client for each, however many apps are on it.
    fn cluster(&self, declaration: &Declaration) -> Arc<KubernetesTarget> {
        let target = declaration.spec.target.as_ref();
        let named = target.and_then(|target| target.kubernetes.as_ref()?.cluster.as_deref());
        let connection = config::connection(&self.config.clusters, named);
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let cluster = clusters.entry(connection.clone());
        cluster.or_insert_with(|| Arc::new(KubernetesTarget::new(connection))).clone()
    }

    /// The apps that were applied before, as their records tell.
    pub async fn recorded_subjects(
        &self,
    ) -> Result<BTreeMap<trueup_model::AppName, Subject>, CliError> {
        let mut subjects = BTreeMap::new();
        for app in self.store.apps().await? {
            let record = self.store.record(&app).await?;
            if let Some(declaration) = record.declaration {
                subjects.insert(app.clone(), Subject::new(app, declaration));
            }
        }
        Ok(subjects)
    }

    /// Answers requests without a running controller.
    pub async fn operator(self: &Arc<Self>) -> Result<Operator, CliError> {
        let subjects: Subjects = Arc::new(RwLock::new(self.recorded_subjects().await?));
        Ok(Operator {
            worlds: self.clone(),
            subjects,
            board: Board::default(),
            signals: None,
            locks: Locks::default(),
        })
    }
}

/// The clusters that the configuration names.
pub fn clusters(config: &Config) -> Vec<Cluster> {
    let of = |rule: &config::Cluster| Cluster {
        name: rule.name.clone(),
        server: String::new(),
        labels: rule.labels.clone(),
    };
    config.clusters.iter().map(of).collect()
}

fn http_rules(config: &Config) -> Vec<trueup_http::Access> {
    config.credentials.iter().map(CredentialRule::http).collect()
}

impl Worlds for State {
    fn clusters(&self) -> Vec<Cluster> {
        clusters(&self.config)
    }

    fn objects(&self) -> Option<Arc<dyn AppObjects>> {
        let objects: Arc<dyn AppObjects> = self.objects.get()?.clone();
        Some(objects)
    }

    fn forge(&self) -> Arc<dyn Forge> {
        self.forge.clone()
    }

    fn world(&self, declaration: &Declaration) -> Result<World, PortError> {
        let target: Arc<dyn Target> = match declaration.target.as_str() {
            "host" => self.host()?,
            "kubernetes" => self.cluster(declaration),
            other => {
                return Err(PortError::permanent(format!(
                    "there is no target `{other}`; use `--target host` or `--target kubernetes`"
                )));
            }
        };
        Ok(World {
            source: self.source.clone(),
            supply: self.supply.clone(),
            target,
            store: Arc::new(self.store.clone()),
            clock: Arc::new(SystemClock),
            installation: self.store.installation().to_owned(),
            key: self.store.key().clone(),
            renderer: self.renderer.clone(),
        })
    }
}

/// Lets the running controller answer, or, where none runs, answers from the state folder.
pub async fn ask(global: &Global, request: Request) -> Result<Reply, CliError> {
    let folder = place::state_folder(global)?;
    if let Some(reply) = client::ask(&place::socket(&folder), &request).await? {
        return refuse(reply);
    }
    let reads = matches!(
        request,
        Request::Status { .. }
            | Request::History { .. }
            | Request::Plan { .. }
            | Request::Why { .. }
    );
    let state =
        if reads { State::open_read_only(global).await? } else { State::open(global).await? };
    refuse(state.operator().await?.answer(request).await)
}

fn refuse(reply: Reply) -> Result<Reply, CliError> {
    match reply {
        Reply::Failed { message } => Err(CliError::new(message)),
        other => Ok(other),
    }
}

/// Who asks: for the ledger.
pub fn person() -> String {
    let name = std::env::var("SUDO_USER").or_else(|_| std::env::var("USER"));
    name.unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// A source for commands that only read Git: it needs no state of its own but the mirrors.
pub fn scratch_source(global: &Global) -> Result<GitSource, CliError> {
    let folder = place::state_folder(global)?;
    Ok(GitSource::new(git_options(&folder, global.config()?)))
}

/// The database of the ledger, where it is not in the state folder.
fn ledger_url(ledger: &config::Ledger) -> Result<Option<LedgerUrl>, CliError> {
    let Some(url) = ledger.url.clone() else { return Ok(None) };
    let password =
        ledger.password.as_ref().map(|source| trueup_http::SecretFrom::from(source).bytes());
    let password = password
        .transpose()
        .map_err(|why| CliError::new(format!("the password of the ledger cannot be had: {why}")))?;
    Ok(Some(LedgerUrl { url, password }))
}

fn git_options(folder: &Path, config: &Config) -> GitOptions {
    GitOptions {
        largest_file: u64::from(config.limits.file_size) << 20,
        largest_fetch: u64::from(config.limits.fetch_size) << 20,
        fetch_within: config.limits.fetch_time.as_std(),
        http: http_rules(config),
        ssh: config.credentials.iter().filter_map(CredentialRule::ssh).collect(),
        ..GitOptions::new(folder.join("git"))
    }
}

fn host_config(
    folder: &Path,
    shim: PathBuf,
    key: InstallationKey,
    policy: &config::Host,
) -> HostConfig {
    let mut config = HostConfig::new(folder, shim, key);
    config.roots = policy.roots.iter().map(|root| root.as_path().to_owned()).collect();
    config.allowed = Allowed {
        users: policy.users.clone(),
        commands: policy
            .commands
            .as_ref()
            .map(|commands| commands.iter().map(|command| command.as_path().to_owned()).collect()),
    };
    config.search_path = policy.search_path.clone().unwrap_or(config.search_path);
    config
}

/// What fetches charts and files; what it fetched lies in the state folder.
pub fn fetcher(global: &Global) -> Result<Fetcher, CliError> {
    Ok(Fetcher::new(fetch_options_of(global)?))
}

/// Where fetched things lie, and how servers are reached.
pub fn fetch_options_of(global: &Global) -> Result<FetchOptions, CliError> {
    Ok(fetch_options(&place::state_folder(global)?, global.config()?))
}

fn fetch_options(folder: &Path, config: &Config) -> FetchOptions {
    FetchOptions {
        http: config.credentials.iter().map(CredentialRule::http).collect(),
        settings: Settings {
            answer_within: config.limits.fetch_time.as_std(),
            ..Settings::default()
        },
        ..FetchOptions::new(folder.join("fetched"))
    }
}
