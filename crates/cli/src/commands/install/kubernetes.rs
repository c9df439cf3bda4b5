//! What `trueup install --kubernetes` prints: the chart in `deploy/chart`, which is a part of this
//! binary, rendered by our own engine. So it and `helm install` cannot differ.

use std::sync::Arc;

use serde_json::json;
use trueup_controller::Root;
use trueup_gotemplate::Timestamp;
use trueup_helm::chart::Chart;
use trueup_helm::template::{Arguments, Surroundings, template};
use trueup_helm::{Profile, Randomness};
use trueup_model::tree::MemoryTree;

use crate::error::CliError;

/// The files of the chart, apart from [`DEFINITION`], which is made from the types.
const CHART: &[(&str, &str)] = &[
    ("Chart.yaml", include_str!("../../../../../deploy/chart/Chart.yaml")),
    ("values.yaml", include_str!("../../../../../deploy/chart/values.yaml")),
    ("templates/_helpers.tpl", include_str!("../../../../../deploy/chart/templates/_helpers.tpl")),
    (
        "templates/configmap.yaml",
        include_str!("../../../../../deploy/chart/templates/configmap.yaml"),
    ),
    (
        "templates/deployment.yaml",
        include_str!("../../../../../deploy/chart/templates/deployment.yaml"),
    ),
    (
        "templates/flowschema.yaml",
        include_str!("../../../../../deploy/chart/templates/flowschema.yaml"),
    ),
    (
        "templates/namespace.yaml",
        include_str!("../../../../../deploy/chart/templates/namespace.yaml"),
    ),
    (
        "templates/networkpolicy.yaml",
        include_str!("../../../../../deploy/chart/templates/networkpolicy.yaml"),
    ),
    ("templates/pvc.yaml", include_str!("../../../../../deploy/chart/templates/pvc.yaml")),
    ("templates/rbac.yaml", include_str!("../../../../../deploy/chart/templates/rbac.yaml")),
    ("templates/service.yaml", include_str!("../../../../../deploy/chart/templates/service.yaml")),
    (
        "templates/serviceaccount.yaml",
        include_str!("../../../../../deploy/chart/templates/serviceaccount.yaml"),
    ),
];
/// The file that defines App: also in `deploy/chart`, for helm.
const DEFINITION: &str = "templates/crd.yaml";
/// The name of the release, and so of what it is made of.
const RELEASE: &str = "trueup";
/// Where the controller lives if nothing else is said.
const NAMESPACE: &str = "trueup-system";

/// What may be said of an installation in a cluster.
#[derive(clap::Args)]
#[group(id = "chart")]
pub struct Options {
    /// Namespace of the controller [default: trueup-system]
    #[arg(long, value_name = "NAME", requires = "kubernetes")]
    system: Option<String>,
    /// Values of the chart, from a file (- for standard input); may be repeated
    #[arg(long, value_name = "FILE", requires = "kubernetes")]
    values: Vec<String>,
    /// One value of the chart, as helm's --set; may be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "kubernetes")]
    set: Vec<String>,
}

/// The documents to apply.
pub fn documents(root: &Root, options: &Options) -> Result<Vec<u8>, CliError> {
    let arguments = arguments(root, options);
    let arguments =
        Arguments::parse(&arguments).map_err(|error| CliError::new(error.to_string()))?;
    let mut surroundings = Surroundings {
        load: &mut |_| chart(),
        read: &mut super::super::helm::read,
        post_render: &mut |_| Err("no program is run here".to_owned()),
        now: Timestamp { seconds: 0, nanoseconds: 0 },
        // The chart draws nothing.
        randomness: Randomness::new([0; 32], "install"),
    };
    let output = template(&arguments, &mut surroundings);
    if output.failed {
        return Err(CliError::new(output.stderr.trim().trim_start_matches("Error: ")));
    }
    Ok(output.stdout)
}

fn chart() -> Result<Arc<Chart>, String> {
    let definition = definition();
    let files = CHART.iter().copied().chain([(DEFINITION, definition.as_str())]);
    let tree: MemoryTree = files.collect();
    Chart::load(&tree, "", Profile::default()).map(Arc::new).map_err(|error| error.to_string())
}

/// App's definition as a template: kept when the release goes, for with it would go all Apps.
fn definition() -> String {
    let mut definition = crate::commands::schema::definition();
    definition["metadata"]["annotations"] = json!({ "helm.sh/resource-policy": "keep" });
    let text = serde_json::to_string_pretty(&definition).unwrap_or_default();
    format!(
        "# Made from the types: TRUEUP_REGENERATE=1 cargo test -p trueup-cli definition\n{}\n",
        text.replace("{{", "{{ \"{{\" }}")
    )
}

/// As for `helm template`. What the command line says of the root wins.
fn arguments(root: &Root, options: &Options) -> Vec<String> {
    let namespace = options.system.clone().unwrap_or_else(|| NAMESPACE.to_owned());
    let mut arguments =
        vec![RELEASE.to_owned(), "chart".to_owned(), "--namespace".to_owned(), namespace];
    for file in &options.values {
        arguments.extend(["--values".to_owned(), file.clone()]);
    }
    for value in &options.set {
        arguments.extend(["--set".to_owned(), value.clone()]);
    }
    let target = &root.kubernetes.namespace;
    let root = [
        ("root.repo", root.source.repo.as_str()),
        ("root.ref", root.source.reference.as_str()),
        ("root.path", root.path.as_str()),
        ("root.namespace", target.as_deref().unwrap_or_default()),
    ];
    for (name, value) in root.into_iter().filter(|(_, value)| !value.is_empty()) {
        // Applied after every other value, and taken as it stands.
        arguments.extend(["--set-literal".to_owned(), format!("{name}={value}")]);
    }
    arguments.extend(["--set".to_owned(), "createNamespace=true".to_owned()]);
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use trueup_model::SourceSpec;
    use trueup_model::app::KubernetesTarget;

    fn folder() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/chart")
    }

    fn root(path: &str) -> Root {
        Root {
            source: SourceSpec {
                repo: "https://git.example.com/fleet.git".to_owned(),
                reference: "main".to_owned(),
            },
            path: path.to_owned(),
            target: "kubernetes".to_owned(),
            kubernetes: KubernetesTarget::default(),
            name: None,
        }
    }

    fn printed(root: &Root, set: &[&str]) -> String {
        let set = set.iter().map(|value| (*value).to_owned()).collect();
        let options = Options { system: None, values: Vec::new(), set };
        String::from_utf8(documents(root, &options).unwrap()).unwrap()
    }

    #[test]
    fn every_file_of_the_chart_is_a_part_of_the_binary() {
        let mut there = Vec::new();
        for (folder, prefix) in [(folder(), ""), (folder().join("templates"), "templates/")] {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.path().is_file() {
                    there.push(format!("{prefix}{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        there.retain(|name| name != ".helmignore");
        there.sort();
        let mut embedded: Vec<&str> = CHART.iter().map(|(name, _)| *name).collect();
        embedded.push(DEFINITION);
        embedded.sort_unstable();
        assert_eq!(there, embedded);
    }

    #[test]
    fn the_definition_is_that_of_the_types() {
        let file = folder().join(DEFINITION);
        if std::env::var_os("TRUEUP_REGENERATE").is_some() {
            std::fs::write(&file, definition()).unwrap();
        }
        let there = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == definition(),
            "deploy/chart/{DEFINITION} is not that of the types: write it anew with TRUEUP_REGENERATE=1"
        );
    }

    #[test]
    fn nothing_is_granted_that_was_not_asked_for() {
        let text = printed(&root(""), &[]);
        assert!(!text.contains("cluster-admin") && !text.contains("impersonate"), "{text}");
        let text =
            printed(&root(""), &["rbac.namespaces={shop}", "rbac.impersonate={shop/deployer}"]);
        assert!(text.contains("namespace: shop") && text.contains("resourceNames: [deployer]"));
        let text = printed(&root(""), &["rbac.clusterAdmin=true"]);
        assert!(text.contains("name: cluster-admin"));
    }

    #[test]
    fn several_controllers_need_one_ledger_and_one_key() {
        let set = vec!["replicas=2".to_owned()];
        let options = Options { system: None, values: Vec::new(), set };
        let error = documents(&root(""), &options).unwrap_err().to_string();
        assert!(error.contains("one ledger"), "{error}");
        let shared = [
            "replicas=2",
            "installationKey=key",
            "config.share.name=trueup",
            "config.ledger.url=postgres://ledger/trueup",
        ];
        let text = printed(&root(""), &shared);
        assert!(!text.contains("kind: PersistentVolumeClaim"), "{text}");
        assert!(text.contains("subPath: installation.key") && text.contains("secretName: key"));
    }

    #[test]
    fn the_root_is_what_the_command_line_says() {
        let text = printed(&root("clusters/prod"), &["root.path=other", "storage.size=5Gi"]);
        assert!(text.contains("- \"https://git.example.com/fleet.git\""), "{text}");
        assert!(text.contains("- \"--path=clusters/prod\""), "{text}");
        assert!(text.contains("storage: 5Gi") && text.contains("kind: Namespace"));
    }
}
