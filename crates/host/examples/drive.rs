//! Drives the target by hand, without an engine:
//!
//! ```text
//! drive apply STATE APP FILE.json     make what the documents of the file declare
//! drive look STATE APP FILE.json      say what is refused of them
//! drive stop STATE APP                end what runs
//! drive shim                          what the target starts
//! drive serve PORT                    a server for tests: it answers 200 to everything
//! ```
//!
//! With `FAULT=intended` (or another of the fault points) in its environment it is killed there, as
//! by a crash.

#[path = "../tests/it/converge.rs"]
mod converge;

use std::process::ExitCode;
use std::sync::Arc;

use converge::{Kept, context, resource};
use trueup_host::fault::FaultPoint;
use trueup_host::{HostConfig, HostTarget, shim_of_this_process};
use trueup_model::observed::Prediction;
use trueup_model::ports::Foresight;
use trueup_model::{AppName, EventResult, InstallationKey, Resource, Target};

fn main() -> ExitCode {
    if let Some(code) = shim_of_this_process() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, port] = arguments.as_slice()
        && first == "serve"
    {
        return serve(port);
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(drive(&arguments));
    ExitCode::SUCCESS
}

async fn look(target: &HostTarget, app: &str, resources: Vec<Resource>) {
    let desired: Vec<_> = resources.into_iter().map(Arc::new).collect();
    let (context, inventory) = (context(app), Kept::default().inventory);
    let look = target.observe(&context, &desired, &inventory, Foresight::Changes);
    for (id, seen) in look.await.expect("a machine that is there") {
        if let Some(Prediction::Refused { message, .. }) = seen.prediction {
            println!("{id}: {message}");
        }
    }
}

async fn drive(arguments: &[String]) {
    let [verb, state, app, files @ ..] = arguments else {
        println!("drive apply STATE APP FILE.json | drive stop STATE APP");
        return;
    };
    let own = std::env::current_exe().expect("the path of this program");
    let config = HostConfig::new(state, own, InstallationKey::from_bytes([7; 32]));
    let target =
        HostTarget::open_with(config, Some(fault)).expect("a state folder that can be used");
    let app_name = AppName::new(app.as_str()).expect("a name of lower-case letters and dashes");
    match verb.as_str() {
        "stop" => target.stop(&app_name).await.expect("everything stops"),
        verb => {
            let text = std::fs::read(&files[0]).expect("the file with the documents");
            let documents: Vec<serde_json::Value> =
                serde_json::from_slice(&text).expect("a JSON list of documents");
            let resources: Vec<_> = documents.into_iter().map(resource).collect();
            if verb == "look" {
                return look(&target, app, resources).await;
            }
            for event in Kept::default().round(&target, app, &resources).await {
                match event.result {
                    EventResult::Failed { message, .. } => println!("{}: {message}", event.id),
                    result => println!("{}: {result:?}", event.id),
                }
            }
        }
    }
}

fn serve(port: &str) -> ExitCode {
    use std::io::{Read, Write};
    let port = port.parse().expect("a port");
    let Ok(listener) = std::net::TcpListener::bind(("127.0.0.1", port)) else {
        println!("port {port} is taken");
        return ExitCode::FAILURE;
    };
    println!("listening");
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    }
    ExitCode::SUCCESS
}

/// Ends this process as a crash would: nothing is cleaned up.
fn fault(point: FaultPoint) {
    if std::env::var("FAULT").is_ok_and(|name| name == point.name()) {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
