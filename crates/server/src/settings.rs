//! The sections `listen` and `webhooks` of the controller's configuration.

use std::net::SocketAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use trueup_model::host::ValueFrom;

/// The HTTP listener: health, metrics, the read-only API and webhooks. Without an address there is
/// none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Listen {
    /// Where to listen, `127.0.0.1:8440` say. Plain HTTP: whatever faces the world puts TLS before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Who has this token may read `/api/v1`. Left out: nobody may.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<ValueFrom>,
    /// What `/metrics` gives.
    pub metrics: MetricsOptions,
}

/// What `/metrics` gives, and to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetricsOptions {
    /// Whether apps are named one by one (`trueup_app_state`), as long as they are at most 2,000.
    pub per_app: bool,
    /// Whether reading them needs the token.
    pub authenticated: bool,
}

/// The secrets by which webhooks are known to be genuine. A forge without one is not listened to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Webhooks {
    /// GitHub: the webhook's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub github: Option<ValueFrom>,
    /// GitLab: the webhook's secret token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitlab: Option<ValueFrom>,
    /// Gitea and Forgejo: the webhook's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitea: Option<ValueFrom>,
    /// Bitbucket, cloud and data center: the webhook's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitbucket: Option<ValueFrom>,
    /// Anything else that can sign: the key of the signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generic: Option<ValueFrom>,
}
