//! Asking a running controller.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use trueup_api::{Reply, Request};

use crate::error::CliError;

/// Asks the controller that listens at `socket`. `None`: none listens.
pub async fn ask(socket: &Path, request: &Request) -> Result<Option<Reply>, CliError> {
    let stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(error) if is_nobody(&error) => return Ok(None),
        Err(error) => {
            return Err(CliError::new(format!("{} cannot be reached: {error}", socket.display()))
                .hint("the controller may run as another user"));
        }
    };
    let (read, mut write) = stream.into_split();
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    write.write_all(&line).await?;
    let mut reply = String::new();
    BufReader::new(read).read_line(&mut reply).await?;
    if reply.is_empty() {
        return Err(CliError::new("the controller ended before it answered"));
    }
    Ok(Some(serde_json::from_str(&reply)?))
}

fn is_nobody(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
}
