//! Tokens that live shorter than any buffer before their end.

use std::sync::Arc;
use std::time::Duration;

use grantry::{Scheduler, TokenSource};
use grantry_core::AuthorizationServer;
use grantry_testkit::{ManualClock, RawAnswer, RawServer};

use crate::rows;

#[tokio::test]
async fn req_d04_a_token_that_lives_a_second_is_neither_asked_for_in_a_loop_nor_handed_out_expired() {
    let server = RawServer::start(RawAnswer::json(rows::with("expires_in", "1"))).await.unwrap();
    let clock = Arc::new(ManualClock::new());
    let facts = AuthorizationServer::builder(server.url("/token")).build().unwrap();
    let source = grantry::client_credentials(facts, "billing", "s3cret")
        .scheduler(&Scheduler::builder().clock(clock.clone()).build())
        .build()
        .unwrap();
    for second in 1..=3 {
        for _ in 0..100 {
            assert!(!source.token().await.unwrap().is_past_expiry());
        }
        assert_eq!(server.exchanges().len(), second, "one request for each of their lives");
        clock.advance(Duration::from_secs(1));
    }
}
