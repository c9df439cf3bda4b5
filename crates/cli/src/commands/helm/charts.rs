//! Which chart an argument means: a folder or file of this machine, `oci://…`, a URL, the name of a
//! chart in `--repo`, or `REPOSITORY/CHART` with a repository of Helm's own configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;
use tokio::runtime::Handle;
use trueup_fetch::Fetcher;
use trueup_helm::chart::Chart;
use trueup_helm::chart::dependencies::{Completed, complete};
use trueup_helm::template::Arguments;
use trueup_http::{Access, SecretFrom};
use trueup_model::Need;
use trueup_model::need::{Answer, Answers, ChartNeed};
use trueup_model::ports::Supply as _;

use super::read;
use crate::Global;
use crate::disk::{DiskTree, Links};

/// Loads charts as the arguments say.
pub struct Charts<'a> {
    pub arguments: &'a Arguments,
    pub global: &'a Global,
}

impl Charts<'_> {
    /// Loads a chart; the error is Helm's sentence where it has one.
    pub fn load(&self, chart: &str) -> Result<Arc<Chart>, String> {
        let repo = self.arguments.repo.as_deref().filter(|repo| !repo.is_empty());
        if repo.is_none() && Path::new(chart).exists() {
            return self.local(chart).map(Arc::new);
        }
        if let Some(rest) = chart.strip_prefix("oci://") {
            let (folder, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            let (name, tag) = name.split_once(':').unwrap_or((name, ""));
            return self.fetch(format!("oci://{folder}"), name, tag);
        }
        if let Some(repo) = repo {
            return self.fetch(repo.to_owned(), chart, "");
        }
        if chart.starts_with("https://") || chart.starts_with("http://") {
            return self.packed(&Need::File { url: self.with_login(chart) });
        }
        if chart.starts_with(['/', '.']) {
            return Err(format!("path {chart:?} not found"));
        }
        let Some((alias, name)) = chart.split_once('/') else {
            return Err(format!(
                "non-absolute URLs should be in form of repo_name/path_to_chart, got: {chart}"
            ));
        };
        let known = self.repository(alias).ok_or_else(|| format!("repo {alias} not found"))?;
        self.fetch(known, name, "")
    }

    fn local(&self, path: &str) -> Result<Chart, String> {
        let profile = self.arguments.profile;
        if Path::new(path).is_file() {
            return Chart::unpack(&read(path)?, profile).map_err(|error| error.to_string());
        }
        let load = || {
            Chart::load(&DiskTree::new(path, Links::Follow), "", profile)
                .map_err(|error| error.to_string())
        };
        let chart = load()?;
        if !self.arguments.dependency_update || chart.missing_dependencies().is_empty() {
            return Ok(chart);
        }
        // Dependencies by path may lie beside the chart.
        let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
        let tree = DiskTree::new("/", Links::Follow);
        let folder = absolute.to_string_lossy().trim_start_matches('/').to_owned();
        let mut answers = Answers::new();
        loop {
            let completed = complete(load()?, &tree, &folder, profile, &answers)
                .map_err(|error| format!("{error}; {}", error.hint()))?;
            match completed {
                Completed::Whole(chart) => return Ok(*chart),
                Completed::Needs(needs) => {
                    for need in needs {
                        let supplied = self.ask(&need)?;
                        answers.insert(need, supplied);
                    }
                }
            }
        }
    }

    fn fetch(&self, repository: String, name: &str, tag: &str) -> Result<Arc<Chart>, String> {
        let version = self.arguments.version.as_deref().unwrap_or(tag).to_owned();
        self.packed(&Need::Chart(ChartNeed {
            repository: self.with_login(&repository),
            name: name.to_owned(),
            version,
            devel: self.arguments.devel,
        }))
    }

    fn packed(&self, need: &Need) -> Result<Arc<Chart>, String> {
        match self.ask(need)?.answer {
            Answer::Bytes(packed) => Chart::unpack(&packed, self.arguments.profile)
                .map(Arc::new)
                .map_err(|error| error.to_string()),
            Answer::Missing { why, .. } => Err(why),
            _ => Err(format!("{need} was answered with something else")),
        }
    }

    fn ask(&self, need: &Need) -> Result<trueup_model::need::Supplied, String> {
        let fetcher = self.fetcher()?;
        let asked = async { fetcher.supply(need).await.map_err(|error| error.message) };
        tokio::task::block_in_place(|| Handle::current().block_on(asked))
    }

    fn fetcher(&self) -> Result<Fetcher, String> {
        let file = |path: &Option<String>| path.as_ref().map(|path| SecretFrom::File(path.into()));
        let own = Access {
            authorities: file(&self.arguments.ca_file),
            certificate: file(&self.arguments.cert_file),
            certificate_key: file(&self.arguments.key_file),
            ..Access::default()
        };
        let given = own.authorities.is_some() || own.certificate.is_some();
        let options = crate::state::fetch_options_of(self.global).map_err(|e| e.to_string())?;
        Ok(Fetcher::new(match given {
            true => trueup_fetch::Options { http: vec![own], ..options },
            false => options,
        }))
    }

    /// A URL with the user and password of the flags.
    fn with_login(&self, url: &str) -> String {
        let (Some(user), Some(password)) = (&self.arguments.username, &self.arguments.password)
        else {
            return url.to_owned();
        };
        let Ok(mut parsed) = url::Url::parse(url) else { return url.to_owned() };
        // Both fail only for URLs without a host, which cannot be asked anyway.
        let _ = parsed.set_username(user);
        let _ = parsed.set_password(Some(password));
        parsed.to_string()
    }

    /// The URL of a repository that `helm repo add` has given a name.
    fn repository(&self, alias: &str) -> Option<String> {
        let file = match &self.arguments.repository_config {
            Some(path) => PathBuf::from(path),
            None => {
                std::env::var_os("HELM_REPOSITORY_CONFIG").map(PathBuf::from).or_else(|| {
                    let home =
                        std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from).or_else(|| {
                            Some(PathBuf::from(std::env::var_os("HOME")?).join(".config"))
                        })?;
                    Some(home.join("helm/repositories.yaml"))
                })?
            }
        };
        let text = std::fs::read(file).ok()?;
        let node = trueup_yaml::parse_first(&text, &trueup_yaml::Limits::default()).ok()?;
        let dialect = trueup_yaml::Dialect::V2;
        let document = node.to_json(dialect, trueup_yaml::DuplicateKeys::LastWins).ok()?;
        let list = document.get("repositories")?.as_array()?;
        let named = |entry: &&Value| entry.get("name").and_then(Value::as_str) == Some(alias);
        Some(list.iter().find(named)?.get("url")?.as_str()?.to_owned())
    }
}
