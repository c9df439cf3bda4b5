//! A bare loop of server-side applies: what the API server can take, with nothing around it. For
//! benches.
//!
//! `bare_apply KUBECONFIG FILE AT_ONCE`: the file holds one JSON document a line.

use std::error::Error;
use std::time::Instant;

use futures::StreamExt as _;
use http::{Request, header};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(kubeconfig), Some(file), Some(at_once)) = (args.next(), args.next(), args.next())
    else {
        return Err("bare_apply KUBECONFIG FILE AT_ONCE".into());
    };
    let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    let client = Client::try_from(config)?;
    let text = std::fs::read_to_string(file)?;
    let documents: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let began = Instant::now();
    // Namespaces first: the others need them.
    for namespaces in [true, false] {
        let of = |document: &&Value| (document["kind"] == "Namespace") == namespaces;
        let applies = documents.iter().filter(of).map(|document| apply(&client, document));
        let mut applies = futures::stream::iter(applies).buffer_unordered(at_once.parse()?);
        while let Some(applied) = applies.next().await {
            applied?;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{} applies in {seconds:.3} s", documents.len());
    Ok(())
}

async fn apply(client: &Client, document: &Value) -> Result<(), Box<dyn Error>> {
    let text = |pointer: &str| document.pointer(pointer).and_then(Value::as_str).unwrap_or("");
    let (version, name, namespace) =
        (text("/apiVersion"), text("/metadata/name"), text("/metadata/namespace"));
    let root = if version.contains('/') { "apis" } else { "api" };
    let kind = text("/kind").to_lowercase();
    let plural = if kind.ends_with("ss") { format!("{kind}es") } else { format!("{kind}s") };
    let within =
        if namespace.is_empty() { String::new() } else { format!("namespaces/{namespace}/") };
    let path = format!("/{root}/{version}/{within}{plural}/{name}?fieldManager=bare&force=true");
    let request = Request::patch(path)
        .header(header::CONTENT_TYPE, "application/apply-patch+yaml")
        .body(serde_json::to_vec(document)?)?;
    client.request::<Value>(request).await?;
    Ok(())
}
