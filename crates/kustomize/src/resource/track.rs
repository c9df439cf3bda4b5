//! What is remembered of a resource: what upstream keeps in its build annotations.

use trueup_yaml::Node;

use crate::metadata::{self, Texts};

const PREFIX: &str = "internal.config.kubernetes.io/";

/// Annotations that never reach the output, whoever wrote them.
const STRIPPED: [&str; 3] =
    ["config.kubernetes.io/path", "config.kubernetes.io/index", "config.k8s.io/id"];

/// Internal annotations that mean nothing here, but are stripped as well.
const STRIPPED_INTERNAL: [&str; 6] =
    ["path", "index", "seqindent", "id", "annotations-migration-resource-id", "refBy"];

/// How a generated resource meets one of the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    /// Nothing was said: as [`Behavior::Create`].
    #[default]
    Unspecified,
    /// There must be none.
    Create,
    /// It takes the place of the other.
    Replace,
    /// Its data is added to that of the other.
    Merge,
}

impl Behavior {
    /// What a generator's `behavior` says; anything unknown says nothing.
    pub(crate) fn parse(text: &str) -> Self {
        match text {
            "create" => Self::Create,
            "replace" => Self::Replace,
            "merge" => Self::Merge,
            _ => Self::Unspecified,
        }
    }

    /// As upstream writes it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Merge => "merge",
        }
    }
}

/// What a resource was called once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Former {
    pub name: String,
    /// The effective namespace it had.
    pub namespace: String,
    pub kind: String,
}

/// What is remembered of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Track {
    /// What it was called, oldest first.
    pub former: Vec<Former>,
    /// Prefixes it was given, in order.
    pub prefixes: Vec<String>,
    /// Suffixes it was given, in order.
    pub suffixes: Vec<String>,
    /// How it meets a resource of the same id; `None` if no generator made it.
    pub behavior: Option<Behavior>,
    /// Whether its name gets a digest of its content.
    pub needs_hash: bool,
    /// A patch that may change names.
    pub allow_name_change: bool,
    /// A patch that may change kinds.
    pub allow_kind_change: bool,
    /// Whether a Helm chart made it; the namespace transformer leaves it alone then.
    pub helm_generated: bool,
}

impl Track {
    /// Reads the annotations from a resource, and takes them out of it.
    pub(super) fn take_from(node: &mut Node) -> Self {
        let Some(annotations) = node.get_mut("metadata").and_then(|m| m.get_mut("annotations"))
        else {
            return Self::default();
        };
        let Some(entries) = annotations.entries_mut() else { return Self::default() };
        let mut taken = Texts::new();
        entries.retain(|(key, value)| {
            let name = key.text().unwrap_or("");
            let internal = name.strip_prefix(PREFIX);
            if internal.is_some_and(is_known) || STRIPPED.contains(&name) {
                taken.insert(name.to_owned(), value.text().unwrap_or("").to_owned());
                return false;
            }
            true
        });
        if entries.is_empty()
            && !taken.is_empty()
            && let Some(metadata) = node.get_mut("metadata")
        {
            metadata.remove("annotations");
        }
        Self::from_texts(&taken)
    }

    fn from_texts(texts: &Texts) -> Self {
        let get = |name: &str| texts.get(&format!("{PREFIX}{name}")).map(String::as_str);
        let list = |name: &str| -> Vec<String> {
            get(name).map(|csv| csv.split(',').map(str::to_owned).collect()).unwrap_or_default()
        };
        let enabled = |name: &str| get(name) == Some("enabled");
        let former = list("previousNames")
            .into_iter()
            .zip(list("previousNamespaces"))
            .zip(list("previousKinds"))
            .map(|((name, namespace), kind)| Former { name, namespace, kind });
        Self {
            former: former.collect(),
            prefixes: list("prefixes"),
            suffixes: list("suffixes"),
            behavior: get("generatorBehavior").map(Behavior::parse),
            needs_hash: enabled("needsHashSuffix"),
            allow_name_change: enabled("allowNameChange"),
            allow_kind_change: enabled("allowKindChange"),
            helm_generated: get("helm-generated") == Some("true"),
        }
    }

    /// Writes the annotations into a resource.
    pub(super) fn write_to(&self, node: &mut Node) {
        for (name, value) in self.to_texts() {
            metadata::set_annotation(node, &format!("{PREFIX}{name}"), &value);
        }
    }

    fn to_texts(&self) -> Vec<(&'static str, String)> {
        let join =
            |part: fn(&Former) -> &str| self.former.iter().map(part).collect::<Vec<_>>().join(",");
        let flag = |on: bool, text: &str| if on { text.to_owned() } else { String::new() };
        let mut texts = vec![
            ("previousNames", join(|former| &former.name)),
            ("previousNamespaces", join(|former| &former.namespace)),
            ("previousKinds", join(|former| &former.kind)),
            ("prefixes", self.prefixes.join(",")),
            ("suffixes", self.suffixes.join(",")),
            ("generatorBehavior", self.behavior.map_or("", Behavior::as_str).to_owned()),
            ("needsHashSuffix", flag(self.needs_hash, "enabled")),
            ("allowNameChange", flag(self.allow_name_change, "enabled")),
            ("allowKindChange", flag(self.allow_kind_change, "enabled")),
            ("helm-generated", flag(self.helm_generated, "true")),
        ];
        texts.retain(|(_, text)| !text.is_empty());
        texts
    }
}

fn is_known(name: &str) -> bool {
    STRIPPED_INTERNAL.contains(&name)
        || matches!(
            name,
            "previousNames"
                | "previousNamespaces"
                | "previousKinds"
                | "prefixes"
                | "suffixes"
                | "generatorBehavior"
                | "needsHashSuffix"
                | "allowNameChange"
                | "allowKindChange"
                | "helm-generated"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let track = Track {
            former: vec![Former {
                name: "a".to_owned(),
                namespace: "default".to_owned(),
                kind: "K".to_owned(),
            }],
            prefixes: vec!["p-".to_owned(), "q-".to_owned()],
            behavior: Some(Behavior::Merge),
            needs_hash: true,
            ..Track::default()
        };
        let mut node = Node::mapping(Vec::new());
        track.write_to(&mut node);
        assert_eq!(Track::take_from(&mut node), track);
        assert!(metadata::annotations(&node).is_empty());
    }
}
