//! The commands as a person uses them: the real binary, real repositories and real processes, in a
//! folder of each test's own.

mod bad_input;
mod by_hand;
mod charts;
#[path = "../../../git/tests/it/server.rs"]
#[expect(clippy::unwrap_used, dead_code, reason = "a server of other tests, which ask it more")]
mod git_server;
mod kept_true;
mod many;
mod order;
mod place;
mod policy;
mod printed;
mod remotes;
mod watched;
