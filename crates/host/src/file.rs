//! `File`: one file, replaced whole.
//!
//! A batch of files is written as one: what is intended is noted, every file is written beside its
//! place and synced, then renamed into it; the folders are synced once each, and what was done is
//! noted. A crash leaves each file either as it was or as it should be, never between.

mod attributes;
mod observe;
mod original;
mod wanted;
mod write;

pub use observe::{observe, observe_unwanted, surely_unchanged};
pub use write::{apply, remove_made_folders, temporary_name};
