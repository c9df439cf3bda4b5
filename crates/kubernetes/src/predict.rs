//! What the server would make of a document: a dry run of the very apply.

use http::Method;
use serde_json::Value;
use trueup_fields::managed::{self, Entry, applied};
use trueup_fields::{Set, values};
use trueup_model::ResourceId;
use trueup_model::observed::{ForeignField, Prediction};

use crate::catalog::Served;
use crate::status::{Answer, Asked, explain};
use crate::wire::{Ask, NoAnswer, Wire};
use crate::{MANAGER, document, writers};

/// Content type of a document to apply.
pub const APPLY: &str = "application/apply-patch+yaml";

/// How to apply.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    /// Take fields that others hold.
    pub force: bool,
    /// Write nothing.
    pub dry_run: bool,
}

/// An object and how to reach it.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// What it is.
    pub id: &'a ResourceId,
    /// Its kind at the version it is written at.
    pub served: &'a Served,
    /// The service account to act as.
    pub user: Option<String>,
    /// Whether its content is secret.
    pub secret: bool,
}

impl Place<'_> {
    /// What an error about it says.
    pub fn asked<'a>(&'a self, verb: &'a str) -> Asked<'a> {
        Asked {
            verb,
            group: &self.id.group,
            plural: &self.served.plural,
            namespace: &self.id.namespace,
            secret: self.secret,
        }
    }

    /// Applies a document.
    pub async fn apply(
        &self,
        wire: &Wire,
        document: Value,
        mode: Mode,
    ) -> Result<Answer, NoAnswer> {
        let dry_run = if mode.dry_run { "&dryRun=All" } else { "" };
        let path = format!(
            "{}?fieldManager={MANAGER}&fieldValidation=Warn&force={}{dry_run}",
            self.served.path(self.id),
            mode.force
        );
        let ask = Ask::with(Method::PATCH, path, APPLY, document);
        wire.ask(&ask.acting_as(self.user.clone())).await
    }

    /// Reads the object.
    pub async fn read(&self, wire: &Wire) -> Result<Answer, NoAnswer> {
        wire.ask(&Ask::get(self.served.path(self.id)).acting_as(self.user.clone())).await
    }
}

/// What an apply would make, and whom it takes fields from.
pub struct Predicted {
    /// The document afterwards, or why there is none.
    pub prediction: Prediction,
    /// Who holds fields that it sets.
    pub conflicts: Vec<ForeignField>,
    /// What we would own afterwards.
    pub owned: Set,
}

impl Predicted {
    fn without_conflicts(prediction: Prediction) -> Self {
        Self { prediction, conflicts: Vec::new(), owned: Set::default() }
    }
}

/// What applying `document` would make. `live`: the object and its entries, where it exists.
pub async fn predict(
    wire: &Wire,
    place: &Place<'_>,
    document: &Value,
    live: Option<(&Value, &[Entry])>,
    namespace_comes: bool,
) -> Predicted {
    let mut conflicts = Vec::new();
    let dry = Mode { dry_run: true, force: false };
    let mut answer = place.apply(wire, document.clone(), dry).await;
    if let Ok(refused) = &answer
        && refused.is_conflict()
        && let Some((object, entries)) = live
    {
        conflicts = writers::conflicts(object, entries, &refused.causes());
        let forced = Mode { dry_run: true, force: true };
        answer = place.apply(wire, document.clone(), forced).await;
    }
    match answer {
        Ok(answer) if answer.succeeded() => {
            let entries = managed::entries(&answer.body);
            let owned = applied(&entries, MANAGER).map(|e| e.set.clone()).unwrap_or_default();
            let prediction = Prediction::Exact(document::live(&answer.body));
            Predicted { prediction, conflicts, owned }
        }
        Ok(answer) => Predicted {
            conflicts,
            ..Predicted::without_conflicts(refusal(&answer, place, namespace_comes))
        },
        Err(error) => Predicted::without_conflicts(Prediction::Refused {
            message: error.to_string(),
            permanent: false,
        }),
    }
}

fn refusal(answer: &Answer, place: &Place<'_>, namespace_comes: bool) -> Prediction {
    let message = explain(answer, place.asked("patch"));
    let fields = answer.immutable();
    if !fields.is_empty() {
        return Prediction::Immutable { fields, message };
    }
    if answer.code == 404 && namespace_comes {
        return Prediction::Unpredicted("its namespace is created in an earlier stage".to_owned());
    }
    if answer.code == 400 && answer.message().contains("dry run") {
        return Prediction::Unpredicted(message);
    }
    Prediction::Refused { permanent: answer.is_permanent(), message }
}

/// What taking over makes of an object: what an apply makes, without what the former tool owned and
/// the document does not name. By set arithmetic, because no dry run spans two requests.
pub fn after_takeover(
    predicted: &Value,
    entries: &[Entry],
    owned: &Set,
    taken: &[&Entry],
) -> Value {
    let theirs = taken.iter().fold(Set::default(), |all, entry| all.union(&entry.set));
    let others = entries
        .iter()
        .filter(|entry| !taken.contains(entry) && !entry.is_apply_of(MANAGER))
        .fold(owned.clone(), |all, entry| all.union(&entry.set));
    let mut document = predicted.clone();
    values::remove(&mut document, &theirs.without(&["status"]).difference(&others));
    document
}
