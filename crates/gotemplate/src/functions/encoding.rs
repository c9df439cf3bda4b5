//! Base 64 and 32, and checksums.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::Outcome;
use crate::context::Context;
use crate::function::{Args, Function};
use crate::types::Type;
use crate::value::{Str, Value};

const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("b64enc", &[STRING], STRING, |_, a| Ok(STANDARD.encode(a.string(0)?).into())),
    Function::new("b64dec", &[STRING], STRING, |_, a| {
        Ok(text_or_error(base64_decode(a.string(0)?), 64))
    }),
    Function::new("b32enc", &[STRING], STRING, |_, a| Ok(base32_encode(a.string(0)?).into())),
    Function::new("b32dec", &[STRING], STRING, |_, a| {
        Ok(text_or_error(base32_decode(a.string(0)?), 32))
    }),
    Function::new("sha1sum", &[STRING], STRING, |_, a| {
        Ok(hex::encode(Sha1::digest(a.string(0)?)).into())
    }),
    Function::new("sha256sum", &[STRING], STRING, |_, a| {
        Ok(hex::encode(Sha256::digest(a.string(0)?)).into())
    }),
    Function::new("sha512sum", &[STRING], STRING, |_, a| {
        Ok(hex::encode(Sha512::digest(a.string(0)?)).into())
    }),
    Function::new("adler32sum", &[STRING], STRING, adler32),
];

/// What could be decoded, or where it could not.
type Decoded = Result<Vec<u8>, usize>;

fn text_or_error(decoded: Decoded, base: u32) -> Value {
    match decoded {
        Ok(bytes) => Value::String(Str::from(bytes)),
        Err(at) => format!("illegal base{base} data at input byte {at}").into(),
    }
}

fn adler32(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    const PRIME: u32 = 65_521;
    let add = |(a, b): (u32, u32), byte: &u8| {
        let a = (a + u32::from(*byte)) % PRIME;
        (a, (b + a) % PRIME)
    };
    let (a, b) = args.string(0)?.iter().fold((1, 0), add);
    Ok((b << 16 | a).to_string().into())
}

/// `base64.StdEncoding.DecodeString`: line breaks are skipped, trailing bits are not checked.
pub(super) fn base64_decode(text: &[u8]) -> Decoded {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut digits) = (0u32, 0);
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'\n' | b'\r' => continue,
            b'=' => {
                check_base64_padding(text, at, digits)?;
                group <<= 6 * (4 - digits);
                out.extend_from_slice(&group.to_be_bytes()[1..digits]);
                return Ok(out);
            }
            _ => group = group << 6 | base64_digit(*byte).ok_or(at)?,
        }
        digits += 1;
        if digits == 4 {
            out.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    if digits == 0 { Ok(out) } else { Err(text.len() - digits) }
}

fn base64_digit(byte: u8) -> Option<u32> {
    Some(u32::from(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    }))
}

/// Is the `=` at this place, behind so many digits of its group, the right end of a text?
fn check_base64_padding(text: &[u8], at: usize, digits: usize) -> Result<(), usize> {
    let next = |from: usize| {
        let breaks = text[from..].iter().take_while(|b| matches!(b, b'\n' | b'\r')).count();
        from + breaks
    };
    let end = match digits {
        0 | 1 => return Err(at),
        2 => match text.get(next(at + 1)) {
            None => return Err(text.len()),
            Some(b'=') => next(at + 1) + 1,
            Some(_) => return Err(next(at + 1) - 1),
        },
        _ => at + 1,
    };
    if next(end) < text.len() { Err(next(end)) } else { Ok(()) }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn base32_encode(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let group = chunk.iter().chain(&[0; 4]).take(5).fold(0u64, |g, b| g << 8 | u64::from(*b));
        let digits = (chunk.len() * 8).div_ceil(5);
        for place in 0..8 {
            let digit = usize::try_from(group >> (35 - 5 * place) & 31).unwrap_or(0);
            out.push(if place < digits { char::from(BASE32[digit]) } else { '=' });
        }
    }
    out
}

/// `base32.StdEncoding.DecodeString`: places are counted without line breaks.
fn base32_decode(text: &[u8]) -> Decoded {
    let text: Vec<u8> = text.iter().copied().filter(|b| !matches!(b, b'\n' | b'\r')).collect();
    let mut out = Vec::with_capacity(text.len() / 8 * 5 + 5);
    let (mut group, mut digits) = (0u64, 0);
    for (at, byte) in text.iter().enumerate() {
        let rest = &text[at + 1..];
        if *byte == b'=' && digits >= 2 && rest.len() < 8 {
            check_base32_padding(rest, at, digits)?;
            group <<= 5 * (8 - digits);
            out.extend_from_slice(&group.to_be_bytes()[3..3 + digits * 5 / 8]);
            return Ok(out);
        }
        let digit = BASE32.iter().position(|b| b == byte).ok_or(at)?;
        group = group << 5 | digit as u64;
        digits += 1;
        if digits == 8 {
            out.extend_from_slice(&group.to_be_bytes()[3..]);
            (group, digits) = (0, 0);
        }
    }
    if digits == 0 { Ok(out) } else { Err(text.len() - digits) }
}

fn check_base32_padding(rest: &[u8], at: usize, digits: usize) -> Result<(), usize> {
    if rest.len() + digits < 7 {
        return Err(at + 1 + rest.len());
    }
    let needed = rest.iter().take(7 - digits);
    match needed.into_iter().position(|b| *b != b'=') {
        Some(wrong) => Err(at + wrong),
        None if matches!(digits, 3 | 6) => Err(at),
        None => Ok(()),
    }
}
