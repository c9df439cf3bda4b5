//! One request, and its answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

pub use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION};
use reqwest::{Certificate, Identity, StatusCode};
use url::{Host, Url};

use crate::address::GuardedResolver;
use crate::{AddressGuard, HttpError, Login, Proxy, Settings, redact};

const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
/// So many redirects are followed.
const REDIRECTS: usize = 5;

/// A client. Cheap to clone; clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    inner: reqwest::Client,
    addresses: AddressGuard,
    answer_within: Duration,
    largest_answer: u64,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, ...
    pub method: Method,
    /// Where. A user name and password in it are not used; see [`Self::login`].
    pub url: String,
    /// Headers, by name.
    pub headers: Vec<(String, String)>,
    /// The body; sent again where the server redirects us within what may be followed.
    pub body: Vec<u8>,
    /// Who asks. Dropped when the server redirects us to another origin.
    pub login: Option<Login>,
}

impl Request {
    /// A `GET` without headers.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            login: None,
        }
    }
}

/// An answer, of which the body is still to be read.
#[derive(Debug)]
pub struct Answer {
    response: reqwest::Response,
    deadline: Instant,
    answer_within: Duration,
    left: u64,
    limit: u64,
}

impl Client {
    /// A client with these settings.
    pub fn new(settings: &Settings) -> Result<Self, HttpError> {
        crate::install_tls_provider();
        let bad = |why: String| HttpError::Settings { why };
        let authorities = Certificate::from_pem_bundle(&settings.authorities)
            .map_err(|error| bad(format!("the authorities' certificates: {error}")))?;
        let build = |only: bool| {
            let mut builder = reqwest::Client::builder()
                .user_agent(concat!("trueup/", env!("CARGO_PKG_VERSION")))
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
                .connect_timeout(settings.connect_within)
                .dns_resolver(GuardedResolver::new(settings.addresses));
            builder = if only {
                builder.tls_certs_only(authorities.clone())
            } else {
                builder.tls_certs_merge(authorities.clone())
            };
            if let Some(pem) = &settings.certificate {
                let identity = Identity::from_pem(pem)
                    .map_err(|error| bad(format!("our own certificate: {error}")))?;
                builder = builder.identity(identity);
            }
            builder = match &settings.proxy {
                Proxy::Environment => builder,
                Proxy::None => builder.no_proxy(),
                Proxy::Url(url) => {
                    let proxy = reqwest::Proxy::all(url)
                        .map_err(|_| bad(format!("the proxy `{}` is not a URL", redact(url))))?;
                    builder.proxy(proxy)
                }
            };
            builder.build().map_err(|error| bad(redact(&error.to_string())))
        };
        // A machine without certificates of its own can still be told whom to trust.
        let inner = build(false).or_else(|_| build(true))?;
        Ok(Self {
            inner,
            addresses: settings.addresses,
            answer_within: settings.answer_within,
            largest_answer: settings.largest_answer,
        })
    }

    /// Asks, and follows redirects. Any answer is an answer, whatever its status.
    pub async fn send(&self, request: &Request) -> Result<Answer, HttpError> {
        let now = Instant::now();
        // A deadline beyond all clocks is as good as one in a year.
        let deadline = now.checked_add(self.answer_within).unwrap_or(now + YEAR);
        let mut url = parse(&request.url)?;
        let mut login = request.login.clone();
        for _ in 0..=REDIRECTS {
            self.check(&url, login.as_ref())?;
            let answer = self.ask(&url, request, login.as_ref(), deadline).await?;
            let Some(to) = redirect(&url, &answer)? else { return Ok(answer) };
            if to.origin() != url.origin() {
                login = None;
            }
            url = to;
        }
        let why = "that is one redirect too many";
        Err(HttpError::Redirect { url: redact(&request.url), to: redact(url.as_str()), why })
    }

    fn check(&self, url: &Url, login: Option<&Login>) -> Result<(), HttpError> {
        let shown = || redact(url.as_str());
        let address = match url.host() {
            Some(Host::Ipv4(v4)) => Some(IpAddr::V4(v4)),
            Some(Host::Ipv6(v6)) => Some(IpAddr::V6(v6)),
            _ => None,
        };
        if let Some(address) = address.filter(|address| !self.addresses.allows(*address)) {
            let why = format!("{address} is a link-local or metadata address, which is not asked");
            return Err(HttpError::Guarded { url: shown(), why });
        }
        let is_here = address.is_some_and(|address| address.is_loopback())
            || url.host_str().is_some_and(|host| host == "localhost");
        if login.is_some() && url.scheme() != "https" && !is_here {
            return Err(HttpError::Unencrypted { url: shown() });
        }
        Ok(())
    }

    async fn ask(
        &self,
        url: &Url,
        request: &Request,
        login: Option<&Login>,
        deadline: Instant,
    ) -> Result<Answer, HttpError> {
        let mut asked = self
            .inner
            .request(request.method.clone(), url.clone())
            .headers(headers(url, &request.headers)?);
        if !request.body.is_empty() {
            asked = asked.body(request.body.clone());
        }
        asked = match login {
            None => asked,
            Some(Login::Basic { user, password }) => asked.basic_auth(user, Some(password)),
            Some(Login::Bearer(token)) => asked.header(AUTHORIZATION, bearer(url, token)?),
        };
        let sent = tokio::time::timeout_at(deadline.into(), asked.send()).await;
        let response = sent
            .map_err(|_| late(url, self.answer_within))?
            .map_err(|error| HttpError::of(url, &error))?;
        Ok(Answer {
            response,
            deadline,
            answer_within: self.answer_within,
            left: self.largest_answer,
            limit: self.largest_answer,
        })
    }
}

impl Answer {
    /// The status, `200` and so on.
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// Whether the status says that it went well.
    pub fn is_success(&self) -> bool {
        self.response.status().is_success()
    }

    /// Who answered, after all redirects.
    pub fn url(&self) -> &Url {
        self.response.url()
    }

    /// A header, if it is there and readable.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }

    /// The next part of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>, HttpError> {
        let next = tokio::time::timeout_at(self.deadline.into(), self.response.chunk()).await;
        let next = next
            .map_err(|_| late(self.response.url(), self.answer_within))?
            .map_err(|error| HttpError::of(self.response.url(), &error))?;
        let Some(bytes) = next else { return Ok(None) };
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            HttpError::TooLarge { url: redact(self.response.url().as_str()), limit: self.limit }
        })?;
        Ok(Some(bytes.into()))
    }

    /// The rest of the body.
    pub async fn bytes(mut self) -> Result<Vec<u8>, HttpError> {
        let mut all = Vec::new();
        while let Some(part) = self.chunk().await? {
            all.extend_from_slice(&part);
        }
        Ok(all)
    }
}

/// Where an answer sends us, if it does.
fn redirect(from: &Url, answer: &Answer) -> Result<Option<Url>, HttpError> {
    let followed = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !followed.contains(&answer.response.status()) {
        return Ok(None);
    }
    let location = answer.response.headers().get(LOCATION).and_then(|to| to.to_str().ok());
    let Some(location) = location else { return Ok(None) };
    let refuse =
        |to: &str, why| HttpError::Redirect { url: redact(from.as_str()), to: redact(to), why };
    let mut to = from.join(location).map_err(|_| refuse(location, "that is not a URL"))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(refuse(location, "that would no longer be encrypted"));
    }
    if !matches!(to.scheme(), "http" | "https") {
        return Err(refuse(location, "that is not HTTP"));
    }
    strip(&mut to);
    Ok(Some(to))
}

fn parse(text: &str) -> Result<Url, HttpError> {
    let bad = |why: &str| HttpError::BadUrl { url: redact(text), why: why.to_owned() };
    let mut url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(bad("its scheme is neither http nor https"));
    }
    strip(&mut url);
    Ok(url)
}

/// Takes a user name and password out of a URL.
fn strip(url: &mut Url) {
    // Both fail only for URLs without a host, and then there is nothing to take out.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

fn headers(url: &Url, given: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let mut map = HeaderMap::new();
    for (name, value) in given {
        let bad = || HttpError::BadUrl {
            url: redact(url.as_str()),
            why: format!("the header `{name}` cannot be sent"),
        };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad())?;
        map.append(key, HeaderValue::from_str(value).map_err(|_| bad())?);
    }
    Ok(map)
}

fn bearer(url: &Url, token: &str) -> Result<HeaderValue, HttpError> {
    let mut value = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| {
        let why = "the token has characters that no header can hold".to_owned();
        HttpError::BadUrl { url: redact(url.as_str()), why }
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn late(url: &Url, within: Duration) -> HttpError {
    HttpError::Deadline { url: redact(url.as_str()), seconds: within.as_secs() }
}
