//! The connection: made when it is first needed and again when it was lost, encrypted unless the
//! server is on this machine.

use std::sync::Arc;

use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::StoreError;

/// How long connecting may take.
const CONNECT_WITHIN: std::time::Duration = std::time::Duration::from_secs(10);

/// A database of a server.
pub(super) struct Server {
    config: Config,
    tls: MakeRustlsConnect,
    /// Without the password.
    name: String,
    client: Mutex<Option<Client>>,
}

/// The connection, for as long as it is held.
pub(super) struct Session<'a>(MutexGuard<'a, Option<Client>>);

impl std::ops::Deref for Session<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.0.as_ref().expect("a session is made with a client")
    }
}

impl std::ops::DerefMut for Session<'_> {
    fn deref_mut(&mut self) -> &mut Client {
        self.0.as_mut().expect("a session is made with a client")
    }
}

impl Server {
    /// The database that a URL names.
    pub(super) fn new(url: &str, password: Option<&[u8]>) -> Result<Self, StoreError> {
        let bad = |why: String| StoreError::BadUrl { why };
        let mut config: Config = url
            .parse()
            .map_err(|_| bad("it is not a URL such as postgres://user@host/database".to_owned()))?;
        let (user, database) = (config.get_user().unwrap_or_default(), config.get_dbname());
        let hosts: Vec<String> = config.get_hosts().iter().map(shown).collect();
        let name =
            format!("postgres://{user}@{}/{}", hosts.join(","), database.unwrap_or_default());
        if let Some(password) = password {
            config.password(password.trim_ascii());
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WITHIN);
        }
        if !config.get_hosts().iter().all(is_here) {
            config.ssl_mode(SslMode::Require);
        }
        config.application_name("trueup");
        let tls = tls().map_err(|error| bad(format!("TLS cannot be used: {error}")))?;
        Ok(Self { config, tls, name, client: Mutex::default() })
    }

    /// The database's name, for people.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The connection; what others wait for meanwhile is short.
    pub(super) async fn session(&self) -> Result<Session<'_>, StoreError> {
        let mut client = self.client.lock().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            *client = Some(self.connect().await?);
        }
        Ok(Session(client))
    }

    async fn connect(&self) -> Result<Client, StoreError> {
        let (client, connection) = self
            .config
            .connect(self.tls.clone())
            .await
            .map_err(|error| self.failed("reached", error))?;
        // It ends with the client; why it ended is said to whoever uses the client.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    /// What went wrong, for the person who must act.
    pub(super) fn failed(&self, what: &'static str, source: tokio_postgres::Error) -> StoreError {
        match source.code() {
            Some(code) if *code == SqlState::DISK_FULL => {
                StoreError::Full { path: self.name.clone().into() }
            }
            _ => StoreError::Server { name: self.name.clone(), what, source: Box::new(source) },
        }
    }
}

fn shown(host: &Host) -> String {
    match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    }
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    }
}

/// Servers are known by the certificates of this machine.
fn tls() -> Result<MakeRustlsConnect, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

/// SQL has no unsigned numbers; ours never get near the end of its signed ones.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The other way round.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_is_only_talked_to_encrypted() {
        let mode = |url: &str| Server::new(url, None).expect("a URL").config.get_ssl_mode();
        assert_eq!(mode("postgres://u@db.example/trueup?sslmode=disable"), SslMode::Require);
        assert_eq!(mode("postgres://u@127.0.0.1/trueup?sslmode=disable"), SslMode::Disable);
        assert_eq!(mode("postgres://u@localhost,db.example/trueup"), SslMode::Require);
    }

    #[test]
    fn a_password_is_not_shown() {
        let server = Server::new("postgres://u:s3cret@db.example/trueup", None).expect("a URL");
        assert_eq!(server.name(), "postgres://u@db.example/trueup");
        assert!(Server::new("mysql://x", None).is_err());
    }
}
