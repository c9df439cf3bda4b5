//! The needs loop: what a rendering lacks is fetched, and it is rendered again.

use std::sync::Arc;

use trueup_engine::needs::{Answerers, render};
use trueup_model::need::{Answers, ChartNeed, Need};
use trueup_model::ports::{NoSupply, Supply};
use trueup_model::tree::{MemoryTree, Tree};
use trueup_model::{AppName, Capabilities, InstallationKey, app};
use trueup_render::{Renderer, Request};
use trueup_testkit::Outside;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";
const CONFIG: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata: {size: '{{ .Values.size }}'}\n";

/// A packed chart of these files.
fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar =
        tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("web/{path}"), content.as_bytes())
            .expect("a path that fits");
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes it")
}

fn need() -> Need {
    Need::Chart(ChartNeed {
        repository: "https://charts.example".to_owned(),
        name: "web".to_owned(),
        version: "^1".to_owned(),
        devel: false,
    })
}

/// The bodies of what is rendered, or what is wrong; and what the plan's inputs would say was asked.
async fn seen(
    files: &[(&str, &str)],
    options: &str,
    outside: &Outside,
    supply: &dyn Supply,
) -> (String, Vec<String>) {
    let tree: MemoryTree = files.iter().map(|(p, text)| (*p, text.as_bytes().to_vec())).collect();
    let tree: Arc<dyn Tree> = Arc::new(tree);
    let options: app::Render = serde_json::from_str(options).expect("options that are some");
    let key = InstallationKey::from_bytes([7; 32]);
    let request = Request {
        tree: &tree,
        path: "",
        options: Some(&options),
        app: &AppName::from_text("shop"),
        namespace: "default",
        installation: "simulated",
        capabilities: &Capabilities::bare("kubernetes", "cluster"),
        time: jiff::Timestamp::UNIX_EPOCH,
        key: &key,
        rotation: 0,
        today: jiff::Timestamp::UNIX_EPOCH,
        answers: &Answers::new(),
    };
    let answerers = Answerers { source: outside.source.as_ref(), supply, target: None, key: &key };
    let rendered = match render(&Renderer::new(), &request, answerers).await {
        Ok(rendered) => rendered,
        Err(error) => return (error.to_string(), Vec::new()),
    };
    let wrong = rendered.diagnostics.iter().map(ToString::to_string);
    let bodies = rendered.resources.iter().map(|resource| resource.body["data"].to_string());
    let text = wrong.chain(bodies).collect::<Vec<_>>().join("\n");
    (text, rendered.answers.into_keys().collect())
}

const BY_REPOSITORY: &str = r#"{"helm": {"chart": {"repo": "https://charts.example", "name": "web", "version": "^1"},
    "valuesFiles": ["values-prod.yaml"]}}"#;

#[tokio::test]
async fn a_chart_of_a_repository_is_fetched_and_recorded() {
    let outside = Outside::new(1);
    let chart = packed(&[("Chart.yaml", CHART), ("templates/c.yaml", CONFIG)]);
    outside.supply.put(need(), chart);
    let files = [("values-prod.yaml", "size: big")];
    let (text, asked) = seen(&files, BY_REPOSITORY, &outside, outside.supply.as_ref()).await;
    assert_eq!(text, r#"{"size":"big"}"#);
    assert_eq!(asked, ["chart web ^1 of https://charts.example"]);
    assert_eq!(outside.supply.asked(), [need()]);
}

#[tokio::test]
async fn a_dependency_that_is_not_vendored_is_fetched() {
    let outside = Outside::new(1);
    let dependency = CONFIG.replace("size", "other");
    outside.supply.put(need(), packed(&[("Chart.yaml", CHART), ("templates/c.yaml", &dependency)]));
    let chart = "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n- {name: web, version: ^1, repository: 'https://charts.example'}\n";
    let files = [("Chart.yaml", chart), ("values.yaml", "web: {other: x}")];
    let (text, asked) = seen(&files, "{}", &outside, outside.supply.as_ref()).await;
    assert_eq!(text, r#"{"other":"x"}"#);
    assert_eq!(asked.len(), 1);
    let (text, _) = seen(&files, "{}", &outside, &NoSupply).await;
    assert_eq!(text, "chart web ^1 of https://charts.example: nothing is fetched here");
}

#[tokio::test]
async fn live_objects_are_asked_for_where_the_app_allows_it_alone() {
    let outside = Outside::new(1);
    let template = CONFIG.replace(
        "{{ .Values.size }}",
        r#"{{ (lookup "v1" "Secret" "ns" "db").kind | default "none" }}"#,
    );
    let files = [("Chart.yaml", CHART), ("templates/c.yaml", template.as_str())];
    let (text, asked) = seen(&files, "{}", &outside, &NoSupply).await;
    assert_eq!((text.as_str(), asked.len()), (r#"{"size":"none"}"#, 0));
    let (text, _) = seen(&files, r#"{"helm": {"lookup": true}}"#, &outside, &NoSupply).await;
    assert_eq!(text, "live v1 Secret ns/db: no target is asked here");
}

#[tokio::test]
async fn remote_bases_are_fetched_where_the_app_allows_it_alone() {
    let outside = Outside::new(1);
    let url = "https://files.example/c.yaml";
    let base = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a: b}\n";
    outside.supply.put(Need::File { url: url.to_owned() }, base);
    let overlay = format!("resources: ['{url}']\n");
    let files = [("kustomization.yaml", overlay.as_str())];
    let allowed = r#"{"kustomize": {"allowRemote": true}}"#;
    let (text, asked) = seen(&files, allowed, &outside, outside.supply.as_ref()).await;
    assert_eq!((text.as_str(), asked.len()), (r#"{"a":"b"}"#, 1));
    let (text, _) = seen(&files, "{}", &outside, outside.supply.as_ref()).await;
    assert!(text.contains("which is not in the repository"), "{text}");
}
