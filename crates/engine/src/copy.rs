//! The second copy of what must survive of an app, as it lies with the target: sealed, for digests
//! of secret content stand in it, and so that nobody can put an inventory there that is not ours.
//!
//! A copy is a nonce of 24 bytes and XChaCha20-Poly1305 over the deflated JSON, under a key derived
//! from the installation's. The nonce is derived from the content: equal records make equal copies,
//! and no nonce is used for two contents.

use std::io::{Read, Write};

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use trueup_model::{AppName, InstallationKey, Record};

const NONCE: usize = 24;
/// A copy that claims to be longer than this is not one of ours.
const MAX_LENGTH: u64 = 1 << 28;

/// Seals what must survive of a record. The sets that were applied stay out: what they consist of is
/// lost with the store, and nothing could be gone back to.
pub fn seal(record: &Record, app: &AppName, key: &InstallationKey) -> Option<Vec<u8>> {
    let kept = Record {
        run: None,
        applied: None,
        healthy: None,
        healthy_before: Vec::new(),
        attempts: Default::default(),
        fights: Default::default(),
        approved: None,
        ..record.clone()
    };
    let json = serde_json::to_vec(&kept).ok()?;
    let mut deflated = DeflateEncoder::new(Vec::new(), Compression::fast());
    deflated.write_all(&json).ok()?;
    let deflated = deflated.finish().ok()?;
    let nonce = key.derive("copy-nonce", &[app.as_str().as_bytes(), &deflated]);
    let nonce = nonce.get(..NONCE)?;
    let sealed = cipher(app, key).encrypt(XNonce::from_slice(nonce), deflated.as_slice()).ok()?;
    Some([nonce, &sealed].concat())
}

/// Opens a copy. `None`: it is not one of this app and installation.
pub fn open(copy: &[u8], app: &AppName, key: &InstallationKey) -> Option<Record> {
    let (nonce, sealed) = copy.split_at_checked(NONCE)?;
    let deflated = cipher(app, key).decrypt(XNonce::from_slice(nonce), sealed).ok()?;
    let mut json = Vec::new();
    DeflateDecoder::new(deflated.as_slice()).take(MAX_LENGTH).read_to_end(&mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

fn cipher(app: &AppName, key: &InstallationKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.derive("seal-copy", &[app.as_str().as_bytes()]).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use trueup_model::ResourceId;
    use trueup_model::record::InventoryItem;

    fn name(text: &str) -> AppName {
        AppName::new(text).expect("a name")
    }

    fn key(byte: u8) -> InstallationKey {
        InstallationKey::from_bytes([byte; 32])
    }

    fn record() -> Record {
        let item = InventoryItem {
            api_version: "v1".to_owned(),
            uid: "u".to_owned(),
            content: None,
            intended: false,
            keep: false,
            stage: 0,
            hook: false,
        };
        let id = ResourceId::new("", "ConfigMap", "x", "y");
        Record { inventory: [(id, item)].into(), rollbacks: 2, ..Record::default() }
    }

    #[test]
    fn what_was_sealed_opens_for_its_app_and_key_alone() {
        let copy = seal(&record(), &name("a"), &key(1)).expect("it can be sealed");
        assert_eq!(open(&copy, &name("a"), &key(1)), Some(record()));
        assert_eq!(seal(&record(), &name("a"), &key(1)), Some(copy.clone()));
        assert_eq!(open(&copy, &name("b"), &key(1)), None);
        assert_eq!(open(&copy, &name("a"), &key(2)), None);
        assert_eq!(open(&copy[..20], &name("a"), &key(1)), None);
    }
}
