//! How fast many files are written, beside a bare loop of write, sync and rename on the same disk:
//!
//! ```text
//! rate FOLDER [COUNT]
//! ```

#[path = "../tests/it/converge.rs"]
mod converge;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use converge::{Kept, context, resource};
use serde_json::json;
use trueup_host::{HostConfig, HostTarget};
use trueup_model::ports::Foresight;
use trueup_model::{InstallationKey, Target};

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some(folder) = arguments.first() else {
        println!("rate FOLDER [COUNT]");
        return;
    };
    let count = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let folder = Path::new(folder);
    let bare = bare_loop(&folder.join("bare"), count);
    println!("bare loop: {}", rate(count, bare));
    let config =
        HostConfig::new(folder.join("state"), "/nowhere", InstallationKey::from_bytes([7; 32]));
    let target = HostTarget::open(config).expect("a state folder that can be used");
    let resources: Vec<_> = (0..count)
        .map(|n| {
            resource(json!({
                "apiVersion": "host.trueup.dev/v1",
                "kind": "File",
                "metadata": {"name": format!("file-{n}")},
                "spec": {"path": format!("files/{}/{n}", n % 10), "content": content(n)},
            }))
        })
        .collect();
    let mut kept = Kept::default();
    let begun = Instant::now();
    let events = kept.round(&target, "rate", &resources).await;
    let first = begun.elapsed();
    assert!(events.iter().all(|event| event.result.succeeded()));
    println!(
        "first apply: {}, {:.2} of the bare loop",
        rate(count, first),
        bare.as_secs_f64() / first.as_secs_f64()
    );
    let desired: Vec<_> = resources.into_iter().map(std::sync::Arc::new).collect();
    for name in ["first look", "second look", "third look"] {
        let (begun, context) = (Instant::now(), context("rate"));
        let seen = target.observe(&context, &desired, &kept.inventory, Foresight::Changes);
        let seen = seen.await.expect("a machine that is there");
        let synced = seen.values().filter(|seen| seen.synced.is_some()).count();
        println!("{name}: {} ms, {synced} as declared", begun.elapsed().as_millis());
    }
}

fn content(n: usize) -> String {
    format!("setting = {n}\n").repeat(20)
}

fn rate(count: usize, took: Duration) -> String {
    format!("{:.0} files/s ({} ms)", count as f64 / took.as_secs_f64(), took.as_millis())
}

fn bare_loop(folder: &Path, count: usize) -> Duration {
    std::fs::create_dir_all(folder).expect("a folder");
    let begun = Instant::now();
    for n in 0..count {
        let temporary = folder.join("new");
        let mut file = std::fs::File::create(&temporary).expect("a file");
        file.write_all(content(n).as_bytes()).expect("room on the disk");
        file.sync_all().expect("a disk");
        std::fs::rename(&temporary, folder.join(n.to_string())).expect("a rename");
    }
    begun.elapsed()
}
