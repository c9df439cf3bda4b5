//! From rendered templates to manifests: cut at `---`, parsed, told from hooks, put in order.

use serde_json::Value as Json;

use crate::decode::Decoder;
use crate::{Profile, document};

/// One document of a rendered template.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The template it comes from: path from the root chart's name.
    pub template: String,
    /// The document as it was rendered, without the `---` around it.
    pub text: Vec<u8>,
    /// The same, parsed; null for a document of comments alone.
    pub document: Json,
    /// Its kind; empty if it has none.
    pub kind: String,
    /// Its name; empty if it has none.
    pub name: String,
    /// The line of the rendered template where it begins, from 1.
    pub line: u32,
}

/// A manifest that runs at certain moments instead of being a part of the release.
#[derive(Clone, Debug, PartialEq)]
pub struct Hook {
    /// What it is.
    pub manifest: Manifest,
    /// When it runs.
    pub events: Vec<HookEvent>,
    /// Hooks of one event run by weight, then by kind.
    pub weight: i64,
    /// When it is deleted: `before-hook-creation`, `hook-succeeded`, `hook-failed`; as written, in
    /// small letters.
    pub delete_policies: Vec<String>,
    /// When its logs are printed (Helm 4): `hook-succeeded`, `hook-failed`.
    pub output_log_policies: Vec<String>,
}

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HookEvent {
    /// `pre-install`
    PreInstall,
    /// `post-install`
    PostInstall,
    /// `pre-delete`
    PreDelete,
    /// `post-delete`
    PostDelete,
    /// `pre-upgrade`
    PreUpgrade,
    /// `post-upgrade`
    PostUpgrade,
    /// `pre-rollback`
    PreRollback,
    /// `post-rollback`
    PostRollback,
    /// `test`; Helm 2 called it `test-success`
    Test,
}

impl HookEvent {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "pre-install" => Self::PreInstall,
            "post-install" => Self::PostInstall,
            "pre-delete" => Self::PreDelete,
            "post-delete" => Self::PostDelete,
            "pre-upgrade" => Self::PreUpgrade,
            "post-upgrade" => Self::PostUpgrade,
            "pre-rollback" => Self::PreRollback,
            "post-rollback" => Self::PostRollback,
            "test" | "test-success" => Self::Test,
            _ => return None,
        })
    }
}

/// What rendered templates hold, in the order in which Helm prints and installs it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Manifests {
    pub(crate) manifests: Vec<Manifest>,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) warnings: Vec<String>,
}

/// A rendered document that is no YAML, or not that of a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("YAML parse error on {template}: {reason}")]
pub struct ManifestError {
    /// The template it comes from.
    pub template: String,
    /// The line of the rendered template where the document begins, from 1.
    pub line: u32,
    /// What the parser says; its line counts from the beginning of the document.
    pub reason: String,
}

/// Cuts, parses and sorts rendered templates, given with their names and sorted by them.
pub(crate) fn sort<'a>(
    rendered: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    profile: Profile,
) -> Result<Manifests, ManifestError> {
    let mut sorted = Manifests::default();
    for (template, text) in rendered {
        if trueup_model::tree::file_name(template).starts_with('_') || trim(text).is_empty() {
            continue;
        }
        for (line, document) in split(text) {
            let manifest = Manifest::parse(template, line, document, profile)?;
            sorted.add(manifest);
        }
    }
    let order = profile.install_order();
    sorted.manifests.sort_by(|a, b| by_kind(order, &a.kind, &b.kind));
    sorted.hooks.sort_by(|a, b| by_kind(order, &a.manifest.kind, &b.manifest.kind));
    Ok(sorted)
}

impl Manifests {
    fn add(&mut self, (manifest, annotations): (Manifest, Annotations)) {
        let Some(events) = annotations.get("helm.sh/hook") else {
            return self.manifests.push(manifest);
        };
        let parsed: Option<Vec<HookEvent>> =
            list(events).map(|event| HookEvent::parse(&event)).collect();
        let Some(events) = parsed else {
            self.warnings.push(format!("skipping unknown hooks {events:?} of {}", manifest.name));
            return;
        };
        let policies = |annotation| -> Vec<String> {
            annotations.get(annotation).map(|text| list(text).collect()).unwrap_or_default()
        };
        let weight = annotations.get("helm.sh/hook-weight").and_then(|text| text.parse().ok());
        self.hooks.push(Hook {
            manifest,
            events,
            weight: weight.unwrap_or_default(),
            delete_policies: policies("helm.sh/hook-delete-policy"),
            output_log_policies: policies("helm.sh/hook-output-log-policy"),
        });
    }
}

fn list(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|part| part.trim().to_lowercase())
}

type Annotations = std::collections::BTreeMap<String, String>;

impl Manifest {
    fn parse(
        template: &str,
        line: u32,
        text: &[u8],
        profile: Profile,
    ) -> Result<(Self, Annotations), ManifestError> {
        let failed = |reason| ManifestError { template: template.to_owned(), line, reason };
        let document = document::read(text).map_err(failed)?;
        let mut head = Head::default();
        head.read(&document, profile).map_err(failed)?;
        let manifest = Self {
            template: template.to_owned(),
            text: text.to_vec(),
            document,
            kind: head.kind,
            name: head.name,
            line,
        };
        Ok((manifest, head.annotations))
    }
}

/// What Helm reads of a manifest: `SimpleHead`.
#[derive(Default)]
struct Head {
    kind: String,
    name: String,
    annotations: Annotations,
}

impl Head {
    fn read(&mut self, document: &Json, profile: Profile) -> Result<(), String> {
        let type_name = match profile {
            Profile::Helm3 => "releaseutil.SimpleHead",
            Profile::Helm4 => "util.SimpleHead",
        };
        let metadata_type = "struct { Name string \"json:\\\"name\\\"\"; Annotations map[string]string \"json:\\\"annotations\\\"\" }";
        let mut decoder = Decoder::default();
        decoder.structure(
            document,
            ("SimpleHead", type_name),
            &["apiVersion", "kind", "metadata"],
            &mut |decoder, field, value| match field {
                "kind" => self.kind = decoder.string(value).unwrap_or_default(),
                "apiVersion" => {
                    decoder.string(value);
                }
                _ => decoder.structure(
                    value,
                    ("", metadata_type),
                    &["name", "annotations"],
                    &mut |decoder, field, value| match field {
                        "name" => self.name = decoder.string(value).unwrap_or_default(),
                        _ => self.annotations = decoder.string_map(value).unwrap_or_default(),
                    },
                ),
            },
        );
        decoder.finish()
    }
}

/// Kinds that are listed come first, in the order of the list; the others by name.
fn by_kind(order: &[&str], a: &str, b: &str) -> std::cmp::Ordering {
    let place = |kind: &str| order.iter().position(|known| *known == kind);
    match (place(a), place(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (Some(_), None) => std::cmp::Ordering::Less,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// The documents of a text, each with the line where it begins. Cuts where Helm's expression
/// `(?:^|\s*\n)---\s*` matches: a second `---` right after a first belongs to the document.
pub(crate) fn split(text: &[u8]) -> Vec<(u32, &[u8])> {
    let skipped = text.len() - trim_start(text).len();
    let body = trim(text);
    let mut documents = Vec::new();
    let mut line = 1 + count_lines(text.get(..skipped).unwrap_or_default());
    let mut from = 0;
    let mut next = if body.starts_with(b"---") { Some((0, 3)) } else { separator(body, 0) };
    loop {
        let (end, after) = next.unwrap_or((body.len(), body.len()));
        let piece = body.get(from..end).unwrap_or_default();
        if !piece.is_empty() {
            documents.push((line, trim(piece)));
        }
        if next.is_none() {
            return documents;
        }
        let rest = body.get(after..).unwrap_or_default();
        let start = after + rest.iter().take_while(|byte| is_regex_space(**byte)).count();
        line += count_lines(body.get(from..start).unwrap_or_default());
        from = start;
        next = separator(body, from);
    }
}

/// The next `---` at the beginning of a line, which must begin at or after `from`: where the white
/// space before it begins, and where its dashes end.
fn separator(body: &[u8], from: usize) -> Option<(usize, usize)> {
    let rest = body.get(from..)?;
    let newline = from + memchr::memmem::find(rest, b"\n---")?;
    let before = body.get(from..newline)?;
    let spaces = before.iter().rev().take_while(|byte| is_regex_space(**byte)).count();
    Some((newline - spaces, newline + 4))
}

/// `\s` of Go's regular expressions.
fn is_regex_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ')
}

fn count_lines(text: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', text).count()).unwrap_or(u32::MAX)
}

/// Go's `strings.TrimSpace`.
pub(crate) fn trim(text: &[u8]) -> &[u8] {
    let text = trim_start(text);
    let mut end = text.len();
    while let Some(head) = text.get(..end) {
        let Some(last) = head.last() else { break };
        let size = match last {
            byte if byte.is_ascii_whitespace() || *byte == b'\x0B' => 1,
            byte if byte.is_ascii() => break,
            _ => match last_char(head) {
                Some(char) if char.is_whitespace() => char.len_utf8(),
                _ => break,
            },
        };
        end -= size;
    }
    text.get(..end).unwrap_or_default()
}

fn trim_start(text: &[u8]) -> &[u8] {
    let mut rest = text;
    while let Some(first) = rest.first() {
        let size = match first {
            byte if byte.is_ascii_whitespace() || *byte == b'\x0B' => 1,
            byte if byte.is_ascii() => break,
            _ => match first_char(rest) {
                Some(char) if char.is_whitespace() => char.len_utf8(),
                _ => break,
            },
        };
        rest = rest.get(size..).unwrap_or_default();
    }
    rest
}

fn first_char(text: &[u8]) -> Option<char> {
    let head = text.get(..4.min(text.len()))?;
    head.utf8_chunks().next()?.valid().chars().next()
}

fn last_char(text: &[u8]) -> Option<char> {
    let tail = text.get(text.len().saturating_sub(4)..)?;
    let start = tail.iter().rposition(|byte| byte & 0b1100_0000 != 0b1000_0000)?;
    std::str::from_utf8(tail.get(start..)?).ok()?.chars().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_cut_where_helm_cuts() {
        let check = |text: &str, expected: &[(u32, &str)]| {
            let seen: Vec<_> = split(text.as_bytes())
                .into_iter()
                .map(|(line, text)| (line, String::from_utf8_lossy(text).into_owned()))
                .collect();
            let expected: Vec<_> =
                expected.iter().map(|(line, text)| (*line, (*text).to_owned())).collect();
            assert_eq!(seen, expected, "{text:?}");
        };
        check("a: 1\n---\nb: 2\n", &[(1, "a: 1"), (3, "b: 2")]);
        check("\n\n---\n\na: 1\n  \n--- # c\nb", &[(5, "a: 1"), (7, "# c\nb")]);
        check("---\n---\na", &[(2, "---\na")]);
        check("a ---\n ---\nb", &[(1, "a ---\n ---\nb")]);
        check("a\n---b", &[(1, "a"), (2, "b")]);
        check("  \n", &[]);
    }
}
