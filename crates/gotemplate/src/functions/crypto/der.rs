//! Writing DER: the few forms of ASN.1 that keys and certificates are made of.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

pub(super) const TRUE: [u8; 3] = [0x01, 0x01, 0xff];
pub(super) const NULL: [u8; 2] = [0x05, 0x00];

/// A value under its tag.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        len @ 0..0x80 => out.push(len as u8),
        len => {
            let bytes = len.to_be_bytes();
            let skipped = bytes.iter().take_while(|b| **b == 0).count();
            out.push(0x80 | (bytes.len() - skipped) as u8);
            out.extend_from_slice(&bytes[skipped..]);
        }
    }
    out.extend_from_slice(content);
    out
}

/// A sequence of values.
pub(super) fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    element(SEQUENCE, &parts.concat())
}

/// A number that is not negative, given by its bytes.
pub(super) fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    match &bytes[zeros..] {
        [] => element(INTEGER, &[0]),
        digits if digits[0] >= 0x80 => element(INTEGER, &[&[0], digits].concat()),
        digits => element(INTEGER, digits),
    }
}

/// Whole bytes as bits.
pub(super) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    element(BIT_STRING, &[&[0], bytes].concat())
}

/// An object identifier.
pub(super) fn oid(arcs: &[u32]) -> Vec<u8> {
    let [first, second, rest @ ..] = arcs else { return element(0x06, &[]) };
    let mut content = Vec::new();
    for arc in [&[first * 40 + second], rest].concat() {
        let groups = (0..5).rev().map(|group| (arc >> (7 * group) & 0x7f) as u8);
        let significant: Vec<u8> = groups.skip_while(|group| *group == 0).collect();
        let Some((last, more)) = significant.split_last() else {
            content.push(0);
            continue;
        };
        content.extend(more.iter().map(|group| group | 0x80));
        content.push(*last);
    }
    element(0x06, &content)
}
