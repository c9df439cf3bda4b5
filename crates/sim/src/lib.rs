//! Whole-system simulation. A seed makes a world: commits, drifts, people, errors before and after
//! an effect, crashes of controller and machine between any two steps. Afterwards the world is left
//! in peace, must come to rest, and is checked.
//!
//! - [`story`][]: what happens, drawn from the seed
//! - [`checks`][]: what must hold at the end

pub mod checks;
pub mod story;

pub use story::{Failure, Transcript, run};
