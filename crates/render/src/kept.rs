//! What is kept of renders: for each app the exact reads that its last render was made of, and, as
//! far as there is room, what came of it.
//!
//! The reads alone answer the question that each commit asks of each app: does it touch it? They are
//! small, and there is one set for each app. Rendered sets are shared with whoever works on them and
//! bounded in all; the one that was asked for least recently goes first, and is rendered again when
//! it is asked for.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use trueup_model::resource::canonical_digest;
use trueup_model::tree::{Reads, Tree, reads_the_same};
use trueup_model::{AppName, Capabilities, Diagnostic, Digest, ResourceId, TargetId};

use crate::{Rendered, Request};

/// How many bytes the rendered sets may take, as far as their size can be told.
const BYTES_MAX: usize = 96 << 20;

/// What else than the tree decides what is rendered: it must be the same for a result to be used
/// again.
#[derive(Clone, Debug, PartialEq)]
struct Circumstances {
    /// Folder, options, namespace, installation, and the answers that were known.
    asked: Digest,
    /// What of the target's capabilities templates saw, if they saw any.
    capabilities: Option<Digest>,
    /// The commit's time, if templates saw it.
    time: Option<Timestamp>,
}

#[derive(Debug)]
struct Kept {
    circumstances: Circumstances,
    rendered: Option<Rendered>,
    /// For each kind in it, whether the target says that its objects live in namespaces.
    scopes: Vec<(String, String, Option<bool>)>,
    reads: Arc<Reads>,
    /// What it declares, by [`name_of`].
    declares: HashSet<u64>,
    bytes: usize,
    used: u64,
}

/// What is kept of all apps' renders.
#[derive(Debug, Default)]
pub struct Shelf {
    apps: HashMap<AppName, Kept>,
    bytes: usize,
    uses: u64,
    /// Apps that a commit touches and that were not rendered since, with the place they live in.
    expected: BTreeMap<AppName, String>,
    /// Renders that were made, and those that were not.
    pub counts: Counts,
}

/// How often something was rendered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Renders.
    pub made: u64,
    /// Renders that were answered with what was kept.
    pub kept: u64,
}

impl Shelf {
    /// What was kept of this very request, if anything of it could come out otherwise now.
    pub fn find(&mut self, request: &Request<'_>) -> Option<Rendered> {
        let kept = self.apps.get_mut(request.app)?;
        let rendered = kept.rendered.as_ref()?;
        let same = rendered.valid_until.is_none_or(|until| request.today < until)
            && kept.circumstances == circumstances(request, rendered)
            && kept.scopes.iter().all(|(group, kind, namespaced)| {
                *namespaced == scope(request.capabilities, group, kind)
            })
            && reads_the_same(request.tree.as_ref(), &kept.reads);
        if !same {
            return None;
        }
        self.uses += 1;
        kept.used = self.uses;
        self.counts.kept += 1;
        self.expected.remove(request.app);
        Some(rendered.clone())
    }

    /// Keeps what came of a request.
    pub fn keep(&mut self, request: &Request<'_>, rendered: &Rendered) {
        self.counts.made += 1;
        self.uses += 1;
        self.expected.remove(request.app);
        let usable = !rendered.diagnostics.iter().any(Diagnostic::is_error);
        let bytes = if usable { size(rendered) } else { 0 };
        let kept = Kept {
            circumstances: circumstances(request, rendered),
            rendered: usable.then(|| rendered.clone()),
            scopes: scopes(request.capabilities, rendered),
            reads: Arc::clone(&rendered.reads),
            declares: declares(&request.capabilities.target, rendered),
            bytes,
            used: self.uses,
        };
        self.bytes += bytes;
        if let Some(before) = self.apps.insert(request.app.clone(), kept) {
            self.bytes -= before.bytes;
        }
        self.make_room();
    }

    /// Whether a commit with these files touches nothing that the app's last render was made of.
    /// `false` where that is not known, or where the commit itself was part of it.
    pub fn is_untouched(&self, app: &AppName, tree: &dyn Tree) -> bool {
        self.apps.get(app).is_some_and(|kept| {
            kept.circumstances.time.is_none() && reads_the_same(tree, &kept.reads)
        })
    }

    /// Whether an app's last render declares a resource of a target; `None` where that is not known
    /// or not known yet.
    pub fn declares(&self, app: &AppName, target: &TargetId, id: &ResourceId) -> Option<bool> {
        if self.expected.contains_key(app) {
            return None;
        }
        Some(self.apps.get(app)?.declares.contains(&name_of(target, id)))
    }

    /// Another app whose last render declares a resource of a target.
    pub fn declared_by_another(
        &self,
        app: &AppName,
        target: &TargetId,
        id: &ResourceId,
    ) -> Option<AppName> {
        let name = name_of(target, id);
        let declares =
            |(other, kept): &(&AppName, &Kept)| *other != app && kept.declares.contains(&name);
        self.apps.iter().filter(declares).map(|(other, _)| other.clone()).min()
    }

    /// A commit touches these apps, which live in these places.
    pub fn expect(&mut self, apps: impl IntoIterator<Item = (AppName, String)>) {
        self.expected.extend(apps);
    }

    /// An app was looked at, whether or not that came as far as rendering.
    pub fn expect_no_more(&mut self, app: &AppName) {
        self.expected.remove(app);
    }

    /// Whether an app other than this one, in the same place, is still to be rendered.
    pub fn expects_others(&self, app: &AppName, place: &str) -> bool {
        self.expected.iter().any(|(other, its)| other != app && its == place)
    }

    /// Drops what is kept of an app.
    pub fn forget(&mut self, app: &AppName) {
        self.expected.remove(app);
        if let Some(kept) = self.apps.remove(app) {
            self.bytes -= kept.bytes;
        }
    }

    /// Drops the sets that were used least recently: down to three quarters, so that this is rare.
    fn make_room(&mut self) {
        if self.bytes <= BYTES_MAX {
            return;
        }
        let mut kept: Vec<&mut Kept> =
            self.apps.values_mut().filter(|kept| kept.rendered.is_some()).collect();
        kept.sort_unstable_by_key(|kept| kept.used);
        for kept in kept {
            if self.bytes <= BYTES_MAX / 4 * 3 {
                break;
            }
            kept.rendered = None;
            self.bytes -= std::mem::take(&mut kept.bytes);
        }
    }
}

/// Names a resource of a target in eight bytes.
fn name_of(target: &TargetId, id: &ResourceId) -> u64 {
    let key = id.key();
    let parts = [target.kind.as_bytes(), target.identity.as_bytes(), key.as_bytes()];
    let digest = Digest::of_parts(parts);
    digest.as_bytes().iter().take(8).fold(0, |name, byte| (name << 8) | u64::from(*byte))
}

fn declares(target: &TargetId, rendered: &Rendered) -> HashSet<u64> {
    rendered.resources.iter().map(|resource| name_of(target, &resource.id)).collect()
}

fn circumstances(request: &Request<'_>, rendered: &Rendered) -> Circumstances {
    let options = serde_json::to_value(request.options).unwrap_or_default();
    let options = canonical_digest(&options);
    let kind = request.capabilities.target.kind.as_bytes();
    let answers = answers(request);
    let parts = [
        request.path.as_bytes(),
        options.as_bytes(),
        request.namespace.as_bytes(),
        request.installation.as_bytes(),
        kind,
        answers.as_bytes(),
        &request.rotation.to_be_bytes(),
    ];
    Circumstances {
        asked: Digest::of_parts(parts),
        capabilities: rendered.read_capabilities.then(|| versions(request.capabilities)),
        time: rendered.read_time.then_some(request.time),
    }
}

/// What is known of what the tree lacks.
fn answers(request: &Request<'_>) -> Digest {
    let mut parts = Vec::new();
    for (need, supplied) in request.answers {
        parts.push(need.to_string().into_bytes());
        parts.push(supplied.digest.as_bytes().to_vec());
    }
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}

/// What templates can see of the capabilities.
fn versions(capabilities: &Capabilities) -> Digest {
    let versions = capabilities.api_versions.iter().map(String::as_bytes);
    Digest::of_parts(std::iter::once(capabilities.kube_version.as_bytes()).chain(versions))
}

fn scope(capabilities: &Capabilities, group: &str, kind: &str) -> Option<bool> {
    capabilities.kind(group, kind).map(|info| info.namespaced)
}

fn scopes(capabilities: &Capabilities, rendered: &Rendered) -> Vec<(String, String, Option<bool>)> {
    let mut kinds: Vec<(&str, &str)> =
        rendered.resources.iter().map(|r| (r.id.group.as_str(), r.id.kind.as_str())).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let scoped = |(group, kind): (&str, &str)| {
        (group.to_owned(), kind.to_owned(), scope(capabilities, group, kind))
    };
    kinds.into_iter().map(scoped).collect()
}

/// About how many bytes a rendered set takes.
fn size(rendered: &Rendered) -> usize {
    rendered.resources.iter().map(|resource| 512 + weight(&resource.body)).sum()
}

/// About how many bytes a value takes. Its depth is bounded by whoever made it.
fn weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => 32 + items.iter().map(weight).sum::<usize>(),
        Value::Object(map) => {
            32 + map.iter().map(|(key, value)| 64 + key.len() + weight(value)).sum::<usize>()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Renderer;
    use trueup_model::InstallationKey;
    use trueup_model::need::Answers;
    use trueup_model::tree::MemoryTree;

    const FILE: &str = "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {name: a}\nspec: {path: a, content: x}\n";

    struct Case {
        renderer: Renderer,
        capabilities: Capabilities,
        app: AppName,
        key: InstallationKey,
    }

    impl Case {
        fn new() -> Self {
            Self {
                renderer: Renderer::new(),
                capabilities: Capabilities::bare("host", "h"),
                app: AppName::new("app").expect("a name"),
                key: InstallationKey::from_bytes([1; 32]),
            }
        }

        fn render(&self, files: &[(&str, &str)], path: &str, seconds: i64) -> Rendered {
            let tree: Arc<dyn Tree> = Arc::new(tree(files));
            self.renderer.render(&Request {
                tree: &tree,
                path,
                options: None,
                app: &self.app,
                namespace: "default",
                installation: "i",
                capabilities: &self.capabilities,
                time: Timestamp::from_second(seconds).expect("a time"),
                key: &self.key,
                rotation: 0,
                today: Timestamp::UNIX_EPOCH,
                answers: &Answers::new(),
            })
        }
    }

    fn tree(files: &[(&str, &str)]) -> MemoryTree {
        files.iter().copied().map(|(path, text)| (path, text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn the_same_files_are_rendered_once_whatever_the_commit() {
        let case = Case::new();
        let first = case.render(&[("a/f.yaml", FILE), ("b/x", "1")], "a", 1);
        assert!(first.diagnostics.is_empty(), "{:?}", first.diagnostics);
        let second = case.render(&[("a/f.yaml", FILE), ("b/x", "2")], "a", 2);
        assert_eq!(case.renderer.counts(), Counts { made: 1, kept: 1 });
        assert!(Arc::ptr_eq(&first.resources[0], &second.resources[0]));
        case.render(&[("a/f.yaml", &FILE.replace("x}", "y}"))], "a", 2);
        assert_eq!(case.renderer.counts(), Counts { made: 2, kept: 1 });
        case.render(&[("b/f.yaml", FILE)], "b", 2);
        assert_eq!(case.renderer.counts(), Counts { made: 3, kept: 1 });
    }

    #[test]
    fn a_commit_touches_what_it_was_made_of() {
        let case = Case::new();
        case.render(&[("a/f.yaml", FILE), ("b/x", "1")], "a", 1);
        let untouched = |files| case.renderer.is_untouched(&case.app, &tree(files));
        assert!(untouched(&[("a/f.yaml", FILE), ("b/x", "2")]));
        assert!(!untouched(&[("a/f.yaml", FILE), ("a/new.yaml", FILE)]));
        assert!(!untouched(&[("b/x", "2")]));
        case.renderer.forget(&case.app);
        assert!(!untouched(&[("a/f.yaml", FILE)]));
    }

    #[test]
    fn what_is_wrong_is_not_kept_but_what_it_was_made_of_is() {
        let case = Case::new();
        let wrong = [("a/f.yaml", "kind: 1\n")];
        case.render(&wrong, "a", 1);
        case.render(&wrong, "a", 1);
        assert_eq!(case.renderer.counts(), Counts { made: 2, kept: 0 });
        assert!(case.renderer.is_untouched(&case.app, &tree(&wrong)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut shelf = Shelf::default();
        let rendered = |n: usize| {
            let body = serde_json::json!({"data": "x".repeat(20 << 20), "n": n});
            let id = trueup_model::ResourceId::new("", "ConfigMap", "a", "b");
            let resource = trueup_model::Resource {
                id,
                api_version: "v1".to_owned(),
                digest: canonical_digest(&body),
                body,
                origin: trueup_model::Origin::default(),
                sensitive: Vec::new(),
                random: Vec::new(),
                payload: None,
            };
            Rendered { resources: vec![Arc::new(resource)], ..Rendered::default() }
        };
        let case = Case::new();
        let tree: Arc<dyn Tree> = Arc::new(tree(&[("a", "b")]));
        for n in 0..12 {
            let app = AppName::new(format!("app{n}")).expect("a name");
            let request = Request {
                tree: &tree,
                path: "",
                options: None,
                app: &app,
                namespace: "default",
                installation: "i",
                capabilities: &case.capabilities,
                time: Timestamp::UNIX_EPOCH,
                key: &case.key,
                rotation: 0,
                today: Timestamp::UNIX_EPOCH,
                answers: &Answers::new(),
            };
            shelf.keep(&request, &rendered(n));
            assert!(shelf.bytes <= BYTES_MAX, "{}", shelf.bytes);
            assert!(shelf.is_untouched(&app, tree.as_ref()));
        }
        let kept = shelf.apps.values().filter(|kept| kept.rendered.is_some()).count();
        assert!((1..12).contains(&kept), "{kept}");
    }
}
