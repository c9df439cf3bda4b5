//! A root folder → the apps it declares.

use std::collections::{BTreeMap, BTreeSet};

use trueup_engine::Subject;
use trueup_model::record::Declaration;
use trueup_model::tree::{Tree, join};
use trueup_model::{AppName, AppSpec, Diagnostic, SourceSpec};
use trueup_render::app_sets::{self, Answers, Need, Surroundings};
use trueup_render::apps::{self, AppDocument};

use crate::Root;

/// What a root declares.
#[derive(Clone, Debug, Default)]
pub struct Discovered {
    /// The apps.
    pub subjects: Vec<Subject>,
    /// What is wrong with its `App` documents.
    pub diagnostics: Vec<Diagnostic>,
    /// What its AppSets need first: while there is something, the rest is not complete.
    pub needs: BTreeSet<Need>,
    /// Whether there is no `App` document, so that the folder itself is the app.
    pub is_itself: bool,
}

/// The apps that the root's folder declares at one commit: each of its `App` documents and what its
/// `AppSet` documents yield, or, where there is none, the folder itself.
pub fn discover(root: &Root, tree: &dyn Tree, answers: &Answers) -> Discovered {
    let declared = apps::find(tree, &root.path);
    if declared.is_empty() {
        let subjects = vec![itself(root)];
        return Discovered { subjects, is_itself: true, ..Discovered::default() };
    }
    let mut found = Discovered { diagnostics: declared.diagnostics, ..Discovered::default() };
    let mut documents = declared.apps;
    let surroundings = Surroundings { source: &root.source, tree, answers };
    for set in &declared.sets {
        let yielded = app_sets::expand(set, &surroundings);
        found.needs.extend(yielded.needs);
        found.diagnostics.extend(yielded.diagnostics);
        for document in yielded.apps {
            match documents.iter().find(|other| other.app.name() == document.app.name()) {
                Some(other) => found.diagnostics.push(twice(&document, other)),
                None => documents.push(document),
            }
        }
    }
    found.subjects = documents.into_iter().map(|document| subject(root, document)).collect();
    found
}

fn twice(document: &AppDocument, other: &AppDocument) -> Diagnostic {
    let name = document.app.name();
    Diagnostic::error(format!("this AppSet yields an App {name}, which is declared already"))
        .at(document.at.clone())
        .hint(format!("the other one stands at {}", other.at))
}

/// The folder itself as an app.
pub fn itself(root: &Root) -> Subject {
    let name = root.name.clone().unwrap_or_else(|| default_name(&root.source, &root.path));
    let mut spec = AppSpec::default();
    fill_in_cluster(&mut spec, root, &root.target);
    let declaration = Declaration {
        spec,
        source: root.source.clone(),
        path: root.path.clone(),
        target: root.target.clone(),
        labels: BTreeMap::new(),
        root: root.title(),
        set: None,
    };
    Subject::new(name, declaration)
}

/// An App with every default filled in that depends on where it stands.
pub fn subject(root: &Root, document: AppDocument) -> Subject {
    let mut spec = document.app.spec.clone();
    let given = spec.source.clone().unwrap_or_default();
    let elsewhere = given.repo.is_some();
    let source = SourceSpec {
        repo: given.repo.unwrap_or_else(|| root.source.repo.clone()),
        reference: given.reference.unwrap_or_else(|| {
            if elsewhere { String::new() } else { root.source.reference.clone() }
        }),
    };
    let own = if elsewhere { String::new() } else { document.folder };
    let path = match given.path {
        Some(path) => join("", &path).unwrap_or(path),
        None => own,
    };
    let target = match &spec.target {
        Some(target) if target.kubernetes.is_some() => "kubernetes".to_owned(),
        Some(target) if target.host.is_some() => "host".to_owned(),
        _ => root.target.clone(),
    };
    fill_in_cluster(&mut spec, root, &target);
    let name = document.app.name().clone();
    let labels = document.app.metadata.labels.clone();
    let (root, set) = (root.title(), document.set);
    Subject::new(name, Declaration { spec, source, path, target, labels, root, set })
}

/// An app on Kubernetes lives where its document says, else where the root does.
fn fill_in_cluster(spec: &mut AppSpec, root: &Root, target: &str) {
    if target != "kubernetes" || root.kubernetes == Default::default() {
        return;
    }
    let given = spec.target.get_or_insert_default().kubernetes.get_or_insert_default();
    if given.cluster.is_none() {
        given.cluster.clone_from(&root.kubernetes.cluster);
    }
    if given.namespace.is_none() {
        given.namespace.clone_from(&root.kubernetes.namespace);
    }
}

/// An app without a document is named by the last parts of repository and path.
fn default_name(source: &SourceSpec, path: &str) -> AppName {
    let last = |text: &str| {
        let text = text.trim_end_matches('/').trim_end_matches(".git").trim_end_matches('/');
        text.rsplit(['/', ':']).next().unwrap_or(text).to_owned()
    };
    let repo = last(&source.repo);
    let text = if path.is_empty() { repo } else { format!("{repo}-{}", last(path)) };
    AppName::from_text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::tree::MemoryTree;

    fn root(path: &str) -> Root {
        Root {
            source: SourceSpec {
                repo: "https://git.example.com/web/shop.git".into(),
                reference: "main".into(),
            },
            path: path.into(),
            target: "host".into(),
            kubernetes: Default::default(),
            name: None,
        }
    }

    #[test]
    fn a_folder_without_documents_is_an_app() {
        let tree: MemoryTree = [("deploy/prod/a.yaml", "kind: X\n")].into_iter().collect();
        let found = discover(&root("deploy/prod"), &tree, &Answers::default());
        assert_eq!(found.subjects[0].name.as_str(), "shop-prod");
        assert_eq!(
            discover(&root(""), &tree, &Answers::default()).subjects[0].name.as_str(),
            "shop"
        );
    }

    #[test]
    fn apps_on_kubernetes_live_where_the_root_does() {
        let mut root = root("");
        root.target = "kubernetes".into();
        root.kubernetes.namespace = Some("shop".into());
        let app = "apiVersion: trueup.dev/v1\nkind: App\nmetadata: {name: ";
        let files = [
            ("a.yaml", format!("{app}a}}\n")),
            ("b.yaml", format!("{app}b}}\nspec: {{target: {{kubernetes: {{namespace: own}}}}}}\n")),
            ("c.yaml", format!("{app}c}}\nspec: {{target: {{host: {{}}}}}}\n")),
        ];
        let tree: MemoryTree = files.into_iter().collect();
        let namespaces: Vec<Option<String>> = discover(&root, &tree, &Answers::default())
            .subjects
            .iter()
            .map(|s| s.spec().target.clone()?.kubernetes?.namespace)
            .collect();
        assert_eq!(namespaces, [Some("shop".to_owned()), Some("own".to_owned()), None]);
    }

    #[test]
    fn documents_are_apps_with_their_defaults_filled_in() {
        let app = "apiVersion: trueup.dev/v1\nkind: App\nmetadata: {name: ";
        let files = [
            ("apps/here/app.yaml", format!("{app}here}}\n")),
            ("apps/there.yaml", format!("{app}there}}\nspec: {{source: {{repo: /srv/other}}}}\n")),
        ];
        let tree: MemoryTree = files.into_iter().collect();
        let found = discover(&root("apps"), &tree, &Answers::default());
        assert!(found.diagnostics.is_empty(), "{:?}", found.diagnostics);
        let [here, there] = found.subjects.as_slice() else { panic!("{:?}", found.subjects) };
        assert_eq!(
            (here.declaration.path.as_str(), here.source().reference.as_str()),
            ("apps/here", "main")
        );
        assert_eq!(
            (there.declaration.path.as_str(), there.source().repo.as_str()),
            ("", "/srv/other")
        );
    }
}
