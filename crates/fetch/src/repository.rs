//! Chart repositories: an `index.yaml` and archives beside it or elsewhere.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use trueup_helm::repository::{Index, Offer};
use trueup_http::redact;
use trueup_model::need::ChartNeed;
use url::Url;

use crate::asking::Asking;
use crate::{FetchError, Fetched};

/// How long an index is good for before the server is asked whether it changed.
const FRESH: Duration = Duration::from_secs(60);
/// So many indexes are kept in memory.
const KEPT: usize = 64;

/// The indexes that were read, by repository.
#[derive(Default)]
pub(crate) struct Indexes {
    known: Mutex<HashMap<String, Known>>,
}

#[derive(Clone)]
struct Known {
    index: Arc<Index>,
    etag: Option<String>,
    read: Instant,
}

pub(crate) async fn chart(
    asking: &Asking,
    indexes: &Indexes,
    need: &ChartNeed,
    limit: u64,
) -> Result<Fetched, FetchError> {
    let index = indexes.of(asking, &need.repository).await?;
    let choice = index.choose(&need.name, &need.version, need.devel);
    let offer = choice
        .map_err(|source| FetchError::Choice { repository: redact(&need.repository), source })?;
    let url = archive_url(&need.repository, offer)?;
    Ok(Fetched { packed: asking.bytes(&url, limit).await?, digest: offer.digest.clone() })
}

impl Indexes {
    async fn of(&self, asking: &Asking, repository: &str) -> Result<Arc<Index>, FetchError> {
        let known = self.lock().get(repository).cloned();
        if let Some(known) = &known
            && known.read.elapsed() < FRESH
        {
            return Ok(Arc::clone(&known.index));
        }
        let url = beside(repository, "index.yaml")?;
        let tag = known.as_ref().and_then(|known| known.etag.clone());
        let headers = tag.map(|tag| ("if-none-match".to_owned(), tag)).into_iter().collect();
        let answer = asking.ask(&url, headers, None).await?;
        let etag = answer.header("etag").map(str::to_owned);
        let index = match known {
            Some(known) if answer.status() == 304 => known.index,
            _ => {
                let text = asking.read(answer).await?;
                let read = tokio::task::spawn_blocking(move || Index::parse(&text)).await;
                let wrong = |why: String| FetchError::Unexpected {
                    url: redact(&url),
                    what: "a chart repository",
                    why,
                };
                let index = read.map_err(|error| wrong(error.to_string()))?;
                Arc::new(index.map_err(|error| wrong(error.to_string()))?)
            }
        };
        self.keep(repository, Known { index: Arc::clone(&index), etag, read: Instant::now() });
        Ok(index)
    }

    fn keep(&self, repository: &str, known: Known) {
        let mut all = self.lock();
        if all.len() >= KEPT && !all.contains_key(repository) {
            let oldest = all.iter().min_by_key(|(_, known)| known.read);
            if let Some(oldest) = oldest.map(|(repository, _)| repository.clone()) {
                all.remove(&oldest);
            }
        }
        all.insert(repository.to_owned(), known);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where an archive is: its own URL, or a path from the repository's, with the query of that.
fn archive_url(repository: &str, offer: &Offer) -> Result<String, FetchError> {
    if Url::parse(&offer.url).is_ok() {
        return Ok(offer.url.clone());
    }
    beside(repository, &offer.url)
}

fn beside(repository: &str, path: &str) -> Result<String, FetchError> {
    let bad = |why: String| FetchError::Unexpected {
        url: redact(repository),
        what: "a chart repository",
        why,
    };
    let mut base = Url::parse(repository).map_err(|error| bad(error.to_string()))?;
    let query = base.query().map(str::to_owned);
    let folder = format!("{}/", base.path().trim_end_matches('/'));
    base.set_path(&folder);
    let mut url = base.join(path).map_err(|error| bad(error.to_string()))?;
    if url.query().is_none() {
        url.set_query(query.as_deref());
    }
    Ok(url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_where_the_index_says() {
        let check = |repository: &str, url: &str, expected: &str| {
            let offer =
                Offer { version: String::new(), url: url.to_owned(), digest: String::new() };
            let seen = archive_url(repository, &offer).expect("a URL");
            assert_eq!(seen, expected);
        };
        check("https://a.example/charts", "x-1.tgz", "https://a.example/charts/x-1.tgz");
        check("https://a.example/charts/", "sub/x-1.tgz", "https://a.example/charts/sub/x-1.tgz");
        check("https://a.example/charts", "/x-1.tgz", "https://a.example/x-1.tgz");
        check("https://a.example/c?key=1", "x.tgz", "https://a.example/c/x.tgz?key=1");
        check("https://a.example/charts", "https://b.example/x.tgz", "https://b.example/x.tgz");
    }
}
