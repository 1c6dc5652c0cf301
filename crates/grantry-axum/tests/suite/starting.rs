//! How a login begins.

use axum::http::StatusCode;

use crate::support::*;

#[tokio::test]
async fn req_b08_a_browser_is_bound_by_a_host_cookie_and_sent_to_the_server() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let sent = browser.load("/oauth/start/crm").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert!(sent.location().starts_with(app.server.issuer().as_str()), "{}", sent.location());
    let cookie = sent.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-grantry=") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax")
    );
    assert_eq!(sent.headers["cache-control"], "no-store");
    assert_eq!(sent.headers["referrer-policy"], "no-referrer");
    assert!(sent.body.is_empty());
    // In another window the same value serves again, with a state of its own.
    let again = browser.load("/oauth/start/crm").await;
    assert!(!again.headers.contains_key("set-cookie"));
    assert_ne!(parameter(sent.location(), "state"), parameter(again.location(), "state"));
    for secret in ["acme", "ada", browser.cookies["__Host-grantry"].as_str()] {
        assert!(!sent.location().contains(secret), "req_b23: {secret}");
    }
}

#[tokio::test]
async fn who_is_not_logged_in_gets_what_the_application_says() {
    let app = App::new().await;
    let mut browser = app.browser("nobody");
    for url in ["/oauth/start/crm", "/oauth/callback?code=a&state=b"] {
        browser.cookies.insert("__Host-grantry".into(), "a".repeat(43));
        let sent = browser.load(url).await;
        assert_eq!((sent.status, sent.location()), (StatusCode::SEE_OTHER, "/login"), "{url}");
        assert_eq!(sent.headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn what_only_looks_begins_nothing() {
    let mut store = None;
    let app = App::with(|_, server, clock| {
        let (shelf, place) = in_memory(clock);
        store = Some(shelf);
        let keeper = Refusing;
        grantry_axum::Logins::builder(Sessions, keeper, place)
            .service("crm", flow(server, clock).build().unwrap())
    })
    .await;
    let store = store.unwrap();
    let mut browser = app.browser("acme/ada");
    for header in [
        ("sec-purpose", "prefetch;prerender"),
        ("purpose", "prefetch"),
        ("x-moz", "prefetch"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "image"),
        ("sec-fetch-dest", "iframe"),
    ] {
        let seen = browser.send("GET", "/oauth/start/crm", &[header]).await;
        assert_eq!((seen.status.as_u16(), title(&seen)), (503, "One moment"), "{header:?}");
    }
    assert!(store.is_empty() && browser.cookies.is_empty());
    let page_load =
        [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"), ("sec-fetch-site", "same-site")];
    assert_eq!(browser.send("GET", "/oauth/start/crm", &page_load).await.status, StatusCode::SEE_OTHER);
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn a_service_that_is_not_there_and_methods_that_are_not() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let seen = browser.load("/oauth/start/erp").await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (404, "No such service"));
    for url in ["/oauth/start/crm", "/oauth/callback?code=a&state=b", "/oauth/callback/crm"] {
        for method in ["POST", "HEAD", "PUT", "OPTIONS", "DELETE"] {
            assert_eq!(
                browser.send(method, url, &[]).await.status,
                StatusCode::METHOD_NOT_ALLOWED,
                "{method} {url}"
            );
        }
    }
    assert_eq!(browser.load("/oauth/start/").await.status, StatusCode::NOT_FOUND);
    assert!(browser.cookies.is_empty());
}

#[tokio::test]
async fn a_store_that_is_full_or_away_is_told_before_anybody_is_sent_off() {
    let app = App::with(|_, server, clock| {
        grantry_axum::Logins::builder(
            Sessions,
            Refusing,
            grantry_axum::PendingPlace::shared(std::sync::Arc::new(Full)),
        )
        .service("crm", flow(server, clock).build().unwrap())
    })
    .await;
    let mut browser = app.browser("acme/ada");
    let seen = browser.load("/oauth/start/crm").await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (503, "Busy"));
    assert_eq!(seen.headers["retry-after"], "60");
    // A tenant that the vault does not have.
    let app = App::new().await;
    let seen = app.browser("initech/ada").load("/oauth/start/crm").await;
    assert_eq!(seen.status.as_u16(), 503);
}

use crate::strays::{Full, Refusing};
