//! How long charts take in process: `measure CONFORMANCE_FOLDER [LIMIT]` renders every deterministic
//! case of the suite, each chart loaded anew and then from its parsed form, and prints milliseconds as
//! `cold|cached MEDIAN P90 SUM`.

#[path = "template/disk.rs"]
mod disk;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next() else {
        eprintln!("usage: measure CONFORMANCE_FOLDER [LIMIT]");
        return ExitCode::FAILURE;
    };
    let limit = arguments.next().and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    let manifest = std::fs::read_to_string(format!("{folder}/manifest.jsonl")).unwrap_or_default();
    let rows = manifest.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let exact = rows.filter(|row| row["expect"] == "exact").take(limit);
    let (mut cold, mut cached) = (Vec::new(), Vec::new());
    for row in exact {
        let (id, args) = (row["id"].as_str().unwrap_or_default(), &row["args"]);
        let chart = format!("{folder}/charts/{id}");
        let given = args.as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut call = vec!["rel".to_owned(), chart.clone()];
        let mut is_file = false;
        for argument in given {
            call.push(if is_file { format!("{chart}/{argument}") } else { argument.to_owned() });
            is_file = argument == "-f";
        }
        let Ok(call) = Arguments::parse(&call) else { continue };
        let load = || {
            Chart::load(&disk::DiskTree::new(Path::new(&chart)), "", Profile::Helm4)
                .map(Arc::new)
                .map_err(|error| error.to_string())
        };
        cold.push(time(|| run(&call, &mut |_| load())));
        let Ok(parsed) = load() else { continue };
        run(&call, &mut |_| Ok(Arc::clone(&parsed)));
        cached.push(time(|| run(&call, &mut |_| Ok(Arc::clone(&parsed)))));
    }
    report("cold", cold);
    report("cached", cached);
    ExitCode::SUCCESS
}

fn run(call: &Arguments, load: &mut dyn FnMut(&str) -> Result<Arc<Chart>, String>) {
    let mut surroundings = Surroundings {
        load,
        read: &mut |path| std::fs::read(path).map_err(|error| error.to_string()),
        post_render: &mut |_| Err("no program is run here".to_owned()),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        randomness: Randomness::new([0; 32], "measure"),
    };
    std::hint::black_box(template(call, &mut surroundings));
}

fn time(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let millis = |time: Duration| time.as_secs_f64() * 1000.0;
    let sum: Duration = times.iter().sum();
    println!("{name} {:.3} {:.3} {:.1}", millis(at(50)), millis(at(90)), millis(sum));
}
