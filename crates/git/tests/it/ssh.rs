//! Repositories behind SSH, served by a real `sshd` on this machine. Where there is none, or no SSH
//! client, the test says so and passes.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};

use trueup_git::SshAccess;
use trueup_http::SecretFrom;

use super::*;

/// An `sshd` that lets the holder of one key in.
struct Sshd {
    child: Child,
    port: u16,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(usual).map(|folder| folder.join(name)).find(|p| p.exists())
}

fn key(bench: &Bench, name: &str) {
    let file = bench.path(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .status()
        .unwrap();
    assert!(made.success());
}

fn start(bench: &Bench) -> Option<Sshd> {
    let (Some(sshd), Some(_), Some(_)) = (program("sshd"), program("ssh"), program("ssh-keygen"))
    else {
        eprintln!("sshd, ssh or ssh-keygen is not installed: SSH is not tested");
        return None;
    };
    key(bench, "host_key");
    key(bench, "user_key");
    std::fs::copy(bench.path("user_key.pub"), bench.path("authorized")).unwrap();
    // A port that is free now; nobody else is told of it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
         StrictModes no\nUsePAM no\nAcceptEnv GIT_PROTOCOL\nPasswordAuthentication no\n",
        bench.path("host_key").display(),
        bench.path("authorized").display()
    );
    std::fs::write(bench.path("sshd_config"), config).unwrap();
    let mut child = Command::new(sshd)
        .arg("-D")
        .arg("-f")
        .arg(bench.path("sshd_config"))
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().unwrap().is_some() {
            eprintln!("sshd does not start here: SSH is not tested");
            return None;
        }
        std::thread::yield_now();
    }
    Some(Sshd { child, port })
}

fn known_hosts(bench: &Bench, port: u16, key: &str) {
    let key = std::fs::read_to_string(bench.path(key)).unwrap();
    std::fs::write(bench.path("known"), format!("[127.0.0.1]:{port} {key}")).unwrap();
}

fn source(bench: &Bench, key: &str) -> GitSource {
    source_from(bench, SecretFrom::File(bench.path(key)))
}

fn source_from(bench: &Bench, key: SecretFrom) -> GitSource {
    let rule = SshAccess {
        prefix: "ssh://".to_owned(),
        key: Some(key),
        known_hosts: Some(SecretFrom::File(bench.path("known"))),
        trust_new_hosts: false,
    };
    GitSource::new(Options { ssh: vec![rule], ..Options::new(bench.path("cache")) })
}

#[tokio::test]
async fn a_repository_behind_ssh_is_mirrored() {
    let Some(bench) = bench() else { return };
    let Some(sshd) = start(&bench) else { return };
    let repo = bench.repo("it's-a-shop");
    let first = repo.commit("f", "1");
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let base = format!("ssh://{}@127.0.0.1:{}", user.trim(), sshd.port);
    let url = format!("{base}{}", repo.name());
    known_hosts(&bench, sshd.port, "host_key.pub");
    let source_with_key = source(&bench, "user_key");
    let resolve = async |source: &GitSource, url: &str, reference: &str| {
        let found = source.resolve(&spec(url, reference)).await;
        found.map(|found| found.commit).map_err(|error| error.message)
    };
    assert_eq!(resolve(&source_with_key, &url, "main").await, Ok(first.clone()));
    let tree = source_with_key.load(&spec(&url, "main"), &first).await.unwrap();
    assert_eq!(tree.read("f").unwrap().as_ref(), b"1");
    let second = repo.commit("f", "2");
    for reference in ["", "main", second.as_str(), &second[..8]] {
        assert_eq!(resolve(&source_with_key, &url, reference).await, Ok(second.clone()));
    }
    let refused = async |source: &GitSource, url: &str, reference: &str, expected: &str| {
        let message = resolve(source, url, reference).await.unwrap_err();
        assert!(message.contains(expected), "{message}");
    };
    let printed = ["cat".to_owned(), bench.path("user_key").display().to_string()];
    let printed = source_from(&bench, SecretFrom::Command(printed.to_vec()));
    assert_eq!(resolve(&printed, &url, "main").await, Ok(second.clone()));
    assert_eq!(resolve(&source_with_key, &url, "main~1").await, Ok(first.clone()));
    let revert = trueup_git::Revert {
        expected: second.clone(),
        to: first.clone(),
        path: String::new(),
        message: "back".to_owned(),
        name: "TrueUp".to_owned(),
        email: "trueup@example.com".to_owned(),
        time: jiff::Timestamp::UNIX_EPOCH,
        branch: Some("back".to_owned()),
    };
    let pushed = source_with_key.push_revert(&spec(&url, "main"), revert).await.unwrap();
    assert_eq!(repo.git(&["rev-parse", "back"]), pushed.commit);
    assert_eq!(repo.git(&["show", "back:f"]), "1");
    refused(&source_with_key, &url, "mian", "did you mean `main`?").await;
    refused(&source_with_key, &format!("{base}/none"), "", "is not a Git repository").await;
    key(&bench, "other_key");
    refused(&source(&bench, "other_key"), &url, "", "configure a key for it").await;
    known_hosts(&bench, sshd.port, "other_key.pub");
    refused(&source_with_key, &url, "", "is not the one that is known").await;
    std::fs::write(bench.path("known"), "").unwrap();
    refused(&source_with_key, &url, "", "the key of the host is not known").await;
}
