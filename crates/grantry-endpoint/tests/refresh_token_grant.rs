//! The refresh-token grant without custody: nothing that was received is ever lost.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{Attempt, Consumed, ErrorKind, Event, Grant, Observer, Scope};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, IntrospectionEndpoint, KeepError, Keeper, Kept, RefreshTokenGrant,
    Request, RevocationEndpoint, TokenEndpoint, Transport, TransportCause, TransportFailure,
};
use support::refresh::{Shelf, grant, new, obtain, redeemed, refused};
use support::{Script, Standing, answer, endpoint, server, with_headers};

#[tokio::test]
async fn req_d07_a_new_refresh_token_replaces_the_old_and_an_omitted_one_keeps_it() {
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
    assert_eq!((failed.consumed, failed.salvaged.unwrap().expose()), (Consumed::Unknown, "r1"));
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

#[tokio::test]
async fn an_observer_that_panics_takes_no_refresh_token_along() {
    #[derive(Debug)]
    struct Panics;
    impl Observer for Panics {
        fn on(&self, _: &Event) {
            panic!("an observer of this test panics")
        }
    }
    let narrower = r#"{"access_token":"t1","refresh_token":"r1","scope":"a"}"#;
    let skewed = with_headers(answer(200, narrower), &[("date", "Sun, 06 Nov 1994 10:49:37 GMT")]);
    let (script, shelf) = (Script::new([Ok(skewed), new("t2", "r2")]), Arc::new(Shelf::default()));
    let client = Client::new("c", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script.clone())
        .clock(Standing::new())
        .observer(Arc::new(Panics))
        .build()
        .unwrap();
    let grant = RefreshTokenGrant::builder(endpoint, "r0".into(), shelf.clone())
        .granted_scope(Scope::parse("a b").unwrap())
        .build()
        .unwrap();
    for _ in 0..2 {
        assert!(obtain(&grant).await.is_ok());
    }
    assert_eq!(
        (redeemed(&script), shelf.kept()),
        (vec!["r0".into(), "r1".into()], vec!["r1".into(), "r2".into()])
    );
}

#[tokio::test]
async fn an_observer_is_told_when_the_refresh_token_is_kept() {
    /// Writes down what comes first.
    #[derive(Debug, Default)]
    struct Order(Mutex<Vec<&'static str>>);
    impl Observer for Order {
        fn on(&self, _: &Event) {
            self.0.lock().unwrap().push("told");
        }
    }
    #[async_trait]
    impl Keeper for Order {
        async fn keep(&self, _: Kept<'_>) -> Result<(), KeepError> {
            self.0.lock().unwrap().push("kept");
            Ok(())
        }
    }
    let order = Arc::new(Order::default());
    let script = Script::new([Ok(answer(200, r#"{"access_token":"t1","refresh_token":"r1","scope":"a"}"#))]);
    let client = Client::new("c", ClientAuthentication::none()).unwrap();
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script)
        .observer(order.clone())
        .build()
        .unwrap();
    let grant = RefreshTokenGrant::builder(endpoint, "r0".into(), order.clone())
        .granted_scope(Scope::parse("a b").unwrap())
        .build()
        .unwrap();
    obtain(&grant).await.unwrap();
    assert_eq!(*order.0.lock().unwrap(), ["kept", "told"]);
}

#[tokio::test]
async fn a_keeper_that_panics_or_hangs_loses_nothing() {
    /// Panics, then hangs, then keeps.
    #[derive(Debug, Default)]
    struct Moody(Shelf, AtomicUsize);
    #[async_trait]
    impl Keeper for Moody {
        async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
            match self.1.fetch_add(1, Ordering::SeqCst) {
                0 => panic!("a keeper of this test panics"),
                1 => std::future::pending().await,
                _ => self.0.keep(kept).await,
            }
        }
    }
    let (script, moody) = (Script::new([new("t1", "r1")]), Arc::new(Moody::default()));
    let grant = RefreshTokenGrant::new(endpoint(server(), &script), "r0".into(), moody.clone());
    let grant = Arc::new(grant.unwrap());
    let panics = Arc::clone(&grant);
    assert!(tokio::spawn(async move { obtain(&panics).await }).await.is_err());
    assert!(tokio::time::timeout(std::time::Duration::from_millis(20), obtain(&grant)).await.is_err());
    assert_eq!(obtain(&grant).await.unwrap().token().expose(), "t1");
    assert_eq!((redeemed(&script), moody.0.kept()), (vec!["r0".to_owned()], vec!["r1".to_owned()]));
}

#[tokio::test]
async fn two_that_replace_the_same_token_set_send_one_request() {
    let (grant, script, _) = grant([new("t0", "r1"), new("t1", "r2"), new("t2", "r3"), new("t3", "r4")]);
    let first = obtain(&grant).await.unwrap();
    let replace = || grant.obtain(Attempt::replace(&first));
    let (one, other) = tokio::join!(replace(), replace());
    let (one, other) = (one.unwrap(), other.unwrap());
    assert!(one.token().is_same(other.token()) && one.token().expose() == "t1");
    assert_eq!((script.left().len(), one.generation()), (2, 1));
    // Whoever has the newest wants another one.
    assert_eq!(grant.obtain(Attempt::replace(&one)).await.unwrap().token().expose(), "t2");
    assert_eq!(obtain(&grant).await.unwrap().token().expose(), "t3");
    assert_eq!(redeemed(&script), ["r0", "r1", "r2", "r3"]);
}

#[tokio::test]
async fn a_newer_token_set_that_has_expired_meanwhile_is_not_given_out() {
    let script = Script::new([new("t0", "r1"), new("t1", "r2"), new("t2", "r3")]);
    let (clock, client) = (Standing::new(), Client::new("c", ClientAuthentication::none()).unwrap());
    let endpoint = TokenEndpoint::builder(server().build().unwrap(), client, script.clone())
        .clock(clock.clone())
        .build()
        .unwrap();
    let grant = RefreshTokenGrant::new(endpoint, "r0".into(), Arc::new(Shelf::default())).unwrap();
    let first = obtain(&grant).await.unwrap();
    assert_eq!(grant.obtain(Attempt::replace(&first)).await.unwrap().token().expose(), "t1");
    clock.advance(std::time::Duration::from_secs(61));
    assert_eq!(grant.obtain(Attempt::replace(&first)).await.unwrap().token().expose(), "t2");
}

#[test]
fn a_resource_that_is_no_absolute_uri_is_refused_when_the_grant_is_built() {
    let build = |resource: &str| {
        RefreshTokenGrant::builder(
            endpoint(server(), &Script::new([])),
            "r".into(),
            Arc::new(Shelf::default()),
        )
        .resource(resource)
        .build()
    };
    assert!(build("https://api.example.com/orders").is_ok());
    for bad in ["", "orders", "https://api.example.com/#top"] {
        assert_eq!(build(bad).unwrap_err().kind(), ErrorKind::Configuration, "{bad}");
    }
}

#[tokio::test]
async fn req_d08_an_answer_without_a_refresh_token_keeps_the_old_one() {
    let bodies = [
        r#"{"access_token":"t"}"#,
        r#"{"access_token":"t","refresh_token":null}"#,
        r#"{"access_token":"t","refresh_token":""}"#,
        r#"{"access_token":"t","refresh_token":{}}"#,
        r#"{"access_token":"t","refresh_token":"a\u0000b"}"#,
    ];
    let (grant, script, shelf) = grant(bodies.map(|body| Ok(answer(200, body))));
    for body in bodies {
        assert_eq!(obtain(&grant).await.unwrap().refresh_token().unwrap().expose(), "r0", "{body}");
    }
    assert_eq!((redeemed(&script), shelf.kept()), (vec!["r0".to_owned(); bodies.len()], vec![]));
}

#[tokio::test]
async fn req_d10_a_refresh_token_goes_to_the_token_and_revocation_endpoints_of_its_server_alone() {
    let full = server()
        .revocation_endpoint("https://as.example.com/revoke")
        .introspection_endpoint("https://as.example.com/introspect");
    let redirect = with_headers(answer(307, ""), &[("location", "https://elsewhere.example/token")]);
    let script = Script::new([
        new("t1", "canary-1"),
        Ok(redirect),
        new("t2", "canary-2"),
        Ok(answer(200, "")),
        Ok(answer(200, r#"{"active":true}"#)),
    ]);
    let endpoint = endpoint(full, &script);
    let grant =
        RefreshTokenGrant::new(endpoint.clone(), "canary-0".into(), Arc::new(Shelf::default())).unwrap();
    assert!(obtain(&grant).await.is_ok());
    assert!(obtain(&grant).await.is_err(), "a redirect is no token");
    let set = obtain(&grant).await.unwrap();
    RevocationEndpoint::of(&endpoint)
        .unwrap()
        .revoke_refresh_token(set.refresh_token().unwrap())
        .await
        .unwrap();
    IntrospectionEndpoint::of(&endpoint).unwrap().introspect(&set.token().expose().into()).await.unwrap();
    for left in script.left() {
        let shown = format!("{} {:?}", left.url, left.headers);
        assert!(!shown.contains("canary"), "{shown}");
        let goes = left.body.contains("canary");
        let may = ["https://as.example.com/token", "https://as.example.com/revoke"];
        assert!(!goes || may.contains(&left.url.as_str()), "{}", left.url);
        assert!(left.url.starts_with("https://as.example.com/"));
    }
}

#[tokio::test]
async fn req_d11_a_refresh_token_may_die_at_any_time() {
    for after in 0..4 {
        let living = (0..after).map(|n| new(&format!("t{n}"), &format!("r{}", n + 1)));
        let (grant, script, _) = grant(living.chain([refused("invalid_grant"), refused("invalid_grant")]));
        for _ in 0..after {
            assert!(obtain(&grant).await.is_ok());
        }
        for _ in 0..2 {
            let dead = obtain(&grant).await.unwrap_err();
            assert_eq!((dead.error.kind(), dead.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
            assert!(dead.error.diagnosis().remedy().contains("consent again"));
        }
        assert_eq!(script.left().len(), after + 2, "no older token is tried");
    }
}

#[tokio::test]
async fn req_d12_every_rotation_is_followed() {
    let (grant, script, shelf) = grant((0..20).map(|n| new(&format!("t{n}"), &format!("r{}", n + 1))));
    let mut held = None;
    for n in 0..20_u64 {
        let set = grant.obtain(Attempt::replace_if_any(held.as_ref())).await.unwrap();
        assert_eq!(set.generation(), n);
        held = Some(set);
    }
    assert_eq!(redeemed(&script), (0..20).map(|n| format!("r{n}")).collect::<Vec<_>>());
    assert_eq!(shelf.kept(), (1..=20).map(|n| format!("r{n}")).collect::<Vec<_>>());
}
