//! The shim's socket: what it says of itself, and what it is asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot, watch};

use super::protocol::{Reply, Report, Request};
use crate::place::Folder;

/// The longest request: a document with room to spare.
const LONGEST_REQUEST: u64 = 4 * 1024 * 1024;

/// What is asked of the supervisor, and where its answer goes.
pub type Asked = (Request, oneshot::Sender<Reply>);

/// Where a shim is reached.
#[derive(Clone, Debug)]
pub struct Address {
    /// The folder of sockets.
    pub folder: PathBuf,
    /// The socket's name in it.
    pub name: String,
}

impl Address {
    /// The socket's path through an open folder: a socket's address has room for 108 bytes, and a
    /// state folder's path may be longer.
    fn with_folder<T>(&self, use_path: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
        use std::os::fd::AsRawFd;
        let folder = Folder::open_root(&self.folder)?;
        use_path(Path::new(&format!("/proc/self/fd/{}/{}", folder.fd().as_raw_fd(), self.name)))
    }

    /// Connects to whoever listens there.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let stream = self.with_folder(|path| std::os::unix::net::UnixStream::connect(path))?;
        stream.set_nonblocking(true)?;
        UnixStream::from_std(stream)
    }

    async fn vanishes(&self) {
        let path = self.folder.join(&self.name);
        while path.symlink_metadata().is_ok() {
            tokio::time::sleep(SOCKET_CHECK).await;
        }
    }

    /// Listens there. What stands there is from a shim that is no more: two never run at once.
    pub fn listen(&self) -> io::Result<UnixListener> {
        let _ = std::fs::remove_file(self.folder.join(&self.name));
        let listener = self.with_folder(|path| std::os::unix::net::UnixListener::bind(path))?;
        listener.set_nonblocking(true)?;
        UnixListener::from_std(listener)
    }
}

/// How often it is looked after the socket: without it the next controller would not find the shim.
const SOCKET_CHECK: Duration = Duration::from_secs(30);

/// Listens at an address for as long as the shim lives, also after somebody removed the socket.
pub async fn stay_reachable(
    address: Address,
    mut listener: UnixListener,
    reports: watch::Receiver<Arc<Report>>,
    asked: mpsc::Sender<Asked>,
) {
    loop {
        tokio::select! {
            () = serve(listener, reports.clone(), asked.clone()) => {}
            () = address.vanishes() => {}
        }
        listener = loop {
            match address.listen() {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(SOCKET_CHECK).await,
            }
        };
    }
}

async fn serve(
    listener: UnixListener,
    reports: watch::Receiver<Arc<Report>>,
    asked: mpsc::Sender<Asked>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (reports, asked) = (reports.clone(), asked.clone());
        tokio::spawn(async move {
            // A client that goes away is no one's concern.
            let _ = answer(stream, reports, asked).await;
        });
    }
}

async fn answer(
    stream: UnixStream,
    mut reports: watch::Receiver<Arc<Report>>,
    asked: mpsc::Sender<Asked>,
) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader.take(LONGEST_REQUEST)).lines();
    while let Some(line) = lines.next_line().await? {
        let request = match serde_json::from_str(&line) {
            Ok(request) => request,
            Err(error) => {
                let message =
                    format!("this shim (protocol 1) does not know what is asked: {error}");
                send(&mut writer, &Reply::Refused { message }).await?;
                continue;
            }
        };
        match request {
            Request::Status => {
                let report = reports.borrow().clone();
                send(&mut writer, &report_of(&report)).await?;
            }
            Request::Events => return stream_reports(&mut writer, &mut reports).await,
            other => {
                let (sender, receiver) = oneshot::channel();
                if asked.send((other, sender)).await.is_err() {
                    return Ok(());
                }
                if let Ok(reply) = receiver.await {
                    send(&mut writer, &reply).await?;
                }
            }
        }
    }
    Ok(())
}

async fn stream_reports(
    writer: &mut (impl AsyncWriteExt + Unpin),
    reports: &mut watch::Receiver<Arc<Report>>,
) -> io::Result<()> {
    loop {
        let report = reports.borrow_and_update().clone();
        send(writer, &report_of(&report)).await?;
        if reports.changed().await.is_err() {
            return Ok(());
        }
    }
}

/// A report as an answer.
pub fn report_of(report: &Report) -> Reply {
    Reply::Report { report: Box::new(report.clone()) }
}

async fn send(writer: &mut (impl AsyncWriteExt + Unpin), reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply)?;
    line.push(b'\n');
    writer.write_all(&line).await
}
