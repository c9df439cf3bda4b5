//! Go strings: immutable bytes.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// How many bytes are kept in place.
const INLINE: usize = 15;

/// A Go string: immutable bytes, usually but not always UTF-8.
///
/// Up to 15 bytes are held in place, which covers most keys and values of a chart; longer ones are
/// shared. Sharing is atomic, so that the constants of a parsed template, which several
/// threads may run, need no copy. Ordered bytewise.
#[derive(Clone)]
pub struct Str(Repr);

#[derive(Clone)]
enum Repr {
    Inline(Short),
    Shared(Arc<[u8]>),
}

/// The bytes and, as the last, how many there are. Aligned so that a value is moved by whole words:
/// moving it by odd bytes stalls the processor.
#[derive(Clone, Copy)]
#[repr(align(8))]
struct Short([u8; INLINE + 1]);

impl Str {
    /// The empty string.
    pub const EMPTY: Self = Self(Repr::Inline(Short([0; INLINE + 1])));

    /// Copies the bytes.
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.len() > INLINE {
            return Self(Repr::Shared(bytes.into()));
        }
        let mut place = [0; INLINE + 1];
        place[..bytes.len()].copy_from_slice(bytes);
        place[INLINE] = bytes.len() as u8;
        Self(Repr::Inline(Short(place)))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(Short(place)) => {
                let len = usize::from(place[INLINE]);
                place.get(..len).unwrap_or(place)
            }
            Repr::Shared(bytes) => bytes,
        }
    }

    /// The text, with U+FFFD for what is not UTF-8.
    pub fn to_text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(self.as_bytes())
    }

    /// The text, if it is UTF-8.
    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(self.as_bytes()).ok()
    }
}

impl Deref for Str {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl AsRef<[u8]> for Str {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Borrow<[u8]> for Str {
    fn borrow(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Default for Str {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl From<&[u8]> for Str {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<&str> for Str {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes())
    }
}

impl From<Arc<[u8]>> for Str {
    /// Without a copy, unless it is short.
    fn from(bytes: Arc<[u8]>) -> Self {
        if bytes.len() > INLINE { Self(Repr::Shared(bytes)) } else { Self::new(&bytes) }
    }
}

impl From<Vec<u8>> for Str {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(&bytes)
    }
}

impl From<String> for Str {
    fn from(text: String) -> Self {
        Self::new(text.as_bytes())
    }
}

impl PartialEq for Str {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Str {}

impl PartialEq<str> for Str {
    fn eq(&self, other: &str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialEq<&str> for Str {
    fn eq(&self, other: &&str) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl PartialOrd for Str {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Str {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Str {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Debug for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}

impl fmt::Display for Str {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_text().fmt(f)
    }
}
