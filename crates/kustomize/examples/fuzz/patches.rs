//! Random patches.

use crate::random::Random;
use crate::resources::{Id, NAMES, body, indent, labels};

/// A strategic merge patch for a resource.
pub fn strategic(random: &mut Random, id: &Id) -> String {
    let name = if random.chance(2) { "other" } else { id.name };
    let mut text =
        format!("apiVersion: {}\nkind: {}\nmetadata:\n  name: {name}\n", id.api_version, id.kind);
    if let Some(namespace) = id.namespace.filter(|_| random.chance(90)) {
        text.push_str(&format!("  namespace: {namespace}\n"));
    }
    if random.chance(35) {
        let own = labels(random);
        let labels = random.pick(&[own.as_str(), "{app: null}", "null", "{app: patched}"]);
        text.push_str(&format!("  labels: {labels}\n"));
    }
    if random.chance(35) {
        let annotations =
            random.pick(&["{a: x}", "{a: null}", "{z: 1}", "{ca: mine}", "{$patch: delete}"]);
        text.push_str(&format!("  annotations: {annotations}\n"));
    }
    match random.below(100) {
        0..5 => return text + "$patch: delete\n",
        5..8 => return text + "$patch: replace\nspec: {new: 1}\n",
        _ => {}
    }
    let mut body = body(random, id.kind);
    if random.chance(15) {
        body = body.replacen("- name: c1\n", "- $patch: delete\n      name: c1\n", 1);
        body = body.replace("- $patch: delete\n      name", "- $patch: delete\n        name");
    }
    if random.chance(10) {
        body = body.replacen("value: a", "value: null", 1);
    }
    text + &body
}

/// The operations of a JSON 6902 patch, in JSON.
pub fn operations(random: &mut Random, id: &Id) -> Vec<String> {
    let name = random.pick(&NAMES);
    let kind = id.kind;
    let all = [
        r#"{"op": "add", "path": "/metadata/labels", "value": {"j": "p"}}"#.to_owned(),
        r#"{"op": "add", "path": "/metadata/labels", "value": {"j": "1", "app": "x"}}"#.to_owned(),
        r#"{"op": "add", "path": "/status", "value": [1, 2.50, -0, 1E5, "0x1"]}"#.to_owned(),
        r#"{"op": "replace", "path": "/kind", "value": "Other"}"#.to_owned(),
        r#"{"op": "add", "path": "/metadata/finalizers", "value": ["b", "a"]}"#.to_owned(),
        r#"{"op": "add", "path": "/metadata/annotations", "value": {"j": "p"}}"#.to_owned(),
        r#"{"op": "add", "path": "/metadata/annotations/j", "value": "p"}"#.to_owned(),
        format!(r#"{{"op": "replace", "path": "/metadata/name", "value": "{name}"}}"#),
        r#"{"op": "remove", "path": "/spec"}"#.to_owned(),
        r#"{"op": "add", "path": "/spec", "value": {"r": 1.0, "s": [1, null, true], "e": 1e3}}"#.to_owned(),
        r#"{"op": "add", "path": "/data", "value": {"k": "v"}}"#.to_owned(),
        r#"{"op": "replace", "path": "/spec/replicas", "value": 7}"#.to_owned(),
        r#"{"op": "add", "path": "/spec/template/spec/containers/-", "value": {"name": "new", "image": "nginx"}}"#.to_owned(),
        r#"{"op": "add", "path": "/spec/template/spec/containers/0", "value": {"name": "first"}}"#.to_owned(),
        r#"{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "j:1"}"#.to_owned(),
        r#"{"op": "remove", "path": "/spec/template/spec/containers/1"}"#.to_owned(),
        r#"{"op": "copy", "from": "/metadata/name", "path": "/metadata/labels/n"}"#.to_owned(),
        format!(r#"{{"op": "test", "path": "/kind", "value": "{kind}"}}"#),
        r#"{"op": "move", "from": "/metadata/labels", "path": "/metadata/annotations"}"#.to_owned(),
        r#"{"op": "add", "path": "/metadata/labels/n~1m", "value": "x"}"#.to_owned(),
        r#"{"op": "add", "path": "/rules/-", "value": {"verbs": ["list"]}}"#.to_owned(),
        r#"{"op": "replace", "path": "/spec/list/0/v", "value": "text"}"#.to_owned(),
    ];
    (0..random.between(1, 2)).map(|_| all[random.below(all.len())].clone()).collect()
}

/// A JSON 6902 patch, as JSON or as YAML.
pub fn json(random: &mut Random, id: &Id) -> String {
    let operations = operations(random, id);
    match random.chance(50) {
        true => format!("[{}]", operations.join(", ")),
        false => operations.iter().map(|operation| format!("- {operation}\n")).collect(),
    }
}

/// A selector of resources, in one line.
pub fn selector(random: &mut Random, id: &Id) -> String {
    let (kind, name) = (id.kind, id.name);
    let start = &name[..1];
    match random.below(10) {
        0 | 1 => format!("{{kind: {kind}}}"),
        2 => format!("{{name: {name}}}"),
        3 => format!("{{kind: {kind}, name: \"{start}.*\"}}"),
        4 => "{labelSelector: \"app\"}".to_owned(),
        5 => "{labelSelector: \"app in (a), env!=b\"}".to_owned(),
        6 => "{annotationSelector: \"a\"}".to_owned(),
        7 => "{version: v1, group: apps}".to_owned(),
        8 => "{namespace: n1}".to_owned(),
        _ => format!("{{kind: {kind}, name: {name}}}"),
    }
}

/// An item of `patches`.
pub fn item(random: &mut Random, id: &Id) -> String {
    let options = match random.below(10) {
        0 => "  options: {allowNameChange: true}\n",
        1 => "  options: {allowKindChange: true, allowNameChange: true}\n",
        _ => "",
    };
    match random.below(100) {
        0..45 => format!("- patch: |\n{}{options}", indent(&strategic(random, id), 4)),
        45..65 => {
            let target = selector(random, id);
            let patch = indent(&strategic(random, id), 4);
            format!("- target: {target}\n  patch: |\n{patch}{options}")
        }
        _ => {
            let target = format!("{{kind: {}, name: {}}}", id.kind, id.name);
            format!("- target: {target}\n  patch: |\n{}", indent(&json(random, id), 4))
        }
    }
}
