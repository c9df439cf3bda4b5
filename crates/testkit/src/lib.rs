//! The outside in memory, behind the ports of the model: what the loop is tested against, in
//! simulated time and with faults between any two steps.
//!
//! - [`source`][]: commits made of files
//! - [`supply`][]: charts and files that can be fetched
//! - [`store`][]: records and a ledger that outlive a crash of the controller
//! - [`host`][]: a host whose resources do as their documents say
//! - [`apiserver`][]: a Kubernetes API server, as a service
//! - [`clock`][]: time that stands still until it is moved
//! - [`script`][]: what an API server answers, held against this one and a real one
//! - [`faults`][]: errors before and after an effect, and crashes

pub mod apiserver;
pub mod clock;
pub mod faults;
pub mod host;
pub mod script;
pub mod source;
pub mod store;
pub mod supply;

use std::sync::Arc;

use trueup_engine::World;
use trueup_model::InstallationKey;
use trueup_model::ports::Target;

/// One simulated outside.
#[derive(Clone)]
pub struct Outside {
    /// Git.
    pub source: Arc<source::MemorySource>,
    /// Chart repositories and files by HTTP.
    pub supply: Arc<supply::MemorySupply>,
    /// What remembers.
    pub store: Arc<store::MemoryStore>,
    /// The target.
    pub host: Arc<host::MemoryHost>,
    /// Time.
    pub clock: Arc<clock::SimulatedClock>,
    /// What goes wrong.
    pub faults: Arc<faults::Faults>,
}

impl Outside {
    /// An empty outside in which nothing goes wrong until told.
    pub fn new(seed: u64) -> Self {
        let faults = Arc::new(faults::Faults::new(seed));
        let clock = Arc::new(clock::SimulatedClock::new());
        Self {
            source: Arc::new(source::MemorySource::new(faults.clone())),
            supply: Arc::default(),
            store: Arc::new(store::MemoryStore::new(faults.clone())),
            host: Arc::new(host::MemoryHost::new(faults.clone(), clock.clone())),
            clock,
            faults,
        }
    }

    /// As the loop takes it, with the host as its target.
    pub fn world(&self) -> World {
        self.world_on(self.host.clone())
    }

    /// As the loop takes it, with another target.
    pub fn world_on(&self, target: Arc<dyn Target>) -> World {
        World {
            source: self.source.clone(),
            supply: self.supply.clone(),
            target,
            store: self.store.clone(),
            clock: self.clock.clone(),
            installation: "simulated".to_owned(),
            key: InstallationKey::from_bytes([7; 32]),
            renderer: Arc::new(trueup_render::Renderer::new()),
        }
    }
}
