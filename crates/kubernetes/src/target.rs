//! A cluster as a target of the loop.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::sync::{RwLock, broadcast};
use tokio::time::Instant;
use trueup_model::need::Lookup;
use trueup_model::observed::Observed;
use trueup_model::plan::Action;
use trueup_model::ports::{
    AppContext, Change, Changes, Clock, Foresight, Kept, PortError, Reader, Remark, Target,
};
use trueup_model::record::Inventory;
use trueup_model::{AppName, Capabilities, Event, Resource};

use crate::catalog::Catalog;
use crate::connect::Connection;
use crate::memory::Memory;
use crate::pods::Pods;
use crate::status::Asked;
use crate::watch::Watches;
use crate::wire::Wire;
use crate::{discovery, execute, lookup, observe, parent};

/// How long a catalog is good for. One that lacks a kind that is asked for is read again at once.
const CATALOG_AGE: Duration = Duration::from_secs(60);
/// Changes that a listener may be behind before it is told to look at everything.
const CHANGES_BUFFERED: usize = 4096;

/// One cluster.
pub struct KubernetesTarget {
    shared: Arc<Shared>,
}

/// What looks, writes and watches share.
pub struct Shared {
    /// The way to the API server.
    pub wire: Wire,
    /// What is remembered of objects.
    pub memory: Memory,
    /// The watches.
    pub watches: Watches,
    /// The pods of what is not healthy.
    pub pods: Pods,
    /// Who listens to changes.
    pub changes: broadcast::Sender<Change>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    catalog: RwLock<Option<(Instant, Arc<Catalog>)>>,
}

impl KubernetesTarget {
    /// A cluster. It is connected to when it is first asked.
    pub fn new(connection: Connection) -> Self {
        Self::by(Wire::new(connection), Arc::new(SystemClock))
    }

    /// A cluster that a client reaches, in the time of a clock: tests put a client of a server in
    /// memory here, and simulated time.
    pub fn over(client: Client, clock: Arc<dyn Clock>) -> Self {
        Self::by(Wire::over(client), clock)
    }

    fn by(wire: Wire, clock: Arc<dyn Clock>) -> Self {
        let shared = Shared {
            wire,
            clock,
            memory: Memory::default(),
            watches: Watches::default(),
            pods: Pods::default(),
            changes: broadcast::channel(CHANGES_BUFFERED).0,
            catalog: RwLock::new(None),
        };
        Self { shared: Arc::new(shared) }
    }
}

struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

impl Drop for KubernetesTarget {
    fn drop(&mut self) {
        self.shared.watches.stop();
        self.shared.pods.stop();
    }
}

impl Shared {
    /// What the cluster serves, as known of late.
    pub async fn catalog(&self) -> Result<Arc<Catalog>, PortError> {
        if let Some((read, catalog)) = &*self.catalog.read().await
            && read.elapsed() < CATALOG_AGE
        {
            return Ok(Arc::clone(catalog));
        }
        self.fresh_catalog().await
    }

    /// What the cluster serves now.
    pub async fn fresh_catalog(&self) -> Result<Arc<Catalog>, PortError> {
        let catalog = Arc::new(discovery::discover(&self.wire).await?);
        *self.catalog.write().await = Some((Instant::now(), Arc::clone(&catalog)));
        Ok(catalog)
    }

    /// Forgets what the cluster serves: a definition was written.
    pub async fn expire_catalog(&self) {
        *self.catalog.write().await = None;
    }

    /// What cannot be copied by accident: the uid of the `kube-system` namespace. Read each time,
    /// because another cluster may have come behind the same name.
    async fn identity(&self) -> Result<String, PortError> {
        let asked =
            Asked { verb: "get", group: "", plural: "namespaces", namespace: "", secret: false };
        let path = "/api/v1/namespaces/kube-system";
        let namespace = discovery::read_as(&self.wire, path, asked).await?;
        match crate::document::metadata(&namespace, "uid") {
            "" => Err(PortError::passing("the namespace kube-system has no uid")),
            uid => Ok(uid.to_owned()),
        }
    }
}

#[async_trait]
impl Target for KubernetesTarget {
    async fn capabilities(&self) -> Result<Capabilities, PortError> {
        let (identity, catalog) = tokio::join!(self.shared.identity(), self.shared.catalog());
        Ok(catalog?.capabilities(identity?))
    }

    async fn observe(
        &self,
        context: &AppContext,
        desired: &[Arc<Resource>],
        inventory: &Inventory,
        foresight: Foresight,
    ) -> Result<Observed, PortError> {
        observe::observe(&self.shared, context, desired, inventory, foresight).await
    }

    async fn execute(&self, context: &AppContext, actions: &[Action]) -> Vec<Event> {
        execute::execute(&self.shared, context, actions).await
    }

    async fn lookup(&self, reader: &Reader<'_>, lookup: &Lookup) -> Result<Value, PortError> {
        lookup::lookup(&self.shared, reader, lookup).await
    }

    async fn keep(&self, context: &AppContext, kept: Option<Kept<'_>>) -> Result<(), PortError> {
        match kept {
            Some(kept) => parent::keep(&self.shared.wire, context, &kept).await,
            None => parent::drop(&self.shared.wire, context).await,
        }
    }

    async fn kept(&self, context: &AppContext) -> Result<Option<Vec<u8>>, PortError> {
        parent::kept(&self.shared.wire, context).await
    }

    async fn forget(&self, app: &AppName) {
        self.shared.memory.forget(app.as_str());
        Pods::want(&self.shared, app, &BTreeSet::new());
    }

    async fn remark(&self, remarks: &[Remark]) {
        crate::remarks::write(&self.shared.wire, remarks).await;
    }

    fn changes(&self) -> Changes {
        let receiver = self.shared.changes.subscribe();
        let stream = futures::stream::unfold(receiver, |mut receiver| async move {
            loop {
                match receiver.recv().await {
                    Ok(change) => return Some((change, receiver)),
                    // What was missed is told by the next look at each app.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return None,
                }
            }
        });
        stream.boxed()
    }
}
