//! The vocabulary of TrueUp: every noun that two crates share is a type here, and every outside
//! system that the loop uses is a trait here (a *port*). Pure and synchronous but for the ports'
//! signatures: nothing in this crate reads a clock, a file, the environment or randomness.

pub mod diagnostic;
pub mod digest;
pub mod tree;

pub use diagnostic::{Diagnostic, Location, Severity};
pub use digest::Digest;
