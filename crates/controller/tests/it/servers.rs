//! Small servers that say what they are told to say, and remember what they were asked.

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// A request, its head in lower case.
#[derive(Debug)]
pub struct Asked {
    pub head: String,
    pub body: String,
}

impl Asked {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A server that gives these answers in turn, the last one for ever: a status and a body each.
pub async fn http(answers: Vec<(u16, &'static str)>) -> (String, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, asked) = mpsc::channel(64);
    tokio::spawn(async move {
        let mut turn = 0;
        while let Ok((stream, _)) = listener.accept().await {
            let (status, body) = answers[turn.min(answers.len() - 1)];
            turn += 1;
            if let Some(request) = exchange(stream, status, body).await
                && sender.send(request).await.is_err()
            {
                return;
            }
        }
    });
    (url, asked)
}

async fn exchange(stream: TcpStream, status: u16, answer: &str) -> Option<Asked> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let length = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
    let mut body = vec![0; head.lines().find_map(length).unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    let answer = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    );
    stream.write_all(answer.as_bytes()).await.ok()?;
    stream.shutdown().await.ok()?;
    Some(Asked { head, body: String::from_utf8_lossy(&body).into_owned() })
}

/// A server that takes connections and never says a word.
pub async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    url
}

/// A mail server that takes one mail, and gives what it was told.
pub async fn smtp() -> (u16, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let said = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 here\r\n").await.unwrap();
        let mut said = String::new();
        let mut data = false;
        while let Ok(Some(line)) = lines.next_line().await {
            said.push_str(&format!("{line}\n"));
            let answer = match (data, line.as_str()) {
                (true, ".") => {
                    data = false;
                    "250 taken\r\n"
                }
                (true, _) => continue,
                (false, "DATA") => {
                    data = true;
                    "354 go on\r\n"
                }
                (false, "QUIT") => "221 bye\r\n",
                (false, _) => "250 ok\r\n",
            };
            write.write_all(answer.as_bytes()).await.unwrap();
            if answer.starts_with("221") {
                break;
            }
        }
        said
    });
    (port, said)
}
