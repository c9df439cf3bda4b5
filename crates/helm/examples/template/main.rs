//! `helm template` with a chart of this machine: `template [NAME] CHART [flags]`.

mod disk;

use std::fs;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments = match Arguments::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let profile = arguments.profile;
    let mut surroundings = Surroundings {
        load: &mut |path| load(path, profile),
        read: &mut read,
        post_render: &mut |_| Err("no program is run here".to_owned()),
        now: Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
            nanoseconds: since.subsec_nanos(),
        },
        randomness: Randomness::new(fresh_key(), "template"),
    };
    let output = template(&arguments, &mut surroundings);
    eprint!("{}", output.stderr);
    let written = io::stdout().write_all(&output.stdout);
    if output.failed || written.is_err() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn load(path: &str, profile: Profile) -> Result<Arc<Chart>, String> {
    let chart = if fs::metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        Chart::unpack(&read(path)?, profile)
    } else {
        Chart::load(&disk::DiskTree::new(path), "", profile)
    };
    chart.map(Arc::new).map_err(|error| error.to_string())
}

fn read(path: &str) -> Result<Vec<u8>, String> {
    if path.trim() == "-" {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).map_err(|error| error.to_string())?;
        return Ok(content);
    }
    fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        _ => format!("open {path}: {error}"),
    })
}

fn fresh_key() -> [u8; 32] {
    let mut key = [0; 32];
    if let Ok(mut random) = fs::File::open("/dev/urandom") {
        let _ = random.read_exact(&mut key);
    }
    key
}
