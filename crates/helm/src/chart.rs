//! Charts as they are loaded: immutable, shared, cacheable by the digest of their source.

pub(crate) mod archive;
pub mod dependencies;
pub(crate) mod ignore;
pub(crate) mod load;
mod metadata;

use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value};
use trueup_gotemplate::ast::Tree;
use trueup_gotemplate::{Functions, ParseError};

pub use archive::unpack;
pub use ignore::IgnoreError;
pub use load::{LoadError, SourceFile};
pub use metadata::{Dependency, Maintainer, Metadata};

/// A chart with its subcharts.
#[derive(Debug)]
pub struct Chart {
    /// What `Chart.yaml` (and `requirements.yaml`) says.
    pub metadata: Metadata,
    /// The files in `templates/`, in the order in which they were read.
    pub templates: Vec<Template>,
    /// `values.yaml`; numbers are floats, as Helm reads them.
    pub values: Map<String, Value>,
    /// `values.schema.json`.
    pub schema: Option<Arc<[u8]>>,
    /// The files that `.Files` shows: all that have no other role.
    pub files: Vec<SourceFile>,
    /// The charts in `charts/`, sorted by file name.
    pub dependencies: Vec<Arc<Chart>>,
    /// What `Chart.lock` says, if there is one.
    pub lock: Option<Vec<Dependency>>,
    /// What Helm prints as warnings while loading.
    pub warnings: Vec<String>,
}

impl Chart {
    /// The dependencies that `Chart.yaml` declares but `charts/` does not hold, by name.
    pub fn missing_dependencies(&self) -> Vec<&Dependency> {
        let is_there = |dependency: &&Dependency| {
            self.dependencies.iter().any(|chart| chart.metadata.name == dependency.name)
        };
        self.metadata.dependencies().filter(|dependency| !is_there(dependency)).collect()
    }

    /// How many bytes its files have, with those of its subcharts.
    pub fn size(&self) -> usize {
        let templates: usize = self.templates.iter().map(|template| template.text().len()).sum();
        let files: usize = self.files.iter().map(|file| file.content.len()).sum();
        let subcharts: usize = self.dependencies.iter().map(|chart| chart.size()).sum();
        templates + files + subcharts
    }

    /// The files in `crds/` that hold manifests.
    pub(crate) fn crds(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| {
            file.name.starts_with("crds/") && {
                let extension = file.name.rsplit_once('.').map_or("", |(_, extension)| extension);
                ["yaml", "yml", "json"].iter().any(|known| known.eq_ignore_ascii_case(extension))
            }
        })
    }
}

/// A file in `templates/`. What was parsed of it once is kept, so that a cached chart is parsed once.
#[derive(Debug)]
pub struct Template {
    file: SourceFile,
    parsed: OnceLock<Parsed>,
}

/// The trees of a template, under the name that it was first rendered by.
#[derive(Debug)]
struct Parsed {
    name: String,
    trees: Trees,
}

type Trees = Result<Arc<[Arc<Tree>]>, ParseError>;

impl Template {
    /// A template that has not been parsed.
    pub fn new(file: SourceFile) -> Self {
        Self { file, parsed: OnceLock::new() }
    }

    /// Its path from the chart's root.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// Its text.
    pub fn text(&self) -> &[u8] {
        &self.file.content
    }

    /// Its trees under a name: its own first, then those that it defines. The name depends on where
    /// the chart lies in another, and on its alias there.
    pub(crate) fn parsed(&self, name: &str, functions: &Functions) -> Trees {
        let parse = || crate::engine::parse(name, self.text(), functions);
        let first = self.parsed.get_or_init(|| Parsed { name: name.to_owned(), trees: parse() });
        if first.name == name { first.trees.clone() } else { parse() }
    }
}
