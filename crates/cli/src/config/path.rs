//! Paths of this machine.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

/// A whole path, `/…`, or one below the home folder, `~/…`. A relative one would mean another place
/// for each folder that a command is started in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MachinePath(PathBuf);

impl MachinePath {
    /// The whole path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    fn parse(text: &str, home: Option<&Path>) -> Result<Self, String> {
        match (text.strip_prefix("~/"), home) {
            (Some(rest), Some(home)) => Ok(Self(home.join(rest))),
            (Some(_), None) => Err(format!("`{text}` needs the home folder, and HOME is not set")),
            (None, _) if text.starts_with('/') => Ok(Self(PathBuf::from(text))),
            (None, _) => Err(format!("`{text}` is not a whole path; write it from / or ~/")),
        }
    }
}

impl<'de> Deserialize<'de> for MachinePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let home = std::env::var_os("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
        Self::parse(&String::deserialize(deserializer)?, home.as_deref()).map_err(D::Error::custom)
    }
}

impl JsonSchema for MachinePath {
    fn schema_name() -> Cow<'static, str> {
        "MachinePath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(/|~/)",
            "description": "A path of this machine, from / or ~/",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_whole_or_below_the_home_folder() {
        let parse = |text: &str| MachinePath::parse(text, Some(Path::new("/home/ada")));
        assert_eq!(parse("/srv/web").unwrap().as_path(), Path::new("/srv/web"));
        assert_eq!(parse("~/web").unwrap().as_path(), Path::new("/home/ada/web"));
        assert!(parse("web").unwrap_err().contains("from / or ~/"));
        assert!(MachinePath::parse("~/web", None).unwrap_err().contains("HOME"));
    }
}
