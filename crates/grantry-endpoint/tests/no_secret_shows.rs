//! Canary secrets go through every success and failure; no byte of them may show anywhere.
#![cfg(any(feature = "rustls", feature = "native-tls"))]
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::error::Error as _;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{AccessToken, Attempt, AuthorizationServer, Error, Failure, Grant, RefreshToken};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Discovery, HttpTransport, IntrospectionEndpoint, KeepError, Keeper,
    Kept, RefreshTokenGrant, Request, RevocationEndpoint, TokenEndpoint, TokenRequest, Transport,
    TransportCause, TransportFailure,
};
use support::{Script, answer, server, with_headers};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

const CANARY: &str = "canary-5f0c1d9e-canary-5f0c1d9e-canary";

/// Everything that was traced.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn listen(&self) -> tracing::subscriber::DefaultGuard {
        let log = self.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(move || log.clone())
            .finish();
        tracing::subscriber::set_default(subscriber)
    }
}

#[derive(Debug)]
struct Full;

#[async_trait]
impl Keeper for Full {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        Err(KeepError::new(format!("no room for {kept:?}")))
    }
}

fn show(shown: &mut String, error: &Error) {
    let _ = write!(shown, "{error:?} {error} {} {:?}", error.diagnosis(), error.diagnosis());
    let mut cause = error.source();
    while let Some(next) = cause {
        let _ = write!(shown, " {next:?} {next}");
        cause = next.source();
    }
}

fn show_failure(shown: &mut String, failure: &Failure) {
    let _ = write!(shown, "{failure:?}");
    show(shown, &failure.error);
}

fn answers() -> Vec<Result<Answer, TransportFailure>> {
    let token = format!(r#"{{"access_token":"{CANARY}","refresh_token":"{CANARY}","expires_in":60}}"#);
    let error = format!(
        r#"{{"error":"invalid_grant","error_description":"{CANARY}","error_uri":"https://x/{CANARY}"}}"#
    );
    let cut = &token[..token.len() - 2];
    let mut all = Vec::new();
    for status in [200, 201, 302, 400, 401, 403, 429, 500, 503] {
        for body in
            [&token, &error, cut, &format!("<html>{CANARY}"), &format!(r#"{{"error":{{"x":"{CANARY}"}}}}"#)]
        {
            all.push(Ok(with_headers(answer(status, body), &[("location", CANARY), ("x", CANARY)])));
        }
    }
    all.push(Ok(answer(200, format!(r#"{{"access_token":"{CANARY}\r\n{CANARY}"}}"#))));
    all.push(Ok(answer(200, format!(r#"{{"access_token":"{CANARY}","token_type":"{CANARY}"}}"#))));
    for cause in [TransportCause::TimedOut, TransportCause::Truncated, TransportCause::TooLarge] {
        all.push(Err(TransportFailure::unknown(cause).with_partial(answer(200, cut))));
    }
    all.push(Err(TransportFailure::unsent(TransportCause::TlsFailed)));
    all
}

fn methods() -> [ClientAuthentication; 4] {
    [
        ClientAuthentication::secret_basic(CANARY).or_secret(CANARY),
        ClientAuthentication::secret_post(CANARY),
        ClientAuthentication::secret_jwt(CANARY),
        ClientAuthentication::private_key(grantry_jose::SigningKey::generate_ed25519().unwrap()),
    ]
}

#[tokio::test]
async fn req_e30_no_secret_shows_in_any_debug_error_or_trace() {
    let (log, mut shown) = (Log::default(), String::new());
    let _listening = log.listen();
    for method in methods() {
        let _ = write!(shown, "{method:?}");
        for result in answers() {
            let _ = write!(shown, "{result:?}");
            let script = Script::new([result]);
            let full = server()
                .issuer("https://as.example.com")
                .revocation_endpoint("https://as.example.com/revoke")
                .introspection_endpoint("https://as.example.com/introspect");
            let client = Client::new("client", method.clone()).unwrap();
            let builder = TokenEndpoint::builder(full.build().unwrap(), client, Arc::new(Silent(script)));
            let _ = write!(shown, "{builder:?}");
            let endpoint = builder.build().unwrap();
            let request = TokenRequest::new("password").parameter("password", CANARY).resource(CANARY);
            let _ = write!(shown, "{request:?} {endpoint:?}");
            match endpoint.request(request, Attempt::first()).await {
                Ok(set) => drop(write!(shown, "{set:?}")),
                Err(failure) => show_failure(&mut shown, &failure),
            }
        }
        for result in answers() {
            let client = Client::new("client", method.clone()).unwrap();
            let endpoint = TokenEndpoint::new(
                server().issuer("https://as.example.com").build().unwrap(),
                client,
                Arc::new(Silent(Script::new([result]))),
            )
            .unwrap();
            let builder =
                RefreshTokenGrant::builder(endpoint, CANARY.replace('-', "+").into(), Arc::new(Full));
            let _ = write!(shown, "{builder:?}");
            let grant = builder.build().unwrap();
            let _ = write!(shown, "{grant:?}");
            match grant.obtain(Attempt::first()).await {
                Ok(set) => drop(write!(shown, "{set:?}")),
                Err(failure) => show_failure(&mut shown, &failure),
            }
        }
    }
    for result in answers().into_iter().zip(answers()).zip(answers()) {
        let ((first, second), third) = result;
        let script = Script::new([first, second, third]);
        let full = server()
            .issuer("https://as.example.com")
            .revocation_endpoint("https://as.example.com/revoke")
            .introspection_endpoint("https://as.example.com/introspect");
        let client = Client::new("client", ClientAuthentication::secret_post(CANARY)).unwrap();
        let silent = Arc::new(Silent(script));
        let endpoint = TokenEndpoint::new(full.build().unwrap(), client, silent.clone()).unwrap();
        let (revocation, introspection) =
            (RevocationEndpoint::of(&endpoint).unwrap(), IntrospectionEndpoint::of(&endpoint).unwrap());
        let _ = write!(shown, "{revocation:?} {introspection:?}");
        if let Err(error) = revocation.revoke_refresh_token(&RefreshToken::new(CANARY)).await {
            show(&mut shown, &error);
        }
        match introspection.introspect(&AccessToken::new(CANARY)).await {
            Ok(active) => drop(write!(shown, "{active:?}")),
            Err(error) => show(&mut shown, &error),
        }
        let discovery = Discovery::new("https://as.example.com", silent).unwrap();
        if let Err(error) = discovery.discover().await {
            show(&mut shown, &error);
        }
    }
    assert!(!shown.contains("5f0c1d9e"), "a secret shows");
    let traced = log.text();
    assert!(traced.contains("server.address") && traced.contains("http.response.status_code"));
    assert!(!traced.contains("5f0c1d9e"), "a secret was traced");
}

/// A script whose own `Debug` shows nothing: what it remembers are the secrets.
struct Silent(Arc<Script>);

impl std::fmt::Debug for Silent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Silent")
    }
}

#[async_trait]
impl Transport for Silent {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        let _ = format!("{request:?}");
        match self.0.left().len() {
            0 => self.0.send(request).await,
            _ => Ok(answer(404, CANARY)),
        }
    }
}

#[tokio::test]
async fn req_e30_nothing_below_the_transport_traces_a_secret() {
    let (log, mut shown) = (Log::default(), String::new());
    let _listening = log.listen();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        for answer in [
            format!("HTTP/1.1 200 X\r\nX-Y: {CANARY}\r\nContent-Length: 40\r\n\r\n{CANARY}!!"),
            format!("HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{CANARY}"),
            format!("{CANARY}\r\n\r\n"),
        ] {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let _ = socket.read(&mut buffer).await;
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    let transport = HttpTransport::builder().for_single_use_credentials().build().unwrap();
    for _ in 0..3 {
        let mut secret = http::HeaderValue::from_str(CANARY).unwrap();
        secret.set_sensitive(true);
        let request =
            Request::new(http::Method::POST, format!("http://{address}/?x={CANARY}").parse().unwrap())
                .with_header(http::header::AUTHORIZATION, secret)
                .with_body(Zeroizing::new(CANARY.into()));
        let _ = write!(shown, "{request:?}");
        let _ = write!(shown, "{:?}", transport.send(request).await);
    }
    let _ = write!(shown, "{transport:?}");
    assert!(!shown.contains("5f0c1d9e"), "{shown}");
    assert!(!log.text().contains("5f0c1d9e"), "{}", log.text());
}

#[test]
fn what_stands_in_the_query_of_an_endpoint_does_not_show() {
    let url = |path: &str| format!("https://as.example.com/{path}?key={CANARY}");
    let server = AuthorizationServer::builder(url("token"))
        .revocation_endpoint(url("revoke"))
        .introspection_endpoint(url("introspect"))
        .build()
        .unwrap();
    let client = Client::new("billing", ClientAuthentication::secret_basic("s3cret")).unwrap();
    let endpoint = TokenEndpoint::builder(server.clone(), client, Script::new([])).build().unwrap();
    let revocation = RevocationEndpoint::of(&endpoint).unwrap();
    let introspection = IntrospectionEndpoint::of(&endpoint).unwrap();
    let shown = format!("{server:?} {endpoint:?} {revocation:?} {introspection:?}");
    assert!(shown.contains("as.example.com/token") && shown.contains("as.example.com/revoke"), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
}
