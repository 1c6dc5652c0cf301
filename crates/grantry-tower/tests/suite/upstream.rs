//! A service that keeps what it was sent and answers as it is told to.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderName, Request, Response};
use http_body_util::{BodyExt, Full};
use tower_service::Service;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) head: Arc<http::request::Parts>,
    pub(crate) body: Bytes,
}

impl Seen {
    pub(crate) fn header(&self, name: &'static str) -> &str {
        self.head.headers.get(HeaderName::from_static(name)).map_or("-", |value| value.to_str().unwrap())
    }
}

pub(crate) type Answer = Response<Full<Bytes>>;

#[derive(Clone)]
pub(crate) struct Upstream {
    answer: Arc<dyn Fn(&Seen) -> Answer + Send + Sync>,
    seen: Arc<Mutex<Vec<Seen>>>,
    is_ready: bool,
}

impl Upstream {
    pub(crate) fn new(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default(), is_ready: false }
    }

    /// Takes any token but `t1`.
    pub(crate) fn refuses_the_first() -> Self {
        Self::new(|seen| if seen.header("authorization") == "Bearer t1" { refused() } else { answer(200) })
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn authorizations(&self) -> Vec<String> {
        self.seen().iter().map(|seen| seen.header("authorization").to_owned()).collect()
    }
}

pub(crate) fn answer(status: u16) -> Answer {
    Response::builder().status(status).body(Full::default()).unwrap()
}

pub(crate) fn challenge(status: u16, value: &str) -> Answer {
    Response::builder().status(status).header("www-authenticate", value).body(Full::default()).unwrap()
}

pub(crate) fn refused() -> Answer {
    challenge(401, "Bearer error=\"invalid_token\"")
}

impl<B> Service<Request<B>> for Upstream
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    type Response = Answer;
    type Error = std::io::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Answer, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), std::io::Error>> {
        self.is_ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(std::mem::take(&mut self.is_ready), "called before it was ready");
        let upstream = self.clone();
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = Seen { head: Arc::new(head), body };
            tokio::task::yield_now().await;
            let answer = (upstream.answer)(&seen);
            upstream.seen.lock().unwrap().push(seen);
            Ok(answer)
        })
    }
}
