//! What a rendering needs from the web: charts of chart repositories and OCI registries, and single
//! files. The loop's port [`Supply`], answered over `trueup_http`.
//!
//! Three rules shape it:
//!
//! - **What was fetched once under an exact version stays.** A chart's version names its content; if
//!   the repository later serves other bytes for it, an app that is applied already does not change.
//!   Ranges are asked again, and what they mean today is recorded with the plan by its digest.
//! - **A credential is for the URLs below a prefix** ([`Access`]). Every URL that is asked, of an index,
//!   an archive, a registry's token server, is matched anew: an index cannot name a host that would
//!   then be sent its credential, and no redirect takes one along.
//! - **Everything is bounded**: how long an answer may take and how many bytes it may have, how many
//!   pages a list, and how much is kept on disk.
//!
//! [`repository`] speaks to chart repositories, [`registry`] to OCI registries, [`asking`] makes the
//! requests of both, [`cache`] keeps what was fetched by digest.

mod asking;
mod cache;
mod error;
mod registry;
mod repository;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use trueup_helm::repository::is_exact;
use trueup_http::{Access, Clients, Settings};
use trueup_model::need::{ChartNeed, Need, Supplied};
use trueup_model::ports::{PortError, Supply};

pub use error::FetchError;

use asking::Asking;
use cache::Cache;
use repository::Indexes;

/// What may be fetched and kept, and how servers are reached.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where what was fetched is kept.
    pub cache: PathBuf,
    /// How many bytes are kept.
    pub kept: u64,
    /// How many bytes a packed chart may have.
    pub largest_chart: u64,
    /// How many bytes an index, a list or a single file may have.
    pub largest_file: u64,
    /// How servers are reached, by URL prefix. A registry's URLs begin with `https://`.
    pub http: Vec<Access>,
    /// Deadlines and which addresses may be asked.
    pub settings: Settings,
}

impl Options {
    /// Limits that no reasonable chart meets, and no credentials.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            kept: 4 << 30,
            largest_chart: 128 << 20,
            largest_file: 256 << 20,
            http: Vec::new(),
            settings: Settings::default(),
        }
    }
}

/// Fetches charts and files.
pub struct Fetcher {
    asking: Asking,
    cache: Cache,
    indexes: Indexes,
    largest_chart: u64,
    /// One at a time asks for a chart of a repository: the others find what it brought.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

/// A chart as it was fetched.
struct Fetched {
    packed: Vec<u8>,
    /// What its publisher says its SHA-256 is; empty where nothing is said.
    digest: String,
}

impl Fetcher {
    /// A fetcher. Nothing is asked or written before the first need.
    pub fn new(options: Options) -> Self {
        Self {
            asking: Asking::new(Clients::new(options.http, options.settings), options.largest_file),
            cache: Cache::new(options.cache, options.kept),
            indexes: Indexes::default(),
            largest_chart: options.largest_chart,
            turns: Mutex::default(),
        }
    }

    /// The packed chart, from the cache or from its repository.
    ///
    /// # Errors
    /// It cannot be had.
    pub async fn chart(&self, need: &ChartNeed) -> Result<Vec<u8>, FetchError> {
        let turn = self.turn(&need.repository);
        let _turn = turn.lock().await;
        let key = format!("{}\n{}\n{}", need.repository, need.name, need.version);
        let exact = is_exact(&need.version);
        if exact && let Some(packed) = self.cache.get(&key).await? {
            return Ok(packed);
        }
        let fetched = if need.repository.starts_with("oci://") {
            registry::chart(&self.asking, need, self.largest_chart).await?
        } else {
            repository::chart(&self.asking, &self.indexes, need, self.largest_chart).await?
        };
        check_digest(need, &fetched)?;
        if exact {
            self.cache.put(&key, &fetched.packed).await?;
        }
        Ok(fetched.packed)
    }

    fn turn(&self, repository: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(repository.to_owned()).or_default().clone()
    }
}

fn check_digest(need: &ChartNeed, fetched: &Fetched) -> Result<(), FetchError> {
    let found = trueup_model::Digest::of(&fetched.packed).hex();
    let declared = fetched.digest.strip_prefix("sha256:").unwrap_or(&fetched.digest);
    if declared.is_empty() || declared.eq_ignore_ascii_case(&found) {
        return Ok(());
    }
    Err(FetchError::Digest { need: need.clone(), declared: declared.to_owned(), found })
}

#[async_trait]
impl Supply for Fetcher {
    async fn supply(&self, need: &Need) -> Result<Supplied, PortError> {
        match need {
            Need::Chart(chart) => match self.chart(chart).await {
                Ok(packed) => Ok(Supplied::bytes(packed)),
                Err(error) if error.is_absence() => Ok(Supplied::missing(404, error.to_string())),
                Err(error) => Err(error.into()),
            },
            Need::File { url } => match self.asking.file(url).await {
                Ok(bytes) => Ok(Supplied::bytes(bytes)),
                Err(FetchError::Status { status, url }) if (400..500).contains(&status) => {
                    let error = FetchError::Status { status, url };
                    Ok(Supplied::missing(status, error.to_string()))
                }
                Err(error) => Err(error.into()),
            },
            Need::Repository(_) | Need::Object(_) => {
                Err(PortError::permanent(format!("{need}: this is not fetched from the web")))
            }
        }
    }
}
