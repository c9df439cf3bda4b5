//! Which apps there are: what the roots declare now, against what they declared before. Pure.
//!
//! Nothing leaves by mistake. A root that cannot be read, or that holds a document that cannot be
//! understood, loses no app. One that loses all its apps, or more at once than the budget allows,
//! loses none before a person consents. An app that leaves one root and stands in another has moved.

use std::collections::{BTreeMap, BTreeSet};

use trueup_engine::Subject;
use trueup_model::{AppName, Diagnostic};

use crate::discover::Discovered;

/// More than this share of a root's apps, and at least so many, needs consent: the rule of pruning,
/// at the level of apps.
const SHARE_MAX: usize = 30;
const FLOOR: usize = 5;

/// What one root declares.
#[derive(Clone, Debug, Default)]
pub struct RootView {
    /// How people know it.
    pub name: String,
    /// What it declares; `None` while it was never read.
    pub found: Option<Discovered>,
    /// Whether it was read at its present commit.
    pub is_current: bool,
}

impl RootView {
    /// Whether there is no App document any more where there were some: then the folder is not an
    /// app itself, but a root that lost its apps.
    fn lost_its_documents(&self, known: &BTreeMap<AppName, Subject>) -> bool {
        let Some(found) = self.found.as_ref().filter(|found| found.is_itself) else { return false };
        let itself = found.subjects.first().map(|subject| &subject.name);
        known
            .values()
            .any(|known| known.declaration.root == self.name && Some(&known.name) != itself)
    }
}

/// Who is there, and who is not any more.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    /// The apps that are declared.
    pub declared: BTreeMap<AppName, Subject>,
    /// Apps that are not declared any more.
    pub left: Vec<AppName>,
    /// Apps that are not declared any more, and stay until a person consents; and why.
    pub waiting: BTreeMap<AppName, String>,
    /// New apps that were called otherwise before.
    pub renamed: BTreeMap<AppName, AppName>,
    /// What is wrong, by root.
    pub diagnostics: Vec<(usize, Diagnostic)>,
}

/// To which apps' leaving a person consented, and which wait for that, and why.
#[derive(Clone, Debug, Default)]
pub struct Consents {
    /// These may leave.
    pub accepted: BTreeSet<AppName>,
    /// These may not, however few they are by now.
    pub held: BTreeMap<AppName, String>,
}

/// Compares what roots declare with the apps that are `known`.
pub fn compare(
    roots: &[RootView],
    known: &BTreeMap<AppName, Subject>,
    consents: &Consents,
) -> Roster {
    let mut roster = Roster::default();
    for (n, root) in roots.iter().enumerate() {
        if root.lost_its_documents(known) {
            continue;
        }
        for subject in root.found.iter().flat_map(|found| &found.subjects) {
            let stands_in = known.get(&subject.name).map(|known| &known.declaration.root);
            match roster.declared.get(&subject.name) {
                None => {
                    roster.declared.insert(subject.name.clone(), subject.clone());
                }
                // Where it stood before it stays; the other one is refused.
                Some(other) if stands_in == Some(&subject.declaration.root) => {
                    let other = other.declaration.root.clone();
                    roster.diagnostics.push((n, twice(&subject.name, &other, &root.name)));
                    roster.declared.insert(subject.name.clone(), subject.clone());
                }
                Some(other) => {
                    let diagnostic = twice(&subject.name, &root.name, &other.declaration.root);
                    roster.diagnostics.push((n, diagnostic));
                }
            }
        }
    }
    rename(known, &mut roster);
    for root in roots {
        depart(root, known, consents, &mut roster);
    }
    roster
}

fn twice(app: &AppName, refused: &str, stays: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "App {app} is declared in {stays} and in {refused}; the one in {stays} holds"
    ))
    .hint("give one of them another name")
}

fn rename(known: &BTreeMap<AppName, Subject>, roster: &mut Roster) {
    let mut taken = BTreeSet::new();
    for subject in roster.declared.values() {
        let Some(formerly) = &subject.spec().formerly else { continue };
        let can = known.contains_key(formerly)
            && !known.contains_key(&subject.name)
            && !roster.declared.contains_key(formerly)
            && taken.insert(formerly.clone());
        if can {
            roster.renamed.insert(subject.name.clone(), formerly.clone());
        }
    }
}

fn depart(
    root: &RootView,
    known: &BTreeMap<AppName, Subject>,
    consents: &Consents,
    roster: &mut Roster,
) {
    let Some(found) = root.found.as_ref().filter(|_| root.is_current) else { return };
    if found.diagnostics.iter().any(Diagnostic::is_error) || !found.needs.is_empty() {
        return;
    }
    let own: Vec<&Subject> =
        known.values().filter(|known| known.declaration.root == root.name).collect();
    let renamed: BTreeSet<&AppName> = roster.renamed.values().collect();
    let is_gone =
        |app: &Subject| !roster.declared.contains_key(&app.name) && !renamed.contains(&app.name);
    let mut waiting: BTreeMap<AppName, String> = BTreeMap::new();
    for group in groups(&own) {
        let gone: Vec<&&Subject> = group.apps.iter().filter(|app| is_gone(app)).collect();
        let Some(how_many) = too_many(gone.len(), group.apps.len()) else { continue };
        let why = format!(
            "it is not in {} any more: {how_many} of {} are gone at once, so none leaves before a person consents",
            root.name, group.name
        );
        waiting.extend(gone.into_iter().map(|app| (app.name.clone(), why.clone())));
    }
    let gone: Vec<AppName> =
        own.iter().filter(|app| is_gone(app)).map(|app| app.name.clone()).collect();
    for name in gone {
        let why = waiting.remove(&name).or_else(|| consents.held.get(&name).cloned());
        match why.filter(|_| !consents.accepted.contains(&name)) {
            Some(why) => {
                roster.waiting.insert(name, why);
            }
            None => roster.left.push(name),
        }
    }
}

/// Apps that must not all leave at once.
struct Group<'a> {
    name: String,
    apps: Vec<&'a Subject>,
}

/// The apps of a root, and of each of its AppSets. Those of a set that may be empty come and go as
/// they like.
fn groups<'a>(own: &[&'a Subject]) -> Vec<Group<'a>> {
    let set = |app: &Subject| app.declaration.set.clone();
    let is_bound = |app: &&&Subject| !set(app).is_some_and(|set| set.may_be_empty);
    let bound: Vec<&Subject> = own.iter().filter(is_bound).copied().collect();
    let mut sets: BTreeMap<AppName, Vec<&Subject>> = BTreeMap::new();
    for app in &bound {
        if let Some(set) = set(app) {
            sets.entry(set.name).or_default().push(app);
        }
    }
    let of_set =
        |(name, apps): (AppName, Vec<&'a Subject>)| Group { name: format!("AppSet {name}"), apps };
    let mut groups: Vec<Group<'a>> = sets.into_iter().map(of_set).collect();
    groups.push(Group { name: "the root".to_owned(), apps: bound });
    groups
}

fn too_many(gone: usize, of: usize) -> Option<String> {
    match gone {
        0 => None,
        _ if gone == of => Some(format!("all {of} apps")),
        _ if gone >= FLOOR && gone.saturating_mul(100) > of.saturating_mul(SHARE_MAX) => {
            Some(format!("{gone} of {of} apps"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::record::{Declaration, SetMember};
    use trueup_model::{AppSpec, SourceSpec};

    fn app(name: &str) -> AppName {
        AppName::new(name).expect("a fitting name")
    }

    /// `name`, or `name<former`.
    fn subject(text: &str, root: &str) -> Subject {
        let (name, formerly) = match text.split_once('<') {
            Some((name, formerly)) => (name, Some(app(formerly))),
            None => (text, None),
        };
        let declaration = Declaration {
            spec: AppSpec { formerly, ..AppSpec::default() },
            source: SourceSpec { repo: "r".to_owned(), reference: "main".to_owned() },
            path: String::new(),
            target: "host".to_owned(),
            labels: BTreeMap::new(),
            root: root.to_owned(),
            set: None,
        };
        Subject::new(app(name), declaration)
    }

    fn root(name: &str, apps: &str) -> RootView {
        let subjects = apps.split_whitespace().map(|text| subject(text, name)).collect();
        let found = Discovered { subjects, ..Discovered::default() };
        RootView { name: name.to_owned(), found: Some(found), is_current: true }
    }

    fn known(apps: &[(&str, &str)]) -> BTreeMap<AppName, Subject> {
        let one = |(root, names): &(&str, &str)| {
            let names: Vec<String> = names.split_whitespace().map(str::to_owned).collect();
            let root = (*root).to_owned();
            names.into_iter().map(move |name| (app(&name), subject(&name, &root)))
        };
        apps.iter().flat_map(one).collect()
    }

    fn names<'a>(apps: impl IntoIterator<Item = &'a AppName>) -> String {
        apps.into_iter().map(AppName::as_str).collect::<Vec<_>>().join(" ")
    }

    fn check(known_apps: &[(&str, &str)], roots: &[RootView], left: &str, waiting: &str) -> Roster {
        let roster = compare(roots, &known(known_apps), &Consents::default());
        assert_eq!(names(&roster.left), left);
        assert_eq!(names(roster.waiting.keys()), waiting);
        roster
    }

    #[test]
    fn one_may_leave_and_many_may_not() {
        let ten = "a b c d e f g h i j";
        check(&[("r", ten)], &[root("r", ten)], "", "");
        check(&[("r", ten)], &[root("r", "a b c d e f g h i")], "j", "");
        check(&[("r", ten)], &[root("r", "a b c d e f")], "g h i j", "");
        check(&[("r", ten)], &[root("r", "a b c d e")], "", "f g h i j");
        check(&[("r", "a b")], &[root("r", "")], "", "a b");
        check(&[("r", "a")], &[root("r", "")], "", "a");
        check(&[("other", "a")], &[root("r", "")], "", "");
    }

    #[test]
    fn consent_lets_them_go() {
        let consents = Consents { accepted: [app("a")].into(), ..Consents::default() };
        let roster = compare(&[root("r", "")], &known(&[("r", "a b")]), &consents);
        assert_eq!((names(&roster.left), names(roster.waiting.keys())), ("a".into(), "b".into()));
        // Few as they are by now, those that were held stay held.
        let held = [(app("b"), "why".to_owned())].into();
        let consents = Consents { held, ..Consents::default() };
        let roster = compare(&[root("r", "c d e")], &known(&[("r", "b c d e")]), &consents);
        assert_eq!((names(&roster.left), names(roster.waiting.keys())), ("".into(), "b".into()));
    }

    #[test]
    fn a_set_that_yields_nothing_is_a_mistake_unless_it_may() {
        let of_set = |names: &[&str], may_be_empty: bool| {
            let mut apps = known(&[("r", &names.join(" "))]);
            for app in apps.values_mut() {
                let name = AppName::new("set").expect("a name");
                app.declaration.set = Some(SetMember { name, may_be_empty });
            }
            apps
        };
        for (may_be_empty, left, waiting) in [(false, "", "x y"), (true, "x y", "")] {
            let mut all = known(&[("r", "a b c d e f g h i j k l")]);
            let now: Vec<&str> = all.keys().map(AppName::as_str).collect();
            let roots = [root("r", &now.join(" "))];
            all.extend(of_set(&["x", "y"], may_be_empty));
            let roster = compare(&roots, &all, &Consents::default());
            assert_eq!(names(&roster.left), left);
            assert_eq!(names(roster.waiting.keys()), waiting);
        }
    }

    #[test]
    fn a_root_that_is_not_understood_loses_nothing() {
        let mut broken = root("r", "a");
        let found = broken.found.as_mut().expect("it was found");
        found.diagnostics.push(Diagnostic::error("unknown field"));
        check(&[("r", "a b c")], &[broken], "", "");
        let mut stale = root("r", "a");
        stale.is_current = false;
        check(&[("r", "a b c")], &[stale], "", "");
        check(&[("r", "a b c")], &[RootView { name: "r".into(), ..Default::default() }], "", "");
    }

    #[test]
    fn a_root_without_documents_is_itself_an_app_only_if_it_had_none() {
        let mut itself = root("r", "itself");
        itself.found.as_mut().expect("it was found").is_itself = true;
        let roster = check(&[("r", "a b")], &[itself.clone()], "", "a b");
        assert!(roster.declared.is_empty());
        let roster = check(&[("r", "itself")], &[itself], "", "");
        assert_eq!(names(roster.declared.keys()), "itself");
    }

    #[test]
    fn what_stands_in_another_root_has_moved() {
        let roster =
            check(&[("r", "a b"), ("s", "c")], &[root("r", "a"), root("s", "b c")], "", "");
        assert_eq!(roster.declared[&app("b")].declaration.root, "s");
        assert!(roster.diagnostics.is_empty());
    }

    #[test]
    fn of_two_with_one_name_the_first_holds() {
        for roots in [[root("r", "a"), root("s", "a")], [root("s", "a"), root("r", "a")]] {
            let roster = check(&[("r", "a")], &roots, "", "");
            assert_eq!(roster.declared[&app("a")].declaration.root, "r");
            let [(_, diagnostic)] = roster.diagnostics.as_slice() else { panic!("one is wrong") };
            assert!(diagnostic.message.contains("the one in r holds"), "{diagnostic}");
        }
    }

    #[test]
    fn a_new_name_takes_over_from_the_former() {
        let roster = check(&[("r", "a b")], &[root("r", "a new<b")], "", "");
        assert_eq!(roster.renamed, [(app("new"), app("b"))].into());
        let roster = check(&[("r", "a b")], &[root("r", "a b new<b")], "", "");
        assert!(roster.renamed.is_empty(), "b is still there");
        let roster = check(&[("r", "a b")], &[root("r", "x<b y<b a")], "", "");
        assert_eq!(roster.renamed, [(app("x"), app("b"))].into());
    }
}
