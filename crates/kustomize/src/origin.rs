//! Where a resource came from and what changed it, as annotations that `buildMetadata` asks for.

use trueup_yaml::{Indent, Node, node_to_yaml_v3};

use crate::decode::{go_struct, unmarshal};
use crate::error::{Error, Result};
use crate::id::Gvk;
use crate::metadata::{self, plain_key, string};
use crate::repo::RepoSpec;
use crate::resource::Resource;

/// The annotation that says where a resource came from.
pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
/// The annotation that lists what changed it.
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// A file of a repository, or the configuration of what made or changed a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The file, from the folder that is built or from the root of the repository.
    pub path: String,
    /// The repository, if it is not the one that is built.
    pub repo: String,
    /// Its revision.
    pub reference: String,
    /// The file with the configuration.
    pub configured_in: String,
    /// What it configures.
    pub configured_by: Configured,
}

go_struct!(Origin, "Origin", "resource.Origin", {
    "path" at "path" => path,
    "repo" at "repo" => repo,
    "ref" at "ref" => reference,
    "configuredIn" at "configuredIn" => configured_in,
    "configuredBy" at "configuredBy" => configured_by,
});

/// A generator or transformer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Configured {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub namespace: String,
}

go_struct!(Configured, "ResourceIdentifier", "yaml.ResourceIdentifier", {
    "apiVersion" at "TypeMeta.apiVersion" => api_version,
    "kind" at "TypeMeta.kind" => kind,
    "name" at "NameMeta.name" => name,
    "namespace" at "NameMeta.namespace" => namespace,
});

impl Origin {
    /// What `path`, as an entry of `resources` here, leads to.
    pub(crate) fn append(&self, path: &str) -> Self {
        let Ok(spec) = RepoSpec::parse(path) else {
            return Self { path: joined(&self.path, path), ..self.clone() };
        };
        // Upstream cuts the first part off a path like `/notCloned/…`; without more there is only that.
        let path = if spec.path.is_empty() { "notCloned" } else { &spec.path };
        Self {
            repo: spec.clone_spec(),
            reference: spec.reference.clone(),
            path: joined("", path),
            ..self.clone()
        }
    }

    /// What a built-in transformer or generator of the kustomization file here does.
    pub(crate) fn built_in(&self, file: &str, kind: &str) -> Self {
        Self {
            configured_in: joined(&self.path, file),
            configured_by: Configured {
                api_version: "builtin".to_owned(),
                kind: kind.to_owned(),
                ..Configured::default()
            },
            path: String::new(),
            ..self.clone()
        }
    }

    /// What a configuration that is a resource itself does; `None` if it does not know where it is
    /// from.
    pub(crate) fn of_plugin(plugin: &Resource) -> Result<Option<Self>> {
        let Some(origin) = of(plugin)? else { return Ok(None) };
        let id = plugin.id();
        Ok(Some(Self {
            repo: origin.repo,
            reference: origin.reference,
            configured_in: origin.path,
            configured_by: Configured {
                api_version: metadata::api_version(plugin.node()).to_owned(),
                kind: id.gvk.kind.clone(),
                name: id.name.clone(),
                namespace: id.namespace.clone(),
            },
            path: String::new(),
        }))
    }

    /// As the annotation shows it.
    pub(crate) fn text(&self) -> String {
        print(&self.node())
    }

    fn node(&self) -> Node {
        let mut entries = Vec::new();
        let mut add = |key: &str, value: &str| {
            if !value.is_empty() {
                entries.push((plain_key(key), string(value)));
            }
        };
        add("path", &self.path);
        add("repo", &self.repo);
        add("ref", &self.reference);
        add("configuredIn", &self.configured_in);
        let by = &self.configured_by;
        let fields = [
            ("apiVersion", &by.api_version),
            ("kind", &by.kind),
            ("name", &by.name),
            ("namespace", &by.namespace),
        ];
        let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let fields: Vec<_> = fields.map(|(key, value)| (plain_key(key), string(value))).collect();
        if !fields.is_empty() {
            entries.push((plain_key("configuredBy"), Node::mapping(fields)));
        }
        Node::mapping(entries)
    }
}

fn print(node: &Node) -> String {
    node_to_yaml_v3(node, Indent::COMPACT).unwrap_or_default()
}

/// Go's `filepath.Join` of two paths.
fn joined(base: &str, path: &str) -> String {
    let rooted = base.starts_with('/') || (base.is_empty() && path.starts_with('/'));
    let mut parts: Vec<&str> = Vec::new();
    for part in base.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            name => parts.push(name),
        }
    }
    let text = parts.join("/");
    if rooted { format!("/{text}") } else { text }
}

/// The origin of a resource, if it has the annotation.
pub(crate) fn of(resource: &Resource) -> Result<Option<Origin>> {
    annotation(resource, ORIGIN)
}

fn annotation<T: crate::decode::FromGo>(resource: &Resource, name: &str) -> Result<Option<T>> {
    let Some(text) = metadata::annotation(resource.node(), name) else { return Ok(None) };
    let json = crate::documents::to_json_framed(text.as_bytes())?;
    unmarshal(&json).map(Some).map_err(Error::new)
}

/// Sets an annotation or takes it away; all annotations are texts afterwards, and none is no field.
pub(crate) fn set(node: &mut Node, name: &str, text: Option<&str>) {
    let mut annotations = metadata::annotations(node);
    match text {
        Some(text) => annotations.insert(name.to_owned(), text.to_owned()),
        None => annotations.remove(name),
    };
    metadata::set_annotations(node, &annotations);
}

/// Says where these resources come from, unless they know.
pub(crate) fn add_to_new(resources: &mut [Resource], origin: Option<&Origin>) -> Result<()> {
    let Some(origin) = origin else { return Ok(()) };
    let text = origin.text();
    for resource in resources {
        if of(resource)?.is_none() {
            set(resource.node_mut(), ORIGIN, Some(&text));
        }
    }
    Ok(())
}

/// Notes a transformation on all resources. One without an origin was made by it.
pub(crate) fn add_transformation(resources: &mut [Resource], origin: &Origin) -> Result<()> {
    for resource in resources {
        if of(resource)?.is_none() {
            let text = origin.text();
            set(resource.node_mut(), ORIGIN, Some(&text));
            continue;
        }
        let mut all: Vec<Origin> = annotation(resource, TRANSFORMATIONS)?.unwrap_or_default();
        all.push(origin.clone());
        let text = print(&Node::sequence(all.iter().map(Origin::node).collect()));
        set(resource.node_mut(), TRANSFORMATIONS, Some(&text));
    }
    Ok(())
}

/// The type of a built-in plugin, as an id's part.
pub(crate) fn is_built_in(gvk: &Gvk) -> bool {
    gvk.group.is_empty() && gvk.version == "builtin"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_printed_in_upstream_s_order() {
        let here = Origin::default().append("../base").append("a.yaml");
        assert_eq!(here.text(), "path: ../base/a.yaml\n");
        let by =
            Origin::default().append("base").built_in("kustomization.yaml", "ConfigMapGenerator");
        assert_eq!(
            by.text(),
            "configuredIn: base/kustomization.yaml\nconfiguredBy:\n  apiVersion: builtin\n  kind: ConfigMapGenerator\n"
        );
        let remote = Origin::default().append("github.com/o/r/x?ref=v1");
        assert_eq!(remote.text(), "path: x\nrepo: https://github.com/o/r\nref: v1\n");
    }
}
