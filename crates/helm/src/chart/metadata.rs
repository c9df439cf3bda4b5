//! `Chart.yaml` and `requirements.yaml`: what a chart says of itself.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Profile;
use crate::decode::Decoder;

/// What `Chart.yaml` says. Fields and their meaning are those of Helm's chart metadata, for
/// apiVersion v1 and v2.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata {
    /// The chart's name. For an alias, the alias.
    pub name: String,
    /// Where to read about it.
    pub home: String,
    /// Where its sources are.
    pub sources: Vec<String>,
    /// Its version.
    pub version: String,
    /// One sentence.
    pub description: String,
    /// For searching.
    pub keywords: Vec<String>,
    /// Who keeps it; an entry that is null is `None`.
    pub maintainers: Vec<Option<Maintainer>>,
    /// URL of a picture.
    pub icon: String,
    /// `v1` or `v2`.
    pub api_version: String,
    /// A condition of the chart itself; Helm 2 used it.
    pub condition: String,
    /// Tags of the chart itself; Helm 2 used them.
    pub tags: String,
    /// The version of what it installs.
    pub app_version: String,
    /// Whether it is given up.
    pub deprecated: bool,
    /// Free text for other tools; `None` where there are none, which Go tells from empty ones.
    pub annotations: Option<BTreeMap<String, String>>,
    /// A constraint on the version of Kubernetes.
    pub kube_version: String,
    /// The charts it needs; an entry that is null is `None`.
    pub dependencies: Vec<Option<Dependency>>,
    /// `application`, `library`, or nothing.
    pub kind: String,
}

/// Someone who keeps a chart.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Maintainer {
    /// Name.
    pub name: String,
    /// Address.
    pub email: String,
    /// Web page.
    pub url: String,
}

/// A chart that another needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dependency {
    /// The name of the chart, or its alias once dependencies have been processed.
    pub name: String,
    /// A constraint on its version.
    pub version: String,
    /// Where it comes from.
    pub repository: String,
    /// Paths in the values, comma-separated; the first that is a boolean decides.
    pub condition: String,
    /// Names in the `tags` of the values that switch it on or off.
    pub tags: Vec<String>,
    /// Whether conditions and tags leave it in.
    pub enabled: bool,
    /// What of its values the parent takes over: strings, or maps of `child` and `parent`.
    pub import_values: Vec<Value>,
    /// Another name for it.
    pub alias: String,
}

const METADATA_FIELDS: &[&str] = &[
    "name",
    "home",
    "sources",
    "version",
    "description",
    "keywords",
    "maintainers",
    "icon",
    "apiVersion",
    "condition",
    "tags",
    "appVersion",
    "deprecated",
    "annotations",
    "kubeVersion",
    "dependencies",
    "type",
];
const MAINTAINER_FIELDS: &[&str] = &["name", "email", "url"];
const DEPENDENCY_FIELDS: &[&str] =
    &["name", "version", "repository", "condition", "tags", "enabled", "import-values", "alias"];

impl Metadata {
    /// Reads a document on top of what is there: `requirements.yaml` adds to `Chart.yaml`.
    ///
    /// # Errors
    /// What Go's JSON decoder says of the first field of another type.
    pub(crate) fn read(&mut self, document: &Value, profile: Profile) -> Result<(), String> {
        let package = package(profile);
        let mut decoder = Decoder::default();
        decoder.structure(
            document,
            ("Metadata", &format!("{package}.Metadata")),
            METADATA_FIELDS,
            &mut |decoder, field, value| self.read_field(decoder, field, value, package),
        );
        decoder.finish()
    }

    fn read_field(
        &mut self,
        decoder: &mut Decoder,
        field: &'static str,
        value: &Value,
        package: &str,
    ) {
        let text = match field {
            "name" => &mut self.name,
            "home" => &mut self.home,
            "version" => &mut self.version,
            "description" => &mut self.description,
            "icon" => &mut self.icon,
            "apiVersion" => &mut self.api_version,
            "condition" => &mut self.condition,
            "tags" => &mut self.tags,
            "appVersion" => &mut self.app_version,
            "kubeVersion" => &mut self.kube_version,
            "type" => &mut self.kind,
            _ => return self.read_structured(decoder, field, value, package),
        };
        if let Some(read) = decoder.string(value) {
            *text = read;
        }
    }

    fn read_structured(
        &mut self,
        decoder: &mut Decoder,
        field: &'static str,
        value: &Value,
        package: &str,
    ) {
        match field {
            "sources" => self.sources = decoder.strings(value),
            "keywords" => self.keywords = decoder.strings(value),
            "deprecated" => self.deprecated = decoder.boolean(value).unwrap_or(self.deprecated),
            "annotations" => self.annotations = decoder.string_map(value),
            "maintainers" => {
                let type_name = format!("{package}.Maintainer");
                self.maintainers =
                    decoder.list(value, &format!("[]*{type_name}"), &mut |decoder, item| {
                        Maintainer::read(decoder, item, &type_name)
                    });
            }
            "dependencies" => {
                let type_name = format!("{package}.Dependency");
                self.dependencies =
                    decoder.list(value, &format!("[]*{type_name}"), &mut |decoder, item| {
                        Dependency::read(decoder, item, &type_name)
                    });
            }
            _ => {}
        }
    }

    /// Checks what Helm checks when it loads a chart, and cleans the texts as it does.
    ///
    /// # Errors
    /// Helm's words, which name the field.
    pub(crate) fn validate(&mut self, profile: Profile) -> Result<(), String> {
        self.sanitize();
        if self.api_version.is_empty() {
            return Err("validation: chart.metadata.apiVersion is required".to_owned());
        }
        if self.name.is_empty() {
            return Err("validation: chart.metadata.name is required".to_owned());
        }
        if profile == Profile::Helm4 && matches!(self.name.as_str(), "." | "..") {
            return Err(format!("validation: chart.metadata.name {:?} is not allowed", self.name));
        }
        if self.name != base_name(&self.name) {
            return Err(format!("validation: chart.metadata.name {:?} is invalid", self.name));
        }
        if self.version.is_empty() {
            return Err("validation: chart.metadata.version is required".to_owned());
        }
        if !crate::versions::is_version(&self.version, profile) {
            return Err(format!(
                "validation: chart.metadata.version {:?} is invalid",
                self.version
            ));
        }
        if !matches!(self.kind.as_str(), "" | "application" | "library") {
            return Err("validation: chart.metadata.type must be application or library".to_owned());
        }
        self.validate_maintainers()?;
        self.validate_dependencies()
    }

    fn sanitize(&mut self) {
        for text in [
            &mut self.name,
            &mut self.description,
            &mut self.home,
            &mut self.icon,
            &mut self.condition,
            &mut self.tags,
            &mut self.app_version,
            &mut self.kube_version,
        ] {
            sanitize(text);
        }
        self.sources.iter_mut().chain(&mut self.keywords).for_each(sanitize);
    }

    fn validate_maintainers(&mut self) -> Result<(), String> {
        for maintainer in &mut self.maintainers {
            let Some(maintainer) = maintainer else {
                return Err(
                    "validation: maintainers must not contain empty or null nodes".to_owned()
                );
            };
            sanitize(&mut maintainer.name);
            sanitize(&mut maintainer.email);
            sanitize(&mut maintainer.url);
        }
        Ok(())
    }

    fn validate_dependencies(&mut self) -> Result<(), String> {
        let mut seen = std::collections::BTreeSet::new();
        for dependency in &mut self.dependencies {
            let Some(dependency) = dependency else {
                return Err(
                    "validation: dependencies must not contain empty or null nodes".to_owned()
                );
            };
            dependency.validate()?;
            let key = dependency.key().to_owned();
            if seen.contains(&key) {
                return Err(format!(
                    "validation: more than one dependency with name or alias {key:?}"
                ));
            }
            seen.insert(key);
        }
        Ok(())
    }

    /// Whether it is a library, of which only the partials are used.
    pub fn is_library(&self) -> bool {
        self.kind.eq_ignore_ascii_case("library")
    }

    /// The dependencies; none of them is null in a chart that was loaded.
    pub fn dependencies(&self) -> impl Iterator<Item = &Dependency> {
        self.dependencies.iter().flatten()
    }
}

impl Maintainer {
    fn read(decoder: &mut Decoder, value: &Value, type_name: &str) -> Option<Self> {
        if value.is_null() {
            return None;
        }
        let mut read = Self::default();
        decoder.structure(
            value,
            ("Maintainer", type_name),
            MAINTAINER_FIELDS,
            &mut |decoder, field, value| {
                let text = decoder.string(value).unwrap_or_default();
                match field {
                    "name" => read.name = text,
                    "email" => read.email = text,
                    _ => read.url = text,
                }
            },
        );
        Some(read)
    }
}

impl Dependency {
    fn read(decoder: &mut Decoder, value: &Value, type_name: &str) -> Option<Self> {
        if value.is_null() {
            return None;
        }
        let mut read = Self::default();
        decoder.structure(
            value,
            ("Dependency", type_name),
            DEPENDENCY_FIELDS,
            &mut |decoder, field, value| match field {
                "tags" => read.tags = decoder.strings(value),
                "enabled" => read.enabled = decoder.boolean(value).unwrap_or_default(),
                "import-values" => {
                    read.import_values = decoder.list(value, "[]interface {}", &mut |_, item| {
                        crate::values::with_floats(item.clone())
                    });
                }
                _ => {
                    let text = decoder.string(value).unwrap_or_default();
                    match field {
                        "name" => read.name = text,
                        "version" => read.version = text,
                        "repository" => read.repository = text,
                        "condition" => read.condition = text,
                        _ => read.alias = text,
                    }
                }
            },
        );
        Some(read)
    }

    fn validate(&mut self) -> Result<(), String> {
        for text in [&mut self.name, &mut self.version, &mut self.repository, &mut self.condition] {
            sanitize(text);
        }
        self.tags.iter_mut().for_each(sanitize);
        let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-');
        if !self.alias.chars().all(allowed) {
            return Err(format!(
                "validation: dependency {:?} has disallowed characters in the alias",
                self.name
            ));
        }
        Ok(())
    }

    /// The name under which the parent knows it.
    pub fn key(&self) -> &str {
        if self.alias.is_empty() { &self.name } else { &self.alias }
    }
}

/// How Go names the package of the chart types in its messages.
fn package(profile: Profile) -> &'static str {
    match profile {
        Profile::Helm3 => "chart",
        Profile::Helm4 => "v2",
    }
}

/// Every kind of space becomes a plain one, and what cannot be printed goes.
fn sanitize(text: &mut String) {
    let is_clean = |char: char| (' '..='~').contains(&char);
    if text.chars().all(is_clean) {
        return;
    }
    *text = text
        .chars()
        .filter_map(|char| {
            if char.is_whitespace() {
                Some(' ')
            } else if char.is_control() || is_unprintable(char) {
                None
            } else {
                Some(char)
            }
        })
        .collect();
}

/// What Go's `unicode.IsPrint` refuses beside control characters: format characters, private use,
/// and what is not assigned to a character at all.
fn is_unprintable(char: char) -> bool {
    matches!(
        char,
        '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'
            | '\u{ffff}'
            | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..
    )
}

/// Go's `filepath.Base`.
fn base_name(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/" } else { trueup_model::tree::file_name(trimmed) }
}
