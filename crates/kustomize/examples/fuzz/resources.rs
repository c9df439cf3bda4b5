//! Random resources.

use crate::random::Random;

/// Names that resources have, so that they refer to each other.
pub const NAMES: [&str; 5] = ["web", "db", "app", "cfg", "x1"];
pub const NAMESPACES: [&str; 2] = ["n1", "n2"];

const TYPES: [(&str, &str); 27] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("apps/v1", "DaemonSet"),
    ("v1", "Pod"),
    ("batch/v1", "Job"),
    ("batch/v1", "CronJob"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "Secret"),
    ("v1", "ServiceAccount"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "PersistentVolume"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("policy/v1", "PodDisruptionBudget"),
    ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration"),
    ("apiregistration.k8s.io/v1", "APIService"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("example.com/v1", "Thing"),
    ("example.com/v1beta1", "Widget"),
];

/// Scalars that readers and printers disagree about.
const SCALARS: [&str; 36] = [
    "a",
    "b c",
    "\"1\"",
    "1",
    "true",
    "\"true\"",
    "null",
    "1.0",
    "0x10",
    "2024-01-01",
    "\"\"",
    "yes",
    "\"yes\"",
    "~",
    "'it''s'",
    "\"a: b\"",
    "1e3",
    "012",
    "a:b",
    "\"multi\\nline\"",
    "|\n@lit\n@  two",
    ">-\n@fold\n@ed\n\n@  more",
    "-1",
    ".5",
    "\"#x\"",
    "{}",
    "[]",
    "[a, b]",
    "{k: v}",
    "!!str 5",
    "0o14",
    "1_000",
    "+1",
    "\"\\u00e9\"",
    "é",
    "$(V1)",
];

/// What identifies a resource.
#[derive(Clone, PartialEq, Eq)]
pub struct Id {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub name: &'static str,
    pub namespace: Option<&'static str>,
}

/// Puts spaces before every line that is not empty.
pub fn indent(text: &str, spaces: usize) -> String {
    let indented = |line: &str| match line {
        "" => "\n".to_owned(),
        line => format!("{}{line}\n", " ".repeat(spaces)),
    };
    text.lines().map(indented).collect()
}

/// Any scalar; `column` is where further lines of it start.
pub fn scalar(random: &mut Random, column: usize) -> String {
    random.pick(&SCALARS).replace('@', &" ".repeat(column))
}

/// Labels in one line.
pub fn labels(random: &mut Random) -> String {
    let names = random.some(&["app", "tier", "env"], 1, 2);
    let value = |random: &mut Random| random.pick(&["a", "b", "\"1\"", "web"]);
    let pairs: Vec<String> =
        names.iter().map(|name| format!("{name}: {}", value(random))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A resource whose id is in none of `used`.
pub fn resource(random: &mut Random, used: &mut Vec<Id>) -> String {
    let mut id = any_id(random);
    while used.contains(&id) {
        id = any_id(random);
    }
    used.push(id.clone());
    let mut text = format!("apiVersion: {}\nkind: {}\n", id.api_version, id.kind);
    text.push_str(&metadata(random, &id));
    text.push_str(&body(random, id.kind));
    text
}

fn any_id(random: &mut Random) -> Id {
    let (api_version, kind) = TYPES[random.below(TYPES.len())];
    let namespace = random.chance(30).then(|| random.pick(&NAMESPACES));
    Id { api_version, kind, name: random.pick(&NAMES), namespace }
}

fn metadata(random: &mut Random, id: &Id) -> String {
    let mut text = format!("metadata:\n  name: {}\n", id.name);
    if let Some(namespace) = id.namespace {
        text.push_str(&format!("  namespace: {namespace}\n"));
    }
    if random.chance(40) {
        text.push_str(&format!("  labels: {}\n", labels(random)));
    }
    if random.chance(40) {
        text.push_str("  annotations:\n");
        for name in random.some(&["a", "b", "c.d/e", "config.kubernetes.io/x"], 1, 2) {
            text.push_str(&format!("    {name}: {}\n", scalar(random, 6)));
        }
    }
    text
}

fn container(random: &mut Random, name: &str) -> String {
    const IMAGES: [&str; 7] = [
        "nginx",
        "nginx:1.0",
        "reg.io:5000/a/b:v1",
        "a",
        "${IMG}",
        "x/nginx:2",
        "a@sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ];
    let mut text = format!("- name: {name}\n  image: {}\n", random.pick(&IMAGES));
    if random.chance(40) {
        text.push_str("  ports:\n");
        for port in random.some(&["80", "443", "53"], 1, 2) {
            text.push_str(&format!("  - containerPort: {port}\n"));
            if random.chance(50) {
                text.push_str(&format!("    protocol: {}\n", random.pick(&["TCP", "UDP"])));
            }
            if random.chance(40) {
                text.push_str(&format!("    name: p{port}\n"));
            }
        }
    }
    if random.chance(50) {
        text.push_str("  env:\n");
        for name in random.some(&["A", "B", "C"], 1, 3) {
            text.push_str(&format!("  - name: {name}\n    {}\n", variable(random)));
        }
    }
    if random.chance(30) {
        let (map, secret) = (random.pick(&NAMES), random.pick(&NAMES));
        text.push_str(&format!(
            "  envFrom:\n  - configMapRef: {{name: {map}}}\n  - secretRef: {{name: {secret}}}\n"
        ));
    }
    if random.chance(30) {
        text.push_str("  volumeMounts:\n  - {name: v, mountPath: /a}\n");
    }
    if random.chance(20) {
        text.push_str(&format!("  args: {}\n", random.pick(&["[a, b]", "[\"$(V1)\"]", "[]"])));
    }
    if random.chance(15) {
        text.push_str("  resources: {limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 100m}}\n");
    }
    text
}

fn variable(random: &mut Random) -> String {
    let name = random.pick(&NAMES);
    match random.below(4) {
        0 => format!("value: {}", random.pick(&["a", "\"1\"", "1", "true", "null", "\"\"", "x:y"])),
        1 => format!("valueFrom: {{configMapKeyRef: {{name: {name}, key: k}}}}"),
        2 => format!("valueFrom: {{secretKeyRef: {{name: {name}, key: k}}}}"),
        _ => "value: $(V1)-$(V2)".to_owned(),
    }
}

fn pod(random: &mut Random) -> String {
    let mut text = "containers:\n".to_owned();
    for name in random.some(&["c1", "c2", "c3"], 1, 2) {
        text.push_str(&container(random, name));
    }
    if random.chance(20) {
        text.push_str("initContainers:\n");
        text.push_str(&container(random, "i1"));
    }
    let name = random.pick(&NAMES);
    if random.chance(30) {
        text.push_str(&format!("serviceAccountName: {name}\n"));
    }
    if random.chance(40) {
        let source = match random.below(5) {
            0 => "emptyDir: {}".to_owned(),
            1 => format!("configMap: {{name: {name}}}"),
            2 => format!("secret: {{secretName: {name}}}"),
            3 => format!("projected: {{sources: [{{configMap: {{name: {name}}}}}]}}"),
            _ => format!("persistentVolumeClaim: {{claimName: {name}}}"),
        };
        text.push_str(&format!("volumes:\n- name: v\n  {source}\n"));
    }
    if random.chance(20) {
        text.push_str(&format!("imagePullSecrets: [{{name: {name}}}]\n"));
    }
    if random.chance(20) {
        text.push_str("tolerations: [{key: a}, {key: b, effect: NoSchedule}]\n");
    }
    if random.chance(10) {
        text.push_str("topologySpreadConstraints: [{topologyKey: z, labelSelector: {matchLabels: {app: a}}}]\n");
    }
    text
}

fn workload(random: &mut Random, kind: &str) -> String {
    let mut text = "spec:\n".to_owned();
    if random.chance(50) && kind != "DaemonSet" {
        text.push_str(&format!("  replicas: {}\n", random.between(1, 3)));
    }
    if kind != "Job" && random.chance(70) {
        text.push_str(&format!("  selector:\n    matchLabels: {}\n", labels(random)));
    }
    if kind == "StatefulSet" {
        text.push_str(&format!("  serviceName: {}\n", random.pick(&NAMES)));
        if random.chance(30) {
            text.push_str("  volumeClaimTemplates:\n  - metadata: {name: v}\n    spec: {}\n");
        }
    }
    text.push_str("  template:\n");
    if random.chance(70) {
        text.push_str(&format!("    metadata:\n      labels: {}\n", labels(random)));
    }
    text.push_str("    spec:\n");
    text.push_str(&indent(&pod(random), 6));
    text
}

/// What follows the metadata of a resource of that kind.
pub fn body(random: &mut Random, kind: &str) -> String {
    let name = random.pick(&NAMES);
    let namespace = random.pick(&["n1", "n2", "default"]);
    match kind {
        "Deployment" | "StatefulSet" | "DaemonSet" | "Job" => workload(random, kind),
        "CronJob" => format!(
            "spec:\n  schedule: \"* * * * *\"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n{}",
            indent(&pod(random), 10)
        ),
        "Pod" => format!("spec:\n{}", indent(&pod(random), 2)),
        "Service" => {
            let mut text = format!("spec:\n  selector: {}\n  ports:\n", labels(random));
            for port in random.some(&["80", "443"], 1, 2) {
                text.push_str(&format!("  - port: {port}\n"));
            }
            text
        }
        "ConfigMap" | "Secret" => {
            let mut text = "data:\n".to_owned();
            for key in random.some(&["a", "b", "k.v", "n", "conf.json", "c.yaml"], 1, 3) {
                let value = match key {
                    "conf.json" => "'{\"host\": \"h\", \"list\": [{\"n\": 1}]}'".to_owned(),
                    "c.yaml" => "|\n    host: h\n    # comment\n    deep: {x: [1, 2]}".to_owned(),
                    _ => scalar(random, 4),
                };
                text.push_str(&format!("  {key}: {value}\n"));
            }
            text
        }
        "Role" | "ClusterRole" => format!(
            "rules:\n- apiGroups: [\"\"]\n  resources: [secrets]\n  resourceNames: [{name}]\n  verbs: [get]\n"
        ),
        "RoleBinding" | "ClusterRoleBinding" => {
            let role = random.pick(&["Role", "ClusterRole"]);
            let subject = random.pick(&["web", "db", "default", "app"]);
            let namespace = match random.chance(50) {
                true => format!("  namespace: {namespace}\n"),
                false => String::new(),
            };
            format!(
                "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {role}\n  name: {name}\nsubjects:\n- kind: ServiceAccount\n  name: {subject}\n{namespace}"
            )
        }
        "Ingress" => format!(
            "spec:\n  tls:\n  - secretName: {name}\n  rules:\n  - host: $(V1)\n    http: {{paths: [{{path: /, backend: {{service: {{name: {name}}}}}}}]}}\n"
        ),
        "NetworkPolicy" => format!(
            "spec:\n  podSelector: {{matchLabels: {}}}\n  ingress:\n  - from:\n    - podSelector: {{matchLabels: {}}}\n",
            labels(random),
            labels(random)
        ),
        "Thing" | "Widget" => {
            let mut text = "spec:\n  list:\n".to_owned();
            for name in random.some(&["a", "b", "c"], 1, 3) {
                text.push_str(&format!("  - {{name: {name}, v: {}}}\n", random.below(10)));
            }
            let value = scalar(random, 4);
            text.push_str(&format!("  ref: {name}\n  image: nginx:1\n  val: {value}\n"));
            if random.chance(20) {
                text.push_str("  base: &b {k: 1, l: [1]}\n  copy: *b\n  more: {<<: *b, m: 2}\n");
            }
            text
        }
        "HorizontalPodAutoscaler" => format!(
            "spec:\n  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}\n"
        ),
        "PodDisruptionBudget" => {
            format!("spec:\n  selector: {{matchLabels: {}}}\n", labels(random))
        }
        "ValidatingWebhookConfiguration" => format!(
            "webhooks:\n- name: a\n  clientConfig: {{service: {{name: {name}, namespace: {namespace}}}}}\n"
        ),
        "APIService" => {
            format!("spec:\n  service: {{name: {name}, namespace: {namespace}}}\n  group: g\n")
        }
        "CustomResourceDefinition" => format!(
            "spec:\n  conversion: {{webhook: {{clientConfig: {{service: {{name: {name}, namespace: {namespace}}}}}}}}}\n"
        ),
        "PersistentVolume" => format!("spec:\n  claimRef: {{name: {name}, namespace: n1}}\n"),
        _ => random.pick(&["", "spec: {}\n", "spec:\n  a: b\n"]).to_owned(),
    }
}
