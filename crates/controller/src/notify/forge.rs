//! A commit's status, and deployments, on GitHub, GitLab and Gitea.
//!
//! - <https://docs.github.com/en/rest/commits/statuses>, <https://docs.github.com/en/rest/deployments>
//! - <https://docs.gitlab.com/api/commits/#set-the-pipeline-status-of-a-commit>,
//!   <https://docs.gitlab.com/api/deployments/>
//! - <https://docs.gitea.com/api> (`repoCreateStatus`)

use std::sync::Arc;

use serde_json::{Value, json};
use trueup_http::{Login, Request};
use trueup_model::source::repository_key;

use super::message::cut;
use super::settings;
use super::sink::{SendError, Wire, post};
use super::{Occasion, Trigger};
use crate::secret::Secret;

/// Longest description that GitHub takes.
const DESCRIPTION_MAX: usize = 140;

/// Which forge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    GitHub,
    GitLab,
    Gitea,
}

pub struct Forge {
    kind: Kind,
    api: String,
    host: String,
    token: Secret,
    environment: Option<String>,
    wire: Wire,
}

/// How a commit fares, in words of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fares {
    UnderWay,
    Well,
    Badly,
}

impl Forge {
    pub fn new(kind: Kind, settings: &settings::Forge, wire: Wire) -> Result<Self, String> {
        let api = match (&settings.api, kind) {
            (Some(api), _) => api.trim_end_matches('/').to_owned(),
            (None, Kind::GitHub) => "https://api.github.com".to_owned(),
            (None, Kind::GitLab) => "https://gitlab.com/api/v4".to_owned(),
            (None, Kind::Gitea) => return Err("gitea needs `api`, https://HOST/api/v1".to_owned()),
        };
        if kind == Kind::Gitea && settings.environment.is_some() {
            return Err("Gitea has no deployments: leave `environment` out".to_owned());
        }
        let url = url::Url::parse(&api).map_err(|error| format!("`api`: {error}"))?;
        let of_api = url.host_str().ok_or("`api` names no host")?.to_owned();
        let of_api = if of_api == "api.github.com" { "github.com".to_owned() } else { of_api };
        let host = settings.host.clone().unwrap_or(of_api).to_lowercase();
        Ok(Self {
            kind,
            api,
            host,
            token: Secret::new(&settings.token),
            environment: settings.environment.clone(),
            wire,
        })
    }

    /// Commits of other hosts, and what says nothing of a commit, are none of its business.
    pub async fn send(&self, occasion: &Occasion) -> Result<(), SendError> {
        let Some(fares) = fares(occasion.trigger) else { return Ok(()) };
        let Some(project) = self.project(occasion) else { return Ok(()) };
        if occasion.commit.is_empty() {
            return Ok(());
        }
        let token = self.token.read().await?;
        let status = self.status(&project, occasion, fares);
        self.ask(status, &token).await?;
        match (&self.environment, self.kind) {
            (Some(environment), Kind::GitHub) => {
                self.deploy_github(&project, &occasion.linked(environment), occasion, fares, &token)
                    .await
            }
            (Some(environment), Kind::GitLab) => {
                let deployment = self.gitlab_deployment(
                    &project,
                    &occasion.linked(environment),
                    occasion,
                    fares,
                );
                self.ask(deployment, &token).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// `owner/repository` where the app's repository is on this host.
    fn project(&self, occasion: &Occasion) -> Option<String> {
        let key = repository_key(&occasion.repository)?;
        let (host, _) = key.split_once('/')?;
        if host != self.host {
            return None;
        }
        // The key is in lower case; the path as it is written is what the API wants.
        let at = occasion.repository.to_ascii_lowercase().find(key.split_once('/')?.1)?;
        let path = occasion.repository.get(at..)?;
        Some(path.trim_end_matches('/').trim_end_matches(".git").to_owned())
    }

    fn status(&self, project: &str, occasion: &Occasion, fares: Fares) -> Request {
        let description = cut(&occasion.message, DESCRIPTION_MAX);
        let context = format!("trueup/{}", occasion.app);
        let commit = &occasion.commit;
        match self.kind {
            Kind::GitHub | Kind::Gitea => post(
                &format!("{}/repos/{project}/statuses/{commit}", self.api),
                &json!({
                    "state": match fares {
                        Fares::UnderWay => "pending",
                        Fares::Well => "success",
                        Fares::Badly => "failure",
                    },
                    "context": context,
                    "description": description,
                    "target_url": occasion.link,
                }),
            ),
            Kind::GitLab => post(
                &format!("{}/projects/{}/statuses/{commit}", self.api, escaped(project)),
                &json!({
                    "state": match fares {
                        Fares::UnderWay => "running",
                        Fares::Well => "success",
                        Fares::Badly => "failed",
                    },
                    "name": context,
                    "description": description,
                    "target_url": occasion.link,
                }),
            ),
        }
    }

    /// A deployment is made once for a commit and an environment; later its statuses are added.
    async fn deploy_github(
        &self,
        project: &str,
        environment: &str,
        occasion: &Occasion,
        fares: Fares,
        token: &Arc<str>,
    ) -> Result<(), SendError> {
        let list = format!(
            "{}/repos/{project}/deployments?sha={}&environment={}&per_page=1",
            self.api,
            occasion.commit,
            escaped(environment)
        );
        let known: Value = parsed(&self.ask(Request::get(list), token).await?);
        let id = match known.pointer("/0/id").and_then(Value::as_u64) {
            Some(id) => Some(id),
            None => {
                let made = post(
                    &format!("{}/repos/{project}/deployments", self.api),
                    &json!({
                        "ref": occasion.commit,
                        "environment": environment,
                        "description": cut(&occasion.message, DESCRIPTION_MAX),
                        "auto_merge": false,
                        "required_contexts": [],
                    }),
                );
                parsed(&self.ask(made, token).await?).get("id").and_then(Value::as_u64)
            }
        };
        let none = || SendError::permanent("GitHub made no deployment".to_owned());
        let status = post(
            &format!("{}/repos/{project}/deployments/{}/statuses", self.api, id.ok_or_else(none)?),
            &json!({
                "state": match fares {
                    Fares::UnderWay => "in_progress",
                    Fares::Well => "success",
                    Fares::Badly => "failure",
                },
                "environment": environment,
                "description": cut(&occasion.message, DESCRIPTION_MAX),
                "log_url": occasion.link,
            }),
        );
        self.ask(status, token).await.map(drop)
    }

    fn gitlab_deployment(
        &self,
        project: &str,
        environment: &str,
        occasion: &Occasion,
        fares: Fares,
    ) -> Request {
        post(
            &format!("{}/projects/{}/deployments", self.api, escaped(project)),
            &json!({
                "environment": environment,
                "sha": occasion.commit,
                "ref": occasion.commit,
                "tag": false,
                "status": match fares {
                    Fares::UnderWay => "running",
                    Fares::Well => "success",
                    Fares::Badly => "failed",
                },
            }),
        )
    }

    async fn ask(&self, mut request: Request, token: &Arc<str>) -> Result<Vec<u8>, SendError> {
        request.login = Some(Login::Bearer(token.to_string()));
        if self.kind == Kind::GitHub {
            let accept = "application/vnd.github+json".to_owned();
            request.headers.push(("accept".to_owned(), accept));
        }
        self.wire.ask(request, &[Arc::clone(token)]).await
    }
}

fn fares(trigger: Trigger) -> Option<Fares> {
    match trigger {
        Trigger::Applied | Trigger::WaitingForApproval => Some(Fares::UnderWay),
        Trigger::Healthy => Some(Fares::Well),
        Trigger::Failed | Trigger::Degraded | Trigger::RolledBack => Some(Fares::Badly),
        Trigger::Drifted => None,
    }
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_default()
}

/// A part of a path or query, with everything escaped that is not plain.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::host::ValueFrom;

    fn forge(kind: Kind, api: &str) -> Forge {
        let settings = settings::Forge {
            api: Some(api.to_owned()),
            host: None,
            token: ValueFrom::default(),
            environment: None,
        };
        Forge::new(kind, &settings, Wire::new().unwrap()).unwrap()
    }

    #[test]
    fn only_repositories_of_its_host_are_told_of() {
        let forge = forge(Kind::GitHub, "https://api.github.com");
        let check = |repository: &str, project: Option<&str>| {
            let mut occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
            occasion.repository = repository.to_owned();
            assert_eq!(forge.project(&occasion).as_deref(), project, "{repository}");
        };
        check("https://github.com/Web/Shop.git", Some("Web/Shop"));
        check("git@github.com:Web/Shop", Some("Web/Shop"));
        check("https://git.example.com/web/shop", None);
        check("/srv/shop", None);
    }

    #[test]
    fn each_forge_has_its_words() {
        let mut occasion = Occasion::example(jiff::Timestamp::UNIX_EPOCH);
        occasion.commit = "c0ffee".to_owned();
        let check = |kind, api: &str, url: &str, state: &str| {
            let request = forge(kind, api).status("web/shop", &occasion, Fares::Badly);
            assert_eq!(request.url, url);
            assert_eq!(parsed(&request.body)["state"], state);
        };
        check(
            Kind::GitHub,
            "https://api.github.com",
            "https://api.github.com/repos/web/shop/statuses/c0ffee",
            "failure",
        );
        check(
            Kind::GitLab,
            "https://g.example.com/api/v4/",
            "https://g.example.com/api/v4/projects/web%2Fshop/statuses/c0ffee",
            "failed",
        );
        check(
            Kind::Gitea,
            "https://g.example.com/api/v1",
            "https://g.example.com/api/v1/repos/web/shop/statuses/c0ffee",
            "failure",
        );
    }
}
