use super::*;
use crate::apps;
use trueup_model::app_set::ForgeKind;
use trueup_model::tree::MemoryTree;

fn source() -> SourceSpec {
    SourceSpec { repo: "r".to_owned(), reference: "main".to_owned() }
}

/// An AppSet in line 1 of `sets/set.yaml`.
fn document(generators: &str, template: &str) -> String {
    format!(
        "apiVersion: trueup.dev/v1\nkind: AppSet\nmetadata: {{name: set}}\nspec:\n  generators: {generators}\n  template: {template}\n"
    )
}

fn expand_in(files: &[(&str, &str)], generators: &str, template: &str, answers: &Answers) -> Yield {
    let text = document(generators, template);
    let mut tree: MemoryTree = files.iter().copied().collect();
    tree.insert("sets/set.yaml", text.into_bytes());
    let declared = apps::find(&tree, "sets");
    assert!(declared.diagnostics.is_empty(), "{:?}", declared.diagnostics);
    let surroundings = Surroundings { source: &source(), tree: &tree, answers };
    expand(&declared.sets[0], &surroundings)
}

/// Names of the apps, each with its source's path.
fn apps_of(yielded: &Yield) -> Vec<String> {
    let one = |app: &AppDocument| {
        let path = app.app.spec.source.as_ref().and_then(|source| source.path.clone());
        format!("{} {}", app.app.name(), path.unwrap_or_default())
    };
    yielded.apps.iter().map(one).collect()
}

fn check(files: &[(&str, &str)], generators: &str, template: &str, expected: &[&str]) {
    let yielded = expand_in(files, generators, template, &Answers::default());
    assert!(yielded.diagnostics.is_empty(), "{:#?}", yielded.diagnostics);
    assert_eq!(apps_of(&yielded), expected, "{generators}");
}

fn check_wrong(generators: &str, template: &str, expected: &str) {
    let files = [("apps/a/f.yaml", "x"), ("bad.yaml", "- 1\n")];
    let yielded = expand_in(&files, generators, template, &Answers::default());
    let said: Vec<String> = yielded.diagnostics.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|text| text.contains(expected)), "{expected}: {said:#?}");
    assert!(yielded.apps.is_empty());
}

const BY_NAME: &str = "{metadata: {name: 'a-{{ .name }}'}}";
const BY_PATH: &str =
    "{metadata: {name: '{{ .path.basename }}'}, spec: {source: {path: '{{ .path.path }}'}}}";

#[test]
fn lists_folders_and_files() {
    check(&[], "[{list: {elements: [{name: x}, {name: z}]}}]", BY_NAME, &["a-x ", "a-z "]);
    let files = [
        ("apps/one/f.yaml", "1"),
        ("apps/two/deep/f.yaml", "1"),
        ("apps/skip/f.yaml", "1"),
        ("apps/.hidden/f.yaml", "1"),
        ("other/x/f.yaml", "1"),
    ];
    check(
        &files,
        "[{folders: {include: ['apps/*'], exclude: ['apps/skip']}}]",
        BY_PATH,
        &["one apps/one", "two apps/two"],
    );
    check(&files, "[{folders: {include: ['**/deep']}}]", BY_PATH, &["deep apps/two/deep"]);
    let files = [
        ("clusters/eu/config.yaml", "name: eu\nreplicas: 3\n"),
        ("clusters/us/config.json", "[{\"name\": \"us1\"}, {\"name\": \"us2\"}]"),
    ];
    check(
        &files,
        "[{files: {include: ['clusters/*/config.*']}}]",
        "{metadata: {name: '{{ .name }}-{{ .path.basename }}'}}",
        &["eu-eu ", "us1-us ", "us2-us "],
    );
}

#[test]
fn a_field_alone_keeps_its_type() {
    let template = "{metadata: {name: '{{ .name }}'}, spec: {policy: {retry: {limit: '{{ .tries }}'}}, render: {helm: {values: '{{ .values }}'}}}}";
    let generators = "[{list: {elements: [{name: x, tries: 7, values: {replicas: 3}}]}}]";
    let yielded = expand_in(&[], generators, template, &Answers::default());
    let spec = &yielded.apps.first().expect("there is an app").app.spec;
    assert_eq!(spec.policy.retry.limit, 7);
    let helm = spec.render.as_ref().and_then(|render| render.helm.as_ref());
    let values = helm.and_then(|helm| helm.values.as_ref());
    assert_eq!(values.and_then(|values| values.get("replicas")), Some(&3.into()));
}

#[test]
fn a_matrix_combines_and_fills_in() {
    let files =
        [("envs/dev/apps.yaml", "- {app: a}\n- {app: b}\n"), ("envs/prod/apps.yaml", "app: a\n")];
    check(
        &files,
        "[{matrix: {generators: [{list: {elements: [{env: dev}, {env: prod}]}}, {files: {include: ['envs/{{ .env }}/apps.yaml']}}]}}]",
        "{metadata: {name: '{{ .env }}-{{ .app }}'}}",
        &["dev-a ", "dev-b ", "prod-a "],
    );
}

#[test]
fn a_merge_overrides() {
    check(
        &[],
        "[{merge: {by: [name], generators: [{list: {elements: [{name: x, at: {a: 1, b: 1}}, {name: v, at: {a: 1, b: 1}}]}}, {list: {elements: [{name: v, at: {b: 2}}, {name: z}]}}]}}]",
        "{metadata: {name: '{{ .name }}-{{ .at.a }}-{{ .at.b }}'}}",
        &["x-1-1 ", "v-1-2 "],
    );
}

#[test]
fn what_is_needed_is_said_and_used_when_it_is_there() {
    let generators = "[{clusters: {labels: {env: prod}}}, {pullRequests: {github: {repository: o/r}, labels: [preview]}}, {folders: {repo: other, include: ['*']}}]";
    let template = "{metadata: {name: '{{ or .name .branchNormalized .path.basename }}'}}";
    let template_for_all = "{metadata: {name: '{{ if hasKey . \"path\" }}{{ .path.basename }}{{ else if hasKey . \"name\" }}{{ .name }}{{ else }}{{ .branchNormalized }}-{{ .number }}{{ end }}'}}";
    let yielded = expand_in(&[], generators, template, &Answers::default());
    assert_eq!(yielded.needs.len(), 3, "{:?}", yielded.needs);
    let query = PullRequestQuery {
        forge: ForgeKind::Github,
        api: "https://api.github.com".to_owned(),
        repository: "o/r".to_owned(),
    };
    assert!(yielded.needs.contains(&Need::PullRequests(query.clone())));
    let pull = |number: u64, label: &str| PullRequest {
        number,
        branch: "feature/Nice One".to_owned(),
        labels: vec![label.to_owned()],
        ..PullRequest::default()
    };
    let cluster = |name: &str, env: &str| Cluster {
        name: name.to_owned(),
        labels: [("env".to_owned(), env.to_owned())].into(),
        ..Cluster::default()
    };
    let tree: MemoryTree = [("folder/f", "1")].into_iter().collect();
    let spec = SourceSpec { repo: "other".to_owned(), reference: String::new() };
    let answers = Answers {
        trees: [(spec, Arc::new(tree) as Arc<dyn Tree>)].into(),
        clusters: Some(vec![cluster("eu", "prod"), cluster("lab", "test")]),
        pull_requests: [(query, vec![pull(1_000_000, "preview"), pull(2, "other")])].into(),
    };
    let yielded = expand_in(&[], generators, template_for_all, &answers);
    assert!(yielded.needs.is_empty() && yielded.diagnostics.is_empty(), "{yielded:?}");
    assert_eq!(apps_of(&yielded), ["eu ", "feature-nice-one-1000000 ", "folder "]);
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let two = "[{list: {elements: [{name: x}, {name: x}]}}]";
    check_wrong(two, BY_NAME, "two of its apps are called a-x");
    check_wrong(two, BY_NAME, "sets/set.yaml:6");
    let one = "[{list: {elements: [{name: x}]}}]";
    check_wrong(one, "{metadata: {name: '{{ .nme }}'}}", "nme");
    check_wrong(one, "{metadata: {name: '{{ .name '}}", "sets/set.yaml:6");
    check_wrong(one, "{metadata: {name: '{{ now }}'}}", "time or chance");
    check_wrong(one, "{metadata: {name: 'A {{ .name }}'}}", "lower-case letters");
    check_wrong(one, "{metadata: {name: x}, spec: {sorce: {}}}", "did you mean `source`?");
    check_wrong("[]", BY_NAME, "at least one generator");
    check_wrong("[{}]", BY_NAME, "exactly one of");
    check_wrong("[{folders: {include: ['a[']}}]", BY_PATH, "is not a glob");
    check_wrong("[{files: {include: ['bad.yaml']}}]", BY_NAME, "bad.yaml: parameters are maps");
    check_wrong("[{pullRequests: {}}]", BY_NAME, "exactly one of github");
    check_wrong("[{pullRequests: {gitea: {repository: o/r}}}]", BY_NAME, "gitea.api");
    check_wrong("[{pullRequests: {github: {repository: '../x'}}}]", BY_NAME, "owner/name");
    check_wrong("[{matrix: {generators: []}}]", BY_NAME, "two generators or more");
    check_wrong(
        "[{merge: {by: [name], generators: [{list: {elements: [{name: a}, {name: a}]}}, {list: {elements: []}}]}}]",
        BY_NAME,
        "twice",
    );
    check_wrong(
        one,
        "{metadata: {name: '{{ range $i, $e := untilStep 0 100000000 1 }}x{{ end }}'}}",
        "too",
    );
}
