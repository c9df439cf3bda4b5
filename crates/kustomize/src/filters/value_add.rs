//! A value that is put into a field, or into a file path that a field holds.

use trueup_yaml::Node;

use crate::error::Result;
use crate::node::{Kind, expect, lookup_or_create, set_scalar_text, split_path, text};

/// Sets the field at `path` to `value`. With a `position` above 0 the field holds a file path, and
/// the value becomes its part of that position, counted from 1.
pub(crate) fn add(resource: &mut Node, value: &str, path: &str, position: i64) -> Result<()> {
    let path = split_path(path, '/');
    let Some(field) = lookup_or_create(resource, &path, Kind::Scalar)? else { return Ok(()) };
    expect(field, Kind::Scalar)?;
    let value = match usize::try_from(position) {
        Ok(position) if position > 0 => insert_part(text(field), position - 1, value),
        _ => value.to_owned(),
    };
    if value.is_empty() {
        return Ok(());
    }
    set_scalar_text(field, &value)
}

/// Puts a part into a file path; beyond the end it becomes the last one. Empty parts go, but for a
/// slash at the start.
fn insert_part(path: &str, position: usize, part: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    format!("{}{}", if rooted { "/" } else { "" }, parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, position: usize, expected: &str) {
        assert_eq!(insert_part(path, position, "PEACH"), expected, "{path}");
    }

    #[test]
    fn a_part_goes_to_its_position_or_to_the_end() {
        check("", 0, "PEACH");
        check("/", 2, "/PEACH");
        check("pie", 0, "PEACH/pie");
        check("/raw", 1, "/raw/PEACH");
        check("/a/nice/warm/pie", 3, "/a/nice/warm/PEACH/pie");
        check("a/b", 999, "a/b/PEACH");
    }
}
