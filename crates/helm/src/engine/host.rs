//! What templates ask the world: the time, randomness, and objects of the cluster.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};
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
    rotation: u64,
    today: Option<i64>,
}

impl Randomness {
    /// Draws from the key of an installation, for one app; or, with a key that was just made, afresh.
    pub fn new(key: [u8; 32], app: impl Into<String>) -> Self {
        Self { key, app: app.into(), rotation: 0, today: None }
    }

    /// After so many times that a person had everything drawn anew.
    #[must_use]
    pub fn rotated(self, rotation: u64) -> Self {
        Self { rotation, ..self }
    }

    /// Certificates last: they are drawn for a period of two thirds of their life, in which `today`
    /// (seconds since 1970) lies, and anew for the next. Without this they are valid from the
    /// rendering's `now`.
    #[must_use]
    pub fn lasting(self, today: i64) -> Self {
        Self { today: Some(today), ..self }
    }

    /// The period in which today lies. When the periods of a call change over is drawn too, so that
    /// not all certificates are drawn anew at once.
    fn period(&self, call: &RandomCall<'_>, days: i64) -> Option<Period> {
        let today = self.today?;
        let length = days.saturating_mul(86_400) / 3 * 2;
        if length <= 0 {
            return None;
        }
        let mut drawn = [0; 8];
        self.fill(&RandomCall { function: "period", ..call.clone() }, &mut drawn);
        let offset = i64::from_be_bytes(drawn).rem_euclid(length);
        let from = today.saturating_sub(today.saturating_sub(offset).rem_euclid(length));
        Some(Period { from, until: from.saturating_add(length) })
    }

    fn fill(&self, call: &RandomCall<'_>, out: &mut [u8]) {
        let mut request = Vec::new();
        let mut part = |bytes: &[u8]| {
            request.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            request.extend_from_slice(bytes);
        };
        part(self.app.as_bytes());
        if self.rotation > 0 {
            part(&self.rotation.to_be_bytes());
        }
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

/// For how long a certificate that was drawn is the one that is drawn, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// Its first second: that from which the certificate is valid.
    pub from: i64,
    /// The second in which another one is drawn; the certificate is valid for half as long again.
    pub until: i64,
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

/// What a template did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traced {
    /// The line of the template, from 1, that wrote each line of what it wrote.
    pub lines: Vec<u32>,
    /// Paths in the root chart's values that it read, itself or in what it included.
    pub values: BTreeSet<String>,
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
    /// What the templates did, by name, where that is wanted.
    pub(crate) traces: BTreeMap<String, Traced>,
    /// Whether a function drew randomness.
    pub(crate) is_random: bool,
    /// Whether a function asked for the time.
    pub(crate) asked_time: bool,
    /// The periods of the certificates that were drawn.
    pub(crate) periods: Vec<Period>,
}

impl Host for RenderHost {
    fn now(&mut self) -> Timestamp {
        self.asked_time = true;
        self.now
    }

    fn valid_from(&mut self, call: &RandomCall<'_>, days: i64) -> Timestamp {
        match self.randomness.period(call, days) {
            Some(period) => {
                self.periods.push(period);
                Timestamp { seconds: period.from, nanoseconds: 0 }
            }
            None => self.now(),
        }
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
    fn certificates_last_for_two_thirds_of_their_life() {
        const DAY: i64 = 86_400;
        let call = RandomCall { function: "genCA", template: b"t", count: 0, args: &[] };
        let period = |today: i64| {
            let randomness = Randomness::new([1; 32], "app").lasting(today);
            randomness.period(&call, 90).expect("a period")
        };
        let first = period(1_700_000_000);
        assert_eq!(first.until - first.from, 60 * DAY);
        assert!(first.from <= 1_700_000_000 && 1_700_000_000 < first.until);
        assert_eq!(period(first.until - 1), first);
        assert_eq!(period(first.until).from, first.until);
        let fresh = Randomness::new([1; 32], "app");
        assert_eq!(fresh.period(&call, 90), None);
        assert_eq!(fresh.lasting(0).period(&call, 0), None);
    }

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
        let mut rotated = [0; 40];
        let call = RandomCall { function: "randAlphaNum", template: b"t", count: 0, args: &[] };
        Randomness::new([1; 32], "app").rotated(1).fill(&call, &mut rotated);
        assert_ne!(first, rotated);
    }
}
