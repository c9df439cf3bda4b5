//! `trueup kustomize build`: the arguments and the bytes of `kustomize build`. `explain` says of what is
//! built where it comes from.

mod explain;
mod remote;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand, ValueEnum};
use trueup_kustomize::{
    Built, HelmEngine, Options, Outcome, Output as Resources, Profile, Randomness, Reorder,
    RepoSpec, Timestamp, build,
};
use trueup_model::Location;

use super::Exit;
use crate::Global;
use crate::disk::{DiskTree, Links};
use crate::error::CliError;
use crate::output::{Format, Output};

/// The original's own arguments, which are read apart: its `-o` is not that of the other commands.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// As `kustomize` takes them: build DIR …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<OsString>,
}

#[derive(Parser)]
#[command(name = "trueup kustomize", disable_version_flag = true)]
struct Kustomize {
    #[command(subcommand)]
    command: KustomizeCommand,
}

#[derive(Subcommand)]
enum KustomizeCommand {
    /// Print what a kustomization builds, as `kustomize build` does
    Build(BuildArgs),
    /// Show where a resource and its fields come from: the file and line, and what set them
    Explain(ExplainArgs),
}

#[derive(clap::Args)]
struct BuildArgs {
    /// The folder of the kustomization, or a Git repository with a path: https://host/o/r//path?ref=v1
    #[arg(default_value = ".", value_name = "DIR")]
    folder: String,
    /// Write to this file, or a file for each resource into this folder
    #[arg(short = 'o', long = "output", value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(clap::Args)]
struct ExplainArgs {
    /// The folder of the kustomization, or a Git repository with a path
    #[arg(value_name = "DIR")]
    folder: String,
    /// The resource, by its name in the output or in its file
    #[arg(value_name = "KIND/NAME")]
    resource: String,
    /// One of its fields, with those in it: spec.ports.[name=http].port
    #[arg(value_name = "FIELD")]
    field: Option<String>,
    /// How to print
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value_t,
        value_name = "text|json|yaml"
    )]
    output: Format,
    #[command(flatten)]
    how: HowArgs,
}

/// How to build.
#[derive(clap::Args)]
struct HowArgs {
    /// Which files may be loaded
    #[arg(long, value_enum, default_value_t, value_name = "RESTRICTOR")]
    load_restrictor: LoadRestrictor,
    /// Order of the output: legacy or none
    #[arg(long, value_name = "ORDER", value_parser = ["legacy", "none"])]
    reorder: Option<String>,
    /// Render the charts that `helmCharts` names
    #[arg(long)]
    enable_helm: bool,
    /// Accepted for compatibility: charts are rendered without a program
    #[arg(long, value_name = "PROGRAM", hide = true)]
    helm_command: Option<String>,
    /// API versions that charts see
    #[arg(long, value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// Kubernetes version that charts see
    #[arg(long, value_name = "VERSION", default_value = "")]
    helm_kube_version: String,
    /// Accepted for compatibility
    #[arg(long, hide = true)]
    helm_debug: bool,
    /// Accept the configuration of plugins; ones that run programs are refused by name
    #[arg(long)]
    enable_alpha_plugins: bool,
    /// Accepted for compatibility: functions that run programs are refused by name
    #[arg(long, hide = true)]
    enable_exec: bool,
    /// Add the label app.kubernetes.io/managed-by
    #[arg(long)]
    enable_managedby_label: bool,
    /// Accepted for compatibility: an error shows where it is from as it is
    #[arg(long, hide = true)]
    stack_trace: bool,
    /// Without effect: functions in containers are not run
    #[arg(short = 'e', long = "env", value_name = "VARIABLE", hide = true)]
    env: Vec<String>,
    /// Without effect: functions in containers are not run
    #[arg(long, value_name = "MOUNT", hide = true)]
    mount: Vec<String>,
    /// Without effect: functions in containers are not run
    #[arg(long, hide = true)]
    network: bool,
    /// Without effect: functions in containers are not run
    #[arg(long, value_name = "NAME", hide = true)]
    network_name: Option<String>,
    /// Without effect: functions in containers are not run
    #[arg(long, hide = true)]
    as_current_user: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LoadRestrictor {
    /// Files must be in or below the folder of the kustomization that names them.
    #[default]
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// Any file.
    #[value(name = "LoadRestrictionsNone")]
    None,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global) -> Result<Exit, CliError> {
    let name = OsString::from("trueup kustomize");
    match Kustomize::parse_from(std::iter::once(name).chain(args.arguments)).command {
        KustomizeCommand::Build(args) => {
            let Some(resources) = built(&args.folder, &args.how, false, global).await? else {
                return Ok(Exit::Failed);
            };
            print(&resources, args.out.as_deref())?;
        }
        KustomizeCommand::Explain(args) => {
            let Some(resources) = built(&args.folder, &args.how, true, global).await? else {
                return Ok(Exit::Failed);
            };
            let resource = explain::find(&resources.resources, &args.resource)?;
            let explained = explain::explain(resource, args.field.as_deref())?;
            Output::new(args.output).print(&explained, || explain::text(&explained))?;
        }
    }
    Ok(Exit::Done)
}

/// Builds, and says what is wrong; `None` if it cannot be built.
async fn built(
    folder: &str,
    how: &HowArgs,
    trace: bool,
    global: &Global,
) -> Result<Option<Resources>, CliError> {
    warn_of_what_has_no_effect(how);
    let (tree, path) = (DiskTree::new("/", Links::Tell), path(folder)?);
    let mut options = Options { trace, ..options(how) };
    let mut remote = remote::Remote::new(global);
    loop {
        match build(&tree, &path, &options) {
            Ok(Outcome::Built(resources)) => {
                resources.diagnostics.iter().for_each(|warning| eprintln!("{}", warning.message));
                return Ok(Some(resources));
            }
            Ok(Outcome::Needs(needs)) => remote.answer(&needs, &mut options.answers).await?,
            Err(failure) => {
                failure.diagnostics.iter().for_each(|warning| eprintln!("{}", warning.message));
                eprintln!("Error: {}", failure.error.chain());
                if let Some(at) = failure.error.location() {
                    eprintln!("  at {}", shown(at));
                }
                failure.error.hints().for_each(|hint| eprintln!("  hint: {hint}"));
                return Ok(None);
            }
        }
    }
}

/// A place as a person at this terminal names it.
fn shown(at: &Location) -> String {
    let file = match at.file.contains("://") {
        true => at.file.clone(),
        false => format!("/{}", at.file),
    };
    let here = std::env::current_dir().unwrap_or_default();
    let file = Path::new(&file).strip_prefix(&here).unwrap_or(Path::new(&file)).display();
    match at.line {
        0 => file.to_string(),
        line => format!("{file}:{line}"),
    }
}

fn print(resources: &Resources, out: Option<&Path>) -> Result<(), CliError> {
    let yaml = || resources.yaml().map_err(|error| CliError::new(error.chain()));
    match out {
        None => crate::output::write_bytes(yaml()?.as_bytes()),
        Some(folder) if folder.is_dir() => write_files(folder, resources),
        Some(file) => write_file(file, &yaml()?),
    }
}

/// What cannot be honoured is named. It only matters to functions, which are refused where there are
/// any; without them the output is the same.
fn warn_of_what_has_no_effect(how: &HowArgs) {
    let given = [
        (!how.env.is_empty(), "--env"),
        (!how.mount.is_empty(), "--mount"),
        (how.network, "--network"),
        (how.network_name.is_some(), "--network-name"),
        (how.as_current_user, "--as-current-user"),
        (how.enable_exec, "--enable-exec"),
    ];
    for (_, flag) in given.iter().filter(|(given, _)| *given) {
        eprintln!("{flag} has no effect: functions that run programs are not supported");
    }
    if how.helm_command.is_some() {
        eprintln!("--helm-command has no effect: charts are rendered without a program");
    }
}

/// The folder as a path of the file system's tree; a repository as it is.
fn path(folder: &str) -> Result<String, CliError> {
    if RepoSpec::parse(folder).is_ok() {
        return Ok(folder.to_owned());
    }
    let absolute = std::path::absolute(folder)?;
    // Folders above may be reached through links; what is below them is the kustomization's own.
    let absolute = absolute.canonicalize().unwrap_or(absolute);
    Ok(absolute.to_string_lossy().trim_start_matches('/').to_owned())
}

fn options(args: &HowArgs) -> Options {
    Options {
        restrict_loads: args.load_restrictor == LoadRestrictor::RootOnly,
        reorder: match args.reorder.as_deref() {
            None => Reorder::Unspecified,
            Some("none") => Reorder::None,
            Some(_) => Reorder::Legacy,
        },
        managed_by_label: args.enable_managedby_label,
        plugins: args.enable_alpha_plugins,
        helm: args.enable_helm,
        charts: args.enable_helm.then(|| Arc::new(helm_engine()) as _),
        helm_kube_version: args.helm_kube_version.clone(),
        helm_api_versions: args.helm_api_versions.clone(),
        ..Options::new()
    }
}

/// Charts are rendered now, with randomness of this run, as by a program that is started for it.
fn helm_engine() -> HelmEngine {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut key = [0; 32];
    if let Ok(mut random) = std::fs::File::open("/dev/urandom") {
        let _ = random.read_exact(&mut key);
    }
    HelmEngine {
        profile: Profile::Helm4,
        now: Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
            nanoseconds: since.subsec_nanos(),
        },
        randomness: Randomness::new(key, "kustomize"),
    }
}

/// A file for each resource, named as the original does: `[namespace_]group_version_kind_name.yaml`
/// in small letters, the namespace only where there are several.
fn write_files(folder: &Path, resources: &Resources) -> Result<(), CliError> {
    let mut namespaces: Vec<&str> =
        resources.resources.iter().map(|built| built.id.effective_namespace()).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    for built in &resources.resources {
        let yaml = built.yaml().map_err(|error| CliError::new(error.chain()))?;
        write_file(&folder.join(file_name(built, namespaces.len() > 1)), &yaml)?;
    }
    Ok(())
}

fn file_name(built: &Built, several: bool) -> String {
    let name = format!("{}_{}.yaml", built.id.gvk.file_text(), built.id.name);
    let namespace = built.id.effective_namespace();
    let name = if several && !namespace.is_empty() { format!("{namespace}_{name}") } else { name };
    name.to_lowercase()
}

fn write_file(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text)
        .map_err(|error| CliError::new(format!("{} cannot be written: {error}", path.display())))
}
