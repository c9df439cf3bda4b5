//! `trueup kustomize explain`: where a resource and its fields come from.

use serde::Serialize;
use trueup_kustomize::{Built, Change, Field};
use trueup_model::Location;

use super::shown;
use crate::error::CliError;

/// What is known of a resource.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// Group, version and kind, as `kind.version.group`.
    pub kind: String,
    /// Its name in the output.
    pub name: String,
    /// Its namespace; empty if it names none.
    pub namespace: String,
    /// Where it was read, or the generator that made it.
    pub from: Location,
    /// Its fields, or those that were asked for.
    pub fields: Vec<ExplainedField>,
}

/// What is known of a field.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedField {
    /// The field, written like a field path of `replacements`.
    pub field: String,
    /// What it holds; none if a step took it away.
    pub value: Option<String>,
    /// Where the value is written; that of the resource where it is written nowhere.
    pub at: Location,
    /// What set it, the last one last.
    pub set_by: Vec<Setting>,
}

/// A step that set a field.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// The field of a kustomization that asks for it.
    pub by: String,
    /// What the field held then; none if it was taken away.
    pub value: Option<String>,
    /// Where that is written.
    pub at: Location,
}

/// Finds the one resource that `asked` names, as KIND/NAME or NAME, by what it is called now or was
/// called in the file that it is from.
pub fn find<'b>(built: &'b [Built], asked: &str) -> Result<&'b Built, CliError> {
    let (kind, name) = asked.rsplit_once('/').unwrap_or(("", asked));
    let fits = |built: &&Built| {
        let is_kind = kind.is_empty() || built.id.gvk.kind.eq_ignore_ascii_case(kind);
        is_kind && (built.id.name == name || built.original_name == name)
    };
    let found: Vec<&Built> = built.iter().filter(fits).collect();
    match found.as_slice() {
        [only] => Ok(only),
        [] => {
            let known: Vec<String> = built.iter().map(called).collect();
            Err(CliError::new(format!("there is no {asked} in the output"))
                .hint(format!("it has {}", known.join(", "))))
        }
        several => {
            let known: Vec<String> = several.iter().copied().map(called).collect();
            Err(CliError::new(format!("{asked} may be {}", known.join(" or ")))
                .hint("name it as KIND/NAME, by the name in the output"))
        }
    }
}

fn called(built: &Built) -> String {
    format!("{}/{}", built.id.gvk.kind, built.id.name)
}

/// Explains a resource: all of its fields, or one and those in it.
pub fn explain(built: &Built, field: Option<&str>) -> Result<Explained, CliError> {
    let wanted = |path: &str| match field {
        None => true,
        Some(field) => {
            path.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }
    };
    let present = built.fields();
    let mut fields: Vec<ExplainedField> = present
        .iter()
        .filter(|present| wanted(&present.path))
        .map(|present| of_field(built, present))
        .collect();
    fields.extend(taken_away(built, &present).filter(|taken| wanted(&taken.field)));
    if let Some(field) = field.filter(|_| fields.is_empty()) {
        return Err(CliError::new(format!("{} has no field {field}", called(built)))
            .hint("fields are written as in `replacements`: spec.ports.[name=http].port"));
    }
    Ok(Explained {
        kind: built.id.gvk.to_string(),
        name: built.id.name.clone(),
        namespace: built.id.namespace.clone(),
        from: built.location.clone(),
        fields,
    })
}

fn of_field(built: &Built, present: &Field) -> ExplainedField {
    let set_by: Vec<Setting> = changes(built, &present.path).map(setting).collect();
    let at = set_by.last().map(|last| last.at.clone()).or_else(|| present.location.clone());
    ExplainedField {
        field: present.path.clone(),
        value: Some(present.value.clone()),
        at: at.unwrap_or_else(|| built.location.clone()),
        set_by,
    }
}

/// Fields that steps took away and that are not there in the end.
fn taken_away<'b>(
    built: &'b Built,
    present: &'b [Field],
) -> impl Iterator<Item = ExplainedField> + 'b {
    let is_gone = |change: &&Change| {
        let is_last = changes(built, &change.field).last() == Some(*change);
        let inside = format!("{}.", change.field);
        change.value.is_none()
            && is_last
            && !present.iter().any(|it| it.path == change.field || it.path.starts_with(&inside))
    };
    built.changes.iter().filter(is_gone).map(|change| ExplainedField {
        field: change.field.clone(),
        value: None,
        at: change.location.clone(),
        set_by: changes(built, &change.field).map(setting).collect(),
    })
}

fn changes<'b>(built: &'b Built, field: &'b str) -> impl Iterator<Item = &'b Change> {
    built.changes.iter().filter(move |change| change.field == field)
}

fn setting(change: &Change) -> Setting {
    Setting { by: change.by.clone(), value: change.value.clone(), at: change.location.clone() }
}

/// In words.
pub fn text(explained: &Explained) -> String {
    let namespace = match explained.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" in {namespace}"),
    };
    let mut text = format!(
        "{} {}{namespace}\n  from {}\n",
        explained.kind,
        explained.name,
        shown(&explained.from)
    );
    for field in &explained.fields {
        let value = field.value.as_deref().map_or_else(|| "(taken away)".to_owned(), one_line);
        let by = field.set_by.last().map(|last| format!(" ({})", last.by)).unwrap_or_default();
        text.push_str(&format!("{}: {value}\n    {}{by}\n", field.field, shown(&field.at)));
        for former in field.set_by.iter().rev().skip(1) {
            let value = former.value.as_deref().map_or_else(|| "(taken away)".to_owned(), one_line);
            text.push_str(&format!("    before: {value}, {} ({})\n", shown(&former.at), former.by));
        }
    }
    text
}

fn one_line(value: &str) -> String {
    const SHOWN: usize = 100;
    match value.lines().next() {
        Some(first) if first.len() == value.len() && value.chars().count() <= SHOWN => {
            value.to_owned()
        }
        first => format!("{}…", first.unwrap_or_default().chars().take(SHOWN).collect::<String>()),
    }
}
