//! The login of a program: what comes to its port, and what comes of it.

mod bad_callbacks;
mod bad_requests;
mod listening;
mod support;

use std::sync::Arc;
use std::time::Duration;

use grantry_authorization_code::{AuthorizationCode, Loopback, Page};
use grantry_core::ErrorKind;
use grantry_testkit::{
    Decision, Endpoint, Fault, IdTokenSignature, IdTokenStyle, ManualClock, RegisteredClient, ResponseIssuer,
    TestServer,
};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::support::{CLIENT, SECRET, endpoint};

use support::*;

#[tokio::test]
async fn req_b17_b18_a_person_logs_in_and_sees_a_page_that_loads_nothing() {
    let login = Login::start().await;
    let back = login.person().await;
    let seen = login.browser(&back).await;
    let granted = login.outcome().await.unwrap();
    assert_eq!(granted.scope().as_str(), "read");
    let (head, body) = seen.split_once("\r\n\r\n").unwrap();
    let mut expected = String::from("HTTP/1.1 200 OK\r\n");
    for (name, value) in Page::HEADERS {
        expected.push_str(&format!("{name}: {value}\r\n"));
    }
    expected.push_str(&format!("content-length: {}\r\nconnection: close", body.len()));
    assert_eq!(head, expected);
    assert_eq!(body, Page::finished().to_html());
    for secret in ["code=", "state=", query(&back, "code").as_str(), query(&back, "state").as_str()] {
        assert!(!seen.contains(secret), "{seen}");
    }
    assert!(!seen.to_lowercase().contains("location:"));
}

#[tokio::test]
async fn req_e22_e23_a_program_knows_who_logged_in_or_gets_nothing() {
    let login = Login::start_with(Loopback::builder(), "openid").await;
    login.browser(&login.person().await).await;
    assert_eq!(login.outcome().await.unwrap().claims.unwrap().subject(), "resource-owner");

    let login = Login::start_with(Loopback::builder(), "openid").await;
    login.server.with_authority(|authority, _| {
        authority.settings_mut().id_token = IdTokenStyle::default().signature(IdTokenSignature::Broken);
    });
    let seen = login.browser(&login.person().await).await;
    assert!(status(&seen) == 502 && seen.contains("who you are was not right"), "{seen}");
    let server = Arc::clone(&login.server);
    let ended = login.outcome().await.unwrap_err();
    assert!(ended.salvaged.is_none() && ended.error.diagnosis().remedy().contains("revoked"));
    assert_eq!(server.ledger().count(Endpoint::Revocation), 1);
}

#[tokio::test]
async fn req_e23_a_program_waits_for_the_keys_of_a_server_that_is_away_for_a_moment() {
    let login = Login::start_with(Loopback::builder(), "openid").await;
    login.server.inject(Endpoint::Keys, Fault::status(503));
    let server = Arc::clone(&login.server);
    login.browser(&login.person().await).await;
    assert!(login.outcome().await.unwrap().claims.is_some());
    assert_eq!((server.ledger().count(Endpoint::Keys), server.ledger().count(Endpoint::Token)), (2, 1));
}

#[tokio::test]
async fn req_b20_the_port_is_gone_after_success_error_timeout_and_cancel() {
    let login = Login::start().await;
    login.browser(&login.person().await).await;
    let address = login.address;
    assert!(login.outcome().await.is_ok());
    assert!(is_free(address).await, "success");

    let login = Login::start().await;
    login.server.with_authority(|a, _| a.settings_mut().decision = Decision::Deny);
    login.browser(&login.person().await).await;
    let address = login.address;
    assert_eq!(login.outcome().await.unwrap_err().error.oauth_code(), Some("access_denied"));
    assert!(is_free(address).await, "error");

    let login = Login::start().await;
    let idle = login.connect().await;
    let address = login.address;
    login.task.abort();
    assert!(login.task.await.unwrap_err().is_cancelled());
    assert!(is_free(address).await, "cancel");
    drop(idle);
}

#[tokio::test(start_paused = true)]
async fn req_b20_nobody_comes_back_and_the_port_is_gone() {
    let login = Login::start().await;
    let back = login.person().await;
    let address = login.address;
    let unfinished = login.outcome().await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Refused);
    assert!(unfinished.error.to_string().contains("in time"), "{unfinished}");
    assert!(is_free(address).await, "replay after timeout: {back}");
}

#[tokio::test]
async fn req_b08_the_response_is_accepted_once_and_all_who_bring_it_see_the_same_page() {
    let login = Login::start().await;
    login.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
    let back = login.person().await;
    let wrong = back.replace("state=", "state=x");
    let (one, two, three) = tokio::join!(login.browser(&back), login.browser(&back), login.browser(&wrong));
    assert!(status(&one) == 200 && one == two, "{one} {two}");
    assert_eq!(status(&three), 400);
    assert_eq!(login.server.ledger().count(Endpoint::Token), 1);
    let (address, server) = (login.address, login.server.clone());
    assert!(login.outcome().await.is_ok());
    assert!(is_free(address).await, "replay after success");
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
}

#[tokio::test]
async fn what_is_fetched_in_advance_takes_nothing_away() {
    let login = Login::start().await;
    let back = login.person().await;
    for line in
        ["Sec-Purpose: prefetch", "Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "X-Moz: prefetch"]
    {
        let seen = login.raw(&login.request(&back, line)).await;
        assert_eq!(status(&seen), 503, "{line}");
    }
    assert_eq!(login.server.ledger().count(Endpoint::Token), 0);
    assert_eq!(status(&login.browser(&back).await), 200);
    assert!(login.outcome().await.is_ok());
}

#[tokio::test]
async fn req_b19_what_the_server_says_is_shown_harmlessly() {
    let login = Login::start().await;
    let state = query(&login.person().await, "state");
    let iss = login.issuer_parameter();
    let said = "%3Cscript%3Ealert(1)%3C%2Fscript%3E+so+%20sorry";
    let seen = login
        .browser(&format!("/callback?error=access_denied&error_description={said}&state={state}&{iss}"))
        .await;
    assert_eq!(status(&seen), 403);
    assert_eq!(seen.matches("<script>").count(), 1, "its own");
    assert!(seen.contains("scriptalert(1)/script so  sorry"), "{seen}");
    let unfinished = login.outcome().await.unwrap_err();
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
}

#[tokio::test]
async fn req_b10_b11_the_response_of_another_server_ends_it_without_a_token_request() {
    for code_or_error in ["code=stolen", "error=access_denied&error_description=call+us"] {
        let login = Login::start().await;
        let state = query(&login.person().await, "state");
        let target = format!("/callback?{code_or_error}&state={state}&iss=https%3A%2F%2Fattacker.example");
        let seen = login.browser(&target).await;
        assert_eq!(status(&seen), 400);
        assert!(!seen.contains("call us") && !seen.contains("attacker"), "{seen}");
        let server = login.server.clone();
        let unfinished = login.outcome().await.unwrap_err();
        assert!(unfinished.error.to_string().contains("another issuer"), "{unfinished}");
        assert_eq!(unfinished.error.oauth_code(), None);
        assert_eq!(server.ledger().count(Endpoint::Token), 0);
    }
    let login = Login::start().await;
    login.server.with_authority(|a, _| a.settings_mut().response_issuer = ResponseIssuer::Absent);
    assert_eq!(status(&login.browser(&login.person().await).await), 400);
    assert!(login.outcome().await.unwrap_err().error.to_string().contains("names no issuer"));
}

#[tokio::test]
async fn a_code_and_an_error_at_once_end_it() {
    let login = Login::start().await;
    let back = login.person().await;
    assert_eq!(status(&login.browser(&format!("{back}&error=access_denied")).await), 400);
    let server = login.server.clone();
    assert!(login.outcome().await.unwrap_err().error.to_string().contains("at once"));
    assert_eq!(server.ledger().count(Endpoint::Token), 0);
}

#[tokio::test]
async fn req_b24_a_token_request_that_was_never_sent_is_tried_again_and_another_is_not() {
    let login = Login::start().await;
    login.server.inject(Endpoint::Token, Fault::refuse_connection().times(1));
    assert_eq!(status(&login.browser(&login.person().await).await), 200);
    assert!(login.outcome().await.is_ok());

    let login = Login::start().await;
    login.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(status(&login.browser(&login.person().await).await), 502);
    let server = login.server.clone();
    let unfinished = login.outcome().await.unwrap_err();
    assert!(unfinished.again.is_none());
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
}

#[tokio::test(start_paused = true)]
async fn req_b24_a_server_that_stays_away_is_told_and_nothing_is_left_to_finish() {
    let login = Login::start().await;
    login.server.inject(Endpoint::Token, Fault::refuse_connection().times(9));
    assert_eq!(status(&login.browser(&login.person().await).await), 502);
    let unfinished = login.outcome().await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Unreachable);
    assert!(unfinished.again.is_none());
    assert!(unfinished.error.diagnosis().remedy().contains("begin again"));
}

#[tokio::test]
async fn a_login_that_is_given_up_ends_at_once_and_a_code_that_came_before_is_redeemed() {
    for code_comes in [false, true] {
        let loopback = Loopback::listen().await.unwrap();
        let redirect_uri = loopback.redirect_uri().to_owned();
        let client = RegisteredClient::with_secret(CLIENT, SECRET).redirect_uri(&redirect_uri);
        let clock = ManualClock::following_tokio();
        let server = TestServer::builder().client(client).clock(Arc::new(clock.clone())).build();
        let endpoint = endpoint(server.authorization_server().unwrap(), server.transport(), &clock);
        let flow = AuthorizationCode::builder(endpoint, redirect_uri).build().unwrap();
        server.inject(Endpoint::Token, Fault::delay(Duration::from_millis(300)));
        let (give_up, given_up) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel();
        let task = tokio::spawn(async move {
            let over = async { drop(given_up.await) };
            loopback.login_unless(&flow, |url| tell.send(url.to_owned()).unwrap(), over).await
        });
        let url = told.await.unwrap();
        if code_comes {
            let back = server.visit(&url).await.unwrap();
            let (address, path) = back.strip_prefix("http://").unwrap().split_once('/').unwrap();
            let mut browser = TcpStream::connect(address).await.unwrap();
            let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
            browser.write_all(request.as_bytes()).await.unwrap();
            server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(20)).await.unwrap();
            drop(give_up);
            assert!(task.await.unwrap().is_ok());
        } else {
            drop(give_up);
            let unfinished = task.await.unwrap().unwrap_err();
            assert_eq!(unfinished.error.kind(), ErrorKind::Closed);
            assert_eq!(server.ledger().count(Endpoint::Token), 0);
        }
    }
}
