//! What cannot work is refused before anybody clicks.

use axum::http::StatusCode;
use grantry::ErrorKind;
use grantry::authorization_code::AuthorizationCode;
use grantry_axum::Logins;
use grantry_testkit::{ManualClock, TestServer};

use crate::strays::Refusing;
use crate::support::*;

fn at(server: &TestServer, clock: &ManualClock, redirect_uri: &str) -> AuthorizationCode {
    let facts = server.authorization_server().unwrap();
    AuthorizationCode::builder(endpoint(facts, server, clock), redirect_uri).build().unwrap()
}

#[tokio::test]
async fn names_paths_and_redirect_uris_have_to_fit() {
    let clock = ManualClock::new();
    let server = test_server(&clock, "crm", &[CALLBACK]);
    let builder = || Logins::builder(Sessions, Refusing, in_memory(&clock).1);
    let fits = |path: &str, name: &str, redirect_uri: &str| {
        builder().path(path).service(name, at(&server, &clock, redirect_uri)).build()
    };
    for (path, name, redirect_uri) in [
        ("/oauth", "crm", "https://gateway.example/oauth/callback"),
        ("/oauth", "crm", "https://gateway.example/oauth/callback?tenant=a"),
        ("/oauth", "crm", "https://gateway.example/oauth/callback/crm"),
        ("/a/b", "crm", "http://127.0.0.1:7000/a/b/callback"),
        ("", "crm", "https://gateway.example/callback"),
    ] {
        assert!(fits(path, name, redirect_uri).is_ok(), "{path} {redirect_uri}");
    }
    for (path, name, redirect_uri) in [
        ("/oauth", "crm", "https://gateway.example/callback"),
        ("/oauth", "crm", "https://gateway.example/oauth/callback/erp"),
        ("/oauth", "crm", "https://gateway.example/"),
        ("/oauth", "C R M", "https://gateway.example/oauth/callback"),
        ("/oauth/", "crm", "https://gateway.example/oauth/callback"),
        ("oauth", "crm", "https://gateway.example/oauth/callback"),
        ("/{x}", "crm", "https://gateway.example/oauth/callback"),
        ("/../x", "crm", "https://gateway.example/oauth/callback"),
    ] {
        let error = fits(path, name, redirect_uri).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{path} {name} {redirect_uri}");
    }
    let posting = flow(&server, &clock).form_post().build().unwrap();
    assert!(builder().service("crm", posting).build().is_err());
    let twice =
        builder().service("crm", at(&server, &clock, CALLBACK)).service("crm", at(&server, &clock, CALLBACK));
    assert!(twice.build().is_err());
}

#[tokio::test]
async fn the_routes_can_be_elsewhere() {
    let app = App::new().await;
    let path = "https://gateway.example/api/v1/connect/callback";
    let server = test_server(&app.clock, "crm", &[path]);
    let (_, place) = in_memory(&app.clock);
    let keeper = grantry_axum::VaultKeeper::new(app.vault.clone());
    let logins = Logins::builder(Sessions, keeper, place).path("/api/v1/connect");
    let logins = logins.service("crm", at(&server, &app.clock, path)).build().unwrap();
    let mut browser = Browser::new(logins.router(), "acme/ada");
    let sent = browser.load("/api/v1/connect/start/crm").await;
    let back = server.visit(sent.location()).await.unwrap();
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
    assert!(app.is_connected("acme", "ada").await);
}
