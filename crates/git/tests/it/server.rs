//! A small HTTP server that runs `git http-backend`, and remembers what it was asked.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

/// A running server; it ends with the test's runtime.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// How many bytes, headers included.
    pub bytes: usize,
    /// The `Authorization` header.
    pub authorization: String,
}

/// How the server behaves.
#[derive(Clone, Default)]
pub struct Behaviour {
    /// The `Authorization` header it wants.
    pub wants: Option<&'static str>,
    /// Where it sends everybody who asks below `/old/`.
    pub moved_to: Option<String>,
    /// It answers everything with this status and page.
    pub page: Option<(u16, &'static str)>,
    /// It takes requests and never answers.
    pub silent: bool,
}

impl Server {
    /// Serves the repositories in a folder.
    pub async fn start(root: &Path, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (root, log) = (root.to_owned(), asked.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (root, behaviour, log) = (root.clone(), behaviour.clone(), log.clone());
                tokio::spawn(answer(stream, root, behaviour, log));
            }
        });
        Self { url, asked }
    }

    /// What was asked since this was last called.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

struct Incoming {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    bytes: usize,
}

impl Incoming {
    async fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut text = Vec::new();
        let end = loop {
            let mut part = [0; 4096];
            let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
            text.extend_from_slice(&part[..count]);
            if let Some(end) = text.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8_lossy(&text[..end]).into_owned();
        let mut lines = head.lines();
        let mut words = lines.next()?.split(' ').map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
            .collect();
        let mut incoming = Self { method, target, headers, body: text.split_off(end), bytes: end };
        let length = incoming.header("content-length").parse().unwrap_or(0);
        while incoming.body.len() < length {
            let mut part = [0; 4096];
            let count = stream.read(&mut part).await.ok().filter(|count| *count > 0)?;
            incoming.body.extend_from_slice(&part[..count]);
        }
        incoming.bytes += length;
        Some(incoming)
    }

    fn header(&self, name: &str) -> String {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }
}

async fn answer(
    mut stream: TcpStream,
    root: PathBuf,
    behaviour: Behaviour,
    log: Arc<Mutex<Vec<Asked>>>,
) {
    while let Some(incoming) = Incoming::read(&mut stream).await {
        log.lock()
            .unwrap()
            .push(Asked { bytes: incoming.bytes, authorization: incoming.header("authorization") });
        if behaviour.silent {
            let _ = stream.read(&mut [0; 1]).await;
            return;
        }
        let reply = reply(&incoming, &root, &behaviour).await;
        if stream.write_all(&reply).await.is_err() {
            return;
        }
    }
}

async fn reply(incoming: &Incoming, root: &Path, behaviour: &Behaviour) -> Vec<u8> {
    if let Some((status, page)) = behaviour.page {
        return http(status, "content-type: text/html\r\n", page.as_bytes());
    }
    if behaviour.wants.is_some_and(|wanted| incoming.header("authorization") != wanted) {
        return http(401, "www-authenticate: Basic realm=\"git\"\r\n", b"");
    }
    if let (Some(base), Some(rest)) = (&behaviour.moved_to, incoming.target.strip_prefix("/old/")) {
        return http(301, &format!("location: {base}/{rest}\r\n"), b"");
    }
    let (status, headers, body) = backend(incoming, root).await;
    http(status, &headers, &body)
}

fn http(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} .\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Runs `git http-backend` by the rules of CGI.
async fn backend(incoming: &Incoming, root: &Path) -> (u16, String, Vec<u8>) {
    let (path, query) = incoming.target.split_once('?').unwrap_or((&incoming.target, ""));
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_PROTOCOL", incoming.header("git-protocol"))
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &incoming.method)
        .env("CONTENT_TYPE", incoming.header("content-type"))
        .env("CONTENT_LENGTH", incoming.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", incoming.header("content-encoding"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut into = child.stdin.take().unwrap();
    into.write_all(&incoming.body).await.unwrap();
    drop(into);
    let output = child.wait_with_output().await.unwrap().stdout;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let mut status = 200;
    let mut headers = String::new();
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        match line.strip_prefix("Status: ") {
            Some(text) => status = text[..3].parse().unwrap(),
            None => headers.push_str(&format!("{line}\r\n")),
        }
    }
    (status, headers, output[end + 4..].to_vec())
}
