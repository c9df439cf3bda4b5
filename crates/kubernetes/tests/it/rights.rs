//! What is forbidden, missing or wrong is said, and is never taken for absent.

use std::io::Write;
use std::sync::Arc;

use trueup_engine::State;
use trueup_kubernetes::rights::{self, Account};
use trueup_kubernetes::{ClusterSecret, Connection, KubernetesTarget};
use trueup_model::plan::SkipKind;
use trueup_model::ports::Target;
use trueup_model::{Origin, Resource, ResourceId};

use crate::bed::{Bed, bed};
use crate::world::{App, config_map, skip};

#[tokio::test]
async fn a_missing_right_is_named() {
    let Some(app) = App::new("rights") else { return };
    if Bed::is_foreign() {
        eprintln!("not tested: this cluster has no user without rights");
        return;
    }
    let namespace = app.namespace.clone();
    let reader = format!("see-{namespace}");
    let role = ["create", "clusterrole", &reader, "--verb=get", "--resource=namespaces"];
    app.bed.kubectl(&role, "");
    let binding = format!("--clusterrole={reader}");
    app.bed.kubectl(&["create", "clusterrolebinding", &reader, &binding, "--user=nobody"], "");
    let nobody = App::on(app.bed, &namespace, Some("nobody"));
    nobody.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    let outcome = nobody.run().await;
    assert!(matches!(outcome.state, State::Blocked { .. }), "{:?}", outcome.state);
    let skip = skip(&outcome, "a");
    assert_eq!(skip.kind, SkipKind::Blocked);
    let rule = format!(
        "apiGroups [\"\"], resources [\"configmaps\"], verbs [\"get\"], in namespace {namespace}"
    );
    assert!(skip.why.contains(&rule), "{}", skip.why);
}

#[tokio::test]
async fn an_unknown_kind_is_said() {
    let Some(app) = App::new("kind") else { return };
    app.commit(&[(
        "a.yaml",
        "apiVersion: nowhere.example.com/v1\nkind: Thing\nmetadata: {name: a}\n",
    )]);
    let outcome = app.run().await;
    let State::Blocked { why } = &outcome.state else { panic!("{:?}", outcome.state) };
    assert!(why.contains("knows no Thing at nowhere.example.com/v1"), "{why}");
}

#[tokio::test]
async fn capabilities_tell_version_kinds_and_identity() {
    let Some(bed) = bed() else { return };
    let connection = Connection { kubeconfig: Some(bed.kubeconfig.clone()), ..Default::default() };
    let target = KubernetesTarget::new(connection);
    let capabilities = target.capabilities().await.expect("it answers");
    assert!(capabilities.kube_version.starts_with("v1."));
    assert!(capabilities.api_versions.contains(&"apps/v1/Deployment".to_owned()));
    assert!(capabilities.kind("", "Namespace").is_some_and(|kind| !kind.namespaced));
    let uid = bed.kubectl(&["get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}"], "");
    assert_eq!(capabilities.target.identity, uid);
}

fn kubeconfig(server: &str, extra: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    write!(
        file,
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{server}\"}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{{extra}}}}}]\n"
    )
    .expect("a temporary file takes text");
    file
}

#[tokio::test]
async fn connections_that_fail_say_why() {
    let file = kubeconfig("https://127.0.0.1:1", "token: x");
    let wrong_context = Connection {
        kubeconfig: Some(file.path().to_owned()),
        context: Some("elsewhere".to_owned()),
        secret: None,
    };
    let target = KubernetesTarget::new(wrong_context);
    let error = target.capabilities().await.expect_err("there is no such context");
    assert!(error.message.contains("kubeconfig cannot be used"), "{}", error.message);

    for (user, expected) in [
        (
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-plugin, interactiveMode: Never}",
            "no-such-plugin",
        ),
        (
            "exec: {apiVersion: client.authentication.k8s.io/v1, command: \"false\", interactiveMode: Never}",
            "exec",
        ),
    ] {
        let file = kubeconfig("https://127.0.0.1:1", user);
        let connection =
            Connection { kubeconfig: Some(file.path().to_owned()), ..Default::default() };
        let error = KubernetesTarget::new(connection).capabilities().await;
        let error = error.expect_err("its plugin fails");
        assert!(error.message.contains(expected), "{}", error.message);
    }

    let nobody_there =
        Connection { kubeconfig: Some(file.path().to_owned()), ..Default::default() };
    let target = KubernetesTarget::new(nobody_there);
    let error = target.capabilities().await.expect_err("nobody listens there");
    assert!(error.message.contains("cannot be reached") && !error.permanent, "{}", error.message);
}

#[tokio::test]
async fn credentials_and_certificates_that_are_refused_say_so() {
    let Some(bed) = bed() else { return };
    let view = |path: &str| bed.kubectl(&["config", "view", "--raw", "-o", path], "");
    let server = view("jsonpath={.clusters[0].cluster.server}");
    let ca = view("jsonpath={.clusters[0].cluster.certificate-authority-data}");
    let config = |cluster: &str, user: &str| {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        write!(
            file,
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"{server}\"{cluster}}}}}]\ncontexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{{user}}}}}]\n"
        )
        .expect("a temporary file takes text");
        file
    };
    let known = format!(", certificate-authority-data: {ca}");
    for (cluster, expected) in
        [(known.as_str(), "does not accept our credentials"), ("", "certificate")]
    {
        let file = config(cluster, "token: expired");
        let connection =
            Connection { kubeconfig: Some(file.path().to_owned()), ..Default::default() };
        let error = KubernetesTarget::new(connection).capabilities().await;
        let error = error.expect_err("it is not let in");
        assert!(error.message.contains(expected), "{}", error.message);
    }
}

#[tokio::test]
async fn another_cluster_is_reached_by_a_secret() {
    let Some(app) = App::new("cluster-secret") else { return };
    let file = format!("--from-file=kubeconfig={}", app.bed.kubeconfig.display());
    app.kubectl(&["create", "secret", "generic", "other", &file]);
    app.kubectl(&["create", "secret", "generic", "empty"]);
    let by = |name: &str| {
        let secret = ClusterSecret { namespace: app.namespace.clone(), name: name.to_owned() };
        let kubeconfig = Some(app.bed.kubeconfig.clone());
        KubernetesTarget::new(Connection { kubeconfig, secret: Some(secret), context: None })
    };
    let capabilities = by("other").capabilities().await.expect("the Secret leads there");
    let uid = app.bed.kubectl(&["get", "ns", "kube-system", "-o", "jsonpath={.metadata.uid}"], "");
    assert_eq!(capabilities.target.identity, uid);
    for (name, expected) in [("empty", "holds no kubeconfig"), ("none", "cannot be read")] {
        let error = by(name).capabilities().await.expect_err("there is no kubeconfig");
        assert!(
            error.message.contains(expected) && error.message.contains(name),
            "{}",
            error.message
        );
    }
}

#[tokio::test]
async fn an_app_acts_as_its_service_account() {
    let Some(mut app) = App::new("deployer") else { return };
    app.kubectl(&["create", "serviceaccount", "deployer"]);
    let Some(cluster) =
        app.subject.declaration.spec.target.as_mut().and_then(|t| t.kubernetes.as_mut())
    else {
        panic!("the app is on a cluster")
    };
    cluster.service_account = Some("deployer".to_owned());
    app.commit(&[("a.yaml", &config_map("a", "k", "v"))]);
    let outcome = app.run().await;
    let account = format!("system:serviceaccount:{}:deployer", app.namespace);
    assert!(skip(&outcome, "a").why.contains(&account), "{}", skip(&outcome, "a").why);

    // Exactly what `trueup rbac` prints for it is enough.
    let acts_as = Account { namespace: app.namespace.clone(), name: "deployer".to_owned() };
    let trueup = Account { namespace: app.namespace.clone(), name: "trueup".to_owned() };
    let (namespace, body) = (app.namespace.clone(), config_map("a", "k", "v"));
    let resource = rendered(&namespace, &body);
    let roles = rights::least(&rights::Wanted {
        app: &app.subject.name,
        namespace: &namespace,
        resources: &[resource],
        controller: trueup,
        acts_as: Some(acts_as),
        adopt: None,
    });
    for role in roles {
        app.kubectl_with(&["create", "-f", "-"], &role.to_string());
    }
    let outcome = app.settle().await;
    assert!(app.has("configmap/a") && outcome.diagnostics.is_empty(), "{:?}", outcome.diagnostics);
}

fn rendered(namespace: &str, yaml: &str) -> Arc<Resource> {
    let id = ResourceId::new("", "ConfigMap", namespace, "a");
    Arc::new(Resource::new(id, "v1".to_owned(), yaml.into(), Origin::default()))
}
