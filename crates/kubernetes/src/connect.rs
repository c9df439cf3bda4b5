//! How a cluster is reached: the usual kubeconfig rules, or the service account of our own pod.

use std::path::PathBuf;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Which cluster, as the user names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Connection {
    /// A kubeconfig file; `KUBECONFIG`, then `~/.kube/config`, then in-cluster if left out.
    pub kubeconfig: Option<PathBuf>,
    /// The context; the current one if left out.
    pub context: Option<String>,
}

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
    /// The client cannot be made of it: certificates, tokens, exec plugins.
    #[error("the credentials of the kubeconfig cannot be used{}", plugin(.0.as_deref()))]
    Client(Option<String>, #[source] kube::Error),
}

fn context(name: Option<&str>) -> String {
    name.map(|name| format!(" (context `{name}`)")).unwrap_or_default()
}

fn plugin(command: Option<&str>) -> String {
    command.map(|command| format!(" (its exec plugin is `{command}`)")).unwrap_or_default()
}

impl Connection {
    /// A client.
    pub async fn open(&self) -> Result<Client, ConnectError> {
        let mut config = self.config().await?;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        // A write that is tried again behind our back would answer 200 where the first try made the
        // object: only 201 tells that it is ours.
        config.default_retry = false;
        let plugin = config.auth_info.exec.as_ref().and_then(|exec| exec.command.clone());
        Client::try_from(config).map_err(|error| ConnectError::Client(plugin, error))
    }

    async fn config(&self) -> Result<Config, ConnectError> {
        let options = KubeConfigOptions { context: self.context.clone(), ..Default::default() };
        let unusable = |error| ConnectError::Kubeconfig(self.context.clone(), error);
        if let Some(path) = &self.kubeconfig {
            let file = Kubeconfig::read_from(path).map_err(unusable)?;
            return Config::from_custom_kubeconfig(file, &options).await.map_err(unusable);
        }
        match Config::from_kubeconfig(&options).await {
            Ok(config) => Ok(config),
            Err(error) if self.context.is_some() || std::env::var_os("KUBECONFIG").is_some() => {
                Err(unusable(error))
            }
            Err(error) => Config::incluster().map_err(|_| ConnectError::NotConfigured(error)),
        }
    }
}
