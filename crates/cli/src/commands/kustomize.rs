//! `trueup kustomize build`: the arguments and the bytes of `kustomize build`.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand, ValueEnum};
use trueup_kustomize::{
    Built, HelmEngine, Options, Outcome, Output as Resources, Profile, Randomness, Reorder,
    Timestamp, build,
};

use super::Exit;
use crate::disk::{DiskTree, Links};
use crate::error::CliError;

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
}

#[derive(clap::Args)]
struct BuildArgs {
    /// The folder of the kustomization
    #[arg(default_value = ".", value_name = "DIR")]
    folder: String,
    /// Write to this file, or a file for each resource into this folder
    #[arg(short = 'o', long = "output", value_name = "PATH")]
    out: Option<PathBuf>,
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
    #[arg(long, value_name = "VERSION", value_delimiter = ',')]
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
    /// Not supported: functions in containers are not run
    #[arg(short = 'e', long = "env", value_name = "VARIABLE", hide = true)]
    env: Vec<String>,
    /// Not supported: functions in containers are not run
    #[arg(long, value_name = "MOUNT", hide = true)]
    mount: Vec<String>,
    /// Not supported: functions in containers are not run
    #[arg(long, hide = true)]
    network: bool,
    /// Not supported: functions in containers are not run
    #[arg(long, value_name = "NAME", hide = true)]
    network_name: Option<String>,
    /// Not supported: functions in containers are not run
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
pub fn run(args: Args) -> Result<Exit, CliError> {
    let name = OsString::from("trueup kustomize");
    let KustomizeCommand::Build(args) =
        Kustomize::parse_from(std::iter::once(name).chain(args.arguments)).command;
    refuse(&args)?;
    let resources = match build(&DiskTree::new("/", Links::Tell), &folder(&args)?, &options(&args))
    {
        Ok(Outcome::Built(resources)) => resources,
        Ok(Outcome::Needs(needs)) => {
            let needs: Vec<String> = needs.iter().map(ToString::to_string).collect();
            return Err(CliError::new(format!("this kustomization needs {}", needs.join(", ")))
                .hint("what is remote is not fetched by this version; copy it beside and name it by its path"));
        }
        Err(failure) => {
            failure.diagnostics.iter().for_each(|warning| eprintln!("{}", warning.message));
            eprintln!("Error: {}", failure.error.chain());
            return Ok(Exit::Failed);
        }
    };
    resources.diagnostics.iter().for_each(|warning| eprintln!("{}", warning.message));
    match &args.out {
        None => crate::output::write_bytes(
            resources.yaml().map_err(|e| CliError::new(e.chain()))?.as_bytes(),
        )?,
        Some(folder) if folder.is_dir() => write_files(folder, &resources)?,
        Some(file) => {
            let yaml = resources.yaml().map_err(|error| CliError::new(error.chain()))?;
            write_file(file, &yaml)?;
        }
    }
    Ok(Exit::Done)
}

/// What cannot be honoured is named.
fn refuse(args: &BuildArgs) -> Result<(), CliError> {
    let given = [
        (!args.env.is_empty(), "--env"),
        (!args.mount.is_empty(), "--mount"),
        (args.network, "--network"),
        (args.network_name.is_some(), "--network-name"),
        (args.as_current_user, "--as-current-user"),
    ];
    match given.iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, flag)) => {
            Err(CliError::new(format!("{flag} is for functions in containers, which are not run"))
                .hint("leave it out, or use kustomize itself for this overlay"))
        }
    }
}

/// The folder as a path of the file system's tree.
fn folder(args: &BuildArgs) -> Result<String, CliError> {
    if args.folder.contains("://") || args.folder.contains("?ref=") {
        return Err(CliError::new(format!("{} is remote", args.folder)).hint(
            "remote kustomizations are not fetched by this version; clone the repository first",
        ));
    }
    let absolute = std::path::absolute(&args.folder)?;
    // Folders above may be reached through links; what is below them is the kustomization's own.
    let absolute = absolute.canonicalize().unwrap_or(absolute);
    Ok(absolute.to_string_lossy().trim_start_matches('/').to_owned())
}

fn options(args: &BuildArgs) -> Options {
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
