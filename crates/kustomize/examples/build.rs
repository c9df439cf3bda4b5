//! `build DIR [--reorder none] [--load-restrictor LoadRestrictionsNone] [--enable-helm] …`: prints
//! what `kustomize build` prints, reading from the disk. For trying the crate out; the program's own
//! command is `trueup kustomize build`.

#[path = "../tests/conformance/disk.rs"]
mod disk;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use disk::Disk;
use trueup_kustomize::{
    HelmEngine, Options, Outcome, Profile, Randomness, Reorder, Timestamp, build,
};

fn main() -> ExitCode {
    let mut options = Options {
        charts: Some(Arc::new(HelmEngine {
            profile: Profile::Helm4,
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            randomness: Randomness::new([0; 32], "build"),
        })),
        ..Options::new()
    };
    let mut path = ".".to_owned();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--reorder" => {
                options.reorder = match arguments.next().as_deref() {
                    Some("none") => Reorder::None,
                    _ => Reorder::Legacy,
                }
            }
            "--load-restrictor" => {
                options.restrict_loads =
                    arguments.next().as_deref() != Some("LoadRestrictionsNone");
            }
            "--enable-helm" => options.helm = true,
            "--enable-alpha-plugins" => options.plugins = true,
            "--enable-managedby-label" => options.managed_by_label = true,
            flag if flag.starts_with("--") => {}
            folder => folder.clone_into(&mut path),
        }
    }
    let absolute = std::path::absolute(&path).unwrap_or_else(|_| PathBuf::from(&path));
    let folder = absolute.to_string_lossy().trim_start_matches('/').to_owned();
    let outcome = match build(&Disk, &folder, &options) {
        Ok(Outcome::Built(output)) => {
            for diagnostic in &output.diagnostics {
                eprintln!("{}", diagnostic.message);
            }
            output.yaml().map_err(|error| error.chain())
        }
        Ok(Outcome::Needs(needs)) => Err(format!("needs {needs:?}")),
        Err(failure) => Err(failure.error.chain()),
    };
    match outcome {
        Ok(yaml) => {
            print!("{yaml}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("Error: {error}");
            ExitCode::FAILURE
        }
    }
}
