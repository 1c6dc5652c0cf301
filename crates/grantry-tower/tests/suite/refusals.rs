//! What follows when a resource server refuses a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use grantry_core::{ErrorKind, TokenSource};
use grantry_testkit::TestSource;
use grantry_tower::{Authorize, AuthorizeLayer, ClonedBodies, Error};
use http::Request;
use http_body_util::Full;
use tower::ServiceExt;
use tower_layer::Layer;

use crate::upstream::{Upstream, answer, challenge, refused};

fn api(source: impl TokenSource, upstream: &Upstream) -> Authorize<Upstream, ClonedBodies> {
    let layer = AuthorizeLayer::new(source, ["https://api.example.com"]).unwrap();
    layer.replaying(ClonedBodies).layer(upstream.clone())
}

fn post() -> Request<Full<Bytes>> {
    Request::post("https://api.example.com/a?b=c").header("x-one", "1").body("text".into()).unwrap()
}

fn kind(error: Error) -> ErrorKind {
    match error {
        Error::Token(error) => error.kind(),
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn req_e05_a_refused_token_is_renewed_and_the_request_sent_once_more() {
    let upstream = Upstream::refuses_the_first();
    let source = TestSource::bearer();
    assert_eq!(api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap().status(), 200);
    assert_eq!(upstream.authorizations(), ["Bearer t1", "Bearer t2"]);
    for seen in upstream.seen() {
        assert_eq!((seen.head.method.as_str(), seen.head.uri.path()), ("POST", "/a"));
        assert_eq!((seen.header("x-one"), &seen.body[..]), ("1", &b"text"[..]));
    }
    assert_eq!((source.rejections(), source.renewals()), (1, 2));
}

#[tokio::test]
async fn req_e34_a_server_that_refuses_everything_sees_two_requests() {
    let upstream = Upstream::new(|_| refused());
    let source = TestSource::bearer();
    let error = api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap_err();
    assert_eq!(kind(error), ErrorKind::TokenRejected);
    assert_eq!((upstream.seen().len(), source.renewals()), (2, 2));
}

#[tokio::test]
async fn req_e34_each_course_of_events_has_its_exact_count_of_requests() {
    for (refused_first, can_replay, sent, renewals) in
        [(0, true, 1, 1), (1, true, 2, 2), (2, true, 2, 2), (usize::MAX, true, 2, 2), (1, false, 1, 1)]
    {
        let left = AtomicUsize::new(refused_first);
        let upstream = Upstream::new(move |_| {
            let refuse = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if refuse.is_ok() { refused() } else { answer(200) }
        });
        let source = TestSource::bearer();
        let layer = AuthorizeLayer::new(Arc::clone(&source), ["https://api.example.com"]).unwrap();
        let _ = match can_replay {
            true => layer.replaying(ClonedBodies).layer(upstream.clone()).oneshot(post()).await,
            false => layer.layer(upstream.clone()).oneshot(post()).await,
        };
        assert_eq!(
            (upstream.seen().len(), source.renewals()),
            (sent, renewals),
            "{refused_first} {can_replay}"
        );
        assert_eq!(source.rejections(), u64::from(refused_first > 0), "{refused_first} {can_replay}");
    }
}

#[tokio::test]
async fn req_e34_a_token_that_stays_the_same_is_not_sent_again() {
    let upstream = Upstream::new(|_| refused());
    let source = TestSource::stubborn();
    let error = api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap_err();
    assert_eq!(kind(error), ErrorKind::TokenRejected);
    assert_eq!((upstream.seen().len(), source.rejections()), (1, 1));
}

#[tokio::test]
async fn req_e05_a_late_401_of_an_older_token_resends_with_the_newer_one() {
    let source = TestSource::bearer();
    source.renew();
    // While the request is under way, somebody else has the token replaced.
    let (renewing, once) = (Arc::clone(&source), AtomicBool::new(true));
    let upstream = Upstream::new(move |seen| {
        if once.swap(false, Ordering::SeqCst) {
            renewing.renew();
        }
        if seen.header("authorization") == "Bearer t1" { refused() } else { answer(200) }
    });
    assert_eq!(api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap().status(), 200);
    assert_eq!(upstream.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert_eq!(source.renewals(), 2, "the late 401 started no renewal of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e34_a_hundred_callers_with_a_late_401_share_one_renewal() {
    let upstream = Upstream::refuses_the_first();
    let source = TestSource::bearer();
    source.renew();
    let api = api(Arc::clone(&source), &upstream);
    let callers: Vec<_> = (0..100).map(|_| tokio::spawn(api.clone().oneshot(post()))).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status(), 200);
    }
    assert_eq!(source.renewals(), 2, "the first token, and one in its place");
    assert!(upstream.seen().len() <= 200, "{}", upstream.seen().len());
}

#[tokio::test]
async fn req_e06_insufficient_scope_is_an_error_that_names_the_scope() {
    let upstream = Upstream::new(|_| challenge(403, "bearer error=insufficient_scope, scope=\"b a\""));
    let source = TestSource::bearer();
    let error = api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap_err();
    let Error::Token(error) = error else { unreachable!("{error:?}") };
    assert_eq!(error.kind(), ErrorKind::InsufficientScope);
    assert_eq!(error.needed_scope().unwrap().as_str(), "a b");
    assert_eq!((upstream.seen().len(), source.rejections()), (1, 0));
}

#[tokio::test]
async fn req_e06_another_login_that_is_asked_for_is_an_error_that_carries_the_challenge() {
    let value = "Bearer error=insufficient_user_authentication, acr_values=mfa";
    let upstream = Upstream::new(move |_| challenge(401, value));
    let source = TestSource::bearer();
    let error = api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap_err();
    let Error::Token(error) = error else { unreachable!("{error:?}") };
    assert_eq!(error.kind(), ErrorKind::InsufficientAuthentication);
    assert_eq!(grantry_core::presenting::StepUp::of(&error).unwrap().acr_values(), ["mfa"]);
    assert_eq!((upstream.seen().len(), source.rejections()), (1, 0), "the token is not at fault");
}

#[tokio::test]
async fn other_answers_are_handed_on_as_they_are() {
    for (status, value) in [
        (400, "Bearer error=invalid_request"),
        (401, "Basic realm=x"),
        (403, "Bearer error=invalid_token"),
        (500, "Bearer error=invalid_token"),
    ] {
        let upstream = Upstream::new(move |_| challenge(status, value));
        let source = TestSource::bearer();
        let answer = api(Arc::clone(&source), &upstream).oneshot(post()).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers()["www-authenticate"].to_str().unwrap()),
            (status, value)
        );
        assert_eq!((upstream.seen().len(), source.rejections()), (1, 0));
    }
}

#[tokio::test]
async fn a_redirect_is_handed_on_and_never_followed() {
    let upstream = Upstream::new(|_| {
        let mut redirect = answer(307);
        redirect.headers_mut().insert("location", "https://evil.test/".parse().unwrap());
        redirect
    });
    assert_eq!(api(TestSource::bearer(), &upstream).oneshot(post()).await.unwrap().status(), 307);
    assert_eq!(upstream.seen().len(), 1);
}

#[tokio::test]
async fn the_inner_service_is_asked_for_readiness_before_every_send() {
    // `Upstream` panics where it is not; behind a limit of one, a resend must wait for the place it gave back.
    let upstream = Upstream::refuses_the_first();
    let limited = tower::limit::ConcurrencyLimit::new(upstream.clone(), 1);
    let layer = AuthorizeLayer::new(TestSource::bearer(), ["https://api.example.com"]).unwrap();
    let api = layer.replaying(ClonedBodies).layer(limited);
    let callers: Vec<_> = (0..8).map(|_| tokio::spawn(api.clone().oneshot(post()))).collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().status(), 200);
    }
}
