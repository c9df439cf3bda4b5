//! Kustomize overlays, by the engine of their own.

use std::sync::Arc;

use trueup_kustomize::{
    Answers, Built, HelmEngine, Options, Outcome, Profile, RepoSpec, Unavailable,
};
use trueup_model::app::KustomizeRender;
use trueup_model::need::{self, Answer, ChartNeed};
use trueup_model::tree::{MemoryTree, Tree};
use trueup_model::{Diagnostic, Location, Need, SourceSpec};

use crate::{Document, Rendered, Request};

/// Builds the overlay in the request's folder.
pub fn read(
    request: &Request<'_>,
    tree: &dyn Tree,
    options: &KustomizeRender,
    rendered: &mut Rendered,
) -> Vec<Document> {
    let folder = request.path;
    let diagnostics = &mut rendered.diagnostics;
    match trueup_kustomize::build(tree, folder, &engine(request, options)) {
        Ok(Outcome::Built(output)) => {
            diagnostics.extend(output.diagnostics);
            output.resources.into_iter().filter_map(|it| document(it, diagnostics)).collect()
        }
        Ok(Outcome::Needs(needs)) => {
            for need in needs {
                match asked(&need, options) {
                    Some(need) => rendered.needs.push(need),
                    None => diagnostics.push(refused(&need).at(Location::file(folder))),
                }
            }
            if diagnostics.iter().any(Diagnostic::is_error) {
                rendered.needs.clear();
            }
            Vec::new()
        }
        Err(failure) => {
            diagnostics.extend(failure.diagnostics);
            diagnostics.push(failure.error.diagnostic());
            Vec::new()
        }
    }
}

fn engine(request: &Request<'_>, options: &KustomizeRender) -> Options {
    let charts = HelmEngine {
        profile: Profile::Helm4,
        now: crate::helm::now(request),
        randomness: crate::helm::randomness(request),
    };
    Options {
        helm: options.enable_helm,
        charts: Some(Arc::new(charts)),
        answers: answers(request.answers),
        ..Options::new()
    }
}

/// A need of the engine as one that can be answered; `None` for what the App does not allow.
fn asked(need: &trueup_kustomize::Need, options: &KustomizeRender) -> Option<Need> {
    match need {
        trueup_kustomize::Need::Chart { repo, name, version, devel } => {
            Some(Need::Chart(ChartNeed {
                repository: repo.clone(),
                name: name.clone(),
                version: version.clone(),
                devel: *devel,
            }))
        }
        _ if !options.allow_remote => None,
        trueup_kustomize::Need::File { url } => Some(Need::File { url: url.clone() }),
        trueup_kustomize::Need::Repository(spec) => Some(Need::Repository(source(spec))),
    }
}

fn source(spec: &RepoSpec) -> SourceSpec {
    SourceSpec { repo: spec.clone_spec(), reference: spec.reference.clone() }
}

fn refused(need: &trueup_kustomize::Need) -> Diagnostic {
    Diagnostic::error(format!("this overlay needs {need}, which is not in the repository")).hint(
        "copy it into the repository, or allow fetching it: `render.kustomize.allowRemote: true`",
    )
}

/// The known answers in the engine's own words.
fn answers(known: &need::Answers) -> Answers {
    let mut answers = Answers::new();
    for (need, supplied) in known {
        match (need, &supplied.answer) {
            (Need::File { url }, Answer::Bytes(bytes)) => answers.file(url, Ok(bytes.clone())),
            (Need::File { url }, Answer::Missing { status, .. }) => {
                answers.file(url, Err(Unavailable::Status(*status)));
            }
            (Need::Repository(spec), Answer::Tree(tree)) => {
                answers.repository((&spec.repo, &spec.reference), Ok(tree.clone()));
            }
            (Need::Repository(spec), Answer::Missing { why, .. }) => {
                let missing = Unavailable::Other(why.clone());
                answers.repository((&spec.repo, &spec.reference), Err(missing));
            }
            (Need::Chart(chart), answer) => {
                let key = (chart.repository.clone(), chart.name.clone(), chart.version.clone());
                let tree = match answer {
                    Answer::Bytes(packed) => unpack(packed),
                    Answer::Missing { why, .. } => Err(Unavailable::Other(why.clone())),
                    _ => continue,
                };
                answers.chart(key, tree);
            }
            _ => {}
        }
    }
    answers
}

fn unpack(packed: &[u8]) -> Result<Arc<dyn Tree>, Unavailable> {
    match trueup_helm::chart::unpack(packed) {
        Ok(files) => {
            let mut tree = MemoryTree::new();
            for file in files {
                tree.insert(file.name, file.content);
            }
            Ok(Arc::new(tree))
        }
        Err(error) => Err(Unavailable::Other(error.to_string())),
    }
}

fn document(built: Built, diagnostics: &mut Vec<Diagnostic>) -> Option<Document> {
    match built.json() {
        Ok(body) => {
            let files = built.files();
            let node = Some(built.node);
            Some(Document { node, files, ..Document::new(body, built.location) })
        }
        Err(error) => {
            diagnostics.push(error.diagnostic());
            None
        }
    }
}
