//! `trueup rbac`.

use serde_json::Value;
use trueup_controller::discover;
use trueup_engine::Subject;
use trueup_kubernetes::rights::{Account, Wanted, least};
use trueup_model::ports::Source as _;

use super::Exit;
use super::subject::{Named, Where, understand};
use crate::Global;
use crate::error::CliError;
use crate::offline::{Offline, namespace};
use crate::output::Output;
use crate::state::State;

/// Arguments.
#[derive(clap::Args)]
pub struct Args {
    /// A repository, or the name of an app
    #[arg(value_name = "REPO|APP", default_value = ".")]
    named: String,
    #[command(flatten)]
    place: Where,
    /// The service account that TrueUp runs as
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "trueup/trueup", value_parser = account)]
    controller: Account,
}

fn account(text: &str) -> Result<Account, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => {
            Ok(Account { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("a service account is written NAMESPACE/NAME".to_owned()),
    }
}

/// Carries it out: no cluster is asked.
pub async fn run(mut args: Args, global: &Global, output: &Output) -> Result<Exit, CliError> {
    "kubernetes".clone_into(&mut args.place.target);
    let offline = Offline::new(global)?;
    let mut objects = Vec::new();
    for subject in subjects(&args, &offline, global).await? {
        let revision = offline.source.resolve(subject.source()).await?;
        let tree = offline.source.load(subject.source(), &revision.commit).await?;
        let resources = offline.render(&subject, &tree, &revision).await?;
        let namespace = namespace(&subject);
        objects.extend(least(&Wanted {
            app: &subject.name,
            namespace,
            resources: &resources,
            controller: args.controller.clone(),
            acts_as: acts_as(&subject, namespace),
            adopt: subject.spec().adopt.map(|from| from.as_str()),
        }));
    }
    let text = documents(&objects)?;
    output.print(&objects, || text)?;
    Ok(Exit::Done)
}

/// The apps that are meant, those that go to a cluster.
async fn subjects(
    args: &Args,
    offline: &Offline,
    global: &Global,
) -> Result<Vec<Subject>, CliError> {
    let subjects = match understand(Some(&args.named), &args.place, global).await? {
        Named::Root(root) => {
            let revision = offline.source.resolve(&root.source).await?;
            let tree = offline.source.load(&root.source, &revision.commit).await?;
            let found = discover::discover(&root, tree.as_ref(), &Default::default());
            match found.diagnostics.first() {
                Some(diagnostic) => return Err(CliError::new(diagnostic.to_string())),
                None => found.subjects,
            }
        }
        Named::App(app) => {
            let state = State::open_read_only(global).await?;
            let known = state.recorded_subjects().await?.remove(&app);
            vec![known.ok_or_else(|| CliError::new(format!("there is no app {app}")))?]
        }
    };
    let on_cluster = |subject: &Subject| subject.declaration.target == "kubernetes";
    match subjects.iter().any(on_cluster) {
        true => Ok(subjects.into_iter().filter(on_cluster).collect()),
        false => Err(CliError::new("it goes to no cluster: there are no rights to give")),
    }
}

/// As the target takes `serviceAccount`: in the app's namespace unless it names one.
fn acts_as(subject: &Subject, namespace: &str) -> Option<Account> {
    let named = subject.spec().target.as_ref()?.kubernetes.as_ref()?.service_account.as_deref()?;
    let (namespace, name) = named.split_once('/').unwrap_or((namespace, named));
    Some(Account { namespace: namespace.to_owned(), name: name.to_owned() })
}

fn documents(objects: &[Value]) -> Result<String, CliError> {
    let text = |object: &Value| {
        trueup_yaml::to_yaml(object).map_err(|error| CliError::new(error.to_string()))
    };
    Ok(objects.iter().map(text).collect::<Result<Vec<_>, _>>()?.join("---\n"))
}
