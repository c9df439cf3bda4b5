//! How fast the crate reads, converts and prints: `cargo run --release --example bench FILE…`.
//!
//! Each file is a manifest; several are joined to one of at least 5 MB. Prints MB of YAML a second,
//! the best of five runs.

use std::hint::black_box;
use std::time::Instant;

use trueup_yaml::{Dialect, DuplicateKeys, Limits, go_json, parse, to_yaml};

fn main() {
    let mut text = Vec::new();
    for path in std::env::args().skip(1) {
        text.extend(std::fs::read(&path).expect("the file can be read"));
        text.extend_from_slice(b"\n---\n");
    }
    let size = text.len();
    println!("{size} bytes");
    let documents = parse(&text, &Limits::default()).expect("it is YAML");
    println!("{} documents", documents.len());
    let json: Vec<_> = documents
        .iter()
        .map(|document| document.root.to_json(Dialect::V2, DuplicateKeys::LastWins))
        .collect::<Result<_, _>>()
        .expect("it can be JSON");

    measure("parse", size, || parse(&text, &Limits::default()).expect("it is YAML").len());
    measure("to_json", size, || {
        let convert = |document: &trueup_yaml::Document| {
            document.root.to_json(Dialect::V2, DuplicateKeys::LastWins)
        };
        documents.iter().map(convert).filter(Result::is_ok).count()
    });
    measure("to_yaml", size, || {
        json.iter().map(|json| to_yaml(json).expect("it can be printed").len()).sum()
    });
    measure("go_json", size, || {
        json.iter().map(|json| go_json::compact(json).expect("it can be printed").len()).sum()
    });
}

fn measure(what: &str, bytes: usize, mut run: impl FnMut() -> usize) {
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        let start = Instant::now();
        black_box(run());
        best = best.min(start.elapsed().as_secs_f64());
    }
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = bytes as f64 / 1e6 / best;
    println!("{what}: {rate:.0} MB/s");
}
