//! What an API server refuses: one of many is named, and the others go on.

use tokio::net::TcpListener;
use trueup_engine::State;

use crate::bed::{Bed, bed, unique};
use crate::world::{App, config_map};

#[tokio::test]
async fn a_policy_that_refuses_one_of_ten() {
    let Some(app) = App::new("policy") else { return };
    let name = unique("policy");
    let policy = format!(
        r#"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {{name: {name}}}
spec:
  failurePolicy: Fail
  matchConstraints:
    resourceRules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [configmaps]}}]
  validations: [{{expression: "object.metadata.name != 'c7'", message: "seven is not welcome"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {{name: {name}}}
spec:
  policyName: {name}
  validationActions: [Deny]
  matchResources: {{namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {}}}}}}}
"#,
        app.namespace
    );
    app.kubectl_with(&["create", "-f", "-"], &policy);
    let probe = ["-n", &app.namespace, "create", "configmap", "c7", "--dry-run=server"];
    for _ in 0..200 {
        if !app.bed.try_kubectl(&probe, "").0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    let all: Vec<(String, String)> =
        (0..10).map(|n| (format!("{n}.yaml"), config_map(&format!("c{n}"), "k", "v"))).collect();
    let files: Vec<(&str, &str)> = all.iter().map(|(p, c)| (p.as_str(), c.as_str())).collect();
    app.commit(&files);
    let outcome = app.run().await;
    let State::Degraded { why } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("c7") && why.contains("seven is not welcome"), "{why}");
    for n in (0..10).filter(|n| *n != 7) {
        assert!(app.has(&format!("configmap/c{n}")));
    }
    app.kubectl(&["delete", "validatingadmissionpolicybinding,validatingadmissionpolicy", &name]);
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_tried_again() {
    let Some(app) = App::new("webhook") else { return };
    if Bed::is_foreign() {
        eprintln!("not tested: this cluster cannot call a webhook here");
        return;
    }
    // It accepts connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
    let port = silent.local_addr().expect("it is bound").port();
    let name = unique("webhook");
    let webhook = format!(
        r#"apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {{name: {name}}}
webhooks:
- name: silent.example.com
  clientConfig: {{url: "https://127.0.0.1:{port}/"}}
  rules: [{{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [secrets]}}]
  namespaceSelector: {{matchLabels: {{kubernetes.io/metadata.name: {}}}}}
  timeoutSeconds: 1
  failurePolicy: Fail
  sideEffects: None
  admissionReviewVersions: [v1]
"#,
        app.namespace
    );
    app.kubectl_with(&["create", "-f", "-"], &webhook);
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hunter2}\n";
    app.commit(&[("a.yaml", &config_map("a", "k", "v")), ("s.yaml", secret)]);
    let outcome = app.until("it is refused", |outcome| !outcome.record.attempts.is_empty()).await;
    let State::Waiting { until: Some(_), why } = &outcome.state else {
        panic!("{:?}", outcome.state)
    };
    assert!(why.contains("Secret") && why.contains("silent.example.com"), "{why}");
    assert!(!why.contains("hunter2") && app.has("configmap/a"));
    app.kubectl(&["delete", "validatingwebhookconfiguration", &name]);
    app.settle().await;
    assert!(app.has("secret/s"));
    drop(silent);
}

#[tokio::test]
async fn a_quota_is_named_and_waited_for() {
    let Some(app) = App::new("quota") else { return };
    app.kubectl(&["create", "quota", "few", "--hard=count/secrets=1"]);
    app.kubectl(&["wait", "quota/few", "--for=jsonpath={.status.used}", "--timeout=30s"]);
    let secret = |name: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{k: v}}\n")
    };
    app.commit(&[("a.yaml", &secret("a")), ("b.yaml", &secret("b"))]);
    let outcome = app.run().await;
    let State::Waiting { why, .. } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("exceeded quota: few"), "{why}");
    app.kubectl(&["delete", "quota/few"]);
    app.settle().await;
    assert!(app.has("secret/a") && app.has("secret/b"));
}

#[tokio::test]
async fn what_is_too_large_is_named_and_the_rest_goes_on() {
    let Some(app) = App::new("large") else { return };
    for (size, expected) in
        [(1_600_000, "Too long"), (3_500_000, "larger than the API server takes")]
    {
        let large = config_map("large", "k", &"x".repeat(size));
        app.commit(&[("large.yaml", &large), ("small.yaml", &config_map("small", "k", "v"))]);
        let outcome = app.run().await;
        let State::Degraded { why } = &outcome.state else { panic!("{:?}", outcome.state) };
        assert!(why.contains("large") && why.contains(expected), "{}", &why[..why.len().min(500)]);
        assert!(app.has("configmap/small"));
    }
}

#[tokio::test]
async fn equal_keys_of_a_list_are_told_with_their_line() {
    let Some(app) = App::new("keys") else { return };
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - name: c\n    image: i\n    env:\n    - {name: A, value: \"1\"}\n    - {name: A, value: \"2\"}\n";
    app.commit(&[("a.yaml", &config_map("a", "k", "v")), ("pod.yaml", pod)]);
    let outcome = app.run().await;
    let told = outcome.diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("pod.yaml") && told.contains("A"), "{told}: {:?}", outcome.state);
    assert!(!app.has("pod/p"));
}

#[tokio::test]
async fn a_generated_name_is_the_same_each_time() {
    let Some(app) = App::new("generated") else { return };
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: once-}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: c, image: j}]\n";
    app.commit(&[("job.yaml", job)]);
    app.settle().await;
    let names = app.kubectl(&["get", "jobs", "-o", "name"]);
    assert!(names.starts_with("job.batch/once-") && names.lines().count() == 1, "{names}");
    app.restarted().settle().await;
    let Some(bed) = bed() else { return };
    let again = bed.kubectl(&["get", "jobs", "-A", "-o", "name"], "");
    assert_eq!(again.matches(&names).count(), 1, "{again}");
}
