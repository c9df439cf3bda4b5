//! TOML as `github.com/BurntSushi/toml` lays it out and reads it.

mod decode;
mod encode;

pub(super) use decode::decode;
pub(super) use encode::{Floats, encode};
