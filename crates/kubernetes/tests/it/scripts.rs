//! A real API server answers as the scripts say to which the one in memory is held.

use async_trait::async_trait;
use http::Request;
use serde_json::Value;
use trueup_kubernetes::{Client, Connection};
use trueup_testkit::script::{self, Server};

use crate::bed::bed;

struct Real(Client);

#[async_trait]
impl Server for Real {
    async fn send(&self, request: Request<Vec<u8>>) -> (u16, Value) {
        let answer = self.0.send(request.map(Into::into)).await.expect("it answers");
        let code = answer.status().as_u16();
        let content = answer.into_body().collect_bytes().await.expect("it ends its answer");
        (code, script::read(&content))
    }
}

#[tokio::test]
async fn every_script_holds() {
    let Some(bed) = bed() else { return };
    let connection = Connection { kubeconfig: Some(bed.kubeconfig.clone()), ..Default::default() };
    let server = Real(connection.open().await.expect("the kubeconfig can be used"));
    let mut failures = Vec::new();
    for script in script::all() {
        let namespace = bed.namespace("script");
        failures.extend(script.run(&server, &namespace).await.err());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
