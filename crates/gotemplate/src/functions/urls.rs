//! `urlParse` and `urlJoin`: URLs in pieces, as `net/url` takes them apart.

use super::{NIL_POINTER, Outcome};
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::strconv::{self, Charset};
use crate::types::{Kind, Type};
use crate::value::{Map, Str, Value};

const STRING: &Type = Type::STRING;
const MAP: &Type = Type::ANY_MAP;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("urlParse", &[STRING], MAP, |_, a| {
        let url = Url::parse(a.string(0)?);
        url.map(Url::into_value)
            .map_err(|text| FunctionError::new(format!("unable to parse url: {text}")))
    }),
    Function::new("urlJoin", &[MAP], STRING, join),
];

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<User>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

struct User {
    name: Vec<u8>,
    password: Option<Vec<u8>>,
}

impl User {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = escape(&self.name, Place::User);
        if let Some(password) = &self.password {
            out.push(b':');
            out.extend(escape(password, Place::User));
        }
        out
    }
}

/// A part of a URL, which decides about what is escaped in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Host,
    User,
    Fragment,
}

fn quote(text: &[u8]) -> String {
    String::from_utf8_lossy(&strconv::quote(text, Charset::Unicode)).into_owned()
}

/// Splits at the first such byte; the second part is empty if there is none.
fn cut(text: &[u8], at: u8) -> (&[u8], &[u8]) {
    match text.iter().position(|b| *b == at) {
        Some(place) => (&text[..place], &text[place + 1..]),
        None => (text, b""),
    }
}

impl Url {
    /// `url.Parse`.
    fn parse(whole: &[u8]) -> Result<Self, String> {
        let (text, fragment) = cut(whole, b'#');
        let wrap = |url: &[u8], error: String| format!("parse {}: {error}", quote(url));
        let url = Self::without_fragment(text).map_err(|error| wrap(text, error))?;
        let fragment = unescape(fragment, Place::Fragment).map_err(|error| wrap(whole, error))?;
        Ok(Self { fragment, ..url })
    }

    fn without_fragment(text: &[u8]) -> Result<Self, String> {
        if text.iter().any(|b| *b < b' ' || *b == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        if text == b"*" {
            return Ok(Self { path: b"*".to_vec(), ..Self::default() });
        }
        let (scheme, rest) = scheme(text)?;
        let (rest, query) = cut(rest, b'?');
        let mut url =
            Self { scheme: scheme.to_ascii_lowercase(), query: query.to_vec(), ..Self::default() };
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            if cut(rest, b'/').0.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let mut path = rest;
        let triple = rest.starts_with(b"///");
        if let Some(behind) = rest.strip_prefix(b"//").filter(|_| !url.scheme.is_empty() || !triple)
        {
            let end = behind.iter().position(|b| *b == b'/').unwrap_or(behind.len());
            (url.user, url.host) = authority(&behind[..end])?;
            path = &behind[end..];
        }
        url.path = unescape(path, Place::Path)?;
        Ok(url)
    }

    fn into_value(self) -> Value {
        let user = self.user.as_ref().map(User::to_bytes).unwrap_or_default();
        let hostname = host_without_port(&self.host).to_vec();
        Value::map([
            ("scheme".into(), Value::string(self.scheme)),
            ("host".into(), Value::string(self.host)),
            ("hostname".into(), Value::string(hostname)),
            ("path".into(), Value::string(self.path)),
            ("query".into(), Value::string(self.query)),
            ("opaque".into(), Value::string(self.opaque)),
            ("fragment".into(), Value::string(self.fragment)),
            ("userinfo".into(), Value::string(user)),
        ])
    }

    /// `URL.String`.
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.scheme.clone();
        if !out.is_empty() {
            out.push(b':');
        }
        if self.opaque.is_empty() {
            self.write_hierarchy(&mut out);
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend(escape(&self.fragment, Place::Fragment));
        }
        out
    }

    fn write_hierarchy(&self, out: &mut Vec<u8>) {
        let some_authority = !self.host.is_empty() || self.user.is_some();
        if some_authority || !self.scheme.is_empty() && !self.path.is_empty() {
            out.extend_from_slice(b"//");
        }
        if let Some(user) = &self.user {
            out.extend(user.to_bytes());
            out.push(b'@');
        }
        out.extend(escape(&self.host, Place::Host));
        let path = match &self.path[..] {
            b"*" => b"*".to_vec(),
            path => escape(path, Place::Path),
        };
        if !path.is_empty() && !path.starts_with(b"/") && !self.host.is_empty() {
            out.push(b'/');
        }
        if out.is_empty() && cut(&path, b'/').0.contains(&b':') {
            out.extend_from_slice(b"./");
        }
        out.extend(path);
    }
}

/// The scheme, if the text has one, and what follows it.
fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => return Ok((&text[..at], &text[at + 1..])),
            _ => break,
        }
    }
    Ok((b"", text))
}

fn authority(text: &[u8]) -> Result<(Option<User>, Vec<u8>), String> {
    let at = text.iter().rposition(|b| *b == b'@');
    let host = host(&text[at.map_or(0, |at| at + 1)..])?;
    let Some(at) = at else { return Ok((None, host)) };
    let info = &text[..at];
    let valid = |b: &u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(b);
    if !info.iter().all(valid) {
        return Err("net/url: invalid userinfo".to_owned());
    }
    let (name, password) = cut(info, b':');
    let password = info.contains(&b':').then(|| unescape(password, Place::User)).transpose()?;
    Ok((Some(User { name: unescape(name, Place::User)?, password }), host))
}

fn host(text: &[u8]) -> Result<Vec<u8>, String> {
    match text.iter().rposition(|b| *b == b'[') {
        Some(0) => return address(text),
        Some(_) => return Err("invalid IP-literal".to_owned()),
        None => {}
    }
    let port = text.iter().rposition(|b| *b == b':').map_or(&b""[..], |at| &text[at..]);
    check_port(port)?;
    unescape(text, Place::Host)
}

fn check_port(port: &[u8]) -> Result<(), String> {
    match is_optional_port(port) {
        true => Ok(()),
        false => Err(format!("invalid port {} after host", quote(port))),
    }
}

/// An IPv6 address in brackets, perhaps with a zone and a port.
fn address(text: &[u8]) -> Result<Vec<u8>, String> {
    let end = text.iter().rposition(|b| *b == b']');
    let end = end.ok_or_else(|| "missing ']' in host".to_owned())?;
    check_port(&text[end + 1..])?;
    let inner = text.get(1..end).unwrap_or_default();
    let zone = inner.windows(3).position(|part| part == b"%25").unwrap_or(inner.len());
    let (address, zone) = inner.split_at(zone);
    let address = unescape(address, Place::Host)?;
    let parsed = std::str::from_utf8(&address).ok().and_then(|text| text.parse().ok());
    match parsed {
        Some(std::net::IpAddr::V6(_)) => {}
        Some(std::net::IpAddr::V4(_)) => return Err("invalid IP-literal".to_owned()),
        None => {
            let quoted = quote(&address);
            return Err(format!("invalid host: ParseAddr({quoted}): unable to parse IP"));
        }
    }
    let zone = unescape(zone, Place::User)?;
    Ok([b"[", &address[..], &zone, &text[end..]].concat())
}

fn is_optional_port(text: &[u8]) -> bool {
    match text {
        [] => true,
        [b':', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

fn host_without_port(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|b| *b == b':');
    let host = match colon {
        Some(at) if is_optional_port(&host[at..]) => &host[..at],
        _ => host,
    };
    host.strip_prefix(b"[").and_then(|inner| inner.strip_suffix(b"]")).unwrap_or(host)
}

fn must_be_escaped(byte: u8, place: Place) -> bool {
    match byte {
        _ if byte.is_ascii_alphanumeric() => false,
        b'-' | b'_' | b'.' | b'~' => false,
        _ if place == Place::Host => !b"!$&'()*+,;=:[]<>\"".contains(&byte),
        b'$' | b'&' | b'+' | b',' | b'/' | b':' | b';' | b'=' | b'?' | b'@' => match place {
            Place::Path => byte == b'?',
            Place::User => b"@/?:".contains(&byte),
            _ => false,
        },
        b'!' | b'(' | b')' | b'*' => place != Place::Fragment,
        _ => true,
    }
}

fn escape(text: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for byte in text {
        if must_be_escaped(*byte, place) {
            out.extend(format!("%{byte:02X}").bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn unescape(text: &[u8], place: Place) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        if *byte != b'%' {
            if place == Place::Host && byte.is_ascii() && must_be_escaped(*byte, place) {
                return Err(format!("invalid character {} in host name", quote(&[*byte])));
            }
            out.push(*byte);
            rest = after;
            continue;
        }
        let invalid = || format!("invalid URL escape {}", quote(rest.get(..3).unwrap_or(rest)));
        let digit = |at: usize| after.get(at).and_then(|b| char::from(*b).to_digit(16));
        let (Some(high), Some(low)) = (digit(0), digit(1)) else { return Err(invalid()) };
        if place == Place::Host && high < 8 && !rest.starts_with(b"%25") {
            return Err(invalid());
        }
        out.push((high * 16 + low) as u8);
        rest = &after[2..];
    }
    Ok(out)
}

fn join(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let map = args.map(0)?.unwrap_or_else(|| Map::any([]));
    let mut url = Url {
        scheme: piece(&map, "scheme")?.to_vec(),
        host: piece(&map, "host")?.to_vec(),
        path: piece(&map, "path")?.to_vec(),
        query: piece(&map, "query")?.to_vec(),
        opaque: piece(&map, "opaque")?.to_vec(),
        fragment: piece(&map, "fragment")?.to_vec(),
        user: None,
    };
    let user = piece(&map, "userinfo")?;
    if !user.is_empty() {
        let example = [b"proto://", &user[..], b"@host"].concat();
        url.user = Url::parse(&example)
            .map_err(|text| {
                FunctionError::new(format!("unable to parse userinfo in dict: {text}"))
            })?
            .user;
    }
    Ok(Value::string(url.to_bytes()))
}

/// The string under a key, or the empty one.
fn piece(map: &Map, key: &str) -> Result<Str, FunctionError> {
    let Some(value) = map.get(key.as_bytes()) else { return Ok(Str::EMPTY) };
    match value.kind() {
        Kind::Invalid => Err(FunctionError::new(NIL_POINTER)),
        kind => value.as_str().ok_or_else(|| {
            FunctionError::new(format!(
                "unable to parse {key} key, must be of type string, but {kind} found"
            ))
        }),
    }
}
