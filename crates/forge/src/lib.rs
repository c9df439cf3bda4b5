//! What forges know besides Git: the loop's port [`Forge`], answered by the APIs of GitHub, GitLab and
//! Gitea (Forgejo's is the same) over `trueup_http`.
//!
//! Asking is polite: a page that did not change since is not sent again (`ETag`), which on GitHub does
//! not count against the rate limit either; and a forge that asks to be left alone is, for as long
//! as it says. Credentials are those of the controller's configuration for the API's URL; a document
//! cannot name one. How many pages are read, and how large each may be, is bounded.

mod read;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::Value;
use trueup_http::{Access, Answer, Clients, HttpError, Request, Settings};
use trueup_model::app_set::{ForgeKind, PullRequest, PullRequestQuery};
use trueup_model::ports::{Forge, PortError};

/// So many pull requests on a page.
const PAGE: usize = 100;
/// So many pages are read.
const PAGES_MAX: usize = 20;
/// How many bytes a page may have.
const PAGE_BYTES: u64 = 16 << 20;
/// So many pages of all repositories are kept.
const KEPT_MAX: usize = 512;
/// How long a forge is left alone that does not say for how long.
const LEFT_ALONE: Duration = Duration::from_secs(60);
/// No longer than this, whatever it says.
const LEFT_ALONE_MAX: Duration = Duration::from_secs(3600);

/// Why it is not known which pull requests are open.
#[derive(Debug, thiserror::Error)]
enum ForgeError {
    #[error("{0}")]
    Http(#[from] HttpError),
    #[error("{url} answers {status}: {hint}")]
    Refused { url: String, status: u16, hint: &'static str, permanent: bool },
    #[error("{api} asks to be left alone for {} more seconds", left.as_secs())]
    LeftAlone { api: String, left: Duration },
    #[error("{url} answers what is no list of pull requests: {why}")]
    Unreadable { url: String, why: String },
    #[error("the credentials for {url} could not be read: {why}")]
    Stopped { url: String, why: String },
}

impl From<ForgeError> for PortError {
    fn from(error: ForgeError) -> Self {
        let permanent = matches!(&error, ForgeError::Refused { permanent: true, .. });
        Self { message: error.to_string(), permanent }
    }
}

/// A page that was read, and what it is known by.
#[derive(Clone)]
struct Page {
    tag: String,
    pulls: Vec<PullRequest>,
    next: Option<String>,
}

/// Forges, reached over HTTP.
pub struct HttpForge {
    clients: Arc<Clients>,
    pages: Mutex<BTreeMap<String, Page>>,
    left_alone: Mutex<BTreeMap<String, Instant>>,
}

impl HttpForge {
    /// Forges by these rules for their URLs.
    pub fn new(rules: Vec<Access>, settings: Settings) -> Self {
        let settings = Settings { largest_answer: PAGE_BYTES, ..settings };
        Self {
            clients: Arc::new(Clients::new(rules, settings)),
            pages: Mutex::default(),
            left_alone: Mutex::default(),
        }
    }

    async fn open(&self, query: &PullRequestQuery) -> Result<Vec<PullRequest>, ForgeError> {
        self.may_ask(&query.api)?;
        let mut all = Vec::new();
        let mut url = first(query);
        for _ in 0..PAGES_MAX {
            let page = self.page(query, &url).await?;
            all.extend(page.pulls);
            match page.next {
                Some(next) => url = next,
                None => break,
            }
        }
        Ok(all)
    }

    fn may_ask(&self, api: &str) -> Result<(), ForgeError> {
        let left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
        let left = left_alone.get(api).map(|until| until.duration_since(Instant::now()));
        match left.filter(|left| !left.is_zero()) {
            Some(left) => Err(ForgeError::LeftAlone { api: api.to_owned(), left }),
            None => Ok(()),
        }
    }

    /// Reads a page, or takes the one that is kept if the forge says that it is still so.
    async fn page(&self, query: &PullRequestQuery, url: &str) -> Result<Page, ForgeError> {
        let kept = self.pages.lock().unwrap_or_else(PoisonError::into_inner).get(url).cloned();
        let answer = self.ask(url, kept.as_ref()).await?;
        if let (304, Some(kept)) = (answer.status(), kept) {
            return Ok(kept);
        }
        if !answer.is_success() {
            return Err(self.refused(query, url, &answer));
        }
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        let next = next(query, url, &answer);
        let unreadable =
            |why: String| ForgeError::Unreadable { url: trueup_http::redact(url), why };
        let body: Value = serde_json::from_slice(&answer.bytes().await?)
            .map_err(|error| unreadable(error.to_string()))?;
        let pulls = read::pull_requests(query.forge, &body).map_err(unreadable)?;
        let page = Page { tag, pulls, next };
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.len() >= KEPT_MAX {
            pages.clear();
        }
        if !page.tag.is_empty() {
            pages.insert(url.to_owned(), page.clone());
        }
        Ok(page)
    }

    async fn ask(&self, url: &str, kept: Option<&Page>) -> Result<Answer, ForgeError> {
        let (clients, of) = (Arc::clone(&self.clients), url.to_owned());
        let found = tokio::task::spawn_blocking(move || clients.of(&of)).await;
        let (client, login) = found.map_err(|error| ForgeError::Stopped {
            url: trueup_http::redact(url),
            why: error.to_string(),
        })??;
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        headers.extend(kept.map(|page| ("if-none-match".to_owned(), page.tag.clone())));
        Ok(client.send(&Request { headers, login, ..Request::get(url) }).await?)
    }

    fn refused(&self, query: &PullRequestQuery, url: &str, answer: &Answer) -> ForgeError {
        let status = answer.status();
        let is_spent = answer.header("x-ratelimit-remaining") == Some("0");
        if status == 429 || (status == 403 && (is_spent || answer.header("retry-after").is_some()))
        {
            let said = answer.header("retry-after").and_then(|text| text.parse().ok());
            let left = said.map_or(LEFT_ALONE, Duration::from_secs).min(LEFT_ALONE_MAX);
            let mut left_alone = self.left_alone.lock().unwrap_or_else(PoisonError::into_inner);
            left_alone.insert(query.api.clone(), Instant::now() + left);
            return ForgeError::LeftAlone { api: query.api.clone(), left };
        }
        let hint = match status {
            401 | 403 => "check the credential for this URL in the controller's configuration",
            404 => "there is no such repository, or the credential may not see it",
            _ => "it is asked again later",
        };
        let permanent = matches!(status, 400..=499);
        ForgeError::Refused { url: trueup_http::redact(url), status, hint, permanent }
    }
}

fn first(query: &PullRequestQuery) -> String {
    let PullRequestQuery { forge, api, repository } = query;
    match forge {
        ForgeKind::Github => format!("{api}/repos/{repository}/pulls?state=open&per_page={PAGE}"),
        ForgeKind::Gitlab => {
            let project = repository.replace('/', "%2F");
            format!("{api}/projects/{project}/merge_requests?state=opened&per_page={PAGE}")
        }
        ForgeKind::Gitea => format!("{api}/repos/{repository}/pulls?state=open&limit={PAGE}"),
    }
}

/// The page after this one, as the `Link` header says (all three forges send it). It must be of the
/// same API: a forge cannot send us, and our credential, elsewhere.
fn next(query: &PullRequestQuery, url: &str, answer: &Answer) -> Option<String> {
    let links = answer.header("link")?;
    let next = links.split(',').find(|link| link.contains("rel=\"next\""))?;
    let target = next.split_once('<')?.1.split_once('>')?.0;
    (target.starts_with(&format!("{}/", query.api)) && target != url).then(|| target.to_owned())
}

#[async_trait]
impl Forge for HttpForge {
    async fn pull_requests(&self, query: &PullRequestQuery) -> Result<Vec<PullRequest>, PortError> {
        Ok(self.open(query).await?)
    }
}
