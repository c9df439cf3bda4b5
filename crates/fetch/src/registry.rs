//! OCI registries: tags, manifests and layers, and the tokens that they want (OCI distribution
//! specification 1.1; token authentication as registries implement it).

use serde_json::Value;
use trueup_helm::repository::{choose_tag, is_exact};
use trueup_http::{Answer, Login, redact};
use trueup_model::Digest;
use trueup_model::need::ChartNeed;
use url::{Host, Url};

use crate::asking::{self, Asking};
use crate::{FetchError, Fetched};

const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json";
/// The layer that is the chart, now and as Helm 3.0 wrote it.
const CHART_LAYERS: [&str; 2] =
    ["application/vnd.cncf.helm.chart.content.v1.tar+gzip", "application/tar+gzip"];
/// Tags are listed in pages; so many are read.
const PAGES: usize = 100;

pub(crate) async fn chart(
    asking: &Asking,
    need: &ChartNeed,
    limit: u64,
) -> Result<Fetched, FetchError> {
    let mut registry = Registry::of(asking, need)?;
    let tag = if is_exact(&need.version) {
        need.version.replace('+', "_")
    } else {
        let tags = registry.tags().await?;
        choose_tag(&need.name, &tags, &need.version, need.devel)
            .map_err(|source| FetchError::Choice { repository: redact(&need.repository), source })?
    };
    let digest = registry.chart_layer(&tag).await?;
    let url = registry.url(&format!("blobs/{digest}"));
    let answer = registry.get(&url, "*/*").await?;
    Ok(Fetched { packed: asking::read(answer, limit).await?, digest })
}

/// A repository of a registry, and what it let us in with.
struct Registry<'a> {
    asking: &'a Asking,
    base: String,
    login: Option<Login>,
}

impl<'a> Registry<'a> {
    fn of(asking: &'a Asking, need: &ChartNeed) -> Result<Self, FetchError> {
        let whole = format!("{}/{}", need.repository.trim_end_matches('/'), need.name);
        let bad = || FetchError::Reference(redact(&whole));
        let rest = whole.strip_prefix("oci://").ok_or_else(bad)?;
        let (host, path) = rest.split_once('/').ok_or_else(bad)?;
        let fits = |part: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
            !part.is_empty() && part.chars().all(fits) && part != ".." && part != "."
        };
        if host.is_empty() || !path.split('/').all(fits) {
            return Err(bad());
        }
        let scheme = if is_here(host) { "http" } else { "https" };
        Ok(Self { asking, base: format!("{scheme}://{host}/v2/{path}"), login: None })
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base)
    }

    /// Asks, and where the registry wants to know who asks, once more with that.
    async fn get(&mut self, url: &str, accept: &str) -> Result<Answer, FetchError> {
        let headers = vec![("accept".to_owned(), accept.to_owned())];
        let answer = self.asking.ask(url, headers.clone(), self.login.clone()).await?;
        if answer.status() != 401 {
            return Ok(answer);
        }
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        let Some(login) = self.answer(&challenge).await? else { return Ok(answer) };
        self.login = Some(login);
        self.asking.ask(url, headers, self.login.clone()).await
    }

    /// What to answer a challenge with; `None` if there is nothing.
    async fn answer(&self, challenge: &str) -> Result<Option<Login>, FetchError> {
        let Some(Bearer { realm, service, scope }) = Bearer::parse(challenge) else {
            return Ok(None);
        };
        let unexpected = |why: String| FetchError::Unexpected {
            url: redact(&self.base),
            what: "an OCI registry",
            why,
        };
        let mut url = Url::parse(&realm)
            .map_err(|error| unexpected(format!("its token server's URL is wrong: {error}")))?;
        for (name, value) in [("service", service), ("scope", scope)] {
            if let Some(value) = value {
                url.query_pairs_mut().append_pair(name, &value);
            }
        }
        let login = self.login_at(&url).await?;
        let answer = self.asking.ask(url.as_str(), Vec::new(), login).await?;
        let body = self.asking.read(answer).await?;
        let body: Value = serde_json::from_slice(&body)
            .map_err(|error| unexpected(format!("its token server's answer: {error}")))?;
        let token = ["token", "access_token"].iter().find_map(|name| body.get(name)?.as_str());
        match token {
            Some(token) => Ok(Some(Login::Bearer(token.to_owned()))),
            None => Err(unexpected("its token server gives no token".to_owned())),
        }
    }

    /// The token server is asked with its own credential, or with the registry's if it is a
    /// neighbour of it. Another host is not given the registry's.
    async fn login_at(&self, realm: &Url) -> Result<Option<Login>, FetchError> {
        if let Some(own) = self.asking.login(realm.as_str()).await? {
            return Ok(Some(own));
        }
        let Some(login) = self.asking.login(&self.base).await? else { return Ok(None) };
        let registry = Url::parse(&self.base).ok();
        if registry.is_some_and(|registry| are_neighbours(&registry, realm)) {
            return Ok(Some(login));
        }
        Err(FetchError::Realm { registry: redact(&self.base), realm: redact(realm.as_str()) })
    }

    async fn tags(&mut self) -> Result<Vec<String>, FetchError> {
        let mut tags = Vec::new();
        let mut next = Some(self.url("tags/list?n=1000"));
        for _ in 0..PAGES {
            let Some(url) = next.take() else { break };
            let answer = self.get(&url, "application/json").await?;
            next = answer.header("link").and_then(|link| next_page(&url, link));
            let list = json(&url, &self.asking.read(answer).await?)?;
            let more = list.get("tags").and_then(Value::as_array).into_iter().flatten();
            tags.extend(more.filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(tags)
    }

    /// The digest of the layer that is the chart.
    async fn chart_layer(&mut self, tag: &str) -> Result<String, FetchError> {
        let url = self.url(&format!("manifests/{tag}"));
        let answer = self.get(&url, MANIFESTS).await?;
        let manifest = json(&url, &self.asking.read(answer).await?)?;
        let text = |layer: &Value, name: &str| {
            layer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let layers = manifest.get("layers").and_then(Value::as_array);
        let layer = layers
            .into_iter()
            .flatten()
            .find(|layer| CHART_LAYERS.contains(&text(layer, "mediaType").as_str()));
        let digest = layer.map(|layer| text(layer, "digest")).unwrap_or_default();
        if digest.starts_with("sha256:") && Digest::parse(&digest).is_some() {
            return Ok(digest);
        }
        let why = "this is not a chart: no layer of its manifest is one".to_owned();
        Err(FetchError::Unexpected { url: redact(&url), what: "a registry of charts", why })
    }
}

fn json(url: &str, body: &[u8]) -> Result<Value, FetchError> {
    serde_json::from_slice(body).map_err(|error| FetchError::Unexpected {
        url: redact(url),
        what: "an OCI registry",
        why: error.to_string(),
    })
}

/// A registry on this machine is asked without TLS, as others do.
fn is_here(host: &str) -> bool {
    let parsed = Url::parse(&format!("http://{host}/"));
    match parsed.as_ref().ok().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether two servers have the same host, or differ in the first part of their names alone.
fn are_neighbours(one: &Url, other: &Url) -> bool {
    let (Some(Host::Domain(one)), Some(Host::Domain(other))) = (one.host(), other.host()) else {
        return one.origin() == other.origin();
    };
    let domain = |host: &str| -> Vec<String> {
        host.rsplit('.').take(2).map(str::to_ascii_lowercase).collect()
    };
    one == other || (one.contains('.') && domain(one) == domain(other))
}

/// `Bearer realm="…",service="…",scope="…"`
struct Bearer {
    realm: String,
    service: Option<String>,
    scope: Option<String>,
}

impl Bearer {
    fn parse(challenge: &str) -> Option<Self> {
        let (scheme, rest) = challenge.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let value = |name: &str| -> Option<String> {
            let start = format!("{name}=\"");
            let at = rest.find(&start)?;
            let text = rest.get(at + start.len()..)?;
            Some(text.get(..text.find('"')?)?.to_owned())
        };
        Some(Self { realm: value("realm")?, service: value("service"), scope: value("scope") })
    }
}

/// `</v2/…>; rel="next"`
fn next_page(url: &str, link: &str) -> Option<String> {
    let (target, relation) = link.split_once(';')?;
    if !relation.contains("next") {
        return None;
    }
    let target = target.trim().strip_prefix('<')?.strip_suffix('>')?;
    let base = Url::parse(url).ok()?;
    let next = base.join(target).ok()?;
    (next.origin() == base.origin()).then(|| next.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read() {
        let seen = Bearer::parse(
            "Bearer realm=\"https://auth.example/token\",service=\"r\",scope=\"repository:a/b:pull,push\"",
        )
        .expect("a challenge");
        assert_eq!(seen.realm, "https://auth.example/token");
        assert_eq!(seen.scope.as_deref(), Some("repository:a/b:pull,push"));
        assert!(Bearer::parse("Basic realm=\"x\"").is_none());
        assert!(Bearer::parse("Bearer service=\"x\"").is_none());
    }

    #[test]
    fn a_credential_goes_to_neighbours_only() {
        let check = |one: &str, other: &str, expected: bool| {
            let url = |text: &str| Url::parse(text).expect("a URL");
            assert_eq!(are_neighbours(&url(one), &url(other)), expected, "{one} {other}");
        };
        check("https://registry-1.docker.example/v2/", "https://auth.docker.example/token", true);
        check("https://r.example", "https://r.example/token", true);
        check("https://r.a.example", "https://r.b.example", false);
        check("https://127.0.0.1:1/", "https://127.0.0.1:2/", false);
    }

    #[test]
    fn pages_stay_with_the_registry() {
        let url = "https://r.example/v2/a/tags/list?n=1000";
        assert_eq!(
            next_page(url, "</v2/a/tags/list?last=x>; rel=\"next\"").as_deref(),
            Some("https://r.example/v2/a/tags/list?last=x")
        );
        assert_eq!(next_page(url, "<https://evil.example/>; rel=\"next\""), None);
    }
}
