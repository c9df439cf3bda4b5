//! The order of the output: as the resources came, or the legacy order by kind.

use std::cmp::Ordering;
use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::id::{Gvk, ResId};
use crate::kustomization::SortOptions;

/// Kinds that others need come first; the order among them is upstream's and never changes.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Webhooks come last, so that they do not stop what comes before them.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// Where a kind stands: below 0 for the first ones, above 0 for the last ones.
pub(crate) fn rank(kind: &str) -> i64 {
    let index = |list: &[&str]| list.iter().position(|known| *known == kind);
    match (index(&FIRST), index(&LAST)) {
        (_, Some(index)) => 1 + as_rank(index),
        (Some(index), None) => as_rank(index) - as_rank(FIRST.len()),
        (None, None) => 0,
    }
}

fn as_rank(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX / 2)
}

/// How the output is ordered.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// As the resources came.
    Fifo,
    /// By the rank of the kind, then by text.
    Legacy(HashMap<String, i64>),
}

impl Order {
    /// The legacy order with the built-in ranks.
    pub(crate) fn legacy() -> Self {
        Self::ranked(&FIRST, &LAST)
    }

    /// What `sortOptions` asks for.
    pub(crate) fn from_options(options: &SortOptions) -> Result<Self> {
        match (options.order.as_str(), &options.legacy) {
            ("legacy", None) => Ok(Self::legacy()),
            ("legacy", Some(ranks)) => Ok(Self::ranked(&ranks.first, &ranks.last)),
            ("fifo", None) => Ok(Self::Fifo),
            ("fifo", Some(_)) => Err(Error::new(
                "the field 'sortOptions.legacySortOptions' is set but the selected sort order is 'fifo', not 'legacy'",
            )),
            _ => Err(Error::new("the field 'sortOptions.order' must be one of [fifo, legacy]")),
        }
    }

    fn ranked<S: AsRef<str>>(first: &[S], last: &[S]) -> Self {
        let mut ranks = HashMap::new();
        for (index, kind) in first.iter().enumerate() {
            ranks.insert(kind.as_ref().to_owned(), as_rank(index) - as_rank(first.len()));
        }
        for (index, kind) in last.iter().enumerate() {
            ranks.insert(kind.as_ref().to_owned(), 1 + as_rank(index));
        }
        Self::Legacy(ranks)
    }

    /// The order of the resources with these ids: the index of each in its new place.
    pub(crate) fn arrange(&self, ids: &[&ResId]) -> Vec<usize> {
        let mut places: Vec<usize> = (0..ids.len()).collect();
        let Self::Legacy(ranks) = self else { return places };
        let keys: Vec<Key> = ids.iter().map(|id| Key::of(id, ranks)).collect();
        places.sort_by(|&a, &b| match (keys.get(a), keys.get(b)) {
            (Some(a), Some(b)) => a.compare(b),
            _ => Ordering::Equal,
        });
        places
    }
}

/// What the legacy order compares, computed once a resource.
struct Key<'a> {
    gvk: &'a Gvk,
    rank: i64,
    gvk_text: String,
    id_text: String,
}

impl<'a> Key<'a> {
    fn of(id: &'a ResId, ranks: &HashMap<String, i64>) -> Self {
        Self {
            gvk: &id.gvk,
            rank: ranks.get(&id.gvk.kind).copied().unwrap_or(0),
            gvk_text: id.gvk.sort_text(),
            id_text: id.sort_text(),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        if self.gvk == other.gvk {
            return self.id_text.cmp(&other.id_text);
        }
        let by_text = self.gvk_text.cmp(&other.gvk_text);
        let namespaces = self.gvk.kind == "Namespace" && other.gvk.kind == "Namespace";
        let core = self.gvk.group.is_empty() || other.gvk.group.is_empty();
        // A Namespace of the core group goes before namesakes of other groups.
        let by_text = if namespaces && core { by_text.reverse() } else { by_text };
        self.rank.cmp(&other.rank).then(by_text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arranged(types: &[(&str, &str, &str)]) -> Vec<usize> {
        let ids: Vec<ResId> = types
            .iter()
            .map(|(api, kind, name)| ResId {
                gvk: Gvk::new(api, kind),
                name: (*name).to_owned(),
                ..ResId::default()
            })
            .collect();
        Order::legacy().arrange(&ids.iter().collect::<Vec<_>>())
    }

    #[test]
    fn kinds_have_ranks_and_names_break_ties() {
        let types = [
            ("apps/v1", "Deployment", "b"),
            ("apps/v1", "Deployment", "a"),
            ("v1", "Service", "z"),
            ("example.com/v1", "Thing", "a"),
            ("v1", "Namespace", "n"),
        ];
        assert_eq!(arranged(&types), [4, 2, 1, 0, 3]);
    }

    #[test]
    fn the_core_namespace_goes_first() {
        let types = [("example.com/v1", "Namespace", "a"), ("v1", "Namespace", "b")];
        assert_eq!(arranged(&types), [1, 0]);
    }
}
