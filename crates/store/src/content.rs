//! Contents: documents by digest, compressed where that helps, secret ones sealed.
//!
//! A sealed body is a nonce of 24 bytes and XChaCha20-Poly1305 over the stored form, under a key
//! that is derived from the installation's. The digest is authenticated with it, so that a body
//! moved to another row does not open.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use rusqlite::{Connection, OptionalExtension, params};
use trueup_model::ports::Content;
use trueup_model::{Digest, InstallationKey};

use crate::StoreError;
use crate::folder::random;

/// Bits of the `form` column.
const COMPRESSED: u8 = 1;
const SEALED: u8 = 2;

/// Shorter bodies are not worth a frame's header.
const WORTH_COMPRESSING: usize = 256;
/// Documents are small and written while an app waits: the fastest level already halves them.
const LEVEL: i32 = 1;
/// A body that claims to be longer than this is not one of ours.
const MAX_LENGTH: usize = 1 << 31;
const NONCE: usize = 24;

/// Turns bodies into what is stored, and back.
pub(crate) struct Codec {
    cipher: XChaCha20Poly1305,
    compressor: zstd::bulk::Compressor<'static>,
}

impl Codec {
    pub(crate) fn new(key: &InstallationKey) -> Result<Self, StoreError> {
        let sealing = key.derive("seal-contents", &[]);
        let compressor = zstd::bulk::Compressor::new(LEVEL)
            .map_err(|source| StoreError::io("zstd", "started", source))?;
        Ok(Self { cipher: XChaCha20Poly1305::new(&sealing.into()), compressor })
    }

    /// What is stored of a content: its form and its body.
    pub(crate) fn encode(&mut self, content: &Content) -> Result<(u8, Vec<u8>), StoreError> {
        let (mut form, mut body) = self.compress(&content.bytes);
        if content.secret {
            let nonce: [u8; NONCE] = random()?;
            let payload = Payload { msg: &body, aad: content.digest.as_bytes() };
            let sealed = self
                .cipher
                .encrypt(XNonce::from_slice(&nonce), payload)
                .map_err(|_| unreadable(&content.digest, "it is too large to be sealed"))?;
            body = [nonce.as_slice(), &sealed].concat();
            form |= SEALED;
        }
        Ok((form, body))
    }

    fn compress(&mut self, bytes: &[u8]) -> (u8, Vec<u8>) {
        if bytes.len() >= WORTH_COMPRESSING
            && let Ok(shorter) = self.compressor.compress(bytes)
            && shorter.len() < bytes.len()
        {
            return (COMPRESSED, shorter);
        }
        (0, bytes.to_vec())
    }

    /// The bytes of a stored body.
    pub(crate) fn decode(
        &self,
        digest: &Digest,
        form: u8,
        body: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let opened;
        let body = if form & SEALED == 0 {
            body
        } else {
            opened = self.unseal(digest, body)?;
            &opened
        };
        if form & COMPRESSED == 0 {
            return Ok(body.to_vec());
        }
        let length = zstd::zstd_safe::get_frame_content_size(body)
            .ok()
            .flatten()
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length <= MAX_LENGTH)
            .ok_or_else(|| unreadable(digest, "its length is not known"))?;
        zstd::bulk::decompress(body, length).map_err(|error| unreadable(digest, error))
    }

    fn unseal(&self, digest: &Digest, body: &[u8]) -> Result<Vec<u8>, StoreError> {
        let (nonce, sealed) = body
            .split_at_checked(NONCE)
            .ok_or_else(|| unreadable(digest, "it is shorter than a seal"))?;
        let payload = Payload { msg: sealed, aad: digest.as_bytes() };
        self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| {
            unreadable(digest, "it was changed, or sealed with another installation's key")
        })
    }
}

fn unreadable(digest: &Digest, why: impl ToString) -> StoreError {
    StoreError::Unreadable { what: format!("the content {digest}"), why: why.to_string() }
}

/// Keeps contents, as of a commit. What is there already is only noted as wanted again.
pub(crate) fn write(
    connection: &Connection,
    codec: &mut Codec,
    commit: u64,
    contents: &[Content],
) -> Result<(), WriteError> {
    let mut touch = connection.prepare_cached("UPDATE content SET added = ?2 WHERE digest = ?1")?;
    let mut insert = connection.prepare_cached(
        "INSERT INTO content (digest, added, form, body) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut ordered: Vec<&Content> = contents.iter().collect();
    // In the order of the index: neighbours fall into the same page.
    ordered.sort_unstable_by_key(|content| content.digest);
    ordered.dedup_by_key(|content| content.digest);
    for content in ordered {
        let digest = content.digest.as_bytes();
        if touch.execute(params![digest, commit])? == 0 {
            let (form, body) = codec.encode(content)?;
            insert.execute(params![digest, commit, form, body])?;
        }
    }
    Ok(())
}

/// A content, if it is kept.
pub(crate) fn read(
    connection: &Connection,
    codec: &Codec,
    digest: &Digest,
) -> Result<Option<Vec<u8>>, WriteError> {
    let stored: Option<(u8, Vec<u8>)> = connection
        .prepare_cached("SELECT form, body FROM content WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(stored.map(|(form, body)| codec.decode(digest, form, &body)).transpose()?)
}

/// What goes wrong inside a transaction: SQLite's errors get the path of the database where the
/// transaction ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl WriteError {
    pub(crate) fn at(self, path: &std::path::Path, what: &'static str) -> StoreError {
        match self {
            Self::Sql(source) => StoreError::sql(path, what, source),
            Self::Store(error) => error,
        }
    }
}
