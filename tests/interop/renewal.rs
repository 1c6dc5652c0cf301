//! A managed source over short-lived tokens.

use std::time::Duration;

use grantry::{AccessToken, IntrospectionEndpoint, Scheduler, TokenSource};
use grantry_tests::{Fault, OidcProvider, Settings};

use crate::support::{api, source};

/// Seconds that an access token lives.
const SHORT: u32 = 3;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// More looks than three renewals ever need, so that a source that stands still fails.
const LOOKS: usize = 1200;

#[tokio::test]
async fn a_source_goes_on_across_three_expiries_with_one_request_for_each_token() {
    let server = OidcProvider::start(Settings { access_ttl: SHORT, ..Settings::default() }).unwrap();
    let introspection = IntrospectionEndpoint::of(&api(&server).unwrap()).unwrap();
    let scheduler = Scheduler::new();
    let source = source(&server, &scheduler).unwrap();

    let is_active = async |token: &AccessToken| introspection.introspect(token).await.unwrap().is_some();
    let mut seen: Vec<AccessToken> = Vec::new();
    let mut crossed = false;
    for _ in 0..LOOKS {
        let token = source.token().await.unwrap();
        if seen.last().is_none_or(|last| last.expose() != token.expose()) {
            let new = AccessToken::new(token.expose());
            let is_at_hand = || source.ready().is_some_and(|ready| ready.expose() == new.expose());
            assert!(is_active(&new).await || !is_at_hand(), "a token that is given out is active");
            seen.push(new);
        }
        crossed = seen.len() > 3 && !is_active(&seen[2]).await;
        if crossed {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(crossed, "three tokens did not come and go: {} were seen", seen.len());

    scheduler.shutdown().await;
    let renewals = u64::from(source.health().renewals);
    assert_eq!(server.requests("POST /token").unwrap(), renewals, "one request for each token");
}

#[tokio::test]
async fn an_outage_while_the_token_is_valid_disturbs_nobody() {
    let server = OidcProvider::start(Settings { access_ttl: 2 * SHORT, ..Settings::default() }).unwrap();
    let scheduler = Scheduler::new();
    let source = source(&server, &scheduler).unwrap();
    let first = source.token().await.unwrap();

    server.break_with(&Fault { count: 2, ..Fault::default() }).unwrap();
    let mut renewed = false;
    for _ in 0..LOOKS {
        renewed = source.token().await.unwrap().expose() != first.expose();
        if renewed {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    assert!(renewed, "the outage is over and the token is still the first");
    scheduler.shutdown().await;
    assert_eq!(source.health().failures, 2);
}
