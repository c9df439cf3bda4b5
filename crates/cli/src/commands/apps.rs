//! `trueup apps`.

use std::path::{Path, PathBuf};

use serde_json::Value;
use trueup_model::app::App;
use trueup_model::app_set::{Cluster, PullRequest, PullRequestQuery};
use trueup_model::tree::Tree;
use trueup_model::{Diagnostic, SourceSpec};
use trueup_render::app_sets::{self, Answers, Need, Surroundings};
use trueup_render::apps;

use super::Exit;
use crate::Global;
use crate::disk::{DiskTree, Links};
use crate::error::CliError;
use crate::output::Output;
use crate::state;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

/// What can be done with documents of apps.
#[derive(clap::Subcommand)]
enum Command {
    /// Print the Apps that a file or folder declares, and those that its AppSets yield; nobody is
    /// asked
    Render(RenderArgs),
}

/// Arguments of `render`.
#[derive(clap::Args)]
struct RenderArgs {
    /// A file, or a folder, of App and AppSet documents
    #[arg(value_name = "FILE|FOLDER")]
    path: PathBuf,
    /// Root of the repository, from which paths of generators begin [default: the nearest folder
    /// with .git, else the folder itself]
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Folder that stands for another repository; may be repeated
    #[arg(long = "repository", value_name = "REPO=FOLDER")]
    repositories: Vec<String>,
    /// Open pull requests that generators find, as a number and a branch; may be repeated
    #[arg(long = "pull-request", value_name = "NUMBER:BRANCH")]
    pull_requests: Vec<String>,
}

/// Carries it out.
pub fn run(args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    let Command::Render(args) = args.command;
    let path = std::fs::canonicalize(&args.path)
        .map_err(|error| CliError::new(format!("{}: {error}", args.path.display())))?;
    let folder = if path.is_dir() { path.as_path() } else { path.parent().unwrap_or(&path) };
    let root = match &args.root {
        Some(root) => std::fs::canonicalize(root)?,
        None => root_of(folder).to_owned(),
    };
    let inner = |path: &Path| {
        let inner = path.strip_prefix(&root).ok().and_then(Path::to_str).map(str::to_owned);
        inner.ok_or_else(|| {
            CliError::new(format!("{} is not below {}", path.display(), root.display()))
        })
    };
    let tree = DiskTree::new(&root, Links::Tell);
    let mut declared = apps::find(&tree, &inner(folder)?);
    if path.is_file() {
        let file = inner(&path)?;
        declared.apps.retain(|app| app.at.file == file);
        declared.sets.retain(|set| set.document.at.file == file);
        declared.diagnostics.retain(|d| d.at.as_ref().is_none_or(|at| at.file == file));
    }
    let found = yielded(&args, global, &tree, declared)?;
    for diagnostic in &found.diagnostics {
        output.note(&diagnostic.to_string());
    }
    output.print(&found.apps, || documents(&found.apps))?;
    Ok(if found.diagnostics.is_empty() { Exit::Done } else { Exit::Failed })
}

/// What is printed, and what is wrong.
struct Found {
    apps: Vec<App>,
    diagnostics: Vec<Diagnostic>,
}

fn yielded(
    args: &RenderArgs,
    global: &Global,
    tree: &dyn Tree,
    declared: apps::Declared,
) -> Result<Found, CliError> {
    let mut found = Found {
        apps: declared.apps.into_iter().map(|document| document.app).collect(),
        diagnostics: declared.diagnostics,
    };
    let source = SourceSpec { repo: ".".to_owned(), reference: String::new() };
    let mut answers =
        Answers { clusters: Some(state::clusters(global.config()?)), ..Answers::default() };
    for set in &declared.sets {
        // What is needed is known after a first look; nothing can be needed after the second.
        for _ in 0..2 {
            let surroundings = Surroundings { source: &source, tree, answers: &answers };
            let yielded = app_sets::expand(set, &surroundings);
            if yielded.needs.is_empty() {
                found.diagnostics.extend(yielded.diagnostics);
                found.apps.extend(yielded.apps.into_iter().map(|document| document.app));
                break;
            }
            for need in yielded.needs {
                answer(args, need, &mut answers)?;
            }
        }
    }
    Ok(found)
}

fn answer(args: &RenderArgs, need: Need, answers: &mut Answers) -> Result<(), CliError> {
    match need {
        Need::Clusters => answers.clusters = Some(Vec::<Cluster>::new()),
        Need::PullRequests(query) => {
            let pulls = pull_requests(&args.pull_requests, &query)?;
            answers.pull_requests.insert(query, pulls);
        }
        Need::Repository(spec) => {
            let given = args.repositories.iter().filter_map(|text| text.split_once('='));
            let folder = given.into_iter().find(|(repo, _)| *repo == spec.repo);
            let (_, folder) = folder.ok_or_else(|| {
                CliError::new(format!("an AppSet reads {}, and nobody is asked here", spec.repo))
                    .hint(format!("--repository {}=FOLDER says where a copy of it is", spec.repo))
            })?;
            answers.trees.insert(spec, std::sync::Arc::new(DiskTree::new(folder, Links::Tell)));
        }
    }
    Ok(())
}

fn pull_requests(given: &[String], query: &PullRequestQuery) -> Result<Vec<PullRequest>, CliError> {
    let one = |text: &String| {
        let parts = text.split_once(':').and_then(|(n, branch)| Some((n.parse().ok()?, branch)));
        let (number, branch) = parts.ok_or_else(|| {
            CliError::new(format!("`{text}` is not a number and a branch, such as 7:feature"))
        })?;
        Ok(PullRequest {
            number,
            title: format!("{} {number}", query.repository),
            branch: branch.to_owned(),
            target_branch: "main".to_owned(),
            head: "0".repeat(40),
            ..PullRequest::default()
        })
    };
    given.iter().map(one).collect()
}

/// The nearest folder above that is a repository, else the folder itself.
fn root_of(folder: &Path) -> &Path {
    folder.ancestors().find(|above| above.join(".git").exists()).unwrap_or(folder)
}

fn documents(apps: &[App]) -> String {
    let one = |app: &App| {
        let value = serde_json::to_value(app).unwrap_or(Value::Null);
        trueup_yaml::to_yaml(&value).unwrap_or_default()
    };
    apps.iter().map(one).collect::<Vec<_>>().join("---\n")
}
