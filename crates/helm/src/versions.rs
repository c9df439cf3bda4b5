//! Versions and constraints on them, as the two releases of Helm read them.

pub(crate) use trueup_gotemplate::functions::semver::Version;
use trueup_gotemplate::functions::semver::{Constraint, Dialect};

use trueup_gotemplate::functions::{Profile as LibraryProfile, library};
use trueup_gotemplate::{Functions, Go};

use crate::Profile;

impl Profile {
    /// The function library of this Helm.
    pub(crate) fn library(self) -> Functions {
        Functions::builtins().with(&library(match self {
            Self::Helm3 => LibraryProfile::Helm3,
            Self::Helm4 => LibraryProfile::Helm4,
        }))
    }

    /// The Go that this Helm was built with, where templates notice.
    pub(crate) fn go(self) -> Go {
        match self {
            Self::Helm3 => Go::V1_23,
            Self::Helm4 => Go::V1_25,
        }
    }

    /// The release of Masterminds/semver that this Helm carries.
    pub(crate) fn semver(self) -> Dialect {
        match self {
            Self::Helm3 => Dialect::V3_3,
            Self::Helm4 => Dialect::V3_4,
        }
    }
}

/// Whether a version satisfies a constraint; not if either cannot be read.
pub(crate) fn satisfies(constraint: &str, version: &str, profile: Profile) -> bool {
    let dialect = profile.semver();
    match (Version::parse(version, dialect), Constraint::parse(constraint, dialect)) {
        (Ok(version), Ok(constraint)) => constraint.allows(&version),
        _ => false,
    }
}

/// Whether the text can be read as a version.
pub(crate) fn is_version(text: &str, profile: Profile) -> bool {
    Version::parse(text, profile.semver()).is_ok()
}
