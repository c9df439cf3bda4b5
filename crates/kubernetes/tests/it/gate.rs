//! A way to the API server that can be cut: between requests, or in the middle of an apply.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::bed::Bed;

/// Everything goes through, until so many bytes went to the server.
pub struct Gate {
    /// A kubeconfig that leads through it.
    pub kubeconfig: tempfile::NamedTempFile,
    left: Arc<AtomicU64>,
    open: Arc<watch::Sender<bool>>,
}

impl Gate {
    /// A gate before a cluster that closes after so many bytes.
    pub async fn closing_after(bed: &Bed, bytes: u64) -> Self {
        let server =
            bed.kubectl(&["config", "view", "-o", "jsonpath={.clusters[0].cluster.server}"], "");
        let address = server.trim_start_matches("https://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has free ports");
        let port = listener.local_addr().expect("it is bound").port();
        let config = std::fs::read_to_string(&bed.kubeconfig).expect("the kubeconfig is there");
        let mut kubeconfig = tempfile::NamedTempFile::new().expect("a temporary file");
        let through = config.replace(&server, &format!("https://127.0.0.1:{port}"));
        kubeconfig.write_all(through.as_bytes()).expect("a temporary file takes text");
        let left = Arc::new(AtomicU64::new(bytes));
        let open = Arc::new(watch::channel(true).0);
        tokio::spawn(accept(listener, address, left.clone(), open.clone()));
        Self { kubeconfig, left, open }
    }

    /// Whether it is closed.
    pub fn is_closed(&self) -> bool {
        !*self.open.borrow()
    }

    /// Opens it for good.
    pub fn open(&self) {
        self.left.store(u64::MAX, Ordering::SeqCst);
        self.open.send_replace(true);
    }
}

async fn accept(
    listener: TcpListener,
    server: String,
    left: Arc<AtomicU64>,
    open: Arc<watch::Sender<bool>>,
) {
    while let Ok((client, _)) = listener.accept().await {
        if !*open.borrow() {
            continue;
        }
        let Ok(server) = TcpStream::connect(&server).await else { continue };
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let mut closed = open.subscribe();
        let (left, open) = (left.clone(), open.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = pass(from_client, to_server, Some((left, open))) => {}
                () = pass(from_server, to_client, None) => {}
                _ = closed.wait_for(|open| !*open) => {}
            }
        });
    }
}

async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    limit: Option<(Arc<AtomicU64>, Arc<watch::Sender<bool>>)>,
) {
    let mut buffer = vec![0; 4096];
    while let Ok(read) = from.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
        if let Some((left, open)) = &limit {
            let before = left.load(Ordering::SeqCst);
            left.store(before.saturating_sub(read as u64), Ordering::SeqCst);
            if before <= read as u64 {
                open.send_replace(false);
            }
        }
    }
}
