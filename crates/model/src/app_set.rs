//! The `AppSet` document: apps made from a template, one for each set of parameters that its
//! generators yield.
//!
//! Wire types, like those of [`crate::app`]. Texts in the template, and in generators that come
//! after others in a matrix, are Go templates over the parameters.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Apps made from a template.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppSet {
    /// `trueup.dev/v1`.
    pub api_version: String,
    /// `AppSet`.
    pub kind: String,
    /// Name and labels.
    pub metadata: crate::app::AppMetadata,
    /// Everything else.
    pub spec: AppSetSpec,
}

/// What an app set is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppSetSpec {
    /// Where parameters come from; each yields some, all of them are used.
    pub generators: Vec<Generator>,
    /// The App that is made of each.
    pub template: AppTemplate,
    /// Whether it is usual that there are no apps: then the last ones leave without consent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_empty: bool,
}

/// An App whose texts are Go templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppTemplate {
    /// Name, labels and annotations of the App.
    pub metadata: TemplateMetadata,
    /// Its spec. A text that is nothing but one field, `"{{ .replicas }}"`, becomes that field's
    /// value, whatever its type.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub spec: Map<String, Value>,
}

/// Name, labels and annotations, as templates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TemplateMetadata {
    /// Must yield another name for each app.
    pub name: String,
    /// Labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Where parameters come from: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Generator {
    /// Written down here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<ListGenerator>,
    /// Folders of a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folders: Option<PathGenerator>,
    /// YAML and JSON files of a repository, whose content is the parameters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<PathGenerator>,
    /// The clusters that the controller knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clusters: Option<ClusterGenerator>,
    /// Every combination of what two or more generators yield.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matrix: Option<MatrixGenerator>,
    /// What the first yields, overridden by what the others yield for the same keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merge: Option<MergeGenerator>,
    /// Open pull requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pull_requests: Option<PullRequestGenerator>,
}

/// Parameters that are written down.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListGenerator {
    /// One set of parameters each.
    pub elements: Vec<Map<String, Value>>,
}

/// Folders or files of a repository.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathGenerator {
    /// The repository. Left out: the one in which this document stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Branch, tag or commit. Left out: as this document's, or the repository's own HEAD.
    #[serde(default, rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Globs of paths from the repository's root: `apps/*`, `clusters/**/config.yaml`.
    pub include: Vec<String>,
    /// Globs of paths that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
}

/// Clusters.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ClusterGenerator {
    /// Only clusters with all of these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Only clusters whose name fits one of these globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Every combination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatrixGenerator {
    /// Two or more. Texts of a later one may use the parameters of those before it.
    pub generators: Vec<Generator>,
}

/// Parameters that override others.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MergeGenerator {
    /// The fields by which sets of parameters belong together, such as `name` or `metadata.env`.
    pub by: Vec<String>,
    /// Two or more: the first says which there are.
    pub generators: Vec<Generator>,
}

/// Open pull requests of one repository: exactly one of the forges.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PullRequestGenerator {
    /// GitHub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<ForgeRepository>,
    /// GitLab.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitlab: Option<ForgeRepository>,
    /// Gitea or Forgejo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitea: Option<ForgeRepository>,
    /// Only those with all of these labels.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
    /// Only those into a branch that fits one of these globs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub into: Vec<String>,
}

/// A repository of a forge. Credentials come from the controller's configuration, by URL prefix.
#[derive(
    Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForgeRepository {
    /// `owner/name`; on GitLab with all groups: `group/sub/name`.
    pub repository: String,
    /// Address of the API, `https://git.example.com/api/v1`. Left out: that of github.com or
    /// gitlab.com; for Gitea it must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
}

/// What kind of forge it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ForgeKind {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea or Forgejo.
    Gitea,
}

/// Which open pull requests are asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PullRequestQuery {
    /// What kind of forge.
    pub forge: ForgeKind,
    /// Address of its API, without a slash at its end.
    pub api: String,
    /// The repository.
    pub repository: String,
}

/// An open pull request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Its title.
    pub title: String,
    /// Who opened it.
    pub author: String,
    /// The branch it comes from.
    pub branch: String,
    /// The branch it goes into.
    pub target_branch: String,
    /// Its newest commit.
    pub head: String,
    /// Its labels.
    pub labels: Vec<String>,
}

/// A cluster that the controller knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its name: what `target.kubernetes.cluster` says.
    pub name: String,
    /// Address of its API server, where it is known.
    pub server: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}
