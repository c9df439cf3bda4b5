//! Which users and programs of this machine documents may use. The machine's owner says so
//! ([`crate::HostConfig`]); where nothing is said, all may be used that the one who runs trueup may
//! use anyway.

use std::path::{Component, Path, PathBuf};

use crate::accounts::{self, User};
use crate::error::HostError;

/// What the machine's owner allows.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Users, by name or number; `None`: all.
    pub users: Option<Vec<String>>,
    /// Programs: a path, or a folder (with `/` at its end) for all below it; `None`: all.
    pub commands: Option<Vec<PathBuf>>,
}

impl Allowed {
    /// Whether files may belong to a user and processes run as it.
    pub fn user(&self, user: &User) -> Result<(), HostError> {
        let Some(users) = &self.users else { return Ok(()) };
        if users.iter().any(|listed| *listed == user.name || *listed == user.uid.to_string()) {
            return Ok(());
        }
        Err(HostError::Refused(format!(
            "the user {} is not one that this machine's configuration allows ({}); name one of \
             these, or let the machine's owner add it to host.users of trueup.yaml",
            user.name,
            listed(users)
        )))
    }

    /// Whether a user given by name or number may be used.
    pub fn user_named(&self, name: &str) -> Result<User, HostError> {
        let user = accounts::user(name)?;
        self.user(&user).map(|()| user)
    }

    /// Whether a command may be run that is started in `folder` with this `PATH`.
    pub fn command(
        &self,
        command: &[String],
        folder: &Path,
        search_path: &str,
    ) -> Result<(), HostError> {
        let (Some(commands), Some(program)) = (&self.commands, command.first()) else {
            return Ok(());
        };
        let found = found(program, folder, search_path);
        if found.as_deref().is_some_and(|path| commands.iter().any(|listed| holds(listed, path))) {
            return Ok(());
        }
        let shown = found.map_or_else(|| program.clone(), |path| path.display().to_string());
        let commands: Vec<String> =
            commands.iter().map(|listed| listed.display().to_string()).collect();
        Err(HostError::Refused(format!(
            "{shown} is not a program that this machine's configuration allows ({}); let the \
             machine's owner add it to host.commands of trueup.yaml",
            listed(&commands)
        )))
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "none is".to_owned() } else { names.join(", ") }
}

/// The file that a program's name leads to, as the system looks it up.
fn found(program: &str, folder: &Path, search_path: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(folder.join(program.trim_start_matches("./")));
    }
    let mut folders = search_path.split(':').map(Path::new);
    folders.find_map(|folder| Some(folder.join(program)).filter(|path| path.is_file()))
}

/// Whether a path, or what it links to, is listed or below a listed folder.
fn holds(listed: &Path, path: &Path) -> bool {
    let is_folder = listed.as_os_str().as_encoded_bytes().ends_with(b"/");
    let below = |path: &Path| match is_folder {
        true => path.starts_with(listed),
        false => path == listed,
    };
    let is_plain = !path.components().any(|component| component == Component::ParentDir);
    (is_plain && below(path)) || path.canonicalize().is_ok_and(|real| below(&real))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

    fn check(commands: &[&str], program: &str, expected: bool) {
        let commands = Some(commands.iter().map(PathBuf::from).collect());
        let allowed = Allowed { commands, users: None };
        let said = allowed.command(&[program.to_owned()], Path::new("/srv/app"), PATH);
        assert_eq!(said.is_ok(), expected, "{program}: {said:?}");
    }

    #[test]
    fn programs_are_allowed_by_path_or_folder() {
        check(&["/opt/tools/"], "/opt/tools/report", true);
        check(&["/opt/tools/"], "/opt/tools/../../bin/sh", false);
        check(&["/opt/tools/"], "/opt/toolsmith", false);
        check(&["/opt/tools"], "/opt/tools/report", false);
        check(&["/srv/app/"], "./migrate.sh", true);
        check(&["/srv/app/"], "/bin/sh", false);
        check(&[], "/bin/sh", false);
        check(&["/usr/bin/", "/bin/"], "sh", true);
        check(&["/usr/bin/"], "no-such-program", false);
    }

    #[test]
    fn users_are_allowed_by_name_or_number() {
        let allowed = |users: &[&str]| Allowed {
            users: Some(users.iter().map(ToString::to_string).collect()),
            commands: None,
        };
        assert!(allowed(&["root"]).user_named("0").is_ok());
        assert!(allowed(&["0"]).user_named("root").is_ok());
        let refused = allowed(&["web"]).user_named("root").unwrap_err().sentence();
        assert!(refused.contains("host.users") && refused.contains("web"), "{refused}");
        assert!(Allowed::default().user_named("root").is_ok());
    }
}
