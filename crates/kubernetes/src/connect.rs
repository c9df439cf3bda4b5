//! How a cluster is reached: the usual kubeconfig rules, or the service account of our own pod; and
//! other clusters by a kubeconfig that lies in a Secret of one that is reached so.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;

use crate::document;
use crate::wire::escape;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster, as the user names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// A kubeconfig file; `KUBECONFIG`, then `~/.kube/config`, then in-cluster if left out.
    pub kubeconfig: Option<PathBuf>,
    /// The context; the current one if left out. Where there is no kubeconfig, for this is a pod: the
    /// Secret of its namespace whose label [`CLUSTER_LABEL`] has this value.
    pub context: Option<String>,
    /// The Secret that holds the kubeconfig; what is above leads to the cluster it lies in.
    pub secret: Option<ClusterSecret>,
}

/// A Secret with a kubeconfig under the key `kubeconfig`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterSecret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// Label of the Secret that holds the kubeconfig of a cluster: the cluster's name.
pub const CLUSTER_LABEL: &str = "trueup.dev/cluster";
/// Under which a Secret holds a kubeconfig.
const KUBECONFIG_KEY: &str = "kubeconfig";

/// Why a cluster cannot be reached at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is neither a kubeconfig nor a service account.
    #[error(
        "no cluster is configured: there is no kubeconfig (set KUBECONFIG or write ~/.kube/config), and this is not a pod with a service account"
    )]
    NotConfigured(#[source] kube::config::KubeconfigError),
    /// The kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used{}", context(.0.as_deref()))]
    Kubeconfig(Option<String>, #[source] kube::config::KubeconfigError),
    /// The Secret that should hold a kubeconfig cannot be read, or holds none.
    #[error("{0}")]
    Secret(String),
    /// The client cannot be made of it: certificates, tokens, exec plugins.
    #[error("the credentials of the kubeconfig cannot be used{}", plugin(.0.as_deref()))]
    Client(Option<String>, #[source] kube::Error),
}

fn context(name: Option<&str>) -> String {
    name.map(|name| format!(" ({name})")).unwrap_or_default()
}

fn plugin(command: Option<&str>) -> String {
    command.map(|command| format!(" (its exec plugin is `{command}`)")).unwrap_or_default()
}

impl Connection {
    /// A client.
    pub async fn open(&self) -> Result<Client, ConnectError> {
        let client = client(self.config().await?)?;
        let Some(secret) = &self.secret else { return Ok(client) };
        let ClusterSecret { namespace, name } = secret;
        let path = format!("/api/v1/namespaces/{}/secrets/{}", escape(namespace), escape(name));
        let secret = get(&client, &path, &format!("Secret {namespace}/{name}")).await?;
        self::client(by_secret(&secret).await?)
    }

    async fn config(&self) -> Result<Config, ConnectError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..Default::default() };
        let unusable = |error| {
            ConnectError::Kubeconfig(
                self.context.as_ref().map(|name| format!("context `{name}`")),
                error,
            )
        };
        if let Some(path) = &self.kubeconfig {
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            return Config::from_custom_kubeconfig(file, &options).await.map_err(unusable);
        }
        let error = match Config::from_kubeconfig(&options).await {
            Ok(config) => return Ok(config),
            Err(error) => error,
        };
        // A pod has no kubeconfig, unless it was given one.
        let own = match Config::incluster() {
            Ok(own) if std::env::var_os("KUBECONFIG").is_none() => own,
            _ if self.context.is_some() || std::env::var_os("KUBECONFIG").is_some() => {
                return Err(unusable(error));
            }
            _ => return Err(ConnectError::NotConfigured(error)),
        };
        match &self.context {
            Some(name) => by_label(own, name).await,
            None => Ok(own),
        }
    }
}

fn client(mut config: Config) -> Result<Client, ConnectError> {
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    // A write that is tried again behind our back would answer 200 where the first try made the
    // object: only 201 tells that it is ours.
    config.default_retry = false;
    let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
    Client::try_from(config).map_err(|error| ConnectError::Client(plugin, error))
}

/// The cluster that a Secret of our own namespace names.
async fn by_label(own: Config, name: &str) -> Result<Config, ConnectError> {
    let namespace = own.default_namespace.clone();
    let client = client(own)?;
    let selector = escape(&format!("{CLUSTER_LABEL}={name}"));
    let path =
        format!("/api/v1/namespaces/{}/secrets?labelSelector={selector}", escape(&namespace));
    let list = get(&client, &path, &format!("the Secrets of namespace {namespace}")).await?;
    let found = list.pointer("/items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    match found {
        [secret] => by_secret(secret).await,
        other => Err(ConnectError::Secret(format!(
            "{} Secrets of namespace {namespace} have the label {CLUSTER_LABEL}={name}; one must, with a kubeconfig under the key `{KUBECONFIG_KEY}`",
            other.len()
        ))),
    }
}

async fn get(client: &Client, path: &str, what: &str) -> Result<Value, ConnectError> {
    let request = http::Request::get(path).body(Vec::new());
    let request = request.map_err(|error| ConnectError::Secret(format!("{what}: {error}")))?;
    let answer = client.request(request).await;
    answer.map_err(|error| ConnectError::Secret(format!("{what} cannot be read: {error}")))
}

async fn by_secret(secret: &Value) -> Result<Config, ConnectError> {
    let name = document::metadata(secret, "name");
    let missing = || {
        ConnectError::Secret(format!(
            "Secret {name} holds no kubeconfig under the key `{KUBECONFIG_KEY}`"
        ))
    };
    let encoded = secret.pointer("/data").and_then(|data| data.get(KUBECONFIG_KEY)?.as_str());
    let text = STANDARD.decode(encoded.ok_or_else(missing)?).map_err(|_| missing())?;
    let text = String::from_utf8(text).map_err(|_| missing())?;
    let unusable = |error| ConnectError::Kubeconfig(Some(format!("of Secret {name}")), error);
    let kubeconfig = Kubeconfig::from_yaml(&text).map_err(unusable)?;
    let options = KubeConfigOptions::default();
    Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(unusable)
}
