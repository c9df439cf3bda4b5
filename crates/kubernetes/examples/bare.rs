//! What an API server can do at most, and how long somebody else takes to do it: the other half of
//! `bench/kubernetes.sh`. It applies, lists, drifts and watches with nothing around the requests.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::pin::Pin;
use std::process::Command;
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use http::{Method, Request};
use kube::Client;
use kube::core::WatchEvent;
use serde_json::{Value, json};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "bare apply NAMESPACE FILE IN-FLIGHT
bare list NAMESPACE
bare arrivals NAMESPACE COUNT
bare commits NAMESPACE NAME REPOSITORY TIMES
bare heals NAMESPACE NAME TIMES
bare drifts NAMESPACE COUNT
bare single NAMESPACE TIMES";

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut config = kube::Config::infer().await?;
    config.default_retry = false;
    let client = Client::try_from(config)?;
    match args.as_slice() {
        ["apply", namespace, file, in_flight] => {
            apply_all(&client, namespace, file, in_flight.parse()?).await
        }
        ["list", namespace] => list(&client, namespace).await,
        ["arrivals", namespace, count] => arrivals(&client, namespace, count.parse()?).await,
        ["commits", namespace, name, repository, times] => {
            commits(&client, namespace, name, Path::new(repository), times.parse()?).await
        }
        ["heals", namespace, name, times] => heals(&client, namespace, name, times.parse()?).await,
        ["drifts", namespace, count] => drifts(&client, namespace, count.parse()?).await,
        ["single", namespace, times] => single(&client, namespace, times.parse()?).await,
        _ => Err(USAGE.into()),
    }
}

fn plural(kind: &str) -> String {
    format!("{}s", kind.to_lowercase())
}

fn collection(namespace: &str, kind: &str) -> String {
    let root = if kind == "Deployment" { "/apis/apps/v1" } else { "/api/v1" };
    format!("{root}/namespaces/{namespace}/{}", plural(kind))
}

async fn apply(client: &Client, namespace: &str, manager: &str, mut object: Value) -> Result<()> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let path = collection(namespace, text("/kind"));
    let path = format!("{path}/{}?fieldManager={manager}&force=true", text("/metadata/name"));
    object["metadata"]["namespace"] = namespace.into();
    let request = Request::builder()
        .method(Method::PATCH)
        .uri(path)
        .header("content-type", "application/apply-patch+yaml")
        .body(object.to_string().into_bytes())?;
    client.request_text(request).await?;
    Ok(())
}

/// The raw limit: server-side applies with so many in flight.
async fn apply_all(client: &Client, namespace: &str, file: &str, in_flight: usize) -> Result<()> {
    let content = std::fs::read_to_string(file)?;
    let objects: Vec<Value> =
        content.lines().map(serde_json::from_str).collect::<std::result::Result<_, _>>()?;
    let count = objects.len();
    let began = Instant::now();
    let applies = objects.into_iter().map(|object| apply(client, namespace, "bare", object));
    let results: Vec<_> =
        futures::stream::iter(applies).buffer_unordered(in_flight).collect().await;
    let took = began.elapsed();
    results.into_iter().collect::<Result<Vec<()>>>()?;
    println!("{:.0}", count as f64 / took.as_secs_f64());
    Ok(())
}

/// How long it takes to read everything once.
async fn list(client: &Client, namespace: &str) -> Result<()> {
    let began = Instant::now();
    let mut count = 0;
    for kind in ["ConfigMap", "Deployment"] {
        let request = Request::get(collection(namespace, kind)).body(Vec::new())?;
        let list: Value = client.request(request).await?;
        count += list.pointer("/items").and_then(Value::as_array).map_or(0, Vec::len);
    }
    println!("{:.0} ms for {count} objects", milliseconds(began.elapsed()));
    Ok(())
}

type Events = Pin<Box<dyn Stream<Item = Result<WatchEvent<Value>>> + Send>>;

/// Events from now on.
async fn watch(client: &Client, namespace: &str, kind: &str) -> Result<Events> {
    let path = collection(namespace, kind);
    let request = Request::get(format!("{path}?limit=1")).body(Vec::new())?;
    let list: Value = client.request(request).await?;
    let version = list.pointer("/metadata/resourceVersion").and_then(Value::as_str);
    let version = version.ok_or("a list without a version")?;
    let path = format!("{path}?watch=true&timeoutSeconds=3600&resourceVersion={version}");
    let events = client.request_events::<Value>(Request::get(path).body(Vec::new())?).await?;
    Ok(events.map(|event| event.map_err(Into::into)).boxed())
}

fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}

/// At which rate somebody else's objects arrive, from the first to the last of them.
async fn arrivals(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let maps = watch(client, namespace, "ConfigMap").await?;
    let deployments = watch(client, namespace, "Deployment").await?;
    let mut events = futures::stream::select(maps, deployments);
    let (mut seen, mut first) = (0, None);
    while let Some(event) = events.next().await {
        let WatchEvent::Added(object) = event? else { continue };
        if !name(&object).starts_with("bench-") {
            continue;
        }
        let began = *first.get_or_insert_with(Instant::now);
        seen += 1;
        if seen == count {
            println!("{:.0}", count as f64 / began.elapsed().as_secs_f64());
            return Ok(());
        }
    }
    Err("the watch ended".into())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn print_median(mut times: Vec<Duration>) {
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let worst = times.last().copied().unwrap_or_default();
    println!("{:.0} ms median, {:.0} ms worst", milliseconds(median), milliseconds(worst));
}

async fn until(events: &mut Events, what: impl Fn(&WatchEvent<Value>) -> bool) -> Result<()> {
    let arrives = async {
        while let Some(event) = events.next().await {
            if what(&event?) {
                return Ok(());
            }
        }
        Err("the watch ended".into())
    };
    tokio::time::timeout(Duration::from_secs(60), arrives).await?
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"k": value}})
}

fn has_value(event: &WatchEvent<Value>, wanted: &str, value: &str) -> bool {
    let (WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else { return false };
    name(object) == wanted && object.pointer("/data/k").and_then(Value::as_str) == Some(value)
}

/// From `git commit` of one file to the object in the cluster.
async fn commits(
    client: &Client,
    namespace: &str,
    name: &str,
    repository: &Path,
    times: usize,
) -> Result<()> {
    let mut events = watch(client, namespace, "ConfigMap").await?;
    let mut took = Vec::new();
    for n in 0..times {
        let value = format!("commit {n}");
        std::fs::write(
            repository.join(format!("{name}.yaml")),
            config_map(name, &value).to_string(),
        )?;
        let git = |args: &[&str]| Command::new("git").arg("-C").arg(repository).args(args).status();
        git(&["commit", "--quiet", "--all", "--message", &value])?;
        let began = Instant::now();
        until(&mut events, |event| has_value(event, name, &value)).await?;
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    print_median(took);
    Ok(())
}

/// From a deletion to the Service being back.
async fn heals(client: &Client, namespace: &str, service: &str, times: usize) -> Result<()> {
    let mut events = watch(client, namespace, "Service").await?;
    let mut took = Vec::new();
    for _ in 0..times {
        let path = format!("{}/{service}", collection(namespace, "Service"));
        let began = Instant::now();
        client.request_text(Request::delete(path).body(Vec::new())?).await?;
        let back =
            |event: &WatchEvent<Value>| matches!(event, WatchEvent::Added(o) if name(o) == service);
        until(&mut events, back).await?;
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    print_median(took);
    Ok(())
}

/// From the first of many changes by hand until all are healed.
async fn drifts(client: &Client, namespace: &str, count: usize) -> Result<()> {
    let mut events = watch(client, namespace, "ConfigMap").await?;
    let names: Vec<String> = (0..count).map(|n| format!("bench-{n}")).collect();
    let began = Instant::now();
    let edits = names
        .iter()
        .map(|name| apply(client, namespace, "kubectl-edit", config_map(name, "drift")));
    let edits: Vec<_> = futures::stream::iter(edits).buffer_unordered(32).collect().await;
    edits.into_iter().collect::<Result<Vec<()>>>()?;
    let mut drifted: BTreeMap<String, bool> = names.into_iter().map(|name| (name, true)).collect();
    while drifted.values().any(|drifted| *drifted) {
        let Some(event) = events.next().await else { return Err("the watch ended".into()) };
        let event = event?;
        let WatchEvent::Modified(object) = &event else { continue };
        if let Some(drifted) = drifted.get_mut(name(object)) {
            *drifted = has_value(&event, name(object), "drift");
        }
    }
    println!("{:.0} ms", milliseconds(began.elapsed()));
    Ok(())
}

/// The raw limit of a single change: from sending it to seeing its event.
async fn single(client: &Client, namespace: &str, times: usize) -> Result<()> {
    let mut events = watch(client, namespace, "ConfigMap").await?;
    let mut took = Vec::new();
    for n in 0..times {
        let value = format!("single {n}");
        let began = Instant::now();
        apply(client, namespace, "bare", config_map("single", &value)).await?;
        until(&mut events, |event| has_value(event, "single", &value)).await?;
        took.push(began.elapsed());
    }
    print_median(took);
    Ok(())
}
