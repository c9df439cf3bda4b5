//! From a commit to one of its ancestors, as people type it: `main^`, `HEAD~2`, `v1~1^2`
//! (gitrevisions(7)). What needs more than history, such as `@{yesterday}`, is not read. Pure.

/// One step back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// `~n`: so many times to the first parent.
    Back(u32),
    /// `^n`: to the n-th parent; 0 is the commit itself.
    Parent(u32),
}

/// A reference, and the steps from it. One that begins with `~` or `^` is a range of tags, and has
/// no steps.
pub(crate) fn split(reference: &str) -> (&str, Vec<Step>) {
    let reference = reference.trim();
    let mut rest = reference;
    let mut steps = Vec::new();
    while let Some((before, step)) = last(rest) {
        steps.extend(step);
        rest = before;
    }
    let is_name = !rest.is_empty() && !rest.contains(['~', '^', ' ', ':', '?', '*', '[', '\\']);
    if !is_name || rest.len() == reference.len() {
        return (reference, Vec::new());
    }
    steps.reverse();
    (rest, steps)
}

/// What stands before the last step, and that step; peeling a tag (`^{}`) is none, since tags are
/// always peeled.
fn last(text: &str) -> Option<(&str, Option<Step>)> {
    for peel in ["^{}", "^{commit}"] {
        if let Some(before) = text.strip_suffix(peel) {
            return Some((before, None));
        }
    }
    let before = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = text.get(before.len()..).unwrap_or_default();
    let count = if digits.is_empty() { 1 } else { digits.parse().ok()? };
    let back = before.strip_suffix('~').map(|before| (before, Some(Step::Back(count))));
    back.or_else(|| Some((before.strip_suffix('^')?, Some(Step::Parent(count)))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_from_names_and_ranges() {
        use Step::{Back, Parent};
        let check = |text: &str, from: &str, steps: &[Step]| {
            assert_eq!(split(text), (from, steps.to_vec()), "{text}");
        };
        check("main", "main", &[]);
        check("HEAD~2", "HEAD", &[Back(2)]);
        check("main^", "main", &[Parent(1)]);
        check("v1~1^2", "v1", &[Back(1), Parent(2)]);
        check("main^^~3", "main", &[Parent(1), Parent(1), Back(3)]);
        check("v1.0^{}", "v1.0", &[]);
        check("v1.0^{commit}~1", "v1.0", &[Back(1)]);
        check("feature/x1", "feature/x1", &[]);
        check("~1.4", "~1.4", &[]);
        check("^2", "^2", &[]);
        check(">=1.0 ^2", ">=1.0 ^2", &[]);
        check("main~99999999999", "main~99999999999", &[]);
    }
}
