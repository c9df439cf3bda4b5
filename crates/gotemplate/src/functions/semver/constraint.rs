//! Constraints: `>=1.2 <2 || ~3.1`, ranges, placeholders, and what satisfies them.

use super::{Dialect, Version, identifiers_order, scan};
use std::cmp::Ordering;
use std::fmt;

/// A longer text is refused: looking for hyphen ranges is not linear in it.
const LONGEST: usize = 8 << 10;

/// A condition on versions: alternatives of conjunctions of comparisons.
#[derive(Clone, Debug)]
pub struct Constraint {
    alternatives: Vec<Conjunction>,
    include_prerelease: bool,
    dialect: Dialect,
}

/// Why a text is not a constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintError {
    /// This alternative does not have the form of a constraint.
    Improper(String),
    /// A version in it cannot be read.
    Version(Dialect),
}

impl fmt::Display for ConstraintError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Improper(text) => write!(f, "improper constraint: {text}"),
            Self::Version(Dialect::V3_3) => f.write_str("constraint Parser Error"),
            Self::Version(Dialect::V3_4) => f.write_str("constraint parser error"),
        }
    }
}

impl std::error::Error for ConstraintError {}

impl Constraint {
    /// Reads a constraint.
    ///
    /// # Errors
    /// [`ConstraintError`] with the alternative that is malformed, hyphen ranges written out as
    /// upstream writes them.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Self, ConstraintError> {
        if text.len() > LONGEST {
            return Err(ConstraintError::Improper(text.to_owned()));
        }
        let alternatives = expand_ranges(text)
            .split("||")
            .map(|part| Conjunction::parse(part, dialect))
            .collect::<Result<_, _>>()?;
        Ok(Self { alternatives, include_prerelease: false, dialect })
    }

    /// Lets every pre-release satisfy the constraint as if each conjunction named one
    /// (`IncludePrerelease` upstream).
    #[must_use]
    pub fn including_prereleases(self) -> Self {
        Self { include_prerelease: true, ..self }
    }

    /// Does this version satisfy the constraint?
    #[must_use]
    pub fn allows(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|conjunction| {
            let group = conjunction.names_prerelease();
            conjunction.0.iter().all(|comparison| {
                let prerelease = self.include_prerelease
                    || match self.dialect {
                        Dialect::V3_3 => comparison.looks_for_prereleases(),
                        Dialect::V3_4 => group,
                    };
                (version.prerelease.is_empty() || prerelease) && comparison.holds(version)
            })
        })
    }
}

/// Comparisons that must all hold.
#[derive(Clone, Debug)]
struct Conjunction(Vec<Comparison>);

impl Conjunction {
    /// Comparisons stand apart by white space or commas.
    fn parse(text: &str, dialect: Dialect) -> Result<Self, ConstraintError> {
        let improper = || ConstraintError::Improper(text.to_owned());
        let mut comparisons = Vec::new();
        let mut rest = text;
        loop {
            let (comparison, after) =
                Comparison::read(rest.trim_start_matches(SPACE), dialect).ok_or_else(improper)?;
            comparisons.push(comparison);
            let next = after.trim_start_matches(SPACE);
            if next.is_empty() {
                // The form of all is looked at before the versions in it.
                return comparisons.into_iter().collect::<Result<_, _>>().map(Self);
            }
            match next.strip_prefix(',') {
                Some(behind) => rest = behind,
                None if next.len() < after.len() => rest = next,
                None => return Err(improper()),
            }
        }
    }

    fn names_prerelease(&self) -> bool {
        self.0.iter().any(|comparison| !comparison.version.prerelease.is_empty())
    }
}

/// What a regular expression calls white space upstream.
const SPACE: [char; 5] = [' ', '\t', '\n', '\r', '\x0c'];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    /// No operator, or `=`.
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// The first number that the constraint leaves open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Major,
    Minor,
    Patch,
}

#[derive(Clone, Debug)]
struct Comparison {
    operator: Operator,
    /// Open numbers are 0.
    version: Version,
    open: Open,
}

type Read<'a> = (Result<Comparison, ConstraintError>, &'a str);

impl Comparison {
    /// Reads an operator and a version pattern at the start of a text. `None`: there is none.
    fn read(text: &str, dialect: Dialect) -> Option<Read<'_>> {
        let signs = text.bytes().take_while(|b| b"=!<>~^".contains(b)).count();
        let operator = match &text[..signs] {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => return None,
        };
        let pattern = text[signs..].trim_start_matches(SPACE);
        let (pieces, rest) = scan::pattern(pattern)?;
        let written = &pattern[..pattern.len() - rest.len()];
        let comparison = bound(&pieces, written, dialect)
            .map(|(version, open)| Self { operator, version, open })
            .ok_or(ConstraintError::Version(dialect));
        Some((comparison, rest))
    }

    /// 3.3 asks each comparison for itself, and an exact `!=` not at all.
    fn looks_for_prereleases(&self) -> bool {
        let exact_difference = self.operator == Operator::NotEqual && self.open == Open::Nothing;
        exact_difference || !self.version.prerelease.is_empty()
    }

    /// Does it hold, the question of pre-releases aside?
    fn holds(&self, v: &Version) -> bool {
        let order = v.precedence(&self.version);
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => order.is_eq(),
            Operator::Equal | Operator::Tilde => self.tilde(v, order),
            Operator::NotEqual => self.differs(v, order),
            Operator::Greater => self.greater(v, order),
            Operator::Less => order.is_lt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::LessOrEqual => self.less_or_equal(v, order),
            Operator::Caret => self.caret(v, order),
        }
    }

    /// `~1.2.3` is `>=1.2.3 <1.3.0`, `~1` is `>=1.0.0 <2.0.0`; `~0.0.0` and `~*` allow all.
    fn tilde(&self, v: &Version, order: Ordering) -> bool {
        let (c, open) = (&self.version, self.open);
        let zero = (c.major, c.minor, c.patch) == (0, 0, 0);
        let any = zero && !matches!(open, Open::Minor | Open::Patch);
        let same = v.major == c.major && (v.minor == c.minor || open == Open::Minor);
        order.is_ge() && (any || same)
    }

    fn differs(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        match self.open {
            _ if self.open != Open::Nothing && v.major != c.major => true,
            Open::Minor => false,
            Open::Patch if v.minor != c.minor => true,
            Open::Patch => {
                let both = (v.prerelease.as_str(), c.prerelease.as_str());
                both != ("", "") && identifiers_order(both.0, both.1).is_ne()
            }
            Open::Major if (v.minor, v.patch) != (c.minor, c.patch) => true,
            Open::Major | Open::Nothing => order.is_ne(),
        }
    }

    /// `>11` asks for 12, `>11.1` for 11.2.
    fn greater(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        match self.open {
            Open::Nothing => order.is_gt(),
            _ if v.major != c.major => v.major > c.major,
            Open::Minor => false,
            Open::Patch => v.minor > c.minor,
            Open::Major => order.is_gt(),
        }
    }

    /// `<=11` allows all of 11, `<=11.1` all of 11.1.
    fn less_or_equal(&self, v: &Version, order: Ordering) -> bool {
        let c = &self.version;
        match self.open {
            Open::Nothing => order.is_le(),
            _ if v.major != c.major => v.major < c.major,
            Open::Minor => true,
            Open::Patch | Open::Major => v.minor <= c.minor,
        }
    }

    /// The leftmost number that is not 0 stays: `^1.2` is `>=1.2 <2`, `^0.2.3` is `>=0.2.3 <0.3`.
    fn caret(&self, v: &Version, order: Ordering) -> bool {
        let (c, open) = (&self.version, self.open);
        if order.is_lt() || v.major != c.major {
            return false;
        }
        if c.major > 0 || open == Open::Minor {
            return true;
        }
        if c.minor > 0 || open == Open::Patch || v.minor > 0 {
            return v.minor == c.minor && (c.minor > 0 || open == Open::Patch);
        }
        v.patch == c.patch
    }
}

/// The version that a pattern compares with, and what it leaves open. `None`: not a version.
fn bound(pieces: &scan::Pieces<'_>, written: &str, dialect: Dialect) -> Option<(Version, Open)> {
    let given = |piece: Option<&str>| piece.is_some_and(|p| !matches!(p, "x" | "X" | "*"));
    let suffix = pieces.prerelease.map_or_else(String::new, |p| format!("-{p}"));
    let (major, minor) = (pieces.major, pieces.minor.unwrap_or_default());
    let (text, open) = if !given(Some(major)) {
        (format!("0.0.0{suffix}"), Open::Major)
    } else if !given(pieces.minor) {
        (format!("{major}.0.0{suffix}"), Open::Minor)
    } else if !given(pieces.patch) {
        (format!("{major}.{minor}.0{suffix}"), Open::Patch)
    } else {
        (written.to_owned(), Open::Nothing)
    };
    Some((Version::parse(&text, dialect).ok()?, open))
}

/// Writes each `A - B` as `>= A, <= B `.
fn expand_ranges(text: &str) -> String {
    let mut out = text.to_owned();
    let mut at = 0;
    while let Some(start) = (at..text.len()).find(|&i| hyphen_range(text, i).is_some()) {
        let Some((from, to, end)) = hyphen_range(text, start) else { break };
        out = out.replacen(&text[start..end], &format!(">= {from}, <= {to} "), 1);
        at = end;
    }
    out
}

/// A hyphen range at this byte, white space around it included, and where it ends.
fn hyphen_range(text: &str, start: usize) -> Option<(&str, &str, usize)> {
    let skip = |t| str::trim_start_matches(t, SPACE);
    let take = |t| {
        let (_, rest) = scan::pattern(t)?;
        Some((&t[..t.len() - rest.len()], rest))
    };
    let (from, rest) = take(skip(text.get(start..)?))?;
    let rest = skip(rest.strip_prefix(SPACE)?).strip_prefix('-')?;
    let (to, rest) = take(skip(rest.strip_prefix(SPACE)?))?;
    Some((from, to, text.len() - skip(rest).len()))
}
