//! Random functions that are not random, for comparing whole outputs with the original's.
//!
//! The expected outputs of charts that draw randomness were made by Helm's engine with these in the
//! place of the real functions. They replace whole functions, not the source of randomness, since
//! no two implementations draw alike from one source. Nothing but such comparisons may use them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Outcome;
use super::encoding::base64_decode;
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::{Str, Value};

const ANY: &Type = Type::ANY;
const STRING: &Type = Type::STRING;
const INT: &Type = Type::INT;
const LIST: &Type = Type::ANY_SLICE;

/// The functions to put in the place of those of the library. `now` is the host's: it is
/// 2024-01-02T03:04:05Z there.
pub const STUBS: &[Function] = &[
    Function::new("randAlphaNum", &[INT], STRING, |c, a| cycle(c, a, b"aB3dE5gH7jK9")),
    Function::new("randAlpha", &[INT], STRING, |c, a| cycle(c, a, b"aBcDeFgHiJ")),
    Function::new("randNumeric", &[INT], STRING, |c, a| cycle(c, a, b"1234567890")),
    Function::new("randAscii", &[INT], STRING, |c, a| cycle(c, a, b"aB3!")),
    Function::new("randBytes", &[INT], STRING, |c, a| {
        Ok(STANDARD.encode(repeated(c, a, &[0])?).into())
    }),
    Function::new("randInt", &[INT, INT], INT, |_, a| Ok(a.any(0).clone())),
    Function::new("shuffle", &[STRING], STRING, |_, a| Ok(a.any(0).clone())),
    Function::new("uuidv4", &[], STRING, |_, _| Ok("00000000-0000-4000-8000-000000000000".into())),
    Function::new("bcrypt", &[STRING], STRING, |_, a| joined(&[b"$stub$", a.string(0)?])),
    Function::new("htpasswd", &[STRING, STRING], STRING, |_, a| {
        joined(&[a.string(0)?, b":$stub$", a.string(1)?])
    }),
    Function::new("encryptAES", &[STRING, STRING], STRING, |_, a| {
        joined(&[b"AES(", a.string(1)?, b")"])
    }),
    Function::new("genPrivateKey", &[STRING], STRING, |_, a| {
        joined(&[b"PRIVATE-KEY(", a.string(0)?, b")\n"])
    }),
    Function::new("buildCustomCert", &[STRING, STRING], ANY, |_, a| {
        let decoded = |index| {
            let bytes = base64_decode(a.string(index)?);
            Ok::<_, FunctionError>(Value::string(bytes.unwrap_or_default()))
        };
        Ok(pair(decoded(0)?, decoded(1)?))
    }),
    Function::new("genCA", &[STRING, INT], ANY, |_, a| certificate("ca", a)),
    Function::new("genCAWithKey", &[STRING, INT, STRING], ANY, |_, a| certificate("cak", a)),
    Function::new("genSelfSignedCert", &[STRING, LIST, LIST, INT], ANY, |_, a| {
        certificate("self", a)
    }),
    Function::new("genSelfSignedCertWithKey", &[STRING, LIST, LIST, INT, STRING], ANY, |_, a| {
        certificate("selfk", a)
    }),
    Function::new("genSignedCert", &[STRING, LIST, LIST, INT, ANY], ANY, |_, a| {
        certificate("signed", a)
    }),
    Function::new("genSignedCertWithKey", &[STRING, LIST, LIST, INT, ANY, STRING], ANY, |_, a| {
        certificate("signedk", a)
    }),
];

fn joined(parts: &[&[u8]]) -> Outcome {
    Ok(Value::string(parts.concat()))
}

/// The first bytes of the text repeated without end.
fn repeated(
    context: &mut Context<'_>,
    args: Args<'_>,
    text: &[u8],
) -> Result<Vec<u8>, FunctionError> {
    let count = u64::try_from(args.int(0)?).unwrap_or(0);
    context.charge_bytes(count)?;
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    Ok(text.iter().copied().cycle().take(count).collect())
}

fn cycle(context: &mut Context<'_>, args: Args<'_>, text: &[u8]) -> Outcome {
    Ok(Value::string(repeated(context, args, text)?))
}

fn pair(cert: Value, key: Value) -> Value {
    Value::map([("Cert".into(), cert), ("Key".into(), key)])
}

fn certificate(kind: &str, args: Args<'_>) -> Outcome {
    let name = args.string(0)?;
    let text = |what: &str| {
        let (before, after) = (format!("{what}({kind},"), b")\n");
        Value::String(Str::from([before.as_bytes(), &name[..], after].concat()))
    };
    Ok(pair(text("CERT"), text("KEY")))
}
