//! `trueup health`.

use std::io::Read as _;
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;
use serde_json::Value;
use trueup_health::{argocd, kstatus};
use trueup_yaml::{Dialect, DuplicateKeys, Limits};

use super::Exit;
use crate::error::CliError;
use crate::output::Output;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// The object, as YAML or JSON; `-` is standard input
    #[arg(short = 'f', long = "file", value_name = "FILE", default_value = "-")]
    file: PathBuf,
    /// Whose rules, and whose words
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

/// Whose rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Profile {
    /// TrueUp's own: kstatus, and Argo CD where it knows more.
    #[default]
    Trueup,
    /// kstatus: kubectl's successors, Flux, Config Sync.
    Kstatus,
    /// What Argo CD has built in.
    Argocd,
}

/// What is said of an object, in the profile's own words.
#[derive(Serialize)]
struct Said {
    /// `null` where the profile has no opinion.
    status: Option<String>,
    message: Option<String>,
}

/// Carries it out: no cluster is asked.
pub fn run(args: Args, output: &Output) -> Result<Exit, CliError> {
    let objects = read(&args.file)?;
    let said: Vec<Said> = objects.iter().map(|object| judge(object, args.profile)).collect();
    let text = || said.iter().map(line).collect();
    match said.as_slice() {
        [only] => output.print(only, text)?,
        all => output.print(&all, text)?,
    }
    Ok(Exit::Done)
}

fn read(file: &std::path::Path) -> Result<Vec<Value>, CliError> {
    let name = file.display();
    let mut content = Vec::new();
    let opened = if file.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut content)
    } else {
        std::fs::File::open(file).and_then(|mut file| file.read_to_end(&mut content))
    };
    opened.map_err(|error| CliError::new(format!("{name} cannot be read: {error}")))?;
    let wrong = |error: trueup_yaml::Error| {
        CliError::new(format!("{name}:{}:{}: {}", error.line(), error.column(), error.message()))
    };
    let documents = trueup_yaml::parse(&content, &Limits::default()).map_err(wrong)?;
    let mut objects = Vec::new();
    for document in documents.iter().filter(|document| !document.is_empty) {
        let object = document.root.to_json(Dialect::V2, DuplicateKeys::LastWins).map_err(wrong)?;
        if object.get("kind").is_none() {
            return Err(CliError::new(format!("{name} holds something without a kind")));
        }
        objects.push(object);
    }
    if objects.is_empty() {
        return Err(CliError::new(format!("{name} holds no object")));
    }
    Ok(objects)
}

fn judge(object: &Value, profile: Profile) -> Said {
    let now = jiff::Timestamp::now();
    let said =
        |status: String, message: String| Said { status: Some(status), message: Some(message) };
    match profile {
        Profile::Trueup => {
            let health = trueup_health::at(object, now);
            said(format!("{:?}", health.status), health.reason)
        }
        Profile::Kstatus => match kstatus::of(object, now) {
            Ok(verdict) => said(verdict.status.to_string(), verdict.message),
            Err(why) => said("Unknown".to_owned(), why),
        },
        Profile::Argocd => match argocd::of(object) {
            Ok(Some(health)) => said(format!("{:?}", health.status), health.reason),
            Ok(None) => Said { status: None, message: None },
            Err(why) => said("Unknown".to_owned(), why),
        },
    }
}

fn line(said: &Said) -> String {
    let status = said.status.as_deref().unwrap_or("no opinion");
    match said.message.as_deref().unwrap_or_default() {
        "" => format!("{status}\n"),
        message => format!("{status}: {message}\n"),
    }
}
