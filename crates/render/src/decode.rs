//! Documents into types: an unknown or wrong field is an error with its place and what was meant.

use serde::de::DeserializeOwned;
use serde_json::Value;
use trueup_model::{Diagnostic, Location};
use trueup_yaml::Node;

use crate::Document;

/// Reads `value`, which stands at `pointer` of the document, as a `T`.
pub fn decode<T: DeserializeOwned>(
    document: &Document,
    pointer: &str,
    value: &Value,
) -> Result<T, Diagnostic> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = format!("{pointer}{}", as_pointer(error.path()));
        let message = error.into_inner().to_string();
        explain(document, &path, &message)
    })
}

fn as_pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .filter_map(|segment| match segment {
            Segment::Seq { index } => Some(format!("/{index}")),
            Segment::Map { key } => Some(format!("/{}", key.replace('~', "~0").replace('/', "~1"))),
            Segment::Enum { .. } | Segment::Unknown => None,
        })
        .collect()
}

fn explain(document: &Document, path: &str, message: &str) -> Diagnostic {
    let at = locate(document, path);
    let unknown =
        |what: &'static str| Some((what, message.strip_prefix(what)?.strip_prefix(" `")?));
    let Some((what, rest)) = unknown("unknown field").or_else(|| unknown("unknown variant")) else {
        return Diagnostic::error(message.to_owned()).at(at).field(path);
    };
    let (given, expected) = rest.split_once('`').unwrap_or((rest, ""));
    let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
    let what = what.replace("variant", "value");
    let diagnostic = Diagnostic::error(format!("{what} `{given}`")).at(at).field(path);
    match closest(given, &known) {
        Some(meant) => diagnostic.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => diagnostic,
        None => diagnostic.hint(format!("known: {}", known.join(", "))),
    }
}

/// The known name that `given` was probably meant to be.
pub fn closest<'a>(given: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| {
            (strsim::damerau_levenshtein(&given.to_lowercase(), &name.to_lowercase()), *name)
        })
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min()
        .map(|(_, name)| name)
}

/// File, line and column of the field that a JSON pointer names, or of the nearest thing above it.
pub fn locate(document: &Document, pointer: &str) -> Location {
    let Some(root) = &document.node else { return document.at.clone() };
    let mut node: &Node = root;
    let mut place = root;
    for part in pointer.split('/').skip(1) {
        let key = part.replace("~1", "/").replace("~0", "~");
        let found = node
            .entries()
            .and_then(|entries| entries.iter().find(|(name, _)| name.text() == Some(key.as_str())));
        if let Some((name, value)) = found {
            // What a patch has set stands in another file than the field's name.
            let is_patched = value.source() != 0 && value.source() != name.source();
            (node, place) = (value, if is_patched { value } else { name });
        } else if let Some(item) =
            key.parse::<usize>().ok().and_then(|index| node.items()?.get(index))
        {
            (node, place) = (item, item);
        } else {
            break;
        }
    }
    let file = usize::from(place.source()).checked_sub(1);
    let file = file.and_then(|index| document.files.get(index)).unwrap_or(&document.at.file);
    let place = place.position();
    if place.line == 0 {
        return document.at.clone();
    }
    Location::new(file.clone(), place.line, place.column)
}
