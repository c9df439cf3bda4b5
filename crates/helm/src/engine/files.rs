//! `.Files`: the files of a chart that have no other role.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use trueup_gotemplate::types::Text;
use trueup_gotemplate::{
    Args, Context, Function, FunctionError, Map, Method, NamedType, Str, Type, Value,
};

use crate::chart::SourceFile;
use crate::pattern::Pattern;

// Statics, for the type occurs in the signature of one of its methods.
static FILES: Type = Type::Named(&FILES_NAME);
static FILES_NAME: NamedType = NamedType {
    name: "engine.files",
    underlying: &Type::Map(Type::STRING, Type::BYTES),
    methods: &[
        Method(Function::new("AsConfig", &[], Type::STRING, as_config)),
        Method(Function::new("AsSecrets", &[], Type::STRING, as_secrets)),
        Method(Function::new("Get", &[Type::STRING], Type::STRING, get)),
        Method(Function::new("GetBytes", &[Type::STRING], Type::BYTES, get_bytes)),
        Method(Function::new("Glob", &[Type::STRING], &FILES, glob)),
        Method(Function::new("Lines", &[Type::STRING], Type::STRING_SLICE, lines)),
    ],
    text: Text::Plain,
};

/// `.Files` of a chart.
pub(crate) fn files(files: &[SourceFile]) -> Value {
    let entry = |file: &SourceFile| {
        (Str::from(file.name.as_str()), Value::Bytes(Arc::clone(&file.content)))
    };
    Value::Map(Map::new(&FILES, files.iter().map(entry)))
}

fn receiver(args: Args<'_>) -> Result<Map, FunctionError> {
    Ok(args.map(0)?.unwrap_or_else(|| Map::new(&FILES, [])))
}

fn content(args: Args<'_>) -> Result<Option<Arc<[u8]>>, FunctionError> {
    match receiver(args)?.get(args.string(1)?.as_bytes()) {
        Some(Value::Bytes(content)) => Ok(Some(content)),
        _ => Ok(None),
    }
}

fn get(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::String(Str::new(&content(args)?.unwrap_or_default())))
}

fn get_bytes(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::Bytes(content(args)?.unwrap_or_default()))
}

/// A pattern that is malformed matches all files.
fn glob(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let files = receiver(args)?;
    let pattern = args.string(1)?.to_text();
    cx.charge_steps(files.len() as u64 + pattern.len() as u64)?;
    let pattern = Pattern::glob(&pattern);
    let fits = |name: &Str| match &pattern {
        Some(pattern) => pattern.matches(&name.to_text()),
        None => true,
    };
    let found = files.entries().into_iter().filter(|(name, _)| fits(name));
    Ok(Value::Map(Map::new(&FILES, found)))
}

fn as_config(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    by_base_name(args, |content| String::from_utf8_lossy(content).into_owned())
}

fn as_secrets(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    by_base_name(args, |content| STANDARD.encode(content))
}

/// The files as a YAML mapping from the last parts of their names.
fn by_base_name(args: Args<'_>, text: fn(&[u8]) -> String) -> Result<Value, FunctionError> {
    let mut entries = BTreeMap::new();
    for (name, content) in receiver(args)?.entries() {
        if let Value::Bytes(content) = content {
            let name = name.to_text();
            let base = trueup_model::tree::file_name(&name).to_owned();
            entries.insert(base, text(&content));
        }
    }
    let entries = entries.into_iter().map(|(name, text)| (name, Json::String(text))).collect();
    let printed = trueup_yaml::to_yaml(&Json::Object(entries)).unwrap_or_default();
    Ok(Value::from(printed.strip_suffix('\n').unwrap_or(&printed)))
}

fn lines(_: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let Some(content) = content(args)? else { return Ok(Value::strings([])) };
    let text = match content.split_last() {
        None => {
            return Err(FunctionError::new("runtime error: index out of range [-1]"));
        }
        Some((b'\n', text)) => text,
        Some(_) => &content,
    };
    Ok(Value::strings(text.split(|byte| *byte == b'\n').map(Str::new)))
}
