//! One machine as a [`Target`](trueup_model::Target): files, folders, processes, tasks and timers,
//! without Kubernetes, a container runtime or an init system of a certain kind.
//!
//! The crate knows nothing of Git, plans' making or the ledger. It answers three questions, and a
//! fourth by itself: what is this machine ([`Target::capabilities`](trueup_model::Target)), what is
//! there (`observe`), make it so (`execute`), and something changed (`changes`).
//!
//! Three ideas carry it:
//!
//! - **What is there is asked of the thing itself.** A file is what its bytes and attributes are, a
//!   folder what its link leads to, a process what its shim says it was started with. Bookkeeping
//!   (`book`) only makes asking cheap, and tells what a crash interrupted; it never replaces the
//!   answer.
//! - **Nothing is changed in place.** A file is written beside its place and renamed into it; a
//!   folder is a new release and a switched link; a process is stopped and another is started.
//!   Whatever instruction a crash hits, there is the old or the new, and the next look says which.
//! - **What runs does not depend on the controller.** Each process has a [`shim`], a small process
//!   of the same binary, which restarts, probes and stops it and rotates its log. The controller
//!   can be killed or upgraded and finds them again through sockets in the state folder.
//!
//! A repository can name any path and user. What it may use is the machine's own policy
//! ([`HostConfig`]), and paths are walked without following links (`place`), so that nobody below an
//! allowed root can lead a write out of it.
//!
//! In reading order: `config`, `allowed`, `layout`, `identity`; `place`, `book`, `app`; `file`, `directory`,
//! `process`, `task`; `launching` and [`shim`]; `watch`; `target`, [`operate`].

pub mod config;
mod identity;
mod layout;

mod app;
mod book;
mod folders;
mod place;

mod accounts;
mod allowed;
mod command;
mod document;
mod error;
pub mod fault;
mod outcome;
mod readiness;
mod values;

mod directory;
mod file;
mod process;
mod rename;
mod task;

mod launching;
pub mod shim;

mod watch;

pub mod operate;
mod target;

pub use allowed::Allowed;
pub use config::{HostConfig, Level};
pub use shim::{Units, shim_main, shim_of_this_process};
pub use target::HostTarget;
