//! Names, tags and digests of container images.

use regex::Regex;
use trueup_yaml::{Content, Node};

use crate::config::FieldSpec;
use crate::error::{Error, Result};
use crate::fieldspec::at_fields;
use crate::kustomization::Image;
use crate::metadata;
use crate::node::{Kind, expect, field, set_scalar_text, text};
use crate::select::pattern::compile;

/// An image change whose name, a regular expression, is compiled.
#[derive(Debug)]
pub(crate) struct ImageChange<'i> {
    image: &'i Image,
    pattern: Regex,
}

impl<'i> ImageChange<'i> {
    pub(crate) fn new(image: &'i Image) -> Result<Self> {
        let name = &image.name;
        let pattern =
            compile(&format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@sha256:[a-zA-Z0-9_.{{}}-]*)?$"))?;
        Ok(Self { image, pattern })
    }

    /// Changes the images in the fields that the specs name.
    pub(crate) fn set(&self, resource: &mut Node, specs: &[FieldSpec]) -> Result<()> {
        if is_definition(resource) {
            return Ok(());
        }
        at_fields(resource, specs, None, &mut |node| self.change(node))
    }

    /// Changes the images of everything that is called `containers` or `initContainers`, wherever it
    /// is in a resource.
    pub(crate) fn set_in_containers(&self, resource: &mut Node) -> Result<()> {
        if !metadata::has_metadata(resource) {
            return Err(Error::new("missing Resource metadata"));
        }
        if is_definition(resource) {
            return Ok(());
        }
        self.walk(resource)
    }

    fn walk(&self, node: &mut Node) -> Result<()> {
        match &mut node.content {
            Content::Scalar(_) => Ok(()),
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.walk(item)),
            Content::Mapping(entries) => entries.iter_mut().try_for_each(|(key, value)| {
                self.walk(value)?;
                match text(key) {
                    "containers" | "initContainers" => self.change_in_list(value),
                    _ => Ok(()),
                }
            }),
        }
    }

    fn change_in_list(&self, list: &mut Node) -> Result<()> {
        for container in list.items_mut().into_iter().flatten() {
            if field(container, "image")?.is_some()
                && let Some(image) = container.get_mut("image")
            {
                self.change(image)?;
            }
        }
        Ok(())
    }

    fn change(&self, node: &mut Node) -> Result<()> {
        expect(node, Kind::Scalar)?;
        let reference = text(node);
        if !self.pattern.is_match(reference) {
            return Ok(());
        }
        let changed = self.changed(Reference::parse(reference)).to_string();
        set_scalar_text(node, &changed)
    }

    /// A new tag or digest takes the place of both.
    fn changed<'r>(&'r self, mut reference: Reference<'r>) -> Reference<'r> {
        let image = self.image;
        if !image.new_name.is_empty() {
            reference.name = &image.new_name;
        }
        if !image.new_tag.is_empty() || !image.digest.is_empty() {
            reference.tag = image.new_tag.as_str().into();
            reference.digest = &image.digest;
        } else if !image.tag_suffix.is_empty() {
            reference.tag = format!("{}{}", reference.tag, image.tag_suffix).into();
            reference.digest = "";
        }
        reference
    }
}

fn is_definition(resource: &Node) -> bool {
    metadata::kind(resource) == "CustomResourceDefinition"
}

/// `[[host[:port]/]component/]component[:tag][@digest]`
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference<'r> {
    pub(crate) name: &'r str,
    pub(crate) tag: std::borrow::Cow<'r, str>,
    pub(crate) digest: &'r str,
}

impl<'r> Reference<'r> {
    pub(crate) fn parse(reference: &'r str) -> Self {
        // A colon before the first slash belongs to a port.
        let host = reference.find('/').unwrap_or(0);
        let (host, rest) = reference.split_at(host);
        let (rest, digest) = rest.split_once('@').unwrap_or((rest, ""));
        let (path, tag) = rest.split_once(':').unwrap_or((rest, ""));
        let name = reference.get(..host.len() + path.len()).unwrap_or(reference);
        Self { name, tag: tag.into(), digest }
    }
}

impl std::fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)?;
        if !self.tag.is_empty() {
            write!(f, ":{}", self.tag)?;
        }
        if !self.digest.is_empty() {
            write!(f, "@{}", self.digest)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reference: &str, name: &str, tag: &str, digest: &str) {
        let expected = Reference { name, tag: tag.into(), digest };
        assert_eq!(Reference::parse(reference), expected, "{reference}");
    }

    #[test]
    fn references_are_taken_apart() {
        check("nginx", "nginx", "", "");
        check("nginx:1.2", "nginx", "1.2", "");
        check("localhost:5000/nginx", "localhost:5000/nginx", "", "");
        check("localhost:5000/nginx:1", "localhost:5000/nginx", "1", "");
        check("a/b@sha256:1", "a/b", "", "sha256:1");
        check("a/b:2@sha256:1", "a/b", "2", "sha256:1");
    }
}
