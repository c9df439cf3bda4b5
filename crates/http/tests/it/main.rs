//! The client against small servers on this machine that say what they are told to say.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod tls;

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use trueup_http::{AddressGuard, Client, HttpError, Login, Proxy, Request, Settings};

/// A server that gives these answers, one a connection, and the requests it got.
struct Server {
    url: String,
    requests: JoinHandle<Vec<String>>,
}

async fn serve(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let requests = tokio::spawn(async move {
        let mut requests = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let length = stream.read(&mut request).await.unwrap();
            requests.push(String::from_utf8_lossy(&request[..length]).to_lowercase());
            if answer == "nothing" {
                // Waits until the client gives up.
                let _ = stream.read(&mut request).await;
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
        requests
    });
    Server { url, requests }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn redirect(to: &str) -> String {
    format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    )
}

fn settings() -> Settings {
    Settings { proxy: Proxy::None, ..Settings::default() }
}

fn login() -> Option<Login> {
    Some(Login::Basic { user: "ada".to_owned(), password: "secret".to_owned() })
}

async fn text(settings: Settings, request: Request) -> Result<String, HttpError> {
    let bytes = Client::new(&settings)?.send(&request).await?.bytes().await?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[tokio::test]
async fn an_answer_is_read() {
    let server = serve(vec![ok("hello")]).await;
    let request = Request {
        headers: vec![("X-Wanted".to_owned(), "yes".to_owned())],
        login: login(),
        ..Request::get(&server.url)
    };
    assert_eq!(text(settings(), request).await.unwrap(), "hello");
    let requests = server.requests.await.unwrap();
    assert!(requests[0].contains("x-wanted: yes"), "{requests:?}");
    assert!(requests[0].contains("authorization: basic ywrhonnly3jlda=="), "{requests:?}");
}

#[tokio::test]
async fn a_redirect_to_another_origin_does_not_take_the_credential_along() {
    let other = serve(vec![ok("there")]).await;
    let server = serve(vec![redirect("/here"), redirect(&other.url)]).await;
    let request = Request { login: login(), ..Request::get(&server.url) };
    assert_eq!(text(settings(), request).await.unwrap(), "there");
    let requests = server.requests.await.unwrap();
    assert!(requests[1].starts_with("get /here"), "{requests:?}");
    assert!(requests[1].contains("authorization"), "{requests:?}");
    assert!(!other.requests.await.unwrap()[0].contains("authorization"));
}

#[tokio::test]
async fn redirects_end_somewhere() {
    let server = serve(vec![redirect("/again"); 6]).await;
    let error = text(settings(), Request::get(&server.url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Redirect { .. }), "{error}");
    let server = serve(vec![redirect("file:///etc/passwd")]).await;
    let error = text(settings(), Request::get(&server.url)).await.unwrap_err();
    assert!(error.to_string().contains("that is not HTTP"), "{error}");
}

#[tokio::test]
async fn guarded_addresses_are_not_asked_not_even_by_redirect() {
    let check = async |url: &str| {
        let error = text(settings(), Request::get(url)).await.unwrap_err();
        assert!(matches!(error, HttpError::Guarded { .. }), "{url}: {error}");
    };
    check("http://169.254.169.254/latest/meta-data").await;
    check("http://[fd00:ec2::254]/").await;
    check("http://0x7f.1:0@0.0.0.0/").await;
    let server = serve(vec![redirect("http://169.254.169.254/")]).await;
    check(&server.url).await;
    assert!(AddressGuard::Everything.allows("169.254.169.254".parse().unwrap()));
}

#[tokio::test]
async fn what_takes_too_long_or_is_too_long_ends() {
    let server = serve(vec!["nothing".to_owned()]).await;
    let hurried = Settings { answer_within: Duration::from_millis(50), ..settings() };
    let error = text(hurried, Request::get(&server.url)).await.unwrap_err();
    assert!(matches!(error, HttpError::Deadline { .. }), "{error}");

    let server = serve(vec![ok(&"x".repeat(2000))]).await;
    let small = Settings { largest_answer: 1000, ..settings() };
    let error = text(small, Request::get(&server.url)).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1000, .. }), "{error}");
}

#[tokio::test]
async fn credentials_are_not_sent_in_the_clear_and_not_shown() {
    let request = Request { login: login(), ..Request::get("http://ada:pw@git.example/x") };
    let error = text(settings(), request).await.unwrap_err().to_string();
    assert!(error.contains("over https or to this machine only"), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://ada:pw@{closed}/x");
    let error = text(settings(), Request::get(url)).await.unwrap_err().to_string();
    assert!(error.to_lowercase().contains("connection refused"), "{error}");
    assert!(!error.contains("pw"), "{error}");
}
