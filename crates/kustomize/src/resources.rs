//! The resources of a kustomization, in the order in which they were added.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use trueup_yaml::{Content, Node};

use crate::error::{Error, Result};
use crate::id::ResId;
use crate::metadata;
use crate::resource::{Behavior, Resource};
use crate::select::{LabelSelector, Matcher, Selector};

/// From here on, adding many resources looks ids up instead of comparing each with each.
const MANY: usize = 16;

/// The label that a validator may add.
const VALIDATED_BY: &str = "validated-by";

/// In how many letters two ids may differ for one to be meant by the other.
const SIMILAR: usize = 12;

/// Resources; no two have the same id when they are added.
#[derive(Clone, Default)]
pub(crate) struct Resources {
    list: Vec<Resource>,
}

impl Resources {
    /// None.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// These; two of the same id are an error.
    pub(crate) fn from_list(list: Vec<Resource>) -> Result<Self> {
        let mut resources = Self::new();
        resources.append_all(list)?;
        Ok(resources)
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Resource> {
        self.list.iter()
    }

    /// In order, to be changed.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Resource> {
        self.list.iter_mut()
    }

    /// As a slice.
    pub(crate) fn as_slice(&self) -> &[Resource] {
        &self.list
    }

    /// As a slice, to be changed.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [Resource] {
        &mut self.list
    }

    /// The resources themselves.
    pub(crate) fn into_list(self) -> Vec<Resource> {
        self.list
    }

    /// Adds a resource; one of the same id may not be there yet.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<()> {
        let id = resource.id();
        if self.list.iter().any(|known| known.id().same(id)) {
            return Err(registered(&resource, &self.list));
        }
        self.list.push(resource);
        Ok(())
    }

    /// Adds each by [`Resources::append`].
    pub(crate) fn append_all(&mut self, list: Vec<Resource>) -> Result<()> {
        if list.len() < MANY {
            return list.into_iter().try_for_each(|resource| self.append(resource));
        }
        let mut known: HashSet<u64> = self.list.iter().map(|known| digest(known.id())).collect();
        for resource in list {
            if known.insert(digest(resource.id())) {
                self.list.push(resource);
            } else {
                self.append(resource)?;
            }
        }
        Ok(())
    }

    /// Adds generated resources, each as its behavior says.
    pub(crate) fn absorb_all(&mut self, list: Vec<Resource>) -> Result<()> {
        list.into_iter().try_for_each(|resource| self.absorb(resource))
    }

    fn absorb(&mut self, mut resource: Resource) -> Result<()> {
        let behavior = resource.track.behavior.unwrap_or_default();
        let matches = self.indices_by_any_id(|id| id.same(resource.id()));
        let index = match matches.as_slice() {
            [] if matches!(behavior, Behavior::Merge | Behavior::Replace) => {
                return Err(Error::new(format!(
                    "id {} does not exist; cannot merge or replace",
                    resource.id().go_syntax()
                )));
            }
            [] => return self.append(resource),
            [index] => *index,
            several => {
                return Err(Error::new(format!(
                    "found multiple objects {} that could accept merge of {}",
                    self.go_list(several),
                    resource.id()
                )));
            }
        };
        let Some(old) = self.list.get(index) else { return Ok(()) };
        match behavior {
            Behavior::Replace => resource.take_metadata_of(old),
            Behavior::Merge => merge_into(&mut resource, old),
            other => {
                return Err(Error::new(format!(
                    "id {} exists; can not use behavior: '{}', behavior must be merge or replace",
                    resource.id().go_syntax(),
                    other.as_str()
                )));
            }
        }
        self.replace(index, resource)
    }

    /// Puts a resource in the place of the only one of its id, which must be at `index`.
    fn replace(&mut self, index: usize, resource: Resource) -> Result<()> {
        let id = resource.id();
        let places: Vec<usize> = self.indices(|known| known.id().same(id));
        match places.as_slice() {
            [] => Err(Error::new(format!("cannot find resource with id {id} to replace"))),
            [place] if *place == index => {
                if let Some(slot) = self.list.get_mut(index) {
                    *slot = resource;
                }
                Ok(())
            }
            [_] => Err(Error::new("unexpected target index in replacement")),
            several => {
                Err(Error::new(format!("id matched {} resources", several.len()))
                    .context("in Replace"))
            }
        }
    }

    /// Where the resources are that `matches` holds for.
    pub(crate) fn indices(&self, matches: impl Fn(&Resource) -> bool) -> Vec<usize> {
        let all = self.list.iter().enumerate();
        all.filter(|(_, resource)| matches(resource)).map(|(index, _)| index).collect()
    }

    /// Where the resources are that are or were called what `matches` holds for.
    pub(crate) fn indices_by_any_id(&self, matches: impl Fn(&ResId) -> bool) -> Vec<usize> {
        self.indices(|resource| !resource.is_empty() && resource.ids().any(&matches))
    }

    /// The only resource that is or was called `id`.
    pub(crate) fn only_by_any_id(&self, id: &ResId) -> Result<usize> {
        let matches = self.indices_by_any_id(|known| id.same(known));
        let how_many = match matches.as_slice() {
            [index] => return Ok(*index),
            [] => "no matches",
            _ => "multiple matches",
        };
        let error = Error::new(format!(
            "{how_many} for Id {id}; failed to find unique target for patch {id}"
        ));
        Err(match matches.as_slice() {
            [] => self.hint_at_similar(error, id),
            several => {
                let places = several.iter().filter_map(|index| self.list.get(*index));
                let places: Vec<String> =
                    places.map(|it| format!("{} ({})", it.id(), it.location)).collect();
                error.hint(format!("it may be {}: add a namespace", places.join(" or ")))
            }
        })
    }

    /// Says which resource was probably meant by an id that none has.
    fn hint_at_similar(&self, error: Error, id: &ResId) -> Error {
        let distance =
            |known: &ResId| strsim::damerau_levenshtein(&known.to_string(), &id.to_string());
        let ids = self.list.iter().flat_map(Resource::ids);
        let nearest =
            ids.map(|known| (distance(known), known)).min_by_key(|(distance, _)| *distance);
        match nearest {
            None => error.hint("there are no resources here to be patched"),
            Some((distance, known)) if distance <= SIMILAR => {
                error.hint(format!("did you mean {known}? Names, kinds and namespaces are compared before prefixes, suffixes and digests are added"))
            }
            Some(_) => error.hint(
                "the patch names its target by apiVersion, kind, name and namespace; no resource has these",
            ),
        }
    }

    /// Where the resources are that a selector selects, by their first or their present id.
    pub(crate) fn select(&self, selector: &Selector) -> Result<Vec<usize>> {
        let matcher = Matcher::new(selector)?;
        let labels = LabelSelector::parse(&selector.labels);
        let annotations = LabelSelector::parse(&selector.annotations);
        let mut selected = Vec::new();
        for (index, resource) in self.list.iter().enumerate() {
            let ids = [resource.original_id(), resource.id()];
            let fits = ids.iter().any(|id| matcher.namespace(id.effective_namespace()))
                && ids.iter().any(|id| matcher.name(&id.name))
                && matcher.gvk(&resource.id().gvk);
            // An expression is only looked at, and complained about, when it comes to it.
            if fits
                && has(&labels, resource, "labels")?
                && has(&annotations, resource, "annotations")?
            {
                selected.push(index);
            }
        }
        Ok(selected)
    }

    /// Forgets resources that patches have deleted.
    pub(crate) fn drop_empty(&mut self) {
        self.list.retain(|resource| !resource.is_empty());
    }

    /// Adds the resources again, so that two of the same id are noticed; deleted ones are dropped.
    pub(crate) fn check_ids(&mut self) -> Result<()> {
        self.drop_empty();
        let list = std::mem::take(&mut self.list);
        self.append_all(list)
    }

    /// Puts the resources in the order of these places.
    pub(crate) fn arrange(&mut self, places: &[usize]) {
        let mut slots: Vec<Option<Resource>> = self.list.drain(..).map(Some).collect();
        let taken = places.iter().filter_map(|&place| slots.get_mut(place)?.take());
        self.list = taken.collect();
    }

    /// An error unless the others are the same, but for the label by which validators sign.
    pub(crate) fn check_same(&self, others: &Self) -> Result<()> {
        if self.len() != others.len() {
            return Err(Error::new("lists have different number of entries"));
        }
        for own in &self.list {
            let id = own.id();
            let mut same = others.list.iter().filter(|other| other.id().same(id));
            let Some(other) = same.next() else {
                return Err(Error::new(format!("id in self missing from other; id: {id}")));
            };
            if !identical(&without_signature(own), &without_signature(other)) {
                let (own, other) = (crate::output::json_text(own), crate::output::json_text(other));
                return Err(Error::new(format!("nodes unequal: \n -- {own},\n -- {other}")));
            }
        }
        Ok(())
    }

    /// Keeps those that `keep` holds for.
    pub(crate) fn retain(&mut self, keep: impl FnMut(&Resource) -> bool) {
        self.list.retain(keep);
    }

    /// Go's `%v` of a list of resources: their JSON.
    pub(crate) fn go_list(&self, indices: &[usize]) -> String {
        let texts: Vec<String> = indices
            .iter()
            .filter_map(|index| self.list.get(*index))
            .map(crate::output::json_text)
            .collect();
        format!("[{}]", texts.join(" "))
    }
}

/// The same values written in the same way.
fn identical(one: &Node, other: &Node) -> bool {
    let style = one.style == other.style;
    style
        && match (&one.content, &other.content) {
            (Content::Sequence(a), Content::Sequence(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| identical(a, b))
            }
            (Content::Mapping(a), Content::Mapping(b)) => {
                let same = |((k, v), (l, w)): (&(Node, Node), &(Node, Node))| {
                    identical(k, l) && identical(v, w)
                };
                a.len() == b.len() && a.iter().zip(b).all(same)
            }
            _ => one == other,
        }
}

fn without_signature(resource: &Resource) -> Cow<'_, Node> {
    let mut labels = metadata::texts(resource.node(), "labels");
    if labels.remove(VALIDATED_BY).is_none() {
        return Cow::Borrowed(resource.node());
    }
    let mut node = resource.node().clone();
    metadata::set_texts(&mut node, "labels", &labels);
    Cow::Owned(node)
}

fn has(selector: &Result<LabelSelector>, resource: &Resource, field: &str) -> Result<bool> {
    let selector = selector.as_ref().map_err(Clone::clone)?;
    Ok(selector.is_empty() || selector.matches(&metadata::texts(resource.node(), field)))
}

fn registered(resource: &Resource, list: &[Resource]) -> Error {
    let id = resource.id();
    let error = Error::new(format!("may not add resource with an already registered id: {id}"))
        .at((*resource.location).clone());
    match list.iter().find(|known| known.id().same(id)) {
        Some(first) => error
            .hint(format!("it is the same as in {}: name one of them otherwise", first.location)),
        None => error,
    }
}

fn digest(id: &ResId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&id.gvk, &id.name, id.effective_namespace()).hash(&mut hasher);
    hasher.finish()
}

/// Adds the data of `old` to that of `resource`, which wins.
fn merge_into(resource: &mut Resource, old: &Resource) {
    let origin = metadata::annotation(old.node(), crate::origin::ORIGIN).map(str::to_owned);
    resource.take_metadata_of(old);
    for field in ["data", "binaryData"] {
        let mut merged = data_of(old, field);
        merged.extend(data_of(resource, field));
        crate::generate::set_data(resource.node_mut(), field, &merged);
    }
    if let Some(origin) = origin {
        crate::origin::set(resource.node_mut(), crate::origin::ORIGIN, Some(&origin));
    }
}

fn data_of(resource: &Resource, field: &str) -> metadata::Texts {
    let entries = resource.node().get(field).and_then(Node::entries);
    let text = |node: &Node| {
        if node.is_null() { String::new() } else { node.text().unwrap_or("").to_owned() }
    };
    entries.unwrap_or_default().iter().map(|(key, value)| (text(key), text(value))).collect()
}
