//! JSON, YAML and TOML, out and in: `toJson`, `fromYaml` and the like, as Helm has them.
//!
//! `toX` gives the empty string for what cannot be printed, `mustToX` the error. `fromX` puts the
//! error into its result, under `Error` or as the only item; `mustFromJson` returns it.

mod json;
mod present;
mod toml;

use trueup_yaml::{Dialect, Indent, go_json};

use super::Outcome;
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::{Kind, Type};
use crate::value::{Str, Value};
use present::{Presented, View};
use toml::Floats;

const ANY: &Type = Type::ANY;
const STRING: &Type = Type::STRING;
const MAP: &Type = Type::ANY_MAP;
const LIST: &Type = Type::ANY_SLICE;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("toJson", &[ANY], STRING, |c, a| quietly(to_json(c, a))),
    Function::new("mustToJson", &[ANY], STRING, to_json),
    Function::new("toPrettyJson", &[ANY], STRING, |c, a| quietly(to_pretty_json(c, a))),
    Function::new("mustToPrettyJson", &[ANY], STRING, to_pretty_json),
    Function::new("toRawJson", &[ANY], STRING, to_raw_json),
    Function::new("mustToRawJson", &[ANY], STRING, to_raw_json),
    Function::new("toYaml", &[ANY], STRING, |c, a| quietly(to_yaml(c, a))),
    Function::new("mustToYaml", &[ANY], STRING, to_yaml),
    Function::new("toYamlPretty", &[ANY], STRING, |c, a| quietly(to_yaml_pretty(c, a))),
    Function::new("toToml", &[ANY], STRING, |c, a| to_toml(c, a, Floats::Exponent)),
    Function::new("fromJson", &[STRING], MAP, from_json),
    Function::new("fromJsonArray", &[STRING], LIST, from_json_array),
    Function::new("mustFromJson", &[STRING], ANY, |_, a| {
        json::parse(a.string(0)?).map_err(FunctionError::new)
    }),
    Function::new("fromYaml", &[STRING], MAP, from_yaml),
    Function::new("fromYamlArray", &[STRING], LIST, from_yaml_array),
    Function::new("fromToml", &[STRING], MAP, from_toml),
];

/// As Helm 3 has them, which carries an older TOML library.
pub(super) const FUNCTIONS_3: &[Function] =
    &[Function::new("toToml", &[ANY], STRING, |c, a| to_toml(c, a, Floats::Plain))];

/// The empty string instead of an error of the value.
fn quietly(outcome: Outcome) -> Outcome {
    match outcome {
        Err(FunctionError::Message(_)) => Ok("".into()),
        outcome => outcome,
    }
}

/// The first argument, checked: it holds nothing that JSON does not have, and not itself.
fn checked<'a>(
    context: &mut Context<'_>,
    args: Args<'a>,
    view: View,
) -> Result<Presented<'a>, FunctionError> {
    present::check(context, args.any(0), view)?;
    Ok(Presented::new(args.any(0), view))
}

fn text(printed: Result<String, trueup_yaml::PrintError>) -> Outcome {
    printed.map(Value::from).map_err(|error| FunctionError::new(error.to_string()))
}

fn to_json(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    text(go_json::compact(&checked(context, args, View::Json)?))
}

fn to_pretty_json(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    text(go_json::indented(&checked(context, args, View::Json)?, "  "))
}

fn to_raw_json(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    text(go_json::raw(&checked(context, args, View::Json)?))
}

fn to_yaml(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let prefixed = |error| match error {
        FunctionError::Message(text) => {
            FunctionError::new(format!("error marshaling into JSON: {text}"))
        }
        other => other,
    };
    let value = checked(context, args, View::Json).map_err(prefixed)?;
    without_newline(trueup_yaml::to_yaml(&value)).map_err(|error| match error {
        FunctionError::Message(text) if text.starts_with("json:") => {
            prefixed(FunctionError::Message(text))
        }
        other => other,
    })
}

fn to_yaml_pretty(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let value = checked(context, args, View::Yaml)?;
    without_newline(trueup_yaml::to_yaml_v3(&value, Indent::WIDE))
}

fn without_newline(printed: Result<String, trueup_yaml::PrintError>) -> Outcome {
    text(printed.map(|mut text| {
        if text.ends_with('\n') {
            text.pop();
        }
        text
    }))
}

/// An error of the encoder is the result.
fn to_toml(context: &mut Context<'_>, args: Args<'_>, floats: Floats) -> Outcome {
    let encoded = toml::encode(context, args.any(0), floats)?;
    Ok(Value::string(encoded.unwrap_or_else(String::from)))
}

fn with_error(text: impl Into<Str>) -> Value {
    Value::map([("Error".into(), Value::string(text))])
}

/// The error of a decoder that found a value of another type.
fn mismatch(found: &Value, wanted: &Type) -> String {
    let found = match found.kind() {
        Kind::Slice => "array",
        Kind::Map => "object",
        Kind::Float64 => "number",
        Kind::Bool => "bool",
        _ => "string",
    };
    format!("json: cannot unmarshal {found} into Go value of type {wanted}")
}

fn from_json(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(match json::decode(args.string(0)?) {
        Ok((Value::Nil, _)) => Value::TypedNil(MAP),
        Ok((Value::Map(map), error)) => {
            if let Some(text) = error {
                map.insert("Error".into(), text.into());
            }
            Value::Map(map)
        }
        Ok((other, _)) => with_error(mismatch(&other, MAP)),
        Err(text) => with_error(text),
    })
}

fn from_json_array(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(match json::decode(args.string(0)?) {
        Ok((Value::Nil, _)) => Value::TypedNil(LIST),
        Ok((list @ Value::List(_), None)) => list,
        Ok((Value::List(_), Some(text))) | Err(text) => Value::list(vec![text.into()]),
        Ok((other, _)) => Value::list(vec![mismatch(&other, LIST).into()]),
    })
}

/// The document as a value; the error as `sigs.k8s.io/yaml` words it.
fn yaml(text: &[u8]) -> Result<Value, String> {
    let document = trueup_yaml::from_slice(text, Dialect::V2);
    document
        .map(json::value_of)
        .map_err(|error| format!("error converting YAML to JSON: {}", error.go_text(Dialect::V2)))
}

const DECODING: &str = "error unmarshaling JSON: while decoding JSON: ";

fn from_yaml(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(match yaml(args.string(0)?) {
        Ok(Value::Nil) => Value::map([]),
        Ok(map @ Value::Map(_)) => map,
        Ok(other) => with_error(format!("{DECODING}{}", mismatch(&other, MAP))),
        Err(text) => with_error(text),
    })
}

fn from_yaml_array(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(match yaml(args.string(0)?) {
        Ok(Value::Nil) => Value::list(vec![]),
        Ok(list @ Value::List(_)) => list,
        Ok(other) => Value::list(vec![format!("{DECODING}{}", mismatch(&other, LIST)).into()]),
        Err(text) => Value::list(vec![text.into()]),
    })
}

fn from_toml(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    Ok(toml::decode(args.string(0)?).unwrap_or_else(with_error))
}
