//! Requests: by which client and with which login each URL is asked.

use std::sync::Arc;

use trueup_http::{Answer, Client, Clients, Login, Request, redact};
use url::Url;

use crate::FetchError;

/// Makes requests.
pub(crate) struct Asking {
    clients: Arc<Clients>,
    largest_file: u64,
}

impl Asking {
    pub(crate) fn new(clients: Clients, largest_file: u64) -> Self {
        Self { clients: Arc::new(clients), largest_file }
    }

    /// Any answer, whatever its status. `login` is asked with in place of the configured one.
    pub(crate) async fn ask(
        &self,
        url: &str,
        headers: Vec<(String, String)>,
        login: Option<Login>,
    ) -> Result<Answer, FetchError> {
        let (client, configured) = self.reach(url).await?;
        let login = login.or(configured);
        Ok(client.send(&Request { headers, login, ..Request::get(url) }).await?)
    }

    /// Who asks a URL, as it is configured or written in it.
    pub(crate) async fn login(&self, url: &str) -> Result<Option<Login>, FetchError> {
        self.reach(url).await.map(|(_, login)| login)
    }

    async fn reach(&self, url: &str) -> Result<(Client, Option<Login>), FetchError> {
        let (plain, in_url) = without_user(url);
        let clients = Arc::clone(&self.clients);
        // A rule may read files and run a command.
        let found = tokio::task::spawn_blocking(move || clients.of(&plain)).await;
        let (client, configured) = found.map_err(|error| {
            let why = error.to_string();
            trueup_http::HttpError::Credential { url: redact(url), why }
        })??;
        Ok((client, configured.or(in_url)))
    }

    /// A file, whole.
    pub(crate) async fn file(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.bytes(url, self.largest_file).await
    }

    /// A file of at most so many bytes.
    pub(crate) async fn bytes(&self, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        read(self.ask(url, Vec::new(), None).await?, limit).await
    }

    /// A body that is a list or an index.
    pub(crate) async fn read(&self, answer: Answer) -> Result<Vec<u8>, FetchError> {
        read(answer, self.largest_file).await
    }
}

/// The body of an answer that is a success.
pub(crate) async fn read(mut answer: Answer, limit: u64) -> Result<Vec<u8>, FetchError> {
    let url = redact(answer.url().as_str());
    if !answer.is_success() {
        return Err(FetchError::Status { url, status: answer.status() });
    }
    let mut bytes = Vec::new();
    while let Some(part) = answer.chunk().await? {
        if (bytes.len() + part.len()) as u64 > limit {
            return Err(trueup_http::HttpError::TooLarge { url, limit }.into());
        }
        bytes.extend_from_slice(&part);
    }
    Ok(bytes)
}

/// A URL without the user and password in it, and these.
fn without_user(url: &str) -> (String, Option<Login>) {
    let Ok(mut parsed) = Url::parse(url) else { return (url.to_owned(), None) };
    let login = parsed.password().map(|password| Login::Basic {
        user: parsed.username().to_owned(),
        password: password.to_owned(),
    });
    // Both fail only for URLs without a host, and then there is nothing to take out.
    let _ = parsed.set_username("");
    let _ = parsed.set_password(None);
    (parsed.to_string(), login)
}
