//! Generators → sets of parameters.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use trueup_model::app_set::{
    Cluster, ClusterGenerator, ForgeKind, ForgeRepository, Generator, MergeGenerator,
    PathGenerator, PullRequest, PullRequestGenerator, PullRequestQuery,
};
use trueup_model::tree::{Tree, file_name, parent};
use trueup_model::{AppName, Diagnostic, SourceSpec};
use trueup_yaml::{Dialect, DuplicateKeys, Limits};

use super::paths::{self, Pattern};
use super::template::{Templates, lookup};
use super::{APPS_MAX, Need, Parameters, Surroundings};
use crate::Document;
use crate::decode::{decode, locate};

/// How deep generators may be nested.
const NESTING_MAX: usize = 4;

/// One walk over the generators of a set.
pub struct Generating<'a> {
    document: &'a Document,
    surroundings: &'a Surroundings<'a>,
    templates: &'a mut Templates,
    needs: BTreeSet<Need>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Generating<'a> {
    pub fn new(
        document: &'a Document,
        surroundings: &'a Surroundings<'a>,
        templates: &'a mut Templates,
    ) -> Self {
        let (needs, diagnostics) = (BTreeSet::new(), Vec::new());
        Self { document, surroundings, templates, needs, diagnostics }
    }

    /// What is needed, and what is wrong.
    pub fn into_rest(self) -> (BTreeSet<Need>, Vec<Diagnostic>) {
        (self.needs, self.diagnostics)
    }

    /// What all of these yield, one after the other. `None`: something is wrong, or needed first.
    pub fn all(&mut self, generators: &[Generator], pointer: &str) -> Option<Vec<Parameters>> {
        if generators.is_empty() {
            return self.wrong(pointer, "at least one generator is needed");
        }
        let mut all = Vec::new();
        let mut complete = true;
        for (n, generator) in generators.iter().enumerate() {
            match self.one(generator, &format!("{pointer}/{n}"), 0) {
                Some(some) => all.extend(some),
                None => complete = false,
            }
        }
        if all.len() > APPS_MAX {
            return self.wrong(pointer, &format!("these yield more than {APPS_MAX} apps"));
        }
        complete.then_some(all)
    }

    fn wrong<T>(&mut self, pointer: &str, message: &str) -> Option<T> {
        let at = locate(self.document, pointer);
        self.diagnostics.push(Diagnostic::error(message).at(at).field(pointer));
        None
    }

    fn one(
        &mut self,
        generator: &Generator,
        pointer: &str,
        depth: usize,
    ) -> Option<Vec<Parameters>> {
        let Generator { list, folders, files, clusters, matrix, merge, pull_requests } = generator;
        let given = [
            list.is_some(),
            folders.is_some(),
            files.is_some(),
            clusters.is_some(),
            matrix.is_some(),
            merge.is_some(),
            pull_requests.is_some(),
        ];
        if given.iter().filter(|given| **given).count() != 1 {
            let message = "a generator is exactly one of list, folders, files, clusters, matrix, merge and pullRequests";
            return self.wrong(pointer, message);
        }
        if depth > NESTING_MAX {
            return self.wrong(pointer, "generators are nested too deep");
        }
        if let Some(list) = list {
            return Some(list.elements.clone());
        }
        if let Some(folders) = folders {
            return self.folders(folders, &format!("{pointer}/folders"));
        }
        if let Some(files) = files {
            return self.files(files, &format!("{pointer}/files"));
        }
        if let Some(clusters) = clusters {
            return self.clusters(clusters, &format!("{pointer}/clusters"));
        }
        if let Some(matrix) = matrix {
            return self.matrix(&matrix.generators, &format!("{pointer}/matrix/generators"), depth);
        }
        if let Some(merge) = merge {
            return self.merge(merge, &format!("{pointer}/merge"), depth);
        }
        let pull_requests = pull_requests.as_ref()?;
        self.pull_requests(pull_requests, &format!("{pointer}/pullRequests"))
    }

    /// The files that a generator looks at. `None`: they are needed first.
    fn tree(&mut self, generator: &PathGenerator) -> Option<&'a dyn Tree> {
        let own = self.surroundings.source;
        let spec = SourceSpec {
            repo: generator.repo.clone().unwrap_or_else(|| own.repo.clone()),
            reference: generator.reference.clone().unwrap_or_else(|| {
                if generator.repo.is_none() { own.reference.clone() } else { String::new() }
            }),
        };
        if spec == *own {
            return Some(self.surroundings.tree);
        }
        let known = self.surroundings.answers.trees.get(&spec);
        if known.is_none() {
            self.needs.insert(Need::Repository(spec));
        }
        known.map(AsRef::as_ref)
    }

    fn paths(
        &mut self,
        generator: &PathGenerator,
        pointer: &str,
        folders: bool,
    ) -> Option<(&'a dyn Tree, Vec<String>)> {
        let read = |globs: &[String]| {
            globs.iter().map(|glob| Pattern::new(glob)).collect::<Result<Vec<_>, _>>()
        };
        let globs =
            read(&generator.include).and_then(|include| Ok((include, read(&generator.exclude)?)));
        let (include, exclude) = match globs {
            Ok(globs) => globs,
            Err(why) => return self.wrong(pointer, &why),
        };
        let tree = self.tree(generator)?;
        match paths::find(tree, &include, &exclude, folders) {
            Ok(paths) => Some((tree, paths)),
            Err(why) => self.wrong(pointer, &why),
        }
    }

    fn folders(&mut self, generator: &PathGenerator, pointer: &str) -> Option<Vec<Parameters>> {
        let (_, paths) = self.paths(generator, pointer, true)?;
        Some(paths.iter().map(|path| object(json!({"path": of_path(path)}))).collect())
    }

    fn files(&mut self, generator: &PathGenerator, pointer: &str) -> Option<Vec<Parameters>> {
        let (tree, paths) = self.paths(generator, pointer, false)?;
        let mut all = Vec::new();
        for path in paths {
            match read(tree, &path) {
                Ok(sets) => all.extend(sets.into_iter().map(|mut set| {
                    let mut of = of_path(parent(&path));
                    of.insert("filename".to_owned(), file_name(&path).into());
                    let normal = AppName::from_text(file_name(&path)).to_string();
                    of.insert("filenameNormalized".to_owned(), normal.into());
                    set.insert("path".to_owned(), Value::Object(of));
                    set
                })),
                Err(why) => return self.wrong(pointer, &format!("{path}: {why}")),
            }
        }
        Some(all)
    }

    fn clusters(&mut self, generator: &ClusterGenerator, pointer: &str) -> Option<Vec<Parameters>> {
        let names: Result<Vec<Pattern>, String> =
            generator.names.iter().map(|name| Pattern::new(name)).collect();
        let names = match names {
            Ok(names) => names,
            Err(why) => return self.wrong(pointer, &why),
        };
        let Some(clusters) = &self.surroundings.answers.clusters else {
            self.needs.insert(Need::Clusters);
            return None;
        };
        let wanted = |cluster: &&Cluster| {
            let labelled = generator.labels.iter().all(|(k, v)| cluster.labels.get(k) == Some(v));
            labelled && (names.is_empty() || names.iter().any(|name| name.fits(&cluster.name)))
        };
        Some(clusters.iter().filter(wanted).map(of_cluster).collect())
    }

    fn pull_requests(
        &mut self,
        generator: &PullRequestGenerator,
        pointer: &str,
    ) -> Option<Vec<Parameters>> {
        let query = match query(generator) {
            Ok(query) => query,
            Err(why) => return self.wrong(pointer, &why),
        };
        let into: Result<Vec<Pattern>, String> =
            generator.into.iter().map(|glob| Pattern::new(glob)).collect();
        let into = match into {
            Ok(into) => into,
            Err(why) => return self.wrong(&format!("{pointer}/into"), &why),
        };
        let Some(open) = self.surroundings.answers.pull_requests.get(&query) else {
            self.needs.insert(Need::PullRequests(query));
            return None;
        };
        let wanted = |pull: &&PullRequest| {
            generator.labels.iter().all(|label| pull.labels.contains(label))
                && (into.is_empty() || into.iter().any(|glob| glob.fits(&pull.target_branch)))
        };
        Some(open.iter().filter(wanted).map(of_pull_request).collect())
    }

    fn matrix(
        &mut self,
        generators: &[Generator],
        pointer: &str,
        depth: usize,
    ) -> Option<Vec<Parameters>> {
        if generators.len() < 2 {
            return self.wrong(pointer, "a matrix needs two generators or more");
        }
        let mut all = vec![Parameters::new()];
        for (n, generator) in generators.iter().enumerate() {
            let pointer = format!("{pointer}/{n}");
            let mut combined = Vec::new();
            for before in &all {
                let filled = self.filled(generator, &pointer, before)?;
                for more in self.one(&filled, &pointer, depth + 1)? {
                    let mut both = before.clone();
                    both.extend(more);
                    combined.push(both);
                }
                if combined.len() > APPS_MAX {
                    return self.wrong(&pointer, &format!("these yield more than {APPS_MAX} apps"));
                }
            }
            all = combined;
        }
        Some(all)
    }

    /// A generator in whose texts the parameters of those before it are filled in.
    fn filled(
        &mut self,
        generator: &Generator,
        pointer: &str,
        parameters: &Parameters,
    ) -> Option<Generator> {
        if parameters.is_empty() {
            return Some(generator.clone());
        }
        let value = serde_json::to_value(generator).unwrap_or_default();
        let filled = match self.templates.fill(&value, pointer, parameters) {
            Ok(filled) => filled,
            Err((pointer, why)) => return self.wrong(&pointer, &why),
        };
        match decode(self.document, pointer, &filled) {
            Ok(generator) => Some(generator),
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn merge(
        &mut self,
        generator: &MergeGenerator,
        pointer: &str,
        depth: usize,
    ) -> Option<Vec<Parameters>> {
        if generator.generators.len() < 2 || generator.by.is_empty() {
            return self.wrong(pointer, "a merge needs two generators or more, and fields in `by`");
        }
        let key = |set: &Parameters| -> Option<Vec<Value>> {
            generator.by.iter().map(|field| lookup(set, field).cloned()).collect()
        };
        let mut base: Vec<Parameters> = Vec::new();
        let mut by_key: BTreeMap<String, usize> = BTreeMap::new();
        for (n, generator) in generator.generators.iter().enumerate() {
            let pointer = format!("{pointer}/generators/{n}");
            for set in self.one(generator, &pointer, depth + 1)? {
                let Some(key) = key(&set) else {
                    return self.wrong(&pointer, "it yields parameters that lack a field of `by`");
                };
                let key = Value::Array(key).to_string();
                match (n, by_key.get(&key).and_then(|at| base.get_mut(*at))) {
                    (0, Some(_)) => {
                        let message = format!(
                            "it yields {key} twice; the fields of `by` must tell its parameters apart"
                        );
                        return self.wrong(&pointer, &message);
                    }
                    (0, None) => {
                        by_key.insert(key, base.len());
                        base.push(set);
                    }
                    (_, Some(into)) => overlay(into, set),
                    (_, None) => {}
                }
            }
        }
        Some(base)
    }
}

/// Lays one map over another; maps within are laid over each other too.
fn overlay(into: &mut Parameters, over: Parameters) {
    for (key, value) in over {
        match (into.get_mut(&key), value) {
            (Some(Value::Object(into)), Value::Object(over)) => overlay(into, over),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

fn object(value: Value) -> Parameters {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn of_path(path: &str) -> Map<String, Value> {
    let segments: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    object(json!({
        "path": path,
        "basename": file_name(path),
        "basenameNormalized": AppName::from_text(file_name(path)).to_string(),
        "segments": segments,
    }))
}

fn of_cluster(cluster: &Cluster) -> Parameters {
    object(json!({
        "name": cluster.name,
        "nameNormalized": AppName::from_text(&cluster.name).to_string(),
        "server": cluster.server,
        "labels": cluster.labels,
    }))
}

fn of_pull_request(pull: &PullRequest) -> Parameters {
    object(json!({
        "number": pull.number,
        "title": pull.title,
        "author": pull.author,
        "branch": pull.branch,
        "branchNormalized": AppName::from_text(&pull.branch).to_string(),
        "targetBranch": pull.target_branch,
        "targetBranchNormalized": AppName::from_text(&pull.target_branch).to_string(),
        "head": pull.head,
        "headShort": pull.head.get(..7).unwrap_or(&pull.head),
        "labels": pull.labels,
    }))
}

fn query(generator: &PullRequestGenerator) -> Result<PullRequestQuery, String> {
    let one = |forge, default: &str, of: &Option<ForgeRepository>| {
        of.as_ref().map(|of| {
            let api = of.api.clone().unwrap_or_else(|| default.to_owned());
            let api = api.trim_end_matches('/').to_owned();
            PullRequestQuery { forge, api, repository: of.repository.clone() }
        })
    };
    let given = [
        one(ForgeKind::Github, "https://api.github.com", &generator.github),
        one(ForgeKind::Gitlab, "https://gitlab.com/api/v4", &generator.gitlab),
        one(ForgeKind::Gitea, "", &generator.gitea),
    ];
    let mut given = given.into_iter().flatten();
    let (Some(query), None) = (given.next(), given.next()) else {
        return Err("name exactly one of github, gitlab and gitea".to_owned());
    };
    if query.api.is_empty() {
        return Err(
            "say where the API is: gitea.api, such as https://git.example.com/api/v1".to_owned()
        );
    }
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let is_path = query.repository.contains('/')
        && query.repository.chars().all(fits)
        && query.repository.split('/').all(|part| !part.is_empty() && part != ".." && part != ".");
    if !is_path {
        return Err(format!("`{}` is not a repository such as owner/name", query.repository));
    }
    Ok(query)
}

/// The parameters that a file holds: an object, or a list of objects.
fn read(tree: &dyn Tree, path: &str) -> Result<Vec<Parameters>, String> {
    let content = tree.read(path).map_err(|error| error.to_string())?;
    let parsed = trueup_yaml::parse(&content, &Limits::default())
        .map_err(|error| format!("line {}: {}", error.line(), error.message()))?;
    let mut sets = Vec::new();
    for document in parsed.iter().filter(|document| !document.root.is_null()) {
        let value = document
            .root
            .to_json(Dialect::V2, DuplicateKeys::Refused)
            .map_err(|error| format!("line {}: {}", error.line(), error.message()))?;
        let items = match value {
            Value::Array(items) => items,
            other => vec![other],
        };
        for item in items {
            match item {
                Value::Object(map) => sets.push(map),
                _ => return Err("parameters are maps, or lists of maps".to_owned()),
            }
        }
    }
    Ok(sets)
}
