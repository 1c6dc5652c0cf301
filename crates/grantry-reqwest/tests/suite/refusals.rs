//! What follows when a resource server refuses a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Reply, Server, TestSource, client};
use grantry_core::{ErrorKind, TokenSource};
use grantry_reqwest::{AuthorizedClient, Error};

fn api(source: impl TokenSource, server: &Server) -> AuthorizedClient {
    AuthorizedClient::new(client(), source, [server.origin()]).unwrap()
}

/// A server that takes any token but `t1`.
async fn refuses_the_first() -> Server {
    Server::start(|seen| match seen.header("authorization") {
        Some("Bearer t1") => Reply::refused(),
        _ => Reply::ok().body("in"),
    })
    .await
}

#[tokio::test]
async fn req_e05_a_refused_token_is_renewed_and_the_request_sent_once_more() {
    let server = refuses_the_first().await;
    let source = TestSource::bearer();
    let request = api(Arc::clone(&source), &server).put(server.url("/x")).body("the same text");
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "in");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    let seen = server.seen();
    assert_eq!(
        (&seen[0].method, &seen[0].path, &seen[0].body),
        (&seen[1].method, &seen[1].path, &seen[1].body)
    );
    assert_eq!((source.rejections(), source.renewals()), (1, 2));
}

#[tokio::test]
async fn req_e34_a_server_that_refuses_everything_sees_two_requests() {
    let server = Server::start(|_| Reply::refused()).await;
    let source = TestSource::bearer();
    let error = api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap_err();
    let Error::Token(error) = error else { unreachable!("{error:?}") };
    assert_eq!((error.kind(), error.status()), (ErrorKind::TokenRejected, Some(401)));
    assert_eq!((server.seen().len(), source.renewals()), (2, 2));
}

#[tokio::test]
async fn req_e34_a_token_that_stays_the_same_is_not_sent_again() {
    let server = Server::start(|_| Reply::refused()).await;
    let source = TestSource::stubborn();
    let error = api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap_err();
    assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::TokenRejected));
    assert_eq!((server.seen().len(), source.rejections()), (1, 1));
}

#[tokio::test]
async fn req_e05_the_way_a_url_is_written_does_not_hide_that_no_redirect_was_followed() {
    for path in [
        "",
        "/#part",
        "/?",
        "/?#",
        "//a//b;c=d?e",
        "/a|b/{c}/%2F%zz?x=|'\"<>&y=\u{e9}#\u{e9}",
        "/./a/../b",
        "/?a=?b",
    ] {
        let server = refuses_the_first().await;
        let source = TestSource::bearer();
        let answer = api(Arc::clone(&source), &server).get(server.url(path)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        assert_eq!((server.seen().len(), source.rejections(), source.renewals()), (2, 1, 2), "{path}");
    }
}

#[tokio::test]
async fn req_e34_each_course_of_events_has_its_exact_count_of_requests() {
    let no_answer_but = |refused: usize| {
        let left = AtomicUsize::new(refused);
        Server::start(move |_| {
            let refuse = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
            if refuse.is_ok() { Reply::refused() } else { Reply::ok() }
        })
    };
    for (refused, can_replay, sent, renewals) in
        [(0, true, 1, 1), (1, true, 2, 2), (2, true, 2, 2), (usize::MAX, true, 2, 2), (1, false, 1, 1)]
    {
        let server = no_answer_but(refused).await;
        let source = TestSource::bearer();
        let request = api(Arc::clone(&source), &server).post(server.url("/"));
        let body = futures_util::stream::iter([Ok::<_, std::io::Error>("text")]);
        let body = if can_replay { "text".into() } else { reqwest::Body::wrap_stream(body) };
        let _ = request.body(body).send().await;
        assert_eq!((server.seen().len(), source.renewals()), (sent, renewals), "{refused} {can_replay}");
        assert_eq!(source.rejections(), u64::from(refused > 0), "{refused} {can_replay}");
    }
}

#[tokio::test]
async fn req_e05_a_streamed_body_is_not_sent_again_but_the_token_is_rejected() {
    let server = refuses_the_first().await;
    let source = TestSource::bearer();
    let api = api(Arc::clone(&source), &server);
    let chunks = || futures_util::stream::iter([Ok::<_, std::io::Error>("a"), Ok("b")]);
    let send = || api.post(server.url("/")).body(reqwest::Body::wrap_stream(chunks())).send();
    assert_eq!(send().await.unwrap().status(), 401, "the 401 is handed on");
    assert_eq!((server.seen().len(), source.rejections()), (1, 1));
    assert_eq!(send().await.unwrap().status(), 200, "the next request has another token");
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn req_e05_a_late_401_of_an_older_token_resends_with_the_newer_one() {
    let source = TestSource::bearer();
    source.renew();
    // While the request is under way, somebody else has the token replaced.
    let (renewing, once) = (Arc::clone(&source), AtomicBool::new(true));
    let server = Server::start(move |seen| {
        if once.swap(false, Ordering::SeqCst) {
            renewing.renew();
        }
        if seen.header("authorization") == Some("Bearer t1") { Reply::refused() } else { Reply::ok() }
    })
    .await;
    assert_eq!(api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap().status(), 200);
    assert_eq!(server.authorizations(), ["Bearer t1", "Bearer t2"]);
    assert_eq!(source.renewals(), 2, "the late 401 started no renewal of its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e34_a_hundred_callers_with_a_late_401_share_one_renewal() {
    let server = refuses_the_first().await;
    let source = TestSource::bearer();
    let api = api(Arc::clone(&source), &server);
    source.token().await.unwrap();
    let callers: Vec<_> = (0..100)
        .map(|_| {
            let request = api.get(server.url("/"));
            tokio::spawn(async move { request.send().await.map(|answer| answer.status().as_u16()) })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap(), 200);
    }
    assert_eq!(source.renewals(), 2, "the first token, and one in its place");
    assert!(server.seen().len() <= 200, "{}", server.seen().len());
}

#[tokio::test]
async fn a_renewal_that_fails_is_the_error() {
    let server = refuses_the_first().await;
    let source = Arc::new(OneToken(TestSource::bearer()));
    let error = api(source, &server).get(server.url("/")).send().await.unwrap_err();
    assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::Unavailable));
    assert_eq!(server.seen().len(), 1);
}

/// Gives the first token of another source and never a second.
#[derive(Debug)]
struct OneToken(Arc<TestSource>);

#[async_trait::async_trait]
impl TokenSource for OneToken {
    fn ready(&self) -> Option<grantry_core::Token> {
        self.0.ready()
    }
    async fn token(&self) -> Result<grantry_core::Token, grantry_core::Error> {
        match self.0.renewals() {
            0 => self.0.token().await,
            _ => TestSource::broken().token().await,
        }
    }
    fn reject(&self, refused: &grantry_core::Token) {
        self.0.reject(refused);
    }
}

#[tokio::test]
async fn req_e06_insufficient_scope_is_an_error_that_names_the_scope() {
    let server = Server::start(|_| {
        Reply::new(403)
            .header("WWW-Authenticate", "Basic realm=\"x\"")
            .header(
                "WWW-Authenticate",
                "bearer error=\"insufficient_scope\", scope=\"orders.write orders.read\"",
            )
            .body("canary")
    })
    .await;
    let source = TestSource::bearer();
    let error = api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap_err();
    let Error::Token(error) = error else { unreachable!("{error:?}") };
    assert_eq!((error.kind(), error.status()), (ErrorKind::InsufficientScope, Some(403)));
    assert_eq!(error.needed_scope().unwrap().as_str(), "orders.read orders.write");
    assert!(!format!("{error:?}").contains("canary"));
    assert_eq!((server.seen().len(), source.rejections()), (1, 0));
}

#[tokio::test]
async fn req_e06_another_login_that_is_asked_for_is_an_error_that_carries_the_challenge() {
    let challenge = "Bearer error=\"insufficient_user_authentication\", acr_values=\"mfa\", max_age=60";
    for status in [401, 403] {
        let server = Server::start(move |_| Reply::new(status).header("WWW-Authenticate", challenge)).await;
        let source = TestSource::bearer();
        let error = api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap_err();
        let Error::Token(error) = error else { unreachable!("{error:?}") };
        assert_eq!((error.kind(), error.status()), (ErrorKind::InsufficientAuthentication, Some(status)));
        let step_up = grantry_core::presenting::StepUp::of(&error).unwrap();
        assert_eq!(
            (step_up.acr_values(), step_up.max_age().unwrap().as_secs()),
            (&["mfa".to_owned()][..], 60)
        );
        assert_eq!((server.seen().len(), source.rejections()), (1, 0), "the token is not at fault");
    }
}

#[tokio::test]
async fn other_answers_are_handed_on_as_they_are() {
    for (status, challenge) in [
        (400, "Bearer error=\"invalid_request\""),
        (401, "Basic realm=\"x\""),
        (403, "Bearer error=\"invalid_token\""),
        (407, "Bearer error=\"invalid_token\""),
        (500, "Bearer error=\"invalid_token\""),
    ] {
        let server =
            Server::start(move |_| Reply::new(status).header("WWW-Authenticate", challenge).body("as it is"))
                .await;
        let source = TestSource::bearer();
        let answer = api(Arc::clone(&source), &server).get(server.url("/")).send().await.unwrap();
        assert_eq!(answer.status(), status);
        assert_eq!(answer.text().await.unwrap(), "as it is");
        assert_eq!((server.seen().len(), source.rejections()), (1, 0), "{status} {challenge}");
    }
}

#[tokio::test]
async fn req_e04_hostile_challenges_break_nothing() {
    for challenge in
        ["=,=,\"", "Bearer error=\"invalid_token", "Bearer \\\\\\", &"Bearer a=\"b\",".repeat(500)]
    {
        let challenge = challenge.to_owned();
        let server =
            Server::start(move |_| Reply::new(401).header("WWW-Authenticate", challenge.clone())).await;
        let error = api(TestSource::bearer(), &server).get(server.url("/")).send().await.unwrap_err();
        assert!(matches!(error, Error::Token(error) if error.kind() == ErrorKind::TokenRejected));
        assert_eq!(server.seen().len(), 2);
    }
}
