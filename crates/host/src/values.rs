//! Values that are resolved on this machine: `valueFrom`, and the environment of what is started.
//!
//! A resolved value is secret. It leaves this module only towards the file or process it is for;
//! everything else sees its name, a keyed digest.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use trueup_model::InstallationKey;
use trueup_model::host::{EnvFrom, EnvVar, ValueFrom};

use crate::allowed::Allowed;
use crate::command;
use crate::error::{Doing, HostError};

/// A secret value and how it is named.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The value.
    pub value: Vec<u8>,
    /// What everybody else sees of it.
    pub name: String,
}

/// Environment variables as a process gets them, and the names of those that are secret: what was
/// resolved is part of what the process was started with.
#[derive(Clone, Default)]
pub struct Environment {
    /// In the order in which they are set: later ones win.
    pub variables: Vec<(String, String)>,
    /// `env NAME` or `envFrom PATH` to the name of the value.
    pub inputs: BTreeMap<String, String>,
}

/// What commands printed of late. A look at an app must not run each of its commands each time, and
/// what is applied must be what was planned a moment before.
#[derive(Default)]
pub struct Printed {
    values: Mutex<PrintedValues>,
}

/// By folder and command: when, and what.
type PrintedValues = HashMap<(PathBuf, Vec<String>), (Instant, Vec<u8>)>;

/// For so long a command's value counts as what it would print now.
const COUNTS_FOR: Duration = Duration::from_secs(60);

impl Printed {
    fn values(&self) -> MutexGuard<'_, PrintedValues> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, folder: &Path, command: &[String]) -> Option<Vec<u8>> {
        let mut values = self.values();
        values.retain(|_, (at, _)| at.elapsed() < COUNTS_FOR);
        let (_, value) = values.get(&(folder.to_owned(), command.to_vec()))?;
        Some(value.clone())
    }

    fn put(&self, folder: &Path, command: &[String], value: Vec<u8>) {
        let key = (folder.to_owned(), command.to_vec());
        self.values().insert(key, (Instant::now(), value));
    }
}

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Printed(not shown)")
    }
}

/// Resolves values.
pub struct Resolver<'a> {
    /// What names them.
    pub key: &'a InstallationKey,
    /// The app's own folder: relative paths are below it, commands run in it.
    pub folder: PathBuf,
    /// `PATH` of commands.
    pub search_path: &'a str,
    /// What commands printed of late.
    pub printed: &'a Printed,
    /// Which programs may be run.
    pub allowed: &'a Allowed,
}

impl Resolver<'_> {
    /// A value from this machine.
    pub fn value(&self, from: &ValueFrom) -> Result<Secret, HostError> {
        let chosen = usize::from(from.file.is_some())
            + usize::from(from.env.is_some())
            + usize::from(!from.command.is_empty());
        if chosen != 1 {
            return Err(HostError::Refused(
                "valueFrom takes exactly one of file, env and command".to_owned(),
            ));
        }
        let mut value = match (&from.file, &from.env) {
            (Some(file), _) => self.read(file)?,
            (_, Some(name)) => of_environment(name)?,
            _ => self.output(&from.command)?,
        };
        if value.last() == Some(&b'\n') {
            value.pop();
        }
        Ok(Secret { name: self.key.name_secret(&value), value })
    }

    /// The variables of `envFrom` and `env`; those of `env` win.
    pub fn environment(
        &self,
        from: &[EnvFrom],
        variables: &[EnvVar],
    ) -> Result<Environment, HostError> {
        let mut environment = Environment::default();
        for EnvFrom { file } in from {
            let text = self.read(file)?;
            environment.inputs.insert(format!("envFrom {file}"), self.key.name_secret(&text));
            environment.variables.extend(lines(file, &text)?);
        }
        for variable in variables {
            let value = match (&variable.value, &variable.value_from) {
                (Some(value), None) => value.clone(),
                (None, None) => String::new(),
                (None, Some(from)) => {
                    let secret = self.value(from).map_err(|error| of_variable(variable, &error))?;
                    environment.inputs.insert(format!("env {}", variable.name), secret.name);
                    String::from_utf8(secret.value).map_err(|_| {
                        of_variable(variable, &HostError::Refused("it is not UTF-8".to_owned()))
                    })?
                }
                (Some(_), Some(_)) => {
                    return Err(HostError::Refused(format!(
                        "env {} has both value and valueFrom; write one of them",
                        variable.name
                    )));
                }
            };
            environment.variables.push((variable.name.clone(), value));
        }
        check(&environment.variables)?;
        Ok(environment)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, HostError> {
        let path = self.folder.join(Path::new(file));
        std::fs::read(&path).doing(|| format!("read {}", path.display()))
    }

    fn output(&self, command: &[String]) -> Result<Vec<u8>, HostError> {
        if let Some(value) = self.printed.get(&self.folder, command) {
            return Ok(value);
        }
        self.allowed.command(command, &self.folder, self.search_path)?;
        let mut environment = vec![("PATH".to_owned(), self.search_path.to_owned())];
        environment.extend(std::env::var("HOME").map(|home| ("HOME".to_owned(), home)));
        let output = command::run(command, &self.folder, &environment, command::BRIEFLY)?;
        if output.success {
            self.printed.put(&self.folder, command, output.stdout.clone());
            return Ok(output.stdout);
        }
        Err(HostError::Failed(format!(
            "`{}` gives no value ({}): {}",
            command.join(" "),
            output.ending,
            output.last_line()
        )))
    }
}

fn of_environment(name: &str) -> Result<Vec<u8>, HostError> {
    use std::os::unix::ffi::OsStringExt;
    std::env::var_os(name).map(OsStringExt::into_vec).ok_or_else(|| {
        HostError::Failed(format!(
            "the environment variable {name} is not set for trueup; set it where trueup is started"
        ))
    })
}

fn of_variable(variable: &EnvVar, error: &HostError) -> HostError {
    let message = format!("env {} has no value: {}", variable.name, error.sentence());
    match error.permanent() {
        true => HostError::Refused(message),
        false => HostError::Failed(message),
    }
}

/// `KEY=value` lines; empty ones and those that begin with `#` are left out.
fn lines(file: &str, text: &[u8]) -> Result<Vec<(String, String)>, HostError> {
    let text = std::str::from_utf8(text)
        .map_err(|_| HostError::Refused(format!("envFrom {file}: it is not UTF-8")))?;
    let mut variables = Vec::new();
    for (n, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| {
            HostError::Refused(format!("{file}:{}: it is not a NAME=value line", n + 1))
        })?;
        variables.push((name.trim().to_owned(), unquoted(value.trim()).to_owned()));
    }
    Ok(variables)
}

fn unquoted(value: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value)
}

/// What the system cannot take as a variable would be refused without saying which.
fn check(variables: &[(String, String)]) -> Result<(), HostError> {
    for (name, value) in variables {
        if name.is_empty() || name.contains(['=', '\0']) {
            return Err(HostError::Refused(format!("`{name}` cannot be an environment variable")));
        }
        if value.contains('\0') {
            return Err(HostError::Refused(format!("the value of env {name} holds NUL")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolver(key: &InstallationKey, folder: &Path) -> Result<Environment, HostError> {
        let printed = Printed::default();
        let folder = folder.to_owned();
        let resolver = Resolver {
            key,
            folder,
            search_path: "/usr/bin:/bin",
            printed: &printed,
            allowed: &Allowed::default(),
        };
        let from = |from| EnvVar { name: "T".to_owned(), value: None, value_from: Some(from) };
        let command = ValueFrom {
            command: ["echo", "shh"].map(str::to_owned).to_vec(),
            ..ValueFrom::default()
        };
        let file = ValueFrom { file: Some("token".to_owned()), ..ValueFrom::default() };
        let variables = [from(command), EnvVar { name: "F".to_owned(), ..from(file) }];
        resolver.environment(&[EnvFrom { file: "a.env".to_owned() }], &variables)
    }

    #[test]
    fn values_are_named_by_keyed_digest() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "hush\n").unwrap();
        std::fs::write(folder.path().join("a.env"), "# c\nT=lost\nQ='a b'\n").unwrap();
        let key = InstallationKey::from_bytes([7; 32]);
        let environment = resolver(&key, folder.path()).unwrap();
        let values: BTreeMap<_, _> = environment.variables.iter().cloned().collect();
        assert_eq!(values["T"], "shh");
        assert_eq!(values["F"], "hush");
        assert_eq!(values["Q"], "a b");
        assert_eq!(environment.inputs["env F"], key.name_secret(b"hush"));
        assert_eq!(environment.inputs.len(), 3);
    }

    #[test]
    fn a_command_is_not_run_at_each_look() {
        let folder = tempfile::tempdir().unwrap();
        let key = InstallationKey::from_bytes([7; 32]);
        let printed = Printed::default();
        let folder_path = folder.path().to_owned();
        let resolver = Resolver {
            key: &key,
            folder: folder_path,
            search_path: "/bin",
            printed: &printed,
            allowed: &Allowed::default(),
        };
        let command = ["/bin/sh", "-c", "echo x >> runs; echo value"].map(str::to_owned).to_vec();
        let from = ValueFrom { command, ..ValueFrom::default() };
        for _ in 0..3 {
            assert_eq!(resolver.value(&from).unwrap().value, b"value");
        }
        assert_eq!(std::fs::read_to_string(folder.path().join("runs")).unwrap(), "x\n");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let key = InstallationKey::from_bytes([7; 32]);
        let error = resolver(&key, folder.path()).err().map(|error| error.sentence());
        assert!(error.as_deref().is_some_and(|text| text.contains("a.env")), "{error:?}");
    }
}
