//! The hit: a token at hand, on a header.

use std::hint::black_box;
use std::sync::Arc;

use arc_swap::ArcSwap;
use grantry_core::{Clock, SystemClock, TokenSource};
use http::HeaderValue;

use crate::figure::Report;
use crate::grants::fresh_source;
use crate::timing::{calls_per_second, side_by_side};

/// The least that a faultless program could do: read a shared pointer, look at the coarse clocks, clone a header.
struct Limit {
    held: ArcSwap<HeaderValue>,
    monotonic: u64,
    wall: i64,
}

impl Limit {
    fn new() -> Self {
        let mut value = HeaderValue::from_maybe_shared(bytes()).unwrap();
        value.set_sensitive(true);
        Self { held: ArcSwap::from_pointee(value), monotonic: u64::MAX, wall: i64::MAX }
    }

    fn header(&self) -> Option<HeaderValue> {
        let now = SystemClock::new().coarse();
        let fit = now.monotonic < self.monotonic && now.wall.as_unix_nanos() < self.wall;
        fit.then(|| HeaderValue::clone(&self.held.load()))
    }
}

/// Bytes that are shared from the start, so that no clone allocates.
fn bytes() -> String {
    format!("Bearer {}", "x".repeat(crate::grants::LONG_TOKEN_BYTES))
}

pub(crate) fn run(report: &mut Report) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let source: Arc<dyn TokenSource> = fresh_source(&runtime);
    let limit = Limit::new();
    let hit = || black_box(source.ready().map(|token| token.into_header())).is_some();

    let (mut all, mut counted) = (true, 0);
    let allocations = allocation_counter::measure(|| {
        for _ in 0..100_000 {
            all &= hit();
            counted += 1;
        }
    });
    assert!(all && counted == 100_000);
    let count = allocations.count_total as f64;
    report.add("allocations per 100,000 hits", count, "", None, "0", count == 0.0);

    let (ours, best) =
        side_by_side(1_000_000, |_| assert!(hit()), |_| assert!(black_box(limit.header()).is_some()));
    report.add("hit: ready() to a header, one thread", ours, "ns", Some(best), "<= 1.3", ours <= 1.3 * best);

    let borrowed = |_| drop(black_box(source.ready().map(|token| token.header().clone())));
    let (ours, best) = side_by_side(1_000_000, borrowed, |_| drop(black_box(limit.header())));
    report.add("the same, the header cloned and the token kept", ours, "ns", Some(best), "-", true);

    let contended = || match source.ready() {
        Some(token) => drop(black_box(token.into_header())),
        None => drop(runtime_free(&source)),
    };
    let one = calls_per_second(1, 2_000_000, contended);
    let two = calls_per_second(2, 2_000_000, contended);
    report.add("hits of two threads beside one", two / one, "x", None, ">= 1.8", two >= 1.8 * one);
}

/// `token()` on a source that holds a fresh token is ready at once.
fn runtime_free(source: &Arc<dyn TokenSource>) -> grantry_core::Token {
    let mut future = source.token();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(token) => token.unwrap(),
        std::task::Poll::Pending => unreachable!("a fresh token is at hand"),
    }
}
