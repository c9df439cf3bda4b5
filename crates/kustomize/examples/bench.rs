//! `bench THREADS`: builds the folders that standard input names, one a line, and prints how many
//! seconds that took. `bench/kustomize.sh` compares it.

#[path = "../tests/conformance/disk.rs"]
mod disk;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use disk::Disk;
use trueup_kustomize::{HelmEngine, Options, Outcome, Profile, Randomness, Timestamp, build};

fn main() {
    let threads = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let folders: Vec<String> = std::io::stdin().lines().map_while(Result::ok).collect();
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
                    render(folder);
                }
            });
        }
    });
    println!("{}", start.elapsed().as_secs_f64());
}

fn render(folder: &str) {
    let options = Options {
        helm: true,
        charts: Some(Arc::new(HelmEngine {
            profile: Profile::Helm4,
            now: Timestamp { seconds: 0, nanoseconds: 0 },
            randomness: Randomness::new([0; 32], "bench"),
        })),
        ..Options::new()
    };
    let printed = match build(&Disk, folder.trim_start_matches('/'), &options) {
        Ok(Outcome::Built(output)) => output.yaml(),
        _ => return eprintln!("{folder} is not built"),
    };
    std::hint::black_box(printed.map_or(0, |yaml| yaml.len()));
}
