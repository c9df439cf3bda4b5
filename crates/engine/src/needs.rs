//! The needs loop: an engine that lacks something says what, it is fetched, and the engine runs
//! again. Nothing of this is seen by the engine but the answers, so that the same answers always
//! give the same result.

use std::sync::Arc;

use trueup_model::need::{Answer, Answers, Lookup, Need, Supplied};
use trueup_model::ports::{PortError, Reader, Supply};
use trueup_model::resource::canonical_digest;
use trueup_model::{Digest, InstallationKey, Source, SourceSpec, Target};
use trueup_render::{Rendered, Renderer, Request};

/// So often a rendering may find that it needs something more: a chart, then a chart that it depends
/// on, and so on.
const ROUNDS: usize = 8;

/// Who answers.
#[derive(Clone, Copy)]
pub struct Answerers<'a> {
    /// Repositories.
    pub source: &'a dyn Source,
    /// Charts and files.
    pub supply: &'a dyn Supply,
    /// Live objects; `None` where no target is asked.
    pub target: Option<(&'a dyn Target, Reader<'a>)>,
    /// What names the content of live objects in records: some are secrets.
    pub key: &'a InstallationKey,
}

/// Renders until nothing is needed any more. [`Rendered::answers`] then holds the digest of every
/// answer.
///
/// # Errors
/// Something that is needed cannot be had.
pub async fn render(
    renderer: &Renderer,
    request: &Request<'_>,
    answerers: Answerers<'_>,
) -> Result<Rendered, PortError> {
    let mut answers = Answers::new();
    for _ in 0..ROUNDS {
        let mut rendered = renderer.render(&Request { answers: &answers, ..*request });
        if rendered.needs.is_empty() {
            let digest = |(need, supplied): (&Need, &Supplied)| (need.to_string(), supplied.digest);
            rendered.answers.extend(answers.iter().map(digest));
            return Ok(rendered);
        }
        for need in next(std::mem::take(&mut rendered.needs)) {
            let supplied = answerers.answer(&need).await?;
            answers.insert(need, supplied);
        }
    }
    Err(PortError::permanent(format!(
        "after {ROUNDS} rounds of fetching what it needs, this still needs more"
    )))
}

/// What is asked in this round. Where a URL may be a file or a repository both are needed; files are
/// asked first, and where one is there no repository is fetched in its place.
fn next(mut needs: Vec<Need>) -> Vec<Need> {
    if needs.iter().any(|need| matches!(need, Need::File { .. })) {
        needs.retain(|need| !matches!(need, Need::Repository(_)));
    }
    needs
}

impl Answerers<'_> {
    async fn answer(&self, need: &Need) -> Result<Supplied, PortError> {
        match need {
            Need::Repository(spec) => self.repository(spec).await,
            Need::Object(lookup) => self.object(lookup).await,
            Need::Chart(_) | Need::File { .. } => self.supply.supply(need).await,
        }
    }

    async fn repository(&self, spec: &SourceSpec) -> Result<Supplied, PortError> {
        let revision = match self.source.resolve(spec).await {
            Ok(revision) => revision,
            // There is no such repository or reference: the engine says what it was for.
            Err(error) if error.permanent => return Ok(Supplied::missing(404, error.message)),
            Err(error) => return Err(error),
        };
        let tree = self.source.load(spec, &revision.commit).await?;
        Ok(Supplied {
            answer: Answer::Tree(tree),
            digest: Digest::of_parts([spec.repo.as_bytes(), revision.commit.as_bytes()]),
        })
    }

    async fn object(&self, lookup: &Lookup) -> Result<Supplied, PortError> {
        let Some((target, reader)) = &self.target else {
            return Err(PortError::permanent(format!("{lookup}: no target is asked here")));
        };
        let object = target.lookup(reader, lookup).await?;
        let content = canonical_digest(&object);
        Ok(Supplied {
            answer: Answer::Object(Arc::new(object)),
            digest: Digest::from_bytes(self.key.derive("lookup", &[content.as_bytes()])),
        })
    }
}
