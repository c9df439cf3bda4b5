//! `trueup diff`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use trueup_engine::needs::{self, Answerers};
use trueup_model::need::Answers;
use trueup_model::ports::Source as _;
use trueup_model::{AppName, Capabilities, FieldChange, InstallationKey, Resource, ResourceId};
use trueup_render::{Renderer, Request};

use super::Exit;
use super::subject::Where;
use crate::error::CliError;
use crate::output::Output;
use crate::{Global, text};

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A repository
    #[arg(value_name = "REPO", default_value = ".")]
    repo: String,
    #[command(flatten)]
    place: Where,
    /// The commit before
    #[arg(long, value_name = "COMMIT")]
    from: String,
    /// The commit after
    #[arg(long, value_name = "COMMIT", default_value = "HEAD")]
    to: String,
}

/// What differs of one resource.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceDiff {
    /// The app that declares it.
    pub app: AppName,
    /// The resource.
    pub id: ResourceId,
    /// Whether it is declared before, and after.
    pub declared: [bool; 2],
    /// Old → new.
    pub changes: Vec<FieldChange>,
}

/// Carries it out.
pub async fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let root = args.place.root(&args.repo)?;
    let scratch = crate::state::scratch_source(global)?;
    let supply = crate::state::fetcher(global)?;
    let before = render(&scratch, &supply, &root, &args.from).await?;
    let after = render(&scratch, &supply, &root, &args.to).await?;
    let found = compare(&before, &after);
    output.print(&found, || text::plan::resource_diffs(&found, output))?;
    Ok(if found.is_empty() { Exit::Done } else { Exit::Changes })
}

type Set = BTreeMap<(AppName, ResourceId), Arc<Resource>>;

async fn render(
    source: &trueup_git::GitSource,
    supply: &trueup_fetch::Fetcher,
    root: &trueup_controller::Root,
    commit: &str,
) -> Result<Set, CliError> {
    let mut at = root.clone();
    commit.clone_into(&mut at.source.reference);
    let revision = source.resolve(&at.source).await?;
    let tree = source.load(&at.source, &revision.commit).await?;
    let mut set = Set::new();
    let found = trueup_controller::discover::discover(&at, tree.as_ref());
    for subject in found.subjects {
        let capabilities = Capabilities::bare(&subject.declaration.target, "offline");
        let key = InstallationKey::from_bytes([0; 32]);
        let request = Request {
            tree: &tree,
            path: &subject.declaration.path,
            options: subject.spec().render.as_ref(),
            app: &subject.name,
            namespace: "default",
            installation: "offline",
            capabilities: &capabilities,
            time: revision.time,
            key: &key,
            answers: &Answers::new(),
        };
        let answerers = Answerers { source, supply, target: None, key: &key };
        let rendered = needs::render(&Renderer::new(), &request, answerers).await?;
        if let Some(error) = rendered.diagnostics.iter().find(|diagnostic| diagnostic.is_error()) {
            return Err(CliError::new(format!("{commit} cannot be rendered: {error}")));
        }
        set.extend(
            rendered.resources.into_iter().map(|r| ((subject.name.clone(), r.id.clone()), r)),
        );
    }
    Ok(set)
}

fn compare(before: &Set, after: &Set) -> Vec<ResourceDiff> {
    let mut keys: Vec<_> = before.keys().chain(after.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let key = InstallationKey::from_bytes([0; 32]);
    keys.into_iter()
        .filter_map(|at| {
            let (old, new) = (before.get(at), after.get(at));
            let nothing = serde_json::Value::Null;
            let body = |r: Option<&Arc<Resource>>| r.map_or(nothing.clone(), |r| r.body.clone());
            let resource = new.or(old)?;
            let changes = trueup_plan::diff::changes(resource, &body(old), &body(new), &[], &key);
            let declared = [old.is_some(), new.is_some()];
            (!changes.is_empty()).then(|| ResourceDiff {
                app: at.0.clone(),
                id: at.1.clone(),
                declared,
                changes,
            })
        })
        .collect()
}
