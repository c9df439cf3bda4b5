//! How the values of a user, a chart and its subcharts become one map.
//!
//! Helm has two ways, which differ in what null means: *coalescing*, in which null removes what a
//! chart sets by default, and *merging*, which keeps nulls because coalescing is still to come.
//! Where a key names a subchart, coalescing merges. And a null that removes nothing is kept by
//! Helm 4 but dropped by Helm 3.
//!
//! All of this works on maps with reference semantics, for what it yields shares maps: tables below
//! `global` are those of the parent chart, so that the defaults of a subchart show up there.

use std::sync::Arc;

use trueup_gotemplate::fmt::describe;
use trueup_gotemplate::{Map, Str, Value};

use crate::Profile;
use crate::assembly::Part;
use crate::chart::Chart;

/// What becomes of nulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// They remove keys: `CoalesceValues`.
    Remove,
    /// They are kept: `MergeValues`.
    Keep,
}

/// The values that the templates of a chart see, without any selection of its subcharts.
///
/// # Errors
/// If a value has the name of a subchart but is no table.
pub fn coalesce(
    chart: &Arc<Chart>,
    values: &serde_json::Map<String, serde_json::Value>,
    nulls: Nulls,
    profile: Profile,
) -> Result<serde_json::Map<String, serde_json::Value>, TypeMismatch> {
    let part = Part::new(chart);
    let coalesced = Coalescing::new(profile, nulls).of(&part, &super::to_map(values))?;
    Ok(super::to_json_map(&coalesced))
}

/// A walk over a chart and its subcharts; collects what Helm prints as warnings.
pub(crate) struct Coalescing {
    profile: Profile,
    nulls: Nulls,
    /// Helm's warnings, in its words.
    pub(crate) warnings: Vec<String>,
}

/// Name of the values that every chart sees.
pub(crate) const GLOBAL: &[u8] = b"global";

/// A value that a subchart's name has, though it is no table; Helm prints it with `%t`.
#[derive(Debug, Clone, thiserror::Error)]
#[error("type mismatch on {name}: {printed}")]
pub struct TypeMismatch {
    /// The name of the subchart.
    pub name: String,
    /// The value as Helm prints it.
    pub printed: String,
}

impl Coalescing {
    pub(crate) fn new(profile: Profile, nulls: Nulls) -> Self {
        Self { profile, nulls, warnings: Vec::new() }
    }

    /// The values of `part`: `values` where these say something, else what the chart and its
    /// subcharts set. `values` is copied first.
    pub(crate) fn of(&mut self, part: &Part, values: &Map) -> Result<Map, TypeMismatch> {
        let dest = deep_copy_map(values);
        self.part(part, &dest, "")?;
        Ok(dest)
    }

    fn part(&mut self, part: &Part, dest: &Map, prefix: &str) -> Result<(), TypeMismatch> {
        self.chart_values(part, dest, prefix);
        let prefix = join(prefix, &part.name);
        for child in &part.children {
            let name = Str::from(child.name.as_str());
            let below = match dest.get(child.name.as_bytes()) {
                None => {
                    let below = Map::any([]);
                    dest.insert(name, Value::Map(below.clone()));
                    below
                }
                Some(Value::Map(below)) => below,
                Some(value) => {
                    let printed = printed_as_bool(&value);
                    return Err(TypeMismatch { name: child.name.clone(), printed });
                }
            };
            self.globals(&below, dest, &prefix);
            self.part(child, &below, &prefix)?;
        }
        Ok(())
    }

    /// Fills in what the chart itself sets by default.
    fn chart_values(&mut self, part: &Part, dest: &Map, prefix: &str) {
        let prefix = join(prefix, &part.name);
        for (key, default) in deep_copy_map(&part.values).entries() {
            match (dest.get(key.as_bytes()), default) {
                (None, default) => dest.insert(key, default),
                (Some(Value::Nil), _) if self.nulls == Nulls::Remove => {
                    dest.remove(key.as_bytes());
                }
                (Some(Value::Map(own)), Value::Map(default)) => {
                    let is_child = |child: &Part| child.name.as_bytes() == key.as_bytes();
                    let nulls =
                        if part.children.iter().any(is_child) { Nulls::Keep } else { self.nulls };
                    self.tables(&own, &default, &join(&prefix, &text(&key)), nulls);
                }
                (Some(Value::Map(_)), default) if !default.is_nil() => self.warnings.push(format!(
                    "warning: skipped value for {prefix}.{}: Not a table.",
                    text(&key)
                )),
                _ => {}
            }
        }
    }

    /// Hands the global values of a chart down to a subchart: those of the chart win.
    fn globals(&mut self, dest: &Map, source: &Map, prefix: &str) {
        let table = |map: &Map| match map.get(GLOBAL) {
            None => Some(Map::any([])),
            Some(Value::Map(globals)) => Some(globals),
            Some(_) => None,
        };
        let Some(own) = table(dest) else {
            let warning = "warning: skipping globals because destination global is not a table.";
            return self.warnings.push(warning.to_owned());
        };
        let Some(given) = table(source) else {
            let warning = "warning: skipping globals because source global is not a table.";
            return self.warnings.push(warning.to_owned());
        };
        for (key, value) in given.entries() {
            match (value, own.get(key.as_bytes())) {
                // A shallow copy: what is below it stays shared with the parent chart.
                (Value::Map(table), None) => own.insert(key, Value::Map(shallow_copy(&table))),
                (Value::Map(table), Some(Value::Map(existing))) => {
                    let copy = shallow_copy(&table);
                    // The other way around: from the top down. Nulls go later, when the subchart's
                    // values are coalesced.
                    self.tables(&copy, &existing, &join(prefix, &text(&key)), Nulls::Keep);
                    own.insert(key, Value::Map(copy));
                }
                (Value::Map(_), Some(_)) => self.warnings.push(format!(
                    "Conflict: cannot merge map onto non-map for {:?}. Skipping.",
                    text(&key)
                )),
                (_, Some(Value::Map(_))) => {
                    self.warnings.push(format!("key {} is table. Skipping", text(&key)));
                }
                (value, _) => own.insert(key, value),
            }
        }
        dest.insert(GLOBAL.into(), Value::Map(own));
    }

    /// Fills in `dest` with what only `source` has; `CoalesceTables` and `MergeTables`.
    pub(crate) fn tables(&mut self, dest: &Map, source: &Map, prefix: &str, nulls: Nulls) {
        let defaults = source.entries();
        if self.profile == Profile::Helm4 {
            for (key, value) in dest.entries() {
                if value.is_nil() {
                    source.insert(key, Value::Nil);
                }
            }
        }
        for (key, default) in defaults {
            // What is null in `dest` is null in `source` by now, if this is Helm 4.
            match (dest.get(key.as_bytes()), default) {
                (None, default) => dest.insert(key, default),
                (Some(Value::Nil), default) => {
                    let removes = !default.is_nil() || self.profile == Profile::Helm3;
                    if nulls == Nulls::Remove && removes {
                        dest.remove(key.as_bytes());
                    } else if self.profile == Profile::Helm3 && is_table(&default) {
                        self.warn_not_a_table(prefix, &key, &default);
                    }
                }
                (Some(Value::Map(own)), Value::Map(default)) => {
                    self.tables(&own, &default, &join(prefix, &text(&key)), nulls);
                }
                (Some(_), default) if is_table(&default) => {
                    self.warn_not_a_table(prefix, &key, &default);
                }
                (Some(Value::Map(_)), default) if !default.is_nil() => {
                    self.warnings.push(format!(
                        "warning: destination for {} is a table. Ignoring non-table value ({})",
                        join(prefix, &text(&key)),
                        describe(&default),
                    ));
                }
                _ => {}
            }
        }
    }

    fn warn_not_a_table(&mut self, prefix: &str, key: &Str, default: &Value) {
        self.warnings.push(format!(
            "warning: cannot overwrite table with non table for {} ({})",
            join(prefix, &text(key)),
            describe(default),
        ));
    }
}

/// As `%t` prints what is no boolean, which is what Helm does here.
fn printed_as_bool(value: &Value) -> String {
    let printed = describe(value);
    match value {
        Value::Bool(_) => printed,
        Value::Nil => "%!t(<nil>)".to_owned(),
        Value::List(list) => {
            let items: Vec<String> = list.iter().map(printed_as_bool).collect();
            format!("[{}]", items.join(" "))
        }
        other => {
            let of = other.go_type().map(ToString::to_string).unwrap_or_default();
            format!("%!t({of}={printed})")
        }
    }
}

fn is_table(value: &Value) -> bool {
    matches!(value, Value::Map(_))
}

fn text(key: &Str) -> String {
    String::from_utf8_lossy(key.as_bytes()).into_owned()
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
}

fn shallow_copy(map: &Map) -> Map {
    Map::any(map.entries())
}

/// A copy that shares nothing with the original. Values come from documents, whose depth is bounded.
pub(crate) fn deep_copy_map(map: &Map) -> Map {
    Map::any(map.borrow().iter().map(|(key, value)| (key.clone(), deep_copy(value))))
}

fn deep_copy(value: &Value) -> Value {
    match value {
        Value::Map(map) => Value::Map(deep_copy_map(map)),
        Value::List(list) => Value::list(list.iter().map(deep_copy).collect()),
        other => other.clone(),
    }
}
