//! Waiting, without holding up others: for a descriptor, and for work that blocks.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

use crate::error::HostError;

/// A descriptor that can be waited for.
#[expect(
    deprecated,
    reason = "its successor is unsafe to call; what `new` is deprecated for cannot happen to a \
              descriptor that is owned"
)]
pub fn waitable(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}

/// Does work that blocks on a thread that may.
pub async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, HostError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(HostError::Failed(format!("a mistake of trueup's: {error}"))))
}
