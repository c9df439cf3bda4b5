//! `fuzz [FIRST] [COUNT] [--kustomize PROGRAM] [--keep FOLDER]`: builds random compositions of what a
//! kustomization can say, and compares with the original.
//!
//! Every seed is one case, the same on every machine. Without `--kustomize` nothing is compared, but
//! no build may panic, and building twice gives the same. What differs is written below `--keep` in
//! the form of `conformance/kustomize`, from where a case can be taken over.

mod overlays;
mod patches;
mod plugins;
mod random;
mod resources;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex};

use overlays::{Case, case};
use regex::Regex;
use trueup_kustomize::{Options, Outcome, Reorder, build};
use trueup_model::tree::MemoryTree;

struct Arguments {
    first: u64,
    count: u64,
    kustomize: Option<PathBuf>,
    keep: PathBuf,
}

/// How the builds of many seeds went.
#[derive(Default)]
struct Tally {
    equal: u64,
    printed: u64,
    different: Vec<u64>,
}

fn main() -> ExitCode {
    let arguments = arguments();
    let next = AtomicU64::new(arguments.first);
    let end = arguments.first + arguments.count;
    let tally = Mutex::new(Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    record(seed, check(seed, &arguments), &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().expect("no thread panicked");
    println!(
        "{} of {} alike, {} of them with output; different: {:?}",
        tally.equal, arguments.count, tally.printed, tally.different
    );
    if tally.different.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn arguments() -> Arguments {
    let mut arguments = Arguments {
        first: 0,
        count: 1000,
        kustomize: None,
        keep: std::env::temp_dir().join("kustomize-fuzz"),
    };
    let mut numbers = Vec::new();
    let mut given = std::env::args().skip(1);
    while let Some(argument) = given.next() {
        match argument.as_str() {
            "--kustomize" => arguments.kustomize = given.next().map(PathBuf::from),
            "--keep" => arguments.keep = given.next().map(PathBuf::from).unwrap_or_default(),
            number => numbers.extend(number.parse::<u64>()),
        }
    }
    arguments.first = numbers.first().copied().unwrap_or(arguments.first);
    arguments.count = numbers.get(1).copied().unwrap_or(arguments.count);
    arguments
}

fn record(seed: u64, result: Result<bool, String>, tally: &Mutex<Tally>) {
    let mut tally = tally.lock().expect("no thread panicked");
    match result {
        Ok(printed) => {
            tally.equal += 1;
            tally.printed += u64::from(printed);
        }
        Err(difference) => {
            tally.different.push(seed);
            println!("seed {seed}: {difference}");
        }
    }
}

/// Whether a case prints something; an error if the original does otherwise.
fn check(seed: u64, arguments: &Arguments) -> Result<bool, String> {
    let case = case(seed);
    let ours = run(&case);
    if ours != run(&case) {
        return Err("a second build gives something else".to_owned());
    }
    let Some(kustomize) = &arguments.kustomize else { return Ok(ours.is_ok()) };
    let folder = arguments.keep.join(seed.to_string());
    let theirs = original(&case, kustomize, &folder).map_err(|error| error.to_string())?;
    let difference = match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) if ours == theirs => None,
        (Ok(ours), Ok(theirs)) => Some(first_difference(ours, theirs)),
        // The original crashes on some input; any error will do.
        (Err(_), Err(theirs)) if theirs.contains("goroutine ") => None,
        (Err(ours), Err(theirs)) if normalised(ours) == normalised(theirs) => None,
        (ours, theirs) => {
            let text = |result: &Result<String, String>| match result {
                Ok(_) => "(output)".to_owned(),
                Err(error) => normalised(error).chars().take(600).collect(),
            };
            Some(format!("\n  ours:   {}\n  theirs: {}", text(ours), text(theirs)))
        }
    };
    match difference {
        Some(difference) => Err(difference),
        None => {
            let _ = fs::remove_dir_all(&folder);
            Ok(ours.is_ok())
        }
    }
}

fn run(case: &Case) -> Result<String, String> {
    let mut tree = MemoryTree::new();
    for (path, text) in &case.files {
        tree.insert(path.clone(), text.as_bytes());
    }
    let asks = |argument: &str| case.arguments.contains(&argument);
    let options = Options {
        reorder: match (asks("none"), asks("legacy")) {
            (true, _) => Reorder::None,
            (_, true) => Reorder::Legacy,
            _ => Reorder::Unspecified,
        },
        managed_by_label: asks("--enable-managedby-label"),
        restrict_loads: !asks("LoadRestrictionsNone"),
        ..Options::new()
    };
    match build(&tree, &case.build, &options) {
        Ok(Outcome::Built(output)) => output.yaml().map_err(|error| error.chain()),
        Ok(Outcome::Needs(needs)) => Err(format!("needs {needs:?}")),
        Err(failure) => Err(failure.error.chain()),
    }
}

/// Runs the original on the case, which is written to `folder` with what comes out.
fn original(case: &Case, kustomize: &Path, folder: &Path) -> io::Result<Result<String, String>> {
    let input = folder.join("input");
    for (path, text) in &case.files {
        let path = input.join(path);
        fs::create_dir_all(path.parent().unwrap_or(&input))?;
        fs::write(path, text)?;
    }
    let case_file = serde_json::json!({"args": case.arguments, "build_path": case.build});
    fs::write(folder.join("case.json"), format!("{case_file}\n"))?;
    let mut command = Command::new(kustomize);
    command.arg("build").args(&case.arguments).arg(input.join(&case.build));
    let output = command.output()?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let root = fs::canonicalize(&input)?.to_string_lossy().into_owned();
    if output.status.success() {
        let printed = text(output.stdout).replace("kustomize-(devel)", "kustomize-v5.8.1");
        fs::write(folder.join("expected.yaml"), &printed)?;
        return Ok(Ok(printed));
    }
    let error = text(output.stderr)
        .replace(&root, "$ROOT")
        .replace("kustomize-(devel)", "kustomize-v5.8.1");
    fs::write(folder.join("expected-error"), &error)?;
    Ok(Err(error.replace("$ROOT", "")))
}

fn first_difference(ours: &str, theirs: &str) -> String {
    let count = ours.lines().zip(theirs.lines()).take_while(|(a, b)| a == b).count();
    let line = |text: &str| text.lines().nth(count).unwrap_or("(the end)").to_owned();
    let before: Vec<&str> = ours.lines().skip(count.saturating_sub(4)).take(count.min(4)).collect();
    format!(
        "line {}\n    {}\n  ours:   {}\n  theirs: {}",
        count + 1,
        before.join("\n    "),
        line(ours),
        line(theirs)
    )
}

/// An error without warnings, and without what holds addresses of memory.
fn normalised(error: &str) -> String {
    static WARNING: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^(# Warning:|Flag --|Warning: Sorting|.*well-defined vars).*\n?")
            .expect("a valid expression")
    });
    static ADDRESS: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r" &\{0x[0-9a-f]+ (<nil>|0x[0-9a-f]+)\}").expect("a valid expression")
    });
    let error = WARNING.replace_all(error, "");
    let error = ADDRESS.replace_all(&error, "");
    let error = error.replace("\\n", "\n");
    let error = error.split("\n\n--\n&resource").next().unwrap_or_default();
    error.trim().trim_start_matches("Error: ").trim_end_matches('"').to_owned()
}
