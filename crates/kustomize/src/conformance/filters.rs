use std::collections::BTreeMap;

use serde_json::Value;
use trueup_yaml::Node;

use super::{compare, documents, print, run, text};
use crate::config::FieldSpec;
use crate::decode::{FromGo, unmarshal};
use crate::error::{Error, Result};
use crate::filters::image::ImageChange;
use crate::filters::namespace::Namespace;
use crate::filters::replacement::{self, Subject};
use crate::filters::variables::Variable;
use crate::filters::{affix, iam_policy, namespace, pairs, replicas, value_add, variables};
use crate::id::ResId;
use crate::json6902::JsonPatch;
use crate::kustomization::Replacement;
use crate::links::Links;
use crate::merge::strategic;
use crate::metadata;
use crate::node::from_json;
use crate::schema::Schema;

#[test]
fn filter() {
    run("filter", &[], |case| is_recorded(case).then(|| check(case)));
}

fn check(case: &Value) -> std::result::Result<(), String> {
    let resources = documents(text(case, "input"));
    match (filtered(case, resources), case.get("error").and_then(Value::as_str)) {
        (Ok(resources), None) if case["filterType"] == "patchstrategicmerge.Filter" => {
            // The data has the patch as JSON: the order and the quotes of its fields are lost.
            compare(&data(&resources), &data(&documents(text(case, "output"))))
        }
        (Ok(resources), None) => compare(&print(&resources), text(case, "output")),
        (Err(error), Some(expected)) => compare(&error.chain(), expected),
        (Ok(_), Some(expected)) => Err(format!("expected the error {expected:?}")),
        (Err(error), None) => Err(format!("failed: {}", error.chain())),
    }
}

fn data(resources: &[Node]) -> String {
    let json = |node| crate::documents::node_to_json(node).expect("a resource");
    resources.iter().map(|node| json(node).to_string()).collect::<Vec<_>>().join("\n")
}

/// The candidates of name references, and patches that have no JSON form, are not in the data.
fn is_recorded(case: &Value) -> bool {
    let kind = text(case, "filterType");
    kind != "nameref.Filter" && (kind == "refvar.Filter" || case.get("filter").is_some())
}

fn filtered(case: &Value, mut resources: Vec<Node>) -> Result<Vec<Node>> {
    let filter = &case["filter"];
    let schema = Schema::builtin();
    match text(case, "filterType") {
        "patchstrategicmerge.Filter" => {
            let patch = from_json(&filter["Patch"]);
            let merged = resources.into_iter().map(|it| strategic(it, patch.clone(), &schema));
            return Ok(merged.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect());
        }
        "iampolicygenerator.Filter" => {
            resources.push(iam_policy::generate(&decode(&filter["IAMPolicyGenerator"]))?);
        }
        "replacement.Filter" => {
            let list: Vec<Replacement> = decode(&filter["replacements"]);
            let mut subjects: Vec<_> = resources.into_iter().map(Resource::new).collect();
            replacement::replace(&list, &mut subjects)?;
            return Ok(subjects.into_iter().map(|subject| subject.node).collect());
        }
        kind => {
            for resource in &mut resources {
                apply(kind, case, resource, &schema)?;
            }
        }
    }
    Ok(resources)
}

fn apply(kind: &str, case: &Value, resource: &mut Node, schema: &Schema) -> Result<()> {
    let filter = &case["filter"];
    let spec = || decode::<FieldSpec>(&filter["fieldSpec"]);
    let mut links = Links::default();
    match kind {
        "annotations.Filter" => {
            pairs::set(resource, &mut links, &decode(&filter["Annotations"]), &specs(filter))
        }
        "labels.Filter" => {
            pairs::set(resource, &mut links, &decode(&filter["Labels"]), &specs(filter))
        }
        "imagetag.Filter" => {
            ImageChange::new(&decode(&filter["imageTag"]))?.set(resource, &specs(filter))
        }
        "imagetag.LegacyFilter" => {
            ImageChange::new(&decode(&filter["imageTag"]))?.set_in_containers(resource)
        }
        "namespace.Filter" => {
            let step = Namespace {
                name: text(filter, "Namespace"),
                specs: &specs(filter),
                unset_only: filter["unsetOnly"] == Value::Bool(true),
                subjects: text(filter, "setRoleBindingSubjects"),
            };
            namespace::set(resource, &step, schema)
        }
        "patchjson6902.Filter" => JsonPatch::parse(text(filter, "Patch"))?.apply(resource),
        "prefix.Filter" => affix::prefix(resource, text(filter, "prefix"), &spec()),
        "suffix.Filter" => affix::suffix(resource, text(filter, "suffix"), &spec()),
        "refvar.Filter" => {
            let path = text(case, "filterGo").rsplit(':').next().unwrap_or_default();
            let spec = FieldSpec { path: path.trim_end_matches('}').to_owned(), ..spec() };
            variables::expand(resource, &spec, &mut variable)
        }
        "replicacount.Filter" => {
            let count = filter["replica"]["count"].as_i64().unwrap_or_default();
            replicas::set(resource, count, &spec())
        }
        "valueadd.Filter" => {
            let position = filter["filePathPosition"].as_i64().unwrap_or_default();
            value_add::add(resource, text(filter, "Value"), text(filter, "FieldPath"), position)
        }
        other => Err(Error::new(format!("no such filter: {other}"))),
    }
}

/// The variables of the original's tests, which are not in the data.
fn variable(name: &str) -> Option<Variable> {
    match name {
        "VAR" => Some(Variable::Integer(5)),
        "FOO" => Some(Variable::Text("foo".to_owned())),
        "BAR" => Some(Variable::Text("bar".to_owned())),
        "BOOL" => Some(Variable::Boolean(false)),
        "FLOAT" => Some(Variable::Float(1.23)),
        _ => None,
    }
}

fn decode<T: FromGo>(value: &Value) -> T {
    unmarshal(value).expect("a filter's configuration")
}

fn specs(filter: &Value) -> Vec<FieldSpec> {
    let specs = filter.get("FsSlice").or_else(|| filter.get("fieldSpecs"));
    specs.map(decode).unwrap_or_default()
}

struct Resource {
    node: Node,
    ids: Vec<ResId>,
}

impl Resource {
    fn new(node: Node) -> Self {
        let id = |name: &str, namespace: &str, kind: &str| ResId {
            gvk: crate::id::Gvk::new(metadata::api_version(&node), kind),
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            cluster_scoped: false,
        };
        let annotations: BTreeMap<String, String> = metadata::annotations(&node);
        let former = |field: &str| -> Vec<&str> {
            let name = format!("internal.config.kubernetes.io/previous{field}");
            annotations.get(&name).map(|text| text.split(',').collect()).unwrap_or_default()
        };
        let (names, namespaces) = (former("Names"), former("Namespaces"));
        let former = names.iter().zip(namespaces).zip(former("Kinds"));
        let mut ids: Vec<ResId> =
            former.map(|((name, namespace), kind)| id(name, namespace, kind)).collect();
        let kind = metadata::kind(&node);
        ids.push(id(metadata::name(&node), metadata::namespace(&node), kind));
        Self { node, ids }
    }
}

impl Subject for Resource {
    fn node(&self) -> &Node {
        &self.node
    }

    fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    fn ids(&self) -> impl Iterator<Item = &ResId> {
        self.ids.iter()
    }
}
