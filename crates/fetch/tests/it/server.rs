//! A server that has files, and can be a registry.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use trueup_model::Digest;

#[derive(Default)]
struct Content {
    files: HashMap<String, Vec<u8>>,
    /// What `authorization` must say, and what to say where it does not.
    wanted: Option<(String, String)>,
    /// Where a token is given, and for which `authorization`.
    token: Option<(String, String)>,
    requests: Vec<String>,
}

/// It ends when it is dropped.
pub struct Server {
    pub url: String,
    content: Arc<Mutex<Content>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

const TOKEN: &str = "Bearer good";

impl Server {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let content = Arc::new(Mutex::new(Content::default()));
        let shared = Arc::clone(&content);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = serve(stream, &shared).await;
            }
        });
        Self { url, content, task }
    }

    pub fn host(&self) -> &str {
        self.url.strip_prefix("http://").unwrap()
    }

    fn lock(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    pub fn put(&self, path: &str, content: impl Into<Vec<u8>>) {
        self.lock().files.insert(path.to_owned(), content.into());
    }

    pub fn requests(&self) -> Vec<String> {
        self.lock().requests.clone()
    }

    pub fn count(&self, path: &str) -> usize {
        let line = format!("get {path} http/1.1");
        self.lock().requests.iter().filter(|request| request.starts_with(&line)).count()
    }

    pub fn want_basic(&self, user: &str, password: &str) {
        let challenge = "Basic realm=\"here\"".to_owned();
        self.lock().wanted = Some((basic(user, password), challenge));
    }

    pub fn want_token(&self, path: &str, user: &str, password: &str) {
        let challenge = format!("Bearer realm=\"{}{path}\",service=\"here\"", self.url);
        let mut content = self.lock();
        content.wanted = Some((TOKEN.to_owned(), challenge));
        content.token = Some((path.to_owned(), basic(user, password)));
    }

    /// Makes it a registry that has this chart under these tags.
    pub fn push(&self, repository: &str, tags: &[&str], chart: &[u8]) {
        let digest = Digest::of(chart);
        let manifest = format!(
            "{{\"schemaVersion\":2,\"layers\":[{{\"mediaType\":\"text/plain\",\"digest\":\"sha256:0\"}},\
             {{\"mediaType\":\"application/vnd.cncf.helm.chart.content.v1.tar+gzip\",\"digest\":\"{digest}\"}}]}}"
        );
        let root = format!("/v2/{repository}");
        let list: Vec<String> = tags.iter().map(|tag| format!("\"{tag}\"")).collect();
        self.put(&format!("{root}/tags/list?n=1000"), format!("{{\"tags\":[{}]}}", list.join(",")));
        for tag in tags {
            self.put(&format!("{root}/manifests/{tag}"), manifest.clone());
        }
        self.put(&format!("{root}/blobs/{digest}"), chart);
    }
}

fn basic(user: &str, password: &str) -> String {
    match (user, password) {
        ("ada", "secret") => "Basic YWRhOnNlY3JldA==".to_owned(),
        _ => panic!("only ada has a password here"),
    }
}

async fn serve(mut stream: TcpStream, content: &Mutex<Content>) -> std::io::Result<()> {
    let mut request = vec![0; 8192];
    let length = stream.read(&mut request).await?;
    let request = String::from_utf8_lossy(&request[..length]).into_owned();
    let answer = answer(&request, &mut content.lock().unwrap());
    stream.write_all(&answer).await
}

fn answer(request: &str, content: &mut Content) -> Vec<u8> {
    content.requests.push(request.to_lowercase());
    let path = request.split(' ').nth(1).unwrap_or_default();
    let authorization = request
        .lines()
        .find_map(|line| {
            line.to_lowercase().starts_with("authorization:").then(|| line[14..].trim())
        })
        .unwrap_or_default();
    if let Some((place, wanted)) = &content.token
        && path.starts_with(place.as_str())
    {
        return match authorization == wanted {
            true => response("200 OK", "", b"{\"token\":\"good\"}"),
            false => response("401 Unauthorized", "", b""),
        };
    }
    match (&content.wanted, content.files.get(path)) {
        (Some((wanted, challenge)), _) if authorization != wanted => {
            response("401 Unauthorized", &format!("www-authenticate: {challenge}\r\n"), b"")
        }
        (_, Some(file)) => response("200 OK", "", file),
        (_, None) => response("404 Not Found", "", b"nothing"),
    }
}

fn response(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// A packed chart with nothing but its name.
pub fn packed(name: &str, version: &str) -> Vec<u8> {
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(&mut zipped);
    let content = format!("apiVersion: v2\nname: {name}\nversion: {version}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, format!("{name}/Chart.yaml"), content.as_bytes()).unwrap();
    tar.finish().unwrap();
    drop(tar);
    zipped.finish().unwrap()
}
