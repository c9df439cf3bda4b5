//! Rendering with no target: for commands that only read Git.

use std::sync::Arc;

use trueup_engine::Subject;
use trueup_engine::needs::{self, Answerers};
use trueup_fetch::Fetcher;
use trueup_git::GitSource;
use trueup_model::need::Answers;
use trueup_model::tree::Tree;
use trueup_model::{Capabilities, InstallationKey, Resource, Revision};
use trueup_render::{Renderer, Request};

use crate::Global;
use crate::error::CliError;
use crate::state;

/// What rendering needs: repositories, and charts that are fetched.
pub struct Offline {
    /// The repositories.
    pub source: GitSource,
    supply: Fetcher,
}

impl Offline {
    /// With the credentials of the configuration.
    pub fn new(global: &Global) -> Result<Self, CliError> {
        Ok(Self { source: state::scratch_source(global)?, supply: state::fetcher(global)? })
    }

    /// What an app's folder of a tree renders to. What is drawn at random is a placeholder.
    pub async fn render(
        &self,
        subject: &Subject,
        tree: &Arc<dyn Tree>,
        revision: &Revision,
    ) -> Result<Vec<Arc<Resource>>, CliError> {
        let key = InstallationKey::from_bytes([0; 32]);
        let request = Request {
            tree,
            path: &subject.declaration.path,
            options: subject.spec().render.as_ref(),
            app: &subject.name,
            namespace: namespace(subject),
            installation: "offline",
            capabilities: &Capabilities::bare(&subject.declaration.target, "offline"),
            time: revision.time,
            key: &key,
            rotation: 0,
            today: revision.time,
            answers: &Answers::new(),
        };
        let answerers =
            Answerers { source: &self.source, supply: &self.supply, target: None, key: &key };
        let rendered = needs::render(&Renderer::new(), &request, answerers).await?;
        match rendered.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
            Some(error) => {
                let commit = revision.short();
                Err(CliError::new(format!(
                    "{} cannot be rendered at {commit}: {error}",
                    subject.name
                )))
            }
            None => Ok(rendered.resources),
        }
    }
}

/// The namespace of objects of an app that name none.
pub fn namespace(subject: &Subject) -> &str {
    trueup_engine::declare::namespace(subject)
}
