//! Where a manifest comes from: the template and its line, and the values that the template read.

use serde::Serialize;

use crate::manifest::Manifest;
use crate::render::Rendered;

/// Where a manifest comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// Kind of the manifest.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The template, from the root chart's name.
    pub template: String,
    /// The line of the template that wrote its first line.
    pub line: u32,
    /// Whether it is a hook.
    pub hook: bool,
    /// Paths in the values that the template read, itself or in what it included.
    pub values: Vec<String>,
}

/// The manifests of this kind and name (`Deployment/web`; the kind in any letters) of a rendering that
/// was traced. Several, where several templates make it.
pub fn explain(rendered: &Rendered, kind: &str, name: &str) -> Vec<Explanation> {
    let is_it =
        |manifest: &Manifest| manifest.kind.eq_ignore_ascii_case(kind) && manifest.name == name;
    let plain = rendered.manifests.iter().map(|manifest| (manifest, false));
    let hooks = rendered.hooks.iter().map(|hook| (&hook.manifest, true));
    let found = plain.chain(hooks).filter(|(manifest, _)| is_it(manifest));
    found.map(|(manifest, hook)| explanation(rendered, manifest, hook)).collect()
}

fn explanation(rendered: &Rendered, manifest: &Manifest, hook: bool) -> Explanation {
    let traced = rendered.traces.get(&manifest.template);
    let at = usize::try_from(manifest.line).unwrap_or_default().saturating_sub(1);
    Explanation {
        kind: manifest.kind.clone(),
        name: manifest.name.clone(),
        template: manifest.template.clone(),
        line: traced.and_then(|traced| traced.lines.get(at)).copied().unwrap_or(1),
        hook,
        values: traced.map(|traced| traced.values.iter().cloned().collect()).unwrap_or_default(),
    }
}
