//! What `trueup install --kubernetes` prints is accepted by an API server, with all that can be asked
//! for.

use std::process::Command;

use crate::bed::{bed, unique};

fn printed(system: &str, more: &[&str]) -> String {
    let mut arguments =
        vec!["install", "--kubernetes", "https://git.example.com/fleet.git", "--system", system];
    arguments.extend(more);
    let output =
        Command::new(env!("CARGO_BIN_EXE_trueup")).args(&arguments).output().expect("trueup runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn everything_is_accepted() {
    let Some(bed) = bed() else { return };
    let system = unique("system");
    bed.kubectl(&["create", "namespace", &system], "");
    let namespaces = format!("rbac.namespaces={{{system}}}");
    let impersonate = format!("rbac.impersonate={{{system}/deployer}}");
    let sets: [&[&str]; 2] = [
        &[],
        &[
            "--set",
            &namespaces,
            "--set",
            &impersonate,
            "--set",
            "rbac.clusterAdmin=true",
            "--set",
            "secrets={hooks}",
            "--set",
            "config.webhooks.github.file=/run/trueup/secrets/hooks/github",
        ],
    ];
    for more in sets {
        let documents = printed(&system, more);
        let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
        let (accepted, said) = bed.try_kubectl(&apply, &documents);
        assert!(accepted, "{said}");
        for kind in ["customresourcedefinition", "deployment", "networkpolicy", "flowschema"] {
            assert!(said.contains(kind), "{kind} is missing in {said}");
        }
    }
}

/// The pod is one that the `restricted` Pod Security Standard lets in: no warning, and it is made.
#[test]
fn its_pod_is_let_into_a_restricted_namespace() {
    let Some(bed) = bed() else { return };
    let system = unique("restricted");
    bed.kubectl(&["apply", "--server-side", "-f", "-"], &printed(&system, &[]));
    let said = bed.kubectl(
        &[
            "get",
            "namespace",
            &system,
            "-o",
            "jsonpath={.metadata.labels.pod-security\\.kubernetes\\.io/enforce}",
        ],
        "",
    );
    assert_eq!(said, "restricted");
    let wait = ["wait", "--for=jsonpath={.status.unavailableReplicas}=1", "--timeout=60s"];
    let there = [&wait[..], &["deployment/trueup", "-n", &system]].concat();
    let ready = ["rollout", "status", "deployment/trueup", "-n", &system, "--timeout=60s"];
    let (made, said) = bed.try_kubectl(&ready, "");
    let (waits, _) = if made { (true, String::new()) } else { bed.try_kubectl(&there, "") };
    let pods = bed.kubectl(&["get", "pods", "-n", &system, "-o", "name"], "");
    assert!(waits && pods.starts_with("pod/"), "{said}\n{pods}");
    bed.kubectl(&["delete", "namespace", &system, "--wait=false"], "");
}
