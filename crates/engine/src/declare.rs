//! What Git says: from a reference to admitted resources.

use std::sync::Arc;

use tracing::Instrument as _;
use trueup_model::need::Answers;
use trueup_model::plan::Inputs;
use trueup_model::ports::{PortError, Reader};
use trueup_model::resource::{canonical_digest, set_digest};
use trueup_model::tree::reads_the_same;
use trueup_model::{Capabilities, Diagnostic, Digest, Record, Resource, Revision, SourceSpec};
use trueup_render::{CERTIFICATES, Rendered, Request};

use crate::needs::{self, Answerers};
use crate::outcome::Declaration;
use crate::{Subject, World};

/// Key in [`Inputs::answers`] of the digest of the App's own document: when it changes, that is a
/// change by a commit even where the source's commit is the same.
pub const APP_DOCUMENT: &str = "app document";

/// Key in [`Inputs::answers`] of how often everything random was drawn anew.
pub const ROTATION: &str = "rotation";

/// What Git says of an app: a commit, and what it renders to.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The commit.
    pub revision: Revision,
    /// The admitted resources.
    pub resources: Vec<Arc<Resource>>,
    /// Their digest.
    pub rendered: Digest,
    /// What else decided them.
    pub inputs: Inputs,
    /// Warnings.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether no commit since the one that was applied touches anything this was made of: if it is
    /// another result all the same, no commit made it so.
    pub untouched: bool,
}

impl Declared {
    /// In short.
    pub fn summary(&self) -> Declaration {
        Declaration {
            revision: self.revision.clone(),
            rendered: self.rendered,
            resources: self.resources.len(),
        }
    }
}

/// Why there is nothing to go by.
#[derive(Clone, Debug)]
pub struct Undeclared {
    /// Why, in a sentence.
    pub why: String,
    /// Whether trying again without a change is pointless.
    pub permanent: bool,
    /// The commit, if it came that far.
    pub revision: Option<Revision>,
    /// What is wrong with its files.
    pub diagnostics: Vec<Diagnostic>,
}

impl From<PortError> for Undeclared {
    fn from(error: PortError) -> Self {
        Self {
            why: error.message,
            permanent: error.permanent,
            revision: None,
            diagnostics: Vec::new(),
        }
    }
}

/// Reads what Git says of an app.
pub async fn declare(
    app: &Subject,
    world: &World,
    capabilities: &Capabilities,
    record: &Record,
) -> Result<Declared, Undeclared> {
    let spec = wanted(app);
    let mut revision = world.source.resolve(&spec).await?;
    follow(app, world, record, &mut revision).await?;
    let tree = world.source.load(&spec, &revision.commit).await?;
    let answers = Answers::new();
    let request = Request {
        tree: &tree,
        path: &app.declaration.path,
        options: app.spec().render.as_ref(),
        app: &app.name,
        namespace: namespace(app),
        installation: &world.installation,
        capabilities,
        time: revision.time,
        key: &world.key,
        rotation: record.rotation,
        today: world.clock.now(),
        answers: &answers,
    };
    let rendered = needs::render(&world.renderer, &request, answerers(app, world))
        .instrument(tracing::info_span!("render"))
        .await
        .map_err(|error| Undeclared { revision: Some(revision.clone()), ..error.into() })?;
    let inputs = inputs(app, capabilities, record, &rendered);
    let untouched = untouched(app, world, record, &revision, &inputs, &rendered).await;
    finish(record, revision, rendered, inputs, untouched)
}

/// Whether everything that was read now was the same in the commit that was applied. Where nothing
/// else decides what is rendered than did then, it was a commit that changed it.
async fn untouched(
    app: &Subject,
    world: &World,
    record: &Record,
    revision: &Revision,
    inputs: &Inputs,
    rendered: &Rendered,
) -> bool {
    let Some(applied) = &record.applied else { return false };
    if applied.revision.commit == revision.commit {
        return true;
    }
    if applied.inputs == *inputs || rendered.read_time {
        return false;
    }
    let before = world.source.load(app.source(), &applied.revision.commit).await;
    before.is_ok_and(|tree| reads_the_same(tree.as_ref(), &rendered.reads))
}

fn digest(rendered: &Rendered) -> Digest {
    set_digest(rendered.resources.iter().map(AsRef::as_ref))
}

fn answerers<'a>(app: &'a Subject, world: &'a World) -> Answerers<'a> {
    let kubernetes = app.spec().target.as_ref().and_then(|target| target.kubernetes.as_ref());
    let account = kubernetes.and_then(|target| target.service_account.as_deref());
    let reader = Reader { namespace: namespace(app), service_account: account };
    Answerers {
        source: world.source.as_ref(),
        supply: world.supply.as_ref(),
        target: Some((world.target.as_ref(), reader)),
        key: &world.key,
    }
}

fn wanted(app: &Subject) -> SourceSpec {
    let reference = app.revision.clone().unwrap_or_else(|| app.source().reference.clone());
    SourceSpec { repo: app.source().repo.clone(), reference }
}

/// The namespace of objects that name none.
pub fn namespace(app: &Subject) -> &str {
    let kubernetes = app.spec().target.as_ref().and_then(|target| target.kubernetes.as_ref());
    kubernetes.and_then(|target| target.namespace.as_deref()).unwrap_or("default")
}

/// A branch only moves forward: where its history was rewritten a person must look, except in a
/// repository on this machine, whose owner just amended.
async fn follow(
    app: &Subject,
    world: &World,
    record: &Record,
    revision: &mut Revision,
) -> Result<(), Undeclared> {
    let Some(followed) = &record.followed else { return Ok(()) };
    let same = followed.repo == app.source().repo && followed.reference == app.source().reference;
    if !same || app.revision.is_some() || !revision.reference.starts_with("refs/heads/") {
        return Ok(());
    }
    let spec = wanted(app);
    if world.source.descends(&spec, &followed.commit, &revision.commit).await? {
        return Ok(());
    }
    let before = followed.commit.get(..7).unwrap_or(&followed.commit);
    if is_local(&app.source().repo) {
        revision.notes.push(format!("history was rewritten: {before} is not an ancestor any more"));
        return Ok(());
    }
    Err(Undeclared {
        why: format!(
            "the history of {} was rewritten: {before}, which was applied, is not an ancestor of {}; nothing of it is applied (`trueup accept {}` follows it)",
            revision.reference,
            revision.short(),
            app.name
        ),
        permanent: true,
        revision: Some(revision.clone()),
        diagnostics: Vec::new(),
    })
}

fn is_local(repo: &str) -> bool {
    repo.starts_with("file://") || !(repo.contains("://") || repo.contains('@'))
}

/// What else than the commit decides what is rendered.
fn inputs(
    app: &Subject,
    capabilities: &Capabilities,
    record: &Record,
    rendered: &Rendered,
) -> Inputs {
    let mut answers = rendered.answers.clone();
    let document = (&app.spec().render, &app.source().repo, &app.declaration.path, namespace(app));
    answers.insert(APP_DOCUMENT.to_owned(), digest_of(&document));
    if record.rotation > 0 {
        answers.insert(ROTATION.to_owned(), digest_of(&record.rotation));
    }
    Inputs {
        engine: env!("CARGO_PKG_VERSION").to_owned(),
        capabilities: rendered.read_capabilities.then(|| digest_of(capabilities)),
        answers,
    }
}

fn finish(
    record: &Record,
    mut revision: Revision,
    rendered: Rendered,
    inputs: Inputs,
    untouched: bool,
) -> Result<Declared, Undeclared> {
    if let Some(error) = rendered.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
        let errors = rendered.diagnostics.iter().filter(|diagnostic| diagnostic.is_error()).count();
        let more =
            if errors > 1 { format!(" (and {} more errors)", errors - 1) } else { String::new() };
        return Err(Undeclared {
            why: format!("{error}{more}"),
            permanent: true,
            revision: Some(revision),
            diagnostics: rendered.diagnostics,
        });
    }
    if renews_certificates(record, &inputs) {
        let note = "certificates that templates made are in the last third of their life and are drawn anew";
        revision.notes.push(note.to_owned());
    }
    Ok(Declared {
        rendered: digest(&rendered),
        resources: rendered.resources,
        inputs,
        revision,
        diagnostics: rendered.diagnostics,
        untouched,
    })
}

/// Whether certificates that were applied are due.
fn renews_certificates(record: &Record, inputs: &Inputs) -> bool {
    let Some(applied) = &record.applied else { return false };
    match (applied.inputs.answers.get(CERTIFICATES), inputs.answers.get(CERTIFICATES)) {
        (Some(before), Some(now)) => before != now,
        _ => false,
    }
}

fn digest_of(value: &impl serde::Serialize) -> Digest {
    canonical_digest(&serde_json::to_value(value).unwrap_or_default())
}
