//! `helm template`: arguments in, bytes out.
//!
//! A pure function but for two doors: one that loads the chart that is named, one that reads the
//! files that flags name. The checks come in Helm's order, so that of two mistakes the same one is
//! reported.

mod arguments;

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_gotemplate::{Context, Delims, Settings, Timestamp};
use trueup_model::{Diagnostic, Severity};

pub use arguments::{ArgumentError, Arguments};

use crate::Profile;
use crate::capabilities::{Capabilities, KubeVersion};
use crate::chart::Chart;
use crate::engine::host::{Randomness, RenderHost};
use crate::manifest::{HookEvent, split, trim};
use crate::pattern::Pattern;
use crate::render::{Options, Release, RenderError, Rendered, Stage, render};
use crate::values::strvals::{Reading, parse_into};
use crate::values::{load, merge};

/// The doors to the outside, and what differs from run to run.
pub struct Surroundings<'a> {
    /// Loads the chart of a name or path; the error is Helm's sentence.
    pub load: &'a mut dyn FnMut(&str) -> Result<Arc<Chart>, String>,
    /// Reads a file that a flag names; `-` is the standard input. The error is Go's sentence, such as
    /// `open values.yaml: no such file or directory`.
    pub read: &'a mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
    /// Runs the program of `--post-renderer` on manifests. The error is Helm's sentence.
    pub post_render: PostRender<'a>,
    /// What `now` is.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub randomness: Randomness,
}

/// What runs a post-renderer: manifests in, manifests out.
pub type PostRender<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Vec<u8>, String>;

/// A file to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// Its path.
    pub path: String,
    /// What goes into it.
    pub content: Vec<u8>,
    /// Whether it goes behind what is there, as Helm does with hooks that have a file to themselves.
    pub append: bool,
}

/// What the command prints and writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: String,
    /// Files to write: with `--output-dir` alone.
    pub files: Vec<OutputFile>,
    /// Whether the exit status is 1.
    pub failed: bool,
}

/// Runs `helm template`.
pub fn template(arguments: &Arguments, surroundings: &mut Surroundings<'_>) -> Output {
    let mut output = Output::default();
    if let Err(failure) = run(arguments, surroundings, &mut output) {
        let _ = writeln!(output.stderr, "Error: {failure}");
        output.failed = true;
    }
    output
}

fn run(
    arguments: &Arguments,
    surroundings: &mut Surroundings<'_>,
    output: &mut Output,
) -> Result<(), String> {
    let profile = arguments.profile;
    if arguments.positional.is_empty() {
        return Err("\"helm template\" requires at least 1 argument\n\nUsage:  helm template [NAME] [CHART] [flags]".to_owned());
    }
    let Prepared { chart, values, capabilities, release, options } =
        prepare(arguments, surroundings)?;
    check_installable(&chart, profile, output)?;
    check_name(&release.name, profile)?;
    if is_unsupported(&chart, profile) {
        return Err("invalid chart apiVersion".to_owned());
    }
    match render(&chart, &values, &capabilities, &release, &options) {
        Ok(rendered) => {
            warn(&rendered.diagnostics, output);
            print(arguments, surroundings.post_render, &rendered, &release, output)
        }
        Err(error) => Err(failure(arguments, error, output)),
    }
}

/// What the arguments ask for, read and loaded.
pub struct Prepared {
    /// The chart.
    pub chart: Arc<Chart>,
    /// The values of files and flags.
    pub values: Map<String, Value>,
    /// What is assumed of the cluster.
    pub capabilities: Capabilities,
    /// The release.
    pub release: Release,
    /// How to render.
    pub options: Options,
}

/// Reads and loads what the arguments name; nothing is rendered yet.
///
/// # Errors
/// Helm's sentence.
pub fn prepare(
    arguments: &Arguments,
    surroundings: &mut Surroundings<'_>,
) -> Result<Prepared, String> {
    let profile = arguments.profile;
    let capabilities = capabilities(arguments)?;
    let options = Options {
        skip_schema_validation: arguments.skip_schema_validation,
        subchart_notes: arguments.subchart_notes,
        deterministic_stubs: arguments.deterministic_stubs,
        ..Options::new(profile, now(arguments, surroundings), surroundings.randomness.clone())
    };
    let (name, chart) = name_and_chart(arguments, &options)?;
    let values = values(arguments, surroundings.read)?;
    let chart = (surroundings.load)(chart)?;
    let release = Release {
        name,
        namespace: arguments.namespace.clone().unwrap_or_else(|| "default".to_owned()),
        revision: 1,
        is_upgrade: arguments.is_upgrade,
    };
    Ok(Prepared { chart, values, capabilities, release, options })
}

/// The time; with the stubs that of their expectations, 2024-01-02T03:04:05Z.
fn now(arguments: &Arguments, surroundings: &Surroundings<'_>) -> Timestamp {
    if arguments.deterministic_stubs {
        return Timestamp { seconds: 1_704_164_645, nanoseconds: 0 };
    }
    surroundings.now
}

fn capabilities(arguments: &Arguments) -> Result<Capabilities, String> {
    let mut capabilities = Capabilities::assumed(arguments.profile);
    if let Some(version) = arguments.kube_version.as_deref().filter(|text| !text.is_empty()) {
        capabilities.kube_version = KubeVersion::parse(version, arguments.profile)
            .map_err(|error| format!("invalid kube version '{version}': {error}"))?;
    }
    capabilities.api_versions.extend(arguments.api_versions.iter().cloned());
    Ok(capabilities)
}

fn name_and_chart<'a>(
    arguments: &'a Arguments,
    options: &Options,
) -> Result<(String, &'a str), String> {
    match arguments.positional.as_slice() {
        [_, _, unexpected @ ..] if !unexpected.is_empty() => Err(format!(
            "expected at most two arguments, unexpected arguments: {}",
            unexpected.join(", ")
        )),
        [_, _] if arguments.generate_name => {
            Err("cannot set --generate-name and also specify a name".to_owned())
        }
        [_, _] if arguments.name_template.is_some() => {
            Err("cannot set --name-template and also specify a name".to_owned())
        }
        [name, chart, ..] => Ok((name.clone(), chart)),
        [chart] => match &arguments.name_template {
            Some(template) => Ok((name_from_template(template, options)?, chart)),
            // Helm sets this name before it looks at `--generate-name`.
            None => Ok(("release-name".to_owned(), chart)),
        },
        [] => Err("must either provide a name or specify --generate-name".to_owned()),
    }
}

fn name_from_template(template: &str, options: &Options) -> Result<String, String> {
    const NAME: &str = "name-template";
    let functions = options.profile.library();
    let trees =
        trueup_gotemplate::parse::parse(NAME, template.as_bytes(), &functions, &Delims::default())
            .map_err(|error| error.to_string())?;
    let mut settings = Settings::new(functions);
    settings.name = NAME.into();
    settings.budget = options.budget;
    settings.templates.add(trees);
    let mut host = RenderHost::new(options);
    let name = Context::new(&mut host, settings)
        .run(NAME.as_bytes(), &trueup_gotemplate::Value::Nil)
        .map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&name).into_owned())
}

/// The values of files and flags, merged in Helm's order.
fn values(
    arguments: &Arguments,
    read: &mut dyn FnMut(&str) -> Result<Vec<u8>, String>,
) -> Result<Map<String, Value>, String> {
    let profile = arguments.profile;
    let mut values = Map::new();
    for path in &arguments.value_files {
        let text = read(path)?;
        let file =
            load(&text, profile).map_err(|error| format!("failed to parse {path}: {error}"))?;
        merge(&mut values, file);
    }
    for text in &arguments.set_json {
        set_json(text, &mut values, profile)?;
    }
    for text in &arguments.set {
        parse_into(text, &mut values, Reading::Typed, profile)
            .map_err(|error| format!("failed parsing --set data: {error}"))?;
    }
    for text in &arguments.set_string {
        parse_into(text, &mut values, Reading::Text, profile)
            .map_err(|error| format!("failed parsing --set-string data: {error}"))?;
    }
    for text in &arguments.set_file {
        let mut content =
            |path: &str| read(path).map(|content| String::from_utf8_lossy(&content).into_owned());
        parse_into(text, &mut values, Reading::File(&mut content), profile)
            .map_err(|error| format!("failed parsing --set-file data: {error}"))?;
    }
    for text in &arguments.set_literal {
        parse_into(text, &mut values, Reading::Literal, profile)
            .map_err(|error| format!("failed parsing --set-literal data: {error}"))?;
    }
    Ok(values)
}

/// `key=json`, and in Helm 4 a whole object too.
fn set_json(text: &str, values: &mut Map<String, Value>, profile: Profile) -> Result<(), String> {
    if profile == Profile::Helm4 && text.trim().starts_with('{') {
        let object = serde_json::from_str(text.trim())
            .map_err(|_| format!("failed parsing --set-json data JSON: {text}"))?;
        if let Value::Object(object) = crate::values::with_floats(object) {
            merge(values, object);
        }
        return Ok(());
    }
    parse_into(text, values, Reading::Json, profile)
        .map_err(|_| format!("failed parsing --set-json data {text}"))
}

/// Whether Helm 4 has no support for the chart's apiVersion yet.
fn is_unsupported(chart: &Chart, profile: Profile) -> bool {
    profile == Profile::Helm4 && chart.metadata.api_version == "v3"
}

fn check_installable(chart: &Chart, profile: Profile, output: &mut Output) -> Result<(), String> {
    let metadata = &chart.metadata;
    if !matches!(metadata.kind.as_str(), "" | "application") {
        return Err(format!("{} charts are not installable", metadata.kind));
    }
    if metadata.deprecated {
        output.stderr.push_str(match profile {
            Profile::Helm3 => "WARNING: This chart is deprecated\n",
            Profile::Helm4 => "level=WARN msg=\"this chart is deprecated\"\n",
        });
    }
    let checking = match profile {
        Profile::Helm3 => "An",
        Profile::Helm4 => "an",
    };
    let checking = format!(
        "{checking} error occurred while checking for chart dependencies. You may need to run `helm dependency build` to fetch missing dependencies"
    );
    let declared = metadata.dependencies().count();
    if is_unsupported(chart, profile) && chart.dependencies.len() > declared {
        return Err(format!("{checking}: unsupported chart dependency type"));
    }
    let missing: Vec<&str> =
        chart.missing_dependencies().into_iter().map(|missing| missing.name.as_str()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{checking}: found in Chart.yaml, but missing in charts/ directory: {}",
        missing.join(", ")
    ))
}

/// At most 53 letters, digits, dashes and dots, as a DNS name has them.
fn check_name(name: &str, profile: Profile) -> Result<(), String> {
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let bytes = label.as_bytes();
        bytes.iter().all(|byte| is_inner(*byte) || *byte == b'-')
            && bytes.first().is_some_and(|byte| is_inner(*byte))
            && bytes.last().is_some_and(|byte| is_inner(*byte))
    };
    let reason = if name.is_empty() {
        "no name provided"
    } else if name.len() > 53 || !name.split('.').all(is_label) {
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and the length must not be longer than 53"
    } else {
        return Ok(());
    };
    let step = match profile {
        Profile::Helm3 => "",
        Profile::Helm4 => "release name check failed: ",
    };
    Err(format!("{step}release name {name:?}: {reason}"))
}

fn warn(diagnostics: &[Diagnostic], output: &mut Output) {
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Warning => "WARN",
            Severity::Error => "ERROR",
        };
        let _ = writeln!(output.stderr, "level={level} msg={:?}", diagnostic.message);
    }
}

/// The error, and with `--debug` what was rendered nonetheless.
fn failure(arguments: &Arguments, error: RenderError, output: &mut Output) -> String {
    let text = match (arguments.profile, error.stage) {
        (Profile::Helm4, Stage::Dependencies) => {
            format!("chart dependencies processing failed: {}", error.text)
        }
        _ => error.text,
    };
    if error.stage != Stage::Rendering {
        return text;
    }
    if !arguments.debug {
        return format!("{text}\n\nUse --debug flag to render out invalid YAML");
    }
    let mut manifest = Vec::new();
    for (name, text) in &error.rendered {
        if !trim(text).is_empty() {
            document(&mut manifest, name, text);
        }
    }
    output.stdout.extend_from_slice(trim(&manifest));
    output.stdout.push(b'\n');
    text
}

fn document(manifest: &mut Vec<u8>, source: &str, text: &[u8]) {
    manifest.extend_from_slice(b"---\n# Source: ");
    manifest.extend_from_slice(source.as_bytes());
    manifest.push(b'\n');
    manifest.extend_from_slice(text);
    manifest.push(b'\n');
}

/// Prints what was rendered, or a part of it, or writes it into files.
fn print(
    arguments: &Arguments,
    post_render: PostRender<'_>,
    rendered: &Rendered,
    release: &Release,
    output: &mut Output,
) -> Result<(), String> {
    let mut files = Files::default();
    let mut manifest = Vec::new();
    let folders = arguments.output_dir.as_ref().map(|folder| {
        let own = match arguments.release_name_in_output_dir {
            true => format!("{folder}/{}", release.name),
            false => folder.clone(),
        };
        (folder.clone(), own)
    });
    let mut put = |manifest: &mut Vec<u8>, part: Part, source: &str, text: &[u8]| match &folders {
        None => document(manifest, source, text),
        Some((folder, own)) => {
            files.add(if part == Part::Crd { folder } else { own }, part, source, text);
        }
    };
    if arguments.include_crds {
        for crd in &rendered.crds {
            put(&mut manifest, Part::Crd, &crd.path, &crd.content);
        }
    }
    for part in &rendered.manifests {
        put(&mut manifest, Part::Manifest, &part.template, &part.text);
    }
    if arguments.post_renderer.is_some() {
        manifest = post_render(&manifest)?;
    }
    let mut printed = trim(&manifest).to_vec();
    printed.push(b'\n');
    for hook in rendered.hooks.iter().filter(|_| !arguments.no_hooks) {
        if !(arguments.skip_tests && hook.events.contains(&HookEvent::Test)) {
            put(&mut printed, Part::Hook, &hook.manifest.template, &hook.manifest.text);
        }
    }
    for path in &files.order {
        output.stdout.extend_from_slice(format!("wrote {path}\n").as_bytes());
    }
    output.files = files.contents;
    if arguments.show_only.is_empty() {
        output.stdout.extend_from_slice(&printed);
    } else {
        output.stdout.extend_from_slice(&shown_only(&printed, &arguments.show_only)?);
    }
    Ok(())
}

/// What a document is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Crd,
    Manifest,
    Hook,
}

/// Files that are written, in the order of writing; what goes to one path is put together.
#[derive(Default)]
struct Files {
    order: Vec<String>,
    contents: Vec<OutputFile>,
}

impl Files {
    fn add(&mut self, folder: &str, part: Part, source: &str, text: &[u8]) {
        let path = format!("{folder}/{source}");
        self.order.push(path.clone());
        match self.contents.iter_mut().find(|file| file.path == path) {
            Some(file) => document(&mut file.content, source, text),
            None => {
                let mut content = Vec::new();
                document(&mut content, source, text);
                self.contents.push(OutputFile { path, content, append: part == Part::Hook });
            }
        }
    }
}

/// The documents whose template is one of `--show-only`, in the order of these.
fn shown_only(printed: &[u8], wanted: &[String]) -> Result<Vec<u8>, String> {
    let documents = split(printed);
    let mut shown = Vec::new();
    for path in wanted {
        let pattern = Pattern::path(path);
        let mut is_missing = true;
        for (_, document) in &documents {
            let fits = source_of(document)
                .zip(pattern.as_ref())
                .is_some_and(|(source, pattern)| pattern.matches(&source));
            if fits {
                is_missing = false;
                shown.extend_from_slice(b"---\n");
                shown.extend_from_slice(document);
                shown.push(b'\n');
            }
        }
        if is_missing {
            return Err(format!("could not find template {path} in chart"));
        }
    }
    Ok(shown)
}

/// The path in the chart that the `# Source:` comment names.
fn source_of(document: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"# Source: ";
    memchr::memmem::find_iter(document, MARK).find_map(|at| {
        let line = document.get(at + MARK.len()..)?.split(|byte| *byte == b'\n').next()?;
        let slash = memchr::memchr(b'/', line)?;
        let path = line.get(slash + 1..).filter(|path| !path.is_empty() && slash > 0)?;
        Some(String::from_utf8_lossy(path).into_owned())
    })
}
