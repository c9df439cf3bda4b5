//! The functions that Helm adds to the library: those that run templates, and those that ask the
//! cluster.

use std::sync::LazyLock;

use serde_json::Value as Json;
use trueup_gotemplate::ast::{Node, Tree};
use trueup_gotemplate::functions::STUBS;
use trueup_gotemplate::strconv::{Charset, quote};
use trueup_gotemplate::{
    Args, Context, ExecError, Function, FunctionError, Functions, Step, Str, Type, Value,
};
use trueup_model::need::Lookup;

use super::host::{Lookups, RenderHost};
use super::{SET_NAME, parse, without_no_value};
use crate::Profile;
use crate::render::Options;

/// How often a template may include itself: Helm's `recursionMaxNums`.
const MAX_RECURSION: usize = 1_000;
/// Around the message of `required` and `fail`, so that it can be found in the error.
pub(super) const WARNING_START: &str = "HELM_ERR_START";
pub(super) const WARNING_END: &str = "HELM_ERR_END";

/// The functions that templates of a chart can call.
pub(super) fn table(options: &Options) -> Functions {
    static HELM3: LazyLock<Functions> = LazyLock::new(|| chart_functions(Profile::Helm3));
    static HELM4: LazyLock<Functions> = LazyLock::new(|| chart_functions(Profile::Helm4));
    static STUBBED: LazyLock<Functions> = LazyLock::new(|| HELM4.with(STUBS));
    match (options.deterministic_stubs, options.profile) {
        (true, _) => STUBBED.clone(),
        (false, Profile::Helm3) => HELM3.clone(),
        (false, Profile::Helm4) => HELM4.clone(),
    }
}

fn chart_functions(profile: Profile) -> Functions {
    profile.library().with(&[
        Function::new("include", &[Type::STRING, Type::ANY], Type::STRING, include),
        Function::new("tpl", &[Type::STRING, Type::ANY], Type::STRING, tpl),
        Function::new("required", &[Type::STRING, Type::ANY], Type::ANY, required),
        Function::new("fail", &[Type::STRING], Type::STRING, fail),
        Function::new(
            "lookup",
            &[Type::STRING, Type::STRING, Type::STRING, Type::STRING],
            Type::ANY_MAP,
            lookup,
        ),
        Function::new("getHostByName", &[Type::STRING], Type::STRING, get_host_by_name),
    ])
}

fn state<'a>(cx: &'a mut Context<'_>) -> Result<&'a mut RenderHost, FunctionError> {
    cx.state::<RenderHost>().ok_or_else(|| FunctionError::new("no chart is being rendered"))
}

fn include(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let name = args.string(0)?;
    let count = state(cx)?.included.entry(name.clone()).or_default();
    if *count > MAX_RECURSION {
        return Err(FunctionError::new(format!(
            "rendering template has a nested reference name: {name}: unable to execute template"
        )));
    }
    *count += 1;
    let result = cx.execute(name, args.any(1));
    if let Some(count) = state(cx)?.included.get_mut(name) {
        *count -= 1;
    }
    result.map(Value::String)
}

/// Renders a text with the whole set of templates, and what the text itself defines.
fn tpl(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let text = args.string(0)?;
    cx.charge_bytes(text.len() as u64)?;
    let trees = match state(cx)?.parsed.get(text) {
        Some(trees) => trees.clone(),
        None => {
            let trees = parse(SET_NAME, text, cx.functions()).map_err(|error| {
                FunctionError::new(format!("cannot parse template {}: {error}", quoted(text)))
            })?;
            state(cx)?.parsed.insert(text.clone(), trees.clone());
            trees
        }
    };
    let mut templates = cx.templates().clone();
    templates.add(trees.iter().skip(1).cloned());
    // The text itself is executed even if it is empty and the set has another template of its name.
    let result = match trees.first() {
        Some(own) if own.is_empty() => Ok(text_of(own)),
        Some(own) => {
            templates.add([own.clone()]);
            cx.execute_in(templates, SET_NAME.as_bytes(), args.any(1))
        }
        None => Ok(Str::EMPTY),
    };
    let written = result.map_err(|error| within_tpl(error, text))?;
    Ok(Value::String(without_no_value(written.to_vec()).into()))
}

/// What a tree of text alone writes.
fn text_of(tree: &Tree) -> Str {
    let mut text = Vec::new();
    for node in &tree.body.nodes {
        if let Node::Text(span) = node {
            text.extend_from_slice(span.of(&tree.source));
        }
    }
    text.into()
}

fn within_tpl(error: FunctionError, text: &Str) -> FunctionError {
    let context = format!("error during tpl function execution for {}", quoted(text));
    match error {
        FunctionError::Template(mut error) => {
            error.trace.push(Step::Within(context));
            FunctionError::Template(error)
        }
        FunctionError::Message(message) => FunctionError::Template(Box::new(ExecError {
            trace: vec![Step::Within(context)],
            message,
            exhausted: None,
        })),
        exhausted @ FunctionError::Exhausted(_) => exhausted,
    }
}

fn quoted(text: &Str) -> Str {
    Str::from(quote(text, Charset::Unicode))
}

fn warning(message: &str) -> FunctionError {
    FunctionError::new(format!("{WARNING_START}{message}{WARNING_END}"))
}

fn required(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let value = args.any(1);
    let is_missing = match value {
        Value::Nil => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    };
    if !is_missing {
        return Ok(value.clone());
    }
    let message = args.string(0)?.to_text();
    let state = state(cx)?;
    if state.lint {
        state.warnings.push(format!("missing required value: {message}"));
        return Ok(Value::from(""));
    }
    Err(warning(&message))
}

fn fail(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let message = args.string(0)?.to_text();
    let state = state(cx)?;
    if state.lint {
        state.warnings.push(message.into_owned());
        return Ok(Value::from(""));
    }
    Err(warning(&message))
}

/// An object of the cluster, or an empty map.
fn lookup(cx: &mut Context<'_>, args: Args<'_>) -> Result<Value, FunctionError> {
    let text =
        |index| -> Result<String, FunctionError> { Ok(args.string(index)?.to_text().into_owned()) };
    let lookup =
        Lookup { api_version: text(0)?, kind: text(1)?, namespace: text(2)?, name: text(3)? };
    let state = state(cx)?;
    let answer = match &state.lookups {
        Lookups::Answers(answers) if !state.lint => answers.get(&lookup).map(AsRef::as_ref),
        _ => return Ok(Value::map([])),
    };
    match answer {
        Some(Json::Object(entries)) => Ok(Value::Map(crate::values::to_map(entries))),
        Some(_) => Ok(Value::map([])),
        None => {
            state.missing_lookups.push(lookup);
            Ok(Value::map([]))
        }
    }
}

/// Rendering asks no network.
fn get_host_by_name(_: &mut Context<'_>, _: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::from(""))
}
