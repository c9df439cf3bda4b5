//! What a target says is there now.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Digest, Health, ResourceId};

/// Whether a resource is there. Unknown is never absent: nothing is created, pruned or trimmed on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    /// It is there.
    Present,
    /// The target said of this very resource that it is not there.
    Absent,
    /// It is being deleted.
    Terminating,
    /// It could not be told: forbidden, group or version missing, timeout. The text says which.
    Unknown(String),
}

/// Whose it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Owner {
    /// This app's, by the rule of SEMANTICS ("Identity and ownership").
    Ours,
    /// Nobody's that the target knows of: it was made by hand.
    Nobody,
    /// Another app of this installation.
    App(String),
    /// Another installation of TrueUp.
    Installation(String),
    /// Another tool: `kubectl`, `helm`, `argocd`, `flux`, or whatever named itself. `writes` says
    /// that it still does, which refuses adoption.
    Tool {
        /// Its name, as `adopt` in an App spells it where it can be adopted.
        name: String,
        /// Whether it still writes to the resource.
        writes: bool,
    },
}

/// What the target would make of the desired document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Prediction {
    /// The whole document as it would stand afterwards, in the same form as `live`.
    Exact(Value),
    /// It cannot be told yet, and why (`its definition is created in an earlier stage`).
    Unpredicted(String),
    /// The target refuses it. `permanent` refusals are not tried again.
    Refused {
        /// What the target said.
        message: String,
        /// Whether trying again is pointless.
        permanent: bool,
    },
    /// A field would change that cannot be changed in place.
    Immutable {
        /// JSON pointers of the fields.
        fields: Vec<String>,
        /// What the target said.
        message: String,
    },
}

/// A field that somebody other than us set, or holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForeignField {
    /// JSON pointer.
    pub path: String,
    /// Who: the field manager's name.
    pub manager: String,
    /// When, RFC 3339; empty where the target does not tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub time: String,
    /// Whether that is a person (`kubectl*` and others that are not known as controllers).
    pub person: bool,
}

/// What the target says of one resource.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedResource {
    /// Whether it is there.
    pub presence: Presence,
    /// Whose it is; `Nobody` where it is absent.
    pub owner: Owner,
    /// The target's identity of this very incarnation: a uid. Empty where it is absent.
    pub uid: String,
    /// The target's version of it, for preconditions. Never part of a digest.
    pub resource_version: String,
    /// Set where the target knows, without comparing documents, that the live state is exactly what
    /// the desired document with this digest makes. `live` may then be left out.
    pub synced: Option<Digest>,
    /// The live document, without what the target manages itself (status, managedFields,
    /// resourceVersion …).
    pub live: Option<Value>,
    /// What the desired document would make of it; `None` where nothing is desired.
    pub prediction: Option<Prediction>,
    /// Fields in the way of the desired document, and who holds them: applying takes these over.
    pub conflicts: Vec<ForeignField>,
    /// Fields that others added and Git does not mention.
    pub added: Vec<ForeignField>,
    /// What must be put right in its bookkeeping (managedFields) before it can be relied on.
    pub repair: Option<String>,
    /// How it does.
    pub health: Health,
}

impl ObservedResource {
    /// Absent, and so nobody's.
    pub fn absent() -> Self {
        Self {
            presence: Presence::Absent,
            owner: Owner::Nobody,
            uid: String::new(),
            resource_version: String::new(),
            synced: None,
            live: None,
            prediction: None,
            conflicts: Vec::new(),
            added: Vec::new(),
            repair: None,
            health: Health::new(crate::HealthStatus::Missing, "it does not exist yet"),
        }
    }

    /// It could not be told whether it is there.
    pub fn unknown(why: impl Into<String>) -> Self {
        let why = why.into();
        Self {
            presence: Presence::Unknown(why.clone()),
            health: Health::new(crate::HealthStatus::Unknown, why),
            ..Self::absent()
        }
    }

    /// There, ours, and exactly what the document with this digest makes.
    pub fn synced(uid: impl Into<String>, digest: Digest, health: Health) -> Self {
        Self {
            presence: Presence::Present,
            owner: Owner::Ours,
            uid: uid.into(),
            synced: Some(digest),
            health,
            ..Self::absent()
        }
    }
}

/// What the target says of everything that was asked for: each desired resource and each one in the
/// inventory has an entry.
pub type Observed = BTreeMap<ResourceId, ObservedResource>;
