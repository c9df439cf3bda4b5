//! The built-in field specs: which fields of Kubernetes' own types hold names, labels, annotations,
//! images and counts. The facts are those of Kustomize 5.8.1, whose lists leave out kinds and
//! fields here and there; what they leave out is left alone here too.

use super::{Config, FieldSpec, Referrers};
use crate::id::Gvk;

/// Kinds that hold a pod, and where its spec is.
const POD: (&str, &str) = ("v1:Pod", "spec");
const POD_TEMPLATE: (&str, &str) = (":PodTemplate", "template/spec");
const DEPLOYMENT: (&str, &str) = (":Deployment", "spec/template/spec");
const REPLICA_SET: (&str, &str) = (":ReplicaSet", "spec/template/spec");
const REPLICATION_CONTROLLER: (&str, &str) = (":ReplicationController", "spec/template/spec");
const DAEMON_SET: (&str, &str) = (":DaemonSet", "spec/template/spec");
const STATEFUL_SET: (&str, &str) = (":StatefulSet", "spec/template/spec");
const JOB: (&str, &str) = (":Job", "spec/template/spec");
const CRON_JOB: (&str, &str) = (":CronJob", "spec/jobTemplate/spec/template/spec");

/// Pods that read configuration.
const CONFIGURED: [(&str, &str); 8] =
    [POD, POD_TEMPLATE, DEPLOYMENT, REPLICA_SET, DAEMON_SET, STATEFUL_SET, JOB, CRON_JOB];

/// Pods with accounts, claims and priorities.
const SCHEDULED: [(&str, &str); 7] =
    [(":Pod", "spec"), STATEFUL_SET, DEPLOYMENT, REPLICATION_CONTROLLER, CRON_JOB, JOB, DAEMON_SET];

const CONFIG_MAP_FIELDS: [&str; 6] = [
    "volumes/configMap/name",
    "containers/env/valueFrom/configMapKeyRef/name",
    "initContainers/env/valueFrom/configMapKeyRef/name",
    "containers/envFrom/configMapRef/name",
    "initContainers/envFrom/configMapRef/name",
    "volumes/projected/sources/configMap/name",
];

const SECRET_FIELDS: [&str; 7] = [
    "volumes/secret/secretName",
    "containers/env/valueFrom/secretKeyRef/name",
    "initContainers/env/valueFrom/secretKeyRef/name",
    "containers/envFrom/secretRef/name",
    "initContainers/envFrom/secretRef/name",
    "imagePullSecrets/name",
    "volumes/projected/sources/secret/name",
];

const VARIABLE_FIELDS: [&str; 8] = [
    "containers/args",
    "containers/command",
    "containers/env/value",
    "containers/volumeMounts/mountPath",
    "initContainers/args",
    "initContainers/command",
    "initContainers/env/value",
    "initContainers/volumeMounts/mountPath",
];

/// All of them, each list sorted.
pub(super) fn config() -> Config {
    let mut config = Config {
        name_prefix: vec![spec("metadata/name", "", false)],
        name_suffix: vec![spec("metadata/name", "", false)],
        namespace: namespace(),
        common_labels: common_labels(),
        labels: Vec::new(),
        template_labels: metadata_labels(),
        common_annotations: common_annotations(),
        name_reference: name_reference(),
        var_reference: var_reference(),
        images: images(),
        replicas: replicas(),
    };
    config.sort();
    config
}

/// A type, written `group/version:kind` with `*` in no place: `v1:Pod`, `apps/:StatefulSet`.
fn gvk(text: &str) -> Gvk {
    let (api, kind) = text.split_once(':').unwrap_or(("", text));
    let (group, version) = api.rsplit_once('/').unwrap_or(("", api));
    Gvk { group: group.to_owned(), version: version.to_owned(), kind: kind.to_owned() }
}

fn spec(path: &str, kind: &str, create: bool) -> FieldSpec {
    FieldSpec { gvk: gvk(kind), path: path.to_owned(), create }
}

fn in_pods(pods: &[(&str, &str)], fields: &[&str]) -> Vec<FieldSpec> {
    let of = |(kind, prefix): &(&str, &str)| -> Vec<FieldSpec> {
        fields.iter().map(|field| spec(&format!("{prefix}/{field}"), kind, false)).collect()
    };
    pods.iter().flat_map(of).collect()
}

fn namespace() -> Vec<FieldSpec> {
    vec![
        spec("metadata/name", ":Namespace", true),
        spec("spec/service/namespace", "apiregistration.k8s.io/:APIService", true),
        spec(
            "spec/conversion/webhook/clientConfig/service/namespace",
            "apiextensions.k8s.io/:CustomResourceDefinition",
            false,
        ),
    ]
}

fn metadata_labels() -> Vec<FieldSpec> {
    vec![
        spec("metadata/labels", "", true),
        spec("spec/template/metadata/labels", "v1:ReplicationController", true),
        spec("spec/template/metadata/labels", ":Deployment", true),
        spec("spec/template/metadata/labels", ":ReplicaSet", true),
        spec("spec/template/metadata/labels", ":DaemonSet", true),
        spec("spec/template/metadata/labels", "apps/:StatefulSet", true),
        spec("spec/volumeClaimTemplates[]/metadata/labels", "apps/:StatefulSet", true),
        spec("spec/template/metadata/labels", "batch/:Job", true),
        spec("spec/jobTemplate/metadata/labels", "batch/:CronJob", true),
        spec("spec/jobTemplate/spec/template/metadata/labels", "batch/:CronJob", true),
    ]
}

fn common_labels() -> Vec<FieldSpec> {
    let mut specs = vec![
        spec("spec/selector", "v1:Service", true),
        spec("spec/selector", "v1:ReplicationController", true),
        spec("spec/selector/matchLabels", ":Deployment", true),
        spec("spec/selector/matchLabels", ":ReplicaSet", true),
        spec("spec/selector/matchLabels", ":DaemonSet", true),
        spec("spec/selector/matchLabels", "apps/:StatefulSet", true),
        spec("spec/selector/matchLabels", "batch/:Job", false),
        spec("spec/jobTemplate/spec/selector/matchLabels", "batch/:CronJob", false),
        spec("spec/selector/matchLabels", "policy/:PodDisruptionBudget", false),
    ];
    for kind in ["apps/:Deployment", "apps/:StatefulSet"] {
        specs.extend(in_pods(&[(kind, "spec/template/spec")], &POD_SELECTORS));
    }
    for path in ["spec", "spec/ingress/from", "spec/egress/to"] {
        let path = format!("{path}/podSelector/matchLabels");
        specs.push(spec(&path, "networking.k8s.io/:NetworkPolicy", false));
    }
    specs.extend(metadata_labels());
    specs
}

const POD_SELECTORS: [&str; 5] = [
    "affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "affinity/podAntiAffinity/preferredDuringSchedulingIgnoredDuringExecution/podAffinityTerm/labelSelector/matchLabels",
    "affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/labelSelector/matchLabels",
    "topologySpreadConstraints/labelSelector/matchLabels",
];

fn common_annotations() -> Vec<FieldSpec> {
    vec![
        spec("metadata/annotations", "", true),
        spec("spec/template/metadata/annotations", "v1:ReplicationController", true),
        spec("spec/template/metadata/annotations", ":Deployment", true),
        spec("spec/template/metadata/annotations", ":ReplicaSet", true),
        spec("spec/template/metadata/annotations", ":DaemonSet", true),
        spec("spec/template/metadata/annotations", ":StatefulSet", true),
        spec("spec/template/metadata/annotations", "batch/:Job", true),
        spec("spec/jobTemplate/metadata/annotations", "batch/:CronJob", true),
        spec("spec/jobTemplate/spec/template/metadata/annotations", "batch/:CronJob", true),
    ]
}

fn images() -> Vec<FieldSpec> {
    let fields = ["containers[]/image", "initContainers[]/image", "volumes[]/image/reference"];
    let mut specs = in_pods(&[("", "spec"), ("", "spec/template/spec")], &fields);
    for spec in &mut specs {
        spec.create = true;
    }
    specs
}

fn replicas() -> Vec<FieldSpec> {
    ["Deployment", "ReplicationController", "ReplicaSet", "StatefulSet"]
        .map(|kind| spec("spec/replicas", kind, true))
        .to_vec()
}

fn var_reference() -> Vec<FieldSpec> {
    let mut specs = in_pods(
        &[CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, (":Pod", "spec"), REPLICA_SET, STATEFUL_SET],
        &VARIABLE_FIELDS,
    );
    specs.extend(in_pods(
        &[DAEMON_SET, DEPLOYMENT, JOB, (":Pod", "spec"), REPLICA_SET],
        &["volumes/nfs/server"],
    ));
    specs.extend([
        spec("spec/jobTemplate/spec/template/volumes/nfs/server", ":CronJob", false),
        spec("spec/template/metadata/annotations", ":Deployment", false),
        spec("spec/rules/host", ":Ingress", false),
        spec("spec/tls/hosts", ":Ingress", false),
        spec("spec/tls/secretName", ":Ingress", false),
        spec("spec/ports/port", ":Service", false),
        spec("spec/ports/targetPort", ":Service", false),
        spec("spec/volumeClaimTemplates/spec/nfs/server", ":StatefulSet", false),
        spec("spec/nfs/server", ":PersistentVolume", false),
        spec("metadata/labels", "", false),
        spec("metadata/annotations", "", false),
    ]);
    specs
}

fn name_reference() -> Vec<Referrers> {
    let referrers =
        |target: &str, fields: Vec<FieldSpec>| Referrers { target: gvk(target), fields };
    let scaled = || vec![spec("spec/scaleTargetRef/name", ":HorizontalPodAutoscaler", false)];
    vec![
        referrers(":Deployment", scaled()),
        referrers(":ReplicationController", scaled()),
        referrers(":ReplicaSet", scaled()),
        referrers(":StatefulSet", scaled()),
        referrers("v1:ConfigMap", config_map_referrers()),
        referrers("v1:Secret", secret_referrers()),
        referrers("v1:Service", service_referrers()),
        referrers("rbac.authorization.k8s.io/:Role", role_refs(&["RoleBinding"])),
        referrers(
            "rbac.authorization.k8s.io/:ClusterRole",
            role_refs(&["RoleBinding", "ClusterRoleBinding"]),
        ),
        referrers("v1:ServiceAccount", service_account_referrers()),
        referrers(
            "v1:PersistentVolumeClaim",
            in_pods(&SCHEDULED, &["volumes/persistentVolumeClaim/claimName"]),
        ),
        referrers(
            "v1:PersistentVolume",
            vec![
                spec("spec/volumeName", ":PersistentVolumeClaim", false),
                spec("rules/resourceNames", ":ClusterRole", false),
            ],
        ),
        referrers("storage.k8s.io/v1:StorageClass", storage_class_referrers()),
        referrers(
            "scheduling.k8s.io/v1:PriorityClass",
            in_pods(&SCHEDULED, &["priorityClassName"]),
        ),
        // The group is upstream's, with its version in it: it matches nothing.
        referrers(
            "networking.k8s.io/v1/v1:IngressClass",
            vec![spec("spec/ingressClassName", ":Ingress", false)],
        ),
        referrers(
            "admissionregistration.k8s.io/:ValidatingAdmissionPolicy",
            vec![spec(
                "spec/policyName",
                "admissionregistration.k8s.io/:ValidatingAdmissionPolicyBinding",
                false,
            )],
        ),
    ]
}

fn config_map_referrers() -> Vec<FieldSpec> {
    let mut fields = in_pods(&CONFIGURED, &CONFIG_MAP_FIELDS);
    fields.extend([
        spec("spec/configSource/configMap", ":Node", false),
        spec("rules/resourceNames", ":Role", false),
        spec("rules/resourceNames", ":ClusterRole", false),
        annotation("nginx.ingress.kubernetes.io\\/fastcgi-params-configmap"),
    ]);
    fields
}

fn secret_referrers() -> Vec<FieldSpec> {
    let mut fields = in_pods(&CONFIGURED, &SECRET_FIELDS);
    fields.extend([
        spec("spec/tls/secretName", ":Ingress", false),
        annotation("ingress.kubernetes.io\\/auth-secret"),
        annotation("nginx.ingress.kubernetes.io\\/auth-secret"),
        annotation("nginx.ingress.kubernetes.io\\/auth-tls-secret"),
        spec("imagePullSecrets/name", ":ServiceAccount", false),
        spec("parameters/secretName", ":StorageClass", false),
        spec("parameters/adminSecretName", ":StorageClass", false),
        spec("parameters/userSecretName", ":StorageClass", false),
        spec("parameters/secretRef", ":StorageClass", false),
        spec("rules/resourceNames", ":Role", false),
        spec("rules/resourceNames", ":ClusterRole", false),
        spec("spec/azureFile/secretName", ":PersistentVolume", false),
    ]);
    fields.extend(in_pods(
        &[("serving.knative.dev/v1:Service", "spec/template/spec")],
        &["containers/env/valueFrom/secretKeyRef/name"],
    ));
    fields
}

fn annotation(name: &str) -> FieldSpec {
    spec(&format!("metadata/annotations/{name}"), ":Ingress", false)
}

fn service_referrers() -> Vec<FieldSpec> {
    let webhooks = "admissionregistration.k8s.io/:";
    vec![
        spec("spec/serviceName", "apps/:StatefulSet", false),
        spec("spec/rules/http/paths/backend/serviceName", ":Ingress", false),
        spec("spec/backend/serviceName", ":Ingress", false),
        spec("spec/rules/http/paths/backend/service/name", ":Ingress", false),
        spec("spec/defaultBackend/service/name", ":Ingress", false),
        spec("spec/service/name", "apiregistration.k8s.io/:APIService", false),
        spec(
            "webhooks/clientConfig/service",
            &format!("{webhooks}ValidatingWebhookConfiguration"),
            false,
        ),
        spec(
            "webhooks/clientConfig/service",
            &format!("{webhooks}MutatingWebhookConfiguration"),
            false,
        ),
    ]
}

fn role_refs(kinds: &[&str]) -> Vec<FieldSpec> {
    kinds.iter().map(|kind| spec("roleRef/name", &rbac(kind), false)).collect()
}

fn rbac(kind: &str) -> String {
    format!("rbac.authorization.k8s.io/:{kind}")
}

fn service_account_referrers() -> Vec<FieldSpec> {
    let mut fields = vec![
        spec("subjects", &rbac("RoleBinding"), false),
        spec("subjects", &rbac("ClusterRoleBinding"), false),
    ];
    fields.extend(in_pods(&SCHEDULED, &["serviceAccountName"]));
    fields
}

fn storage_class_referrers() -> Vec<FieldSpec> {
    vec![
        spec("spec/storageClassName", ":PersistentVolume", false),
        spec("spec/storageClassName", ":PersistentVolumeClaim", false),
        spec("spec/volumeClaimTemplates/spec/storageClassName", ":StatefulSet", false),
    ]
}
