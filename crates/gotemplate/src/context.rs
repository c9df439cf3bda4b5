//! What a function is given to work with: the running interpreter, its budget and its host.

use std::any::Any;

use crate::function::FunctionError;
use crate::value::{Str, Value};

/// Where time and randomness come from. One host serves all templates of a rendering.
///
/// The engines are pure: a host decides whether randomness is drawn from an installation's key, is
/// fresh, or is a stub.
pub trait Host {
    /// What `now` is.
    fn now(&mut self) -> Timestamp;

    /// Fills `out` with random bytes for a call. Two calls that differ in anything that `call` says
    /// get unrelated bytes.
    fn random(&mut self, call: &RandomCall<'_>, out: &mut [u8]);

    /// The Rust value, so that the functions an embedder registers reach their own state: always
    /// `self`.
    fn as_any(&mut self) -> &mut dyn Any;
}

/// A moment: seconds since 1970 in UTC and nanoseconds within the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Below 1,000,000,000.
    pub nanoseconds: u32,
}

/// A call of a function that draws randomness.
#[derive(Clone, Debug)]
pub struct RandomCall<'a> {
    /// The function.
    pub function: &'a str,
    /// The template that is being executed, by name.
    pub template: &'a [u8],
    /// The how-many-eth call of this function in this template it is, from 0.
    pub count: u64,
    /// Its arguments.
    pub args: &'a [Value],
}

/// What an execution may use up.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Nodes walked, calls made, iterations.
    pub steps: u64,
    /// Bytes written and bytes made by functions, all together.
    pub bytes: u64,
    /// How deep templates may call each other by `template` or through functions.
    pub depth: usize,
}

impl Default for Budget {
    /// Far beyond what any real chart needs: about a minute and some gigabytes of work.
    fn default() -> Self {
        Self { steps: 200_000_000, bytes: 4 << 30, depth: 100_000 }
    }
}

/// A budget that does not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    /// Too many steps.
    #[error("the template takes too many steps")]
    Steps,
    /// Too many bytes.
    #[error("the template makes too much text")]
    Bytes,
    /// Values nested too deep to be worked on.
    #[error("the value is nested too deep")]
    Nesting,
}

/// A failed execution. Displays as Go's text:
/// `template: name:line:column: executing "name" at <node>: message`.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct ExecError {
    /// The whole text.
    pub text: String,
}

/// The running interpreter, as functions see it.
pub struct Context<'a> {
    host: &'a mut dyn Host,
    left: Budget,
}

impl<'a> Context<'a> {
    /// A context outside of any template; for the tests of functions.
    pub fn new(host: &'a mut dyn Host, budget: Budget) -> Self {
        Self { host, left: budget }
    }

    /// The host.
    pub fn host(&mut self) -> &mut dyn Host {
        self.host
    }

    /// The embedder's own state, if the host is of this type.
    pub fn state<T: Any>(&mut self) -> Option<&mut T> {
        self.host.as_any().downcast_mut()
    }

    /// Pays for work: call it before a loop whose length an argument decides.
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn charge_steps(&mut self, steps: u64) -> Result<(), FunctionError> {
        self.left.steps = self.left.steps.checked_sub(steps).ok_or(Exhausted::Steps)?;
        Ok(())
    }

    /// Pays for text or elements about to be made: call it before allocating what an argument decides
    /// the size of. Results of functions are charged by the interpreter too, once they are there.
    ///
    /// # Errors
    /// If the budget does not suffice.
    pub fn charge_bytes(&mut self, bytes: u64) -> Result<(), FunctionError> {
        self.left.bytes = self.left.bytes.checked_sub(bytes).ok_or(Exhausted::Bytes)?;
        Ok(())
    }

    /// Random bytes for the running call of `function` with these arguments.
    pub fn random(&mut self, function: &str, args: &[Value], out: &mut [u8]) {
        self.host.random(&RandomCall { function, template: b"", count: 0, args }, out);
    }

    /// Runs the template of that name in the current set, and gives what it wrote (`include`).
    ///
    /// # Errors
    /// If there is no such template or it fails.
    pub fn execute(&mut self, name: &[u8], _data: &Value) -> Result<Str, FunctionError> {
        let name = String::from_utf8_lossy(name);
        Err(FunctionError::new(format!("template: no template {name:?}")))
    }
}
