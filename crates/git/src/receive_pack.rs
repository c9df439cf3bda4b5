//! `git-receive-pack`: what a server says before a push, what it is sent, and what it answers. Pure.
//!
//! One ref is moved, from what it was known to be to something new; the server refuses where it has
//! moved meanwhile. Nothing is ever forced.
//!
//! Format: gitprotocol-pack(5), "Pushing Data To a Server".

use gix::ObjectId;

use crate::ls_refs::line;

/// What a server says of its refs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Advertisement {
    refs: Vec<(String, ObjectId)>,
    capabilities: Vec<String>,
}

/// What is to become of a ref.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    /// Its full name.
    pub(crate) name: String,
    /// What it is now; `None`: it must not be there.
    pub(crate) old: Option<ObjectId>,
    /// What it becomes.
    pub(crate) new: ObjectId,
}

impl Advertisement {
    /// Reads what stands before a push, with or without the line that HTTP puts before it.
    pub(crate) fn parse(mut text: &[u8]) -> Result<Self, String> {
        let mut found = Self::default();
        let mut first = true;
        loop {
            let (packet, rest) = packet(text)?;
            text = rest;
            let Some(packet) = packet else {
                // After the line of HTTP there is an end of its own.
                if std::mem::take(&mut first) && !rest.is_empty() {
                    continue;
                }
                return Ok(found);
            };
            if packet.starts_with(b"# service=") {
                continue;
            }
            first = false;
            found.read(packet)?;
        }
    }

    fn read(&mut self, packet: &[u8]) -> Result<(), String> {
        let text = String::from_utf8_lossy(packet);
        let text = text.trim_end_matches('\n');
        if let Some(error) = text.strip_prefix("ERR ") {
            return Err(error.to_owned());
        }
        let (known, capabilities) = text.split_once('\0').unwrap_or((text, ""));
        self.capabilities.extend(capabilities.split(' ').map(str::to_owned));
        let Some((id, name)) = known.split_once(' ') else { return Ok(()) };
        let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| "it is not Git's protocol")?;
        // An empty repository has a line of its own: `0000… capabilities^{}`.
        if !id.is_null() {
            self.refs.push((name.to_owned(), id));
        }
        Ok(())
    }

    /// What a ref is.
    pub(crate) fn get(&self, name: &str) -> Option<ObjectId> {
        self.refs.iter().find(|(known, _)| known == name).map(|(_, id)| *id)
    }

    /// Whether the server tells what came of a push.
    pub(crate) fn reports(&self) -> bool {
        self.capabilities.iter().any(|known| known == "report-status")
    }
}

/// What the server is sent.
pub(crate) fn request(update: &Update, pack: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    let none = ObjectId::null(update.new.kind());
    let old = update.old.unwrap_or(none);
    let capabilities = format!(
        "report-status object-format={} agent=trueup/{}",
        update.new.kind(),
        env!("CARGO_PKG_VERSION")
    );
    line(&mut message, &format!("{old} {} {}\0{capabilities}", update.new, update.name));
    message.extend_from_slice(b"0000");
    message.extend_from_slice(pack);
    message
}

/// Reads what came of it; the error is why the server did not do it.
pub(crate) fn parse_report(mut text: &[u8]) -> Result<(), String> {
    let mut done = false;
    loop {
        let (packet, rest) = packet(text)?;
        text = rest;
        let Some(packet) = packet else { break };
        let said = String::from_utf8_lossy(packet);
        let said = said.trim_end_matches('\n');
        if let Some(why) = said.strip_prefix("unpack ") {
            if why != "ok" {
                return Err(why.to_owned());
            }
        } else if let Some(refused) = said.strip_prefix("ng ") {
            return Err(refused.split_once(' ').map_or(refused, |(_, why)| why).to_owned());
        } else if said.starts_with("ok ") {
            done = true;
        }
    }
    if done { Ok(()) } else { Err("the server did not say what came of it".to_owned()) }
}

type Packet<'a> = (Option<&'a [u8]>, &'a [u8]);

/// The next packet and what follows; `None` is the end of a list.
fn packet(text: &[u8]) -> Result<Packet<'_>, String> {
    let cut = || "it ends in the middle of a line".to_owned();
    let (length, rest) = text.split_at_checked(4).ok_or_else(cut)?;
    let length = std::str::from_utf8(length)
        .ok()
        .and_then(|digits| usize::from_str_radix(digits, 16).ok())
        .ok_or("it is not Git's protocol")?;
    let Some(length) = length.checked_sub(4) else { return Ok((None, rest)) };
    let (packet, rest) = rest.split_at_checked(length).ok_or_else(cut)?;
    Ok((Some(packet), rest))
}

/// Whether a server has said all that stands before a push.
pub(crate) fn is_whole(mut text: &[u8]) -> bool {
    loop {
        match packet(text) {
            Ok((Some(_), rest)) => text = rest,
            Ok((None, _)) => return true,
            Err(_) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(digit: char) -> ObjectId {
        ObjectId::from_hex(digit.to_string().repeat(40).as_bytes()).expect("an id")
    }

    fn packets(lines: &[&str]) -> Vec<u8> {
        let mut message = Vec::new();
        lines.iter().for_each(|text| line(&mut message, text));
        message.extend_from_slice(b"0000");
        message
    }

    #[test]
    fn what_stands_before_a_push_is_read() {
        let main = format!("{} refs/heads/main\0report-status delete-refs\n", id('a'));
        let side = format!("{} refs/heads/side\n", id('b'));
        let plain = packets(&[&main, &side]);
        let mut http = packets(&["# service=git-receive-pack\n"]);
        http.extend_from_slice(&plain);
        for text in [plain, http] {
            let found = Advertisement::parse(&text).expect("an advertisement");
            assert_eq!(found.get("refs/heads/side"), Some(id('b')));
            assert_eq!(found.get("refs/heads/none"), None);
            assert!(found.reports() && is_whole(&text));
        }
        let empty = packets(&[&format!("{} capabilities^{{}}\0report-status", id('0'))]);
        assert_eq!(Advertisement::parse(&empty).expect("empty").refs, []);
        assert!(Advertisement::parse(b"<html>").is_err());
        assert!(Advertisement::parse(&main.as_bytes()[..20]).is_err());
        assert_eq!(Advertisement::parse(&packets(&["ERR no\n"])), Err("no".to_owned()));
    }

    #[test]
    fn what_is_sent_names_old_and_new() {
        let update =
            Update { name: "refs/heads/main".to_owned(), old: Some(id('a')), new: id('b') };
        let text = String::from_utf8(request(&update, b"PACK")).expect("text");
        let begins = format!("{} {} refs/heads/main\0report-status", id('a'), id('b'));
        assert!(text.get(4..).is_some_and(|text| text.starts_with(&begins)), "{text}");
        assert!(text.ends_with("0000PACK"), "{text}");
    }

    #[test]
    fn what_came_of_it_is_read() {
        let said = |lines: &[&str]| parse_report(&packets(lines));
        assert_eq!(said(&["unpack ok\n", "ok refs/heads/main\n"]), Ok(()));
        let refused = said(&["unpack ok\n", "ng refs/heads/main protected branch\n"]);
        assert_eq!(refused, Err("protected branch".to_owned()));
        assert_eq!(said(&["unpack index-pack failed\n"]), Err("index-pack failed".to_owned()));
        assert!(said(&[]).is_err());
        assert!(parse_report(b"00").is_err());
    }
}
