//! Lets references follow names that have changed.
//!
//! A field of a resource may hold the name of another one: a pod's `envFrom`, a role binding's
//! subjects. Once all names are settled, each such field is looked at: among the resources that were
//! once called what the field says, the one that is meant is found by type, namespace and by the
//! layers in which both were renamed, and its present name is written into the field.

mod candidates;

use std::collections::HashMap;

use trueup_yaml::{Content, Node, Tag};

use crate::config::{FieldSpec, Referrers};
use crate::error::{Error, Result};
use crate::fieldspec::at_field;
use crate::id::Gvk;
use crate::node;
use crate::output;
use crate::resource::Resource;
use crate::resources::Resources;

use candidates::{Candidates, Facts};

/// Updates all references.
pub(crate) fn update(resources: &mut Resources, references: &[Referrers]) -> Result<()> {
    let fields = FieldsByKind::new(references);
    let candidates = Candidates::new(resources.as_slice());
    for index in 0..resources.len() {
        let Some(referrer) = resources.as_slice().get(index) else { break };
        let fields = fields.of(&referrer.original_id().gvk);
        if fields.is_empty() {
            continue;
        }
        let accounts = service_account_namespaces(referrer)?;
        if candidates.is_empty() {
            continue;
        }
        let mut update = Update { candidates: &candidates, referrer: index, accounts };
        for (target, field) in fields {
            let Some(referrer) = resources.as_mut_slice().get_mut(index) else { break };
            let done = update.field(referrer.node_mut(), target, field);
            done.map_err(|error| explain(error, resources, index, field))?;
        }
    }
    Ok(())
}

/// The fields of each kind that hold names, in the order of the configuration.
struct FieldsByKind<'c> {
    by_kind: HashMap<&'c str, Vec<(usize, &'c Gvk, &'c FieldSpec)>>,
}

impl<'c> FieldsByKind<'c> {
    fn new(references: &'c [Referrers]) -> Self {
        let mut by_kind: HashMap<_, Vec<_>> = HashMap::new();
        let all = references.iter().flat_map(|referrers| {
            referrers.fields.iter().map(move |field| (&referrers.target, field))
        });
        for (order, (target, field)) in all.enumerate() {
            by_kind.entry(field.gvk.kind.as_str()).or_default().push((order, target, field));
        }
        Self { by_kind }
    }

    fn of(&self, gvk: &Gvk) -> Vec<(&'c Gvk, &'c FieldSpec)> {
        let listed = |kind: &str| self.by_kind.get(kind).map(Vec::as_slice).unwrap_or_default();
        let mut fields: Vec<_> = listed(&gvk.kind)
            .iter()
            .chain(if gvk.kind.is_empty() { &[] } else { listed("") })
            .filter(|(_, _, field)| gvk.is_selected(&field.gvk))
            .collect();
        fields.sort_by_key(|(order, _, _)| *order);
        fields.into_iter().map(|(_, target, field)| (*target, *field)).collect()
    }
}

/// The namespaces of the service accounts that a role binding is for.
fn service_account_namespaces(referrer: &Resource) -> Result<Vec<String>> {
    let mut namespaces = Vec::new();
    if referrer.id().gvk.kind != "RoleBinding" {
        return Ok(namespaces);
    }
    let subjects = referrer.node().get("subjects").and_then(Node::items).unwrap_or_default();
    for subject in subjects {
        let is_account =
            subject.get("kind").is_some_and(|kind| node::text(kind) == "ServiceAccount");
        let Some(namespace) = subject.get("namespace").filter(|_| is_account) else { continue };
        if namespace.tag() != Tag::Str {
            let id = crate::go_text::quote(&referrer.id().to_string());
            return Err(Error::new(format!(
                "Invalid Input: namespace is blank for resource {id}\n"
            ))
            .at((*referrer.location).clone()));
        }
        namespaces.push(node::text(namespace).to_owned());
    }
    Ok(namespaces)
}

/// The update of one referrer.
struct Update<'c> {
    candidates: &'c Candidates,
    referrer: usize,
    accounts: Vec<String>,
}

impl Update<'_> {
    /// Updates one field. It is looked for in this resource, whatever type the spec is for.
    fn field(&mut self, node: &mut Node, target: &Gvk, field: &FieldSpec) -> Result<()> {
        let role = if field.path.ends_with("roleRef/name") { role_ref(node) } else { None };
        let anywhere = FieldSpec { gvk: Gvk::default(), ..field.clone() };
        at_field(node, &anywhere, None, &mut |value| self.value(value, target, role.as_ref()))
    }

    fn value(&self, value: &mut Node, target: &Gvk, role: Option<&Gvk>) -> Result<()> {
        if node::is_null(value) {
            return Ok(());
        }
        match &mut value.content {
            Content::Scalar(_) => self.scalar(value, target, role),
            Content::Mapping(_) => self.mapping(value, target, role),
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| match &item.content {
                _ if node::is_null(item) => Ok(()),
                Content::Scalar(_) => self.scalar(item, target, role),
                Content::Mapping(_) => self.mapping(item, target, role),
                Content::Sequence(_) => {
                    Err(Error::new("a list is expected to be either a string or a map of string"))
                }
            }),
        }
    }

    fn scalar(&self, value: &mut Node, target: &Gvk, role: Option<&Gvk>) -> Result<()> {
        let old = node::text(value);
        let found = self.find(old, target, role, |_| true)?;
        match found.pick(|a, b| a.id.name == b.id.name)? {
            Some(referral) if referral.id.name != old => {
                node::set_scalar_text(value, &referral.id.name)
            }
            _ => Ok(()),
        }
    }

    /// A mapping with a name and perhaps a namespace, both of which follow.
    fn mapping(&self, value: &mut Node, target: &Gvk, role: Option<&Gvk>) -> Result<()> {
        let Some(name) = value.get("name") else {
            return Err(Error::new("path config error; no 'name' field in node"));
        };
        let old = node::text(name).to_owned();
        let namespace = value.get("namespace").map(|namespace| node::text(namespace).to_owned());
        let wanted = self.wanted_namespace(namespace.as_deref());
        let found = self.find(&old, target, role, |facts| wanted.allows(facts))?;
        let same =
            |a: &Facts, b: &Facts| a.id.name == b.id.name && a.id.namespace == b.id.namespace;
        let Some(referral) = found.pick(same)? else { return Ok(()) };
        if referral.id.name == old && referral.id.namespace.is_empty() {
            return Ok(());
        }
        node::set_field_text(value, "name", &referral.id.name)?;
        if !referral.id.namespace.is_empty() {
            node::set_field_text(value, "namespace", &referral.id.namespace)?;
        }
        Ok(())
    }

    /// A namespace that is given is first taken for the one that resources came from.
    fn wanted_namespace<'n>(&self, namespace: Option<&'n str>) -> Wanted<'n> {
        let Some(namespace) = namespace else { return Wanted::Any };
        let came_from =
            |facts: &Facts| self.may_see(facts) && Wanted::Original(namespace).allows(facts);
        if self.candidates.all().iter().any(came_from) {
            Wanted::Original(namespace)
        } else {
            Wanted::Present(namespace)
        }
    }

    /// The resources that a name may stand for.
    fn find<'s>(
        &'s self,
        old: &str,
        target: &Gvk,
        role: Option<&Gvk>,
        allowed: impl Fn(&Facts) -> bool,
    ) -> Result<Found<'s>> {
        let referrer = self.candidates.get(self.referrer);
        let mut found: Vec<&Facts> = self
            .candidates
            .once_called(old)
            .filter(|facts| self.may_see(facts) && allowed(facts))
            .filter(|facts| facts.former.iter().any(|id| id.gvk.is_selected(target)))
            .filter(|facts| {
                role.is_none_or(|role| facts.former.iter().any(|id| id.gvk.is_selected(role)))
            })
            .filter(|facts| self.in_reach(facts))
            .collect();
        if let (Some(referrer), true) = (referrer, found.len() != 1) {
            found.retain(|facts| facts.same_affixes(referrer, true));
            if found.len() > 1 {
                found.retain(|facts| facts.same_affixes(referrer, false));
            }
        }
        Ok(Found(found))
    }

    /// Whether the referrer can refer to a resource at all: one of its namespace, of none, or of a
    /// namespace that its subjects are in.
    fn may_see(&self, facts: &Facts) -> bool {
        let Some(referrer) = self.candidates.get(self.referrer) else { return false };
        referrer.id.cluster_scoped
            || facts.id.cluster_scoped
            || facts.id.same_namespace(&referrer.id)
            || self.accounts.contains(&facts.id.namespace)
    }

    fn in_reach(&self, facts: &Facts) -> bool {
        let Some(referrer) = self.candidates.get(self.referrer) else { return false };
        referrer.id.cluster_scoped
            || facts.id.cluster_scoped
            || facts.id.gvk.kind == "ServiceAccount"
            || facts.id.same_namespace(&referrer.id)
    }
}

/// The resources that a reference may mean, once all rules have been applied.
struct Found<'c>(Vec<&'c Facts>);

impl<'c> Found<'c> {
    /// The one that is meant. Several will do if they are the same for the purpose.
    fn pick(&self, same: impl Fn(&Facts, &Facts) -> bool) -> Result<Option<&'c Facts>> {
        let Some((first, rest)) = self.0.split_first() else { return Ok(None) };
        if rest.iter().all(|other| same(first, other)) {
            return Ok(Some(first));
        }
        let ids: Vec<String> = self.0.iter().map(|facts| facts.id.to_string()).collect();
        let places: Vec<usize> = self.0.iter().map(|facts| facts.index).collect();
        Err(ambiguous(&ids, &places))
    }
}

/// The namespace that a reference asks for.
enum Wanted<'n> {
    Any,
    Original(&'n str),
    Present(&'n str),
}

impl Wanted<'_> {
    fn allows(&self, facts: &Facts) -> bool {
        let is = |found: &str, wanted: &str| found == wanted && found != crate::id::CLUSTER_SCOPED;
        match self {
            Self::Any => true,
            Self::Original(wanted) => is(&facts.original_namespace, wanted),
            Self::Present(wanted) => is(facts.id.effective_namespace(), wanted),
        }
    }
}

/// The type that a role binding's `roleRef` names.
fn role_ref(node: &Node) -> Option<Gvk> {
    let role = node.get("roleRef")?;
    let text = |field: &str| role.get(field).map(|value| node::text(value).to_owned());
    Some(Gvk { group: text("apiGroup")?, version: String::new(), kind: text("kind")? })
}

/// Separates the ids from the places of the resources, which the message is to show.
const PLACES: char = '\u{1}';

fn ambiguous(ids: &[String], places: &[usize]) -> Error {
    let places: Vec<String> = places.iter().map(usize::to_string).collect();
    Error::new(format!(
        "found multiple possible referrals: {}{PLACES}{}",
        ids.join(", "),
        places.join(",")
    ))
}

fn explain(error: Error, resources: &Resources, index: usize, field: &FieldSpec) -> Error {
    let Some(referrer) = resources.as_slice().get(index) else { return error };
    let chain = error.chain();
    let error = match chain.split_once(PLACES) {
        Some((message, places)) => {
            let referrals = places
                .split(',')
                .filter_map(|place| resources.as_slice().get(place.parse::<usize>().ok()?));
            Error::new(format!("{message}\n{}", details(referrer, referrals)))
        }
        None => error,
    };
    let id = referrer.id();
    error
        .context(format!("updating name reference in '{}' field of '{id}'", field.path))
        .at((*referrer.location).clone())
}

fn details<'r>(referrer: &Resource, referrals: impl Iterator<Item = &'r Resource>) -> String {
    let mut text = format!(
        "\n**** Too many possible referral targets to referrer:\n{}\n",
        output::yaml_text(referrer)
    );
    for (index, referral) in referrals.enumerate() {
        let yaml = output::yaml_text(referral);
        text.push_str(&format!("--- possible referral {index}:\n{yaml}\n"));
    }
    text
}
