//! The commands, one file each.

pub mod accept;
pub mod apply;
pub mod apps;
pub mod backup;
pub mod completions;
pub mod delete;
pub mod diff;
pub mod freeze;
pub mod health;
pub mod helm;
pub mod history;
pub mod install;
pub mod kustomize;
pub mod logs;
pub mod notify;
pub mod pause;
pub mod plan;
pub mod rbac;
pub mod release;
pub mod restore;
pub mod rollback;
pub mod rotate;
pub mod run;
pub mod schema;
pub mod show;
pub mod status;
pub mod stop;
pub mod subject;
pub mod upgrade;
pub mod why;

use clap::Subcommand;

use crate::Global;
use crate::error::CliError;
use crate::output::Output;

/// How a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do.
    Done = 0,
    /// It did not come out as it should; what is wrong was said.
    Failed = 1,
    /// There are changes (`plan`, `diff`).
    Changes = 2,
}

/// What can be asked for.
#[derive(Subcommand)]
pub enum Command {
    /// Keep a system true to a Git repository
    Run(run::Args),
    /// Show what would change, field by field; nothing is done
    Plan(plan::Args),
    /// Carry out exactly a plan, or say what has changed since
    Apply(apply::Args),
    /// Show how the apps stand
    Status(status::Args),
    /// Show what happened
    History(history::Args),
    /// Show one entry of the history in full
    Show(show::Args),
    /// Show what a process, task or timer printed
    Logs(logs::Args),
    /// Show what differs between two commits, rendered; no target is asked
    Diff(diff::Args),
    /// Go back to a state that was healthy, and stay there
    Rollback(rollback::Args),
    /// Let a pin, a hold or a pause go
    Release(release::Args),
    /// Heal and apply nothing for a while
    Pause(pause::Args),
    /// Apply nothing new anywhere, until it is let go
    Freeze(freeze::Args),
    /// Let the installation go again
    Unfreeze,
    /// Say in a sentence what an app waits for, down to the cause
    Why(why::Args),
    /// Draw everything anew that an app's templates draw at random: passwords, keys, certificates
    Rotate(rotate::Args),
    /// Accept what is there, after the record was lost or history was rewritten
    Accept(accept::Args),
    /// Delete an app and what it owns
    Delete(delete::Args),
    /// Try notifications out
    Notify(notify::Args),
    /// End the controller and the processes it keeps
    Stop(stop::Args),
    /// Write everything that is remembered into one file
    Backup(backup::Args),
    /// Make a state folder from a backup
    Restore(restore::Args),
    /// Make the controller a service of this machine
    Install(install::Args),
    /// Take back what `install` did; processes go on
    Uninstall(install::UninstallArgs),
    /// Say what an upgrade to this version would change
    Upgrade(upgrade::Args),
    /// Render a chart, byte for byte as helm does
    Helm(helm::Args),
    /// Build a kustomization, byte for byte as kustomize does
    Kustomize(kustomize::Args),
    /// Say of an object how it is, and why; no cluster is asked
    Health(health::Args),
    /// Print the least RBAC rights that apps need on a cluster; no cluster is asked
    Rbac(rbac::Args),
    /// Look at App and AppSet documents
    Apps(apps::Args),
    /// Print the JSON Schema of a document
    Schema(schema::Args),
    /// Print completions for a shell
    Completions(completions::Args),
}

/// Carries a command out.
pub async fn run(command: Command, global: &Global, output: &Output) -> Result<Exit, CliError> {
    match command {
        Command::Run(args) => run::run(args, global, output).await,
        Command::Plan(args) => plan::run(args, global, output).await,
        Command::Apply(args) => apply::run(args, global, output).await,
        Command::Status(args) => status::run(args, global, output).await,
        Command::History(args) => history::run(args, global, output).await,
        Command::Show(args) => show::run(args, global, output).await,
        Command::Logs(args) => logs::run(args, global).await,
        Command::Diff(args) => diff::run(args, global, output).await,
        Command::Rollback(args) => rollback::run(args, global, output).await,
        Command::Release(args) => release::run(args, global, output).await,
        Command::Pause(args) => pause::run(args, global, output).await,
        Command::Freeze(args) => freeze::run(args, global, output).await,
        Command::Unfreeze => freeze::unfreeze(global, output).await,
        Command::Why(args) => why::run(args, global, output).await,
        Command::Rotate(args) => rotate::run(args, global, output).await,
        Command::Accept(args) => accept::run(args, global, output).await,
        Command::Delete(args) => delete::run(args, global, output).await,
        Command::Notify(args) => notify::run(args, global, output).await,
        Command::Stop(args) => stop::run(args, global, output).await,
        Command::Backup(args) => backup::run(args, global, output).await,
        Command::Restore(args) => restore::run(args, global, output),
        Command::Install(args) => install::run(args, global, output),
        Command::Uninstall(args) => install::uninstall(args, output),
        Command::Upgrade(args) => upgrade::run(args, global, output).await,
        Command::Helm(args) => helm::run(args, global, output).await,
        Command::Kustomize(args) => kustomize::run(args, global).await,
        Command::Health(args) => health::run(args, output),
        Command::Rbac(args) => rbac::run(args, global, output).await,
        Command::Apps(args) => apps::run(args, global, output),
        Command::Schema(args) => schema::run(args, output),
        Command::Completions(args) => completions::run(args),
    }
}

/// An app's name as an argument.
fn app_name(text: &str) -> Result<trueup_model::AppName, String> {
    trueup_model::AppName::new(text)
}

/// A length of time as an argument.
fn duration(text: &str) -> Result<trueup_model::app::Duration, String> {
    trueup_model::app::Duration::parse(text)
}

/// So long from now.
fn from_now(duration: trueup_model::app::Duration) -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    now.checked_add(duration.as_std()).unwrap_or(jiff::Timestamp::MAX)
}

/// Which app is meant where none is named: the only one there is.
async fn the_app(
    named: Option<trueup_model::AppName>,
    global: &Global,
) -> Result<trueup_model::AppName, CliError> {
    use trueup_api::{Reply, Request};
    if let Some(app) = named {
        return Ok(app);
    }
    let Reply::Status(list) = crate::state::ask(global, Request::Status { app: None }).await?
    else {
        return Err(CliError::new("the controller did not say which apps there are"));
    };
    let names: Vec<String> = list.apps.iter().map(|status| status.app.to_string()).collect();
    match list.apps.as_slice() {
        [only] => Ok(only.app.clone()),
        [] => Err(CliError::new("there is no app yet").hint("trueup run REPO makes one")),
        _ => Err(CliError::new("which app?").hint(format!("name one of {}", names.join(", ")))),
    }
}

/// Prints what became of a request that ends with an app's standing.
fn report(reply: &trueup_api::Reply, output: &Output) -> Result<Exit, CliError> {
    use trueup_api::Reply;
    match reply {
        Reply::Status(list) => {
            output.print(list, || crate::text::status::list(list, output))?;
            let fine = |state: &str| {
                !matches!(state, "failed" | "degraded" | "held" | "blocked" | "unreadable")
            };
            Ok(if list.apps.iter().all(|app| fine(&app.state)) { Exit::Done } else { Exit::Failed })
        }
        Reply::Done { message } => {
            output.print(reply, || format!("{message}\n"))?;
            Ok(Exit::Done)
        }
        Reply::Plan(plan) => {
            output.print(plan, || crate::text::plan::report(plan, output))?;
            Ok(Exit::Done)
        }
        Reply::Changed(plan) => {
            output
                .note("the plan is another one now; nothing was done. This is what would be done:");
            output.print(plan, || crate::text::plan::report(plan, output))?;
            Ok(Exit::Failed)
        }
        Reply::History(list) => {
            output.print(list, || crate::text::history::list(list, output))?;
            Ok(Exit::Done)
        }
        Reply::Why(why) => {
            output.print(why, || crate::text::why::report(why, output))?;
            Ok(Exit::Done)
        }
        Reply::Failed { message } => Err(CliError::new(message.clone())),
    }
}
