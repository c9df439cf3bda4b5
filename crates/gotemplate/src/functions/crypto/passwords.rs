//! Hashed and derived passwords.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::super::Outcome;
use super::random::Stream;
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::{Str, Value};

const STRING: &Type = Type::STRING;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("bcrypt", &[STRING], STRING, |c, a| {
        let mut stream = Stream::new(c, "bcrypt", a);
        hash(c, a.string(0)?, &mut stream).map(Value::from)
    }),
    Function::new("htpasswd", &[STRING, STRING], STRING, htpasswd),
    Function::new(
        "derivePassword",
        &[Type::UINT32, STRING, STRING, STRING, STRING],
        STRING,
        derive,
    ),
];

/// The cost that Go's library takes by default.
const COST: u32 = 10;

/// What a hash or a derivation costs of the budget: some tens of milliseconds.
const STEPS: u64 = 500_000;

/// A bcrypt hash, or the text of the error.
fn hash(
    context: &mut Context<'_>,
    password: &[u8],
    stream: &mut Stream,
) -> Result<String, FunctionError> {
    context.charge_steps(STEPS)?;
    if password.len() > 72 {
        let error =
            "failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes";
        return Ok(error.to_owned());
    }
    let mut salt = [0; 16];
    stream.fill(&mut salt);
    let hashed = bcrypt::hash_with_salt(password, COST, salt);
    Ok(match hashed {
        Ok(parts) => parts.format_for_version(bcrypt::Version::TwoA),
        Err(error) => format!("failed to encrypt string with bcrypt: {error}"),
    })
}

fn htpasswd(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (user, password) = (args.string(0)?, args.string(1)?);
    if user.contains(&b':') {
        return Ok(Value::string([b"invalid username: ", &user[..]].concat()));
    }
    let mut stream = Stream::new(context, "htpasswd", args);
    let hashed = hash(context, password, &mut stream)?;
    Ok(Value::string([&user[..], b":", hashed.as_bytes()].concat()))
}

const SALT: &[u8] = b"com.lyndir.masterpassword";

/// The forms of passwords of Master Password, by type: each letter stands for a set of characters.
const FORMS: [(&str, &[&str]); 6] = [
    ("maximum", &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"]),
    (
        "long",
        &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
    ),
    ("medium", &["CvcnoCvc", "CvcCvcno"]),
    ("short", &["Cvcn"]),
    ("basic", &["aaanaaan", "aannaaan", "aaannaaa"]),
    ("pin", &["nnnn"]),
];

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'A' => b"AEIOUBCDFGHJKLMNPQRSTVWXYZ",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The password of a user for a site by the Master Password algorithm.
fn derive(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let counter = args.any(0).as_unsigned().unwrap_or(0) as u32;
    let kind = args.string(1)?;
    let Some((_, forms)) = FORMS.iter().find(|(name, _)| *kind == **name) else {
        return Ok(Value::string([b"cannot find password template ", &kind[..]].concat()));
    };
    context.charge_steps(STEPS)?;
    let named = |name: &Str| [SALT, &(name.len() as u32).to_be_bytes(), name].concat();
    let (password, user, site) = (args.string(2)?, args.string(3)?, args.string(4)?);
    let mut key = [0; 64];
    let params = scrypt::Params::new(15, 8, 2);
    let derived = params.map(|params| scrypt::scrypt(password, &named(user), &params, &mut key));
    if !matches!(derived, Ok(Ok(()))) {
        return Ok("failed to derive password: scrypt: parameters are too large".into());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(&named(site));
    mac.update(&counter.to_be_bytes());
    let seed = mac.finalize().into_bytes();
    let form = forms[usize::from(seed[0]) % forms.len()];
    let character = |(class, seed): (u8, &u8)| {
        let characters = characters(class);
        characters[usize::from(*seed) % characters.len()]
    };
    Ok(Value::string(form.bytes().zip(&seed[1..]).map(character).collect::<Vec<u8>>()))
}
