//! How fast templates are parsed and executed: `cargo bench -p trueup-gotemplate`.
//!
//! Parsing takes every template of the conformance charts, where these are at hand; execution a chart-like
//! template that uses Go's own functions.

use std::any::Any;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use trueup_gotemplate::functions::{Profile, library};
use trueup_gotemplate::{
    Args, Context, Delims, Function, FunctionError, Functions, Host, RandomCall, Settings, Str,
    Timestamp, Type, Value, parse,
};

struct NoHost;

impl Host for NoHost {
    fn now(&mut self) -> Timestamp {
        Timestamp { seconds: 0, nanoseconds: 0 }
    }
    fn random(&mut self, _: &RandomCall<'_>, _: &mut [u8]) {}
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

fn main() {
    parse_charts();
    execute_chart();
}

/// The best of a few rounds.
fn measure(mut round: impl FnMut()) -> Duration {
    let time = |()| {
        let start = Instant::now();
        round();
        start.elapsed()
    };
    [(); 5].map(time).into_iter().min().unwrap_or_default()
}

/// Helm's functions that are the embedder's, so that charts can be parsed.
const EMBEDDERS: &[Function] = &[
    Function::variadic("include", &[Type::ANY], Type::STRING, nothing),
    Function::variadic("tpl", &[Type::ANY], Type::STRING, nothing),
    Function::variadic("required", &[Type::ANY], Type::STRING, nothing),
    Function::variadic("fail", &[Type::ANY], Type::STRING, nothing),
    Function::variadic("lookup", &[Type::ANY], Type::STRING, nothing),
];

fn nothing(_: &mut Context<'_>, _: Args<'_>) -> Result<Value, FunctionError> {
    Ok(Value::string(""))
}

fn parse_charts() {
    let Some(helm) = trueup_conformance::open("helm") else { return };
    let mut texts = Vec::new();
    collect(&helm.join("charts"), &mut texts);
    let bytes: usize = texts.iter().map(Vec::len).sum();
    let functions = Functions::builtins().with(&library(Profile::Helm4)).with(EMBEDDERS);
    let mut parsed = 0;
    let time = measure(|| {
        let trees = |text| parse::parse("bench", text, &functions, &Delims::default());
        parsed = texts.iter().filter(|text| trees(text).is_ok()).count();
    });
    let rate = bytes as f64 / 1e6 / time.as_secs_f64();
    println!("parse: {parsed} of {} texts, {bytes} bytes: {time:?}, {rate:.1} MB/s", texts.len());
}

fn collect(folder: &Path, texts: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, texts);
        } else if path.components().any(|part| part.as_os_str() == "templates") {
            texts.extend(fs::read(&path));
        }
    }
}

const CHART: &str = r#"
{{- define "labels" -}}
app: {{ .name | printf "%s-app" }}
tier: {{ if .tier }}{{ .tier }}{{ else }}none{{ end }}
{{- end -}}
{{- range $index, $service := .Values.services }}
{{- if and $service.enabled (ne $service.kind "Job") }}
- index: {{ $index }}
  name: {{ $service.name }}
  {{- with $service.resources }}
  cpu: {{ .cpu }}
  memory: {{ .memory | printf "%q" }}
  {{- end }}
  {{- range $key, $value := $service.env }}
  {{ $key }}: {{ $value }}
  {{- end }}
  {{- if gt (len $service.ports) 0 }}
  ports:
  {{- range $service.ports }}
    - {{ . }}
  {{- end }}
  {{- end }}
  release: {{ $.Release.Name }}-{{ $.Release.Namespace }}
  {{ template "labels" $service }}
{{- end }}
{{- end }}
"#;

fn execute_chart() {
    let functions = Functions::builtins();
    let trees = parse::parse("chart", CHART.as_bytes(), &functions, &Delims::default());
    let mut settings = Settings::new(functions);
    settings.templates.add(trees.expect("the template is right"));
    let data = data();
    let mut written = 0;
    let time = measure(|| {
        let mut host = NoHost;
        let mut context = Context::new(&mut host, settings.clone());
        written = context.run(b"chart", &data).map_or(0, |text| text.len());
    });
    println!("execute: {written} bytes written: {time:?}");
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::map(entries.map(|(key, value)| (Str::from(key), value)))
}

fn data() -> Value {
    let service = |index: usize| {
        map([
            ("enabled", Value::Bool(!index.is_multiple_of(7))),
            ("kind", "Deployment".into()),
            ("name", Value::string(format!("service-{index}"))),
            ("tier", if index.is_multiple_of(2) { "backend".into() } else { Value::Nil }),
            ("resources", map([("cpu", "100m".into()), ("memory", "128Mi".into())])),
            (
                "env",
                map([
                    ("LOG_LEVEL", "info".into()),
                    ("PORT", Value::Float64(8080.0)),
                    ("URL", "https://a-rather-long-host-name.example.com/path".into()),
                    ("DEBUG", Value::Bool(false)),
                ]),
            ),
            ("ports", Value::list(vec![Value::Float64(80.0), Value::Float64(443.0)])),
        ])
    };
    let services = Value::list((0..2000).map(service).collect());
    map([
        ("Values", map([("services", services)])),
        ("Release", map([("Name", "rel".into()), ("Namespace", "default".into())])),
    ])
}
