//! Strategic merge: a patch written like the resource that it changes.
//!
//! Upstream walks all versions of a value at once (`kyaml/yaml/walk`): the one that is changed, then
//! the patch ([`strategic`]), or the original and the updated one ([`three_way`]). At each place a
//! visitor says which of them holds; mappings are then walked field by field, and lists that have a
//! merge key element by element. What is in no patch is walked too, which is why a patch anywhere in
//! a resource takes away fields that are empty and list elements that are empty mappings.
//!
//! Where the version that holds is not the one that is changed (the patch adds a mapping, or replaces
//! one), upstream goes on with the same value in both roles. Here that is a walk of one version.

mod directive;
mod elements;
mod three_way;
mod two_way;

use compact_str::CompactString;
use trueup_yaml::{Node, Style};

use crate::error::Result;
use crate::node::{Kind, expect, is_null, quote_if_ambiguous, set_field_with_key, text};
use crate::schema::{Schema, Type};

pub use three_way::three_way;
pub use two_way::{Merge, merge, strategic};

/// How many versions there are at most.
const VERSIONS: usize = 3;

/// The versions of a value. The first is changed in place.
type Versions<'a, 'n> = &'a mut [Option<&'n mut Node>];

/// Which version holds.
#[derive(Debug)]
enum Verdict {
    /// None: the value goes.
    Clear,
    /// The version of this index. If it is not the first, it is taken as it is.
    Version(usize),
    /// One that was made for it.
    New(Node),
    /// The first, although it is null.
    Keep,
}

impl Verdict {
    /// The version of this index if it is there.
    fn version(versions: &[Option<&mut Node>], index: usize) -> Self {
        match versions.get(index) {
            Some(Some(_)) => Self::Version(index),
            _ => Self::Clear,
        }
    }
}

/// Says at each place which version holds.
trait Visitor {
    fn mapping(&self, versions: Versions<'_, '_>) -> Result<Verdict>;
    fn scalar(&self, versions: Versions<'_, '_>) -> Verdict;
    /// A list that is merged element by element.
    fn merged_list(&self, versions: Versions<'_, '_>) -> Result<Verdict>;
    /// A list that is taken as a whole.
    fn whole_list(&self, versions: Versions<'_, '_>) -> Verdict;
}

struct Walker<'s, V> {
    visitor: V,
    schema: &'s Schema,
    /// Whether a list of unknown type is merged by `name` if all of its elements have one.
    infer: bool,
    /// Whether what a patch adds to a list goes before what is there.
    prepend: bool,
}

/// Where the walk is, for messages.
#[derive(Clone, Copy)]
struct Path<'p> {
    parent: Option<&'p Path<'p>>,
    field: &'p str,
}

impl Path<'_> {
    const ROOT: Path<'static> = Path { parent: None, field: "" };

    fn text(&self) -> String {
        match self.parent {
            Some(parent) if !parent.field.is_empty() => format!("{}.{}", parent.text(), self.field),
            _ => self.field.to_owned(),
        }
    }
}

fn is_missing(version: &Option<&mut Node>) -> bool {
    version.as_deref().is_none_or(is_null)
}

impl<'s, V: Visitor> Walker<'s, V> {
    fn walk(
        &self,
        versions: Versions<'_, '_>,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<Verdict> {
        let present = |version: &&Option<&mut Node>| !is_missing(version);
        let first = versions.iter().find(present).and_then(|version| version.as_deref());
        let Some(kind) = first.map(Kind::of) else { return self.mapping(versions, known, path) };
        for version in versions.iter().flatten() {
            expect(version, kind)?;
        }
        match kind {
            Kind::Scalar => Ok(self.visitor.scalar(versions)),
            Kind::Mapping => {
                let known = known.or_else(|| self.type_of_resource(versions));
                self.mapping(versions, known, path)
            }
            Kind::Sequence if self.is_merged(known, versions) => {
                self.merged_list(versions, known, path)
            }
            Kind::Sequence => Ok(self.visitor.whole_list(versions)),
        }
    }

    /// The type that a value says it is of; also deep inside of a resource of unknown type.
    fn type_of_resource(&self, versions: &[Option<&mut Node>]) -> Option<Type<'s>> {
        versions.iter().flatten().find_map(|node| {
            let kind = node.get("kind").filter(|kind| !is_null(kind)).map(text)?;
            let api_version = node.get("apiVersion").filter(|it| !is_null(it)).map(text)?;
            self.schema.resource(api_version, kind)
        })
    }

    fn is_merged(&self, known: Option<Type<'s>>, versions: &[Option<&mut Node>]) -> bool {
        match known {
            Some(known) => known.is_merged(),
            None if self.infer => {
                versions.iter().filter(|it| !is_missing(it)).flatten().any(|list| has_names(list))
            }
            None => false,
        }
    }

    fn mapping(
        &self,
        versions: Versions<'_, '_>,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<Verdict> {
        let verdict = self.visitor.mapping(versions)?;
        self.go_on(verdict, versions, |walker, versions| walker.fields(versions, known, path))
    }

    fn merged_list(
        &self,
        versions: Versions<'_, '_>,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<Verdict> {
        let verdict = self.visitor.merged_list(versions)?;
        self.go_on(verdict, versions, |walker, versions| walker.elements(versions, known, path))
    }

    /// Walks what is inside of the version that holds.
    fn go_on(
        &self,
        verdict: Verdict,
        versions: Versions<'_, '_>,
        inside: impl Fn(&Self, Versions<'_, '_>) -> Result<()>,
    ) -> Result<Verdict> {
        match verdict {
            Verdict::Clear | Verdict::Keep => Ok(verdict),
            Verdict::Version(0) => inside(self, versions).map(|()| verdict),
            Verdict::Version(index) => {
                let mut chosen = [versions.get_mut(index).and_then(Option::take)];
                inside(self, &mut chosen)?;
                if let Some(version) = versions.get_mut(index) {
                    let [chosen] = chosen;
                    *version = chosen;
                }
                Ok(verdict)
            }
            Verdict::New(mut made) => {
                let count = versions.len().min(VERSIONS);
                let mut all = [const { None }; VERSIONS];
                for (place, version) in all.iter_mut().zip(versions.iter_mut()).skip(1) {
                    *place = version.as_deref_mut();
                }
                all[0] = Some(&mut made);
                inside(self, &mut all[..count])?;
                Ok(Verdict::New(made))
            }
        }
    }

    fn fields(
        &self,
        versions: Versions<'_, '_>,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<()> {
        if let [Some(only), rest @ ..] = &mut *versions
            && rest.iter().all(Option::is_none)
        {
            let alone = rest.len();
            return self.fields_of_one(only, alone, known, path);
        }
        for name in names(versions) {
            self.field(versions, &name, known, path)?;
        }
        Ok(())
    }

    /// The fields of a mapping that only the first version has; `others` is how many more there are.
    fn fields_of_one(
        &self,
        node: &mut Node,
        others: usize,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<()> {
        let Some(entries) = node.entries_mut() else { return Ok(()) };
        let mut failure = None;
        entries.retain_mut(|(key, value)| {
            if failure.is_some() {
                return true;
            }
            let name = text(key);
            let known = known.and_then(|known| known.field(name));
            let path = Path { parent: Some(&path), field: name };
            let mut versions = [Some(value), None, None];
            match self.walk(&mut versions[..=others.min(VERSIONS - 1)], known, path) {
                Ok(Verdict::Clear) => false,
                Ok(Verdict::Version(0)) => settle(&mut versions[0]),
                Ok(_) => true,
                Err(error) => {
                    failure = Some(error);
                    true
                }
            }
        });
        failure.map_or(Ok(()), Err)
    }

    fn field(
        &self,
        versions: Versions<'_, '_>,
        name: &str,
        known: Option<Type<'s>>,
        path: Path<'_>,
    ) -> Result<()> {
        let known = known.and_then(|known| known.field(name));
        let path = Path { parent: Some(&path), field: name };
        let verdict = {
            let count = versions.len().min(VERSIONS);
            let mut children = [const { None }; VERSIONS];
            for (child, version) in children.iter_mut().zip(versions.iter_mut()) {
                *child = version.as_deref_mut().and_then(|node| node.get_mut(name));
            }
            self.walk(&mut children[..count], known, path)?
        };
        let Some((Some(first), others)) = versions.split_first_mut() else { return Ok(()) };
        match verdict {
            Verdict::Keep => Ok(()),
            Verdict::Clear => {
                first.remove(name);
                Ok(())
            }
            Verdict::Version(0) => {
                if !settle(&mut first.get_mut(name)) {
                    first.remove(name);
                }
                Ok(())
            }
            Verdict::Version(index) => {
                let source = others.get(index - 1).and_then(|version| version.as_deref());
                let Some((key, value)) = source.and_then(|node| entry(node, name)) else {
                    return Ok(());
                };
                // A list element of a patch can be merged twice, so it is not used up.
                set_field_with_key(first, name, value.clone(), key.style)
            }
            Verdict::New(value) => set_field_with_key(first, name, value, Style::Plain),
        }
    }
}

/// A field that stays as it is: whether it does, and with quotes where a new one would have some.
fn settle(value: &mut Option<&mut Node>) -> bool {
    let Some(value) = value.as_deref_mut().filter(|value| !is_null(value)) else { return false };
    quote_if_ambiguous(value);
    true
}

fn entry<'n>(node: &'n Node, name: &str) -> Option<&'n (Node, Node)> {
    node.entries()?.iter().find(|(key, _)| text(key) == name)
}

/// The fields that any version has, sorted.
fn names(versions: &[Option<&mut Node>]) -> Vec<CompactString> {
    let nodes = versions.iter().flatten();
    let entries = nodes.flat_map(|node| node.entries().unwrap_or_default());
    let mut names: Vec<CompactString> = entries.map(|(key, _)| text(key).into()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether all elements of a list have a name.
fn has_names(list: &Node) -> bool {
    list.items().unwrap_or_default().iter().all(|item| item.get("name").is_some())
}
