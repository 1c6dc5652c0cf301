//! What a login costs before anybody is sent off: an authorization request, beside the randomness in it; and what 10,000 of
//! them take in memory while their people are away.

use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::{AuthorizationCode, PendingAuthorizations, PendingInMemory};
use grantry_core::{AuthorizationServer, Clock, Entropy, SystemClock, SystemEntropy};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, Request, TokenEndpoint, Transport, TransportFailure,
};

use crate::figure::Report;
use crate::timing::side_by_side;

const PENDING: usize = 10_000;

/// Nothing is sent here.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
        unreachable!("a request that is not pushed is not sent")
    }
}

/// A future that has nothing to wait for.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => unreachable!("nothing is waited for"),
    }
}

fn flow() -> AuthorizationCode {
    let server = AuthorizationServer::builder("https://as.example.com/token")
        .authorization_endpoint("https://as.example.com/authorize")
        .issuer("https://as.example.com")
        .jwks_uri("https://as.example.com/jwks")
        .build()
        .unwrap();
    let client = Client::new("calendar", ClientAuthentication::secret_basic("a client secret")).unwrap();
    let endpoint = TokenEndpoint::new(server, client, Arc::new(Nowhere)).unwrap();
    AuthorizationCode::builder(endpoint, "https://app.example.com/callback")
        .scope("openid calendar.read calendar.write")
        .build()
        .unwrap()
}

pub(crate) fn run(report: &mut Report) {
    let flow = flow();
    let user_agent = flow.user_agent();
    let begin = || {
        let (redirect, pending) = at_once(flow.begin(&user_agent)).unwrap();
        black_box((redirect.into_location().unwrap(), pending));
    };
    // State, verifier and nonce.
    let randomness = || {
        for _ in 0..3 {
            let mut octets = [0; 32];
            SystemEntropy.fill(&mut octets);
            black_box(octets);
        }
    };
    let (ours, random) = side_by_side(20_000, |_| begin(), |_| randomness());
    let (ours, random) = (ours / 1_000.0, random / 1_000.0);
    let aim = "randomness + 5 us";
    report.add("an authorization request", ours, "us", Some(random), aim, ours <= random + 5.0);

    let begun: Vec<_> = (0..PENDING)
        .map(|_| {
            let (_, pending) = at_once(flow.begin(&user_agent)).unwrap();
            (pending.key(), pending.to_bytes().unwrap())
        })
        .collect();
    let theirs: usize = begun.iter().map(|(_, bytes)| bytes.capacity()).sum();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = PendingInMemory::new(clock);
    let measured = allocation_counter::measure(|| {
        for (key, bytes) in begun {
            at_once(store.keep(key, bytes, Duration::from_secs(600))).unwrap();
        }
    });
    let mebibytes = (measured.bytes_max as f64 + theirs as f64) / f64::from(1 << 20);
    let met = mebibytes < 10.0 && store.len() == PENDING;
    report.add("10,000 pending authorizations in memory", mebibytes, "MiB", None, "< 10", met);
}
