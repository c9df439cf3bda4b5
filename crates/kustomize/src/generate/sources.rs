//! Where generated data comes from: env files, literals and files, in this order.

use crate::build::Session;
use crate::error::{Context, Error, Result};
use crate::go_text::{list, quote};
use crate::kustomization::GeneratorArgs;
use crate::load::Loader;

type Pair = (String, Vec<u8>);

/// The longest line of an env file; upstream's scanner stops at a longer one, without a word.
const MAX_LINE: usize = 64 * 1024;

/// The pairs of all sources.
pub(super) fn read<'b>(
    session: &Session<'b>,
    loader: &Loader<'b>,
    args: &GeneratorArgs,
) -> Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    for path in &args.envs {
        loader
            .load(session, path)
            .and_then(|content| env_pairs(&content, &mut pairs))
            .context(|| format!("env source files: {}", list(&args.envs)))?;
    }
    for literal in &args.literals {
        let pair = literal_pair(literal)
            .context(|| format!("literal sources {}", list(&args.literals)))?;
        pairs.push(pair);
    }
    for source in &args.files {
        let pair = file_pair(session, loader, source)
            .context(|| format!("file sources: {}", list(&args.files)))?;
        pairs.push(pair);
    }
    Ok(pairs)
}

fn env_pairs(content: &[u8], pairs: &mut Vec<Pair>) -> Result<()> {
    for (index, line) in content.split(|&byte| byte == b'\n').enumerate() {
        if line.len() >= MAX_LINE {
            break;
        }
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| {
            let numbers: Vec<String> = line.iter().map(u8::to_string).collect();
            let shown = String::from_utf8_lossy(line);
            Error::new(format!("line {} has invalid utf8 bytes : {shown}", list(&numbers)))
        })?;
        let text = if index == 0 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(())
}

fn literal_pair(literal: &str) -> Result<Pair> {
    match literal.split_once('=') {
        Some((key, value)) if !key.is_empty() => {
            Ok((key.to_owned(), without_quotes(value).as_bytes().to_vec()))
        }
        _ => Err(Error::new(format!("invalid literal source {literal}, expected key=value"))),
    }
}

/// Takes away quotes of one kind around the text.
fn without_quotes(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    if text.len() < 2 { text } else { inner('"').or_else(|| inner('\'')).unwrap_or(text) }
}

fn file_pair<'b>(session: &Session<'b>, loader: &Loader<'b>, source: &str) -> Result<Pair> {
    let (key, path) = file_source(source)?;
    let content = loader.load(session, path)?;
    Ok((key.to_owned(), content.to_vec()))
}

/// `path`, whose last part is the key, or `key=path`.
fn file_source(source: &str) -> Result<(&str, &str)> {
    let parts: Vec<&str> = source.split('=').collect();
    match parts.as_slice() {
        [path] => Ok((base_name(path), path)),
        ["", path] => Err(Error::new(format!(
            "missing key name for file path {} in source {}",
            quote(path),
            quote(source)
        ))),
        [key, ""] => Err(Error::new(format!(
            "missing file path for key name {} in source {}",
            quote(key),
            quote(source)
        ))),
        [key, path] => Ok((key, path)),
        _ => {
            let source = quote(source);
            Err(Error::new(format!("source {source} key name or file path contains '='")))
        }
    }
}

/// Go's `path.Base`.
fn base_name(path: &str) -> &str {
    let trimmed = path.trim_end_matches('/');
    match (trimmed.is_empty(), path.is_empty()) {
        (true, true) => ".",
        (true, false) => "/",
        _ => trimmed.rsplit('/').next().unwrap_or(trimmed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn env_files_have_comments_and_bare_keys() {
        let mut pairs = Vec::new();
        env_pairs(b"\xef\xbb\xbfa=1\r\n # c\n\n  b\nc=x=y\n", &mut pairs).unwrap();
        let expected = [("a", "1"), ("b", ""), ("c", "x=y")];
        assert_eq!(pairs, expected.map(|(k, v)| (k.to_owned(), v.as_bytes().to_vec())));
        assert!(env_pairs(b"a=\xff", &mut Vec::new()).is_err());
    }

    #[test]
    fn sources_name_their_keys() {
        assert_eq!(literal_pair("a='b'").unwrap(), ("a".to_owned(), b"b".to_vec()));
        assert_eq!(literal_pair("a=\"b'").unwrap().1, b"\"b'");
        assert_eq!(file_source("x/y.txt").unwrap(), ("y.txt", "x/y.txt"));
        assert_eq!(file_source("k=x/y.txt").unwrap(), ("k", "x/y.txt"));
        for source in ["=a", "a=", "a=b=c"] {
            assert!(file_source(source).is_err(), "{source}");
        }
        assert!(literal_pair("=a").is_err() && literal_pair("a").is_err());
    }
}
