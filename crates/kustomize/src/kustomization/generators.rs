//! The fields that make resources.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::decode::go_struct;

/// An item of `configMapGenerator`, and what `secretGenerator` has in common with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratorArgs {
    pub namespace: String,
    pub name: String,
    pub behavior: String,
    pub literals: Vec<String>,
    pub files: Vec<String>,
    pub envs: Vec<String>,
    env: String,
    pub options: Option<GeneratorOptions>,
}

go_struct!(GeneratorArgs, "ConfigMapArgs", "types.ConfigMapArgs", {
    "namespace" at "GeneratorArgs.namespace" => namespace,
    "name" at "GeneratorArgs.name" => name,
    "behavior" at "GeneratorArgs.behavior" => behavior,
    "literals" at "GeneratorArgs.KvPairSources.literals" => literals,
    "files" at "GeneratorArgs.KvPairSources.files" => files,
    "envs" at "GeneratorArgs.KvPairSources.envs" => envs,
    "env" at "GeneratorArgs.KvPairSources.env" => env,
    "options" at "GeneratorArgs.options" => options,
});

impl GeneratorArgs {
    pub(super) fn fold_deprecated(&mut self) {
        let env = std::mem::take(&mut self.env);
        if !env.is_empty() {
            self.envs.push(env);
        }
    }
}

/// An item of `secretGenerator`.
#[derive(Clone, Debug, Default)]
pub(crate) struct SecretArgs {
    pub generator: GeneratorArgs,
    pub secret_type: String,
}

go_struct!(SecretArgs, "SecretArgs", "types.SecretArgs", {
    "namespace" at "GeneratorArgs.namespace" => generator.namespace,
    "name" at "GeneratorArgs.name" => generator.name,
    "behavior" at "GeneratorArgs.behavior" => generator.behavior,
    "literals" at "GeneratorArgs.KvPairSources.literals" => generator.literals,
    "files" at "GeneratorArgs.KvPairSources.files" => generator.files,
    "envs" at "GeneratorArgs.KvPairSources.envs" => generator.envs,
    "env" at "GeneratorArgs.KvPairSources.env" => generator.env,
    "options" at "GeneratorArgs.options" => generator.options,
    "type" at "type" => secret_type,
});

/// `generatorOptions`, and `options` of one generator.
#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratorOptions {
    pub labels: BTreeMap<String, String>,
    pub annotations: BTreeMap<String, String>,
    pub disable_name_suffix_hash: bool,
    pub immutable: bool,
}

go_struct!(GeneratorOptions, "GeneratorOptions", "types.GeneratorOptions", {
    "labels" at "labels" => labels,
    "annotations" at "annotations" => annotations,
    "disableNameSuffixHash" at "disableNameSuffixHash" => disable_name_suffix_hash,
    "immutable" at "immutable" => immutable,
});

impl GeneratorOptions {
    /// A generator's own options with those of the file: its own labels and annotations win, a
    /// switch that is on anywhere is on.
    pub(crate) fn merged(own: Option<&Self>, file: Option<&Self>) -> Option<Self> {
        let Some(file) = file else { return own.cloned() };
        let mut merged = own.cloned().unwrap_or_default();
        add_missing(&mut merged.labels, &file.labels);
        add_missing(&mut merged.annotations, &file.annotations);
        merged.disable_name_suffix_hash |= file.disable_name_suffix_hash;
        merged.immutable |= file.immutable;
        Some(merged)
    }
}

fn add_missing(into: &mut BTreeMap<String, String>, from: &BTreeMap<String, String>) {
    for (key, value) in from {
        into.entry(key.clone()).or_insert_with(|| value.clone());
    }
}

/// `helmGlobals`.
#[derive(Clone, Debug, Default)]
pub(crate) struct HelmGlobals {
    pub chart_home: String,
    pub config_home: String,
}

go_struct!(HelmGlobals, "HelmGlobals", "types.HelmGlobals", {
    "chartHome" at "chartHome" => chart_home,
    "configHome" at "configHome" => config_home,
});

impl HelmGlobals {
    pub(super) fn is_empty(&self) -> bool {
        self.chart_home.is_empty() && self.config_home.is_empty()
    }
}

/// An item of `helmCharts`.
#[derive(Clone, Debug, Default)]
pub(crate) struct HelmChart {
    pub name: String,
    pub version: String,
    pub repo: String,
    pub release_name: String,
    pub namespace: String,
    pub additional_values_files: Vec<String>,
    pub values_file: String,
    pub values_inline: BTreeMap<String, Value>,
    pub values_merge: String,
    pub include_crds: bool,
    pub skip_hooks: bool,
    pub api_versions: Vec<String>,
    pub kube_version: String,
    pub name_template: String,
    pub skip_tests: bool,
    pub debug: bool,
    pub devel: bool,
}

go_struct!(HelmChart, "HelmChart", "types.HelmChart", {
    "name" at "name" => name,
    "version" at "version" => version,
    "repo" at "repo" => repo,
    "releaseName" at "releaseName" => release_name,
    "namespace" at "namespace" => namespace,
    "additionalValuesFiles" at "additionalValuesFiles" => additional_values_files,
    "valuesFile" at "valuesFile" => values_file,
    "valuesInline" at "valuesInline" => values_inline,
    "valuesMerge" at "valuesMerge" => values_merge,
    "includeCRDs" at "includeCRDs" => include_crds,
    "skipHooks" at "skipHooks" => skip_hooks,
    "apiVersions" at "apiVersions" => api_versions,
    "kubeVersion" at "kubeVersion" => kube_version,
    "nameTemplate" at "nameTemplate" => name_template,
    "skipTests" at "skipTests" => skip_tests,
    "debug" at "debug" => debug,
    "devel" at "devel" => devel,
});

/// An item of the deprecated `helmChartInflationGenerator`.
#[derive(Clone, Debug, Default)]
pub(crate) struct HelmChartArgs {
    chart_name: String,
    chart_version: String,
    chart_repo_url: String,
    chart_home: String,
    chart_repo_name: String,
    helm_bin: String,
    helm_home: String,
    values: String,
    values_local: BTreeMap<String, Value>,
    values_merge: String,
    release_name: String,
    release_namespace: String,
    extra_args: Vec<String>,
}

go_struct!(HelmChartArgs, "HelmChartArgs", "types.HelmChartArgs", {
    "chartName" at "chartName" => chart_name,
    "chartVersion" at "chartVersion" => chart_version,
    "chartRepoUrl" at "chartRepoUrl" => chart_repo_url,
    "chartHome" at "chartHome" => chart_home,
    "chartRepoName" at "chartRepoName" => chart_repo_name,
    "helmBin" at "helmBin" => helm_bin,
    "helmHome" at "helmHome" => helm_home,
    "values" at "values" => values,
    "valuesLocal" at "valuesLocal" => values_local,
    "valuesMerge" at "valuesMerge" => values_merge,
    "releaseName" at "releaseName" => release_name,
    "releaseNamespace" at "releaseNamespace" => release_namespace,
    "extraArgs" at "extraArgs" => extra_args,
});

impl HelmChartArgs {
    /// The last one that names a folder wins.
    pub(super) fn add_globals(&self, globals: &mut HelmGlobals) {
        if !self.helm_home.is_empty() {
            globals.config_home.clone_from(&self.helm_home);
        }
        if !self.chart_home.is_empty() {
            globals.chart_home.clone_from(&self.chart_home);
        }
    }

    /// The chart it stands for. Upstream drops its namespace and extra arguments.
    pub(super) fn into_chart(self) -> HelmChart {
        HelmChart {
            name: self.chart_name,
            version: self.chart_version,
            repo: self.chart_repo_url,
            values_file: self.values,
            values_inline: self.values_local,
            values_merge: self.values_merge,
            release_name: self.release_name,
            ..HelmChart::default()
        }
    }
}

/// The configuration of an `IAMPolicyGenerator`.
#[derive(Clone, Debug, Default)]
pub(crate) struct IamPolicyArgs {
    /// `gke` is the only one upstream knows.
    pub cloud: String,
    pub kubernetes: NamedIn,
    pub account: Account,
}

go_struct!(IamPolicyArgs, "IAMPolicyGeneratorPlugin", "builtins.IAMPolicyGeneratorPlugin", {
    "cloud" at "IAMPolicyGeneratorArgs.cloud" => cloud,
    "kubernetesService" at "IAMPolicyGeneratorArgs.kubernetesService" => kubernetes,
    "serviceAccount" at "IAMPolicyGeneratorArgs.serviceAccount" => account,
});

/// A name in a namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct NamedIn {
    pub name: String,
    pub namespace: String,
}

go_struct!(NamedIn, "KubernetesService", "types.KubernetesService", {
    "name" at "name" => name,
    "namespace" at "namespace" => namespace,
});

/// A cloud's service account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub name: String,
    pub project: String,
}

go_struct!(Account, "ServiceAccount", "types.ServiceAccount", {
    "name" at "name" => name,
    "projectId" at "projectId" => project,
});
