//! The refresh-token grant without custody: nothing that was received is ever lost.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{
    Attempt, Consumed, ErrorKind, Event, Failure, Grant, Observer, RefreshToken, Scope, TokenSet,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, IntrospectionEndpoint, KeepError, Keeper, Kept, RefreshTokenGrant,
    Request, RevocationEndpoint, TokenEndpoint, Transport, TransportCause, TransportFailure,
};
use support::{Left, Script, Standing, answer, endpoint, server, with_headers};

/// Remembers what it was given; fails as often as it is told to.
#[derive(Debug, Default)]
struct Shelf {
    kept: Mutex<Vec<String>>,
    /// With the token from before behind a slash.
    both: Mutex<Vec<String>>,
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
        let before = kept.before.map(|before| format!("/{}", before.expose()));
        let both = format!("{}{}", kept.refresh_token.expose(), before.unwrap_or_default());
        self.both.lock().unwrap().push(both);
        Ok(())
    }
}

impl Shelf {
    fn both(&self) -> Vec<String> {
        self.both.lock().unwrap().clone()
    }

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

/// An answer that was cut off behind its refresh token.
fn wreck(refresh: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(200, format!(r#"{{"refresh_token":"{refresh}","access_token":"#)))
}

fn refused(code: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(400, format!(r#"{{"error":"{code}"}}"#)))
}

#[tokio::test]
async fn a_salvaged_token_that_is_no_token_at_all_gives_way_to_the_proven_one() {
    for code in ["invalid_grant", "invalid_request", "unauthorized_client"] {
        let (grant, script, shelf) = grant([wreck("[FILTERED]"), refused(code), new("t1", "r1")]);
        assert_eq!(obtain(&grant).await.unwrap_err().salvaged.unwrap().expose(), "[FILTERED]");
        let doubt = obtain(&grant).await.unwrap_err();
        assert_eq!((doubt.error.kind(), doubt.error.is_definite()), (ErrorKind::InDoubt, false), "{code}");
        assert!(obtain(&grant).await.is_ok());
        assert_eq!(redeemed(&script), ["r0", "[FILTERED]", "r0"]);
        assert_eq!(shelf.both(), ["[FILTERED]/r0", "r0", "r1"], "the keeper has the proven one throughout");
    }
    let (grant, _, _) = grant([refused("invalid_request")]);
    let definite = obtain(&grant).await.unwrap_err();
    assert_eq!(definite.error.kind(), ErrorKind::Refused, "nothing was salvaged, so it is the server's word");
}

#[tokio::test]
async fn the_proven_token_outlasts_any_number_of_wrecks() {
    let (grant, script, shelf) =
        grant([wreck("w1"), wreck("w2"), Ok(answer(502, "")), refused("invalid_grant"), new("t1", "r1")]);
    for _ in 0..4 {
        assert!(!obtain(&grant).await.unwrap_err().error.is_definite());
    }
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(redeemed(&script), ["r0", "w1", "w2", "w2", "r0"]);
    assert_eq!(shelf.both(), ["w1/r0", "w2/r0", "r0", "r1"]);
}

#[tokio::test]
async fn a_salvaged_token_that_works_takes_the_proven_ones_place() {
    let (grant, script, shelf) =
        grant([wreck("w1"), Ok(answer(200, r#"{"access_token":"t1"}"#)), refused("invalid_grant")]);
    assert!(obtain(&grant).await.is_err());
    assert_eq!(obtain(&grant).await.unwrap().refresh_token().unwrap().expose(), "w1");
    let dead = obtain(&grant).await.unwrap_err();
    assert_eq!((dead.error.kind(), dead.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
    assert_eq!(redeemed(&script), ["r0", "w1", "w1"]);
    assert_eq!(shelf.both(), ["w1/r0", "w1"]);
}

#[tokio::test]
async fn an_error_page_that_quotes_the_request_changes_nothing() {
    let echo = r#"{"message":"boom","request":{"refresh_token":"[FILTERED]"}}"#;
    let (grant, script, shelf) = grant([Ok(answer(500, echo)), Ok(answer(400, echo)), new("t1", "r1")]);
    for _ in 0..2 {
        assert!(obtain(&grant).await.unwrap_err().salvaged.is_none());
    }
    assert!(obtain(&grant).await.is_ok());
    assert_eq!((redeemed(&script), shelf.both()), (vec!["r0".into(); 3], vec!["r1".into()]));
}

#[tokio::test]
async fn a_refresh_token_beside_an_error_in_a_success_is_saved() {
    let both = r#"{"error":"temporarily_unavailable","refresh_token":"r1"}"#;
    let (grant, script, _) = grant([Ok(answer(200, both)), new("t1", "r2")]);
    let failed = obtain(&grant).await.unwrap_err();
    assert_eq!((failed.error.kind(), failed.consumed), (ErrorKind::InvalidAnswer, Consumed::Unknown));
    assert_eq!(failed.salvaged.unwrap().expose(), "r1");
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(redeemed(&script), ["r0", "r1"]);
}

#[tokio::test]
async fn after_a_restart_both_kept_tokens_are_held_again() {
    let script = Script::new([refused("invalid_grant"), new("t1", "r1")]);
    let shelf = Arc::new(Shelf::default());
    let build = |before: &str| {
        RefreshTokenGrant::builder(endpoint(server(), &script), "w1".into(), shelf.clone())
            .before(before.into())
            .build()
    };
    let grant = build("r0").unwrap();
    assert_eq!(obtain(&grant).await.unwrap_err().error.kind(), ErrorKind::InDoubt);
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(
        (redeemed(&script), shelf.both()),
        (vec!["w1".into(), "r0".into()], vec!["r0".into(), "r1".into()])
    );
    assert_eq!(build("").unwrap_err().kind(), ErrorKind::Configuration);
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
