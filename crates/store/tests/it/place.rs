//! Where the ledger of a test is. A PostgreSQL of its own is started once for all tests of the
//! process, in a temporary folder and on loopback, and ends with it; where there is none, that is
//! said.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use trueup_store::{LedgerUrl, StateStore, StoreError};

/// A state folder, and a database of its own where that is not in it.
pub struct Place {
    folder: TempDir,
    url: Option<LedgerUrl>,
}

impl Place {
    pub fn in_folder() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: None }
    }

    /// `None`, having said so, where this machine has no PostgreSQL.
    pub async fn in_postgres() -> Option<Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        static DATABASES: AtomicU32 = AtomicU32::new(0);
        let server = SERVER.get_or_init(Server::start).as_ref()?;
        let name = format!("t{}", DATABASES.fetch_add(1, Ordering::Relaxed));
        execute(&server.url("postgres"), &format!("CREATE DATABASE {name}")).await;
        let url = LedgerUrl { url: server.url(&name), password: None };
        Some(Self { folder: tempfile::tempdir().unwrap(), url: Some(url) })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub async fn try_open(&self) -> Result<StateStore, StoreError> {
        StateStore::open(self.folder(), self.url.as_ref()).await
    }

    pub async fn open(&self) -> StateStore {
        self.try_open().await.unwrap()
    }

    pub async fn open_read_only(&self) -> Result<StateStore, StoreError> {
        StateStore::open_read_only(self.folder(), self.url.as_ref()).await
    }

    /// The same database, with another state folder.
    pub fn beside(&self) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), url: self.url.clone() }
    }

    /// Does something to the database behind the store's back.
    pub async fn execute(&self, sql: &str) {
        match &self.url {
            Some(at) => execute(&at.url, sql).await,
            None => {
                let database = rusqlite::Connection::open(self.folder().join("state.db")).unwrap();
                database.execute_batch(sql).unwrap();
            }
        }
    }
}

async fn execute(url: &str, sql: &str) {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    let driven = tokio::spawn(connection);
    client.batch_execute(sql).await.unwrap();
    drop(client);
    driven.await.unwrap().unwrap();
}

/// A running PostgreSQL. It ends when what it reads ends, which is with this process.
struct Server {
    port: u16,
    _keeper: Child,
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://trueup@127.0.0.1:{}/{database}", self.port)
    }

    fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "CI has PostgreSQL");
            eprintln!("not tested: PostgreSQL is not installed (package postgresql)");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // It refuses to run as root: then it runs as nobody.
        let script = "set -e
            umask 077; folder=$(mktemp -d); as=
            if [ \"$(id -u)\" = 0 ]; then
                chown nobody \"$folder\"; as='setpriv --reuid=nobody --clear-groups --'
            fi
            cd \"$folder\"
            $as \"$1/initdb\" -D \"$folder/data\" -U trueup -A trust >&2
            $as \"$1/pg_ctl\" -D \"$folder/data\" -w -t 120 -l \"$folder/log\" \\
                -o \"-h 127.0.0.1 -p $2 -k '' -F\" start >&2
            echo it answers
            cat >/dev/null
            $as \"$1/pg_ctl\" -D \"$folder/data\" -m immediate stop >&2
            rm -rf \"$folder\"";
        let mut keeper = Command::new("sh")
            .args(["-c", script, "sh"])
            .arg(programs)
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let answers = BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line);
        if !answers.is_ok_and(|count| count > 0) {
            eprintln!("not tested: PostgreSQL does not start here");
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
            return None;
        }
        Some(Self { port, _keeper: keeper })
    }
}

/// Where `initdb` and `postgres` are: on the path, or where Debian puts them.
fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let debian = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let debian: Vec<PathBuf> = debian.map(|version| version.path().join("bin")).collect();
    let mut folders = debian.into_iter().chain(std::env::split_paths(&path));
    folders.find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}
