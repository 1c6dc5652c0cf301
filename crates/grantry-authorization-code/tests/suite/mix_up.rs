//! Two servers, one of which wants the codes of the other (RFC 9700 section 4.4).

use grantry_authorization_code::{AuthorizationCode, Callback};
use grantry_core::{AuthorizationServer, ErrorKind};
use grantry_testkit::{Endpoint, ManualClock, ResponseIssuer, TestServer};

use crate::support::*;

/// An honest server, one that is not, and a flow to each at one redirect URI.
struct Two {
    honest: TestServer,
    attacker: TestServer,
    honest_flow: AuthorizationCode,
    attacker_flow: AuthorizationCode,
}

fn two() -> Two {
    let clock = ManualClock::new();
    let (honest, attacker) = (test_server(&clock, "honest"), test_server(&clock, "attacker"));
    let honest_flow = builder(&honest, &clock).scope("read").build().unwrap();
    let attacker_flow = builder(&attacker, &clock).scope("read").build().unwrap();
    Two { honest, attacker, honest_flow, attacker_flow }
}

/// No byte that reached the server holds one of the codes.
fn never_saw(server: &TestServer, codes: &[String]) -> bool {
    let entries = server.ledger().entries();
    let seen = |code: &String| {
        entries.iter().any(|entry| {
            let body = String::from_utf8_lossy(entry.request.expose_body()).into_owned();
            body.contains(code.as_str())
                || entry.request.expose_query().is_some_and(|q| q.contains(code.as_str()))
        })
    };
    server.ledger().count(Endpoint::Token) == 0 && !codes.iter().any(seen)
}

#[tokio::test]
async fn req_b10_the_second_server_receives_no_code_of_the_first() {
    let two = two();
    let mut codes = Vec::new();
    for _ in 0..100 {
        // The person chose the attacker, who sends the browser on to the honest server with the same state.
        let user_agent = two.attacker_flow.user_agent();
        let (redirect, pending) = two.attacker_flow.begin(&user_agent).await.unwrap();
        let forwarded = redirect.into_location().unwrap().replace("/attacker/", "/honest/");
        let back = two.honest.visit(&forwarded).await.unwrap();
        codes.push(query(&back).expose("code").unwrap().to_owned());
        let callback = Callback::from_url(&back).unwrap();
        let unfinished = pending.finish(&two.attacker_flow, &user_agent, &callback).await.unwrap_err();
        assert!(unfinished.error.to_string().contains("another issuer"), "{}", unfinished.error);
        assert!(unfinished.again.is_none());
    }
    assert!(never_saw(&two.attacker, &codes));
    assert_eq!(two.honest.ledger().count(Endpoint::Token), 0);
}

#[tokio::test]
async fn req_b10_without_an_issuer_in_the_response_of_a_server_that_promised_one_nothing_is_sent() {
    let two = two();
    two.honest.with_authority(|a, _| a.settings_mut().response_issuer = ResponseIssuer::Absent);
    let user_agent = two.attacker_flow.user_agent();
    let (redirect, pending) = two.attacker_flow.begin(&user_agent).await.unwrap();
    let forwarded = redirect.into_location().unwrap().replace("/attacker/", "/honest/");
    let back = two.honest.visit(&forwarded).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    assert!(pending.finish(&two.attacker_flow, &user_agent, &callback).await.is_err());
    assert!(never_saw(&two.attacker, &[query(&back).expose("code").unwrap().to_owned()]));
}

#[tokio::test]
async fn req_b10_c13_a_pending_authorization_is_finished_only_by_the_flow_that_began_it() {
    let two = two();
    let user_agent = two.honest_flow.user_agent();
    let (redirect, pending) = two.honest_flow.begin(&user_agent).await.unwrap();
    let back = two.honest.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    let unfinished = pending.finish(&two.attacker_flow, &user_agent, &callback).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);
    assert!(never_saw(&two.attacker, &[query(&back).expose("code").unwrap().to_owned()]));
    let pending = *unfinished.again.unwrap();
    assert!(pending.finish(&two.honest_flow, &user_agent, &callback).await.is_ok());
}

#[test]
fn req_b10_a_metadata_with_a_foreign_token_endpoint_is_another_server() {
    let clock = ManualClock::new();
    let honest = test_server(&clock, "honest");
    let flow = builder(&honest, &clock).build().unwrap();
    let facts = honest.authorization_server().unwrap();
    let foreign = AuthorizationServer::builder("https://attacker.example/token")
        .issuer(facts.issuer().unwrap())
        .authorization_endpoint(facts.authorization_endpoint().unwrap().as_str())
        .build()
        .unwrap();
    let endpoint = endpoint(foreign, honest.transport(), &clock);
    let other = AuthorizationCode::builder(endpoint, REDIRECT_URI).build().unwrap();
    let user_agent = flow.user_agent();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_, pending) = runtime.block_on(flow.begin(&user_agent)).unwrap();
    assert!(flow.began(&pending) && !other.began(&pending));
}
