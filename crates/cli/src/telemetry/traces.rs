//! Traces over OTLP: each run is a trace, each stage a span. Sent through our own HTTP client, in
//! batches and in the background; a collector that is away costs what waits for it, which is bounded.

use async_trait::async_trait;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::runtime::Tokio;
use opentelemetry_sdk::trace::span_processor_with_async_runtime::BatchSpanProcessor;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use trueup_controller::secret::Secret;
use trueup_http::{Client, Login, Method, Settings};

use crate::config;
use crate::error::CliError;

/// Where a collector takes traces, below its address (OTLP/HTTP, "OTLP/HTTP Request").
const PATH: &str = "/v1/traces";

/// Where spans go.
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// To this collector.
    pub fn new(settings: &config::Traces) -> Result<Self, CliError> {
        let wrong = |why: String| CliError::new(format!("telemetry.traces: {why}"));
        if !(0.0..=1.0).contains(&settings.sample) {
            return Err(wrong(format!("`sample` is from 0 to 1, not {}", settings.sample)));
        }
        let wire = Wire {
            client: Client::new(&Settings { largest_answer: 1 << 20, ..Settings::default() })
                .map_err(|error| wrong(error.to_string()))?,
            token: settings.token.as_ref().map(Secret::new),
        };
        let headers = settings.headers.clone().into_iter().collect();
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(wire)
            .with_endpoint(endpoint(&settings.endpoint))
            .with_headers(headers)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let resource = Resource::builder()
            .with_service_name("trueup")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(settings.sample)));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter, Tokio).build())
            .with_sampler(sampler)
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// The layer that makes spans of ours OTLP's.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let ours = |metadata: &Metadata<'_>| metadata.target().starts_with("trueup");
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("trueup"))
            .with_filter(filter_fn(ours))
    }

    /// Sends what is left, and waits for that.
    pub async fn end(self) {
        let ended = tokio::task::spawn_blocking(move || self.provider.shutdown()).await;
        if let Ok(Err(error)) = ended {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

fn endpoint(given: &str) -> String {
    let given = given.trim_end_matches('/');
    let has_path = given.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    if has_path { given.to_owned() } else { format!("{given}{PATH}") }
}

#[derive(Debug)]
struct Wire {
    client: Client,
    token: Option<Secret>,
}

#[async_trait]
impl HttpClient for Wire {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        let headers = head.headers.iter();
        let login = match &self.token {
            Some(token) => Some(Login::Bearer(token.read().await?.to_string())),
            None => None,
        };
        let asked = trueup_http::Request {
            method: Method::POST,
            url: head.uri.to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value.as_bytes())))
                .collect(),
            body: body.to_vec(),
            login,
        };
        let answer = self.client.send(&asked).await?;
        let status = answer.status();
        Ok(Response::builder().status(status).body(answer.bytes().await?.into())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_named_with_or_without_path() {
        assert_eq!(endpoint("http://collector:4318"), "http://collector:4318/v1/traces");
        assert_eq!(
            endpoint("https://x.example.com/otlp/traces/"),
            "https://x.example.com/otlp/traces"
        );
    }
}
