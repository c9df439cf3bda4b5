//! The dependencies that `Chart.yaml` declares and `charts/` does not hold.
//!
//! `helm dependency build` would fetch them into `charts/`. Here those of `file://` are read from the
//! same tree, and those of repositories come packed, by the version that `Chart.lock` names. What is
//! missing nonetheless is an error with what to do: a chart without its dependencies renders, but to
//! less than it should.

use std::sync::Arc;

use trueup_model::need::{Answer, Answers, ChartNeed, Need};
use trueup_model::tree::{Tree, join};

use super::{Chart, Dependency, LoadError};
use crate::{Profile, versions};

/// How deep `file://` dependencies may name further ones.
const MAX_DEPTH: usize = 16;

/// Why a chart cannot be completed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DependencyError {
    /// Nothing says where it would come from.
    #[error(
        "the chart {chart} depends on {name}, which is not in charts/ and for which Chart.yaml names no repository"
    )]
    Missing {
        /// The chart that needs it.
        chart: String,
        /// The dependency.
        name: String,
    },
    /// The repository is a name that only a Helm installation knows.
    #[error(
        "the chart {chart} depends on {name} of the repository {alias}, which is a name in somebody's Helm configuration and not a URL"
    )]
    Alias {
        /// The chart that needs it.
        chart: String,
        /// The dependency.
        name: String,
        /// The name.
        alias: String,
    },
    /// `Chart.lock` does not fit `Chart.yaml`.
    #[error("Chart.lock of the chart {chart} is out of step with Chart.yaml: it {what} for {name}")]
    Lock {
        /// The chart that needs it.
        chart: String,
        /// The dependency.
        name: String,
        /// What is wrong.
        what: String,
    },
    /// A `file://` dependency cannot be loaded.
    #[error("the chart {chart} depends on {name} at {repository}, which cannot be loaded")]
    Local {
        /// The chart that needs it.
        chart: String,
        /// The dependency.
        name: String,
        /// The URL.
        repository: String,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// A `file://` dependency leads out of the tree, names another chart or another version, or itself.
    #[error("the chart {chart} depends on {name} at {repository}: {what}")]
    WrongLocal {
        /// The chart that needs it.
        chart: String,
        /// The dependency.
        name: String,
        /// The URL.
        repository: String,
        /// What is wrong.
        what: String,
    },
    /// There is no such chart.
    #[error("the chart {chart} depends on the {need}, which cannot be had: {why}")]
    Unavailable {
        /// The chart that needs it.
        chart: String,
        /// What was asked for.
        need: ChartNeed,
        /// Why.
        why: String,
    },
    /// What was fetched is no chart.
    #[error("the chart {chart} depends on the {need}, which cannot be unpacked")]
    Unpack {
        /// The chart that needs it.
        chart: String,
        /// What was asked for.
        need: ChartNeed,
        /// Why.
        #[source]
        source: LoadError,
    },
}

impl DependencyError {
    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "put the chart into charts/, or name its repository in Chart.yaml"
            }
            Self::Alias { .. } => "write the repository's URL into Chart.yaml",
            Self::Lock { .. } => "run `helm dependency update` and commit Chart.lock",
            Self::Local { .. } | Self::WrongLocal { .. } => {
                "the path of a file:// repository begins at the chart's own folder"
            }
            Self::Unavailable { .. } | Self::Unpack { .. } => {
                "or run `helm dependency build` and commit charts/"
            }
        }
    }
}

/// A chart with what it depends on, or what has to be fetched for that.
#[derive(Debug)]
pub enum Completed {
    /// It is whole.
    Whole(Box<Chart>),
    /// These charts are missing.
    Needs(Vec<Need>),
}

/// Adds the dependencies that a chart lacks. `path` is its folder in the tree.
///
/// # Errors
/// A dependency is not there, and nothing says where it would come from; or it is wrong.
pub fn complete(
    chart: Chart,
    tree: &dyn Tree,
    path: &str,
    profile: Profile,
    answers: &Answers,
) -> Result<Completed, DependencyError> {
    let mut completion = Completion { tree, profile, answers, needs: Vec::new() };
    let chart = completion.complete(chart, path, 0)?;
    if completion.needs.is_empty() {
        return Ok(Completed::Whole(Box::new(chart)));
    }
    completion.needs.sort();
    completion.needs.dedup();
    Ok(Completed::Needs(completion.needs))
}

struct Completion<'a> {
    tree: &'a dyn Tree,
    profile: Profile,
    answers: &'a Answers,
    needs: Vec<Need>,
}

impl Completion<'_> {
    fn complete(
        &mut self,
        mut chart: Chart,
        path: &str,
        depth: usize,
    ) -> Result<Chart, DependencyError> {
        let mut wanted: Vec<Dependency> =
            chart.missing_dependencies().into_iter().cloned().collect();
        wanted.dedup_by(|one, other| one.name == other.name && one.version == other.version);
        let mut found = Vec::new();
        for dependency in &wanted {
            if let Some(dependency) = self.find(&chart, path, dependency, depth)? {
                found.push(Arc::new(dependency));
            }
        }
        // As they would lie in charts/, packed.
        found.sort_by_cached_key(|chart| {
            format!("{}-{}.tgz", chart.metadata.name, chart.metadata.version)
        });
        chart.dependencies.append(&mut found);
        Ok(chart)
    }

    /// `None` for what has to be fetched.
    fn find(
        &mut self,
        chart: &Chart,
        path: &str,
        dependency: &Dependency,
        depth: usize,
    ) -> Result<Option<Chart>, DependencyError> {
        let repository = dependency.repository.as_str();
        let (name, chart_name) = (dependency.name.clone(), chart.metadata.name.clone());
        if let Some(local) = repository.strip_prefix("file://") {
            return self.local(chart, path, dependency, local, depth).map(Some);
        }
        if repository.is_empty() {
            return Err(DependencyError::Missing { chart: chart_name, name });
        }
        if !["https://", "http://", "oci://"].iter().any(|scheme| repository.starts_with(scheme)) {
            let alias = repository.to_owned();
            return Err(DependencyError::Alias { chart: chart_name, name, alias });
        }
        let version = self.locked_version(chart, dependency)?;
        let need = ChartNeed { repository: repository.to_owned(), name, version, devel: false };
        self.fetched(chart_name, need)
    }

    fn fetched(
        &mut self,
        chart: String,
        need: ChartNeed,
    ) -> Result<Option<Chart>, DependencyError> {
        let asked = Need::Chart(need);
        let answer = self.answers.get(&asked).map(|supplied| &supplied.answer);
        let Need::Chart(need) = asked else { return Ok(None) };
        match answer {
            Some(Answer::Bytes(packed)) => match Chart::unpack(packed, self.profile) {
                Ok(unpacked) => Ok(Some(unpacked)),
                Err(source) => Err(DependencyError::Unpack { chart, need, source }),
            },
            Some(Answer::Missing { why, .. }) => {
                Err(DependencyError::Unavailable { chart, need, why: why.clone() })
            }
            Some(_) | None => {
                self.needs.push(Need::Chart(need));
                Ok(None)
            }
        }
    }

    /// The version that `Chart.lock` names, where there is one, or what `Chart.yaml` asks for.
    fn locked_version(
        &self,
        chart: &Chart,
        dependency: &Dependency,
    ) -> Result<String, DependencyError> {
        let Some(lock) = &chart.lock else { return Ok(dependency.version.clone()) };
        let wrong = |what: String| DependencyError::Lock {
            chart: chart.metadata.name.clone(),
            name: dependency.name.clone(),
            what,
        };
        let same = |locked: &&Dependency| {
            locked.name == dependency.name
                && locked.repository.trim_end_matches('/')
                    == dependency.repository.trim_end_matches('/')
        };
        let candidates: Vec<&Dependency> = lock.iter().filter(same).collect();
        if candidates.is_empty() {
            return Err(wrong("has no version".to_owned()));
        }
        let fits = |locked: &&&Dependency| {
            locked.version == dependency.version
                || versions::satisfies(&dependency.version, &locked.version, self.profile)
        };
        match candidates.iter().find(fits) {
            Some(locked) => Ok(locked.version.clone()),
            None => Err(wrong(format!(
                "has {}, and Chart.yaml asks for {}",
                candidates.iter().map(|one| one.version.as_str()).collect::<Vec<_>>().join(", "),
                dependency.version
            ))),
        }
    }

    fn local(
        &mut self,
        chart: &Chart,
        path: &str,
        dependency: &Dependency,
        local: &str,
        depth: usize,
    ) -> Result<Chart, DependencyError> {
        let wrong = |what: String| DependencyError::WrongLocal {
            chart: chart.metadata.name.clone(),
            name: dependency.name.clone(),
            repository: dependency.repository.clone(),
            what,
        };
        if depth >= MAX_DEPTH {
            return Err(wrong(format!("dependencies name each other more than {MAX_DEPTH} deep")));
        }
        let folder = join(path, local)
            .ok_or_else(|| wrong("the path leads out of the repository".to_owned()))?;
        let loaded = Chart::load(self.tree, &folder, self.profile).map_err(|source| {
            DependencyError::Local {
                chart: chart.metadata.name.clone(),
                name: dependency.name.clone(),
                repository: dependency.repository.clone(),
                source,
            }
        })?;
        if loaded.metadata.name != dependency.name {
            return Err(wrong(format!("the chart there is {}", loaded.metadata.name)));
        }
        let (wanted, found) = (&dependency.version, &loaded.metadata.version);
        if !wanted.is_empty() && !versions::satisfies(wanted, found, self.profile) {
            return Err(wrong(format!("version {wanted} is asked for, and {found} is there")));
        }
        self.complete(loaded, &folder, depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use trueup_model::need::Supplied;
    use trueup_model::tree::MemoryTree;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> MemoryTree {
        files.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect()
    }

    fn seen(files: &[(&str, &str)], answers: &Answers) -> String {
        let tree = tree(files);
        let chart = Chart::load(&tree, "app", Profile::Helm4).expect("a chart");
        match complete(chart, &tree, "app", Profile::Helm4, answers) {
            Ok(Completed::Whole(chart)) => {
                let name = |chart: &Arc<Chart>| {
                    format!("{} {}", chart.metadata.name, chart.metadata.version)
                };
                chart.dependencies.iter().map(name).collect::<Vec<_>>().join(", ")
            }
            Ok(Completed::Needs(needs)) => {
                needs.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            }
            Err(error) => error.to_string(),
        }
    }

    const HEAD: &str = "apiVersion: v2\nname: app\nversion: 1.0.0\ndependencies:\n";

    fn check(dependency: &str, more: &[(&str, &str)], expected: &str) {
        let chart = format!("{HEAD}- {dependency}\n");
        let mut files = vec![("app/Chart.yaml", chart.as_str())];
        files.extend(more);
        assert_eq!(seen(&files, &Answers::new()), expected, "{dependency}");
    }

    const WEB: (&str, &str) = ("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.2.3\n");

    #[test]
    fn what_is_missing_is_needed_or_said() {
        check(
            "{name: web, version: ^1.0.0, repository: 'https://charts.example'}",
            &[],
            "chart web ^1.0.0 of https://charts.example",
        );
        check(
            "{name: web, version: ^1.0.0}",
            &[],
            "the chart app depends on web, which is not in charts/ and for which Chart.yaml names no repository",
        );
        check(
            "{name: web, version: ^1.0.0, repository: '@mine'}",
            &[],
            "the chart app depends on web of the repository @mine, which is a name in somebody's Helm configuration and not a URL",
        );
    }

    #[test]
    fn the_lock_file_says_which_version() {
        let lock = |version: &str| {
            format!(
                "dependencies:\n- {{name: web, repository: 'https://charts.example', version: {version}}}\n"
            )
        };
        let dependency = "{name: web, version: ^1.0.0, repository: 'https://charts.example/'}";
        check(
            dependency,
            &[("app/Chart.lock", &lock("1.4.0"))],
            "chart web 1.4.0 of https://charts.example/",
        );
        check(
            dependency,
            &[("app/Chart.lock", &lock("2.0.0"))],
            "Chart.lock of the chart app is out of step with Chart.yaml: it has 2.0.0, and Chart.yaml asks for ^1.0.0 for web",
        );
        check(
            dependency,
            &[("app/Chart.lock", "dependencies: []")],
            "Chart.lock of the chart app is out of step with Chart.yaml: it has no version for web",
        );
    }

    #[test]
    fn charts_beside_are_read_from_the_tree() {
        check("{name: web, version: ^1.0.0, repository: 'file://../web'}", &[WEB], "web 1.2.3");
        check(
            "{name: web, version: ^2.0.0, repository: 'file://../web'}",
            &[WEB],
            "the chart app depends on web at file://../web: version ^2.0.0 is asked for, and 1.2.3 is there",
        );
        check(
            "{name: web, version: '*', repository: 'file://../../web'}",
            &[WEB],
            "the chart app depends on web at file://../../web: the path leads out of the repository",
        );
        check(
            "{name: other, version: '*', repository: 'file://../web'}",
            &[WEB],
            "the chart app depends on other at file://../web: the chart there is web",
        );
        check(
            "{name: app, version: '*', repository: 'file://.'}",
            &[],
            "the chart app depends on app at file://.: dependencies name each other more than 16 deep",
        );
    }

    #[test]
    fn an_answer_completes_the_chart() {
        let chart = format!(
            "{HEAD}- {{name: web, version: ^1.0.0, repository: 'https://charts.example'}}\n"
        );
        let files = [("app/Chart.yaml", chart.as_str())];
        let need = Need::Chart(ChartNeed {
            repository: "https://charts.example".to_owned(),
            name: "web".to_owned(),
            version: "^1.0.0".to_owned(),
            devel: false,
        });
        let packed = crate::chart::archive::tests::packed(&[(WEB.0, WEB.1.as_bytes())]);
        let mut answers = Answers::new();
        answers.insert(need.clone(), Supplied::bytes(packed));
        assert_eq!(seen(&files, &answers), "web 1.2.3");
        answers.insert(need, Supplied::missing(404, "no such chart"));
        assert!(seen(&files, &answers).ends_with("cannot be had: no such chart"));
    }
}
