//! From files to a [`Chart`].
//!
//! A folder is walked as Helm walks it: sorted, symbolic links followed, `.helmignore` of the top
//! folder applied to everything below. What a file is for is decided by its path alone, and a
//! subchart is loaded from the same list of files.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};
use trueup_model::tree::{EntryKind, Tree, TreeError, resolve};

use super::archive;
use super::ignore::{IgnoreError, IgnoreRules};
use super::metadata::{Dependency, Metadata};
use super::{Chart, Template};
use crate::{Profile, document, values};

/// A file of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path from the chart's root.
    pub name: String,
    /// Its bytes, without a byte order mark.
    pub content: Arc<[u8]>,
}

impl SourceFile {
    /// A file; a byte order mark at its start is dropped.
    pub fn new(name: impl Into<String>, content: impl Into<Arc<[u8]>>) -> Self {
        let content: Arc<[u8]> = content.into();
        let content = match content.strip_prefix(b"\xEF\xBB\xBF") {
            Some(rest) => rest.into(),
            None => content,
        };
        Self { name: name.into(), content }
    }
}

/// Why a chart cannot be loaded. The texts are Helm's, which its users search for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no `Chart.yaml` in the folder (Helm 4).
    #[error("unable to detect chart at {path}: open {path}: no such file or directory")]
    Undetected {
        /// Where it was looked for.
        path: String,
    },
    /// The chart's apiVersion is not known (Helm 4).
    #[error("unsupported chart version")]
    UnsupportedVersion,
    /// There is no `Chart.yaml`.
    #[error("Chart.yaml file is missing")]
    NoChartFile,
    /// A file of the chart cannot be read as what it is for.
    #[error("cannot load {file}: {reason}")]
    Unreadable {
        /// `Chart.yaml`, `values.yaml` and the like.
        file: &'static str,
        /// What the parser says.
        reason: String,
    },
    /// `Chart.yaml` says something that is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// `.helmignore` is malformed.
    #[error(transparent)]
    Ignore(#[from] IgnoreError),
    /// The tree could not be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Something that is neither a file nor a folder.
    #[error("cannot load irregular file {path} as it has file mode type bits set")]
    Irregular {
        /// Its path.
        path: String,
    },
    /// A file is too large.
    #[error("chart file {name:?} is larger than the maximum file size {limit}")]
    FileTooLarge {
        /// Its name.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A packed file is too large.
    #[error("decompressed chart file {name:?} is larger than the maximum file size {limit}")]
    PackedFileTooLarge {
        /// Its name.
        name: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// All files of a packed chart together are too large.
    #[error("decompressed chart is larger than the maximum size {limit}")]
    ChartTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The bytes are no gzipped tar.
    #[error("{0}")]
    Archive(String),
    /// The archive holds nothing.
    #[error("no files in chart archive")]
    EmptyArchive,
    /// The archive holds an absolute path.
    #[error("chart illegally contains absolute paths")]
    AbsolutePath,
    /// The archive holds something beside the chart's folder.
    #[error("chart illegally contains content outside the base directory: {name:?}")]
    OutsideBase {
        /// The name in the archive.
        name: String,
    },
    /// The archive holds a path that leads out of the chart.
    #[error("chart illegally references parent directory")]
    ParentReference,
    /// The archive holds a path with a drive letter.
    #[error("chart contains illegally named files")]
    IllegalName,
    /// The archive has no folder around the chart.
    #[error("chart yaml not in base directory")]
    NoBaseFolder,
    /// A subchart cannot be loaded.
    #[error("error unpacking subchart {name} in {parent}: {source}")]
    Subchart {
        /// Its name in `charts/`.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// Why.
        source: Box<LoadError>,
    },
    /// A packed subchart is a folder, or has files beside it.
    #[error("error unpacking subchart tar in {parent}: expected {name}, got {found}")]
    SubchartName {
        /// Its name in `charts/`.
        name: String,
        /// The chart that holds it.
        parent: String,
        /// What was found.
        found: String,
    },
    /// Charts within charts within charts.
    #[error("subcharts are nested deeper than {limit}")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

/// How deep charts may lie in charts. Helm has no limit; the deepest known real one is 4.
const MAX_CHART_DEPTH: usize = 64;
/// How deep folders may lie in folders, and links lead through each other.
const MAX_FOLDER_DEPTH: usize = 256;
/// How many bytes all files of a folder may have together.
const MAX_FOLDER_SIZE: u64 = 512 * 1024 * 1024;

impl Chart {
    /// Loads the chart at `path` of a tree: a folder, or a packed chart.
    ///
    /// # Errors
    /// If it cannot be read, is larger than Helm's limits, or is no chart.
    pub fn load(tree: &dyn Tree, path: &str, profile: Profile) -> Result<Self, LoadError> {
        match resolve(tree, path)? {
            Some((real, entry)) if entry.kind != EntryKind::Directory => {
                Self::unpack(&tree.read(&real)?, profile)
            }
            Some(_) => {
                if profile == Profile::Helm4 {
                    detect(tree, path)?;
                }
                Self::from_files(walk(tree, path)?, profile)
            }
            None => Err(TreeError::Absent { path: path.to_owned() }.into()),
        }
    }

    /// Loads a packed chart.
    ///
    /// # Errors
    /// As [`Chart::load`].
    pub fn unpack(packed: &[u8], profile: Profile) -> Result<Self, LoadError> {
        Self::from_files(archive::unpack(packed)?, profile)
    }

    /// Loads a chart from its files.
    ///
    /// # Errors
    /// As [`Chart::load`].
    pub fn from_files(files: Vec<SourceFile>, profile: Profile) -> Result<Self, LoadError> {
        Loader { profile }.chart(files, 0)
    }
}

/// Helm 4 looks at the apiVersion before anything else.
fn detect(tree: &dyn Tree, folder: &str) -> Result<(), LoadError> {
    let path = below(folder, "Chart.yaml");
    let Some((real, _)) = resolve(tree, &path)? else {
        return Err(LoadError::Undetected { path });
    };
    let unreadable = |reason| LoadError::Unreadable { file: "Chart.yaml", reason };
    let document =
        document::read(&SourceFile::new(path, tree.read(&real)?).content).map_err(unreadable)?;
    let mut metadata = Metadata::default();
    if document.is_object() || document.is_null() {
        // What else is wrong with it is reported when it is loaded.
        let _ = metadata.read(&document, Profile::Helm4);
    }
    match metadata.api_version.as_str() {
        "" | "v1" | "v2" | "v3" => Ok(()),
        _ => Err(LoadError::UnsupportedVersion),
    }
}

struct Loader {
    profile: Profile,
}

impl Loader {
    fn chart(&self, files: Vec<SourceFile>, depth: usize) -> Result<Chart, LoadError> {
        if depth > MAX_CHART_DEPTH {
            return Err(LoadError::TooDeep { limit: MAX_CHART_DEPTH });
        }
        let mut metadata = self.chart_file(&files)?;
        let mut chart = Chart {
            metadata: Metadata::default(),
            templates: Vec::new(),
            values: Map::new(),
            schema: None,
            files: Vec::new(),
            dependencies: Vec::new(),
            lock: None,
            warnings: Vec::new(),
        };
        let mut packed: BTreeMap<String, Vec<SourceFile>> = BTreeMap::new();
        for file in files {
            self.sort_in(file, &mut chart, &mut metadata, &mut packed)?;
        }
        let mut metadata = metadata.ok_or(LoadError::NoChartFile)?;
        metadata.validate(self.profile).map_err(LoadError::Invalid)?;
        chart.metadata = metadata;
        for (name, files) in packed {
            if let Some(subchart) = self.subchart(&name, files, &chart, depth)? {
                chart.dependencies.push(Arc::new(subchart));
            }
        }
        Ok(chart)
    }

    fn chart_file(&self, files: &[SourceFile]) -> Result<Option<Metadata>, LoadError> {
        let mut metadata: Option<Metadata> = None;
        for file in files.iter().filter(|file| file.name == "Chart.yaml") {
            let metadata = metadata.get_or_insert_default();
            self.read_metadata("Chart.yaml", file, metadata)?;
            if metadata.api_version.is_empty() {
                metadata.api_version = "v1".to_owned();
            }
        }
        Ok(metadata)
    }

    fn read_metadata(
        &self,
        name: &'static str,
        file: &SourceFile,
        metadata: &mut Metadata,
    ) -> Result<(), LoadError> {
        document::read_with_floats(&file.content)
            .and_then(|document| metadata.read(&document, self.profile))
            .map_err(|reason| LoadError::Unreadable { file: name, reason })
    }

    /// Puts a file where its path says.
    fn sort_in(
        &self,
        file: SourceFile,
        chart: &mut Chart,
        metadata: &mut Option<Metadata>,
        packed: &mut BTreeMap<String, Vec<SourceFile>>,
    ) -> Result<(), LoadError> {
        match file.name.as_str() {
            "Chart.yaml" => {}
            "Chart.lock" => chart.lock = read_lock("Chart.lock", &file, self.profile)?,
            "values.yaml" => {
                chart.values = values::load(&file.content, self.profile)
                    .map_err(|reason| LoadError::Unreadable { file: "values.yaml", reason })?;
            }
            "values.schema.json" => chart.schema = Some(file.content),
            "requirements.yaml" => {
                let metadata = metadata.get_or_insert_default();
                self.read_metadata("requirements.yaml", &file, metadata)?;
                keep_or_warn(
                    chart,
                    metadata,
                    file,
                    "Dependencies are handled in Chart.yaml since apiVersion \"v2\". We recommend migrating dependencies to Chart.yaml.",
                );
            }
            "requirements.lock" => {
                chart.lock = read_lock("requirements.lock", &file, self.profile)?;
                let metadata = metadata.get_or_insert_default();
                keep_or_warn(
                    chart,
                    metadata,
                    file,
                    "Dependency locking is handled in Chart.lock since apiVersion \"v2\". We recommend migrating to Chart.lock.",
                );
            }
            name if name.starts_with("templates/") => chart.templates.push(Template::new(file)),
            name if name.starts_with("charts/") && !name.ends_with(".prov") => {
                let path = name.strip_prefix("charts/").unwrap_or_default().to_owned();
                let subchart = path.split('/').next().unwrap_or_default().to_owned();
                let file = SourceFile { name: path, content: file.content };
                packed.entry(subchart).or_default().push(file);
            }
            _ => chart.files.push(file),
        }
        Ok(())
    }

    /// A subchart; `None` for what lies in `charts/` and is none.
    fn subchart(
        &self,
        name: &str,
        files: Vec<SourceFile>,
        parent: &Chart,
        depth: usize,
    ) -> Result<Option<Chart>, LoadError> {
        if name.starts_with(['_', '.']) {
            return Ok(None);
        }
        let parent = parent.metadata.name.clone();
        let files = if name.ends_with(".tgz") {
            let Some(file) = files.into_iter().next() else { return Ok(None) };
            if file.name != name {
                let (name, found) = (name.to_owned(), file.name);
                return Err(LoadError::SubchartName { name, parent, found });
            }
            archive::unpack(&file.content)
        } else {
            Ok(files.into_iter().filter_map(below_first_folder).collect())
        };
        match files.and_then(|files| self.chart(files, depth + 1)) {
            Ok(chart) => Ok(Some(chart)),
            Err(source) => {
                let source = Box::new(source);
                Err(LoadError::Subchart { name: name.to_owned(), parent, source })
            }
        }
    }
}

fn below_first_folder(file: SourceFile) -> Option<SourceFile> {
    let (_, name) = file.name.split_once('/')?;
    Some(SourceFile { name: name.to_owned(), content: file.content })
}

/// `requirements.*` is shown to the templates of a v1 chart alone; of a newer one it is a mistake.
fn keep_or_warn(chart: &mut Chart, metadata: &Metadata, file: SourceFile, warning: &str) {
    if metadata.api_version == "v1" {
        chart.files.push(file);
    } else {
        chart.warnings.push(format!("Warning: {warning}"));
    }
}

/// What a lock file names; `None` if it is empty.
fn read_lock(
    name: &'static str,
    file: &SourceFile,
    profile: Profile,
) -> Result<Option<Vec<Dependency>>, LoadError> {
    let unreadable = |reason| LoadError::Unreadable { file: name, reason };
    match document::read(&file.content).map_err(unreadable)? {
        Value::Null => Ok(None),
        Value::Object(lock) => {
            // A lock names its charts as Chart.yaml does; what else it says is not needed.
            let list = lock.get("dependencies").cloned().unwrap_or(Value::Null);
            let document = serde_json::json!({ "dependencies": list });
            let mut metadata = Metadata::default();
            // Rendering does without: where the list is used, what it lacks is an error.
            let _ = metadata.read(&document, profile);
            Ok(Some(metadata.dependencies.into_iter().flatten().collect()))
        }
        other => Err(unreadable(format!(
            "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {} into Go value of type chart.Lock",
            crate::decode::json_kind(&other)
        ))),
    }
}

/// All files of a chart folder that its `.helmignore` leaves in, sorted as Helm visits them.
fn walk(tree: &dyn Tree, folder: &str) -> Result<Vec<SourceFile>, LoadError> {
    let rules = match resolve(tree, &below(folder, ".helmignore"))? {
        Some((real, entry)) if matches!(entry.kind, EntryKind::File { .. }) => {
            IgnoreRules::parse(&String::from_utf8_lossy(&tree.read(&real)?))?
        }
        _ => IgnoreRules::parse("")?,
    };
    let mut walk = Walk { tree, rules, files: Vec::new(), size: 0 };
    walk.folder(folder, "", 0)?;
    Ok(walk.files)
}

struct Walk<'a> {
    tree: &'a dyn Tree,
    rules: IgnoreRules,
    files: Vec<SourceFile>,
    size: u64,
}

impl Walk<'_> {
    /// Visits the folder at `real` of the tree, which is `name` in the chart.
    fn folder(&mut self, real: &str, name: &str, depth: usize) -> Result<(), LoadError> {
        if depth > MAX_FOLDER_DEPTH {
            let why = "leads in a circle";
            return Err(TreeError::BadLink { path: real.to_owned(), why }.into());
        }
        let real = match resolve(self.tree, real)? {
            Some((real, _)) => real,
            None => return Ok(()),
        };
        for (child, entry) in self.tree.list(&real)? {
            let path = below(&real, &child);
            let name = below(name, &child);
            let (path, kind) = match entry.kind {
                EntryKind::Symlink => match resolve(self.tree, &path)? {
                    Some((target, entry)) => (target, entry.kind),
                    None => return Err(TreeError::Absent { path }.into()),
                },
                kind => (path, kind),
            };
            match kind {
                EntryKind::Directory if self.rules.ignores(&name, true) => {}
                EntryKind::Directory => self.folder(&path, &name, depth + 1)?,
                _ if self.rules.ignores(&name, false) => {}
                EntryKind::File { .. } => self.file(&path, name)?,
                EntryKind::Symlink | EntryKind::Submodule => {
                    return Err(LoadError::Irregular { path: name });
                }
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, name: String) -> Result<(), LoadError> {
        let content = self.tree.read(path)?;
        let size = content.len() as u64;
        if size > archive::MAX_FILE_SIZE {
            let name = trueup_model::tree::file_name(&name).to_owned();
            return Err(LoadError::FileTooLarge { name, limit: archive::MAX_FILE_SIZE });
        }
        self.size += size;
        if self.size > MAX_FOLDER_SIZE {
            return Err(LoadError::ChartTooLarge { limit: MAX_FOLDER_SIZE });
        }
        self.files.push(SourceFile::new(name, content));
        Ok(())
    }
}

fn below(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
