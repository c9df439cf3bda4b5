//! Whom the client trusts, and how it shows who it is.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server on this machine, of which the certificate is signed by an authority. It asks for one
/// that the same authority signed, if it is told to.
async fn serve_tls(authority: &Authority, name: &str, asks: bool) -> String {
    trueup_http::install_tls_provider();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let builder = if asks {
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap();
        ServerConfig::builder().with_client_cert_verifier(verifier)
    } else {
        ServerConfig::builder().with_no_client_auth()
    };
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = builder.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(ok("safe").as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given() {
    let (ours, other) = (authority("ours"), authority("other"));
    let url = serve_tls(&ours, "localhost", false).await;
    let trusting = |authority: &Authority| Settings {
        authorities: authority.pem().into_bytes(),
        ..settings()
    };
    assert_eq!(text(trusting(&ours), Request::get(&url)).await.unwrap(), "safe");
    for settings in [settings(), trusting(&other)] {
        let error = text(settings, Request::get(&url)).await.unwrap_err();
        assert!(matches!(error, HttpError::Certificate { .. }), "{error}");
        assert!(error.to_string().contains("an authority that is not known here"), "{error}");
    }
    let elsewhere = serve_tls(&ours, "git.example", false).await;
    let error = text(trusting(&ours), Request::get(&elsewhere)).await.unwrap_err();
    assert!(matches!(error, HttpError::Certificate { .. }), "{error}");
}

#[tokio::test]
async fn our_own_certificate_is_shown_to_who_asks() {
    let ours = authority("ours");
    let url = serve_tls(&ours, "localhost", true).await;
    let without = Settings { authorities: ours.pem().into_bytes(), ..settings() };
    let error = text(without.clone(), Request::get(&url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");

    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["trueup".to_owned()]).unwrap().signed_by(&key, &ours).unwrap();
    let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
    let with = Settings { certificate: Some(pem.into_bytes()), ..without };
    assert_eq!(text(with, Request::get(&url)).await.unwrap(), "safe");
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_said() {
    let bad = Settings { certificate: Some(b"not PEM".to_vec()), ..settings() };
    let error = Client::new(&bad).unwrap_err().to_string();
    assert!(error.contains("our own certificate"), "{error}");
    let bad = Settings { proxy: Proxy::Url("http://u:secret@[".to_owned()), ..settings() };
    let error = Client::new(&bad).unwrap_err().to_string();
    assert!(error.contains("proxy") && !error.contains("secret"), "{error}");
}
