//! `trueup diff`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use trueup_controller::Root;
use trueup_controller::discover::discover;
use trueup_model::ports::Source as _;
use trueup_model::{AppName, FieldChange, InstallationKey, Resource, ResourceId};

use super::Exit;
use super::subject::Where;
use crate::error::CliError;
use crate::offline::Offline;
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
    let offline = Offline::new(global)?;
    let before = render(&offline, &root, &args.from).await?;
    let after = render(&offline, &root, &args.to).await?;
    let found = compare(&before, &after);
    output.print(&found, || text::plan::resource_diffs(&found, output))?;
    Ok(if found.is_empty() { Exit::Done } else { Exit::Changes })
}

type Set = BTreeMap<(AppName, ResourceId), Arc<Resource>>;

async fn render(offline: &Offline, root: &Root, commit: &str) -> Result<Set, CliError> {
    let mut at = root.clone();
    commit.clone_into(&mut at.source.reference);
    let revision = offline.source.resolve(&at.source).await?;
    let tree = offline.source.load(&at.source, &revision.commit).await?;
    let mut set = Set::new();
    for subject in discover(&at, tree.as_ref(), &Default::default()).subjects {
        let resources = offline.render(&subject, &tree, &revision).await?;
        set.extend(resources.into_iter().map(|r| ((subject.name.clone(), r.id.clone()), r)));
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
            let changes = trueup_plan::diff::changes(
                resource,
                &body(old),
                &body(new),
                &Default::default(),
                &key,
            );
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
