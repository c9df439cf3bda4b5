//! How long commits take, beside the raw limit of the disk measured in the same run.
//! `cargo bench -p trueup-store`

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on must stop")]

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use trueup_model::ports::{Commit, Content, Store};
use trueup_model::record::{AppliedSet, InventoryItem};
use trueup_model::{AppName, Digest, LedgerEntry, LedgerKind, Record, ResourceId, Revision};
use trueup_store::SqliteStore;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let store = SqliteStore::open(&folder.path().join("state")).unwrap();
    let sync = median(200, || {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(folder.path().join("raw"))
            .unwrap();
        file.write_all(&[7; 2000]).unwrap();
        file.sync_data().unwrap();
    });
    println!("raw limit, two appends with fdatasync     {:>10.1?}", sync * 2);

    let app = AppName::new("shop").unwrap();
    let mut times = Vec::new();
    for n in 0..200_u64 {
        let commit = small(&app, n);
        times.push(timed(store.commit(&app, commit)).await);
    }
    println!("a small commit                            {:>10.1?}", middle(times));

    let contents = (0..10_000_u64).map(document).collect();
    let commit = Commit { contents, ..Commit::default() };
    let time = timed(store.commit(&AppName::new("many").unwrap(), commit)).await;
    println!("a commit with 10,000 contents of 1 KB     {time:>10.1?}");

    let large = AppName::new("large").unwrap();
    let record = large_record(10_000);
    let mut times = Vec::new();
    for _ in 0..10 {
        let commit = Commit { record: record.clone(), ..Commit::default() };
        times.push(timed(store.commit(&large, commit)).await);
    }
    println!("a commit of a record of 10,000 resources  {:>10.1?}", middle(times));
    let started = Instant::now();
    store.record(&large).await.unwrap();
    println!("reading it                                {:>10.1?}", started.elapsed());

    let started = Instant::now();
    let tasks: Vec<_> = (0..1000)
        .map(|n| {
            let (store, app) = (store.clone(), AppName::new(format!("app-{n}")).unwrap());
            tokio::spawn(async move { store.commit(&app, small(&app, n)).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    println!("1,000 apps that commit at once            {:>10.1?}", started.elapsed());
    drop(store);
    let started = Instant::now();
    SqliteStore::open(&folder.path().join("state")).unwrap();
    println!("opening it again                          {:>10.1?}", started.elapsed());
}

async fn timed<T>(
    work: impl Future<Output = Result<T, trueup_model::ports::PortError>>,
) -> Duration {
    let started = Instant::now();
    work.await.unwrap();
    started.elapsed()
}

fn median(count: usize, mut work: impl FnMut()) -> Duration {
    middle(
        (0..count)
            .map(|_| {
                let started = Instant::now();
                work();
                started.elapsed()
            })
            .collect(),
    )
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn small(app: &AppName, n: u64) -> Commit {
    Commit {
        record: large_record(5),
        entries: vec![LedgerEntry::new(app, Timestamp::UNIX_EPOCH, LedgerKind::Applied, "applied")],
        contents: vec![document(1_000_000 + n)],
        replaces: None,
    }
}

/// A document of about 1 KB that compresses as manifests do.
fn document(n: u64) -> Content {
    let digest = Digest::of(&n.to_be_bytes()).hex();
    let bytes: Vec<u8> = (0..12)
        .flat_map(|line| {
            format!("  key-{line}: value-{n}-of-{line} # {}\n", &digest[..44]).into_bytes()
        })
        .collect();
    Content { digest: Digest::of(&bytes), bytes, secret: false }
}

fn large_record(count: u64) -> Record {
    let id = |n: u64| ResourceId::new("host.trueup.dev", "File", "", &format!("file-{n}"));
    let digest = |n: u64| Digest::of(&n.to_be_bytes());
    let item = |n: u64| InventoryItem {
        api_version: "host.trueup.dev/v1".to_owned(),
        uid: format!("uid-{n}"),
        content: Some(digest(n)),
        intended: false,
        keep: false,
        stage: 0,
        hook: false,
    };
    let set = AppliedSet {
        rendered: digest(0),
        revision: Revision {
            commit: "0".repeat(40),
            reference: "refs/heads/main".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            author: "Ada <ada@example.com>".to_owned(),
            subject: "change".to_owned(),
            notes: Vec::new(),
        },
        at: Timestamp::UNIX_EPOCH,
        inputs: Default::default(),
        contents: (0..count).map(|n| (id(n), digest(n))).collect::<BTreeMap<_, _>>(),
    };
    Record {
        inventory: (0..count).map(|n| (id(n), item(n))).collect(),
        applied: Some(set.clone()),
        healthy: Some(set.clone()),
        healthy_before: vec![set; 3],
        ..Record::default()
    }
}
