//! Lives through many seeds, half of them on a host and half on a cluster, on all cores. `SIM_SEEDS`
//! says how many, `SIM_FROM` from which, `SIM_PLACE` where: `host`, `kubernetes`, or `fleet` (several
//! apps under the controller, slow); `SIM_TELL` tells
//! every story.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use trueup_sim::{Failure, Place};

/// So many failures are enough to look at.
const FAILURES: usize = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn place(n: u64) -> Place {
    match std::env::var("SIM_PLACE").as_deref() {
        Ok("host") => Place::Host,
        Ok("kubernetes") => Place::Kubernetes,
        Ok("fleet") => Place::Fleet,
        _ if n.is_multiple_of(2) => Place::Host,
        _ => Place::Kubernetes,
    }
}

#[test]
fn every_seed_comes_to_rest_and_keeps_the_rules() {
    let (from, count) = (number("SIM_FROM", 0), number("SIM_SEEDS", 2_000));
    let tell = std::env::var_os("SIM_TELL").is_some();
    let next = AtomicU64::new(from);
    let failures: Mutex<Vec<Failure>> = Mutex::default();
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            let enough = failures.lock().expect("no seed panics").len() >= FAILURES;
            if seed >= from + count || enough {
                break;
            }
            match trueup_sim::run(place(seed), seed) {
                Ok(transcript) if tell => eprintln!("seed {seed}\n{transcript}"),
                Ok(_) => {}
                Err(failure) => failures.lock().expect("no seed panics").push(failure),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("no seed panics");
    let told: Vec<String> = failures.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    eprintln!("sim: {count}/{count}");
}

/// Seeds that found something, and what.
const FOUND: &[(Place, u64, &str)] = &[
    (
        Place::Kubernetes,
        12,
        "a watch whose connection is gone without a word vouched for old health",
    ),
    (Place::Kubernetes, 101, "bookkeeping could not be repaired of what had to be replaced"),
    (
        Place::Kubernetes,
        563,
        "what was first seen in a later round was not told before it was done",
    ),
    (Place::Host, 304, "a way back that failed at its hook stood as gone back"),
];

#[test]
fn what_was_found_stays_mended() {
    for (place, seed, what) in FOUND {
        let lived = trueup_sim::run(*place, *seed);
        assert!(
            lived.is_ok(),
            "{what}: {}",
            lived.err().map(|f| f.to_string()).unwrap_or_default()
        );
    }
}
