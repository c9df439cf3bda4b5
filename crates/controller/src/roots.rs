//! What becomes of a repository's answer: which apps its roots declare now, and which apps its new
//! commit touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::time::Instant;
use trueup_api::SourceStatus;
use trueup_engine::Subject;
use trueup_engine::membership::Membership;
use trueup_model::app::OnRemove;
use trueup_model::app_set::{PullRequest, PullRequestQuery};
use trueup_model::ports::PortError;
use trueup_model::tree::{RecordingTree, reads_the_same};
use trueup_model::{AppName, Diagnostic, SourceSpec};
use trueup_render::app_sets::Need;

use crate::board::move_on;
use crate::discover::{self, discover};
use crate::objects::TITLE;
use crate::queue::Urgency;
use crate::roster::{self, Consents, RootView, Roster};
use crate::run::{Asking, Controller, Errand, Notice};
use crate::sources::{Answer, Snapshot};

impl Controller {
    /// Takes up what the ledger knows: the apps of these roots, before any repository is asked.
    pub(crate) async fn remember(&mut self) {
        let objects = self.objects.as_ref().map(|objects| objects.view.name.clone());
        let titles: BTreeSet<String> =
            self.roots.iter().map(|root| root.view.name.clone()).chain(objects).collect();
        let roots: Vec<Subject> =
            self.roots.iter().map(|known| discover::itself(&known.root)).collect();
        let world = roots.iter().find_map(|root| self.worlds.world(&root.declaration).ok());
        let Some(world) = world else { return self.ask_roots(&roots) };
        for app in world.store.apps().await.unwrap_or_default() {
            let record = world.store.record(&app).await.unwrap_or_default();
            let Some(declaration) = record.declaration else { continue };
            if !titles.contains(&declaration.root) {
                continue;
            }
            let mut subject = Subject::new(app.clone(), declaration);
            if let Some(left) = &record.left {
                subject.delete = left.delete;
                self.left.insert(app.clone());
                self.admit(&subject);
                self.queue.ask(&app, Urgency::Time, Instant::now());
            }
            self.subjects.write().await.insert(app, subject);
        }
        self.ask_roots(&roots);
    }

    fn ask_roots(&mut self, roots: &[Subject]) {
        for root in roots {
            self.errands.insert(Errand::Repository(root.source().repo.clone()), Asking::now());
        }
    }

    /// Takes in what a repository answered; `before` is what was known of each reference.
    pub(crate) async fn learn(&mut self, before: Vec<(SourceSpec, Option<Answer>)>) {
        let mut changed = self.read_clusters();
        for (spec, _) in &before {
            if let Some(Ok(snapshot)) = self.sources.known(spec) {
                let need = Need::Repository(spec.clone());
                let known = self.answers.trees.insert(spec.clone(), snapshot.tree);
                let now = self.answers.trees.get(spec);
                let same = known.zip(now).is_some_and(|(known, now)| Arc::ptr_eq(&known, now));
                changed |= !same && self.read_roots_that_use(&need);
            }
        }
        for n in 0..self.roots.len() {
            let spec = &self.roots[n].root.source;
            if before.iter().any(|(answered, _)| answered == spec) {
                match self.sources.known(spec) {
                    Some(Ok(snapshot)) => changed |= self.read_root(n, &snapshot, false),
                    Some(Err(error)) => changed |= self.miss_root(n, error).await,
                    None => {}
                }
            }
        }
        if changed {
            self.muster().await;
        }
        for (spec, before) in before {
            match self.sources.known(&spec) {
                Some(Ok(snapshot)) => self.spread_news(&spec, before, &snapshot).await,
                Some(Err(error)) => self.spread_failure(&spec, before, &error).await,
                None => {}
            }
        }
    }

    /// Reads a root's documents again if any of its files changed. Says whether it did.
    fn read_root(&mut self, n: usize, snapshot: &Snapshot, news: bool) -> bool {
        let known = &mut self.roots[n];
        let was_current = std::mem::replace(&mut known.view.is_current, true);
        let complete = known.view.found.as_ref().is_some_and(|found| found.needs.is_empty());
        if complete && !news && reads_the_same(snapshot.tree.as_ref(), &known.reads) {
            return !was_current;
        }
        let recording = RecordingTree::new(snapshot.tree.as_ref());
        let found = discover(&known.root, &recording, &self.answers);
        known.reads = Arc::new(recording.into_reads());
        let (diagnostics, needs) = (found.diagnostics.clone(), found.needs.clone());
        known.uses.extend(needs.iter().cloned());
        known.view.found = Some(found);
        self.say(n, diagnostics);
        let wants_clusters = needs.contains(&Need::Clusters);
        for need in needs {
            match need {
                Need::Repository(spec) => {
                    self.errands.insert(Errand::Repository(spec.repo), Asking::now());
                }
                Need::PullRequests(query) => {
                    let errand = Errand::PullRequests(query);
                    self.errands.entry(errand).or_insert_with(Asking::now);
                }
                Need::Clusters => self.answers.clusters = Some(self.worlds.clusters()),
            }
        }
        if wants_clusters {
            return self.read_root(n, snapshot, true);
        }
        true
    }

    /// Reads the documents of roots again whose AppSets use an answer that is another one now.
    fn read_roots_that_use(&mut self, need: &Need) -> bool {
        let users = self.roots.iter().enumerate().filter(|(_, root)| root.uses.contains(need));
        let users: Vec<usize> = users.map(|(n, _)| n).collect();
        for n in &users {
            if let Some(Ok(snapshot)) = self.sources.known(&self.roots[*n].root.source) {
                self.read_root(*n, &snapshot, true);
            }
        }
        !users.is_empty()
    }

    /// Which clusters there are, if that is of interest. Says whether roots were read again for it.
    fn read_clusters(&mut self) -> bool {
        if !self.roots.iter().any(|root| root.uses.contains(&Need::Clusters)) {
            return false;
        }
        let clusters = Some(self.worlds.clusters());
        if self.answers.clusters == clusters {
            return false;
        }
        self.answers.clusters = clusters;
        self.read_roots_that_use(&Need::Clusters)
    }

    /// Takes in which pull requests are open. Where that cannot be told, those of before still are.
    pub(crate) async fn learn_pull_requests(
        &mut self,
        query: PullRequestQuery,
        open: Result<Vec<PullRequest>, PortError>,
    ) {
        let need = Need::PullRequests(query.clone());
        match open {
            Ok(open) => {
                let known = self.answers.pull_requests.insert(query, open.clone());
                if known.as_ref() != Some(&open) && self.read_roots_that_use(&need) {
                    self.muster().await;
                }
            }
            Err(error) => {
                let users = self.roots.iter().enumerate().filter(|(_, r)| r.uses.contains(&need));
                for n in users.map(|(n, _)| n).collect::<Vec<_>>() {
                    self.say(n, vec![Diagnostic::error(error.message.clone())]);
                }
            }
        }
    }

    /// A root that cannot be read loses nothing: its apps go on as they were applied.
    async fn miss_root(&mut self, n: usize, error: PortError) -> bool {
        self.say(n, vec![Diagnostic::error(error.message)]);
        let known = &mut self.roots[n];
        known.view.is_current = false;
        let name = known.view.name.clone();
        let itself = discover::itself(&known.root);
        if known.view.found.is_some() {
            return false;
        }
        let mut subjects = self.subjects.write().await;
        if !subjects.values().any(|subject| subject.declaration.root == name) {
            known.stand_in = Some(itself.name.clone());
            subjects.insert(itself.name.clone(), itself);
        }
        let apps: Vec<Subject> =
            subjects.values().filter(|s| s.declaration.root == name).cloned().collect();
        drop(subjects);
        for subject in &apps {
            self.admit(subject);
        }
        false
    }

    /// Says what is wrong with a root; after the last one come the objects of the cluster.
    pub(crate) fn say(&self, n: usize, diagnostics: Vec<Diagnostic>) {
        if !diagnostics.is_empty() {
            let root = self.roots.get(n).map(|root| root.view.name.clone());
            let repo = root.unwrap_or_else(|| TITLE.to_owned());
            self.notice(Notice::Root { repo, diagnostics });
        }
    }

    /// Compares what the roots declare with the apps that are known.
    pub(crate) async fn muster(&mut self) {
        self.dismiss_stand_ins().await;
        let known: BTreeMap<AppName, Subject> = {
            let subjects = self.subjects.read().await;
            let here = subjects.iter().filter(|(name, _)| !self.left.contains(*name));
            here.map(|(name, subject)| (name.clone(), subject.clone())).collect()
        };
        let consents = Consents { accepted: self.accepted.clone(), held: self.leaving.clone() };
        let objects = self.objects.as_ref().map(|objects| objects.view.clone());
        let views: Vec<RootView> =
            self.roots.iter().map(|root| root.view.clone()).chain(objects).collect();
        let roster = roster::compare(&views, &known, &consents);
        for (n, diagnostic) in roster.diagnostics.clone() {
            self.say(n, vec![diagnostic]);
        }
        self.leave(&roster, &known).await;
        for (name, from) in &roster.renamed {
            self.memberships.insert(name.clone(), Membership::Renamed { from: from.clone() });
            self.forget(from).await;
        }
        for (name, subject) in roster.declared {
            self.join(name, subject, &known).await;
        }
        self.hold_back(roster.waiting).await;
        self.drop_unused().await;
    }

    /// An app that stood in for what a root declares is forgotten once the root was read: it is not
    /// one that left.
    async fn dismiss_stand_ins(&mut self) {
        let read = self.roots.iter_mut().filter(|root| root.view.found.is_some());
        let names: Vec<AppName> = read.filter_map(|root| root.stand_in.take()).collect();
        for name in names {
            self.forget(&name).await;
        }
    }

    /// Apps that are not declared any more, and may go.
    async fn leave(&mut self, roster: &Roster, known: &BTreeMap<AppName, Subject>) {
        for name in &roster.left {
            let Some(mut subject) = known.get(name).cloned() else { continue };
            let delete = subject.spec().on_remove == OnRemove::Delete;
            let root = subject.declaration.root.clone();
            subject.delete = delete;
            self.accepted.remove(name);
            self.left.insert(name.clone());
            self.memberships.insert(name.clone(), Membership::Left { root, delete });
            self.admit(&subject);
            self.subjects.write().await.insert(name.clone(), subject);
            self.queue.ask(name, Urgency::Commit, Instant::now());
        }
    }

    /// An app that is declared.
    async fn join(&mut self, name: AppName, subject: Subject, known: &BTreeMap<AppName, Subject>) {
        let returned = self.left.remove(&name);
        if returned {
            self.memberships.insert(name.clone(), Membership::Returned);
        }
        self.admit(&subject);
        let changed = known.get(&name) != Some(&subject);
        if changed {
            self.subjects.write().await.insert(name.clone(), subject.clone());
        }
        // Before its repository answered there is nothing to look at; the answer asks.
        let answered = self.sources.known(subject.source()).is_some();
        if !answered {
            self.ask_soon(&subject.source().repo);
        }
        if answered && (changed || returned || self.memberships.contains_key(&name)) {
            self.queue.ask(&name, Urgency::Commit, Instant::now());
        }
    }

    /// Apps that would leave if a person let them: they go on as they were, and it is said loudly.
    async fn hold_back(&mut self, waiting: BTreeMap<AppName, String>) {
        let before = std::mem::replace(&mut self.leaving, waiting);
        let news: BTreeSet<&String> = self
            .leaving
            .iter()
            .filter(|(name, _)| !before.contains_key(*name))
            .map(|(_, why)| why)
            .collect();
        for why in news {
            let first = self.leaving.iter().find(|(_, other)| *other == why);
            let app = first.map(|(name, _)| name.to_string()).unwrap_or_default();
            let diagnostic = Diagnostic::error(format!("App {app}: {why}")).hint(
                "trueup accept --leaving lets them go; bring their documents back to keep them",
            );
            self.notice(Notice::Root { repo: "apps".to_owned(), diagnostics: vec![diagnostic] });
        }
        let changed: Vec<AppName> = self
            .leaving
            .keys()
            .filter(|name| !before.contains_key(*name))
            .chain(before.keys().filter(|name| !self.leaving.contains_key(*name)))
            .cloned()
            .collect();
        for name in changed {
            let subject = self.subjects.read().await.get(&name).cloned();
            if let Some(subject) = subject {
                self.admit(&subject);
            }
            self.queue.ask(&name, Urgency::Commit, Instant::now());
        }
    }

    /// Repositories and references that nothing uses are not asked any more.
    async fn drop_unused(&mut self) {
        let subjects = self.subjects.read().await;
        let used: BTreeSet<&SourceSpec> = subjects
            .values()
            .map(Subject::source)
            .chain(self.roots.iter().map(|known| &known.root.source))
            .collect();
        let needs: BTreeSet<&Need> = self.roots.iter().flat_map(|known| &known.uses).collect();
        let needed = needs.iter().filter_map(|need| match need {
            Need::Repository(spec) => Some(spec),
            _ => None,
        });
        let used: BTreeSet<&SourceSpec> = used.into_iter().chain(needed).collect();
        let repos: BTreeSet<&str> = used.iter().map(|spec| spec.repo.as_str()).collect();
        self.sources.retain(|spec| used.contains(spec));
        self.answers.trees.retain(|spec, _| used.contains(spec));
        self.errands.retain(|errand, _| match errand {
            Errand::Repository(repo) => repos.contains(repo.as_str()),
            Errand::PullRequests(query) => needs.contains(&Need::PullRequests(query.clone())),
        });
        self.board.write().await.sources.retain(|spec, _| used.contains(spec));
    }

    async fn users(&self, spec: &SourceSpec) -> Vec<Subject> {
        let subjects = self.subjects.read().await;
        let uses = subjects.values().filter(|subject| subject.source() == spec);
        uses.filter(|subject| !self.left.contains(&subject.name)).cloned().collect()
    }

    /// A repository answered: the apps that its commit touches are looked at, the others move on.
    async fn spread_news(
        &mut self,
        spec: &SourceSpec,
        before: Option<Answer>,
        snapshot: &Snapshot,
    ) {
        let before = before.and_then(Result::ok);
        let is_news =
            before.as_ref().map(|b| &b.revision.commit) != Some(&snapshot.revision.commit);
        let users = self.users(spec).await;
        let mut touched: Vec<&Subject> = Vec::new();
        for subject in &users {
            if !self.moves_on(subject, snapshot, is_news).await {
                touched.push(subject);
            }
        }
        self.expect(&touched);
        for subject in &touched {
            self.queue.ask(&subject.name, Urgency::Commit, Instant::now());
        }
        let mut board = self.board.write().await;
        let known = board.sources.get(spec).and_then(|status| status.changed);
        let changed = match before {
            Some(_) if is_news => Some(touched.len()),
            Some(_) => known,
            None => None,
        };
        let standing = SourceStatus {
            repo: spec.repo.clone(),
            reference: spec.reference.clone(),
            revision: Some(snapshot.revision.clone()),
            apps: users.len(),
            changed,
            why: String::new(),
            asked: Some(self.clock.now()),
        };
        board.sources.insert(spec.clone(), standing);
    }

    /// Whether an app needs no look because of this answer: it was looked at, and the commit, if it is
    /// another one, touches nothing that it is made of.
    async fn moves_on(&self, subject: &Subject, snapshot: &Snapshot, is_news: bool) -> bool {
        if self.queue.is_running(&subject.name) && is_news {
            return false;
        }
        let untouched = !is_news || {
            let world = self.worlds.world(&subject.declaration);
            world.is_ok_and(|w| w.renderer.is_untouched(&subject.name, snapshot.tree.as_ref()))
        };
        if !untouched {
            return false;
        }
        let mut board = self.board.write().await;
        let standing = board.apps.get_mut(&subject.name);
        standing.is_some_and(|standing| move_on(standing, &snapshot.revision))
    }

    fn expect(&self, touched: &[&Subject]) {
        let Some(first) = touched.first() else { return };
        if let Ok(world) = self.worlds.world(&first.declaration) {
            let apps = touched.iter().map(|s| (s.name.clone(), s.declaration.place()));
            world.renderer.expect(apps);
        }
    }

    /// A repository does not answer: its apps say so, once.
    async fn spread_failure(
        &mut self,
        spec: &SourceSpec,
        before: Option<Answer>,
        error: &PortError,
    ) {
        let users = self.users(spec).await;
        if !matches!(before, Some(Err(before)) if before == *error) {
            for subject in &users {
                self.queue.ask(&subject.name, Urgency::Commit, Instant::now());
            }
        }
        let mut board = self.board.write().await;
        let standing = board.sources.entry(spec.clone()).or_insert_with(|| SourceStatus {
            repo: spec.repo.clone(),
            reference: spec.reference.clone(),
            revision: None,
            apps: 0,
            changed: None,
            why: String::new(),
            asked: None,
        });
        standing.apps = users.len();
        standing.why.clone_from(&error.message);
        standing.asked = Some(self.clock.now());
    }
}
