//! Charts: looked at, explained, fetched, and what they draw at random kept.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::place::{Place, read};

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\n";
const SECRET: &str = "{{- if .Values.secret.enabled }}
apiVersion: v1
kind: Secret
metadata:
  name: {{ include \"name\" . }}
stringData:
  password: {{ randAlphaNum 12 }}
  user: {{ .Values.secret.user }}
{{- end }}
";
const HELPERS: &str = "{{ define \"name\" }}{{ .Values.prefix }}-db{{ end }}";
const VALUES: &str = "prefix: shop\nunused: 1\nsecret: {enabled: true, user: ada}\n";

fn files() -> Vec<(&'static str, &'static str)> {
    vec![
        ("Chart.yaml", CHART),
        ("values.yaml", VALUES),
        ("templates/secret.yaml", SECRET),
        ("templates/_helpers.tpl", HELPERS),
    ]
}

#[test]
fn a_chart_is_looked_at_and_explained() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &files());
    let lint = place.done(&["helm", "lint", "shop"]);
    assert!(lint.contains("Secret/shop-db /stringData/password"), "{lint}");
    let lint = place.json(&["helm", "lint", "shop"]);
    assert_eq!(lint["random"][0]["fields"][0], "/stringData/password");
    let seen = place.done(&["helm", "explain", "shop", "secret/shop-db"]);
    assert!(seen.contains("shop/templates/secret.yaml:2"), "{seen}");
    let seen = place.json(&["helm", "explain", "shop", "Secret/shop-db"]);
    let values = &seen["manifests"][0]["values"];
    assert_eq!(*values, serde_json::json!(["prefix", "secret.enabled", "secret.user"]));
    let said = place.trueup(&["helm", "explain", "shop", "Secret/other"]);
    assert!(said.code == 1 && said.err.contains("renders no Secret/other"), "{}", said.err);
    let broken = SECRET.replace("user: {{", "user: {{ fail \"no user\" }}{{");
    place.commit("broken", &[("templates/secret.yaml", &broken)]);
    let said = place.trueup(&["helm", "lint", "shop"]);
    assert!(said.code == 1 && said.out.contains("no user"), "{}{}", said.out, said.err);
}

const FILE: &str = "apiVersion: host.trueup.dev/v1
kind: File
metadata: {name: token}
spec: {path: token, content: '{{ randAlphaNum 20 }} {{ .Values.prefix }}'}
";

#[test]
fn what_was_drawn_stays_until_it_is_rotated() {
    let Some(place) = Place::new() else { return };
    place.commit(
        "first",
        &[("Chart.yaml", CHART), ("values.yaml", VALUES), ("templates/f.yaml", FILE)],
    );
    let apply = ["run", "shop", "--once"];
    place.done(&apply);
    let token = |content: &str| content.split(' ').next().unwrap_or_default().to_owned();
    let first = read(&place.app().join("token"));
    assert!(first.ends_with(" shop"), "{first}");
    place.commit("other values", &[("values.yaml", &VALUES.replace("shop", "store"))]);
    place.done(&apply);
    let second = read(&place.app().join("token"));
    assert!(second.ends_with(" store"), "{second}");
    assert_eq!(token(&first), token(&second));
    place.done(&["rotate", "shop"]);
    place.done(&apply);
    let third = read(&place.app().join("token"));
    assert!(third.ends_with(" store") && token(&third) != token(&first), "{third}");
}

/// A packed chart of these files.
fn packed(files: &[(&str, &str)]) -> Vec<u8> {
    let zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(zipped);
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        let path = format!("shop/{path}");
        tar.append_data(&mut header, path, content.as_bytes()).expect("a path that fits");
    }
    tar.into_inner().and_then(flate2::write::GzEncoder::finish).expect("memory takes it")
}

/// Serves these files until the test ends.
fn serve(files: HashMap<&'static str, Vec<u8>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or_default();
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let (status, body) = match files.get(path) {
                Some(body) => ("200 OK", body.as_slice()),
                None => ("404 Not Found", &b""[..]),
            };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        }
    });
    url
}

#[test]
fn a_chart_comes_from_a_repository() {
    let Some(place) = Place::new() else { return };
    let chart = packed(&files());
    let index = "entries:\n  shop:\n  - {version: 1.0.0, urls: [shop-1.0.0.tgz]}\n";
    let url = serve(HashMap::from([
        ("/index.yaml", index.as_bytes().to_vec()),
        ("/shop-1.0.0.tgz", chart),
    ]));
    let out = place.done(&["helm", "template", "rel", "shop", "--repo", &url, "--version", "^1"]);
    assert!(out.contains("# Source: shop/templates/secret.yaml"), "{out}");
    let archive = format!("{url}/shop-1.0.0.tgz");
    assert!(place.done(&["helm", "template", "rel", &archive]).contains("kind: Secret"));
    let said = place.trueup(&["helm", "template", "rel", "shop", "--repo", &url, "--version", "2"]);
    assert!(said.code == 1 && said.err.contains("it has no version 2"), "{}", said.err);
    let said = place.trueup(&["helm", "template", "rel", "nowhere"]);
    assert!(said.err.contains("repo_name/path_to_chart, got: nowhere"), "{}", said.err);
    let post = ["--post-renderer", "sed", "--post-renderer-args", "s/Secret/Sealed/"];
    let mut arguments = vec!["helm", "template", "rel", archive.as_str()];
    arguments.extend(post);
    assert!(place.done(&arguments).contains("kind: Sealed"));
}

#[test]
fn files_are_written_as_helm_writes_them() {
    let Some(place) = Place::new() else { return };
    let hook = "kind: Job\nmetadata: {name: h, annotations: {helm.sh/hook: pre-install}}\n";
    let config = "kind: ConfigMap\nmetadata: {name: c}\n";
    place.commit(
        "first",
        &[("Chart.yaml", CHART), ("templates/h.yaml", hook), ("templates/c.yaml", config)],
    );
    let folder = place.repo().join("out");
    let arguments = ["helm", "template", "rel", "shop", "--output-dir", "shop/out"];
    let said = place.done(&arguments);
    assert!(said.contains("wrote shop/out/shop/templates/c.yaml"), "{said}");
    place.done(&arguments);
    let written = |name: &str| read(&folder.join("shop/templates").join(name));
    assert_eq!(written("c.yaml").matches("kind: ConfigMap").count(), 1);
    // A hook goes behind what a former run left.
    assert_eq!(written("h.yaml").matches("kind: Job").count(), 2);
}
