//! Semantic versions and version constraints, as `github.com/Masterminds/semver/v3` reads them.
//!
//! This is not the language of the `semver` crate. Versions are read leniently (`v1.2` is 1.2.0),
//! a constraint is alternatives (`||`) of conjunctions (space or comma), `x` and `*` are
//! placeholders, `1 - 2` is a range, and a pre-release satisfies a conjunction only if that
//! conjunction names a pre-release itself. Helm speaks it in `semverCompare`, in `kubeVersion` and
//! in dependency ranges, and users know it from there; tag ranges of Git sources use it for the
//! same reason.
//!
//! The two releases in use differ: 3.3 (Helm 3.17) looks for a pre-release in each comparison,
//! 3.4 (Helm 4.1) in the conjunction as a whole, and the error texts changed their case. That is
//! [`Dialect`].

mod constraint;
mod scan;

use std::cmp::Ordering;
use std::fmt;

pub use constraint::{Constraint, ConstraintError};

/// Which release of Masterminds/semver is reproduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// 3.3, which Helm 3.17 carries.
    V3_3,
    /// 3.4, which Helm 4.1 carries.
    #[default]
    V3_4,
}

/// A semantic version: numbers, pre-release and build metadata, and the text it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// First number.
    pub major: u64,
    /// Second number; 0 where the text had none.
    pub minor: u64,
    /// Third number; 0 where the text had none.
    pub patch: u64,
    /// What follows `-`, without it; empty for a release.
    pub prerelease: String,
    /// What follows `+`, without it; never compared.
    pub metadata: String,
    /// The text as it was given, with its `v`.
    pub original: String,
}

/// Why a text is not a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VersionError {
    /// It does not have the form of a version.
    Invalid(Dialect),
    /// It is empty (strict reading only; elsewhere that is `Invalid`).
    Empty(Dialect),
    /// A number holds something else than digits (strict reading only).
    Characters(Dialect),
    /// A number of the pre-release (strictly read: any number) has a leading zero.
    LeadingZero(Dialect),
    /// The metadata is malformed.
    Metadata(Dialect),
    /// The pre-release is malformed.
    Prerelease(Dialect),
    /// A number does not fit 64 bits.
    Overflow(Dialect, String),
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dialect, old, new) = match self {
            Self::Invalid(d) => (d, "Invalid Semantic Version", "invalid semantic version"),
            Self::Empty(d) => (d, "Version string empty", "version string empty"),
            Self::Characters(d) => {
                (d, "Invalid characters in version", "invalid characters in version")
            }
            Self::LeadingZero(d) => {
                (d, "Version segment starts with 0", "version segment starts with 0")
            }
            Self::Metadata(d) => (d, "Invalid Metadata string", "invalid metadata string"),
            Self::Prerelease(d) => (d, "Invalid Prerelease string", "invalid prerelease string"),
            Self::Overflow(d, _) => {
                (d, "Error parsing version segment", "error parsing version segment")
            }
        };
        f.write_str(if *dialect == Dialect::V3_3 { old } else { new })?;
        match self {
            Self::Overflow(_, digits) => {
                write!(f, ": strconv.ParseUint: parsing \"{digits}\": value out of range")
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for VersionError {}

impl Version {
    /// Reads a version leniently: a leading `v`, missing minor and patch numbers and leading zeros
    /// in the three numbers are accepted (`NewVersion` upstream).
    ///
    /// # Errors
    /// [`VersionError`], worded as `dialect` words it.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, VersionError> {
        let found = scan::version(text).ok_or(VersionError::Invalid(dialect))?;
        let number = |digits: &str| {
            digits.parse().map_err(|_| VersionError::Overflow(dialect, digits.to_owned()))
        };
        let version = Self {
            major: number(found.major)?,
            minor: number(found.minor.unwrap_or("0"))?,
            patch: number(found.patch.unwrap_or("0"))?,
            prerelease: found.prerelease.unwrap_or_default().to_owned(),
            metadata: found.metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        };
        check_prerelease(&version.prerelease, dialect)?;
        Ok(version)
    }

    /// Reads a version as the specification writes it: exactly three numbers, no `v`, no leading
    /// zero (`StrictNewVersion` upstream).
    ///
    /// # Errors
    /// [`VersionError`], worded as `dialect` words it.
    pub fn parse_strict(text: &str, dialect: Dialect) -> Result<Self, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty(dialect));
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(VersionError::Invalid(dialect));
        };
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(r, m)| (r, Some(m)));
        if metadata.is_some_and(|m| !m.split('.').all(scan::is_identifier)) {
            return Err(VersionError::Metadata(dialect));
        }
        let (patch, prerelease) = rest.split_once('-').map_or((rest, None), |(r, p)| (r, Some(p)));
        if let Some(prerelease) = prerelease {
            if prerelease.is_empty() {
                return Err(VersionError::Prerelease(dialect));
            }
            check_prerelease(prerelease, dialect)?;
        }
        Ok(Self {
            major: strict_number(major, dialect)?,
            minor: strict_number(minor, dialect)?,
            patch: strict_number(patch, dialect)?,
            prerelease: prerelease.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Precedence as the specification defines it: build metadata does not count, a pre-release
    /// comes before its release.
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| prerelease_order(&self.prerelease, &other.prerelease))
    }

    /// The next patch version; of a pre-release, its release.
    #[must_use]
    pub fn next_patch(&self) -> Self {
        let step = u64::from(self.prerelease.is_empty());
        self.release(self.major, self.minor, self.patch.wrapping_add(step))
    }

    /// The next minor version.
    #[must_use]
    pub fn next_minor(&self) -> Self {
        self.release(self.major, self.minor.wrapping_add(1), 0)
    }

    /// The next major version.
    #[must_use]
    pub fn next_major(&self) -> Self {
        self.release(self.major.wrapping_add(1), 0, 0)
    }

    /// The same version with another pre-release (without its `-`).
    ///
    /// # Errors
    /// [`VersionError`] if it is not a well-formed pre-release.
    pub fn with_prerelease(&self, text: &str, dialect: Dialect) -> Result<Self, VersionError> {
        check_prerelease(text, dialect)?;
        Ok(Self { prerelease: text.to_owned(), ..self.clone() }.renamed())
    }

    /// The same version with other build metadata (without its `+`).
    ///
    /// # Errors
    /// [`VersionError`] if it is not well-formed metadata.
    pub fn with_metadata(&self, text: &str, dialect: Dialect) -> Result<Self, VersionError> {
        if !text.is_empty() && !text.split('.').all(scan::is_identifier) {
            return Err(VersionError::Metadata(dialect));
        }
        Ok(Self { metadata: text.to_owned(), ..self.clone() }.renamed())
    }

    fn release(&self, major: u64, minor: u64, patch: u64) -> Self {
        let (prerelease, metadata) = (String::new(), String::new());
        let original = self.original.clone();
        Self { major, minor, patch, prerelease, metadata, original }.renamed()
    }

    /// Writes the original anew after a change; only a leading `v` of it is kept.
    fn renamed(self) -> Self {
        let v = if self.original.starts_with('v') { "v" } else { "" };
        Self { original: format!("{v}{self}"), ..self }
    }
}

impl fmt::Display for Version {
    /// The normal form: three numbers, no `v`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.prerelease.is_empty() {
            write!(f, "-{}", self.prerelease)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn strict_number(digits: &str, dialect: Dialect) -> Result<u64, VersionError> {
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(VersionError::Characters(dialect));
    }
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(VersionError::LeadingZero(dialect));
    }
    digits.parse().map_err(|_| VersionError::Overflow(dialect, digits.to_owned()))
}

fn check_prerelease(text: &str, dialect: Dialect) -> Result<(), VersionError> {
    if text.is_empty() {
        return Ok(());
    }
    for part in text.split('.') {
        if !scan::is_identifier(part) {
            return Err(VersionError::Prerelease(dialect));
        }
        let numeric = part.bytes().all(|b| b.is_ascii_digit());
        if numeric && part.len() > 1 && part.starts_with('0') {
            return Err(VersionError::LeadingZero(dialect));
        }
    }
    Ok(())
}

fn prerelease_order(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => identifiers_order(a, b),
    }
}

/// Orders non-empty pre-releases identifier by identifier; the one that ends first is the lower.
/// An empty text stands for a pre-release without identifiers, lower than any other.
fn identifiers_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (x, y) => (x.unwrap_or_default(), y.unwrap_or_default()),
        };
        match identifier_order(x, y) {
            Ordering::Equal => {}
            order => return order,
        }
    }
}

/// Numbers come before words; a number that does not fit 64 bits counts as a word.
fn identifier_order(x: &str, y: &str) -> Ordering {
    if x == y {
        return Ordering::Equal;
    }
    match (x.is_empty(), y.is_empty()) {
        (true, _) => return Ordering::Less,
        (_, true) => return Ordering::Greater,
        _ => {}
    }
    match (number(x), number(y)) {
        (Some(x), Some(y)) => x.cmp(&y),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => x.cmp(y),
    }
}

fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests;
