//! The templates of an assembly, rendered.
//!
//! All templates of a chart and its subcharts form one set and are parsed, then executed, deepest
//! path first and from z to a: the order decides which of two definitions of a name holds, and what
//! one template sees of the values that another has changed.

pub(crate) mod error;
mod files;
mod functions;
pub(crate) mod host;
pub(crate) mod objects;
#[cfg(test)]
mod suite;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use trueup_gotemplate::ast::Tree;
use trueup_gotemplate::{
    Context, Delims, Functions, Map, MissingKey, ParseError, Settings, Trace, Value,
};

use crate::Profile;
use crate::assembly::{Part, table};
use crate::capabilities::Capabilities;
use crate::chart::Template;
use crate::render::{Options, Release};
use error::EngineError;
use host::{RenderHost, Traced};

/// The name of the set of templates; errors of `tpl` show it.
pub(crate) const SET_NAME: &str = "gotpl";

/// What each template has written, by its name: the path from the root chart's name.
pub(crate) type RenderedTemplates = BTreeMap<String, Vec<u8>>;

/// A template with what it is given.
struct Renderable<'a> {
    template: &'a Template,
    scope: Map,
    base_path: String,
}

/// Renders all templates that are not partials.
pub(crate) fn render(
    root: &Part,
    values: &Map,
    capabilities: &Capabilities,
    release: &Release,
    options: &Options,
    host: &mut RenderHost,
) -> Result<RenderedTemplates, EngineError> {
    let mut collecting = Collecting {
        renderables: BTreeMap::new(),
        capabilities: objects::capabilities(capabilities, options.profile),
        release: objects::release(release),
        profile: options.profile,
    };
    collecting.part(root, values.clone(), &root.name, true);
    execute(&collecting.renderables, values, options, host)
}

/// A walk over the charts, in which each is given its scope.
struct Collecting<'a> {
    renderables: BTreeMap<String, Renderable<'a>>,
    capabilities: Value,
    release: Value,
    profile: Profile,
}

impl<'a> Collecting<'a> {
    fn part(&mut self, part: &'a Part, values: Map, path: &str, is_root: bool) -> Map {
        let values_type = objects::values_type(self.profile);
        let subcharts = Map::any([]);
        let scope = Map::any([
            ("Chart".into(), objects::chart(part, is_root, self.profile)),
            ("Files".into(), files::files(&part.chart.files)),
            ("Release".into(), self.release.clone()),
            ("Capabilities".into(), self.capabilities.clone()),
            ("Values".into(), Value::Map(values.retyped(values_type))),
            ("Subcharts".into(), Value::Map(subcharts.clone())),
        ]);
        for child in &part.children {
            let values = table(&values, &child.name).unwrap_or_else(|| Map::any([]));
            let path = format!("{path}/charts/{}", child.name);
            let below = self.part(child, values, &path, false);
            subcharts.insert(child.name.as_str().into(), Value::Map(below));
        }
        let is_library = part.chart.metadata.is_library();
        for template in &part.chart.templates {
            let is_partial = trueup_model::tree::file_name(template.name()).starts_with('_');
            if !is_library || is_partial {
                let renderable = Renderable {
                    template,
                    scope: scope.retyped(values_type),
                    base_path: format!("{path}/templates"),
                };
                self.renderables.insert(format!("{path}/{}", template.name()), renderable);
            }
        }
        scope
    }
}

fn execute(
    renderables: &BTreeMap<String, Renderable<'_>>,
    values: &Map,
    options: &Options,
    host: &mut RenderHost,
) -> Result<RenderedTemplates, EngineError> {
    let functions = functions::table(options);
    let mut names: Vec<&String> = renderables.keys().collect();
    names.sort_by_key(|name| std::cmp::Reverse((name.matches('/').count(), *name)));

    let mut settings = Settings::new(functions.clone());
    settings.name = SET_NAME.into();
    settings.budget = options.budget;
    settings.go = options.profile.go();
    settings.missing_key = if options.strict { MissingKey::Error } else { MissingKey::Zero };
    for name in &names {
        let Some(renderable) = renderables.get(*name) else { continue };
        let trees = renderable
            .template
            .parsed(name, &functions)
            .map_err(|error| EngineError::Parse { name: (*name).clone(), error })?;
        settings.templates.add(trees.iter().cloned());
    }
    let mut context = Context::new(host, settings);
    if options.trace {
        context.start_trace();
    }
    let mut rendered = RenderedTemplates::new();
    for name in names {
        let Some(renderable) = renderables.get(name) else { continue };
        if trueup_model::tree::file_name(name).starts_with('_') {
            continue;
        }
        let about = Map::new(
            objects::values_type(options.profile),
            [
                ("Name".into(), Value::from(name.as_str())),
                ("BasePath".into(), Value::from(renderable.base_path.as_str())),
            ],
        );
        renderable.scope.insert("Template".into(), Value::Map(about));
        let written = context
            .run(name.as_bytes(), &Value::Map(renderable.scope.clone()))
            .map_err(|error| EngineError::Execution { error: Box::new(error) })?;
        if let Some(trace) = context.take_trace() {
            let traced = traced(&trace, renderable.template.text(), &written, values);
            if let Some(host) = context.state::<RenderHost>() {
                host.traces.insert(name.clone(), traced);
            }
        }
        rendered.insert(name.clone(), without_no_value(written));
    }
    Ok(rendered)
}

/// A trace in terms of lines and of paths in the values.
fn traced(trace: &Trace, source: &[u8], written: &[u8], values: &Map) -> Traced {
    let line_of = |offset: usize| {
        let before = source.get(..offset).unwrap_or(source);
        1 + u32::try_from(memchr::memchr_iter(b'\n', before).count()).unwrap_or(u32::MAX)
    };
    let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', written).map(|at| at + 1));
    let lines = starts.map(|at| trace.source_of(at).map_or(1, line_of)).collect();
    let mut paths = BTreeSet::new();
    collect_reads(trace, values, "", 0, &mut paths);
    Traced { lines, values: paths }
}

/// How deep values are looked through for what was read.
const DEEPEST_VALUE: usize = 64;

/// The paths below a map that were read, without those on the way to others.
fn collect_reads(
    trace: &Trace,
    map: &Map,
    prefix: &str,
    depth: usize,
    paths: &mut BTreeSet<String>,
) {
    if depth > DEEPEST_VALUE {
        return;
    }
    for key in trace.keys_read(map.identity()) {
        let path = if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") };
        let known = paths.len();
        if let Some(Value::Map(below)) = map.get(key) {
            collect_reads(trace, &below, &path, depth + 1, paths);
        }
        if paths.len() == known {
            paths.insert(path);
        }
    }
}

/// Go writes `<no value>` for what is not there, and Helm deletes it wherever it occurs.
pub(crate) fn without_no_value(text: Vec<u8>) -> Vec<u8> {
    const NO_VALUE: &[u8] = b"<no value>";
    if memchr::memmem::find(&text, NO_VALUE).is_none() {
        return text;
    }
    let mut cleaned = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(&text, NO_VALUE) {
        cleaned.extend_from_slice(text.get(from..at).unwrap_or_default());
        from = at + NO_VALUE.len();
    }
    cleaned.extend_from_slice(text.get(from..).unwrap_or_default());
    cleaned
}

/// Parses a template file. `name` is what errors and `include` call it.
pub(crate) fn parse(
    name: &str,
    text: &[u8],
    functions: &Functions,
) -> Result<Arc<[Arc<Tree>]>, ParseError> {
    trueup_gotemplate::parse::parse(name, text, functions, &Delims::default()).map(Into::into)
}
