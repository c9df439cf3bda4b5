//! What a person can ask for besides a run. Each is one change of the record with one entry in the
//! ledger that says who and why; the next run acts on it.

use jiff::Timestamp;
use trueup_model::ports::{Commit, PortError, Store};
use trueup_model::record::{AppliedSet, Freeze, Pause, Pin, Record};
use trueup_model::{AppName, Digest, LedgerEntry, LedgerKind};

/// Why a command could not be carried out.
#[derive(Clone, Debug, thiserror::Error, PartialEq)]
pub enum CommandError {
    /// There is no such app.
    #[error("there is no app {0}; `trueup status` lists them")]
    NoSuchApp(AppName),
    /// There is nothing to go back to.
    #[error("{app} has no healthy state {which}; `trueup history {app}` shows what there was")]
    NothingToGoBackTo {
        /// The app.
        app: AppName,
        /// Which was asked for.
        which: String,
    },
    /// There is nothing to release.
    #[error("{0} is neither pinned, held nor paused")]
    NothingToRelease(AppName),
    /// Nothing is frozen.
    #[error("the installation is not frozen")]
    NotFrozen,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] PortError),
}

/// What a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Go back and stay there. `to`: a commit or the digest of a rendered set, abbreviated or not;
    /// left out: the healthy state before the present one.
    Rollback {
        /// Where to.
        to: Option<String>,
        /// Until when.
        until: Option<Timestamp>,
        /// Why.
        why: String,
    },
    /// Let a pin, a hold or a pause go.
    Release,
    /// Heal and apply nothing for a while.
    Pause {
        /// Until when.
        until: Timestamp,
        /// Why.
        why: String,
    },
    /// Approve a plan, or consent to what it deletes.
    Approve {
        /// The plan's digest.
        digest: Digest,
    },
    /// Accept what is there: after the record was lost, or history was rewritten.
    Accept,
    /// Draw everything anew that templates draw at random.
    Rotate,
}

/// Carries a command out; `by` is the person's name. Answers what was written to the ledger.
pub async fn carry_out(
    store: &dyn Store,
    app: &AppName,
    command: &Command,
    by: &str,
    now: Timestamp,
) -> Result<LedgerEntry, CommandError> {
    let mut record = store.record(app).await?;
    if record == Record::default() && !store.apps().await?.contains(app) {
        return Err(CommandError::NoSuchApp(app.clone()));
    }
    let (kind, message) = change(&mut record, app, command, by, now)?;
    let mut entry = LedgerEntry::new(app, now, kind, message);
    entry.by = by.to_owned();
    let commit = Commit { record, entries: vec![entry.clone()], ..Commit::default() };
    store.commit(app, commit).await?;
    Ok(entry)
}

/// Freezes the whole installation, or lets it go. Answers what is to be told in the chain of each app,
/// with [`tell`]: whoever calls this keeps others from the app's record meanwhile.
pub async fn freeze(
    store: &dyn Store,
    freeze: Option<Freeze>,
    now: Timestamp,
) -> Result<(LedgerKind, String), CommandError> {
    let frozen = store.freeze().await?.filter(|freeze| freeze.holds(now));
    let told = match (&freeze, frozen) {
        (Some(freeze), _) => (LedgerKind::Frozen, frozen_because(freeze)),
        (None, Some(_)) => (LedgerKind::Unfrozen, "the installation is let go".to_owned()),
        (None, None) => return Err(CommandError::NotFrozen),
    };
    store.set_freeze(freeze).await?;
    Ok(told)
}

/// Writes to an app's chain what a person did to the whole installation.
pub async fn tell(
    store: &dyn Store,
    app: &AppName,
    told: &(LedgerKind, String),
    by: &str,
    now: Timestamp,
) -> Result<(), CommandError> {
    let mut entry = LedgerEntry::new(app, now, told.0, told.1.clone());
    entry.by = by.to_owned();
    let record = store.record(app).await?;
    store.commit(app, Commit { record, entries: vec![entry], ..Commit::default() }).await?;
    Ok(())
}

fn frozen_because(freeze: &Freeze) -> String {
    let until = freeze.until.map(|until| format!(" until {until}")).unwrap_or_default();
    format!("the installation is frozen{until}: {}", freeze.why)
}

fn change(
    record: &mut Record,
    app: &AppName,
    command: &Command,
    by: &str,
    now: Timestamp,
) -> Result<(LedgerKind, String), CommandError> {
    match command {
        Command::Rollback { to, until, why } => {
            let set = find(record, app, to.as_deref())?;
            let commit = set.revision.short().to_owned();
            record.run = None;
            record.pin =
                Some(Pin { set, since: now, until: *until, by: by.to_owned(), why: why.clone() });
            let until = until.map(|until| format!(" until {until}")).unwrap_or_default();
            Ok((LedgerKind::Pinned, format!("pinned to {commit}{until}")))
        }
        Command::Release => {
            let had = [
                record.pin.take().is_some(),
                record.hold.take().is_some(),
                record.pause.take().is_some(),
            ];
            if had == [false; 3] {
                return Err(CommandError::NothingToRelease(app.clone()));
            }
            record.run = None;
            record.rollbacks = 0;
            record.attempts.clear();
            record.hooks.clear();
            let names = ["pin", "hold", "pause"];
            let released: Vec<&str> =
                names.iter().zip(had).filter(|(_, had)| *had).map(|(name, _)| *name).collect();
            Ok((LedgerKind::Released, format!("released the {}", released.join(" and the "))))
        }
        Command::Pause { until, why } => {
            record.pause = Some(Pause { until: *until, by: by.to_owned(), why: why.clone() });
            Ok((LedgerKind::Paused, format!("paused until {until}: {why}")))
        }
        Command::Approve { digest } => {
            record.approved = Some(*digest);
            record.attempts.clear();
            Ok((LedgerKind::Approved, format!("approved plan {}", digest.short())))
        }
        Command::Rotate => {
            record.rotation = record.rotation.saturating_add(1);
            Ok((LedgerKind::Rotated, "everything random is drawn anew".to_owned()))
        }
        Command::Accept => {
            record.careful = false;
            record.followed = None;
            Ok((LedgerKind::Accepted, "accepted what is there".to_owned()))
        }
    }
}

fn find(record: &Record, app: &AppName, to: Option<&str>) -> Result<AppliedSet, CommandError> {
    let nothing =
        |which: &str| CommandError::NothingToGoBackTo { app: app.clone(), which: which.to_owned() };
    let present = record.applied.as_ref().map(|applied| applied.rendered);
    let mut sets = record.healthy.iter().chain(&record.healthy_before);
    let found = match to {
        None => sets.find(|set| Some(set.rendered) != present),
        Some(to) => sets.find(|set| {
            set.revision.commit.starts_with(to)
                || set.rendered.hex().starts_with(to.trim_start_matches("sha256:"))
        }),
    };
    found.cloned().ok_or_else(|| match to {
        None => nothing("before the present one"),
        Some(to) => nothing(to),
    })
}
