//! A listener with one app, and a plain client.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{RwLock, mpsc, watch};
use tokio::task::JoinHandle;
use trueup_controller::metrics::Metrics;
use trueup_controller::{Operator, Signal, Worlds, status};
use trueup_engine::{Subject, World};
use trueup_model::host::ValueFrom;
use trueup_model::ports::PortError;
use trueup_model::record::Declaration;
use trueup_model::{AppName, AppSpec, SourceSpec};
use trueup_server::{HttpListener, Listen, MetricsOptions, Webhooks};
use trueup_testkit::Outside;

pub const TOKEN: &str = "let me in";
pub const SECRET: &str = "hush";
pub const REPO: &str = "git@git.example.com:web/shop.git";

/// A listener, and what it told the controller.
pub struct Site {
    pub address: SocketAddr,
    pub signals: mpsc::Receiver<Signal>,
    pub read: watch::Sender<bool>,
    pub board: trueup_controller::run::Board,
    _folder: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

struct One(Outside);

impl Worlds for One {
    fn world(&self, _: &Declaration) -> Result<World, PortError> {
        Ok(self.0.world())
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Site {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = |name: &str, value: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, value).unwrap();
            Some(ValueFrom { file: Some(path.display().to_string()), ..Default::default() })
        };
        let listen = Listen {
            address: Some("127.0.0.1:0".parse().unwrap()),
            token: secret("token", TOKEN),
            metrics: MetricsOptions { per_app: true, authenticated: false },
        };
        let webhooks = Webhooks {
            github: secret("hook", SECRET),
            gitlab: secret("hook", SECRET),
            gitea: secret("hook", SECRET),
            generic: secret("hook", SECRET),
            bitbucket: None,
        };
        let name = AppName::new("shop").unwrap();
        let declaration = Declaration {
            spec: AppSpec::default(),
            source: SourceSpec { repo: REPO.to_owned(), reference: "main".to_owned() },
            path: String::new(),
            target: "host".to_owned(),
            labels: BTreeMap::new(),
            root: String::new(),
            set: None,
        };
        let outside = Outside::new(1);
        let (sender, signals) = mpsc::channel(16);
        let operator = Operator {
            worlds: Arc::new(One(outside)),
            subjects: Arc::new(RwLock::new(
                [(name.clone(), Subject::new(name, declaration))].into(),
            )),
            board: Arc::default(),
            signals: Some(sender),
            locks: Default::default(),
        };
        let board = Arc::clone(&operator.board);
        let (read, reads) = watch::channel(false);
        let listener =
            HttpListener::bind(&listen, &webhooks, operator, Metrics::new(), Vec::new(), reads)
                .await
                .unwrap()
                .unwrap();
        let address = listener.address().unwrap();
        let serving = tokio::spawn(listener.serve());
        Self { address, signals, read, board, _folder: folder, serving }
    }

    /// The app was looked at.
    pub async fn look(&self) {
        let name = AppName::new("shop").unwrap();
        let mut status = status::of_record(&name, &Default::default());
        status.state = "healthy".to_owned();
        self.board.write().await.insert(name, status);
    }

    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.ask("GET", path, headers, b"").await
    }

    pub async fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.ask("POST", path, headers, body).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        // A server that refuses early may close before it has read everything.
        let _ = stream.write_all(body).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Answer { code, head: head.to_lowercase(), body: body.to_owned() }
    }
}
