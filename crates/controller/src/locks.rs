//! One at a time for each app: a run, or a person's command. What one of them has read and not yet
//! written down, the other does not write over.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, Weak};

use tokio::sync::{Mutex, OwnedMutexGuard};
use trueup_model::AppName;

type Shared = std::sync::Mutex<BTreeMap<AppName, Weak<Mutex<()>>>>;

/// The locks of all apps; cheap to clone, all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Locks(Arc<Shared>);

impl Locks {
    /// Waits until nobody else holds the app, and holds it.
    pub async fn take(&self, app: &AppName) -> OwnedMutexGuard<()> {
        self.of(app).lock_owned().await
    }

    fn of(&self, app: &AppName) -> Arc<Mutex<()>> {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lock) = locks.get(app).and_then(Weak::upgrade) {
            return lock;
        }
        locks.retain(|_, lock| lock.strong_count() > 0);
        let lock = Arc::new(Mutex::new(()));
        locks.insert(app.clone(), Arc::downgrade(&lock));
        lock
    }
}
