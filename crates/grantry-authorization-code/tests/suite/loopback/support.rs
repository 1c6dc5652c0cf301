//! A login under way, its server in memory, and browsers that speak HTTP as they like.

use std::net::SocketAddr;
use std::sync::Arc;

use grantry_authorization_code::{AuthorizationCode, Granted, Loopback, LoopbackBuilder, Unfinished};
use grantry_testkit::{ManualClock, RegisteredClient, TestServer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::support::{CLIENT, SECRET, endpoint};

pub(super) struct Login {
    pub(super) server: Arc<TestServer>,
    pub(super) address: SocketAddr,
    pub(super) url: String,
    pub(super) task: JoinHandle<Result<Granted, Unfinished>>,
}

impl Login {
    pub(super) async fn start() -> Self {
        Self::start_at(Loopback::builder()).await
    }

    pub(super) async fn start_at(builder: LoopbackBuilder) -> Self {
        Self::start_with(builder, "read").await
    }

    pub(super) async fn start_with(builder: LoopbackBuilder, scope: &'static str) -> Self {
        let loopback = builder.listen().await.unwrap();
        let redirect_uri = loopback.redirect_uri().to_owned();
        let authority = redirect_uri.split('/').nth(2).unwrap().replace("localhost", "127.0.0.1");
        let clock = ManualClock::following_tokio();
        let client = RegisteredClient::with_secret(CLIENT, SECRET).redirect_uri(&redirect_uri);
        let server = TestServer::builder().client(client).clock(Arc::new(clock.clone())).build();
        let facts = server.authorization_server().unwrap();
        let endpoint = endpoint(facts, server.transport(), &clock);
        let flow = AuthorizationCode::builder(endpoint, redirect_uri).scope(scope).build().unwrap();
        let (tell, told) = tokio::sync::oneshot::channel();
        let task =
            tokio::spawn(
                async move { loopback.login(&flow, |url| tell.send(url.to_owned()).unwrap()).await },
            );
        let url = told.await.unwrap();
        Self { server: Arc::new(server), address: authority.parse().unwrap(), url, task }
    }

    /// The person logs in; where the server sends the browser then, as path and query.
    pub(super) async fn person(&self) -> String {
        let back = self.server.visit(&self.url).await.unwrap();
        let path = back.splitn(4, '/').nth(3).unwrap();
        format!("/{path}")
    }

    pub(super) fn issuer_parameter(&self) -> String {
        let issuer: String = url::form_urlencoded::byte_serialize(self.server.issuer().as_bytes()).collect();
        format!("iss={issuer}")
    }

    /// A request as a browser sends it.
    pub(super) fn request(&self, target: &str, line: &str) -> String {
        let line = if line.is_empty() { String::new() } else { format!("{line}\r\n") };
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\nConnection: keep-alive\r\n{line}\r\n", self.address)
    }

    pub(super) async fn browser(&self, target: &str) -> String {
        self.raw(&self.request(target, "")).await
    }

    pub(super) async fn browser_owned(&self, target: String) -> String {
        self.browser(&target).await
    }

    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends bytes, and reads until the other side ends the connection.
    pub(super) async fn raw(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }

    pub(super) async fn outcome(self) -> Result<Granted, Unfinished> {
        self.task.await.unwrap()
    }
}

pub(super) async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

pub(super) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0)
}

pub(super) fn query(target: &str, name: &str) -> String {
    let url = format!("http://127.0.0.1{target}");
    crate::support::query(&url).expose(name).unwrap().to_owned()
}

/// Nobody listens there.
pub(super) async fn is_free(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_err() && TcpListener::bind(address).await.is_ok()
}
