//! Which app a command is about: one that is known by name, or a repository's folder.

use trueup_controller::{Root, discover};
use trueup_engine::Subject;
use trueup_model::AppName;
use trueup_model::app::KubernetesTarget;
use trueup_model::ports::Source as _;

use super::{app_name, the_app};
use crate::error::CliError;
use crate::state::State;
use crate::{Global, place};

/// Which repository, which commit, which folder, which target.
#[derive(clap::Args, Clone, Debug)]
pub struct Where {
    /// Branch, tag, commit, or a semver range of tags [default: the repository's HEAD]
    #[arg(long = "ref", value_name = "REF")]
    pub reference: Option<String>,
    /// Folder in the repository
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Where resources live: host or kubernetes
    #[arg(long, default_value = "host", value_parser = ["host", "kubernetes"])]
    pub target: String,
    /// Context of the kubeconfig [default: the current one]
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Namespace of objects that name none [default: default]
    #[arg(long, short = 'n', value_name = "NAME")]
    pub namespace: Option<String>,
    /// Name of the app [default: after the last parts of repository and path]
    #[arg(long, value_name = "NAME", value_parser = app_name)]
    pub name: Option<AppName>,
}

impl Where {
    /// The root that `repo` and these options mean.
    pub fn root(&self, repo: &str) -> Result<Root, CliError> {
        let (source, path) = place::source(repo, self.reference.as_deref(), self.path.as_deref())?;
        let kubernetes = KubernetesTarget {
            cluster: self.context.clone(),
            namespace: self.namespace.clone(),
            service_account: None,
        };
        let (target, name) = (self.target.clone(), self.name.clone());
        Ok(Root { source, path, target, kubernetes, name })
    }
}

/// What a person named.
pub enum Named {
    /// An app that is known.
    App(AppName),
    /// A repository's folder.
    Root(Root),
}

/// Understands `REPO|APP`: a name of a known app, else a repository.
pub async fn understand(
    named: Option<&str>,
    place: &Where,
    global: &Global,
) -> Result<Named, CliError> {
    let Some(text) = named else {
        return Ok(Named::App(the_app(place.name.clone(), global).await?));
    };
    let looks_like_name = AppName::new(text).ok().filter(|_| !std::path::Path::new(text).exists());
    match looks_like_name {
        Some(app) => Ok(Named::App(app)),
        None => Ok(Named::Root(place.root(text)?)),
    }
}

/// The apps that a root declares now.
pub async fn subjects(root: &Root, state: &State) -> Result<Vec<Subject>, CliError> {
    let revision = state.source().resolve(&root.source).await?;
    let tree = state.source().load(&root.source, &revision.commit).await?;
    let found = discover::discover(root, tree.as_ref(), &Default::default());
    match found.diagnostics.first() {
        Some(diagnostic) => Err(CliError::new(diagnostic.to_string())),
        None => Ok(found.subjects),
    }
}
