//! Trying probes, as the kubelet does: a GET that answers 200 to 399, a port that accepts a
//! connection, a command that exits with 0.

use std::net::{IpAddr, ToSocketAddrs};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use trueup_model::host::{HttpGet, Probe};

use super::children::Surroundings;
use super::ports;

/// The most that is read of an answer's head.
const MOST_HEAD: usize = 8 * 1024;

/// Tries a probe of the process that leads `group`. The error says what is wrong.
pub async fn attempt(probe: Probe, around: Surroundings, group: i32) -> Result<(), String> {
    let timeout = Duration::from_secs(u64::from(probe.timeout_seconds.unwrap_or(1).max(1)));
    if let Some(exec) = probe.exec {
        return execute(exec.command, around, timeout).await;
    }
    let (host, port) = match (&probe.http_get, &probe.tcp_socket) {
        (Some(get), _) => (get.host.clone(), get.port),
        (None, Some(socket)) => (socket.host.clone(), socket.port),
        (None, None) => return Err("the probe has none of httpGet, tcpSocket and exec".to_owned()),
    };
    let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
    let tried = tokio::time::timeout(timeout, reach(&host, port, probe.http_get.as_ref())).await;
    let is_local =
        tried.map_err(|_| format!("port {port}: no answer in {} s", timeout.as_secs()))??;
    if is_local { ports::belongs_to(port, group) } else { Ok(()) }
}

/// Whether the address that answered is one of this machine's.
async fn reach(host: &str, port: u16, get: Option<&HttpGet>) -> Result<bool, String> {
    let mut stream = connect(host, port).await?;
    let is_local = stream
        .peer_addr()
        .ok()
        .zip(stream.local_addr().ok())
        .is_some_and(|(peer, local)| peer.ip() == local.ip() || is_loopback(peer.ip()));
    if let Some(get) = get {
        let status = ask(&mut stream, host, get).await?;
        if !(200..400).contains(&status) {
            let path = get.path.as_deref().unwrap_or("/");
            return Err(format!("GET {path} on port {port} answers {status}"));
        }
    }
    Ok(is_local)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let name = host.to_owned();
    let found = tokio::task::spawn_blocking(move || (name.as_str(), port).to_socket_addrs());
    let addresses: Vec<_> = match host.parse::<IpAddr>() {
        Ok(address) => vec![(address, port).into()],
        Err(_) => found
            .await
            .map_err(|error| error.to_string())?
            .map_err(|error| format!("host {host}: {error}"))?
            .collect(),
    };
    TcpStream::connect(addresses.as_slice()).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::ConnectionRefused => format!("nothing listens on port {port} yet"),
        _ => format!("port {port}: {error}"),
    })
}

async fn ask(stream: &mut TcpStream, host: &str, get: &HttpGet) -> Result<u16, String> {
    let broken = |error: std::io::Error| format!("port {}: {error}", get.port);
    stream.write_all(request(host, get)?.as_bytes()).await.map_err(broken)?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < MOST_HEAD && !head.contains(&b'\n') {
        let n = stream.read(&mut buffer).await.map_err(broken)?;
        if n == 0 {
            break;
        }
        head.extend_from_slice(buffer.get(..n).unwrap_or_default());
    }
    status(&head).ok_or_else(|| format!("port {} does not answer as HTTP", get.port))
}

fn request(host: &str, get: &HttpGet) -> Result<String, String> {
    let path = get.path.as_deref().unwrap_or("/");
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut head = format!("GET {slash}{path} HTTP/1.1\r\n");
    let has =
        |name: &str| get.http_headers.iter().any(|header| header.name.eq_ignore_ascii_case(name));
    if !has("host") {
        head.push_str(&format!("Host: {host}:{}\r\n", get.port));
    }
    if !has("user-agent") {
        head.push_str("User-Agent: trueup-probe\r\n");
    }
    for header in &get.http_headers {
        head.push_str(&format!("{}: {}\r\n", header.name, header.value));
    }
    head.push_str("Accept: */*\r\nConnection: close\r\n\r\n");
    let lines =
        get.http_headers.len() + 4 + usize::from(!has("host")) + usize::from(!has("user-agent"));
    // A line break in a path or header would be another request.
    match head.matches("\r\n").count() == lines && head.matches('\n').count() == lines {
        true => Ok(head),
        false => Err("the probe's path or a header holds a line break".to_owned()),
    }
}

fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut parts = line.split_whitespace();
    parts.next().filter(|version| version.starts_with("HTTP/"))?;
    parts.next()?.parse().ok()
}

async fn execute(
    command: Vec<String>,
    around: Surroundings,
    timeout: Duration,
) -> Result<(), String> {
    let ran = tokio::task::spawn_blocking(move || {
        crate::command::run(&command, &around.folder, &around.environment, timeout)
    });
    let output = ran.await.map_err(|error| error.to_string())?;
    let output = output.map_err(|error| error.sentence())?;
    match output.success {
        true => Ok(()),
        false => {
            Err(format!("the probe's command failed ({}): {}", output.ending, output.last_line()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> HttpGet {
        serde_json::from_value(serde_json::json!({"port": 80, "path": path})).unwrap()
    }

    #[test]
    fn requests_are_one_request() {
        assert!(
            request("127.0.0.1", &get("/healthz"))
                .unwrap()
                .starts_with("GET /healthz HTTP/1.1\r\n")
        );
        assert!(request("127.0.0.1", &get("x")).unwrap().starts_with("GET /x HTTP/1.1\r\n"));
        assert!(request("127.0.0.1", &get("/\r\nX: y")).is_err());
        assert!(request("127.0.0.1", &get("/\nX: y")).is_err());
    }

    #[test]
    fn answers() {
        assert_eq!(status(b"HTTP/1.0 204 No Content\r\n"), Some(204));
        assert_eq!(status(b"HTTP/2 200\r\n"), Some(200));
        assert_eq!(status(b"SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(status(b""), None);
    }
}
