//! What is special about kinds: one table, read by admission, planning and targets alike.

use crate::ResourceId;

/// Group of the host resources.
pub const HOST_GROUP: &str = "host.trueup.dev";

/// What is special about a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindTraits {
    /// Place within a wave: resources of a smaller rank are applied, and healthy, before those of a
    /// larger one; deletions go the other way. Kinds that need no order share a rank.
    pub rank: u32,
    /// Whether deleting it needs consent: what is in it, or behind it, is lost with it.
    pub delete_needs_consent: bool,
    /// Whether going back may delete it.
    pub survives_rollback: bool,
    /// Whether it runs once for each content.
    pub runs_once: bool,
    /// JSON pointers of subtrees whose content is secret.
    pub sensitive: &'static [&'static str],
}

const PLAIN: KindTraits = KindTraits {
    rank: RANK_WORKLOADS,
    delete_needs_consent: false,
    survives_rollback: false,
    runs_once: false,
    sensitive: &[],
};

const RANK_DEFINITIONS: u32 = 0;
const RANK_WORKLOADS: u32 = 1;
const RANK_HOST_FILES: u32 = 0;
const RANK_HOST_TASKS: u32 = 1;
const RANK_HOST_PROCESSES: u32 = 2;

/// What is special about this kind. Kinds that are not in the table are plain.
pub fn traits(group: &str, kind: &str) -> KindTraits {
    let keeps = KindTraits { delete_needs_consent: true, survives_rollback: true, ..PLAIN };
    match (group, kind) {
        ("", "Namespace") | ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            KindTraits { rank: RANK_DEFINITIONS, ..keeps }
        }
        ("", "PersistentVolumeClaim" | "PersistentVolume") => keeps,
        ("", "Secret") => KindTraits { sensitive: &["/data", "/stringData"], ..PLAIN },
        ("batch", "Job") => KindTraits { runs_once: true, ..PLAIN },
        (HOST_GROUP, "Directory" | "File") => KindTraits { rank: RANK_HOST_FILES, ..PLAIN },
        (HOST_GROUP, "Task") => KindTraits { rank: RANK_HOST_TASKS, runs_once: true, ..PLAIN },
        (HOST_GROUP, _) => KindTraits { rank: RANK_HOST_PROCESSES, ..PLAIN },
        _ => PLAIN,
    }
}

/// What is special about the kind of this resource.
pub fn of(id: &ResourceId) -> KindTraits {
    traits(&id.group, &id.kind)
}
