//! A chart with its subcharts as one release uses them: aliases given, disabled ones left out,
//! imported values taken over.
//!
//! A loaded [`Chart`] is immutable and shared; an assembly is made of it for each rendering.

use std::sync::Arc;

use trueup_gotemplate::{Map, Str, Value};

use crate::chart::{Chart, Dependency};
use crate::values::coalesce::{Coalescing, Nulls, TypeMismatch, deep_copy_map};
use crate::{Profile, versions};

/// A chart at its place in the assembly.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Its name or alias.
    pub(crate) name: String,
    pub(crate) chart: Arc<Chart>,
    /// The dependencies that are in use; their names are the aliases.
    pub(crate) dependencies: Vec<Dependency>,
    /// The chart's default values, with what was imported.
    pub(crate) values: Map,
    pub(crate) children: Vec<Part>,
}

/// An assembly and what Helm would have warned of.
pub(crate) struct Assembly {
    pub(crate) root: Part,
    pub(crate) warnings: Vec<String>,
}

/// Assembles a chart for these values of the user: `ProcessDependencies` of Helm.
pub(crate) fn assemble(
    chart: &Arc<Chart>,
    values: &Map,
    profile: Profile,
) -> Result<Assembly, TypeMismatch> {
    let mut root = Part::new(chart);
    let mut warnings = Vec::new();
    root.select(values, "", profile, &mut warnings)?;
    root.import_all(profile, &mut warnings)?;
    Ok(Assembly { root, warnings })
}

impl Part {
    /// The chart as it was loaded, with all of its subcharts.
    pub(crate) fn new(chart: &Arc<Chart>) -> Self {
        Self {
            name: chart.metadata.name.clone(),
            chart: Arc::clone(chart),
            dependencies: chart.metadata.dependencies().cloned().collect(),
            values: crate::values::to_map(&chart.values),
            children: chart.dependencies.iter().map(Self::new).collect(),
        }
    }

    /// Gives aliases, then leaves out what conditions and tags disable, here and below.
    fn select(
        &mut self,
        values: &Map,
        path: &str,
        profile: Profile,
        warnings: &mut Vec<String>,
    ) -> Result<(), TypeMismatch> {
        if self.dependencies.is_empty() {
            return Ok(());
        }
        self.alias(profile);
        let mut coalescing = Coalescing::new(profile, Nulls::Remove);
        let coalesced = coalescing.of(self, values)?;
        warnings.append(&mut coalescing.warnings);

        apply_tags(&mut self.dependencies, &coalesced, warnings);
        apply_conditions(&mut self.dependencies, &coalesced, path, warnings);
        let disabled: Vec<String> = self
            .dependencies
            .iter()
            .filter(|dependency| !dependency.enabled)
            .map(|dependency| dependency.name.clone())
            .collect();
        self.children.retain(|child| !disabled.contains(&child.name));
        self.dependencies.retain(|dependency| !disabled.contains(&dependency.name));
        for child in &mut self.children {
            let path = format!("{path}{}.", child.name);
            child.select(&coalesced, &path, profile, warnings)?;
        }
        Ok(())
    }

    /// Puts subcharts that are not declared first, then the declared ones in their order, once for
    /// each declaration, under the alias.
    fn alias(&mut self, profile: Profile) {
        let fits = |dependency: &Dependency, child: &Part| {
            child.name == dependency.name
                && versions::satisfies(&dependency.version, &child.chart.metadata.version, profile)
        };
        let mut children: Vec<Part> = Vec::new();
        for child in &self.children {
            if !self.dependencies.iter().any(|dependency| fits(dependency, child)) {
                children.push(child.clone());
            }
        }
        for dependency in &mut self.dependencies {
            if let Some(child) = self.children.iter().find(|child| fits(dependency, child)) {
                let mut child = child.clone();
                if !dependency.alias.is_empty() {
                    child.name.clone_from(&dependency.alias);
                }
                children.push(child);
            }
            if !dependency.alias.is_empty() {
                dependency.name.clone_from(&dependency.alias);
            }
            dependency.enabled = true;
        }
        self.children = children;
    }

    /// Takes over the values that each chart imports from its subcharts, from the leaves up.
    fn import_all(
        &mut self,
        profile: Profile,
        warnings: &mut Vec<String>,
    ) -> Result<(), TypeMismatch> {
        for child in &mut self.children {
            child.import_all(profile, warnings)?;
        }
        self.import(profile, warnings)
    }

    fn import(&mut self, profile: Profile, warnings: &mut Vec<String>) -> Result<(), TypeMismatch> {
        if self.dependencies.is_empty() {
            return Ok(());
        }
        let mut merging = Coalescing::new(profile, Nulls::Keep);
        let merged = merging.of(self, &Map::any([]))?;
        let imported = Map::any([]);
        for dependency in &self.dependencies {
            for (child, parent) in imports(dependency) {
                let path = format!("{}.{child}", dependency.name);
                match table(&merged, &path) {
                    Some(table) => {
                        let placed = place(&parent, table);
                        merging.tables(&imported, &placed, "", Nulls::Keep);
                    }
                    None => merging.warnings.push(format!(
                        "ImportValues missing table from chart {}: {path} is not a table",
                        dependency.name
                    )),
                }
            }
        }
        // What was imported may share tables with where it came from, hence the copy.
        self.values = deep_copy_map(&merged);
        merging.tables(&self.values, &imported, "", Nulls::Keep);
        warnings.append(&mut merging.warnings);
        Ok(())
    }
}

/// The `import-values` of a dependency as (path in the subchart, path in the parent).
fn imports(dependency: &Dependency) -> Vec<(String, String)> {
    use serde_json::Value as Json;
    let text = |value: Option<&Json>| match value {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Null) | None => "<nil>".to_owned(),
        Some(other) => other.to_string(),
    };
    dependency
        .import_values
        .iter()
        .filter_map(|import| match import {
            Json::Object(pair) => Some((text(pair.get("child")), text(pair.get("parent")))),
            Json::String(name) => Some((format!("exports.{name}"), ".".to_owned())),
            _ => None,
        })
        .collect()
}

/// A table that holds `table` at a dotted path.
fn place(path: &str, table: Map) -> Map {
    if path == "." {
        return table;
    }
    path.rsplit('.').fold(table, |inner, key| Map::any([(Str::from(key), Value::Map(inner))]))
}

/// The table at a dotted path.
pub(crate) fn table(values: &Map, path: &str) -> Option<Map> {
    let mut table = values.clone();
    for key in path.split('.') {
        match table.get(key.as_bytes()) {
            Some(Value::Map(below)) => table = below,
            _ => return None,
        }
    }
    Some(table)
}

/// The value at a dotted path that is no table: `PathValue`.
pub(crate) fn scalar(values: &Map, path: &str) -> Option<Value> {
    let (table, key) = match path.rsplit_once('.') {
        Some((path, key)) => (table(values, path)?, key),
        None => (values.clone(), path),
    };
    table.get(key.as_bytes()).filter(|value| !matches!(value, Value::Map(_)))
}

fn apply_tags(dependencies: &mut [Dependency], values: &Map, warnings: &mut Vec<String>) {
    let Some(tags) = table(values, "tags") else { return };
    for dependency in dependencies {
        let (mut on, mut off) = (false, false);
        for tag in &dependency.tags {
            match tags.get(tag.as_bytes()) {
                Some(Value::Bool(true)) => on = true,
                Some(Value::Bool(false)) => off = true,
                Some(_) => warnings.push(format!(
                    "Tag '{tag}' for chart {} returned non-bool value",
                    dependency.name
                )),
                None => {}
            }
        }
        dependency.enabled = on || !off;
    }
}

/// The first condition that names a boolean decides.
fn apply_conditions(
    dependencies: &mut [Dependency],
    values: &Map,
    path: &str,
    warnings: &mut Vec<String>,
) {
    for dependency in dependencies {
        for condition in dependency.condition.trim().split(',').filter(|text| !text.is_empty()) {
            match scalar(values, &format!("{path}{condition}")) {
                Some(Value::Bool(enabled)) => {
                    dependency.enabled = enabled;
                    break;
                }
                Some(_) => warnings.push(format!(
                    "Condition path '{condition}' for chart {} returned non-bool value",
                    dependency.name
                )),
                None => {}
            }
        }
    }
}
