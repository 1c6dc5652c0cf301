//! Every fault, over the socket and in memory: what comes, and what was spent.

use std::time::Duration;

use grantry_core::{RefreshToken, Rotation, Scope};
use grantry_endpoint::TransportCause;
use grantry_testkit::*;
use http::StatusCode;

use crate::client::{ask, builder, json, post, post_in_memory, send};

const LONG: Duration = Duration::from_secs(60);

/// A server that spends refresh tokens, and one of them.
fn strict() -> (TestServerBuilder, SeededGrant) {
    let rotation = Rotation::Strict { revokes_family: false };
    (builder().rotation(rotation), SeededGrant::new("billing", Scope::EMPTY))
}

fn refresh(token: &RefreshToken) -> String {
    format!("grant_type=refresh_token&refresh_token={}", token.expose())
}

/// What came of a refresh with this fault over the socket, and whether the token is still live.
async fn over_socket(fault: Fault) -> (crate::client::Came, bool, Outcome) {
    let (builder, grant) = strict();
    let server = builder.start().await.unwrap();
    let token = server.seed_grant(grant);
    server.inject(Endpoint::Token, fault);
    let came = post(&server.token_endpoint(), &refresh(&token)).await;
    let live = server.with_authority(|a, at| a.is_live(&token, at));
    (came, live, server.ledger().last(Endpoint::Token).unwrap().outcome)
}

/// The same in memory.
async fn in_memory(fault: Fault) -> (Result<StatusCode, (TransportCause, bool, Option<usize>)>, bool) {
    let (builder, grant) = strict();
    let server = builder.seed(1).build();
    let token = server.seed_grant(grant);
    server.inject(Endpoint::Token, fault);
    let came = post_in_memory(&server, &refresh(&token)).await;
    let came = came
        .map(|a| a.status())
        .map_err(|f| (f.cause(), f.is_unsent(), f.partial().map(|p| p.expose_body().len())));
    (came, server.with_authority(|a, at| a.is_live(&token, at)))
}

#[tokio::test]
async fn a_status_answers_in_place_of_the_server() {
    let fault = || Fault::status(503).retry_after("120").with_body("<html>");
    let (came, live, outcome) = over_socket(fault()).await;
    assert_eq!((came.status(), came.body().as_str()), (503, "<html>"));
    assert_eq!(came.header("retry-after").as_deref(), Some("120"));
    assert!(live && matches!(outcome, Outcome::Answered { handled: false, .. }));
    assert_eq!(in_memory(fault()).await, (Ok(StatusCode::SERVICE_UNAVAILABLE), true));
}

#[tokio::test]
async fn an_exchanged_body_comes_after_the_token_was_spent() {
    let (came, live, outcome) = over_socket(Fault::body("null")).await;
    assert_eq!((came.status(), came.body().as_str(), live), (200, "null", false));
    assert!(matches!(outcome, Outcome::Answered { handled: true, .. }));
}

#[tokio::test]
async fn a_drop_before_spends_nothing_and_a_drop_after_does() {
    for (fault, spent) in [
        (Fault::drop_before_handling(), false),
        (Fault::refuse_connection(), false),
        (Fault::drop_after_handling(), true),
    ] {
        let (came, live, outcome) = over_socket(fault).await;
        assert!(came.bytes.is_empty() && live != spent);
        assert!(matches!(outcome, Outcome::Cut { handled, .. } if handled == spent));
    }
    let lost = Err((TransportCause::Broken, false, None));
    assert_eq!(in_memory(Fault::drop_before_handling()).await, (lost, true));
    assert_eq!(in_memory(Fault::drop_after_handling()).await, (lost, false));
    let unsent = Err((TransportCause::NotConnected, true, None));
    assert_eq!(in_memory(Fault::refuse_connection()).await, (unsent, true));
}

#[tokio::test]
async fn an_answer_is_cut_at_any_byte() {
    let (builder, _) = strict();
    let server = builder.start().await.unwrap();
    let whole = ask(&server).await.bytes.len();
    for at in 0..=whole {
        server.inject(Endpoint::Token, Fault::truncate_at(at));
        let came = ask(&server).await;
        assert_eq!(came.bytes.len(), at, "{}", came.text());
    }
    assert_eq!(ask(&server).await.status(), 200);
}

#[tokio::test]
async fn a_cut_in_memory_falls_where_it_does_on_the_socket() {
    let (builder, _) = strict();
    let server = builder.seed(1).build();
    let whole = post_in_memory(&server, "grant_type=client_credentials").await.unwrap();
    let body = whole.expose_body().len();
    let socket = strict().0.seed(1).start().await.unwrap();
    let on_socket = ask(&socket).await;
    // The client of these tests asks for `connection: close`, which the answer repeats.
    let head = on_socket.bytes.len() - on_socket.body().len() - "connection: close\r\n".len();
    for (at, expected) in [
        (0, Some((TransportCause::Broken, None))),
        (head - 1, Some((TransportCause::Broken, None))),
        (head, Some((TransportCause::Truncated, Some(0)))),
        (head + body - 1, Some((TransportCause::Truncated, Some(body - 1)))),
        (head + body, None),
    ] {
        server.inject(Endpoint::Token, Fault::truncate_at(at));
        let came = post_in_memory(&server, "grant_type=client_credentials").await;
        let came = came.err().map(|f| (f.cause(), f.partial().map(|p| p.expose_body().len())));
        assert_eq!(came, expected, "at {at}, head {head}, body {body}");
    }
}

#[tokio::test]
async fn a_reset_is_no_orderly_end() {
    let (came, live, outcome) = over_socket(Fault::reset_at(20)).await;
    assert_eq!(came.ended.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    assert!(!live && matches!(outcome, Outcome::Cut { handled: true, .. }));
    let (came, live) = in_memory(Fault::reset_at(0)).await;
    assert_eq!((came, live), (Err((TransportCause::Broken, false, None)), false));
}

#[tokio::test]
async fn garbage_comes_in_place_of_an_answer() {
    let (came, live, _) = over_socket(Fault::garbage()).await;
    assert!(!came.bytes.is_empty() && !came.text().contains("HTTP/1.1"));
    assert!(!live);
    let (came, _) = in_memory(Fault::garbage()).await;
    assert_eq!(came, Err((TransportCause::Truncated, false, None)));
}

#[tokio::test]
async fn a_slow_answer_comes_whole() {
    let (came, live, outcome) = over_socket(Fault::slow(16, Duration::from_millis(1))).await;
    assert_eq!(came.status(), 200);
    assert!(came.json()["refresh_token"].is_string() && !live);
    assert!(matches!(outcome, Outcome::Answered { handled: true, .. }));
}

#[tokio::test(start_paused = true)]
async fn delay_slowness_and_latency_follow_paused_time() {
    let clock = ManualClock::following_tokio();
    let server = builder().build();
    let took = async |fault: Fault| {
        let start = grantry_core::Clock::now(&clock);
        server.inject(Endpoint::Token, fault);
        post_in_memory(&server, "grant_type=client_credentials").await.unwrap();
        grantry_core::Clock::now(&clock).since(start)
    };
    assert!(took(Fault::delay(LONG)).await >= LONG);
    assert!(took(Fault::slow(1, Duration::from_secs(1))).await >= LONG);
    assert!(took(Fault::none()).await < Duration::from_secs(1));
    let start = grantry_core::Clock::now(&clock);
    let request = grantry_endpoint::Request::new(
        http::Method::GET,
        format!("{}/.well-known/openid-configuration", server.issuer()).parse().unwrap(),
    );
    let slow = server.transport().with_latency(LONG);
    grantry_endpoint::Transport::send(&slow, request).await.unwrap();
    assert!(grantry_core::Clock::now(&clock).since(start) >= LONG);
}

#[tokio::test]
async fn a_request_is_taken_up_although_its_client_gave_up() {
    let (builder, grant) = strict();
    let server = builder.start().await.unwrap();
    let token = server.seed_grant(grant);
    server.inject(Endpoint::Token, Fault::delay(Duration::from_millis(50)));
    let url = server.token_endpoint();
    let form = refresh(&token);
    let client = tokio::spawn(async move { post(&url, &form).await });
    server.ledger().wait_for(Endpoint::Token, 1, LONG).await.unwrap();
    assert_eq!(server.ledger().last(Endpoint::Token).unwrap().outcome, Outcome::Pending);
    client.abort();
    server.ledger().wait_for_outcomes(Endpoint::Token, 1, LONG).await.unwrap();
    assert!(!server.with_authority(|a, at| a.is_live(&token, at)));
}

#[tokio::test]
async fn shutdown_does_not_wait_for_a_delay() {
    let server = builder().start().await.unwrap();
    server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(86_400)));
    let ledger = server.ledger().clone();
    let url = server.token_endpoint();
    let asked = tokio::spawn(async move { post(&url, "grant_type=client_credentials").await });
    ledger.wait_for(Endpoint::Token, 1, LONG).await.unwrap();
    server.shutdown().await;
    ledger.wait_for_outcomes(Endpoint::Token, 1, LONG).await.unwrap();
    assert!(matches!(ledger.entries()[0].outcome, Outcome::Cut { handled: false, .. }));
    assert!(asked.await.unwrap().bytes.is_empty());
}

#[tokio::test]
async fn faults_of_one_endpoint_leave_the_others_alone() {
    let server = builder().start().await.unwrap();
    server.inject(Endpoint::Metadata, Fault::status(500).until_cleared());
    assert_eq!(ask(&server).await.status(), 200);
    let metadata = format!("{}/.well-known/oauth-authorization-server", server.issuer());
    for _ in 0..3 {
        assert_eq!(send("GET", &metadata, &[], "").await.status(), 500);
    }
    server.clear_faults(Endpoint::Metadata);
    assert_eq!(send("GET", &metadata, &[], "").await.json()["issuer"], server.issuer());
    assert_eq!(json(&post_in_memory(&builder().build(), "x=1").await.unwrap())["error"], "invalid_request");
}
