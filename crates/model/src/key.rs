//! The installation's secret key. Secret content is named by a digest made with it, so that nobody
//! who reads a plan or a ledger can try passwords against the digests.

use std::fmt;

use hmac::{Hmac, Mac};

/// 32 secret bytes, made at first start and kept in a 0600 file. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct InstallationKey([u8; 32]);

impl InstallationKey {
    /// From bytes that were drawn or read elsewhere.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, for whoever stores or derives from them.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    /// 32 bytes for `purpose` and `parts`, which say nothing about the key or each other.
    pub fn derive(&self, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac =
            Hmac::<sha2::Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        for part in std::iter::once(purpose.as_bytes()).chain(parts.iter().copied()) {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// How secret content is named in plans, the ledger and everything a person sees:
    /// `secret:` and 16 hexadecimal digits, equal for equal content.
    pub fn name_secret(&self, content: &[u8]) -> String {
        format!("secret:{}", hex::encode(&self.derive("secret-name", &[content])[..8]))
    }
}

impl fmt::Debug for InstallationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstallationKey(not shown)")
    }
}
