//! An HTTP client of a few lines, which shows what really came, and shorthands for the tests.

use std::io;

use grantry_endpoint::{Answer, Request, Transport, TransportFailure};
use grantry_testkit::{RegisteredClient, TestServer, TestServerBuilder};
use http::{HeaderValue, Method, header};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use zeroize::Zeroizing;

/// All bytes that came back, and whether the connection ended in order.
pub(crate) struct Came {
    pub(crate) bytes: Vec<u8>,
    pub(crate) ended: io::Result<()>,
}

impl Came {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub(crate) fn status(&self) -> u16 {
        self.text().split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let text = self.text().to_ascii_lowercase();
        let head = text.split("\r\n\r\n").next().unwrap();
        head.lines().find_map(|l| l.strip_prefix(&format!("{name}: ")).map(str::to_owned))
    }

    pub(crate) fn body(&self) -> String {
        self.text().split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body()).unwrap()
    }
}

/// Sends one request to `http://host:port/path` and reads to the end.
pub(crate) async fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Came {
    let (authority, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let mut text = format!("{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    let ended = stream.read_to_end(&mut bytes).await.map(drop);
    Came { bytes, ended }
}

const FORM: &str = "application/x-www-form-urlencoded";

/// Posts a form, as a client named `billing`.
pub(crate) async fn post(url: &str, form: &str) -> Came {
    let form = format!("client_id=billing&client_secret=s3cret&{form}");
    send("POST", url, &[("Content-Type", FORM)], &form).await
}

/// Asks for a token by client credentials.
pub(crate) async fn ask(server: &TestServer) -> Came {
    post(&server.token_endpoint(), "grant_type=client_credentials").await
}

/// Posts a form through memory, as a client named `billing`.
pub(crate) async fn post_in_memory(server: &TestServer, form: &str) -> Result<Answer, TransportFailure> {
    let form = format!("client_id=billing&client_secret=s3cret&{form}");
    let request = Request::new(Method::POST, server.token_endpoint().parse().unwrap())
        .with_header(header::CONTENT_TYPE, HeaderValue::from_static(FORM))
        .with_body(Zeroizing::new(form.into_bytes()));
    server.transport().send(request).await
}

/// The JSON of an answer that came through memory.
pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(answer.expose_body()).unwrap()
}

/// A server that knows the client `billing`.
pub(crate) fn builder() -> TestServerBuilder {
    TestServer::builder().client(RegisteredClient::with_secret("billing", "s3cret"))
}

/// A form, posted to a path of a server without a socket.
pub(crate) fn posted(path: &str, parameters: &[(&str, &str)]) -> Request {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    let url = format!("https://as.test{path}").parse().unwrap();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    Request::new(Method::POST, url)
        .with_header(header::CONTENT_TYPE, kind)
        .with_body(Zeroizing::new(form.into_bytes()))
}

/// What a server without a socket answers, which is always JSON.
pub(crate) async fn answered(server: &TestServer, request: Request) -> Value {
    let answer = server.transport().send(request).await.unwrap();
    serde_json::from_slice(answer.expose_body()).unwrap()
}
