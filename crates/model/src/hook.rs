//! Hooks: resources that run at an occasion of an apply instead of being part of what is kept.
//!
//! Three ways of writing them are understood, and the first that a resource has is taken: TrueUp's
//! (`trueup.dev/hook`), Argo CD's (`argocd.argoproj.io/hook`; names it does not know are passed over,
//! as Argo CD does) and Helm's (`helm.sh/hook`). Helm's `pre-install` and `pre-upgrade` are told
//! apart; its tests are never run by an apply, and `crd-install` is an ordinary resource.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Digest;
use crate::app::Duration;
use crate::resource::annotation;

/// When it runs: a list of [`OCCASIONS`], separated by commas.
pub const HOOK: &str = "trueup.dev/hook";
/// Smaller weights run first; 0 if left out.
pub const WEIGHT: &str = "trueup.dev/hook-weight";
/// When the object is deleted: a list of [`DELETIONS`], separated by commas.
pub const DELETE: &str = "trueup.dev/hook-delete";
/// How long it may take.
pub const TIMEOUT: &str = "trueup.dev/hook-timeout";

/// What `trueup.dev/hook` may say.
pub const OCCASIONS: [&str; 6] =
    ["before", "after", "failure", "rollback", "before-delete", "after-delete"];
/// What `trueup.dev/hook-delete` may say.
pub const DELETIONS: [&str; 3] = ["before-creation", "succeeded", "failed"];

const ARGO: &str = "argocd.argoproj.io/hook";
const ARGO_DELETE: &str = "argocd.argoproj.io/hook-delete-policy";
const ARGO_WAVE: &str = "argocd.argoproj.io/sync-wave";
const HELM: &str = "helm.sh/hook";
const HELM_DELETE: &str = "helm.sh/hook-delete-policy";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";
const WAVE: &str = "trueup.dev/wave";

/// An occasion on which a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    Before,
    BeforeFirst,
    BeforeLater,
    During,
    After,
    AfterFirst,
    AfterLater,
    Failure,
    Rollback,
    AfterRollback,
    BeforeDelete,
    AfterDelete,
}

/// The part of a run in which a hook runs.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// Before everything else.
    Before,
    /// With the resources of its wave.
    During,
    /// After everything else is healthy.
    After,
    /// When the run has failed, before anything is gone back to.
    Failure,
}

impl Phase {
    /// The word, as people read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
            Self::Failure => "failure",
        }
    }
}

/// What a run is towards, as far as hooks differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Towards what Git says; `first`: nothing was applied in full before.
    Apply {
        /// Whether this is the first apply.
        first: bool,
    },
    /// Towards a state that was healthy before.
    Rollback,
    /// Towards nothing.
    Delete,
}

/// A hook, as its annotations say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    occasions: Vec<Occasion>,
    /// Smaller weights run first.
    pub weight: i32,
    /// Whether what is left of an earlier run is deleted first. So it is where nothing is said.
    pub delete_before: bool,
    /// Whether it is deleted once it succeeded.
    pub delete_succeeded: bool,
    /// Whether it is deleted once it failed.
    pub delete_failed: bool,
    /// How long it may take; `None`: as long as the app may take to become healthy.
    pub timeout: Option<Duration>,
}

impl Hook {
    /// The phases of a run on this course in which it runs, in order; none where it has no occasion.
    pub fn phases(&self, course: Course) -> Vec<Phase> {
        let mut phases: Vec<Phase> =
            self.occasions.iter().filter_map(|occasion| occasion.phase(course)).collect();
        phases.sort_unstable();
        phases.dedup();
        phases
    }

    /// Whether it runs when an app is deleted.
    pub fn runs_on_delete(&self) -> bool {
        !self.phases(Course::Delete).is_empty()
    }

    /// When it runs, for a person who wonders why it does not now.
    pub fn when(&self) -> &'static str {
        match self.occasions.first() {
            Some(Occasion::Before | Occasion::During | Occasion::After) => {
                "it runs when Git's state is applied"
            }
            Some(Occasion::BeforeFirst | Occasion::AfterFirst) => {
                "it runs at the first apply (Helm's install)"
            }
            Some(Occasion::BeforeLater | Occasion::AfterLater) => {
                "it runs at later applies (Helm's upgrade)"
            }
            Some(Occasion::Failure) => "it runs when an apply fails",
            Some(Occasion::Rollback | Occasion::AfterRollback) => "it runs when the app goes back",
            Some(Occasion::BeforeDelete | Occasion::AfterDelete) => {
                "it runs when the app is deleted"
            }
            None => "an apply never runs it (Argo CD's Skip, or a test of Helm)",
        }
    }
}

impl Occasion {
    fn phase(self, course: Course) -> Option<Phase> {
        use Course::{Apply, Delete, Rollback};
        Some(match (self, course) {
            (Self::Before, Apply { .. })
            | (Self::BeforeFirst, Apply { first: true })
            | (Self::BeforeLater, Apply { first: false })
            | (Self::Rollback, Rollback)
            | (Self::BeforeDelete, Delete) => Phase::Before,
            (Self::During, Apply { .. }) => Phase::During,
            (Self::After, Apply { .. })
            | (Self::AfterFirst, Apply { first: true })
            | (Self::AfterLater, Apply { first: false })
            | (Self::AfterRollback, Rollback)
            | (Self::AfterDelete, Delete) => Phase::After,
            (Self::Failure, Apply { .. }) => Phase::Failure,
            _ => return None,
        })
    }
}

/// The hook that a document is, if it is one.
pub fn of(body: &Value) -> Option<Hook> {
    let occasions = occasions(body)?;
    let deletions: Vec<&str> = [DELETE, ARGO_DELETE, HELM_DELETE]
        .into_iter()
        .find_map(|name| annotation(body, name))
        .map_or_else(Vec::new, list);
    let says = |words: [&str; 3]| deletions.iter().any(|word| words.contains(word));
    let weight = [WEIGHT, WAVE, ARGO_WAVE, HELM_WEIGHT]
        .into_iter()
        .find_map(|name| annotation(body, name)?.trim().parse().ok())
        .unwrap_or(0);
    Some(Hook {
        occasions,
        weight,
        delete_before: deletions.is_empty()
            || says(["before-creation", "BeforeHookCreation", "before-hook-creation"]),
        delete_succeeded: says(["succeeded", "HookSucceeded", "hook-succeeded"]),
        delete_failed: says(["failed", "HookFailed", "hook-failed"]),
        timeout: annotation(body, TIMEOUT).and_then(|text| Duration::parse(text.trim()).ok()),
    })
}

fn occasions(body: &Value) -> Option<Vec<Occasion>> {
    if let Some(text) = annotation(body, HOOK) {
        return Some(list(text).into_iter().filter_map(own).collect());
    }
    let argo: Vec<Option<Occasion>> = annotation(body, ARGO)
        .map_or_else(Vec::new, |text| list(text).into_iter().filter_map(argo).collect());
    if !argo.is_empty() {
        return Some(argo.into_iter().flatten().collect());
    }
    let events = list(annotation(body, HELM)?);
    if events == ["crd-install"] {
        return None;
    }
    Some(events.into_iter().filter_map(helm).collect())
}

fn own(word: &str) -> Option<Occasion> {
    Some(match word {
        "before" => Occasion::Before,
        "after" => Occasion::After,
        "failure" => Occasion::Failure,
        "rollback" => Occasion::Rollback,
        "before-delete" => Occasion::BeforeDelete,
        "after-delete" => Occasion::AfterDelete,
        _ => return None,
    })
}

/// `Some(None)`: a name that Argo CD knows, and that is never an occasion.
fn argo(word: &str) -> Option<Option<Occasion>> {
    Some(Some(match word {
        "PreSync" => Occasion::Before,
        "Sync" => Occasion::During,
        "PostSync" => Occasion::After,
        "SyncFail" => Occasion::Failure,
        "PreDelete" => Occasion::BeforeDelete,
        "PostDelete" => Occasion::AfterDelete,
        "Skip" => return Some(None),
        _ => return None,
    }))
}

fn helm(word: &str) -> Option<Occasion> {
    Some(match word {
        "pre-install" => Occasion::BeforeFirst,
        "pre-upgrade" => Occasion::BeforeLater,
        "post-install" => Occasion::AfterFirst,
        "post-upgrade" => Occasion::AfterLater,
        "pre-rollback" => Occasion::Rollback,
        "post-rollback" => Occasion::AfterRollback,
        "pre-delete" => Occasion::BeforeDelete,
        "post-delete" => Occasion::AfterDelete,
        _ => return None,
    })
}

fn list(text: &str) -> Vec<&str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
}

/// How a hook of the present run stands: what must survive, so that it runs once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookRun {
    /// Of the run towards this rendered set.
    pub set: Digest,
    /// Whether that run goes back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub back: bool,
    /// In which part of the run.
    pub phase: Phase,
    /// When it was last begun.
    pub began: Timestamp,
    /// The incarnation that it replaces: while that one is still there, it was not begun.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub replaces: String,
    /// The incarnation that runs, once the target told.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uid: String,
    /// How often it was begun: one that vanishes before its end was seen is run again, not for ever.
    #[serde(default)]
    pub begun: u32,
    /// How it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<HookEnd>,
}

/// How a hook ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HookEnd {
    /// It did what it is for.
    Succeeded,
    /// It did not; the text says why.
    Failed(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FIRST: Course = Course::Apply { first: true };
    const LATER: Course = Course::Apply { first: false };

    fn hook(annotations: Value) -> Option<Hook> {
        of(&json!({"metadata": {"annotations": annotations}}))
    }

    fn check(annotations: Value, course: Course, expected: &[Phase]) {
        let phases = hook(annotations.clone()).expect("a hook").phases(course);
        assert_eq!(phases, expected, "{annotations} {course:?}");
    }

    #[test]
    fn three_ways_of_writing_them() {
        use Phase::{After, Before, During, Failure};
        check(json!({HOOK: "before"}), FIRST, &[Before]);
        check(json!({HOOK: "before, after"}), LATER, &[Before, After]);
        check(json!({HOOK: "rollback"}), LATER, &[]);
        check(json!({HOOK: "rollback"}), Course::Rollback, &[Before]);
        check(json!({HOOK: "after-delete"}), Course::Delete, &[After]);
        check(json!({ARGO: "PreSync,PostSync"}), LATER, &[Before, After]);
        check(json!({ARGO: "Sync"}), LATER, &[During]);
        check(json!({ARGO: "SyncFail"}), LATER, &[Failure]);
        check(json!({ARGO: "PreSync"}), Course::Rollback, &[]);
        check(json!({ARGO: "Skip"}), LATER, &[]);
        check(json!({HELM: "pre-install"}), FIRST, &[Before]);
        check(json!({HELM: "pre-install"}), LATER, &[]);
        check(json!({HELM: "pre-install,post-upgrade"}), LATER, &[After]);
        check(json!({HELM: "test"}), LATER, &[]);
        check(json!({HELM: "post-rollback"}), Course::Rollback, &[After]);
    }

    #[test]
    fn the_first_way_that_says_something_counts() {
        check(json!({HOOK: "after", ARGO: "PreSync", HELM: "pre-install"}), FIRST, &[Phase::After]);
        check(json!({ARGO: "Nonsense", HELM: "pre-install"}), FIRST, &[Phase::Before]);
        assert_eq!(hook(json!({HELM: "crd-install"})), None);
        assert_eq!(hook(json!({ARGO: "Nonsense"})), None);
        assert_eq!(hook(json!({})), None);
    }

    #[test]
    fn weights_deletions_and_timeouts() {
        let helm = hook(json!({
            HELM: "pre-upgrade", HELM_WEIGHT: "-5", HELM_DELETE: "hook-succeeded,hook-failed",
        }))
        .expect("a hook");
        assert_eq!(helm.weight, -5);
        assert!(!helm.delete_before && helm.delete_succeeded && helm.delete_failed);
        let own =
            hook(json!({HOOK: "before", WEIGHT: "3", WAVE: "9", TIMEOUT: "90s"})).expect("a hook");
        assert_eq!((own.weight, own.timeout), (3, Some(Duration::from_secs(90))));
        assert!(own.delete_before && !own.delete_succeeded);
        let argo = hook(json!({ARGO: "PreSync", ARGO_WAVE: "2"})).expect("a hook");
        assert_eq!(argo.weight, 2);
    }
}
