//! A controller that is watched: listener, log, traces, notifications, a webhook, and its end.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;

use crate::place::{Kept, Place};

const FILE: &str = "apiVersion: host.trueup.dev/v1
kind: File
metadata: {name: greeting}
spec: {path: greeting.txt, content: ";

/// A server that takes everything and gives what it was asked, head and body as they came.
fn taker() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (send, taken) = mpsc::channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let send = send.clone();
            std::thread::spawn(move || {
                let _ = send.send(request(&mut stream));
                let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    (url, taken)
}

fn request(stream: &mut TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut part = [0; 4096];
    loop {
        let Ok(read) = stream.read(&mut part) else { return all };
        all.extend_from_slice(&part[..read]);
        let head = all.windows(4).position(|four| four == b"\r\n\r\n");
        let length = head.map(|end| {
            let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
            let line = |l: &str| l.strip_prefix("content-length: ")?.trim().parse::<usize>().ok();
            end + 4 + head.lines().find_map(line).unwrap_or(0)
        });
        if read == 0 || length.is_some_and(|length| all.len() >= length) {
            return all;
        }
    }
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("the listener answers");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

fn get(address: &str, path: &str, token: &str) -> String {
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
    ask(address, &format!("{head}authorization: Bearer {token}\r\n\r\n"))
}

/// The address that it says it listens at.
fn listening(kept: &mut Kept) -> String {
    let line = kept.hear("listening on http://");
    let address = line.split("http://").nth(1).unwrap_or_default();
    address
        .trim_end_matches(|c: char| !c.is_ascii_digit())
        .split('"')
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn config(place: &Place, text: &str) -> String {
    let file = place.state().with_file_name("trueup.yaml");
    std::fs::write(&file, text).expect("a file");
    file.display().to_string()
}

#[test]
fn health_metrics_api_log_and_notifications_tell_of_one_run() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("all.yaml", &format!("{FILE}hello}}\n"))]);
    let (sink, told) = taker();
    let (collector, traced) = taker();
    let config = config(
        &place,
        &format!(
            "listen: {{address: '127.0.0.1:0', token: {{command: [echo, let me in]}}}}
webhooks: {{generic: {{command: [echo, hush]}}}}
notifications: {{sinks: [{{name: s, triggers: [healthy], webhook: {{url: {{command: [echo, '{sink}']}}}}}}]}}
telemetry: {{logFormat: json, traces: {{endpoint: '{collector}'}}}}
"
        ),
    );
    let mut kept = place.keep_with(&["--config", &config]);
    let address = listening(&mut kept);
    let line = kept.hear("is healthy");
    let line: Value = serde_json::from_str(&line).expect("a line of JSON");
    assert_eq!((&line["app"], &line["kind"]), (&Value::from("shop"), &Value::from("healthy")));
    assert_eq!(line["revision"].as_str().map(str::len), Some(40), "{line}");

    let message = told.recv_timeout(Duration::from_secs(60)).expect("a notification");
    let message = String::from_utf8_lossy(&message).into_owned();
    assert!(message.contains("\"trigger\":\"healthy\""), "{message}");

    assert!(get(&address, "/readyz", "").starts_with("HTTP/1.1 200"));
    let metrics = get(&address, "/metrics", "");
    for line in [
        "trueup_apps{state=\"healthy\"} 1",
        "trueup_stage_duration_seconds_count{stage=\"execute\"} 1",
        "trueup_renders_total{kept=\"false\"} ",
        "trueup_git_request_duration_seconds_count{result=\"ok\"} ",
        "trueup_ledger_entries_total{kind=\"healthy\"} 1",
    ] {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
    assert!(get(&address, "/api/v1/apps/shop", "let me in").contains("\"state\":\"healthy\""));
    assert!(get(&address, "/api/v1/apps/shop", "guess").starts_with("HTTP/1.1 401"));

    let lines = kept.stop();
    for line in &lines {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "not JSON: {line}");
    }
    let spans: Vec<u8> = traced.try_iter().flatten().collect();
    let spans = String::from_utf8_lossy(&spans).into_owned();
    assert!(spans.starts_with("POST /v1/traces "), "{spans}");
    for name in ["run", "declare", "observe", "plan", "execute"] {
        assert!(spans.contains(name), "no span {name}");
    }
    assert_eq!(place.json(&["upgrade", "--check"])["apps"][0]["renders"], "same");
}

#[test]
fn a_sink_is_tried_out() {
    let Some(place) = Place::new() else { return };
    let (sink, told) = taker();
    let config = config(
        &place,
        &format!(
            "notifications: {{sinks: [{{name: team, teams: {{url: {{command: [echo, '{sink}/secret']}}}}}}, {{name: gone, teams: {{url: {{env: NOT_SET_ANYWHERE}}}}}}]}}\n"
        ),
    );
    assert_eq!(
        place.done(&["--config", &config, "notify", "test", "team"]),
        "an example was sent to team\n"
    );
    assert!(String::from_utf8_lossy(&told.recv().expect("a message")).contains("this is a test"));
    let said = place.trueup(&["--config", &config, "notify", "test", "gone"]);
    assert!(said.code == 1 && said.err.contains("NOT_SET_ANYWHERE"), "{}", said.err);
    let said = place.trueup(&["--config", &config, "notify", "test", "other"]);
    assert!(said.code == 1 && said.err.contains("team, gone"), "{}", said.err);
}

/// What is printed for a cluster and what helm makes of the chart are the same, the Namespace apart.
#[test]
fn installing_and_the_chart_agree() {
    let Some(place) = Place::new() else { return };
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/chart");
    let repo = "https://git.example.com/fleet.git";
    let printed = place.done(&[
        "install",
        "--kubernetes",
        repo,
        "--path",
        "prod",
        "--set",
        "rbac.namespaces={shop}",
    ]);
    let chosen = ["root.path=prod", "rbac.namespaces={shop}", "createNamespace=true"];
    let mut arguments = vec!["helm", "template", "trueup", chart, "--namespace", "trueup-system"];
    let root = format!("root.repo={repo}");
    for value in chosen.into_iter().chain([root.as_str()]) {
        arguments.extend(["--set", value]);
    }
    assert_eq!(printed, place.done(&arguments));
    let said = place.trueup(&["install", "--kubernetes", repo, "--set", "rbac.impersonate={x}"]);
    assert!(said.code == 1 && said.err.contains("NAMESPACE/NAME"), "{}", said.err);
}
