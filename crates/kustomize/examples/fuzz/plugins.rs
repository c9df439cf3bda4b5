//! Random replacements, transformers and generators with configurations of their own, and field specs.

use crate::patches;
use crate::random::Random;
use crate::resources::{Id, NAMES, indent, labels};

/// An OpenAPI document with a list that is merged by a key.
pub const SCHEMA: &str = r##"{"definitions": {"v1.Thing": {
  "properties": {"spec": {"properties": {"list": {"type": "array", "items": {"type": "object"},
    "x-kubernetes-patch-strategy": "merge", "x-kubernetes-patch-merge-key": "name"}}}},
  "x-kubernetes-group-version-kind": [{"group": "example.com", "version": "v1", "kind": "Thing"}]}}}
"##;

/// Types with references, as a CRD's OpenAPI document has them.
pub const CRD: &str = r##"{"github.com/example/v1.Thing": {"Schema": {
  "properties": {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
    "spec": {"$ref": "github.com/example/v1.ThingSpec"}}}, "Dependencies": ["github.com/example/v1.ThingSpec"]},
 "github.com/example/v1.ThingSpec": {"Schema": {"properties": {
    "ref": {"x-kubernetes-object-ref-api-version": "v1", "x-kubernetes-object-ref-kind": "Secret", "type": "string"}}}}}
"##;

const FIELDS: [&str; 15] = [
    "metadata.annotations.rep",
    "spec.template.spec.containers.*.image",
    "spec.list.0.v",
    "data.a",
    "spec.template.spec.containers.[name=c1].env.[name=A].value",
    "metadata.labels.new",
    "spec.replicas",
    "spec.selector",
    "spec.new.field",
    "metadata.annotations.[c.d/e]",
    "spec.list.[name=a].v",
    "data.[conf.json].host",
    "spec.template.metadata.labels.app",
    "metadata.name",
    "metadata.labels.app",
];

/// A replacement.
pub fn replacement(random: &mut Random, source: &Id, target: &Id) -> String {
    let field = random.pick(&[
        "",
        "",
        "",
        ", fieldPath: metadata.name",
        ", fieldPath: kind",
        ", fieldPath: metadata.labels.app",
        ", fieldPath: data.a",
        ", fieldPath: spec.template.spec.containers.0.image, options: {delimiter: \":\", index: 0}",
        ", fieldPath: spec.selector",
        ", fieldPath: spec.replicas",
        ", fieldPath: metadata.namespace",
    ]);
    let source = match random.below(10) {
        0 => "sourceValue: given\n".to_owned(),
        _ => format!("source: {{kind: {}, name: {}{field}}}\n", source.kind, source.name),
    };
    let mut text = format!("{source}targets:\n");
    for _ in 0..random.between(1, 2) {
        let select = match random.below(4) {
            0 => format!("{{name: {}}}", target.name),
            1 => format!("{{kind: {}, name: {}}}", target.kind, target.name),
            _ => format!("{{kind: {}}}", target.kind),
        };
        text.push_str(&format!("- select: {select}\n"));
        if random.chance(15) {
            text.push_str(&format!("  reject: [{{name: {}}}]\n", random.pick(&NAMES)));
        }
        let fields = random.some(&FIELDS, 1, 2);
        let fields: Vec<String> = fields.iter().map(|field| format!("\"{field}\"")).collect();
        text.push_str(&format!("  fieldPaths: [{}]\n", fields.join(", ")));
        let create = random.pick(&["true", "true", "true", "true", "false"]);
        let part =
            random.pick(&["", "", ", delimiter: \":\", index: 1", ", delimiter: \"/\", index: -1"]);
        text.push_str(&format!("  options: {{create: {create}{part}}}\n"));
    }
    text
}

/// The configuration of a built-in transformer.
pub fn transformer(random: &mut Random, id: &Id) -> String {
    let head = |kind: &str| format!("apiVersion: builtin\nkind: {kind}\nmetadata: {{name: t}}\n");
    match random.below(11) {
        0 => {
            let pairs = labels(random);
            head("LabelTransformer")
                + &format!(
                    "labels: {pairs}\nfieldSpecs:\n- {{path: metadata/labels, create: true}}\n- {{path: spec/template/metadata/labels, create: true, kind: Deployment}}\n"
                )
        }
        1 => {
            head("AnnotationsTransformer")
                + "annotations: {t: \"1\"}\nfieldSpecs: [{path: metadata/annotations, create: true}]\n"
        }
        2 => {
            let create = random.pick(&["true", "false"]);
            head("PrefixTransformer")
                + &format!(
                    "prefix: t-\nfieldSpecs: [{{path: metadata/name}}, {{path: spec/ref, create: {create}}}]\n"
                )
        }
        3 => head("SuffixTransformer") + "suffix: -t\nfieldSpecs: [{path: metadata/name}]\n",
        4 => {
            let subjects = random.pick(&["none", "allServiceAccounts", "defaultOnly"]);
            let unset = random.pick(&["true", "false"]);
            format!(
                "apiVersion: builtin\nkind: NamespaceTransformer\nmetadata: {{name: t, namespace: n4}}\nsetRoleBindingSubjects: {subjects}\nunsetOnly: {unset}\nfieldSpecs: [{{path: metadata/namespace, create: true}}]\n"
            )
        }
        5 => {
            head("ImageTagTransformer")
                + "imageTag: {name: nginx, newTag: t}\nfieldSpecs: [{path: spec/image}, {path: spec/template/spec/containers[]/image}]\n"
        }
        6 => {
            let name = random.pick(&NAMES);
            head("ReplicaCountTransformer")
                + &format!(
                    "replica: {{name: {name}, count: 4}}\nfieldSpecs: [{{path: spec/replicas, create: true, kind: Deployment}}]\n"
                )
        }
        7 => {
            let patch = indent(&patches::strategic(random, id), 2);
            head("PatchTransformer") + &format!("patch: |\n{patch}")
        }
        8 => {
            let (target, patch) =
                (patches::selector(random, id), indent(&patches::json(random, id), 2));
            head("PatchTransformer") + &format!("target: {target}\npatch: |\n{patch}")
        }
        9 => head("HashTransformer"),
        _ => {
            let item = replacement(random, id, id);
            head("ReplacementTransformer")
                + &format!("replacements:\n- {}", indent(&item, 2).trim_start())
        }
    }
}

/// The configuration of a built-in generator.
pub fn generator(random: &mut Random) -> String {
    let kind = random.pick(&["ConfigMapGenerator", "SecretGenerator"]);
    let name = random.pick(&NAMES);
    let behavior = random.pick(&["", "", "behavior: merge\n"]);
    format!(
        "apiVersion: builtin\nkind: {kind}\nmetadata: {{name: {name}}}\n{behavior}literals: [g=1]\n"
    )
}

/// Field specs of one's own.
pub fn configuration(random: &mut Random) -> String {
    const SPECS: [&str; 9] = [
        "nameReference:\n- kind: ConfigMap\n  fieldSpecs: [{kind: Thing, path: spec/ref}]\n",
        "nameReference:\n- kind: Deployment\n  fieldSpecs: [{path: spec/ref}, {kind: Widget, path: spec/list/name}]\n",
        "namePrefix: [{path: spec/ref}]\n",
        "nameSuffix: [{kind: Thing, path: spec/ref}]\n",
        "commonLabels: [{path: spec/labels, create: true, kind: Thing}]\n",
        "commonAnnotations: [{path: spec/annotations, create: true}]\n",
        "images: [{path: spec/image, kind: Thing}]\n",
        "namespace: [{path: spec/ns, create: true, kind: Widget}]\n",
        "varReference: [{path: spec/val, kind: Thing}, {path: spec/selector}]\n",
    ];
    let mut chosen = random.some(&SPECS, 1, 3);
    // A field may be given once.
    chosen.sort_unstable_by_key(|spec| spec.split(':').next());
    chosen.dedup_by_key(|spec| spec.split(':').next().unwrap_or_default().to_owned());
    chosen.concat()
}
