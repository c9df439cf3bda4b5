//! Waiting until a descriptor can be read.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// A descriptor that can be waited for.
#[expect(
    deprecated,
    reason = "its successor is unsafe to call; what `new` is deprecated for cannot happen to a \
              descriptor that is owned"
)]
pub fn waitable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}
