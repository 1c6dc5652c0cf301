//! Two servers, one of which wants the codes of the other (RFC 9700 section 4.4).

use axum::Router;
use grantry::authorization_code::AuthorizationCode;
use grantry_axum::Logins;
use grantry_testkit::{Endpoint, ManualClock, ResponseIssuer, TestServer};

use crate::strays::Refusing;
use crate::support::*;

struct Two {
    honest: TestServer,
    attacker: TestServer,
    router: Router,
}

/// No byte that reached the server holds one of the codes.
fn never_saw(server: &TestServer, codes: &[String]) -> bool {
    let seen = |code: &String| {
        server.ledger().entries().iter().any(|entry| {
            String::from_utf8_lossy(entry.request.expose_body()).contains(code.as_str())
                || entry.request.expose_query().is_some_and(|query| query.contains(code.as_str()))
        })
    };
    server.ledger().count(Endpoint::Token) == 0 && !codes.iter().any(seen)
}

/// The person chose the attacker, who sends the browser on to the honest server, with the same state.
async fn attack(two: &Two, change: impl Fn(String) -> String) -> Vec<String> {
    let mut codes = Vec::new();
    for n in 0..100 {
        let mut browser = Browser::new(two.router.clone(), &format!("acme/user-{n}"));
        let sent = browser.load("/oauth/start/attacker").await;
        let forwarded = change(sent.location().replace("/attacker/", "/honest/"));
        let back = two.honest.visit(&forwarded).await.unwrap();
        codes.push(parameter(&back, "code"));
        let seen = browser.load(&back).await;
        assert_eq!(seen.status.as_u16(), 400);
    }
    codes
}

fn two(names_itself: bool) -> Two {
    let own = |name: &str| format!("{CALLBACK}/{name}");
    let uris = |name: &str| if names_itself { CALLBACK.to_owned() } else { own(name) };
    let clock = ManualClock::new();
    let server = |name: &str| test_server(&clock, name, &[&uris(name)]);
    let (honest, attacker) = (server("honest"), server("attacker"));
    let flow = |server: &TestServer, name: &str| {
        let facts = server.authorization_server().unwrap().to_builder();
        let facts = facts.authorization_response_iss_parameter(names_itself).build().unwrap();
        AuthorizationCode::builder(endpoint(facts, server, &clock), uris(name)).build().unwrap()
    };
    if !names_itself {
        honest.with_authority(|a, _| a.settings_mut().response_issuer = ResponseIssuer::Absent);
    }
    let router = Logins::builder(Sessions, Refusing, in_memory(&clock).1)
        .service("honest", flow(&honest, "honest"))
        .service("attacker", flow(&attacker, "attacker"))
        .build()
        .unwrap()
        .router();
    Two { honest, attacker, router }
}

#[tokio::test]
async fn req_b10_the_second_server_receives_0_codes_of_the_first() {
    let two = two(true);
    let codes = attack(&two, |location| location).await;
    assert!(never_saw(&two.attacker, &codes));
    assert_eq!(two.honest.ledger().count(Endpoint::Token), 0);
}

#[tokio::test]
async fn req_b14_nor_does_it_where_servers_do_not_name_themselves_and_have_redirect_uris_of_their_own() {
    let two = two(false);
    // The honest server sends nobody to the attacker's redirect URI, so the attacker has to name its own.
    let codes = attack(&two, |location| location.replace("callback%2Fattacker", "callback%2Fhonest")).await;
    assert!(never_saw(&two.attacker, &codes));
    assert_eq!(two.honest.ledger().count(Endpoint::Token), 0);
    // An honest login at the honest redirect URI goes well, up to the keeper, which keeps nothing here.
    let mut browser = Browser::new(two.router.clone(), "acme/ada");
    let back = browser.walk(&two.honest, "honest").await;
    assert!(back.starts_with("https://gateway.example/oauth/callback/honest?"));
    let seen = browser.load(&back).await;
    assert_eq!(seen.status.as_u16(), 500);
    assert_eq!(two.honest.ledger().count(Endpoint::Token), 1);
}
