//! The API server in memory answers as the scripts say. The same scripts are run against a real one
//! by the end-to-end tests of the adapter for clusters.

use std::sync::Arc;

use trueup_testkit::apiserver::{ApiServer, Ask};
use trueup_testkit::clock::SimulatedClock;
use trueup_testkit::faults::Faults;
use trueup_testkit::script;

#[tokio::test(start_paused = true)]
async fn every_script_holds() {
    let mut failures = Vec::new();
    let scripts = script::all();
    for script in &scripts {
        let clock = Arc::new(SimulatedClock::new());
        let server = ApiServer::new(clock, Arc::new(Faults::new(0)));
        let namespace = serde_json::json!({"apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "test"}});
        let path = "/api/v1/namespaces";
        server.ask(&Ask { method: "POST", path, content: Some(namespace), ..Ask::default() });
        let controllers = server.clone();
        let controllers = tokio::spawn(async move { controllers.run_controllers().await });
        failures.extend(script.run(&server, "test").await.err());
        controllers.abort();
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(scripts.len() > 30);
}
