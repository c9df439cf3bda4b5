//! The `ls-refs` command of Git's protocol, version 2, as one message: which refs there are, by
//! prefix. Pure.
//!
//! gix asks a server what it can do before it asks anything else, which over HTTP is a request of
//! its own. Every server that speaks version 2 answers this command without that, so that a look at
//! a repository where nothing is new is one request.
//!
//! Format: gitprotocol-v2(5), gitprotocol-common(5).

use gix::ObjectId;

/// A ref of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RemoteRef {
    /// The full name, or `HEAD`.
    pub(crate) name: String,
    /// What it points to: a commit, or a tag that leads to one.
    pub(crate) target: ObjectId,
    /// The ref it stands for, if it is symbolic.
    pub(crate) symbolic: Option<String>,
}

/// The longest line there is.
const LONGEST: usize = 65_516;

/// Asks for the refs that begin with one of the prefixes; for all if there are none.
pub(crate) fn request(prefixes: &[String], kind: gix::hash::Kind) -> Vec<u8> {
    let mut message = Vec::new();
    line(&mut message, "command=ls-refs\n");
    line(&mut message, concat!("agent=trueup/", env!("CARGO_PKG_VERSION"), "\n"));
    if kind != gix::hash::Kind::Sha1 {
        line(&mut message, &format!("object-format={kind}\n"));
    }
    message.extend_from_slice(b"0001");
    line(&mut message, "symrefs\n");
    for prefix in prefixes.iter().filter(|prefix| prefix.len() < LONGEST / 2) {
        line(&mut message, &format!("ref-prefix {prefix}\n"));
    }
    message.extend_from_slice(b"0000");
    message
}

/// Appends a line with its length.
pub(crate) fn line(message: &mut Vec<u8>, text: &str) {
    message.extend_from_slice(format!("{:04x}{text}", text.len() + 4).as_bytes());
}

/// Reads the answer; the error is what the server says is wrong, or what is wrong with its answer.
pub(crate) fn parse(answer: &[u8]) -> Result<Vec<RemoteRef>, String> {
    let mut refs = Vec::new();
    let mut rest = answer;
    loop {
        let (length, after) =
            rest.split_at_checked(4).ok_or("the answer ends in the middle of a line")?;
        let length = std::str::from_utf8(length)
            .ok()
            .and_then(|digits| usize::from_str_radix(digits, 16).ok())
            .ok_or("the answer is not in Git's protocol")?;
        let Some(length) = length.checked_sub(4) else { return Ok(refs) };
        let (text, after) =
            after.split_at_checked(length).ok_or("the answer ends in the middle of a line")?;
        rest = after;
        let text = String::from_utf8_lossy(text);
        let text = text.trim_end_matches('\n');
        if let Some(error) = text.strip_prefix("ERR ") {
            return Err(error.to_owned());
        }
        refs.extend(parse_ref(text));
    }
}

/// A line `id name [symref-target:name] ...`; other lines are of no interest.
fn parse_ref(text: &str) -> Option<RemoteRef> {
    let mut words = text.split(' ');
    let target = ObjectId::from_hex(words.next()?.as_bytes()).ok()?;
    let name = words.next()?.to_owned();
    let symbolic = words.find_map(|word| word.strip_prefix("symref-target:")).map(str::to_owned);
    Some(RemoteRef { name, target, symbolic })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_short_message() {
        let request = request(&["refs/heads/main".to_owned()], gix::hash::Kind::Sha1);
        let text = String::from_utf8(request).expect("text");
        assert!(text.starts_with("0014command=ls-refs\n"), "{text}");
        assert!(text.ends_with("0001000csymrefs\n001fref-prefix refs/heads/main\n0000"), "{text}");
        assert!(text.len() < 120, "{}", text.len());
    }

    #[test]
    fn answers_are_read_and_bad_ones_refused() {
        let id = "a".repeat(40);
        let head = format!("{id} HEAD symref-target:refs/heads/main\n");
        let main = format!("{id} refs/heads/main\n");
        let answer = format!("{:04x}{head}{:04x}{main}0000", head.len() + 4, main.len() + 4);
        let refs = parse(answer.as_bytes()).expect("refs");
        assert_eq!(refs[0].symbolic.as_deref(), Some("refs/heads/main"));
        assert_eq!((refs[1].name.as_str(), refs[1].symbolic.as_deref()), ("refs/heads/main", None));
        assert_eq!(parse(b"0000"), Ok(Vec::new()));
        assert_eq!(parse(b"000cERR no\n\n0000"), Err("no".to_owned()));
        assert!(parse(b"<html>").is_err());
        assert!(parse(b"00ff").is_err());
        assert!(parse(&answer.as_bytes()[..60]).is_err());
    }
}
