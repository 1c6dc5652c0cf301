//! The refresh-token grant without custody: nothing that was received is ever lost.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{Attempt, Consumed, ErrorKind, Failure, Grant, RefreshToken, Scope, TokenSet};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, KeepError, Keeper, Kept, RefreshTokenGrant, Request, TokenEndpoint,
    Transport, TransportCause, TransportFailure,
};
use support::{Left, Script, answer, endpoint, server};

/// Remembers what it was given; fails as often as it is told to.
#[derive(Debug, Default)]
struct Shelf {
    kept: Mutex<Vec<String>>,
    fail: AtomicUsize,
}

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        if self.fail.load(Ordering::SeqCst) > 0 {
            self.fail.fetch_sub(1, Ordering::SeqCst);
            return Err(KeepError::new("the disk is full"));
        }
        self.kept.lock().unwrap().push(kept.refresh_token.expose().to_owned());
        Ok(())
    }
}

impl Shelf {
    fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

fn grant(
    answers: impl IntoIterator<Item = Result<Answer, TransportFailure>>,
) -> (RefreshTokenGrant, Arc<Script>, Arc<Shelf>) {
    let (script, shelf) = (Script::new(answers), Arc::new(Shelf::default()));
    let grant =
        RefreshTokenGrant::builder(endpoint(server(), &script), RefreshToken::new("r0"), shelf.clone())
            .granted_scope(Scope::parse("a b").unwrap())
            .build()
            .unwrap();
    (grant, script, shelf)
}

fn new(access: &str, refresh: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(200, format!(r#"{{"access_token":"{access}","expires_in":60,"refresh_token":"{refresh}"}}"#)))
}

async fn obtain(grant: &RefreshTokenGrant) -> Result<TokenSet, Failure> {
    grant.obtain(Attempt::first()).await
}

fn redeemed(script: &Script) -> Vec<String> {
    script.left().iter().map(|left: &Left| left.parameter("refresh_token").unwrap()).collect()
}

#[tokio::test]
async fn req_d07_d08_a_new_refresh_token_replaces_the_old_and_an_omitted_one_keeps_it() {
    let (grant, script, shelf) = grant([
        new("t1", "r1"),
        Ok(answer(200, r#"{"access_token":"t2"}"#)),
        new("t3", "r1"),
        new("t4", "r2"),
    ]);
    for expected in ["r1", "r1", "r1", "r2"] {
        assert_eq!(obtain(&grant).await.unwrap().refresh_token().unwrap().expose(), expected);
    }
    assert_eq!(redeemed(&script), ["r0", "r1", "r1", "r1"]);
    assert_eq!(shelf.kept(), ["r1", "r2"], "only what is new is kept");
    assert_eq!(script.left()[0].parameter("scope"), None);
    assert!(script.left()[0].headers.contains_key("authorization"), "req_c01");
}

#[tokio::test]
async fn a_token_is_not_given_out_before_its_refresh_token_is_kept_and_is_not_lost_either() {
    let (grant, script, shelf) = grant([new("t1", "r1"), new("t2", "r2")]);
    shelf.fail.store(2, Ordering::SeqCst);
    let failed = obtain(&grant).await.unwrap_err();
    assert_eq!((failed.error.kind(), failed.sent), (ErrorKind::Storage, true));
    let again = obtain(&grant).await.unwrap_err();
    assert_eq!((again.error.kind(), again.sent), (ErrorKind::Storage, false), "nothing else is spent");
    let set = obtain(&grant).await.unwrap();
    assert_eq!(set.token().expose(), "t1");
    assert_eq!((redeemed(&script).len(), shelf.kept()), (1, vec!["r1".to_owned()]));
    let next = grant.obtain(Attempt::replace(&set)).await.unwrap();
    assert_eq!(next.token().expose(), "t2");
    assert_eq!(redeemed(&script), ["r0", "r1"]);
}

#[tokio::test]
async fn req_d13_after_an_unknown_outcome_the_same_token_is_tried_again() {
    let (grant, script, _shelf) = grant([
        Err(TransportFailure::unknown(TransportCause::TimedOut)),
        Ok(answer(502, "")),
        Err(TransportFailure::unsent(TransportCause::NotConnected)),
        new("t1", "r1"),
    ]);
    for consumed in [Consumed::Unknown, Consumed::Unknown, Consumed::No] {
        assert_eq!(obtain(&grant).await.unwrap_err().consumed, consumed);
    }
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(redeemed(&script), ["r0", "r0", "r0", "r0"]);
}

#[tokio::test]
async fn req_d16_a_salvaged_token_is_kept_and_tried_first_and_the_old_one_after_it() {
    let wreck = || Ok(answer(200, r#"{"refresh_token":"r1","access_token":"#));
    let no = || Ok(answer(400, r#"{"error":"invalid_grant"}"#));
    let (works, script, shelf) = grant([wreck(), new("t1", "r2")]);
    let failed = obtain(&works).await.unwrap_err();
    assert_eq!(failed.salvaged.unwrap().expose(), "r1");
    assert!(obtain(&works).await.is_ok());
    assert_eq!(
        (redeemed(&script), shelf.kept()),
        (vec!["r0".into(), "r1".into()], vec!["r1".into(), "r2".into()])
    );

    let (refused, script, shelf) = grant([wreck(), no(), no()]);
    assert!(obtain(&refused).await.is_err());
    let doubt = obtain(&refused).await.unwrap_err();
    assert_eq!((doubt.error.kind(), doubt.consumed), (ErrorKind::InDoubt, Consumed::Unknown));
    let end = obtain(&refused).await.unwrap_err();
    assert_eq!((end.error.kind(), end.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
    assert_eq!(redeemed(&script), ["r0", "r1", "r0"]);
    assert_eq!(shelf.kept(), ["r1", "r0"]);
}

#[tokio::test]
async fn req_d15_a_refresh_token_is_never_redeemed_twice_at_once() {
    /// Counts the requests that are under way at once.
    #[derive(Debug, Default)]
    struct Crowd {
        now: AtomicUsize,
        most: AtomicUsize,
        all: AtomicUsize,
    }

    #[async_trait]
    impl Transport for Crowd {
        async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            tokio::task::yield_now().await;
            self.now.fetch_sub(1, Ordering::SeqCst);
            let nth = self.all.fetch_add(1, Ordering::SeqCst);
            new(&format!("t{nth}"), &format!("r{}", nth + 1))
        }
    }
    let crowd = Arc::new(Crowd::default());
    let client = Client::new("c", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::new(server().build().unwrap(), client, crowd.clone()).unwrap();
    let grant = Arc::new(RefreshTokenGrant::new(endpoint, "r0".into(), Arc::new(Shelf::default())).unwrap());
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let grant = Arc::clone(&grant);
            tokio::spawn(async move { obtain(&grant).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!((crowd.most.load(Ordering::SeqCst), crowd.all.load(Ordering::SeqCst)), (1, 8));
}

#[tokio::test]
async fn req_d09_a_refresh_never_asks_for_more_than_was_granted() {
    let build = |granted: &str, narrowed: &str| {
        let script = Script::new([new("t1", "r1")]);
        let grant =
            RefreshTokenGrant::builder(endpoint(server(), &script), "r0".into(), Arc::new(Shelf::default()))
                .granted_scope(Scope::parse(granted).unwrap())
                .narrow_to(Scope::parse(narrowed).unwrap())
                .build();
        (grant, script)
    };
    for (granted, narrowed) in [("a", "a b"), ("", "a"), ("a", "")] {
        assert_eq!(build(granted, narrowed).0.unwrap_err().kind(), ErrorKind::Configuration);
    }
    let (grant, script) = build("a b", "a");
    assert_eq!(obtain(&grant.unwrap()).await.unwrap().token().scope().as_str(), "a");
    assert_eq!(script.left()[0].parameter("scope").unwrap(), "a");
    let script = Script::new([]);
    let empty = RefreshTokenGrant::new(endpoint(server(), &script), "".into(), Arc::new(Shelf::default()));
    assert_eq!(empty.unwrap_err().kind(), ErrorKind::Configuration);
}
