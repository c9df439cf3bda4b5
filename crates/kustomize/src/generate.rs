//! Makes ConfigMaps and Secrets from literals and files.

mod sources;

use std::collections::BTreeMap;
use std::rc::Rc;

use base64::Engine as _;
use trueup_model::Location;
use trueup_yaml::{Node, Style};

use crate::build::Session;
use crate::error::{Context, Error, Result};
use crate::kustomization::{GeneratorArgs, GeneratorOptions, SecretArgs};
use crate::load::Loader;
use crate::metadata::{self, Texts, plain_key, string};
use crate::resource::{Behavior, Resource};

/// Makes the ConfigMap that `args` describes.
pub(crate) fn config_map<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    args: &GeneratorArgs,
    location: Rc<Location>,
) -> Result<Resource> {
    let mut node = base("ConfigMap", args)?;
    for (key, value) in &data(session, loader, args)? {
        let (field, value) = config_map_value(value);
        field_mut(&mut node, field).push((plain_key(key), value));
    }
    add_options(&mut node, args.options.as_ref());
    Ok(resource(session, node, args, location))
}

/// Makes the Secret that `args` describes.
pub(crate) fn secret<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    args: &SecretArgs,
    location: Rc<Location>,
) -> Result<Resource> {
    let mut node = base("Secret", &args.generator)?;
    let secret_type = if args.secret_type.is_empty() { "Opaque" } else { &args.secret_type };
    node.set("type", string(secret_type));
    let data = data(session, loader, &args.generator)?;
    let entries = data.iter().map(|(key, value)| (plain_key(key), string(&base64_text(value))));
    node.set("data", Node::mapping(entries.collect()));
    add_options(&mut node, args.generator.options.as_ref());
    Ok(resource(session, node, &args.generator, location))
}

fn resource(
    session: &Session<'_>,
    node: Node,
    args: &GeneratorArgs,
    location: Rc<Location>,
) -> Resource {
    let mut resource = Resource::new(node, location, &session.types);
    let disabled = args.options.as_ref().is_some_and(|o| o.disable_name_suffix_hash);
    resource.track.needs_hash = !disabled;
    resource.track.behavior = Some(Behavior::parse(&args.behavior));
    resource
}

fn base(kind: &str, args: &GeneratorArgs) -> Result<Node> {
    if args.name.is_empty() {
        return Err(Error::new("a configmap must have a name"));
    }
    let mut meta = vec![(plain_key("name"), string(&args.name))];
    if !args.namespace.is_empty() {
        meta.push((plain_key("namespace"), string(&args.namespace)));
    }
    Ok(Node::mapping(vec![
        (plain_key("apiVersion"), Node::styled("v1", Style::Plain)),
        (plain_key("kind"), Node::styled(kind, Style::Plain)),
        (plain_key("metadata"), Node::mapping(meta)),
    ]))
}

/// The keys and values of all sources; no key may come twice.
fn data<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    args: &GeneratorArgs,
) -> Result<BTreeMap<String, Vec<u8>>> {
    let pairs = sources::read(session, loader, args).context(|| "loading KV pairs".to_owned())?;
    let mut data = BTreeMap::new();
    for (key, value) in pairs {
        if data.contains_key(&key) {
            return Err(Error::new(format!(
                "configmap {} illegally repeats the key `{key}`",
                args.name
            )));
        }
        data.insert(key, value);
    }
    Ok(data)
}

fn add_options(node: &mut Node, options: Option<&GeneratorOptions>) {
    let Some(options) = options else { return };
    for (field, texts) in [("labels", &options.labels), ("annotations", &options.annotations)] {
        if !texts.is_empty() {
            metadata::set_texts(node, field, texts);
        }
    }
    if options.immutable {
        node.set("immutable", Node::bool(true));
    }
}

/// Text goes to `data`; what is not UTF-8 goes to `binaryData`, encoded.
fn config_map_value(value: &[u8]) -> (&'static str, Node) {
    match std::str::from_utf8(value) {
        Ok(text) => ("data", string(text)),
        Err(_) => ("binaryData", string(&base64_text(value))),
    }
}

/// Base64 in lines of 70 characters, if it is longer than one.
fn base64_text(value: &[u8]) -> String {
    const LINE: usize = 70;
    let encoded = base64::engine::general_purpose::STANDARD.encode(value);
    if encoded.len() < LINE {
        return encoded;
    }
    let mut text = String::with_capacity(encoded.len() + encoded.len() / LINE + 1);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text
}

/// Sets `data` or `binaryData` to exactly these; none takes the field away.
pub(crate) fn set_data(node: &mut Node, field: &'static str, data: &Texts) {
    node.remove(field);
    for (key, value) in data {
        field_mut(node, field).push((plain_key(key), string(value)));
    }
}

fn field_mut<'n>(node: &'n mut Node, field: &str) -> &'n mut Vec<(Node, Node)> {
    if node.get(field).is_none_or(|value| value.entries().is_none()) {
        node.set(field, Node::mapping(Vec::new()));
    }
    node.get_mut(field)
        .and_then(Node::entries_mut)
        .expect("it was set to a mapping where it was none")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_base64_has_lines() {
        assert_eq!(base64_text(b"abc"), "YWJj");
        let long = base64_text(&[0; 60]);
        assert_eq!(long.lines().map(str::len).collect::<Vec<_>>(), [70, 10]);
        assert!(long.ends_with('\n'));
    }
}
