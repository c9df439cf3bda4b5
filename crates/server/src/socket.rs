//! The Unix socket of a running controller: a line of JSON in, a line of JSON
//! out. The socket is for its owner alone (0600): whoever can open it may do what the owner may.

use std::io;
use std::path::{Path, PathBuf};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use trueup_api::{Reply, Request};
use trueup_controller::Operator;

/// Longest request that is read, in bytes.
const REQUEST_MAX: u64 = 1 << 20;
/// Longest path of a Unix socket that Linux takes.
const PATH_MAX: usize = 107;

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The path is longer than a socket's may be.
    #[error("{path} is too long for a socket (at most 107 bytes): choose a shorter --state folder")]
    PathTooLong {
        /// The path.
        path: PathBuf,
    },
    /// The socket cannot be made.
    #[error("the socket {path} cannot be made")]
    Bind {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The control socket. It goes away with this value.
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl ControlSocket {
    /// Makes the socket. The caller holds the lock of the state folder: a socket that is there
    /// already belongs to nobody any more.
    pub fn bind(path: &Path) -> Result<Self, ServeError> {
        let path = path.to_owned();
        if path.as_os_str().len() > PATH_MAX {
            return Err(ServeError::PathTooLong { path });
        }
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(ServeError::Bind { path, source });
            }
            _ => {}
        }
        let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o177));
        let listener = UnixListener::bind(&path);
        rustix::process::umask(mask);
        match listener {
            Ok(listener) => Ok(Self { listener, path }),
            Err(source) => Err(ServeError::Bind { path, source }),
        }
    }

    /// Answers until the task is dropped.
    pub async fn serve(self, operator: Operator) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let operator = operator.clone();
                    tokio::spawn(async move {
                        if let Err(error) = converse(stream, &operator).await {
                            tracing::debug!(%error, "a command went away");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "the control socket failed");
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        // What cannot be removed is removed by whoever binds next.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, operator: &Operator) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = Vec::new();
    BufReader::new(read.take(REQUEST_MAX)).read_until(b'\n', &mut line).await?;
    let reply = match serde_json::from_slice::<Request>(&line) {
        Ok(request) => operator.answer(request).await,
        Err(error) => Reply::Failed {
            message: format!(
                "this controller does not understand the request ({error}); is the command of another version?"
            ),
        },
    };
    let mut text = serde_json::to_vec(&reply)?;
    text.push(b'\n');
    write.write_all(&text).await
}
