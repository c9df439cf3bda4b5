//! Values in words, for people.

pub mod history;
pub mod plan;
pub mod status;
pub mod time;
pub mod why;
