//! Labels and annotations that upstream stores once and shows in several fields.
//!
//! When a label transformer adds a label to the metadata, the selector and the template of a
//! resource, upstream puts one and the same node into all three. A later step that changes the value
//! in one of them changes it in all. Here every field has a node of its own; those that are one node
//! upstream have the same link, and are made alike again after a step that may have changed one.

use trueup_yaml::{CompactString, Content, Node, Tag};

use crate::error::Result;
use crate::node::set_field;

/// The links of a resource: the text that each has, the link 1 first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Links {
    texts: Vec<CompactString>,
}

impl Links {
    /// A label for the fields that [`Linked::put`] puts it into.
    pub(crate) fn label<'l>(&'l mut self, name: &'l str, value: &'l str) -> Linked<'l> {
        let link = u32::try_from(self.texts.len() + 1).unwrap_or(0);
        Linked { links: self, link, added: 0, name, value }
    }

    /// Gives the nodes of a link the value of the one that has changed; if several have, of the last
    /// one in the order in which upstream walks fields.
    pub(crate) fn follow(&mut self, resource: &mut Node) {
        if self.texts.is_empty() {
            return;
        }
        let mut changed: Vec<Option<Node>> = vec![None; self.texts.len()];
        find_changed(resource, &self.texts, &mut changed);
        if changed.iter().all(Option::is_none) {
            return;
        }
        for (text, node) in self.texts.iter_mut().zip(&changed) {
            if let Some(new) = node.as_ref().and_then(Node::text) {
                *text = new.into();
            }
        }
        set_linked(resource, &changed);
    }

    /// Forgets the links of a resource: a step has made all of it anew.
    pub(crate) fn cut(&mut self, resource: &mut Node) {
        if !self.texts.is_empty() {
            self.texts.clear();
            unlink(resource);
        }
    }

    /// Forgets the links of a resource's annotations: a step has written them anew.
    pub(crate) fn cut_annotations(&self, resource: &mut Node) {
        if self.texts.is_empty() {
            return;
        }
        let metadata = resource.get_mut("metadata");
        if let Some(annotations) = metadata.and_then(|meta| meta.get_mut("annotations")) {
            unlink(annotations);
        }
    }
}

/// A label or annotation on its way into several fields.
pub(crate) struct Linked<'l> {
    links: &'l mut Links,
    link: u32,
    added: usize,
    name: &'l str,
    value: &'l str,
}

impl Linked<'_> {
    /// Sets it in a mapping. Only what is new there is linked: a value that is there is overwritten.
    pub(crate) fn put(&mut self, mapping: &mut Node) -> Result<()> {
        let is_new = mapping.entries().is_some() && mapping.get(self.name).is_none();
        set_field(mapping, self.name, Node::scalar(self.value).with_tag(Tag::Str))?;
        if let Some(node) = mapping.get_mut(self.name).filter(|_| is_new) {
            node.set_link(self.link);
            self.added += 1;
        }
        Ok(())
    }

    /// Ends it: one field alone is linked to nothing, but keeps its number.
    pub(crate) fn finish(self) {
        if self.added > 0 {
            self.links.texts.push(self.value.into());
        }
    }
}

/// Takes the links out of a value.
pub(crate) fn unlink(node: &mut Node) {
    node.set_link(0);
    match &mut node.content {
        Content::Scalar(_) => {}
        Content::Sequence(items) => items.iter_mut().for_each(unlink),
        Content::Mapping(entries) => entries.iter_mut().for_each(|(_, value)| unlink(value)),
    }
}

fn place(link: u32) -> Option<usize> {
    usize::try_from(link).ok()?.checked_sub(1)
}

fn find_changed(node: &Node, texts: &[CompactString], changed: &mut [Option<Node>]) {
    match &node.content {
        Content::Scalar(text) => {
            let Some(place) = place(node.link()) else { return };
            if let (Some(old), Some(slot)) = (texts.get(place), changed.get_mut(place))
                && old != text
            {
                *slot = Some(node.clone());
            }
        }
        Content::Sequence(items) => {
            items.iter().for_each(|item| find_changed(item, texts, changed));
        }
        Content::Mapping(entries) => {
            let mut fields: Vec<&(Node, Node)> = entries.iter().collect();
            fields.sort_by_key(|(key, _)| key.text());
            fields.into_iter().for_each(|(_, value)| find_changed(value, texts, changed));
        }
    }
}

fn set_linked(node: &mut Node, changed: &[Option<Node>]) {
    match &mut node.content {
        Content::Scalar(_) => {
            if let Some(Some(new)) = place(node.link()).and_then(|place| changed.get(place)) {
                *node = new.clone();
            }
        }
        Content::Sequence(items) => items.iter_mut().for_each(|item| set_linked(item, changed)),
        Content::Mapping(entries) => {
            entries.iter_mut().for_each(|(_, value)| set_linked(value, changed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Node {
        trueup_yaml::parse_first(text.as_bytes(), &trueup_yaml::Limits::default()).expect("YAML")
    }

    #[test]
    fn what_a_label_transformer_adds_changes_together() {
        let mut node = parse("a: {}\nb: {}\nc: {app: own}\n");
        let mut links = Links::default();
        let mut label = links.label("app", "x");
        for field in ["a", "b", "c"] {
            label.put(node.get_mut(field).expect("a mapping")).expect("it is set");
        }
        label.finish();
        let a = node.get_mut("a").expect("a mapping");
        set_field(a, "app", Node::scalar("y")).expect("it is set");
        links.follow(&mut node);
        assert_eq!(node, parse("a: {app: y}\nb: {app: y}\nc: {app: x}\n"));
        links.cut(&mut node);
        set_field(node.get_mut("a").expect("a mapping"), "app", Node::scalar("z")).expect("set");
        links.follow(&mut node);
        assert_eq!(node, parse("a: {app: z}\nb: {app: y}\nc: {app: x}\n"));
    }
}
