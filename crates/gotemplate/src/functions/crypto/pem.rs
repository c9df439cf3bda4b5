//! PEM blocks (RFC 7468), read as leniently as Go reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::encoding::base64_decode;

/// A labelled block.
pub(super) struct Block {
    pub(super) label: String,
    pub(super) bytes: Vec<u8>,
}

/// The first block of a text that is well-formed.
pub(super) fn decode(text: &[u8]) -> Option<Block> {
    let text = String::from_utf8_lossy(text);
    let mut rest = &*text;
    loop {
        let start = rest.find("-----BEGIN ")?;
        let on_own_line = start == 0 || rest[..start].ends_with('\n');
        rest = &rest[start + "-----BEGIN ".len()..];
        if on_own_line && let Some(block) = block(rest) {
            return Some(block);
        }
    }
}

/// A block from its label on.
fn block(text: &str) -> Option<Block> {
    let (first, body) = text.split_once('\n')?;
    let label = first.trim_end().strip_suffix("-----")?.to_owned();
    let end = body.find(&format!("-----END {label}-----"))?;
    let mut encoded = &body[..end];
    while let Some((line, rest)) = encoded.split_once('\n').filter(|(line, _)| line.contains(':')) {
        debug_assert!(!line.is_empty());
        encoded = rest;
    }
    let encoded: Vec<u8> = encoded.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    Some(Block { label, bytes: base64_decode(&encoded).ok()? })
}

/// A block, 64 characters a line.
pub(super) fn encode(label: &str, bytes: &[u8]) -> String {
    let encoded = STANDARD.encode(bytes);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in encoded.as_bytes().chunks(64) {
        out.extend(line.iter().map(|b| char::from(*b)));
        out.push('\n');
    }
    out + &format!("-----END {label}-----\n")
}
