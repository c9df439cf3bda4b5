//! What the reference of a source means, given the refs of a repository. Pure.

use gix::ObjectId;

use crate::range::Range;

/// The shortest abbreviation of a commit that is taken for one, as Git has it.
const SHORTEST: usize = 4;

/// What a reference may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What HEAD says.
    Head,
    /// A full name: `refs/...`.
    Full(String),
    /// A commit's full id.
    Commit(ObjectId),
    /// Anything else: a branch before a tag, a tag before an abbreviated commit, that before a
    /// range of tags.
    Named {
        /// As it was written.
        name: String,
        /// The range it may also mean.
        range: Option<Range>,
    },
}

/// What the repository must answer to know what is meant.
pub(crate) trait Refs {
    /// The object that a ref (full name) points to.
    fn get(&self, name: &str) -> Result<Option<ObjectId>, crate::GitError>;

    /// The short names of all tags.
    fn tags(&self) -> Result<Vec<String>, crate::GitError>;
}

/// What is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A ref.
    Ref(String, ObjectId),
    /// A commit by its id.
    Commit(ObjectId),
    /// Perhaps the abbreviation of a commit.
    Abbreviated(String),
    /// Nothing: no tag is in the range.
    NoTagInRange,
    /// Nothing.
    Nothing,
}

impl Wanted {
    /// Reads what an App says.
    pub(crate) fn parse(reference: &str) -> Self {
        let reference = reference.trim();
        if matches!(reference, "" | "HEAD" | "@") {
            return Self::Head;
        }
        if reference.starts_with("refs/") {
            return Self::Full(reference.to_owned());
        }
        if let Ok(id) = ObjectId::from_hex(reference.as_bytes()) {
            return Self::Commit(id);
        }
        Self::Named { name: reference.to_owned(), range: Range::parse(reference) }
    }

    /// The full names that may be meant, the likeliest first.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = match self {
            Self::Head | Self::Commit(_) => Vec::new(),
            Self::Full(name) => vec![name.clone()],
            Self::Named { name, .. } => {
                ["refs/heads/", "refs/tags/", "refs/remotes/origin/", "refs/remotes/", "refs/"]
                    .map(|prefix| format!("{prefix}{name}"))
                    .to_vec()
            }
        };
        names.retain(|name| is_valid(name));
        names
    }

    /// What is meant, HEAD aside.
    pub(crate) fn meaning(&self, refs: &dyn Refs) -> Result<Meaning, crate::GitError> {
        if let Self::Commit(id) = self {
            return Ok(Meaning::Commit(*id));
        }
        for name in self.names() {
            if let Some(id) = refs.get(&name)? {
                return Ok(Meaning::Ref(name, id));
            }
        }
        let Self::Named { name, range } = self else { return Ok(Meaning::Nothing) };
        if let Some(range) = range
            && let Some(tag) = range.highest(refs.tags()?.iter().map(String::as_str))
        {
            let name = format!("refs/tags/{tag}");
            return Ok(refs.get(&name)?.map_or(Meaning::Nothing, |id| Meaning::Ref(name, id)));
        }
        if is_abbreviation(name) {
            return Ok(Meaning::Abbreviated(name.to_lowercase()));
        }
        Ok(if range.is_some() { Meaning::NoTagInRange } else { Meaning::Nothing })
    }
}

fn is_valid(name: &str) -> bool {
    gix::validate::reference::name(name.into()).is_ok()
}

/// Whether a name may be the first digits of a commit's id.
pub(crate) fn is_abbreviation(name: &str) -> bool {
    (SHORTEST..64).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_hexdigit())
}

/// `; did you mean a, b or c?`, of the names that are most like `wanted`.
pub(crate) fn near(wanted: &str, names: impl IntoIterator<Item = String>) -> String {
    let mut scored: Vec<(usize, String)> = names
        .into_iter()
        .map(|name| (distance(wanted, &name), name))
        .filter(|(distance, name)| *distance <= 2 + name.len() / 4)
        .collect();
    scored.sort();
    scored.truncate(3);
    let names: Vec<String> = scored.into_iter().map(|(_, name)| format!("`{name}`")).collect();
    match names.split_last() {
        None => String::new(),
        Some((only, [])) => format!("; did you mean {only}?"),
        Some((last, others)) => format!("; did you mean {} or {last}?", others.join(", ")),
    }
}

/// How many letters must be changed, added or left out to make one name of the other; a name that
/// holds the other is near.
fn distance(a: &str, b: &str) -> usize {
    if b.contains(a) {
        return 1;
    }
    let b: Vec<char> = b.chars().take(100).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, from) in a.chars().take(100).enumerate() {
        let mut diagonal = n;
        let mut left = n + 1;
        for (to, cell) in b.iter().zip(row.iter_mut().skip(1)) {
            let best = (diagonal + usize::from(from != *to)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = best;
            left = best;
        }
        if let Some(first) = row.first_mut() {
            *first = n + 1;
        }
    }
    row.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(Vec<(&'static str, u8)>);

    impl Refs for Fixed {
        fn get(&self, name: &str) -> Result<Option<ObjectId>, crate::GitError> {
            Ok(self.0.iter().find(|(known, _)| *known == name).map(|(_, n)| id(*n)))
        }

        fn tags(&self) -> Result<Vec<String>, crate::GitError> {
            let tag = |name: &str| name.strip_prefix("refs/tags/").map(str::to_owned);
            Ok(self.0.iter().filter_map(|(name, _)| tag(name)).collect())
        }
    }

    fn id(n: u8) -> ObjectId {
        ObjectId::from_hex(format!("{n:040x}").as_bytes()).expect("40 digits")
    }

    #[test]
    fn a_reference_means_a_branch_before_a_tag_before_a_range() {
        let refs = Fixed(vec![
            ("refs/heads/main", 1),
            ("refs/tags/main", 2),
            ("refs/tags/v1.4.0", 3),
            ("refs/tags/v1.4.7", 4),
            ("refs/remotes/origin/far", 5),
            ("refs/notes/x", 6),
            ("refs/heads/beef", 7),
        ]);
        let meaning = |text: &str| Wanted::parse(text).meaning(&refs).expect("no failure");
        let named = |name: &str, n| Meaning::Ref(name.to_owned(), id(n));
        assert_eq!(meaning("main"), named("refs/heads/main", 1));
        assert_eq!(meaning("refs/tags/main"), named("refs/tags/main", 2));
        assert_eq!(meaning("v1.4.0"), named("refs/tags/v1.4.0", 3));
        assert_eq!(meaning("1.4.0"), named("refs/tags/v1.4.0", 3));
        assert_eq!(meaning("~1.4"), named("refs/tags/v1.4.7", 4));
        assert_eq!(meaning("far"), named("refs/remotes/origin/far", 5));
        assert_eq!(meaning("origin/far"), named("refs/remotes/origin/far", 5));
        assert_eq!(meaning("notes/x"), named("refs/notes/x", 6));
        assert_eq!(meaning("beef"), named("refs/heads/beef", 7));
        assert_eq!(meaning("BEE5"), Meaning::Abbreviated("bee5".to_owned()));
        assert_eq!(meaning(&id(9).to_string()), Meaning::Commit(id(9)));
        assert_eq!(meaning("~9"), Meaning::NoTagInRange);
        assert_eq!(meaning("a b"), Meaning::Nothing);
        assert_eq!(Wanted::parse(" "), Wanted::Head);
        assert_eq!(Wanted::parse("@"), Wanted::Head);
    }

    #[test]
    fn near_names_are_offered() {
        let names = || ["main", "release", "v1.2.3", "develop"].map(str::to_owned);
        assert_eq!(near("mian", names()), "; did you mean `main`?");
        assert_eq!(near("dev", names()), "; did you mean `develop`?");
        assert_eq!(near("something-else", names()), "");
    }
}
