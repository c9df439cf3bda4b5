//! Random text, hashed passwords, keys and certificates.
//!
//! Randomness comes from the host, 32 bytes a call, and is stretched by ChaCha20 ([`random::Stream`]):
//! the same call draws the same key again wherever the host gives the same bytes. The RSA primes are
//! our own ([`prime`]), for speed; what is done with them, RustCrypto does.

mod aes;
mod certificate;
mod der;
mod keys;
mod passwords;
mod pem;
mod prime;
mod random;

use crate::function::Function;

pub(super) fn functions() -> Vec<Function> {
    [
        aes::FUNCTIONS,
        certificate::FUNCTIONS,
        keys::FUNCTIONS,
        passwords::FUNCTIONS,
        random::FUNCTIONS,
    ]
    .concat()
}

#[cfg(test)]
mod tests;
