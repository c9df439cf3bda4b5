//! `trueup helm template`: the arguments and the bytes of `helm template`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness};

use super::Exit;
use crate::disk::{DiskTree, Links};
use crate::error::CliError;

/// The original's own arguments, which are read apart.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// As `helm` takes them: template [NAME] CHART …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

const USAGE: &str = "Usage: trueup helm template [NAME] CHART [flags]

Prints what `helm template` of Helm 4.1.4 prints, with the same flags, and with
--profile helm3 what Helm 3.17.2 prints. `docs/helm.md` says which flags are refused.
";

/// Carries it out.
pub fn run(args: Args) -> Result<Exit, CliError> {
    match args.arguments.split_first() {
        Some((command, rest)) if command == "template" => run_template(rest),
        Some((flag, _)) if flag == "--help" || flag == "-h" => {
            crate::output::write_bytes(USAGE.as_bytes())?;
            Ok(Exit::Done)
        }
        Some((other, _)) => Err(CliError::new(format!("there is no `trueup helm {other}`"))
            .hint("trueup helm template [NAME] CHART")),
        None => Err(CliError::new("what of helm?").hint("trueup helm template [NAME] CHART")),
    }
}

fn run_template(arguments: &[String]) -> Result<Exit, CliError> {
    if arguments.iter().any(|flag| flag == "--help" || flag == "-h") {
        crate::output::write_bytes(USAGE.as_bytes())?;
        return Ok(Exit::Done);
    }
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("Error: {error}");
            return Ok(Exit::Failed);
        }
    };
    let now = jiff::Timestamp::now();
    let profile = arguments.profile;
    let mut surroundings = Surroundings {
        load: &mut |path| load(path, profile),
        read: &mut read,
        now: Timestamp {
            seconds: now.as_second(),
            nanoseconds: now.subsec_nanosecond().unsigned_abs(),
        },
        randomness: Randomness::new(fresh_key()?, "helm template"),
    };
    let output = template(&arguments, &mut surroundings);
    eprint!("{}", output.stderr);
    for (path, content) in &output.files {
        write_file(Path::new(path), content)?;
    }
    crate::output::write_bytes(&output.stdout)?;
    Ok(if output.failed { Exit::Failed } else { Exit::Done })
}

fn load(path: &str, profile: Profile) -> Result<Arc<Chart>, String> {
    let chart = if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        Chart::unpack(&read(path)?, profile)
    } else {
        Chart::load(&DiskTree::new(path, Links::Follow), "", profile)
    };
    chart.map(Arc::new).map_err(|error| error.to_string())
}

/// Go's words for what cannot be read: they are a part of what the original prints.
pub fn read(path: &str) -> Result<Vec<u8>, String> {
    if path.trim() == "-" {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map_err(|error| error.to_string())?;
        return Ok(content);
    }
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        io::ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        _ => format!("open {path}: {error}"),
    })
}

/// Outside of an installation randomness is drawn afresh, as Helm does.
fn fresh_key() -> Result<[u8; 32], CliError> {
    let mut key = [0; 32];
    fs::File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut key))?;
    Ok(key)
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let written =
        path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, content));
    written.map_err(|error| CliError::new(format!("{} cannot be written: {error}", path.display())))
}
