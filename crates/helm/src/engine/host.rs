//! What templates ask the world: the time, randomness, and objects of the cluster.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hmac::{Hmac, Mac};
use serde_json::Value as Json;
use sha2::Sha256;
use trueup_gotemplate::ast::Tree;
use trueup_gotemplate::{Host, RandomCall, Str, Timestamp};
use trueup_model::need::Lookup;

/// Where randomness comes from: a secret and the app it is used for. What is drawn depends on these,
/// the template, the function, its arguments and the how-many-eth call of it this is, and on nothing
/// else: it stays when the chart or the values change elsewhere.
#[derive(Clone)]
pub struct Randomness {
    key: [u8; 32],
    app: String,
}

impl Randomness {
    /// Draws from the key of an installation, for one app; or, with a key that was just made, afresh.
    pub fn new(key: [u8; 32], app: impl Into<String>) -> Self {
        Self { key, app: app.into() }
    }

    fn fill(&self, call: &RandomCall<'_>, out: &mut [u8]) {
        let mut request = Vec::new();
        let mut part = |bytes: &[u8]| {
            request.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            request.extend_from_slice(bytes);
        };
        part(self.app.as_bytes());
        part(call.template);
        part(call.function.as_bytes());
        part(&call.count.to_be_bytes());
        for argument in call.args {
            part(trueup_gotemplate::fmt::describe(argument).as_bytes());
        }
        for (block, chunk) in out.chunks_mut(32).enumerate() {
            let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key)
                .expect("a key of any length will do");
            mac.update(&request);
            mac.update(&(block as u64).to_be_bytes());
            let drawn = mac.finalize().into_bytes();
            for (byte, drawn) in chunk.iter_mut().zip(drawn) {
                *byte = drawn;
            }
        }
    }
}

impl std::fmt::Debug for Randomness {
    /// Without the key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Randomness").field("app", &self.app).finish_non_exhaustive()
    }
}

/// What `lookup` answers.
#[derive(Clone, Debug, Default)]
pub enum Lookups {
    /// Always an empty map, as `helm template` does.
    #[default]
    Empty,
    /// These; one that is missing is a need of the rendering. An object that is not there is null.
    Answers(BTreeMap<Lookup, Arc<Json>>),
}

/// The state of one rendering.
pub(crate) struct RenderHost {
    pub(crate) lint: bool,
    pub(crate) now: Timestamp,
    pub(crate) randomness: Randomness,
    pub(crate) lookups: Lookups,
    /// Objects that were asked for and are not among the answers.
    pub(crate) missing_lookups: Vec<Lookup>,
    /// What `required` and `fail` say in lint mode.
    pub(crate) warnings: Vec<String>,
    /// How often each name is being included at the moment.
    pub(crate) included: HashMap<Str, usize>,
    /// Texts that `tpl` has parsed: charts give it the same ones again and again.
    pub(crate) parsed: HashMap<Str, Arc<[Arc<Tree>]>>,
    /// Whether a function drew randomness or asked for the time.
    pub(crate) is_random: bool,
}

impl Host for RenderHost {
    fn now(&mut self) -> Timestamp {
        self.is_random = true;
        self.now
    }

    fn random(&mut self, call: &RandomCall<'_>, out: &mut [u8]) {
        self.is_random = true;
        self.randomness.fill(call, out);
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_depends_on_the_call_alone() {
        let drawn = |key: u8, app: &str, template: &str, count: u64| {
            let mut out = [0; 40];
            let call = RandomCall {
                function: "randAlphaNum",
                template: template.as_bytes(),
                count,
                args: &[],
            };
            Randomness::new([key; 32], app).fill(&call, &mut out);
            out
        };
        let first = drawn(1, "app", "t", 0);
        assert_eq!(first, drawn(1, "app", "t", 0));
        assert_ne!(first, drawn(2, "app", "t", 0));
        assert_ne!(first, drawn(1, "other", "t", 0));
        assert_ne!(first, drawn(1, "app", "u", 0));
        assert_ne!(first, drawn(1, "app", "t", 1));
    }
}
