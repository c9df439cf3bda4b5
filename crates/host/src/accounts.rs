//! Users and groups of this machine, as `/etc/passwd` and `/etc/group` list them. The binary is
//! static, so other name services are not asked; a number works for whatever they hold.

use std::fs;

use crate::error::{Doing, HostError};

/// A user, with all that a process of that user needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Name; the number where it has none.
    pub name: String,
    /// Number.
    pub uid: u32,
    /// Number of its own group.
    pub gid: u32,
    /// Home folder.
    pub home: String,
}

/// The user of this name or number.
pub fn user(text: &str) -> Result<User, HostError> {
    let lines = read("/etc/passwd")?;
    let found = lines.lines().filter_map(parse_user).find(|user| user.is(text));
    match (found, text.parse()) {
        (Some(user), _) => Ok(user),
        (None, Ok(uid)) => Ok(User { name: text.to_owned(), uid, gid: uid, home: "/".to_owned() }),
        (None, Err(_)) => Err(unknown("user", text)),
    }
}

/// The number of the group of this name or number.
pub fn group(text: &str) -> Result<u32, HostError> {
    if let Ok(gid) = text.parse() {
        return Ok(gid);
    }
    let lines = read("/etc/group")?;
    lines
        .lines()
        .filter_map(parse_group)
        .find(|(name, _, _)| *name == text)
        .map(|(_, gid, _)| gid)
        .ok_or_else(|| unknown("group", text))
}

/// All groups of a user, its own first.
pub fn groups_of(user: &User) -> Result<Vec<u32>, HostError> {
    let lines = read("/etc/group")?;
    let mut groups = vec![user.gid];
    for (_, gid, members) in lines.lines().filter_map(parse_group) {
        if gid != user.gid && members.split(',').any(|member| member == user.name) {
            groups.push(gid);
        }
    }
    Ok(groups)
}

/// Name of a user, or its number.
pub fn user_name(uid: u32) -> String {
    user(&uid.to_string()).map_or_else(|_| uid.to_string(), |user| user.name)
}

/// Name of a group, or its number.
pub fn group_name(gid: u32) -> String {
    let lines = read("/etc/group").unwrap_or_default();
    let found = lines.lines().filter_map(parse_group).find(|(_, number, _)| *number == gid);
    found.map_or_else(|| gid.to_string(), |(name, _, _)| name.to_owned())
}

impl User {
    fn is(&self, text: &str) -> bool {
        self.name == text || self.uid.to_string() == text
    }
}

fn parse_user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let name = fields.next()?.to_owned();
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1)?.to_owned();
    Some(User { name, uid, gid, home })
}

fn parse_group(line: &str) -> Option<(&str, u32, &str)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let gid = fields.nth(1)?.parse().ok()?;
    Some((name, gid, fields.next().unwrap_or_default()))
}

fn read(path: &str) -> Result<String, HostError> {
    match fs::read(path) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).into_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(error).doing(|| format!("read {path}")),
    }
}

fn unknown(what: &str, text: &str) -> HostError {
    HostError::Refused(format!(
        "this machine has no {what} `{text}`: make it first, or write another, by name or number"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_is_everywhere_and_others_are_named() {
        assert_eq!(user("root").unwrap().uid, 0);
        assert_eq!(user("0").unwrap().name, "root");
        assert_eq!(group("root").unwrap(), 0);
        assert!(user("no-such-user").unwrap_err().sentence().contains("no-such-user"));
        assert_eq!(user("4242424").unwrap().gid, 4_242_424);
    }

    #[test]
    fn lines_of_the_group_file() {
        assert_eq!(parse_group("web:x:33:a,b"), Some(("web", 33, "a,b")));
        assert_eq!(parse_group("broken"), None);
    }
}
