//! Semver ranges of tags, as Helm's and Flux's users write them: `~1.4`, `^2`, `>=2.0 <3`, `1.x`,
//! `1.2 - 1.9`, and alternatives with `||`.
//!
//! What differs from Cargo's ranges: a version without an operator means just that version (`1.2`
//! any of `1.2`), commas and spaces both mean "and", and tags may begin with `v`. Prereleases are
//! in a range only if one of its bounds names a prerelease.

use std::cmp::Ordering;

use semver::Version;

/// A range: alternatives of bounds that must all hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    alternatives: Vec<Vec<Bound>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Tilde,
    Caret,
}

/// An operator and a version of which the right part may be missing or a wildcard.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Bound {
    operator: Operator,
    version: Version,
    /// How many of major, minor and patch were given.
    given: usize,
}

/// The longest spellings first, so that `>=` is not read as `>`.
const OPERATORS: &[(&str, Operator)] = &[
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("==", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Range {
    /// Reads a range; `None` if the text is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let alternatives = text.split("||").map(parse_all).collect::<Option<Vec<_>>>()?;
        Some(Self { alternatives })
    }

    /// Whether a version is in the range.
    pub(crate) fn contains(&self, version: &Version) -> bool {
        self.alternatives.iter().any(|bounds| {
            let named = bounds.iter().any(|bound| !bound.version.pre.is_empty());
            (version.pre.is_empty() || named) && bounds.iter().all(|bound| bound.holds(version))
        })
    }

    /// The highest version in the range, and its tag.
    pub(crate) fn highest<'a>(&self, tags: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
        tags.into_iter()
            .filter_map(|tag| Some((parse_tag(tag)?, tag)))
            .filter(|(version, _)| self.contains(version))
            .max()
            .map(|(_, tag)| tag)
    }
}

/// The version that a tag names: `v1.4.2`, `1.4.2`, `v1.4`.
pub(crate) fn parse_tag(tag: &str) -> Option<Version> {
    parse_version(tag).map(|(version, _)| version)
}

fn parse_all(text: &str) -> Option<Vec<Bound>> {
    if let Some((low, high)) = text.split_once(" - ") {
        let (low, _) = parse_version(low.trim())?;
        let (high, given) = parse_version(high.trim())?;
        return Some(vec![
            Bound { operator: Operator::GreaterOrEqual, version: low, given: 3 },
            Bound { operator: Operator::LessOrEqual, version: high, given },
        ]);
    }
    let mut bounds = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (operator, after) = OPERATORS
            .iter()
            .find_map(|(spelling, operator)| Some((*operator, rest.strip_prefix(spelling)?)))
            .unwrap_or((Operator::Equal, rest));
        let after = after.trim_start();
        let end = after.find([' ', ',']).unwrap_or(after.len());
        let (version, given) = parse_version(&after[..end])?;
        bounds.push(Bound { operator, version, given });
        rest = after[end..].trim_start_matches([' ', ',']);
    }
    (!bounds.is_empty()).then_some(bounds)
}

/// A version of which the right part may be missing or `x`, `X` or `*`, and how much was given.
fn parse_version(text: &str) -> Option<(Version, usize)> {
    let text = text.strip_prefix(['v', 'V']).unwrap_or(text);
    let core_end = text.find(['-', '+']).unwrap_or(text.len());
    let (core, suffix) = text.split_at(core_end);
    let mut numbers = [0_u64; 3];
    let mut given = 0;
    let mut wild = false;
    for (n, part) in core.split('.').enumerate() {
        let number = numbers.get_mut(n)?;
        if matches!(part, "x" | "X" | "*") {
            wild = true;
        } else if wild || part.is_empty() || !part.bytes().all(|c| c.is_ascii_digit()) {
            return None;
        } else {
            *number = part.parse().ok()?;
            given = n + 1;
        }
    }
    let [major, minor, patch] = numbers;
    let version = Version::parse(&format!("{major}.{minor}.{patch}{suffix}")).ok()?;
    Some((version, given))
}

impl Bound {
    fn holds(&self, version: &Version) -> bool {
        let order = version.cmp_precedence(&self.version);
        match self.operator {
            Operator::Equal => self.same(version, self.given) && self.prerelease_agrees(order),
            Operator::NotEqual => {
                !(self.same(version, self.given) && self.prerelease_agrees(order))
            }
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            // `<=1.2` includes 1.2.9, and `>1.2` begins after it.
            Operator::LessOrEqual => {
                order != Ordering::Greater || self.given < 3 && self.same(version, self.given)
            }
            Operator::Greater => {
                order == Ordering::Greater && !(self.given < 3 && self.same(version, self.given))
            }
            Operator::Tilde => order != Ordering::Less && self.same(version, self.given.min(2)),
            Operator::Caret => order != Ordering::Less && self.same(version, self.caret()),
        }
    }

    /// How many parts a caret fixes: up to the first that is not zero.
    fn caret(&self) -> usize {
        let parts = [self.version.major, self.version.minor, self.version.patch];
        let nonzero = parts.iter().position(|part| *part > 0).map_or(self.given, |at| at + 1);
        nonzero.min(self.given)
    }

    /// Whether the first `count` parts are the same.
    fn same(&self, version: &Version, count: usize) -> bool {
        let parts = |version: &Version| [version.major, version.minor, version.patch];
        parts(version).iter().zip(parts(&self.version)).take(count).all(|(a, b)| *a == b)
    }

    /// A version that is given in full means that very one, its prerelease included.
    fn prerelease_agrees(&self, order: Ordering) -> bool {
        self.given < 3 || order == Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_what_their_users_expect() {
        let check = |range: &str, inside: &str, outside: &str| {
            let parsed = Range::parse(range).unwrap_or_else(|| panic!("{range} is a range"));
            let holds = |tag: &&str| parsed.contains(&parse_tag(tag).expect("a version"));
            let split = |tags: &'static str| tags.split(' ').filter(|tag| !tag.is_empty());
            let (inside, outside) = (inside.to_owned().leak(), outside.to_owned().leak());
            assert_eq!(
                split(inside).filter(|tag| !holds(tag)).collect::<Vec<_>>(),
                [""; 0],
                "{range}"
            );
            assert_eq!(split(outside).filter(holds).collect::<Vec<_>>(), [""; 0], "{range}");
        };
        check("1.2.3", "1.2.3 v1.2.3 1.2.3+build", "1.2.4 1.2.3-rc1");
        check("=1.2", "1.2.0 1.2.9", "1.3.0");
        check("1", "1.0.0 1.9.9", "2.0.0 0.9.0 1.2.0-rc1");
        check("~1.4", "1.4.0 1.4.9", "1.5.0 1.3.9 1.4.9-rc1");
        check("~1.4.2", "1.4.2 1.4.9", "1.4.1 1.5.0");
        check("~1", "1.0.0 1.9.0", "2.0.0");
        check("^2", "2.0.0 2.9.9", "3.0.0 1.9.9");
        check("^0.3.1", "0.3.1 0.3.9", "0.4.0 0.3.0");
        check("^0.0.3", "0.0.3", "0.0.4");
        check("^0", "0.0.1 0.9.0", "1.0.0");
        check(">=2.0 <3", "2.0.0 2.99.1", "3.0.0 1.9.0 2.5.0-alpha");
        check(">= 2.0, < 3", "2.0.0 2.99.1", "3.0.0");
        check(">1.2", "1.3.0", "1.2.0 1.2.9");
        check("<=1.2", "1.2.9 1.0.0", "1.3.0");
        check("1.x", "1.0.0 1.7.0", "2.0.0");
        check("1.2.*", "1.2.0 1.2.7", "1.3.0");
        check("*", "0.0.1 9.9.9", "1.0.0-rc1");
        check("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.9");
        check("1.2 - 1.4", "1.4.9", "1.5.0");
        check("^1.2 || ~3.1", "1.9.0 3.1.4", "2.0.0 3.2.0");
        check("!=1.2.3", "1.2.4", "1.2.3");
        check(">=1.0.0-0", "1.0.0-rc1 1.0.0 2.0.0-beta", "0.9.0");
    }

    #[test]
    fn names_of_branches_are_not_ranges() {
        for name in ["main", "release-1.2", "v1.2.3.4", "", "1.x.3", "refs/tags/v1", "~", ">=a"] {
            assert_eq!(Range::parse(name), None, "{name}");
        }
    }

    #[test]
    fn the_highest_version_is_taken() {
        let range = Range::parse("^1").expect("a range");
        let tags = ["v1.9.0", "v1.10.0", "nightly", "v2.0.0", "v1.11.0-rc1", "1.2"];
        assert_eq!(range.highest(tags), Some("v1.10.0"));
        assert_eq!(range.highest(["v3.0.0"]), None);
    }
}
