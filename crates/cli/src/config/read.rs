//! Finding, reading and merging the sources of the configuration.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use trueup_model::{Diagnostic, Location};
use trueup_render::{Document, decode};
use trueup_yaml::{Dialect, DuplicateKeys, Limits as YamlLimits};

use super::Config;
use crate::error::CliError;

/// Where the machine's own file is.
const OF_THE_MACHINE: &str = "/etc/trueup/trueup.yaml";
/// No configuration is larger.
const LARGEST: usize = 1 << 20;

/// What the command line says of the configuration.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Given {
    /// Configuration [default: ~/.config/trueup/trueup.yaml, else /etc/trueup/trueup.yaml]
    #[arg(long, global = true, env = "TRUEUP_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// One field of the configuration, its value as YAML: intervals.poll=30s; may be repeated
    #[arg(long, global = true, value_name = "FIELD=VALUE")]
    pub configure: Vec<String>,
    /// State folder [default: $XDG_STATE_HOME/trueup or ~/.local/state/trueup]
    #[arg(long, global = true, env = "TRUEUP_STATE", value_name = "FOLDER")]
    pub state: Option<PathBuf>,
}

/// The configuration that holds.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
}

impl Given {
    /// Reads and merges all sources.
    pub fn load(&self) -> Result<Loaded, CliError> {
        let file = self.file()?;
        let mut layers = Vec::new();
        if let Some(file) = &file {
            layers.push(of_file(file)?);
        }
        for text in &self.configure {
            layers.push(of_flag(text).map_err(|why| CliError::new(why.to_string()))?);
        }
        let config = merge(&layers).map_err(|why| CliError::new(why.to_string()))?;
        Ok(Loaded { config, file })
    }

    /// The file to read: one that is named must be there.
    fn file(&self) -> Result<Option<PathBuf>, CliError> {
        match &self.config {
            Some(file) => Ok(Some(std::path::absolute(file)?)),
            None => Ok(usual().into_iter().find(|file| file.exists())),
        }
    }
}

/// Where a file is looked for if none is named.
fn usual() -> Vec<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|folder| !folder.is_empty());
    let user = folder("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| folder("HOME").map(|home| Path::new(&home).join(".config")));
    let user = user.map(|folder| folder.join("trueup/trueup.yaml"));
    user.into_iter().chain([PathBuf::from(OF_THE_MACHINE)]).collect()
}

fn of_file(file: &Path) -> Result<Document, CliError> {
    let name = file.display().to_string();
    let unreadable = |error: std::io::Error| {
        CliError::new(format!("{name} cannot be read: {error}"))
            .hint("it is the controller's configuration; --config or TRUEUP_CONFIG names another")
    };
    // Whoever can write it decides which files and programs of this machine a repository may use.
    let mode = std::fs::metadata(file).map_err(unreadable)?.permissions().mode();
    if mode & 0o002 != 0 {
        return Err(CliError::new(format!("{name} can be written by everybody on this machine"))
            .hint(format!("chmod o-w {name}")));
    }
    let bytes = std::fs::read(file).map_err(unreadable)?;
    of_text(&name, &bytes).map_err(|why| CliError::new(why.to_string()))
}

fn of_text(name: &str, bytes: &[u8]) -> Result<Document, Diagnostic> {
    let limits = YamlLimits { bytes: LARGEST, depth: 32, nodes: 100_000 };
    let wrong = |error: trueup_yaml::Error| {
        Diagnostic::error(error.message().to_owned()).at(Location::new(
            name,
            error.line(),
            error.column(),
        ))
    };
    let documents = trueup_yaml::parse(bytes, &limits).map_err(wrong)?;
    let mut documents = documents.into_iter().filter(|document| !document.is_empty);
    let node = documents.next().map(|document| document.root);
    if let Some(second) = documents.next() {
        let place = second.root.position();
        return Err(Diagnostic::error("the configuration is one document; this is a second")
            .at(Location::new(name, place.line, place.column)));
    }
    let body = match &node {
        Some(node) => node.to_json(Dialect::V2, DuplicateKeys::Refused).map_err(wrong)?,
        None => Value::Object(Map::new()),
    };
    Ok(Document { node, ..Document::new(body, Location::file(name)) })
}

/// `FIELD=VALUE`, where the field is written with dots.
fn of_flag(text: &str) -> Result<Document, Diagnostic> {
    let at = Location::file(format!("--configure {text}"));
    let wrong = |why: String| Diagnostic::error(why).at(at.clone());
    let Some((field, value)) = text.split_once('=').filter(|(field, _)| !field.is_empty()) else {
        return Err(wrong("write FIELD=VALUE, as in intervals.poll=30s".to_owned()));
    };
    let value = trueup_yaml::from_slice(value.as_bytes(), Dialect::V2)
        .map_err(|error| wrong(error.message().to_owned()))?;
    let nest = |inner: Value, name: &str| Value::Object(Map::from_iter([(name.to_owned(), inner)]));
    let body = field.rsplit('.').fold(value, nest);
    Ok(Document::new(body, at))
}

/// Each layer must be right by itself; of two that say something of one field, the later wins.
fn merge(layers: &[Document]) -> Result<Config, Diagnostic> {
    let mut all = Value::Object(Map::new());
    for layer in layers {
        decode::decode::<Config>(layer, "", &layer.body)?;
        overlay(&mut all, &layer.body);
    }
    let whole = Document::new(all, Location::file("the configuration"));
    decode::decode(&whole, "", &whole.body)
}

fn overlay(below: &mut Value, above: &Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (name, value) in above {
                overlay(below.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, flags: &[&str]) -> Result<Config, String> {
        let mut layers = vec![of_text("trueup.yaml", file.as_bytes())];
        layers.extend(flags.iter().map(|flag| of_flag(flag)));
        let layers: Result<Vec<Document>, Diagnostic> = layers.into_iter().collect();
        layers.and_then(|layers| merge(&layers)).map_err(|why| why.to_string())
    }

    #[test]
    fn a_later_source_wins_field_by_field() {
        let file = "apiVersion: trueup.dev/v1\nkind: Config\nintervals: {poll: 5m, resync: 1h}\n";
        let config = load(file, &["intervals.poll=30s", "host.roots=[/srv, /etc/web]"]).unwrap();
        assert_eq!(config.intervals.poll.to_string(), "30s");
        assert_eq!(config.intervals.resync.to_string(), "1h");
        assert_eq!(config.host.roots.len(), 2);
        assert_eq!(load("", &[]), Ok(Config::default()));
        assert_eq!(load("# nothing\n", &[]), Ok(Config::default()));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        let check = |file: &str, flags: &[&str], expected: &[&str]| {
            let said = load(file, flags).unwrap_err();
            for words in expected {
                assert!(said.contains(words), "“{words}” is missing in: {said}");
            }
        };
        check(
            "intervals:\n  pol: 5m\n",
            &[],
            &["trueup.yaml:2:3", "unknown field `pol`", "did you mean `poll`?"],
        );
        check("intervals:\n  poll: soon\n", &[], &["trueup.yaml:2:3", "not a duration"]);
        check("kind: App\n", &[], &["trueup.yaml:1", "Config"]);
        check("host:\n  roots: [web]\n", &[], &["trueup.yaml:2", "from / or ~/"]);
        check(
            "credentials:\n- prefix: x\n  password: {fil: /x}\n",
            &[],
            &["trueup.yaml:3", "did you mean `file`?"],
        );
        check("a: 1\na: 2\n", &[], &["trueup.yaml:2"]);
        check("{}\n---\n{}\n", &[], &["trueup.yaml:3", "a second"]);
        check("", &["intervals.pol=5m"], &["--configure intervals.pol=5m", "`poll`"]);
        check("", &["intervals.poll"], &["FIELD=VALUE"]);
    }
}
