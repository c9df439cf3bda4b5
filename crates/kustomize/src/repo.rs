//! Git repositories as kustomization files name them: `https://host/org/repo//path?ref=v1`,
//! `git@host:org/repo`, `github.com/org/repo/path`, `file:///repo//path` and so on.
//!
//! The grammar is upstream's, because it decides whether an entry of `resources` is a folder or a
//! repository.

use std::time::Duration;

/// A folder of a repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepoSpec {
    /// As it was written.
    pub raw: String,
    /// Scheme, user and host, with the separator that follows: `https://github.com/`.
    pub host: String,
    /// The repository on that host.
    pub repo_path: String,
    /// The folder in it; empty for its root.
    pub path: String,
    /// Branch, tag or commit; empty for the default branch.
    pub reference: String,
    /// Whether submodules are wanted.
    pub submodules: bool,
    /// How long fetching may take.
    pub timeout: Duration,
}

const TIMEOUT: Duration = Duration::from_secs(27);
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

impl RepoSpec {
    /// Parses a specification; `Err` says why it does not name a repository.
    pub fn parse(raw: &str) -> Result<Self, String> {
        if raw.starts_with('/') {
            return Err(format!("uri looks like abs path: {raw}"));
        }
        let (location, query) = raw.split_once('?').unwrap_or((raw, ""));
        let (host, rest) = split_host(location)?;
        let (repo_path, path) = split_path(&rest, host.starts_with("file://"))?;
        let query = Query::parse(query);
        Ok(Self {
            raw: raw.to_owned(),
            host,
            repo_path,
            path,
            reference: query.reference,
            submodules: query.submodules,
            timeout: query.timeout,
        })
    }

    /// What to give to `git clone`.
    pub fn clone_spec(&self) -> String {
        format!("{}{}", self.host, self.repo_path)
    }
}

/// Splits off scheme, user and host. GitHub's are written in one way, whatever they were.
fn split_host(location: &str) -> Result<(String, String), String> {
    let location = strip_prefix_ignoring_case(location, "git::").unwrap_or(location);
    let (scheme, rest) = split_scheme(location);
    let (user, rest) = split_user(rest);
    let lower = rest.to_ascii_lowercase();
    let github = lower.starts_with("github.com/") || lower.starts_with("github.com:");
    let scp = scheme.is_empty() && (!user.is_empty() || github);
    if scheme.is_empty() && !scp {
        return Err("failed to parse scheme".to_owned());
    }
    if scheme == "file://" {
        return Ok((scheme.to_owned(), format!("{user}{rest}")));
    }
    let (host, path) = match separator(rest, scp) {
        Some(index) => (rest.get(..=index).unwrap_or(rest), rest.get(index + 1..).unwrap_or("")),
        None => (rest, ""),
    };
    if github {
        let host = if scheme == "ssh://" || !user.is_empty() {
            format!("{user}github.com:")
        } else {
            "https://github.com/".to_owned()
        };
        return Ok((host, path.to_owned()));
    }
    if host.is_empty() {
        return Err("failed to parse host segment".to_owned());
    }
    Ok((format!("{scheme}{user}{host}"), path.to_owned()))
}

fn split_scheme(location: &str) -> (&'static str, &str) {
    SCHEMES
        .into_iter()
        .find_map(|scheme| Some((scheme, strip_prefix_ignoring_case(location, scheme)?)))
        .unwrap_or(("", location))
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

fn split_user(rest: &str) -> (&str, &str) {
    let Some(at) = rest.find('@') else { return ("", rest) };
    let (name, after) = rest.split_at(at);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if is_name { (&rest[..=at], &after[1..]) } else { ("", rest) }
}

/// Where the host ends: at the first slash, or at a colon before it in `user@host:path`.
fn separator(rest: &str, scp: bool) -> Option<usize> {
    let slash = rest.find('/');
    let colon = if scp { rest.find(':') } else { None };
    match (slash, colon) {
        (Some(slash), Some(colon)) if colon > 0 && colon < slash => Some(colon),
        (None, colon) => colon,
        (slash, _) => slash,
    }
}

/// Splits the repository from the folder in it.
fn split_path(rest: &str, whole: bool) -> Result<(String, String), String> {
    let split = split_at_marker(rest).or_else(|| split_by_length(rest, whole));
    let Some((repo, path)) = split.filter(|(repo, _)| !repo.is_empty()) else {
        return Err("failed to parse repo path segment".to_owned());
    };
    if leaves_repo(&path) {
        return Err(format!("url path exits repo: {rest}"));
    }
    let path = path.strip_prefix('/').unwrap_or(&path).to_owned();
    Ok((repo, path))
}

/// `…/_git/repo/path`, `…//path` and `….git/path` say where the repository ends.
fn split_at_marker(rest: &str) -> Option<(String, String)> {
    if let Some(index) = rest.find("_git/") {
        let (root, below) = rest.split_at(index + "_git/".len());
        let (repo, path) = below.split_once('/').unwrap_or((below, ""));
        return Some((format!("{root}{repo}"), path.to_owned()));
    }
    if let Some((repo, path)) = rest.split_once("//") {
        return Some((repo.to_owned(), path.to_owned()));
    }
    let index = rest.find(".git")?;
    let (repo, path) = rest.split_at(index + ".git".len());
    Some((repo.to_owned(), path.to_owned()))
}

/// Without a marker it is `org/repo`, as on GitHub; with `file://` it is all of it.
fn split_by_length(rest: &str, whole: bool) -> Option<(String, String)> {
    if whole {
        return Some((rest.to_owned(), String::new()));
    }
    let segments: Vec<&str> = rest.split('/').collect();
    let repo = segments.get(..2)?.join("/");
    let path = segments.get(2..).map(|path| path.join("/")).unwrap_or_default();
    Some((repo, path))
}

fn leaves_repo(path: &str) -> bool {
    let mut depth = 0_i64;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if depth == 0 => return true,
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    false
}

struct Query {
    reference: String,
    submodules: bool,
    timeout: Duration,
}

impl Query {
    /// Go's `url.ParseQuery` fails as a whole where a part is wrong; nothing is said then.
    fn parse(query: &str) -> Self {
        let mut parsed = Self { reference: String::new(), submodules: true, timeout: TIMEOUT };
        let Some(pairs) = pairs(query) else { return parsed };
        let get = |name: &str| {
            let value = pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value);
            value.filter(|value| !value.is_empty())
        };
        if let Some(reference) = get("ref").or_else(|| get("version")) {
            parsed.reference.clone_from(reference);
        }
        if let Some(timeout) = get("timeout").and_then(|text| duration(text)) {
            parsed.timeout = timeout;
        }
        match get("submodules").map(String::as_str) {
            Some("0" | "f" | "F" | "false" | "False" | "FALSE") => parsed.submodules = false,
            Some("1" | "t" | "T" | "true" | "True" | "TRUE") => parsed.submodules = true,
            _ => {}
        }
        parsed
    }
}

fn pairs(query: &str) -> Option<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let is_separated_by_semicolons = pair.contains(';');
        Some((percent_decoded(key)?, percent_decoded(value)?))
            .filter(|_| !is_separated_by_semicolons)
    });
    decoded.collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
                let text = std::str::from_utf8(&digits).ok().filter(|_| is_hex)?;
                bytes.push(u8::from_str_radix(text, 16).ok()?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Whole seconds (`61`), or Go's notation (`61s`, `2m30s`, `1.5h`). None if it is not positive.
fn duration(text: &str) -> Option<Duration> {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = unsigned.parse().ok().filter(|seconds| *seconds > 0)?;
        return Some(Duration::from_secs(seconds));
    }
    let mut rest = unsigned;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let is_number = |c: char| c.is_ascii_digit() || c == '.';
        let after = rest.trim_start_matches(is_number);
        let number: f64 = rest.get(..rest.len() - after.len())?.parse().ok()?;
        rest = after.trim_start_matches(|c: char| !is_number(c));
        seconds += number * seconds_of(after.get(..after.len() - rest.len())?)?;
    }
    Duration::try_from_secs_f64(seconds).ok().filter(|duration| !duration.is_zero())
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

/// Whether it is the address of one file, to be had by HTTP.
pub(crate) fn is_remote_file(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
        && !path.bytes().any(|byte| byte < 0x20 || byte == 0x7f)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(raw: &str, clone: &str, path: &str, reference: &str) {
        let spec = RepoSpec::parse(raw).unwrap();
        assert_eq!(
            (spec.clone_spec().as_str(), spec.path.as_str(), spec.reference.as_str()),
            (clone, path, reference),
            "{raw}"
        );
    }

    #[test]
    fn repositories_are_told_from_folders() {
        check("github.com/org/repo/a/b?ref=v1", "https://github.com/org/repo", "a/b", "v1");
        check("git@github.com:org/repo", "git@github.com:org/repo", "", "");
        check("ssh://git@github.com/org/repo.git", "git@github.com:org/repo.git", "", "");
        check("https://example.com/org/repo.git/x", "https://example.com/org/repo.git", "x", "");
        check("https://example.com/a/b/c//x/y?version=2", "https://example.com/a/b/c", "x/y", "2");
        check("git::https://example.com/a/b", "https://example.com/a/b", "", "");
        check("file:///srv/repo//x", "file:///srv/repo", "x", "");
        check("https://dev.example/o/p/_git/r/x", "https://dev.example/o/p/_git/r", "x", "");
        for folder in ["../base", "base", "/abs", "https://example.com/one", "a/b?ref=c", ""] {
            assert!(RepoSpec::parse(folder).is_err(), "{folder}");
        }
        assert!(RepoSpec::parse("https://example.com/a/b//../x").is_err());
    }

    #[test]
    fn the_query_says_how_to_fetch() {
        let spec = RepoSpec::parse("github.com/o/r?timeout=2m&submodules=false&ref=a%2Fb").unwrap();
        assert_eq!((spec.timeout.as_secs(), spec.submodules), (120, false));
        assert_eq!(spec.reference, "a/b");
        let timeout = |text: &str| RepoSpec::parse(text).unwrap().timeout.as_millis();
        assert_eq!(timeout("github.com/o/r?timeout=2m30s"), 150_000);
        assert_eq!(timeout("github.com/o/r?timeout=.5h"), 1_800_000);
        assert_eq!(timeout("github.com/o/r?timeout=61"), 61_000);
        for unusable in ["-1", "0", "x", "5y", "%zz", "1h;x=1"] {
            assert_eq!(timeout(&format!("github.com/o/r?timeout={unusable}")), 27_000);
        }
    }
}
