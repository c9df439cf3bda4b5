//! The loop: observe → plan → execute one stage → observe again, until there is nothing to do, or
//! something to wait for.

use std::ops::ControlFlow;

use jiff::Timestamp;
use tracing::{Instrument as _, Span, info_span};
use trueup_model::app::ApplyPolicy;
use trueup_model::hook::{self, Phase};
use trueup_model::observed::Observed;
use trueup_model::plan::{Action, Plan, Purpose};
use trueup_model::ports::{AppContext, Commit, Foresight, Kept, PortError};
use trueup_model::record::{Freeze, Record};
use trueup_model::{Capabilities, Diagnostic, Health, LedgerEntry, LedgerKind, Verb};
use trueup_plan::{Input, Next};

use crate::declare::{Declared, Undeclared, declare, namespace};
use crate::goal::{self, Goal};
use crate::outcome::{Outcome, State};
use crate::{
    Error, Subject, World, copy, fold, gate, handover, hooks, judge, membership, revert, tell,
};

/// How soon a deletion is tried again that waits for other apps to be read.
const OTHERS_WITHIN: std::time::Duration = std::time::Duration::from_millis(100);
/// More rounds than any app needs: a stage each, and a look after it.
const ROUNDS_MAX: u32 = 200;

/// Brings an app as far as it goes now. A run is a span, and so is each of its stages: `declare`,
/// `observe`, `plan`, `execute`. Whoever wants traces or durations listens to these.
#[tracing::instrument(name = "run", skip_all, fields(app = %app.name, revision))]
pub async fn reconcile(app: &Subject, world: &World) -> Result<Outcome, Error> {
    let mut outcome = rounds(app, world).await?;
    if !outcome.entries.is_empty() {
        let gone = outcome.state == State::Deleted;
        if let Err(error) = keep_copy(app, world, &outcome.record, gone).await {
            let why = format!("what must survive has no copy with the target: {error}");
            outcome.diagnostics.push(Diagnostic::warning(why));
        }
    }
    Ok(outcome)
}

async fn keep_copy(
    app: &Subject,
    world: &World,
    record: &Record,
    gone: bool,
) -> Result<(), PortError> {
    let context = context(app, world);
    let sealed = copy::seal(record, &app.name, &world.key).filter(|_| !gone);
    let kept = sealed.as_ref().map(|copy| Kept { inventory: &record.inventory, copy });
    world.target.keep(&context, kept).await
}

async fn rounds(app: &Subject, world: &World) -> Result<Outcome, Error> {
    let mut run = Reconciliation::start(app, world).await?;
    run.note_read_back().await?;
    if let Some(left) = run.left() {
        return Ok(run.rest(left));
    }
    for _ in 0..ROUNDS_MAX {
        let Some(goal) = run.goal().await? else { return Ok(run.without_goal()) };
        run.hand_over(&goal).await?;
        let observed = run.observe(&goal, Foresight::Changes).await?;
        let plan = run.plan(&goal, &observed)?;
        let next = match run.next(&goal, &observed, &plan) {
            ControlFlow::Continue(next) => next,
            ControlFlow::Break(state) => {
                run.keep_applied(&goal, &state).await?;
                return Ok(run.end(&goal, &observed, plan, state));
            }
        };
        match next {
            Next::Stage(stage) if run.must_wait_for_others(&stage) => {
                let until = run.now().checked_add(OTHERS_WITHIN).ok();
                let why = "other apps that the same commit touches to be read".to_owned();
                return Ok(run.end(&goal, &observed, plan, State::Waiting { until, why }));
            }
            Next::Stage(stage) => run.carry_out(&goal, &plan, stage).await?,
            Next::Unhealthy { why, resources } => {
                if !run.judge(&goal, &why, &resources).await? {
                    return Ok(run.end(&goal, &observed, plan, State::Degraded { why }));
                }
            }
            Next::Nothing => return run.settle(&goal, &observed, plan).await,
            Next::Wait { until, why } => {
                run.note_applied(&goal, &plan).await?;
                return Ok(run.end(&goal, &observed, plan, State::Waiting { until, why }));
            }
            Next::Blocked { why } => {
                return Ok(run.end(&goal, &observed, plan, State::Blocked { why }));
            }
        }
    }
    Err(Error::OutOfRounds(ROUNDS_MAX))
}

/// What would be done, with every prediction that the target can give; nothing is done.
pub async fn preview(app: &Subject, world: &World) -> Result<Outcome, Error> {
    let mut run = Reconciliation::start(app, world).await?;
    let Some(goal) = run.goal().await? else { return Ok(run.without_goal()) };
    let observed = run.observe(&goal, Foresight::Everything).await?;
    let plan = run.plan(&goal, &observed)?;
    let state = match run.next(&goal, &observed, &plan) {
        ControlFlow::Break(state) => state,
        ControlFlow::Continue(next) => foreseen(next, &plan, &run.record),
    };
    Ok(run.end(&goal, &observed, plan, state))
}

fn foreseen(next: Next, plan: &Plan, record: &Record) -> State {
    match next {
        Next::Nothing => State::Settled,
        Next::Stage(_) if record.approved == Some(plan.digest) => State::Settled,
        Next::Stage(_) => State::Waiting { until: None, why: "there are changes".to_owned() },
        Next::Wait { until, why } => State::Waiting { until, why },
        Next::Unhealthy { why, .. } => State::Degraded { why },
        Next::Blocked { why } => State::Blocked { why },
    }
}

/// One run of the loop: what it was given, and what it has learned.
struct Reconciliation<'a> {
    app: &'a Subject,
    world: &'a World,
    capabilities: Capabilities,
    declared: Result<Declared, Undeclared>,
    record: Record,
    /// Whether the record is the target's copy, for the store has none.
    read_back: bool,
    freeze: Option<Freeze>,
    entries: Vec<LedgerEntry>,
}

impl<'a> Reconciliation<'a> {
    async fn start(app: &'a Subject, world: &'a World) -> Result<Self, Error> {
        let capabilities = world.target.capabilities().await.map_err(Error::Target)?;
        let record = world.store.record(&app.name).await.map_err(Error::Store)?;
        let (record, read_back) = match read_back(app, world, &record).await {
            Some(kept) => (kept, true),
            None => (record, false),
        };
        same_target(app, &record, &capabilities)?;
        let declared =
            declare(app, world, &capabilities, &record).instrument(info_span!("declare")).await;
        if let Ok(declared) = &declared {
            Span::current().record("revision", &declared.revision.commit);
        }
        let freeze = world.store.freeze().await.map_err(Error::Store)?;
        let entries = Vec::new();
        Ok(Self { app, world, capabilities, declared, record, read_back, freeze, entries })
    }

    /// Writes down a record that the store did not know.
    async fn note_read_back(&mut self) -> Result<(), Error> {
        if !self.read_back {
            return Ok(());
        }
        let message = "its record was lost, and read back from the copy that lies with the target";
        let entry = LedgerEntry::new(&self.app.name, self.now(), LedgerKind::Restored, message);
        self.commit(self.record.clone(), vec![entry], None).await
    }

    fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    async fn goal(&self) -> Result<Option<Goal>, Error> {
        goal::choose(self.app, self.world, &self.declared, &self.record).await.map_err(Error::Store)
    }

    fn context(&self, goal: &Goal) -> AppContext {
        AppContext {
            revision: goal.revision.commit.clone(),
            rendered: goal.rendered,
            formerly: self.record.formerly.clone(),
            ..context(self.app, self.world)
        }
    }

    async fn observe(&mut self, goal: &Goal, foresight: Foresight) -> Result<Observed, Error> {
        let context = self.context(goal);
        let inventory = &self.record.inventory;
        let mut observed = self
            .world
            .target
            .observe(&context, &goal.resources, inventory, foresight)
            .instrument(info_span!("observe", resources = goal.resources.len()))
            .await
            .map_err(Error::Target)?;
        self.take_over(goal, &mut observed).await?;
        if let Some(record) = fold::absorb(&self.record, &observed, &goal.resources) {
            self.commit(record, Vec::new(), None).await?;
        }
        Ok(observed)
    }

    /// Takes over what other apps were marked as owning and declare no more.
    async fn take_over(&mut self, goal: &Goal, observed: &mut Observed) -> Result<(), Error> {
        let (renderer, target) = (&self.world.renderer, &self.capabilities.target);
        let mut record = self.record.clone();
        let declares = |other: &_, id: &_| renderer.declares(other, target, id);
        let taken = handover::take(&mut record, observed, &goal.resources, declares);
        if taken.is_empty() {
            return Ok(());
        }
        let message = tell::taken_over(&taken);
        let entry = LedgerEntry::new(&self.app.name, self.now(), LedgerKind::Executed, message);
        self.commit(record, vec![entry], None).await
    }

    /// Leaves to other apps what they declare now and this one does not; after a rename, what ran
    /// under the former name has run.
    async fn hand_over(&mut self, goal: &Goal) -> Result<(), Error> {
        let (renderer, target) = (&self.world.renderer, &self.capabilities.target);
        let given = handover::given_up(&self.record, &goal.resources, |id| {
            renderer.declared_by_another(&self.app.name, target, id)
        });
        if !given.is_empty() {
            let mut record = self.record.clone();
            record.inventory.retain(|id, _| !given.iter().any(|(gone, _)| gone == id));
            let message = tell::handed_over(&given);
            let entry = LedgerEntry::new(&self.app.name, self.now(), LedgerKind::Executed, message);
            self.commit(record, vec![entry], None).await?;
        }
        if let Some(record) = membership::keep_completions(&self.record, &goal.resources) {
            self.commit(record, Vec::new(), None).await?;
        }
        Ok(())
    }

    /// A deletion waits until every app that the same commit touches was read: one of them may
    /// declare what would be deleted.
    fn must_wait_for_others(&self, stage: &[Action]) -> bool {
        stage.iter().any(|action| action.verb == Verb::Delete)
            && self.world.renderer.expects_others(&self.app.name, &self.app.declaration.place())
    }

    fn left(&self) -> Option<State> {
        let left = self.record.left.as_ref().filter(|_| !self.app.delete)?;
        let why = format!("its App is not in {} any more (since {})", left.root, left.since);
        Some(State::Left { why })
    }

    /// The end of a run that does nothing.
    fn rest(self, state: State) -> Outcome {
        Outcome { state, ..self.without_goal() }
    }

    fn plan(&self, goal: &Goal, observed: &Observed) -> Result<Plan, Error> {
        let _stage = info_span!("plan", resources = goal.resources.len()).entered();
        let input = self.input(goal, observed);
        let plan = trueup_plan::plan(&input);
        match trueup_plan::check(&plan, &input).first() {
            None => Ok(plan),
            Some(violation) => Err(Error::UnsoundPlan(violation.to_string())),
        }
    }

    fn input<'b>(&'b self, goal: &'b Goal, observed: &'b Observed) -> Input<'b> {
        Input {
            app: &self.app.name,
            policy: &self.app.spec().policy,
            adopt: self.app.spec().adopt,
            target: &self.capabilities.target,
            purpose: goal.purpose,
            revision: &goal.revision,
            rendered: goal.rendered,
            inputs: &goal.inputs,
            desired: &goal.resources,
            observed,
            record: &self.record,
            key: &self.world.key,
            now: self.now(),
        }
    }

    /// What is due, as far as it is let: nothing while paused or careful, only healing where Git's
    /// state must not be applied, nothing new while that is held up, nothing that was not approved
    /// where approval is asked for. Otherwise how the app stands instead.
    fn next(&self, goal: &Goal, observed: &Observed, plan: &Plan) -> ControlFlow<State, Next> {
        let next = trueup_plan::next(plan, &self.input(goal, observed));
        let Next::Stage(stage) = next else { return ControlFlow::Continue(next) };
        if self.record.careful {
            return ControlFlow::Break(State::Careful);
        }
        if let Some(paused) = self.paused() {
            return ControlFlow::Break(paused);
        }
        if goal.only_heal {
            let why = "only what drifted is put back".to_owned();
            return only_healing(stage, State::Blocked { why });
        }
        let freeze = self.freeze.as_ref();
        if let Some(shut) = gate::shut(self.app, &self.record, freeze, goal, plan, self.now()) {
            let stage = if shut.heals { stage } else { Vec::new() };
            return only_healing(stage, shut.state);
        }
        if self.may_apply(goal, plan, &stage) {
            ControlFlow::Continue(Next::Stage(stage))
        } else {
            ControlFlow::Break(State::AwaitingApproval { digest: plan.digest })
        }
    }

    /// A person asked for going back and for deleting, or the policy did: neither waits for approval.
    fn may_apply(&self, goal: &Goal, plan: &Plan, stage: &[Action]) -> bool {
        let automatic = self.app.spec().policy.apply == ApplyPolicy::Automatic;
        if automatic || goal.purpose != Purpose::Apply || stage.iter().all(|a| a.heals) {
            return true;
        }
        self.record.approved == Some(plan.digest) || self.foreseen(stage)
    }

    /// Whether the plan with which the run began lists all of this. Failure hooks, and clearing away
    /// what hooks left, belong to every run.
    fn foreseen(&self, stage: &[Action]) -> bool {
        let Some(run) = &self.record.run else { return false };
        stage.iter().all(|action| {
            let clears = action.hook.is_some() && action.content.is_none();
            let after_failure = action.hook == Some(Phase::Failure);
            clears || after_failure || run.allowed.contains(&action.permit())
        })
    }

    fn paused(&self) -> Option<State> {
        let now = self.now();
        let pause = self.record.pause.as_ref().filter(|pause| pause.until > now)?;
        Some(State::Paused { until: pause.until, why: format!("{} ({})", pause.why, pause.by) })
    }

    /// While what Git says now is held up, what was applied stays true: what drifted of it is put
    /// back, towards the recorded set.
    async fn keep_applied(&mut self, goal: &Goal, state: &State) -> Result<(), Error> {
        let Some(applied) = self.record.applied.clone() else { return Ok(()) };
        let held_up = matches!(
            state,
            State::Shut { .. } | State::Waiting { .. } | State::AwaitingApproval { .. }
        );
        if !held_up || !self.heals_meanwhile(goal) || applied.rendered == goal.rendered {
            return Ok(());
        }
        let kept = match goal::kept(self.app, self.world, &applied).await {
            Ok(kept) => kept,
            // Its contents are not kept any more: there is nothing to go by.
            Err(error) if error.permanent => return Ok(()),
            Err(error) => return Err(Error::Store(error)),
        };
        for _ in 0..ROUNDS_MAX {
            let observed = self.observe(&kept, Foresight::Changes).await?;
            let plan = self.plan(&kept, &observed)?;
            match self.next(&kept, &observed, &plan) {
                ControlFlow::Continue(Next::Stage(stage)) => {
                    self.carry_out(&kept, &plan, stage).await?;
                }
                _ => break,
            }
        }
        Ok(())
    }

    /// Whether a window that is shut lets drift be put back.
    fn heals_meanwhile(&self, goal: &Goal) -> bool {
        let windows = &self.app.spec().policy.windows;
        let closed = trueup_plan::windows::closed(windows, self.now());
        goal.purpose == Purpose::Apply && closed.is_none_or(|closed| closed.heals)
    }

    /// Writes ahead, carries a stage out, and writes down what came of it.
    async fn carry_out(
        &mut self,
        goal: &Goal,
        plan: &Plan,
        stage: Vec<Action>,
    ) -> Result<(), Error> {
        let mut record = self.record.clone();
        let mut entries = Vec::new();
        self.note_place(&mut record);
        if stage.iter().all(|action| action.heals) {
            let mut entry =
                judge::entry(self.app, self.now(), LedgerKind::Drifted, goal, tell::drift(&stage));
            entry.actions.clone_from(&stage);
            entries.push(entry);
        } else if record.run.as_ref().is_none_or(|run| run.set.rendered != goal.rendered) {
            fold::begin(&mut record, goal, plan, self.now());
            entries.push(self.planned(goal, plan));
        } else if !self.foreseen(&stage) {
            // Something that could not be seen when the run began: it is told before it is done.
            entries.push(self.planned(goal, plan));
        }
        fold::permit_more(&mut record, plan);
        let owned = record.inventory.len();
        fold::intend(&mut record, &stage, goal, self.now());
        let owns_more = record.inventory.len() > owned;
        self.commit(record, entries, Some(goal)).await?;
        if owns_more {
            // Where that fails (its namespace is made by this very stage, say) the end of the run
            // tries again, and says so.
            let _ = keep_copy(self.app, self.world, &self.record, false).await;
        }

        let span = info_span!("execute", actions = stage.len());
        let events = self.world.target.execute(&self.context(goal), &stage).instrument(span).await;

        let mut record = self.record.clone();
        fold::fold(&mut record, &stage, &events, &self.app.spec().policy.retry);
        let mut entry =
            judge::entry(self.app, self.now(), LedgerKind::Executed, goal, tell::came_of(&events));
        entry.events = events;
        self.commit(record, vec![entry], None).await
    }

    fn note_place(&self, record: &mut Record) {
        record.target = Some(self.capabilities.target.clone());
        record.declaration = Some(self.app.declaration.clone());
    }

    fn planned(&self, goal: &Goal, plan: &Plan) -> LedgerEntry {
        let message = tell::planned(plan);
        let mut entry = judge::entry(self.app, self.now(), LedgerKind::Planned, goal, message);
        entry.plan = Some(plan.digest);
        entry.planned = Some(plan.clone());
        entry
    }

    /// Whether another round may bring it further.
    async fn judge(
        &mut self,
        goal: &Goal,
        why: &str,
        resources: &[trueup_model::ResourceId],
    ) -> Result<bool, Error> {
        let mut record = self.record.clone();
        if hooks::fail(&mut record, goal, why, resources) {
            let message = format!(
                "{} is not healthy: {why}; its failure hooks run",
                tell::revision(&goal.revision)
            );
            let entry = judge::entry(self.app, self.now(), LedgerKind::Degraded, goal, message);
            self.commit(record, vec![entry], None).await?;
            return Ok(true);
        }
        let entries = judge::unhealthy(&mut record, self.app, goal, why, resources, self.now());
        if entries.is_empty() {
            return Ok(false);
        }
        let goes_back = record.hold.as_ref().is_some_and(|hold| hold.rollback)
            && goal.purpose == Purpose::Apply;
        self.commit(record, entries, None).await?;
        if goes_back {
            self.revert_in_git(goal, why).await?;
        }
        Ok(goes_back)
    }

    /// Takes the commit back in Git, where the policy says so. That it could not be done is told, and
    /// changes nothing: the hold stands by itself.
    async fn revert_in_git(&mut self, goal: &Goal, why: &str) -> Result<(), Error> {
        let wanted = revert::wanted(self.app, &self.record, goal, why, self.now());
        let Some(wanted) = wanted else { return Ok(()) };
        let failed = tell::revision(&goal.revision);
        let source = &self.world.source;
        let (kind, message) = match source.revert(self.app.source(), wanted).await {
            Ok(made) => {
                let to = made.reference.trim_start_matches("refs/heads/");
                (LedgerKind::Reverted, format!("{failed} is reverted by {} on {to}", made.short()))
            }
            Err(error) => {
                (LedgerKind::Refused, format!("{failed} is not reverted in Git: {error}"))
            }
        };
        let entry = judge::entry(self.app, self.now(), kind, goal, message);
        self.commit(self.record.clone(), vec![entry], None).await
    }

    async fn note_applied(&mut self, goal: &Goal, plan: &Plan) -> Result<(), Error> {
        let done = plan.actions.is_empty() && hooks::are_done(&self.record, goal);
        if goal.only_heal || !done || self.record.run.is_none() {
            return Ok(());
        }
        let mut record = self.record.clone();
        let entry = judge::applied(&mut record, self.app, goal, self.now());
        if record != self.record {
            self.commit(record, entry.into_iter().collect(), Some(goal)).await?;
        }
        Ok(())
    }

    async fn settle(
        mut self,
        goal: &Goal,
        observed: &Observed,
        plan: Plan,
    ) -> Result<Outcome, Error> {
        let mut record = self.record.clone();
        let mut entries = Vec::new();
        if !goal.only_heal {
            entries.extend(judge::applied(&mut record, self.app, goal, self.now()));
            self.note_place(&mut record);
        }
        entries.extend(judge::settled(&mut record, self.app, goal, self.now()));
        let deleted = self.app.delete && record.inventory.is_empty();
        if deleted {
            entries.push(judge::entry(self.app, self.now(), LedgerKind::Deleted, goal, "deleted"));
        }
        if record != self.record || !entries.is_empty() {
            self.commit(record, entries, Some(goal)).await?;
        }
        if deleted {
            self.world.target.forget(&self.app.name).await;
            self.world.store.remove(&self.app.name).await.map_err(Error::Store)?;
            return Ok(self.end(goal, observed, plan, State::Deleted));
        }
        Ok(self.end(goal, observed, plan, State::Settled))
    }

    /// Writes the record and entries durably; with a goal, also the contents that its set needs.
    async fn commit(
        &mut self,
        record: Record,
        entries: Vec<LedgerEntry>,
        goal: Option<&Goal>,
    ) -> Result<(), Error> {
        let contents = match goal {
            Some(goal) if !self.keeps(goal) => fold::contents_of(goal, &self.record),
            _ => Vec::new(),
        };
        let commit =
            Commit { record: record.clone(), entries: entries.clone(), contents, replaces: None };
        self.world.store.commit(&self.app.name, commit).await.map_err(Error::Store)?;
        self.record = record;
        self.entries.extend(entries);
        Ok(())
    }

    /// Whether the contents of this set were written before.
    fn keeps(&self, goal: &Goal) -> bool {
        let run = self.record.run.as_ref().map(|run| &run.set);
        run.into_iter().chain(&self.record.applied).any(|set| set.rendered == goal.rendered)
    }

    fn end(self, goal: &Goal, observed: &Observed, plan: Plan, state: State) -> Outcome {
        let health = worst(goal, observed);
        let state = self.standing(goal, state);
        let (declared, diagnostics) = match &self.declared {
            Ok(declared) => (Some(declared.summary()), declared.diagnostics.clone()),
            Err(undeclared) => (None, undeclared.diagnostics.clone()),
        };
        Outcome {
            app: self.app.name.clone(),
            state,
            declared,
            plan: Some(plan),
            health,
            diagnostics,
            entries: self.entries,
            record: self.record,
        }
    }

    /// What a person must know first: a pause before a pin, a pin before what it waits for.
    fn standing(&self, goal: &Goal, state: State) -> State {
        if self.app.delete {
            return state;
        }
        if self.record.careful {
            return State::Careful;
        }
        if let Some(paused) = self.paused() {
            return paused;
        }
        match (&goal.standing, state) {
            (Some(standing), State::Settled | State::Blocked { .. }) => standing.clone(),
            (Some(State::Held { why, rolled_back }), State::Degraded { why: now }) => {
                let nor = format!("{why}; nor is the state gone back to: {now}");
                let why = if *rolled_back { nor } else { why.clone() };
                State::Held { why, rolled_back: false }
            }
            (_, state) => state,
        }
    }

    fn without_goal(self) -> Outcome {
        let (state, declared, diagnostics) = match self.declared {
            Err(undeclared) => (
                State::Unreadable { why: undeclared.why, permanent: undeclared.permanent },
                None,
                undeclared.diagnostics,
            ),
            Ok(declared) => (State::Settled, Some(declared.summary()), declared.diagnostics),
        };
        Outcome {
            app: self.app.name.clone(),
            state,
            declared,
            plan: None,
            health: Health::new(trueup_model::HealthStatus::Unknown, "nothing is applied"),
            diagnostics,
            entries: self.entries,
            record: self.record,
        }
    }
}

/// The copy that lies with the target, where the store knows nothing of the app. Whoever may not read
/// it goes on without: careful, if state was lost.
async fn read_back(app: &Subject, world: &World, record: &Record) -> Option<Record> {
    if record.target.is_some() {
        return None;
    }
    let copy = world.target.kept(&context(app, world)).await.ok().flatten()?;
    copy::open(&copy, &app.name, &world.key)
}

fn context(app: &Subject, world: &World) -> AppContext {
    let kubernetes = app.spec().target.as_ref().and_then(|target| target.kubernetes.as_ref());
    AppContext {
        app: app.name.clone(),
        installation: world.installation.clone(),
        namespace: namespace(app).to_owned(),
        service_account: kubernetes.and_then(|target| target.service_account.clone()),
        revision: String::new(),
        rendered: trueup_model::resource::set_digest([]),
        adopt: app.spec().adopt.map(|from| from.as_str().to_owned()),
        formerly: Vec::new(),
    }
}

/// Of a stage, what puts back; where there is nothing of that, how the app stands.
fn only_healing(stage: Vec<Action>, otherwise: State) -> ControlFlow<State, Next> {
    let heals: Vec<Action> = stage.into_iter().filter(|action| action.heals).collect();
    if heals.is_empty() {
        ControlFlow::Break(otherwise)
    } else {
        ControlFlow::Continue(Next::Stage(heals))
    }
}

fn same_target(app: &Subject, record: &Record, capabilities: &Capabilities) -> Result<(), Error> {
    match &record.target {
        Some(recorded) if *recorded != capabilities.target => Err(Error::OtherTarget {
            app: app.name.clone(),
            recorded: format!("{} {}", recorded.kind, recorded.identity),
            found: format!("{} {}", capabilities.target.kind, capabilities.target.identity),
        }),
        _ => Ok(()),
    }
}

fn worst(goal: &Goal, observed: &Observed) -> Health {
    let of = |r: &std::sync::Arc<trueup_model::Resource>| {
        if hook::of(&r.body).is_some() {
            return None;
        }
        let seen = observed.get(&r.id)?;
        let reason = match seen.health.reason.as_str() {
            "" => r.id.to_string(),
            reason => format!("{}: {reason}", r.id),
        };
        Some(Health::new(seen.health.status, reason))
    };
    let worst = goal.resources.iter().filter_map(of).max_by_key(|health| health.status);
    match worst {
        Some(health) if !health.lets_go_on() => health,
        _ => Health::healthy(),
    }
}
