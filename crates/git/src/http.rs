//! Git over HTTP(S), through our own client: gix's transport asks, this answers.
//!
//! gix writes the body of a request into a writer and then reads headers and body; the request is
//! sent when the first of these is read.

use std::any::Any;
use std::io::{BufRead, Cursor, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix_transport::client::blocking_io::http::{GetResponse, Http, PostBodyDataKind, PostResponse};
use tokio::runtime::Handle;
use trueup_http::{Answer, Client, HttpError, Login, Method, Request};

use crate::GitError;
use crate::ls_refs::{self, RemoteRef};

const RESULT: &str = "application/x-git-upload-pack-result";

/// A server, and who asks it.
#[derive(Clone)]
pub(crate) struct HttpServer {
    pub(crate) client: Client,
    pub(crate) login: Option<Login>,
    /// The repository's URL, without credentials.
    pub(crate) url: String,
    /// What waits for the answers. The calling thread must be one that may block.
    pub(crate) runtime: Handle,
    failure: Arc<Mutex<Option<Failure>>>,
}

/// Why the server was no help. gix takes errors apart and puts them together again; this one is kept
/// beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No answer.
    Http(HttpError),
    /// An answer of this status.
    Status(u16),
    /// The server does not speak the protocol, as far as can be told.
    NotGit(String),
}

impl HttpServer {
    pub(crate) fn new(client: Client, login: Option<Login>, url: String, runtime: Handle) -> Self {
        Self { client, login, url, runtime, failure: Arc::default() }
    }

    /// The refs that begin with one of the prefixes, in one request. `None` if the server does not
    /// speak version 2 of the protocol.
    pub(crate) fn refs(
        &self,
        prefixes: &[String],
        kind: gix::hash::Kind,
    ) -> Result<Option<Vec<RemoteRef>>, Failure> {
        let url = format!("{}/git-upload-pack", self.url.trim_end_matches('/'));
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            method: Method::POST,
            headers: vec![
                header("Git-Protocol", "version=2"),
                header("Content-Type", "application/x-git-upload-pack-request"),
                header("Accept", RESULT),
            ],
            body: ls_refs::request(prefixes, kind),
            login: self.login.clone(),
            url,
        };
        let answer = self.send(&request)?;
        if answer.header("content-type") != Some(RESULT) {
            return Ok(None);
        }
        let body = self.runtime.block_on(answer.bytes()).map_err(Failure::Http)?;
        Ok(ls_refs::parse(&body).ok())
    }

    /// What the server says before a push.
    pub(crate) fn before_push(&self) -> Result<Vec<u8>, Failure> {
        let base = self.url.trim_end_matches('/');
        let request = Request {
            login: self.login.clone(),
            ..Request::get(format!("{base}/info/refs?service=git-receive-pack"))
        };
        let answer = self.send(&request)?;
        if answer.header("content-type") != Some("application/x-git-receive-pack-advertisement") {
            let why = "it does not answer as a Git server does".to_owned();
            return Err(Failure::NotGit(why));
        }
        self.runtime.block_on(answer.bytes()).map_err(Failure::Http)
    }

    /// Pushes, and answers what the server says of it.
    pub(crate) fn push(&self, body: Vec<u8>) -> Result<Vec<u8>, Failure> {
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            method: Method::POST,
            url: format!("{}/git-receive-pack", self.url.trim_end_matches('/')),
            headers: vec![
                header("Content-Type", "application/x-git-receive-pack-request"),
                header("Accept", "application/x-git-receive-pack-result"),
            ],
            body,
            login: self.login.clone(),
        };
        let answer = self.send(&request)?;
        self.runtime.block_on(answer.bytes()).map_err(Failure::Http)
    }

    fn send(&self, request: &Request) -> Result<Answer, Failure> {
        let answer = self.runtime.block_on(self.client.send(request)).map_err(Failure::Http)?;
        if !answer.is_success() {
            return Err(Failure::Status(answer.status()));
        }
        Ok(answer)
    }

    /// What went wrong last.
    pub(crate) fn failure(&self) -> Option<Failure> {
        hold(&self.failure).take()
    }

    fn note(&self, failure: Failure) -> std::io::Error {
        let message = format!("{failure:?}");
        *hold(&self.failure) = Some(failure);
        std::io::Error::other(message)
    }
}

impl Failure {
    /// For the person who must act.
    pub(crate) fn explain(self, repo: &str, login: Option<&Login>) -> GitError {
        let repo = repo.to_owned();
        let remedy = match login {
            None => "configure a credential for it".to_owned(),
            Some(_) => "check the credential that is configured for it, and its rights".to_owned(),
        };
        match self {
            Self::Status(status @ (401 | 403 | 407)) => {
                GitError::Denied { repo, why: format!("HTTP {status}"), remedy }
            }
            Self::Status(404 | 410) => GitError::NotARepository {
                path: repo,
                hint: format!(
                    ", or not one that may be seen (HTTP 404); if it is private, {remedy}"
                ),
            },
            Self::Status(status) => {
                GitError::Unreachable { repo, why: format!("HTTP status {status}") }
            }
            Self::NotGit(why) => GitError::NotARepository { path: repo, hint: format!(" ({why})") },
            Self::Http(HttpError::Deadline { seconds, .. }) => GitError::Deadline { repo, seconds },
            Self::Http(HttpError::TooLarge { limit, .. }) => GitError::TooLarge { repo, limit },
            Self::Http(error @ HttpError::Certificate { .. }) => GitError::Untrusted {
                repo,
                why: error.to_string(),
                remedy: "if it is signed by an authority of yours, configure its certificate"
                    .to_owned(),
            },
            Self::Http(error @ (HttpError::Guarded { .. } | HttpError::Unencrypted { .. })) => {
                let remedy = "name it by another URL".to_owned();
                GitError::Denied { repo, why: error.to_string(), remedy }
            }
            Self::Http(error) => GitError::Unreachable { repo, why: error.to_string() },
        }
    }
}

/// A request that is sent when its answer is first read.
struct Exchange {
    server: HttpServer,
    request: Option<Request>,
    answer: Option<Answer>,
    headers: Vec<u8>,
}

impl Exchange {
    fn start(&mut self) -> std::io::Result<()> {
        let Some(request) = self.request.take() else { return Ok(()) };
        let answer = self.server.send(&request).map_err(|failure| self.server.note(failure))?;
        for name in ["content-type"] {
            if let Some(value) = answer.header(name) {
                self.headers.extend_from_slice(format!("{name}: {value}\n").as_bytes());
            }
        }
        self.answer = Some(answer);
        Ok(())
    }
}

type Shared = Arc<Mutex<Exchange>>;

/// The body of a request, as it is written.
pub(crate) struct PostBody(Shared);

impl Write for PostBody {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if let Some(request) = &mut hold(&self.0).request {
            request.body.extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The headers or the body of an answer, as they are read.
pub(crate) struct Lazy {
    exchange: Shared,
    part: Part,
    buffer: Cursor<Vec<u8>>,
}

#[derive(PartialEq, Eq)]
enum Part {
    Headers,
    Body,
    End,
}

impl Lazy {
    fn new(exchange: &Shared, part: Part) -> Self {
        Self { exchange: exchange.clone(), part, buffer: Cursor::default() }
    }

    fn next(&mut self) -> std::io::Result<Vec<u8>> {
        let mut exchange = hold(&self.exchange);
        exchange.start()?;
        if self.part == Part::Headers {
            self.part = Part::End;
            return Ok(std::mem::take(&mut exchange.headers));
        }
        let server = exchange.server.clone();
        let Some(answer) = exchange.answer.as_mut().filter(|_| self.part == Part::Body) else {
            return Ok(Vec::new());
        };
        let part = server.runtime.block_on(answer.chunk());
        let part = part.map_err(|error| server.note(Failure::Http(error)))?;
        if part.is_none() {
            self.part = Part::End;
        }
        Ok(part.unwrap_or_default())
    }
}

impl Read for Lazy {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(into.len());
        if let (Some(from), Some(to)) = (ready.get(..count), into.get_mut(..count)) {
            to.copy_from_slice(from);
        }
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Lazy {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let is_read = |buffer: &Cursor<Vec<u8>>| buffer.position() >= buffer.get_ref().len() as u64;
        while is_read(&self.buffer) && self.part != Part::End {
            self.buffer = Cursor::new(self.next()?);
        }
        self.buffer.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
    }
}

impl HttpServer {
    fn exchange(
        &self,
        method: Method,
        url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Shared {
        let headers = headers
            .into_iter()
            .filter_map(|header| {
                let (name, value) = header.as_ref().split_once(':')?;
                Some((name.to_owned(), value.trim().to_owned()))
            })
            .filter(|(name, _)| !name.eq_ignore_ascii_case("authorization"))
            .collect();
        let login = self.login.clone();
        let request = Request { method, url: url.to_owned(), headers, body: Vec::new(), login };
        Arc::new(Mutex::new(Exchange {
            server: self.clone(),
            request: Some(request),
            answer: None,
            headers: Vec::new(),
        }))
    }
}

impl Http for HttpServer {
    type Headers = Lazy;
    type ResponseBody = Lazy;
    type PostBody = PostBody;

    fn get(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> gix::Result<GetResponse<Lazy, Lazy>> {
        let exchange = self.exchange(Method::GET, url, headers);
        Ok(GetResponse {
            headers: Lazy::new(&exchange, Part::Headers),
            body: Lazy::new(&exchange, Part::Body),
        })
    }

    fn post(
        &mut self,
        url: &str,
        _base_url: &str,
        headers: impl IntoIterator<Item = impl AsRef<str>>,
        _body: PostBodyDataKind,
    ) -> gix::Result<PostResponse<Lazy, Lazy, PostBody>> {
        let exchange = self.exchange(Method::POST, url, headers);
        Ok(PostResponse {
            headers: Lazy::new(&exchange, Part::Headers),
            body: Lazy::new(&exchange, Part::Body),
            post_body: PostBody(exchange),
        })
    }

    fn configure(&mut self, _config: &dyn Any) -> gix::Result<()> {
        Ok(())
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
