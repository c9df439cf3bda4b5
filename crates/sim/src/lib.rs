//! Whole-system simulation. A seed makes a world: commits, drifts, people, errors before and after
//! an effect, crashes of controller and machine between any two steps. Afterwards the world is left
//! in peace, must come to rest, and is checked.
//!
//! - [`story`][]: what happens to a host, drawn from the seed; [`checks`][]: what must hold at the end
//! - [`cluster`][]: the same for a cluster, with the real adapter against an API server in memory
//! - [`fleet`][]: several apps on a cluster, under the controller itself

pub mod checks;
pub mod cluster;
pub mod fleet;
pub mod story;

pub use story::{Failure, Transcript};

/// Which world a seed is lived through in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On a host.
    Host,
    /// On a cluster.
    Kubernetes,
    /// On a cluster, several apps under the controller.
    Fleet,
}

/// Lives through the story of a seed, in time of its own.
pub fn run(place: Place, seed: u64) -> Result<Transcript, Failure> {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().expect("a runtime");
    match place {
        Place::Host => runtime.block_on(story::run(seed)),
        Place::Kubernetes => runtime.block_on(cluster::run(seed)),
        Place::Fleet => runtime.block_on(fleet::run(seed)),
    }
}
