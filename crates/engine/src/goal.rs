//! What to work towards. Going back is nothing but another choice here: everything after it (plan,
//! check, execute, judge) is the same.

use std::sync::Arc;

use jiff::Timestamp;
use trueup_model::app::WithoutCommit;
use trueup_model::hook;
use trueup_model::plan::{Inputs, Purpose};
use trueup_model::ports::PortError;
use trueup_model::record::{AppliedSet, Record};
use trueup_model::{Digest, Payload, Resource, Revision};

use trueup_render::CERTIFICATES;

use crate::declare::{APP_DOCUMENT, Declared, ROTATION, Undeclared};
use crate::outcome::State;
use crate::{Subject, World};

/// What to work towards, and why that.
#[derive(Clone, Debug)]
pub struct Goal {
    /// Towards what kind of state.
    pub purpose: Purpose,
    /// The commit.
    pub revision: Revision,
    /// Digest of the set.
    pub rendered: Digest,
    /// What else decided it.
    pub inputs: Inputs,
    /// The set.
    pub resources: Vec<Arc<Resource>>,
    /// How the app stands once this is reached, where it is not simply settled.
    pub standing: Option<State>,
    /// Whether only healing is allowed.
    pub only_heal: bool,
}

/// Which set is worked towards, before its contents are read.
enum Choice<'a> {
    Declared(&'a Declared, Option<State>),
    Recorded { set: &'a AppliedSet, purpose: Purpose, standing: Option<State>, only_heal: bool },
    Empty,
}

/// Chooses what to work towards. `None`: there is nothing (nothing readable, nothing applied).
pub async fn choose(
    app: &Subject,
    world: &World,
    declared: &Result<Declared, Undeclared>,
    record: &Record,
) -> Result<Option<Goal>, PortError> {
    let now = world.clock.now();
    match choice(app, declared, record, now) {
        None => Ok(None),
        Some(Choice::Empty) => Ok(Some(empty(app, world, record).await?)),
        Some(Choice::Declared(declared, standing)) => Ok(Some(Goal {
            purpose: Purpose::Apply,
            revision: declared.revision.clone(),
            rendered: declared.rendered,
            inputs: declared.inputs.clone(),
            resources: declared.resources.clone(),
            only_heal: standing.is_some(),
            standing,
        })),
        Some(Choice::Recorded { set, purpose, standing, only_heal }) => {
            let resources = recorded(app, world, set).await?;
            Ok(Some(Goal {
                purpose,
                revision: set.revision.clone(),
                rendered: set.rendered,
                inputs: set.inputs.clone(),
                resources,
                standing,
                only_heal,
            }))
        }
    }
}

fn choice<'a>(
    app: &Subject,
    declared: &'a Result<Declared, Undeclared>,
    record: &'a Record,
    now: Timestamp,
) -> Option<Choice<'a>> {
    if app.delete {
        return Some(Choice::Empty);
    }
    if let Some(pin) = record.pin.as_ref().filter(|pin| pin.until.is_none_or(|until| until > now)) {
        let waiting = declared.as_ref().is_ok_and(|d| d.rendered != pin.set.rendered);
        let waits = if waiting { "; newer commits wait" } else { "" };
        let why = format!(
            "pinned to {} by {}{}{waits}",
            pin.set.revision.short(),
            pin.by,
            because(&pin.why)
        );
        let standing = Some(State::Pinned { why, until: pin.until });
        return Some(Choice::Recorded {
            set: &pin.set,
            purpose: Purpose::Rollback,
            standing,
            only_heal: false,
        });
    }
    let declared = match declared {
        Ok(declared) => declared,
        Err(undeclared) => {
            let why = undeclared.why.clone();
            let standing = Some(State::Unreadable { why, permanent: undeclared.permanent });
            let set = record.run.as_ref().map(|run| &run.set).or(record.applied.as_ref())?;
            return Some(Choice::Recorded {
                set,
                purpose: Purpose::Apply,
                standing,
                only_heal: true,
            });
        }
    };
    if let Some(hold) =
        record.hold.as_ref().filter(|hold| hold.rendered.contains(&declared.rendered))
    {
        let standing = Some(State::Held { why: hold.why.clone(), rolled_back: hold.rollback });
        return Some(match record.healthy.as_ref().filter(|_| hold.rollback) {
            Some(set) => {
                Choice::Recorded { set, purpose: Purpose::Rollback, standing, only_heal: false }
            }
            None => Choice::Declared(declared, standing),
        });
    }
    Some(Choice::Declared(declared, without_commit(app, declared, record)))
}

fn because(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!(" ({why})") }
}

/// What renders differently though no commit changed it waits for a person, unless the policy says
/// otherwise.
fn without_commit(app: &Subject, declared: &Declared, record: &Record) -> Option<State> {
    let applied = record.applied.as_ref()?;
    // What a person asked for, or is due by itself.
    let wanted = |inputs: &Inputs| {
        [APP_DOCUMENT, ROTATION, CERTIFICATES].map(|name| inputs.answers.get(name).copied())
    };
    let moved = applied.rendered != declared.rendered
        && declared.untouched
        && wanted(&applied.inputs) == wanted(&declared.inputs);
    let running = record.run.as_ref().is_some_and(|run| run.set.rendered == declared.rendered);
    if !moved || running || app.spec().policy.without_commit == WithoutCommit::Apply {
        return None;
    }
    let why = if applied.inputs.engine == declared.inputs.engine {
        "the target's capabilities, or answers from it, changed what is rendered, with no new commit".to_owned()
    } else {
        format!(
            "TrueUp {} renders it differently than {} did, with no new commit",
            declared.inputs.engine, applied.inputs.engine
        )
    };
    let why = format!("{why} (`trueup apply {}` applies it)", app.name);
    Some(State::Blocked { why })
}

/// What was applied, to be kept true while something newer is held up.
pub async fn kept(app: &Subject, world: &World, set: &AppliedSet) -> Result<Goal, PortError> {
    Ok(Goal {
        purpose: Purpose::Apply,
        revision: set.revision.clone(),
        rendered: set.rendered,
        inputs: set.inputs.clone(),
        resources: recorded(app, world, set).await?,
        standing: None,
        only_heal: true,
    })
}

/// Nothing, but for the hooks that run when an app goes: those of what was last applied, where it is
/// still kept.
async fn empty(app: &Subject, world: &World, record: &Record) -> Result<Goal, PortError> {
    let last = record.applied.as_ref().or(record.run.as_ref().map(|run| &run.set));
    let revision =
        last.map_or_else(|| nowhere(&app.source().reference), |set| set.revision.clone());
    let mut resources = match last {
        Some(set) => match recorded(app, world, set).await {
            Err(error) if error.permanent => Vec::new(),
            resources => resources?,
        },
        None => Vec::new(),
    };
    resources.retain(|r| hook::of(&r.body).is_some_and(|hook| hook.runs_on_delete()));
    Ok(Goal {
        purpose: Purpose::Delete,
        revision,
        rendered: trueup_model::resource::set_digest([]),
        inputs: Inputs::default(),
        resources,
        standing: None,
        only_heal: false,
    })
}

fn nowhere(reference: &str) -> Revision {
    Revision {
        commit: String::new(),
        reference: reference.to_owned(),
        time: Timestamp::UNIX_EPOCH,
        author: String::new(),
        subject: String::new(),
        notes: Vec::new(),
    }
}

/// The resources of a recorded set, read back from the store; the files of its commit stand behind
/// them where that commit can still be read.
pub async fn recorded(
    app: &Subject,
    world: &World,
    set: &AppliedSet,
) -> Result<Vec<Arc<Resource>>, PortError> {
    let digests: Vec<Digest> = set.contents.values().copied().collect();
    let contents = world.store.contents(&digests).await?;
    let tree = world.source.load(app.source(), &set.revision.commit).await.ok();
    let mut resources = Vec::with_capacity(contents.len());
    for (id, digest) in &set.contents {
        let missing = || {
            PortError::permanent(format!(
                "the content of {id} as of {} is not kept any more: it cannot be gone back to",
                set.revision.short()
            ))
        };
        let bytes = contents.get(digest).ok_or_else(missing)?;
        let mut resource: Resource = serde_json::from_slice(bytes).map_err(|_| missing())?;
        if let (Some(tree), Some(at)) = (&tree, payload_of(&resource)) {
            let (digest, path) = at;
            resource.payload = Some(Payload { digest, tree: Arc::clone(tree), path });
        }
        resources.push(Arc::new(resource));
    }
    Ok(resources)
}

/// Digest and folder of a resource's payload: admission writes both into the document.
fn payload_of(resource: &Resource) -> Option<(Digest, String)> {
    let spec = resource.body.get("spec")?;
    let digest = Digest::parse(spec.get("digest")?.as_str()?)?;
    let folder = trueup_model::tree::parent(&resource.origin.at.file);
    let path = trueup_model::tree::join(folder, spec.get("from")?.as_str()?)?;
    Some((digest, path))
}
