//! A resource server that wants more, in the middle of the application's own pages.

use axum::Router;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::routing::get;
use grantry::presenting::Challenges;
use grantry::{Error, ErrorKind, Scope, Stage};

use crate::support::*;

/// A page of the application whose request to a resource server was refused for want of this scope.
fn with_page(app: &App, needed: &'static str) -> Router {
    let logins = app.logins.clone();
    let page = async move |parts: Parts| {
        let challenge = format!("Bearer error=insufficient_scope, scope=\"{needed}\"");
        let challenge = Challenges::parse([challenge]).iter().next().unwrap().clone();
        let refusal =
            Error::new(ErrorKind::InsufficientScope, Stage::Present, "refused").with_challenge(challenge);
        logins.step_up("crm", &parts, &refusal, &Scope::parse("read").unwrap()).await
    };
    app.router.clone().route("/orders", get(page))
}

#[tokio::test]
async fn req_e06_a_page_that_is_refused_sends_the_browser_for_more_and_the_callback_keeps_it() {
    let app = App::new().await;
    let mut browser = Browser::new(with_page(&app, "write"), "acme/ada");
    let sent = browser.load("/orders").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    assert_eq!(parameter(sent.location(), "scope"), "read write");
    assert!(sent.headers["set-cookie"].to_str().unwrap().starts_with("__Host-grantry="));
    let back = app.server.visit(sent.location()).await.unwrap();
    // Somebody else at the same browser does not get it.
    let mut other = Browser { user: "acme/bob".to_owned(), ..browser.clone() };
    let path = back.strip_prefix("https://gateway.example").unwrap();
    assert_ne!(other.load(path).await.status, StatusCode::OK);
    assert_eq!(browser.load(path).await.status, StatusCode::OK);
    assert!(app.is_connected("acme", "ada").await && !app.is_connected("acme", "bob").await);
}

#[tokio::test]
async fn req_e06_a_browser_is_not_sent_in_circles_and_what_only_looks_is_sent_nowhere() {
    let app = App::new().await;
    let mut browser = Browser::new(with_page(&app, "write"), "acme/ada");
    let looked = browser.send("GET", "/orders", &[("sec-fetch-mode", "cors")]).await;
    assert_ne!(looked.status, StatusCode::SEE_OTHER);
    for _ in 0..2 {
        assert_eq!(browser.load("/orders").await.status, StatusCode::SEE_OTHER);
    }
    let end = browser.load("/orders").await;
    assert!(!end.status.is_redirection() && !end.body.contains("write"), "{}", end.body);
    assert!(!title(&end).is_empty());
    assert!(!end.headers.contains_key("location"));
    // What the person has already is asked of nobody.
    let mut browser = Browser::new(with_page(&app, "read"), "acme/ada");
    assert!(!browser.load("/orders").await.status.is_redirection());
}
