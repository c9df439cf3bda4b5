//! `encryptAES` and `decryptAES`: AES-256 in CBC mode, the vector in front, in base 64.

use aes::Aes256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};

use super::super::Outcome;
use super::super::encoding::base64_decode;
use super::random::Stream;
use crate::context::Context;
use crate::function::{Args, Function, FunctionError};
use crate::types::Type;
use crate::value::Value;

const STRING: &Type = Type::STRING;
const BLOCK: usize = 16;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("encryptAES", &[STRING, STRING], STRING, encrypt),
    Function::new("decryptAES", &[STRING, STRING], STRING, decrypt),
];

/// The password, cut or filled up with zeros.
fn key(password: &[u8]) -> [u8; 32] {
    std::array::from_fn(|at| password.get(at).copied().unwrap_or(0))
}

fn encrypt(context: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (password, plain) = (args.string(0)?, args.string(1)?);
    if plain.is_empty() {
        return Ok("".into());
    }
    let mut vector = [0; BLOCK];
    Stream::new(context, "encryptAES", args).fill(&mut vector);
    let padding = BLOCK - plain.len() % BLOCK;
    let mut text = [&plain[..], &vec![padding as u8; padding]].concat();
    let mut cipher = cbc::Encryptor::<Aes256>::new(&key(password).into(), &vector.into());
    for block in text.as_chunks_mut::<BLOCK>().0 {
        cipher.encrypt_block(block.into());
    }
    Ok(STANDARD.encode([&vector[..], &text].concat()).into())
}

fn decrypt(_: &mut Context<'_>, args: Args<'_>) -> Outcome {
    let (password, encoded) = (args.string(0)?, args.string(1)?);
    if encoded.is_empty() {
        return Ok("".into());
    }
    let mut bytes = base64_decode(encoded)
        .map_err(|at| FunctionError::new(format!("illegal base64 data at input byte {at}")))?;
    let runtime = |text: String| FunctionError::new(format!("runtime error: {text}"));
    let Some((vector, text)) = bytes.split_first_chunk_mut::<BLOCK>() else {
        let capacity = encoded.len() / 4 * 3;
        return Err(runtime(format!("slice bounds out of range [:16] with capacity {capacity}")));
    };
    let mut cipher = cbc::Decryptor::<Aes256>::new(&key(password).into(), &(*vector).into());
    let (blocks, rest) = text.as_chunks_mut::<BLOCK>();
    if !rest.is_empty() {
        return Err(FunctionError::new("crypto/cipher: input not full blocks"));
    }
    for block in blocks {
        cipher.decrypt_block(block.into());
    }
    let Some(padding) = text.last() else {
        return Err(runtime("index out of range [-1]".to_owned()));
    };
    match text.len().checked_sub(usize::from(*padding)) {
        Some(len) => Ok(Value::string(&text[..len])),
        None => {
            let end = text.len() as i64 - i64::from(*padding);
            Err(runtime(format!("slice bounds out of range [:{end}]")))
        }
    }
}
