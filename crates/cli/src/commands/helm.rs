//! `trueup helm`: `template` with the arguments and the bytes of `helm template`, and what goes beyond
//! it: `lint` and `explain`.

mod charts;
mod explain;
mod lint;

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use trueup_gotemplate::Timestamp;
use trueup_helm::template::{Arguments, OutputFile, Surroundings, template};
use trueup_helm::{Profile, Randomness};

use super::Exit;
use crate::Global;
use crate::error::CliError;
use crate::output::{Format, Output};

/// The original's own arguments, which are read apart.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// As `helm` takes them: template [NAME] CHART …
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGUMENTS")]
    arguments: Vec<String>,
}

const USAGE: &str = "Usage: trueup helm template [NAME] CHART [flags]
       trueup helm lint CHART [flags]
       trueup helm explain CHART KIND/NAME [flags]

template prints what `helm template` of Helm 4.1.4 prints, with the same flags, and with
--profile helm3 what Helm 3.17.2 prints. lint says what is wrong with a chart and which
fields it draws at random. explain says which line of which template makes a manifest and
which values that template reads. A chart is a folder, a packed chart, oci://HOST/PATH, a
URL, or with --repo URL a name. `docs/helm.md` says which flags are refused.
";

const COMMANDS: &str = "trueup helm template [NAME] CHART, lint CHART, or explain CHART KIND/NAME";

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let Some((command, rest)) = args.arguments.split_first() else {
        return Err(CliError::new("what of helm?").hint(COMMANDS));
    };
    let wants_help = |text: &String| text == "--help" || text == "-h";
    if wants_help(command) || rest.iter().any(wants_help) {
        crate::output::write_bytes(USAGE.as_bytes())?;
        return Ok(Exit::Done);
    }
    match command.as_str() {
        "template" => run_template(rest, global),
        "lint" => {
            let (arguments, output) = own_arguments(rest, output)?;
            lint::run(&arguments, global, &output)
        }
        "explain" => {
            let (arguments, output) = own_arguments(rest, output)?;
            explain::run(arguments, global, &output)
        }
        other => Err(CliError::new(format!("there is no `trueup helm {other}`")).hint(COMMANDS)),
    }
}

fn run_template(arguments: &[String], global: &Global) -> Result<Exit, CliError> {
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("Error: {error}");
            return Ok(Exit::Failed);
        }
    };
    let output =
        with_surroundings(&arguments, global, |surroundings| template(&arguments, surroundings))?;
    eprint!("{}", output.stderr);
    for file in &output.files {
        write_file(file)?;
    }
    crate::output::write_bytes(&output.stdout)?;
    Ok(if output.failed { Exit::Failed } else { Exit::Done })
}

/// Reads files and charts of this machine or from elsewhere, at this moment and with fresh randomness.
fn with_surroundings<T>(
    arguments: &Arguments,
    global: &Global,
    work: impl FnOnce(&mut Surroundings<'_>) -> T,
) -> Result<T, CliError> {
    let now = jiff::Timestamp::now();
    let charts = charts::Charts { arguments, global };
    let mut surroundings = Surroundings {
        load: &mut |chart| charts.load(chart),
        read: &mut read,
        post_render: &mut |manifests| post_render(arguments, manifests),
        now: Timestamp {
            seconds: now.as_second(),
            nanoseconds: now.subsec_nanosecond().unsigned_abs(),
        },
        randomness: Randomness::new(fresh_key()?, "helm template"),
    };
    Ok(work(&mut surroundings))
}

/// The arguments of the commands that are ours: `-o` is among them.
fn own_arguments(given: &[String], output: &Output) -> Result<(Arguments, Output), CliError> {
    let mut format = output.format();
    let mut rest = Vec::new();
    let mut given = given.iter();
    while let Some(argument) = given.next() {
        let attached = ["--output=", "-o="].iter().find_map(|flag| argument.strip_prefix(flag));
        let value = match argument.as_str() {
            "-o" | "--output" => given.next().map(String::as_str),
            other if other.starts_with("-o") && !other.starts_with("-o=") => other.get(2..),
            _ => attached,
        };
        match value {
            Some("text") => format = Format::Text,
            Some("json") => format = Format::Json,
            Some("yaml") => format = Format::Yaml,
            Some(other) => {
                let message = format!("there is no output format `{other}`");
                return Err(CliError::new(message).hint("text, json or yaml"));
            }
            None => rest.push(argument.clone()),
        }
    }
    let arguments = Arguments::parse(&rest).map_err(|error| CliError::of(&error))?;
    Ok((arguments, Output::new(format)))
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

fn write_file(file: &OutputFile) -> Result<(), CliError> {
    let path = Path::new(&file.path);
    let write = || {
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        if file.append {
            let mut open = fs::OpenOptions::new().append(true).create(true).open(path)?;
            return open.write_all(&file.content);
        }
        fs::write(path, &file.content)
    };
    write().map_err(|error| CliError::new(format!("{} cannot be written: {error}", file.path)))
}

/// Helm's words where the program fails.
fn post_render(arguments: &Arguments, manifests: &[u8]) -> Result<Vec<u8>, String> {
    let program = arguments.post_renderer.as_deref().unwrap_or_default();
    let failed = |why: String| format!("error while running post render on files: {why}");
    let mut child = Command::new(program)
        .args(&arguments.post_renderer_args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match arguments.profile {
            Profile::Helm3 => {
                format!("unable to find binary at {program}: exec: {program:?}: {error}")
            }
            Profile::Helm4 => format!("{program} cannot be run: {error}"),
        })?;
    let mut input = child.stdin.take();
    let manifests = manifests.to_vec();
    let feeding = std::thread::spawn(move || {
        // A program that does not read to the end says so by its own status, if it minds.
        input.as_mut().map_or(Ok(()), |input| input.write_all(&manifests))
    });
    let done = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    let _ = feeding.join();
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() {
        let status = done.status.code().map_or("signal".to_owned(), |code| code.to_string());
        return Err(failed(format!(
            "error while running command {program}. error output:\n{said}: exit status {status}"
        )));
    }
    if done.stdout.iter().all(u8::is_ascii_whitespace) {
        return Err(failed(format!("post-renderer {program:?} produced empty output")));
    }
    Ok(done.stdout)
}
