//! The token endpoint: who may ask, what is granted, how the answer is written.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::ClientAuthenticationMethod::{ClientSecretBasic, ClientSecretPost};
use grantry_core::{Clock, Scope, Timestamp};
use grantry_testkit::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::client::{ask, builder, json, post, post_in_memory, send};

const CC: &str = "grant_type=client_credentials";

#[tokio::test]
async fn a_first_token_comes_over_loopback() {
    let server = builder().token_lifetime(Duration::from_secs(60)).start().await.unwrap();
    let came = post(&server.token_endpoint(), &format!("{CC}&scope=b+a")).await;
    assert_eq!(came.status(), 200, "{}", came.text());
    let token = came.json();
    assert!(token["access_token"].as_str().unwrap().starts_with("at-"));
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["expires_in"], 60);
    assert_eq!(token["scope"], "a b");
    assert_eq!(token.get("refresh_token"), None, "RFC 6749 section 4.4.3");
    assert_eq!(came.header("cache-control").unwrap(), "no-store");

    let entry = server.ledger().last(Endpoint::Token).unwrap();
    assert_eq!(entry.request.form().expose("client_secret"), Some("s3cret"));
    assert!(matches!(entry.outcome, Outcome::Answered { status, handled: true, .. } if status == 200));
    let shown = format!("{server:?} {:?}", server.ledger());
    assert!(shown.contains("client_credentials") && !shown.contains("s3cret"), "{shown}");
}

#[tokio::test]
async fn no_two_tokens_are_alike_and_a_seed_repeats_them() {
    let tokens = |seed| async move {
        let server = builder().seed(seed).build();
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let answer = post_in_memory(&server, CC).await.unwrap();
            tokens.push(json(&answer)["access_token"].as_str().unwrap().to_owned());
        }
        tokens
    };
    let (first, again, other) = (tokens(1).await, tokens(1).await, tokens(2).await);
    assert_eq!(first, again);
    assert!(first[0] != first[1] && first[1] != first[2] && first != other);
}

#[tokio::test]
async fn a_client_authenticates_in_one_registered_way() {
    let crm = RegisteredClient::with_secret("c:r+m", " %&+£€").or_secret("new").accepts([ClientSecretBasic]);
    let server = builder().client(crm).client(RegisteredClient::public("app")).start().await.unwrap();
    let url = server.token_endpoint();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    // base64 of `c%3Ar%2Bm:+%25%26%2B%C2%A3%E2%82%AC`, of `c%3Ar%2Bm:new`, of `c%3Ar%2Bm:old`.
    let encoded = "Basic YyUzQXIlMkJtOislMjUlMjYlMkIlQzIlQTMlRTIlODIlQUM=";
    let new = "basic YyUzQXIlMkJtOm5ldw==";
    let old = "Basic YyUzQXIlMkJtOm9sZA==";
    let good = send("POST", &url, &[form, ("Authorization", encoded)], CC).await;
    assert_eq!(good.status(), 200, "{}", good.text());
    assert_eq!(send("POST", &url, &[form, ("Authorization", new)], CC).await.status(), 200);
    let bad = send("POST", &url, &[form, ("Authorization", old)], CC).await;
    assert_eq!((bad.status(), &bad.json()["error"]), (401, &"invalid_client".into()));
    assert!(bad.header("www-authenticate").unwrap().starts_with("basic "));

    let refused = |form: &'static str, headers: Vec<(&'static str, &'static str)>| {
        let url = url.clone();
        async move {
            let mut all = vec![("Content-Type", "application/x-www-form-urlencoded")];
            all.extend(headers);
            send("POST", &url, &all, form).await.json()["error"].as_str().unwrap().to_owned()
        }
    };
    let post_of_basic_only = "grant_type=client_credentials&client_id=c%3Ar%2Bm&client_secret=new";
    assert_eq!(refused(post_of_basic_only, vec![]).await, "invalid_client");
    let public = "grant_type=client_credentials&client_id=app";
    assert_eq!(refused(public, vec![]).await, "unauthorized_client", "C05");
    let both = "grant_type=client_credentials&client_secret=new";
    assert_eq!(refused(both, vec![("Authorization", new)]).await, "invalid_request", "C02");
    assert_eq!(refused(CC, vec![]).await, "invalid_client");
    assert_eq!(refused("grant_type=client_credentials&client_id=nobody", vec![]).await, "invalid_client");
    let twice = "grant_type=client_credentials&grant_type=client_credentials";
    assert_eq!(refused(twice, vec![("Authorization", new)]).await, "invalid_request", "A05");
    assert_eq!(refused("grant_type=password", vec![("Authorization", new)]).await, "unsupported_grant_type");
}

#[tokio::test]
async fn only_a_posted_form_is_a_token_request() {
    let server = builder().start().await.unwrap();
    let url = server.token_endpoint();
    let got = send("GET", &url, &[], "").await;
    assert_eq!((got.status(), got.header("allow").unwrap().as_str()), (405, "post"));
    assert_eq!(send("POST", &url, &[("Content-Type", "application/json")], "{}").await.status(), 400);
    assert_eq!(send("GET", &format!("{}/nothing", server.issuer()), &[], "").await.status(), 404);
    assert_eq!(server.ledger().count(Endpoint::Unknown), 1);
    let large = "x".repeat(2 << 20);
    assert_eq!(send("POST", &url, &[], &large).await.status(), 413);
}

#[tokio::test]
async fn scope_policies_narrow_refuse_and_widen() {
    let scope = |s| Scope::parse(s).unwrap();
    let server = builder().scope_policy(ScopePolicy::Narrowed(scope("a"))).build();
    let asked = format!("{CC}&scope=a+b");
    assert_eq!(json(&post_in_memory(&server, &asked).await.unwrap())["scope"], "a");
    server.with_authority(|a, _| a.settings_mut().scope_policy = ScopePolicy::Within(scope("a")));
    assert_eq!(json(&post_in_memory(&server, &asked).await.unwrap())["error"], "invalid_scope");
    server.with_authority(|a, _| a.settings_mut().scope_policy = ScopePolicy::Always(scope("a b c")));
    assert_eq!(json(&post_in_memory(&server, &asked).await.unwrap())["scope"], "a b c");
    let quote = format!("{CC}&scope=%22");
    assert_eq!(json(&post_in_memory(&server, &quote).await.unwrap())["error"], "invalid_scope");
}

#[tokio::test]
async fn answers_are_written_in_the_style_that_was_set() {
    let server = builder().build();
    let asked = format!("{CC}&scope=b+a");
    let answer = async |style: AnswerStyle| {
        server.with_authority(|a, _| a.settings_mut().answer_style = style);
        String::from_utf8(post_in_memory(&server, &asked).await.unwrap().expose_body().to_vec()).unwrap()
    };
    let style = AnswerStyle::default;
    let odd = style().expires_in(ExpiresIn::Text).token_type(Some("bEaReR")).scope(ScopeForm::Array);
    let odd = answer(odd.refresh_in(Duration::from_secs(1800))).await;
    for part in
        [r#""expires_in":"3600""#, r#""token_type":"bEaReR""#, r#""scope":["a","b"]"#, r#""refresh_in":1800"#]
    {
        assert!(odd.contains(part), "{odd}");
    }
    assert!(answer(style().expires_in(ExpiresIn::Float)).await.contains(r#""expires_in":3600.0"#));
    let bare = answer(style().expires_in(ExpiresIn::Absent).token_type(None).scope(ScopeForm::Absent)).await;
    assert!(
        !bare.contains("expires_in") && !bare.contains("token_type") && !bare.contains("scope"),
        "{bare}"
    );
    let form = answer(style().form_encoded()).await;
    assert!(form.starts_with("access_token=at-") && form.ends_with("&scope=a+b"), "{form}");
}

#[tokio::test]
async fn the_date_is_that_of_the_servers_own_clock() {
    let clock = ManualClock::new();
    clock.set_wall(Timestamp::from_unix_seconds(784_111_777));
    let server = builder().clock(Arc::new(clock.clone())).start().await.unwrap();
    assert_eq!(ask(&server).await.header("date").unwrap(), "sun, 06 nov 1994 08:49:37 gmt");
    assert_eq!(server.ledger().last(Endpoint::Token).unwrap().at, clock.now());
}

#[tokio::test]
async fn the_facts_lead_to_this_server() {
    let server = builder().issuer_path("/tenant-1/").start().await.unwrap();
    let facts = server.authorization_server().unwrap();
    assert_eq!(facts.issuer(), Some(server.issuer().as_str()));
    assert!(server.issuer().ends_with("/tenant-1"), "{}", server.issuer());
    let came = post(facts.token_endpoint().as_str(), CC).await;
    assert_eq!(came.status(), 200);
    let basic_only = RegisteredClient::with_secret("billing", "s3cret").accepts([ClientSecretPost]);
    server.with_authority(|a, _| a.register(basic_only));
    assert_eq!(ask(&server).await.status(), 200);
    server.with_authority(|a, _| a.unregister(&"billing".into()));
    assert_eq!(ask(&server).await.status(), 401);
}

#[tokio::test]
async fn nothing_is_served_after_shutdown_or_drop() {
    for waits in [true, false] {
        let server = builder().start().await.unwrap();
        let ledger = server.ledger().clone();
        let address = server.issuer().strip_prefix("http://").unwrap().to_owned();
        if waits {
            server.shutdown().await;
        } else {
            drop(server);
            // Dropping cannot wait for the task that holds the socket.
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        }
        // The port may be another test's by now: what counts is that this server sees nothing.
        if let Ok(mut stream) = TcpStream::connect(address).await {
            let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
        assert_eq!(ledger.total(), 0);
    }
}

#[tokio::test]
async fn no_debug_shows_a_secret() {
    let client = RegisteredClient::with_secret("billing", "canary").or_secret("canary");
    let builder = TestServer::builder().client(client.clone());
    let authority = builder.clone().build_authority("https://as.test");
    let server = builder.clone().build();
    let grant = SeededGrant::new("billing", Scope::EMPTY);
    let refresh = server.seed_grant(grant.clone());
    let form = format!("grant_type=refresh_token&refresh_token={}&assertion=canary", refresh.expose());
    let came = json(&post_in_memory(&server, &form).await.unwrap());
    let refused = came["error"].as_str().unwrap();
    assert_eq!(refused, "invalid_client");
    let resource = ProtectedResource::start(&server).await.unwrap();
    let header = [("Authorization", "Bearer canary"), ("Cookie", "canary")];
    send("POST", &resource.url("/a?canary"), &header, "canary").await;
    let shown = format!(
        "{client:?} {builder:?} {authority:?} {server:?} {grant:?} {refresh:?} {resource:?} {:?} {:?} {:?} {:?}",
        server.transport(),
        server.ledger(),
        resource.ledger(),
        [Fault::body("canary"), Fault::status(400).with_body("canary")],
    );
    assert!(!shown.contains("canary") && !shown.contains(refresh.expose()), "{shown}");
    assert!(resource.ledger().entries()[0].request.expose_body() == b"canary");
}
