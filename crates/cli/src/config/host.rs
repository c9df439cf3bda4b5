//! What repositories may do on this machine. A repository can name any path, user and program; what
//! it gets is decided here.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::MachinePath;

/// What repositories may do on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Host {
    /// Folders below which files may be written, beside the apps' own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub roots: Vec<MachinePath>,
    /// Users that files may belong to and processes may run as, by name or number; left out: all
    /// where TrueUp runs as root, and otherwise the user that it runs as. With a list, root itself
    /// is only one of them if it is listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// Programs that may be run: a path, or a folder with `/` at its end for all below it; left out:
    /// all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commands: Option<Vec<MachinePath>>,
    /// `PATH` of everything that is started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub search_path: Option<String>,
}
