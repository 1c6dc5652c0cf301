//! A server on a loopback port that keeps what it was sent and answers as it is told to.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::upstream::Seen;

/// With data, trailers, or neither.
pub(crate) type Answer = Response<BoxBody<Bytes, Infallible>>;

#[derive(Clone)]
pub(crate) struct Server {
    origin: String,
    answer: Arc<dyn Fn(&Seen) -> Answer + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn http1(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let (server, listener) = Self::new(answer).await;
        tokio::spawn(server.clone().accept(listener, false));
        server
    }

    pub(crate) async fn http2(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        let (server, listener) = Self::new(answer).await;
        tokio::spawn(server.clone().accept(listener, true));
        server
    }

    async fn new(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> (Self, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        (Self { origin, answer: Arc::new(answer), seen: Arc::default() }, listener)
    }

    pub(crate) fn origin(&self) -> String {
        self.origin.clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect()
    }

    async fn accept(self, listener: TcpListener, is_http2: bool) {
        while let Ok((connection, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(connection, is_http2));
        }
    }

    /// Until the client goes; how it goes is its affair.
    async fn serve(self, connection: TcpStream, is_http2: bool) {
        let io = TokioIo::new(connection);
        let service = service_fn(move |request| self.clone().receive(request));
        let _ = match is_http2 {
            true => http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await,
            false => http1::Builder::new().serve_connection(io, service).await,
        };
    }

    async fn receive(self, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
        let (head, body) = request.into_parts();
        let seen = Seen { head: Arc::new(head), body: body.collect().await?.to_bytes() };
        let answer = (self.answer)(&seen);
        self.seen.lock().unwrap().push(seen);
        Ok(answer)
    }
}

/// An answer without a body; a 401 says that it is about the token.
pub(crate) fn empty(status: u16) -> Answer {
    let mut answer = Response::new(Empty::new().boxed());
    *answer.status_mut() = status.try_into().unwrap();
    if status == 401 {
        let challenge = http::HeaderValue::from_static("Bearer error=\"invalid_token\"");
        answer.headers_mut().insert("www-authenticate", challenge);
    }
    answer
}
