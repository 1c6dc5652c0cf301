//! An in-memory transport that answers from a list, a fixed clock, and an observer that remembers.
#![allow(dead_code, clippy::expect_used, clippy::unwrap_used, reason = "each test takes what it needs")]

pub(crate) mod refresh;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AuthorizationServer, AuthorizationServerBuilder, Clock, CoarseReading, Event, Instant, Observer,
    Timestamp,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Request, TokenEndpoint, Transport, TransportFailure,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// A request as it left.
#[derive(Debug, Clone)]
pub(crate) struct Left {
    pub(crate) method: http::Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    pub(crate) learned: bool,
    pub(crate) time_limit: Option<Duration>,
}

impl Left {
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(self.body.as_bytes()).into_owned().collect()
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.pairs().into_iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// Answers in turn; the last answer is not repeated.
#[derive(Debug, Default)]
pub(crate) struct Script {
    answers: Mutex<VecDeque<Result<Answer, TransportFailure>>>,
    left: Mutex<Vec<Left>>,
}

impl Script {
    pub(crate) fn new(answers: impl IntoIterator<Item = Result<Answer, TransportFailure>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), left: Mutex::default() })
    }

    pub(crate) fn left(&self) -> Vec<Left> {
        self.left.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        self.left.lock().unwrap().push(Left {
            method: request.method().clone(),
            url: request.url().to_string(),
            headers: request.headers().clone(),
            body: String::from_utf8(request.expose_body().to_vec()).unwrap(),
            learned: request.is_learned(),
            time_limit: request.time_limit(),
        });
        self.answers.lock().unwrap().pop_front().expect("one more request than the test has answers for")
    }
}

pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer::new(StatusCode::from_u16(status).unwrap()).with_body(body)
}

pub(crate) fn with_headers(answer: Answer, headers: &[(&str, &str)]) -> Answer {
    let pair = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter().map(pair) {
        map.append(name, value);
    }
    answer.with_headers(map)
}

/// A clock that stands until a test moves it: 100 s after boot, in November 1994.
#[derive(Debug)]
pub(crate) struct Standing(pub(crate) Mutex<Duration>);

pub(crate) const WALL_SECONDS: i64 = 784_111_777;

impl Standing {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new(Duration::ZERO)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for Standing {
    fn now(&self) -> Instant {
        Instant::ZERO.after(Duration::from_secs(100) + *self.0.lock().unwrap())
    }
    fn wall(&self) -> Timestamp {
        Timestamp::from_unix_seconds(WALL_SECONDS).after(*self.0.lock().unwrap())
    }
    fn coarse(&self) -> CoarseReading {
        CoarseReading { monotonic: self.now().as_nanos(), wall: self.wall() }
    }
}

/// Remembers the events, as text.
#[derive(Debug, Default)]
pub(crate) struct Remembered(Mutex<Vec<Event>>);

impl Remembered {
    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Remembered {
    fn on(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

pub(crate) fn server() -> AuthorizationServerBuilder {
    AuthorizationServer::builder("https://as.example.com/token")
}

pub(crate) fn endpoint(server: AuthorizationServerBuilder, script: &Arc<Script>) -> TokenEndpoint {
    let client = Client::new("the-client", ClientAuthentication::secret_basic("the-secret")).unwrap();
    endpoint_for(server, client, script)
}

pub(crate) fn endpoint_for(
    server: AuthorizationServerBuilder,
    client: Client,
    script: &Arc<Script>,
) -> TokenEndpoint {
    TokenEndpoint::builder(server.build().unwrap(), client, script.clone())
        .clock(Standing::new())
        .build()
        .unwrap()
}
