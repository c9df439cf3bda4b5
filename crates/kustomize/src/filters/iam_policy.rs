//! The service account that Google's workload identity needs.

use trueup_yaml::Node;

use crate::error::{Error, Result};
use crate::kustomization::IamPolicyArgs;

/// Makes the account.
pub(crate) fn generate(args: &IamPolicyArgs) -> Result<Node> {
    if args.cloud != "gke" {
        return Err(Error::new(format!("cloud provider {} not supported yet", args.cloud)));
    }
    let account = format!("{}@{}.iam.gserviceaccount.com", args.account.name, args.account.project);
    let annotation = (Node::scalar("iam.gke.io/gcp-service-account"), Node::scalar(account));
    let mut metadata = vec![
        (Node::scalar("annotations"), Node::mapping(vec![annotation])),
        (Node::scalar("name"), Node::scalar(&args.kubernetes.name)),
    ];
    if !args.kubernetes.namespace.is_empty() {
        metadata.push((Node::scalar("namespace"), Node::scalar(&args.kubernetes.namespace)));
    }
    Ok(Node::mapping(vec![
        (Node::scalar("apiVersion"), Node::scalar("v1")),
        (Node::scalar("kind"), Node::scalar("ServiceAccount")),
        (Node::scalar("metadata"), Node::mapping(metadata)),
    ]))
}
