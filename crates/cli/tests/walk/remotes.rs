//! Private repositories: behind HTTPS with an authority and a password of the house, and behind SSH
//! with a key; both named in `trueup.yaml` alone.

use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::git_server::{Behaviour, Server};
use crate::place::{Place, read};

const FILE: &str = "apiVersion: host.trueup.dev/v1\nkind: File\nmetadata: {name: a}\nspec: {path: a.txt, content: private}\n";

/// Applies once and looks at what came of it; then without the configuration, which must fail.
fn check(place: &Place, url: &str, config: &str, refusal: &str) {
    place.write("trueup.yaml", config);
    place.done(&["--config", "trueup.yaml", "run", url, "--name", "shop", "--once"]);
    assert_eq!(read(&place.app().join("a.txt")), "private");
    let said = place.trueup(&["plan", url]);
    assert_eq!(said.code, 1, "{}{}", said.out, said.err);
    assert!(format!("{}{}", said.out, said.err).contains(refusal), "{}{}", said.out, said.err);
    let history = place.done(&["history", "shop", "-o", "json"]);
    assert!(!history.contains("s3cret"), "{history}");
}

/// A server for the place's repositories that asks for a password, behind TLS of an authority of its
/// own. Answers its URL and the authority's certificate.
async fn https(place: &Place) -> (String, String) {
    let behaviour = Behaviour { wants: Some("Basic ZGVwbG95OnMzY3JldA=="), ..Behaviour::default() };
    let plain = Server::start(place.folder(), behaviour).await;
    let behind = plain.url.trim_start_matches("http://").to_owned();
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().expect("a key");
    let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = params.signed_by(&key, &authority).expect("a certificate");
    trueup_http::install_tls_provider();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::try_from(key.serialize_der()).expect("a key"),
        )
        .expect("a certificate and its key");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let Ok(mut outer) = acceptor.accept(stream).await else { return };
                let Ok(mut inner) = tokio::net::TcpStream::connect(behind).await else { return };
                // It ends when either side does.
                let _ = tokio::io::copy_bidirectional(&mut outer, &mut inner).await;
            });
        }
    });
    (format!("https://localhost:{port}/shop"), authority.pem())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_private_repository_behind_https_is_kept() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("a.yaml", FILE)]);
    let (url, authority) = https(&place).await;
    let (folder, base) = (place.folder().display(), url.trim_end_matches("/shop"));
    place.write("ca.pem", &authority);
    place.write("password", "s3cret\n");
    let config = format!(
        "credentials:\n- prefix: {base}/\n  user: deploy\n  password: {{file: {folder}/password}}\n  tls: {{authorities: {{file: {folder}/ca.pem}}}}\n"
    );
    let trusting = format!(
        "credentials=[{{prefix: {base}/, tls: {{authorities: {{file: {folder}/ca.pem}}}}}}]"
    );
    let check = move || {
        check(&place, &url, &config, "is not trusted");
        let said = place.trueup(&["--configure", &trusting, "plan", &url]);
        assert!(said.err.contains("refused access (HTTP 401)"), "{}{}", said.out, said.err);
    };
    tokio::task::spawn_blocking(check).await.expect("the check holds");
}

/// An `sshd` that lets the holder of one key in.
struct Sshd(Child, u16);

impl Drop for Sshd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sshd(place: &Place) -> Option<Sshd> {
    let path = std::env::var_os("PATH")?;
    let usual = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    let mut folders = std::env::split_paths(&path).chain(usual);
    let Some(program) = folders.find(|folder| folder.join("sshd").exists()) else {
        eprintln!("not tested: sshd is not installed");
        return None;
    };
    let folder = place.folder();
    for key in ["host_key", "user_key"] {
        let mut made = Command::new("ssh-keygen");
        made.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(folder.join(key));
        assert!(made.status().expect("ssh-keygen runs").success());
    }
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("one").port();
    let path = |name: &str| folder.join(name).display().to_string();
    place.write(
        "sshd_config",
        &format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\n\
             StrictModes no\nUsePAM no\nAcceptEnv GIT_PROTOCOL\nPasswordAuthentication no\n",
            path("host_key"),
            path("user_key.pub"),
        ),
    );
    let mut child = Command::new(program.join("sshd"))
        .args(["-D", "-f", &path("sshd_config")])
        .stderr(Stdio::null())
        .spawn()
        .expect("sshd runs");
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if child.try_wait().expect("a child").is_some() {
            eprintln!("not tested: sshd does not start here");
            return None;
        }
        std::thread::yield_now();
    }
    Some(Sshd(child, port))
}

#[test]
fn a_private_repository_behind_ssh_is_kept() {
    let Some(place) = Place::new() else { return };
    place.commit("first", &[("a.yaml", FILE)]);
    let Some(sshd) = sshd(&place) else { return };
    let user = Command::new("id").arg("-un").output().expect("id runs").stdout;
    let base = format!("ssh://{}@127.0.0.1:{}", String::from_utf8_lossy(&user).trim(), sshd.1);
    let folder = place.folder().display();
    let key = read(&place.folder().join("host_key.pub"));
    place.write("known", &format!("[127.0.0.1]:{} {key}", sshd.1));
    let config = format!(
        "credentials:\n- prefix: {base}/\n  ssh: {{key: {{command: [cat, {folder}/user_key]}}, knownHosts: {{file: {folder}/known}}}}\n"
    );
    let url = format!("{base}{}", place.repo().display());
    check(&place, &url, &config, "the key of the host is not known");
}
