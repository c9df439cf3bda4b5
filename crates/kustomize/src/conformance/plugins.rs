use serde_json::Value;
use trueup_model::tree::MemoryTree;

use super::{documents, run, text};
use crate::build::{Options, Outcome, Reorder, build};

/// In a build the subjects of the role binding follow the service account into its new namespace.
const KNOWN: [&str; 1] = [
    "plugin_builtin_namespacetransformer_NamespaceTransformer_test.go__TestNamespaceTransformer1__001",
];

#[test]
fn transformer() {
    run("transformer", &KNOWN, |case| {
        let kustomization = "resources: [input.yaml]\ntransformers: [plugin.yaml]\n";
        Some(check(case, kustomization, text(case, "config")))
    });
}

#[test]
fn generator() {
    run("generator", &[], |case| {
        // There is nothing to be merged into, and the name is to stay as it is.
        let config = text(case, "config").replace("behavior: merge\n", "");
        let config = format!("{config}options: {{disableNameSuffixHash: true}}\n");
        Some(check(case, "generators: [plugin.yaml]\n", &config))
    });
}

/// A plugin's case as a kustomization that has nothing else.
fn check(case: &Value, kustomization: &str, config: &str) -> Result<(), String> {
    let mut tree = MemoryTree::new();
    let mut folder = "root";
    for (path, content) in case["files"].as_object().into_iter().flatten() {
        let path = path.trim_start_matches('/');
        let content = content.as_str().unwrap_or_default();
        match path.split_once('/') {
            Some((parent, _)) => {
                folder = parent;
                tree.insert(path, content.as_bytes());
            }
            None => tree.insert(format!("root/{path}"), content.as_bytes()),
        }
    }
    for (name, content) in [
        ("kustomization.yaml", kustomization),
        ("input.yaml", text(case, "input")),
        ("plugin.yaml", config),
    ] {
        tree.insert(format!("{folder}/{name}"), content.as_bytes());
    }
    let options = Options { reorder: Reorder::None, ..Options::new() };
    let actual = match build(&tree, folder, &options) {
        Ok(Outcome::Built(output)) => output.yaml().map_err(|error| error.chain()),
        Ok(Outcome::Needs(needs)) => Err(format!("needs {needs:?}")),
        Err(failure) => Err(failure.error.chain()),
    };
    match (actual, case.get("error").and_then(Value::as_str)) {
        (Ok(actual), None) => same_resources(&actual, text(case, "output")),
        (Err(actual), Some(expected)) if same_error(&actual, expected) => Ok(()),
        (actual, expected) => Err(format!("expected {expected:?}, got {actual:?}")),
    }
}

/// The original's output still has the annotations that a build takes away in the end.
fn same_resources(actual: &str, expected: &str) -> Result<(), String> {
    let mut expected = documents(expected);
    for resource in &mut expected {
        let mut annotations = crate::metadata::annotations(resource);
        annotations.retain(|name, _| !name.starts_with("internal.config.kubernetes.io/"));
        crate::metadata::set_annotations(resource, &annotations);
    }
    let expected = crate::output::yaml(expected.iter()).map_err(|error| error.chain())?;
    if actual == expected {
        return Ok(());
    }
    Err(format!("expected {expected:?}, got {actual:?}"))
}

/// In a build, the error has more around it; and the original's tests ran on files in memory, which
/// it words its own way.
fn same_error(actual: &str, expected: &str) -> bool {
    let expected = expected.trim();
    match expected.strip_suffix(" doesn't exist").and_then(|start| start.rsplit_once('\'')) {
        Some((start, _)) => {
            let (start, _) = start.rsplit_once('\'').unwrap_or_default();
            actual.contains(start) && actual.contains("no such file or directory")
        }
        None => actual.trim().ends_with(expected),
    }
}
