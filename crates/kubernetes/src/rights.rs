//! The least rights that an app needs, as RBAC objects: computed from what it declares, with no
//! cluster.
//!
//! Two accounts may be concerned: the one that TrueUp runs as, which watches, and the one that the
//! App names (`serviceAccount`), as which everything of the app is read and written. Without the
//! latter the former does it all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use trueup_model::{AppName, Resource, ResourceId};

const GROUP: &str = "rbac.authorization.k8s.io";
const READ: &[&str] = &["get", "list"];
const WATCH: &[&str] = &["list", "watch"];
const WRITE: &[&str] = &["create", "patch", "delete"];

/// A service account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Account {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Whose rights are wanted, for what.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// The app.
    pub app: &'a AppName,
    /// Namespace of objects that name none; the copy of what must survive lies there.
    pub namespace: &'a str,
    /// Everything it declares.
    pub resources: &'a [Arc<Resource>],
    /// The account that TrueUp runs as.
    pub controller: Account,
    /// The account that the App names.
    pub acts_as: Option<Account>,
    /// Which tool's objects may be taken over: whether that still writes must be seen.
    pub adopt: Option<&'a str>,
}

/// Roles and bindings that give these rights, and no more.
pub fn least(wanted: &Wanted<'_>) -> Vec<Value> {
    let acting = wanted.acts_as.as_ref().unwrap_or(&wanted.controller);
    let mut rights = Rights::default();
    let plurals = Plurals::of(wanted.resources);
    let mut pods_in = BTreeSet::new();
    for resource in wanted.resources {
        let id = &resource.id;
        let plural = plurals.of_kind(id);
        for verbs in [READ, WRITE] {
            rights.add(acting, &id.namespace, &id.group, &plural, verbs);
        }
        rights.add(&wanted.controller, &id.namespace, &id.group, &plural, WATCH);
        rights.roles(acting, resource);
        if has_pods(id) {
            pods_in.insert(id.namespace.as_str());
        }
    }
    for namespace in pods_in {
        rights.add(acting, namespace, "", "pods", WATCH);
        rights.add(acting, namespace, "", "pods/log", &["get"]);
        rights.add(acting, namespace, "", "events", &["list"]);
        rights.add(acting, namespace, "apps", "replicasets", &["list"]);
    }
    rights.add(acting, wanted.namespace, "", "configmaps", &["get", "create", "patch", "delete"]);
    rights.adoption(acting, wanted.adopt);
    rights.named(&wanted.controller, "", "", "namespaces", &["get"], "kube-system");
    if let Some(account) = &wanted.acts_as {
        let (namespace, name) = (&account.namespace, &account.name);
        rights.named(&wanted.controller, namespace, "", "serviceaccounts", &["impersonate"], name);
    }
    rights.into_objects(wanted.app)
}

/// Kinds whose pods tell why they are not healthy.
fn has_pods(id: &ResourceId) -> bool {
    matches!(
        (id.group.as_str(), id.kind.as_str()),
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet")
            | ("batch", "Job")
            | ("", "Pod")
    )
}

/// Resource names of kinds: as definitions in the same set say, else as Kubernetes names its own.
struct Plurals(BTreeMap<(String, String), String>);

impl Plurals {
    fn of(resources: &[Arc<Resource>]) -> Self {
        let definitions = resources.iter().filter(|r| r.id.kind == "CustomResourceDefinition");
        let name = |resource: &Arc<Resource>| {
            let at = |pointer| resource.body.pointer(pointer)?.as_str().map(str::to_owned);
            Some(((at("/spec/group")?, at("/spec/names/kind")?), at("/spec/names/plural")?))
        };
        Self(definitions.filter_map(name).collect())
    }

    fn of_kind(&self, id: &ResourceId) -> String {
        let defined = self.0.get(&(id.group.clone(), id.kind.clone()));
        defined.cloned().unwrap_or_else(|| plural(&id.kind.to_ascii_lowercase()))
    }
}

/// How Kubernetes' API conventions form the plural of a kind.
fn plural(kind: &str) -> String {
    let ends = |end: &str| kind.ends_with(end);
    if kind == "endpoints" {
        return kind.to_owned();
    }
    match kind.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ends("s") || ends("x") || ends("ch") || ends("sh") => format!("{kind}es"),
        _ => format!("{kind}s"),
    }
}

/// What an account may do: where (empty: anywhere), with what.
#[derive(Default)]
struct Rights(BTreeMap<(Account, String), BTreeMap<Object, BTreeSet<String>>>);

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Object {
    group: String,
    resource: String,
    /// Empty: all of them.
    name: String,
}

impl Rights {
    fn add(
        &mut self,
        account: &Account,
        namespace: &str,
        group: &str,
        resource: &str,
        verbs: &[&str],
    ) {
        self.named(account, namespace, group, resource, verbs, "");
    }

    fn named(
        &mut self,
        account: &Account,
        namespace: &str,
        group: &str,
        resource: &str,
        verbs: &[&str],
        name: &str,
    ) {
        let object = Object {
            group: group.to_owned(),
            resource: resource.to_owned(),
            name: name.to_owned(),
        };
        let place = self.0.entry((account.clone(), namespace.to_owned())).or_default();
        place.entry(object).or_default().extend(verbs.iter().map(|verb| (*verb).to_owned()));
    }

    /// Nobody may give rights that he has not, unless he may `escalate` the role or `bind` to it.
    fn roles(&mut self, account: &Account, resource: &Resource) {
        let id = &resource.id;
        if id.group != GROUP {
            return;
        }
        let text = |pointer: &str| resource.body.pointer(pointer).and_then(Value::as_str);
        match id.kind.as_str() {
            "Role" | "ClusterRole" => {
                let plural = plural(&id.kind.to_ascii_lowercase());
                self.named(account, &id.namespace, GROUP, &plural, &["escalate"], &id.name);
            }
            "RoleBinding" | "ClusterRoleBinding" => {
                let kind = text("/roleRef/kind").unwrap_or_default().to_ascii_lowercase();
                let name = text("/roleRef/name").unwrap_or_default();
                self.named(account, &id.namespace, GROUP, &plural(&kind), &["bind"], name);
            }
            _ => {}
        }
    }

    fn adoption(&mut self, account: &Account, tool: Option<&str>) {
        match tool {
            Some("flux") => {
                let kustomize = "kustomize.toolkit.fluxcd.io";
                self.add(account, "", kustomize, "kustomizations", &["get"]);
                self.add(account, "", "helm.toolkit.fluxcd.io", "helmreleases", &["get"]);
            }
            Some("argocd") => self.add(account, "", "argoproj.io", "applications", &["list"]),
            _ => {}
        }
    }

    fn into_objects(self, app: &AppName) -> Vec<Value> {
        let mut objects = Vec::new();
        for ((account, namespace), rules) in self.0 {
            let name = format!("trueup-{app}-{}", account.name);
            objects.extend(role_and_binding(&name, &account, &namespace, &self::rules(rules)));
        }
        objects
    }
}

/// Rules, those of one group with the same verbs together.
fn rules(rights: BTreeMap<Object, BTreeSet<String>>) -> Vec<Value> {
    let mut merged: BTreeMap<(String, String, BTreeSet<String>), Vec<String>> = BTreeMap::new();
    for (object, verbs) in rights {
        merged.entry((object.group, object.name, verbs)).or_default().push(object.resource);
    }
    let rule =
        |((group, name, verbs), resources): ((String, String, BTreeSet<String>), Vec<String>)| {
            let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
            if !name.is_empty() {
                rule["resourceNames"] = json!([name]);
            }
            rule
        };
    merged.into_iter().map(rule).collect()
}

fn role_and_binding(name: &str, account: &Account, namespace: &str, rules: &[Value]) -> [Value; 2] {
    let (role, binding) = match namespace {
        "" => ("ClusterRole", "ClusterRoleBinding"),
        _ => ("Role", "RoleBinding"),
    };
    let metadata = match namespace {
        "" => json!({"name": name}),
        namespace => json!({"name": name, "namespace": namespace}),
    };
    let api_version = format!("{GROUP}/v1");
    let subject =
        json!({"kind": "ServiceAccount", "name": account.name, "namespace": account.namespace});
    [
        json!({"apiVersion": api_version, "kind": role, "metadata": metadata, "rules": rules}),
        json!({
            "apiVersion": api_version, "kind": binding, "metadata": metadata,
            "roleRef": {"apiGroup": GROUP, "kind": role, "name": name}, "subjects": [subject],
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::Origin;

    fn resource(api_version: &str, kind: &str, namespace: &str, more: Value) -> Arc<Resource> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let id = ResourceId::new(group, kind, namespace, "x");
        let mut body = json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x"}});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        Arc::new(Resource::new(id, api_version.to_owned(), body, Origin::default()))
    }

    fn rights(resources: &[Arc<Resource>], acts_as: Option<Account>) -> Vec<String> {
        let app = AppName::new("shop").expect("a name");
        let controller = Account { namespace: "trueup".to_owned(), name: "trueup".to_owned() };
        let wanted =
            Wanted { app: &app, namespace: "shop", resources, controller, acts_as, adopt: None };
        let line = |object: &Value, rule: &Value| {
            let list = |name: &str| {
                let texts = rule[name].as_array().into_iter().flatten().filter_map(Value::as_str);
                texts.collect::<Vec<_>>().join(",")
            };
            let place = object["metadata"]["namespace"].as_str().unwrap_or("*");
            format!(
                "{} {place} {}/{} {} {}",
                object["metadata"]["name"].as_str().unwrap_or_default(),
                list("apiGroups"),
                list("resources"),
                list("verbs"),
                list("resourceNames"),
            )
        };
        let objects = least(&wanted);
        let roles = objects.iter().filter(|object| object.get("rules").is_some());
        roles
            .flat_map(|role| {
                role["rules"].as_array().into_iter().flatten().map(move |rule| line(role, rule))
            })
            .collect()
    }

    #[test]
    fn a_config_map_needs_little() {
        let objects = [resource("v1", "ConfigMap", "shop", json!({}))];
        assert_eq!(
            rights(&objects, None),
            [
                "trueup-shop-trueup * /namespaces get kube-system",
                "trueup-shop-trueup shop /configmaps create,delete,get,list,patch,watch ",
            ]
        );
    }

    #[test]
    fn an_account_of_its_own_writes_and_trueup_watches() {
        let objects = [resource("apps/v1", "Deployment", "shop", json!({}))];
        let account = Account { namespace: "shop".to_owned(), name: "deployer".to_owned() };
        assert_eq!(
            rights(&objects, Some(account)),
            [
                "trueup-shop-deployer shop /configmaps create,delete,get,patch ",
                "trueup-shop-deployer shop /pods/log get ",
                "trueup-shop-deployer shop /events list ",
                "trueup-shop-deployer shop /pods list,watch ",
                "trueup-shop-deployer shop apps/deployments create,delete,get,list,patch ",
                "trueup-shop-deployer shop apps/replicasets list ",
                "trueup-shop-trueup * /namespaces get kube-system",
                "trueup-shop-trueup shop /serviceaccounts impersonate deployer",
                "trueup-shop-trueup shop apps/deployments list,watch ",
            ]
        );
    }

    #[test]
    fn roles_are_given_by_name() {
        let binding = json!({"roleRef": {"kind": "ClusterRole", "name": "view"}});
        let objects = [resource("rbac.authorization.k8s.io/v1", "RoleBinding", "shop", binding)];
        let found = rights(&objects, None);
        let expected = "trueup-shop-trueup shop rbac.authorization.k8s.io/clusterroles bind view";
        assert!(found.iter().any(|line| line == expected), "{found:?}");
    }

    #[test]
    fn plurals_are_those_of_kubernetes() {
        for (kind, expected) in [
            ("networkpolicy", "networkpolicies"),
            ("ingressclass", "ingressclasses"),
            ("gateway", "gateways"),
            ("endpoints", "endpoints"),
            ("deployment", "deployments"),
        ] {
            assert_eq!(plural(kind), expected);
        }
    }
}
