//! Remarks are Events that `kubectl describe` shows.

use trueup_kubernetes::{Connection, KubernetesTarget};
use trueup_model::ResourceId;
use trueup_model::ports::{Remark, Target as _};

use crate::bed::bed;

#[tokio::test]
async fn a_remark_is_an_event_of_its_object() {
    let Some(bed) = bed() else { return };
    let namespace = bed.namespace("remarks");
    bed.kubectl(&["create", "configmap", "web", "-n", &namespace], "");
    let uid = ["get", "configmap", "web", "-n", &namespace, "-o", "jsonpath={.metadata.uid}"];
    let remark = Remark {
        id: ResourceId::new("", "ConfigMap", &namespace, "web"),
        api_version: "v1".to_owned(),
        uid: bed.kubectl(&uid, ""),
        at: jiff::Timestamp::now(),
        warning: true,
        reason: "RolledBack",
        message: "going back to 3f2c1ab".to_owned(),
    };
    let kubeconfig = Some(bed.kubeconfig.clone());
    KubernetesTarget::new(Connection { kubeconfig, ..Connection::default() })
        .remark(&[remark])
        .await;
    let said = bed.kubectl(&["describe", "configmap", "web", "-n", &namespace], "");
    assert!(said.contains("RolledBack") && said.contains("going back to 3f2c1ab"), "{said}");
}
