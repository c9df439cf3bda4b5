//! Names without what is secret in them.

/// A URL, or a text that holds some, without the user names and passwords in it:
/// `https://user:pass@host/x` becomes `https://host/x`. The user of an SSH URL stays, since it is no
/// secret and says who could not log in; its password goes.
pub fn redact(text: &str) -> String {
    let mut redacted = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        redacted.push_str(before);
        let end = after.find(|c: char| "/?#\"'<>`".contains(c) || c.is_whitespace());
        let (authority, tail) = after.split_at(end.unwrap_or(after.len()));
        redacted.push_str(&without_secrets(authority, before.ends_with("ssh://")));
        rest = tail;
    }
    redacted.push_str(rest);
    redacted
}

fn without_secrets(authority: &str, ssh: bool) -> String {
    let Some((user, host)) = authority.rsplit_once('@') else { return authority.to_owned() };
    if !ssh {
        return host.to_owned();
    }
    let user = user.split(':').next().unwrap_or_default();
    format!("{user}@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_no_trace() {
        let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
        check("https://user:pa@ss@git.example/x?y", "https://git.example/x?y");
        check("https://ghp_token@git.example", "https://git.example");
        check("https://git.example:8443/a@b", "https://git.example:8443/a@b");
        check("ssh://git:secret@git.example/x", "ssh://git@git.example/x");
        check("git@git.example:team/x", "git@git.example:team/x");
        check(
            "fetch of 'https://a:b@c/d' failed, see http://e:f@g",
            "fetch of 'https://c/d' failed, see http://g",
        );
        check("/srv/git", "/srv/git");
    }
}
