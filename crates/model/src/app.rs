//! The `App` document: the unit that is planned, applied, judged and rolled back.
//!
//! These are wire types: what users write, with the field names of the documentation. Their JSON
//! Schema and the CustomResourceDefinition are generated from them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::AppName;
use crate::schedule::{Schedule, ZoneName};

/// `apiVersion` of TrueUp's own documents.
pub const API_VERSION: &str = "trueup.dev/v1";

/// A length of time as users write it: `90s`, `5m`, `1h30m`, `500ms`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(std::time::Duration);

impl Duration {
    /// So many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(std::time::Duration::from_secs(seconds))
    }

    /// As the standard library has it.
    pub const fn as_std(self) -> std::time::Duration {
        self.0
    }

    /// Reads `1h30m`, `90s`, `500ms`; the error says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration; write 90s, 5m, 1h30m or 500ms");
        let mut rest = text;
        let mut total = std::time::Duration::ZERO;
        if rest.is_empty() {
            return Err(wrong());
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
            let amount: u64 = rest[..digits].parse().map_err(|_| wrong())?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
            let millis: u64 = match &rest[..end] {
                "ms" => 1,
                "s" => 1_000,
                "m" => 60_000,
                "h" => 3_600_000,
                "d" => 86_400_000,
                _ => return Err(wrong()),
            };
            let part = amount.checked_mul(millis).ok_or_else(wrong)?;
            total = total.checked_add(std::time::Duration::from_millis(part)).ok_or_else(wrong)?;
            rest = &rest[end..];
        }
        Ok(Self(total))
    }
}

impl std::fmt::Display for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut millis = u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX);
        if millis == 0 {
            return f.write_str("0s");
        }
        for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if millis >= size {
                write!(f, "{}{unit}", millis / size)?;
                millis %= size;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for Duration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Duration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "pattern": "^([0-9]+(ms|s|m|h|d))+$",
            "description": "A length of time: 90s, 5m, 1h30m, 500ms",
        })
    }
}

/// An app: where it is declared, how it is rendered, where it lives, and by which policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct App {
    /// `trueup.dev/v1`.
    pub api_version: String,
    /// `App`.
    pub kind: String,
    /// Name and labels.
    pub metadata: AppMetadata,
    /// Everything else; may be left out.
    #[serde(default)]
    pub spec: AppSpec,
}

impl App {
    /// An app without a document.
    pub fn named(name: AppName, spec: AppSpec) -> Self {
        Self {
            api_version: API_VERSION.to_owned(),
            kind: "App".to_owned(),
            metadata: AppMetadata { name, labels: BTreeMap::new(), annotations: BTreeMap::new() },
            spec,
        }
    }

    /// Its name.
    pub fn name(&self) -> &AppName {
        &self.metadata.name
    }
}

/// Name and labels of an app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AppMetadata {
    /// Unique in the installation.
    pub name: AppName,
    /// For selecting and grouping.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Notes that TrueUp itself does not read.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What an app is made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AppSpec {
    /// Where its resources are declared. Left out: the repository, revision and folder in which
    /// this document stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<AppSource>,
    /// How the folder is rendered. Left out: Chart.yaml → helm, a kustomization file → kustomize,
    /// else plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub render: Option<Render>,
    /// Where its resources live. Left out: what `trueup run --target` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<AppTarget>,
    /// When and how it is applied, healed, judged and rolled back.
    pub policy: Policy,
    /// Apps that must be healthy first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// Take over what kubectl, helm, argocd or flux manages. Left out: refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<AdoptFrom>,
    /// What becomes of what it owns when this App leaves Git.
    pub on_remove: OnRemove,
    /// It was called so before: what it owns moves along.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub formerly: Option<AppName>,
}

/// Where an app's resources are declared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AppSource {
    /// Repository: a URL or a path. Left out: the repository of this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repo: Option<String>,
    /// Branch, tag, commit, or a semver range of tags (`~1.4`). Left out: as this document's.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Folder in the repository. Left out: the folder of this document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// How a folder is rendered; at most one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Render {
    /// As a Helm chart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helm: Option<HelmRender>,
    /// As a Kustomize overlay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<KustomizeRender>,
    /// As plain YAML and JSON files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plain: Option<PlainRender>,
}

/// Options of Helm rendering.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HelmRender {
    /// The chart, where it does not lie in the folder; the folder then holds the values files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chart: Option<ChartSource>,
    /// Release name. Left out: the app's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<String>,
    /// Release namespace. Left out: the target's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Values files, relative to the folder; later ones win.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values_files: Vec<String>,
    /// Values; they win over the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<BTreeMap<String, Value>>,
    /// Whether `lookup` may read the live target; its answers are recorded in the plan.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub lookup: bool,
}

/// A chart of a chart repository or an OCI registry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChartSource {
    /// URL of the repository: `https://charts.example.com`, or `oci://registry.example.com/charts`.
    pub repo: String,
    /// The chart's name in it.
    pub name: String,
    /// A version, or a range of versions (`~1.4`) of which the newest is taken. Left out: the newest.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// Options of Kustomize rendering.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KustomizeRender {
    /// Whether charts named in `helmCharts` are rendered.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub enable_helm: bool,
    /// Whether bases and resources at URLs are fetched.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_remote: bool,
}

/// Options of plain rendering.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PlainRender {
    /// Globs of files that are read, relative to the folder. Left out: `*.yaml`, `*.yml`, `*.json`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<String>,
    /// Globs of files that are not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// Whether folders below are read too.
    pub recurse: bool,
}

impl Default for PlainRender {
    fn default() -> Self {
        Self { include: Vec::new(), exclude: Vec::new(), recurse: true }
    }
}

/// Where an app's resources live; one of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AppTarget {
    /// A Kubernetes cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesTarget>,
    /// The machine that TrueUp runs on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<HostTarget>,
}

/// A Kubernetes cluster.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KubernetesTarget {
    /// Its name in the controller's configuration. Left out: the default one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// Namespace of objects that name none. Left out: `default`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Service account to act as, in that namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account: Option<String>,
}

/// The machine that TrueUp runs on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HostTarget {}

/// When and how an app is applied, healed, judged and rolled back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policy {
    /// Whether a person must approve a plan first.
    pub apply: ApplyPolicy,
    /// What is done about drift.
    pub drift: DriftPolicy,
    /// Fields that are never compared.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<IgnoreRule>,
    /// What is done about fields that a person added.
    pub added: AddedPolicy,
    /// How much may be deleted without consent.
    pub prune: PrunePolicy,
    /// When an app counts as failed, and what then.
    pub health: HealthPolicy,
    /// How failures are tried again.
    pub retry: RetryPolicy,
    /// When changes are applied: while no `deny` window is open, and, where there are `allow`
    /// windows, while one of them is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Whether what renders differently without a new commit (an upgrade of TrueUp or of the
    /// cluster) is applied by itself.
    pub without_commit: WithoutCommit,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            apply: ApplyPolicy::Automatic,
            drift: DriftPolicy::Heal,
            ignore: Vec::new(),
            added: AddedPolicy::Report,
            prune: PrunePolicy::default(),
            health: HealthPolicy::default(),
            retry: RetryPolicy::default(),
            windows: Vec::new(),
            without_commit: WithoutCommit::Wait,
        }
    }
}

/// Whether a person must approve a plan first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ApplyPolicy {
    /// A commit is applied by itself.
    Automatic,
    /// A person approves the plan's digest.
    Approve,
}

/// A time in which changes are, or are not, applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// Whether changes are applied in it, or are not.
    pub kind: WindowKind,
    /// When it opens: five fields of cron.
    pub schedule: Schedule,
    /// How long it stays open.
    pub duration: Duration,
    /// Of which time zone `schedule` speaks. Left out: UTC.
    #[serde(default)]
    pub time_zone: ZoneName,
    /// Why, for whoever wonders.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub why: String,
    /// Whether drift is put back while this window keeps changes from being applied.
    #[serde(default)]
    pub healing: Healing,
}

/// What a window does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WindowKind {
    /// Changes are applied in it, and, as soon as there is one such window, only in such windows.
    Allow,
    /// Changes are not applied in it.
    Deny,
}

/// Whether drift is put back while a window keeps changes from being applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Healing {
    /// It is: what was applied stays true.
    #[default]
    Continue,
    /// It is shown only.
    Stop,
}

/// What is done about drift.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DriftPolicy {
    /// It is named and put back.
    Heal,
    /// It is named.
    Report,
    /// It is not looked at.
    Ignore,
}

/// What is done about fields that a person added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AddedPolicy {
    /// They are named.
    Report,
    /// They are removed.
    Remove,
}

/// What becomes of an input that changed without a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum WithoutCommit {
    /// The app waits and shows the difference.
    Wait,
    /// It is applied.
    Apply,
}

/// Fields that are never compared.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct IgnoreRule {
    /// Of this kind; of all if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Of this API group; of all if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// With this name; any if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// JSON pointers; `*` stands for any one key or index.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// Paths as jq writes them (`.spec.template.spec.containers[] | select(.name == "proxy")`): what
    /// they lead to is left out of the comparison.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub jq: Vec<String>,
    /// Fields that these managers own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managers: Vec<String>,
}

/// How much may be deleted without consent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PrunePolicy {
    /// `30%` of an app's resources (and at least 5), or a number.
    pub budget: Budget,
    /// Kinds whose deletion needs consent, besides namespaces, CRDs, claims and volumes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
}

impl Default for PrunePolicy {
    fn default() -> Self {
        Self { budget: Budget::Percent(30), kinds: Vec::new() }
    }
}

/// A share or a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// So many of a hundred.
    Percent(u32),
    /// So many.
    Number(u32),
}

impl Serialize for Budget {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Percent(share) => serializer.collect_str(&format_args!("{share}%")),
            Self::Number(number) => serializer.serialize_u32(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Budget {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong = || serde::de::Error::custom("a budget is a number or a share such as \"30%\"");
        match Value::deserialize(deserializer)? {
            Value::Number(number) => {
                let number = number.as_u64().and_then(|n| u32::try_from(n).ok());
                number.map(Self::Number).ok_or_else(wrong)
            }
            Value::String(text) => {
                let share = text.strip_suffix('%').and_then(|share| share.parse().ok());
                share.filter(|share| *share <= 100).map(Self::Percent).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        }
    }
}

impl JsonSchema for Budget {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Budget".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^(100|[0-9]{1,2})%$" },
            ],
            "x-kubernetes-int-or-string": true,
        })
    }
}

/// When an app counts as failed, and what then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HealthPolicy {
    /// How long it may take to become healthy. Left out: the longest `progressDeadlineSeconds` of
    /// its workloads plus a minute, at least 5 minutes on Kubernetes; 1 minute on a host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Duration>,
    /// What happens otherwise.
    pub otherwise: Otherwise,
    /// Whether the commit that did not become healthy is reverted in Git too, after the app went
    /// back by itself. Needs credentials that may push; history is never rewritten.
    pub revert: Revert,
}

impl Default for HealthPolicy {
    fn default() -> Self {
        Self { deadline: None, otherwise: Otherwise::Rollback, revert: Revert::None }
    }
}

/// What happens when an app does not become healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Otherwise {
    /// It goes back to the last healthy state, and the new one is held.
    Rollback,
    /// It stays as it is, and is not applied again.
    Hold,
}

/// What becomes of a commit in Git that the app went back from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Revert {
    /// Nothing: the hold says that it is not applied again.
    #[default]
    None,
    /// A commit that reverts it is pushed to a branch of its own, for a pull request.
    Branch,
    /// A commit that reverts it is pushed to the branch itself.
    Commit,
}

/// How failures are tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// How often.
    pub limit: u32,
    /// How long between.
    pub backoff: Backoff,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { limit: 5, backoff: Backoff::default() }
    }
}

/// Growing pauses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Backoff {
    /// The first pause; each later one is twice as long.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { initial: Duration::from_secs(5), max: Duration::from_secs(180) }
    }
}

/// An app that must be healthy first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Dependency {
    /// Its name.
    pub app: AppName,
    /// A CEL expression over its status (`app`), which must be true besides; it sees what `trueup
    /// status APP -o json` prints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
}

/// Whose resources are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdoptFrom {
    /// What was applied with kubectl.
    Kubectl,
    /// What a Helm release made.
    Helm,
    /// What Argo CD manages.
    Argocd,
    /// What Flux manages.
    Flux,
}

impl AdoptFrom {
    /// As the App spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Argocd => "argocd",
            Self::Flux => "flux",
        }
    }
}

/// What becomes of what an app owns when its document leaves Git.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnRemove {
    /// It stays.
    #[default]
    Keep,
    /// It is deleted.
    Delete,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, millis) in [("90s", 90_000), ("1h30m", 5_400_000), ("500ms", 500), ("0s", 0)] {
            let duration = Duration::parse(text).unwrap();
            assert_eq!(duration.as_std().as_millis(), millis, "{text}");
            assert_eq!(Duration::parse(&duration.to_string()), Ok(duration), "{text}");
        }
        for bad in ["", "5", "m", "5 m", "-5m", "5x", "99999999999999999999s", "99999999999999h"] {
            assert!(Duration::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_documented_app_is_read() {
        let app: App = serde_json::from_value(serde_json::json!({
            "apiVersion": "trueup.dev/v1", "kind": "App",
            "metadata": {"name": "shop", "labels": {"team": "web"}},
            "spec": {
                "source": {"repo": "https://git.example.com/shop.git", "ref": "main", "path": "deploy/prod"},
                "render": {"helm": {"release": "shop", "valuesFiles": ["values-prod.yaml"], "values": {"replicas": 3}}},
                "target": {"kubernetes": {"cluster": "prod-eu", "namespace": "shop", "serviceAccount": "deployer"}},
                "policy": {
                    "apply": "automatic", "drift": "heal",
                    "ignore": [{"kind": "Deployment", "fields": ["/spec/replicas"]}],
                    "added": "report", "prune": {"budget": "30%"},
                    "health": {"deadline": "5m", "otherwise": "rollback"},
                    "retry": {"limit": 5, "backoff": {"initial": "5s", "max": "3m"}},
                },
                "dependsOn": [{"app": "database"}],
                "adopt": "helm", "onRemove": "keep", "formerly": "store",
            },
        }))
        .unwrap();
        assert_eq!(app.spec.policy.prune.budget, Budget::Percent(30));
        assert_eq!(app.spec.policy.health.deadline, Some(Duration::from_secs(300)));
    }
}
