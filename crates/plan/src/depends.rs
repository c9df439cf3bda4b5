//! Dependencies between apps: what an app waits for before changes are applied to it.
//!
//! A dependency is met when the other app is settled and healthy at what Git says of it now, and, if
//! there is a condition (CEL), when that holds for its status document too.

use std::collections::{BTreeMap, BTreeSet};

use cel::{Context, Program, Value as CelValue};
use serde_json::Value;
use trueup_model::AppName;
use trueup_model::app::Dependency;

/// How another app stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Stand {
    /// Whether it is settled and healthy at what Git says now.
    pub ready: bool,
    /// Why it is not, as a clause.
    pub why: String,
    /// Its status document: what a condition sees as `app`.
    pub document: Value,
}

/// Why changes are not applied to an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Another app is not ready.
    For {
        /// Which.
        app: AppName,
        /// Why not, as a clause.
        why: String,
    },
    /// What it says of its dependencies cannot come true: a person must change it.
    Refused {
        /// What is wrong.
        why: String,
    },
}

/// What an app waits for, by what it depends on; `None`: nothing is in its way.
pub fn waits(
    app: &AppName,
    graph: &BTreeMap<AppName, Vec<Dependency>>,
    stand: impl Fn(&AppName) -> Option<Stand>,
) -> Option<Waits> {
    let dependencies = graph.get(app).map(Vec::as_slice).unwrap_or_default();
    if let Some(cycle) = cycle(app, graph) {
        let names: Vec<&str> = cycle.iter().map(|app| app.as_str()).collect();
        let why = format!("apps wait for each other: {}", names.join(" → "));
        return Some(Waits::Refused { why });
    }
    dependencies.iter().find_map(|dependency| unmet(dependency, graph, &stand))
}

fn unmet(
    dependency: &Dependency,
    graph: &BTreeMap<AppName, Vec<Dependency>>,
    stand: impl Fn(&AppName) -> Option<Stand>,
) -> Option<Waits> {
    let other = &dependency.app;
    if !graph.contains_key(other) {
        return Some(Waits::Refused { why: unknown(other, graph) });
    }
    let waits = |why: String| Some(Waits::For { app: other.clone(), why });
    let Some(stand) = stand(other) else { return waits("it was not looked at yet".to_owned()) };
    if !stand.ready {
        return waits(stand.why);
    }
    let condition = dependency.when.as_ref()?;
    match holds(condition, &stand.document) {
        Ok(true) => None,
        Ok(false) => waits(format!("`{condition}` does not hold")),
        Err(why) => {
            let why = format!("the condition `{condition}` on app {other} {why}");
            Some(Waits::Refused { why })
        }
    }
}

fn unknown(other: &AppName, graph: &BTreeMap<AppName, Vec<Dependency>>) -> String {
    let near = graph
        .keys()
        .map(|name| (strsim::osa_distance(name.as_str(), other.as_str()), name))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    match near {
        Some((_, near)) => {
            format!("it depends on app {other}, which there is not; did you mean {near}?")
        }
        None => format!("it depends on app {other}, which there is not"),
    }
}

/// Whether a condition holds for a status document. The error says what is wrong, as a predicate.
pub fn holds(condition: &str, document: &Value) -> Result<bool, String> {
    let program = Program::compile(condition)
        .map_err(|error| format!("cannot be read: {}", one_line(&error.to_string())))?;
    let mut context = Context::default();
    context
        .add_variable("app", document)
        .map_err(|error| format!("cannot be given the status: {error}"))?;
    match program.execute(&context) {
        Ok(CelValue::Bool(holds)) => Ok(holds),
        Ok(_) => Err("says neither true nor false".to_owned()),
        Err(error) => Err(format!("cannot be evaluated: {}", one_line(&error.to_string()))),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first way on which an app depends on itself: it, and who is on the way, and it again.
pub fn cycle(app: &AppName, graph: &BTreeMap<AppName, Vec<Dependency>>) -> Option<Vec<AppName>> {
    let mut before: BTreeMap<&AppName, &AppName> = BTreeMap::new();
    let mut seen: BTreeSet<&AppName> = BTreeSet::new();
    let mut next = vec![app];
    while let Some(from) = next.pop() {
        for to in graph.get(from).into_iter().flatten().map(|dependency| &dependency.app) {
            if to == app {
                return Some(way(app, from, &before));
            }
            if seen.insert(to) {
                before.insert(to, from);
                next.push(to);
            }
        }
    }
    None
}

fn way(app: &AppName, last: &AppName, before: &BTreeMap<&AppName, &AppName>) -> Vec<AppName> {
    let mut way = vec![app.clone()];
    let mut at = last;
    while at != app {
        way.push(at.clone());
        let Some(from) = before.get(at) else { break };
        at = from;
    }
    way.push(app.clone());
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> AppName {
        AppName::new(text).expect("a fitting name")
    }

    fn graph(edges: &[(&str, &[&str])]) -> BTreeMap<AppName, Vec<Dependency>> {
        let on = |app: &&str| Dependency { app: name(app), when: None };
        edges.iter().map(|(app, on_)| (name(app), on_.iter().map(on).collect())).collect()
    }

    fn check(edges: &[(&str, &[&str])], ready: &[&str], expected: Option<&str>) {
        let graph = graph(edges);
        let stand = |app: &AppName| {
            Some(Stand {
                ready: ready.contains(&app.as_str()),
                why: format!("{app} is not ready"),
                document: json!({}),
            })
        };
        let found = waits(&name("shop"), &graph, stand).map(|waits| match waits {
            Waits::For { app, why } => format!("{app}: {why}"),
            Waits::Refused { why } => why,
        });
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn an_app_waits_for_what_is_not_ready() {
        let edges: &[(&str, &[&str])] =
            &[("shop", &["database", "queue"]), ("database", &[]), ("queue", &[])];
        check(edges, &["database", "queue"], None);
        check(edges, &["database"], Some("queue: queue is not ready"));
        check(&[("shop", &[])], &[], None);
    }

    #[test]
    fn an_unknown_app_is_named() {
        let edges: &[(&str, &[&str])] = &[("shop", &["databse"]), ("database", &[])];
        check(
            edges,
            &[],
            Some("it depends on app databse, which there is not; did you mean database?"),
        );
        check(
            &[("shop", &["elsewhere"])],
            &[],
            Some("it depends on app elsewhere, which there is not"),
        );
    }

    #[test]
    fn a_cycle_is_shown() {
        let edges: &[(&str, &[&str])] =
            &[("shop", &["web"]), ("web", &["database"]), ("database", &["web", "shop"])];
        check(
            edges,
            &["web", "database"],
            Some("apps wait for each other: shop → web → database → shop"),
        );
        check(&[("shop", &["shop"])], &[], Some("apps wait for each other: shop → shop"));
        // Who merely depends on a cycle is not in it.
        let edges: &[(&str, &[&str])] = &[("shop", &["a"]), ("a", &["b"]), ("b", &["a"])];
        check(edges, &[], Some("a: a is not ready"));
    }

    #[test]
    fn conditions_see_the_status() {
        let document = json!({"state": "healthy", "resources": 12, "labels": {"tier": "1"}});
        for (condition, expected) in [
            ("app.state == 'healthy'", Ok(true)),
            ("app.resources > 20", Ok(false)),
            ("has(app.labels.tier) && app.labels.tier in ['1', '2']", Ok(true)),
            ("app.resources", Err("says neither true nor false")),
            ("app.nothing == 1", Err("cannot be evaluated")),
            ("app.state ==", Err("cannot be read")),
            ("self.x", Err("cannot be evaluated")),
        ] {
            match (holds(condition, &document), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{condition}"),
                (Err(found), Err(expected)) => assert!(found.starts_with(expected), "{found}"),
                (found, _) => panic!("{condition}: {found:?}"),
            }
        }
    }
}
