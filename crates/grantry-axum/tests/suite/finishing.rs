//! How a login ends, for the person who began it and for everybody else.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use grantry::Error;
use grantry::authorization_code::{Granted, Page};
use grantry_axum::{GrantKeeper, Logins, Outcome, Person, ResultPages, respond};
use grantry_testkit::{Decision, Endpoint, Fault, IdTokenStyle};

use crate::strays::{Panicking, Refusing};
use crate::support::*;

#[tokio::test]
async fn req_b17_b18_a_person_connects_an_account_and_the_grant_is_in_the_vault() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    let seen = browser.load(&back).await;
    assert_eq!((seen.status, title(&seen)), (StatusCode::OK, "Connected"));
    for (name, value) in Page::HEADERS {
        assert_eq!(seen.headers[*name], *value, "{name}");
    }
    assert!(!seen.headers.contains_key("location"));
    for secret in [parameter(&back, "code"), parameter(&back, "state")] {
        assert!(!seen.body.contains(&secret) && !format!("{:?}", seen.headers).contains(&secret));
    }
    let grant = app.vault.tenant("acme").unwrap().grant("crm", "ada").await.unwrap().unwrap();
    assert!(grant.has_refresh_token);
    let token = app.vault.tenant("acme").unwrap();
    let token = token.access_token("crm", "ada", &grantry::Target::default()).await.unwrap().unwrap();
    assert_eq!(token.granted.as_str(), "read");
    assert!(!app.is_connected("globex", "ada").await && !app.is_connected("acme", "bob").await);
}

#[tokio::test]
async fn a_later_consent_takes_the_place_of_an_earlier_one() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let mut lineages = Vec::new();
    for _ in 0..3 {
        let back = browser.walk(&app.server, "crm").await;
        assert_eq!(browser.load(&back).await.status, StatusCode::OK);
        let stored = app.vault.tenant("acme").unwrap().grant("crm", "ada").await.unwrap().unwrap();
        lineages.push(stored.version.lineage());
    }
    assert!(lineages[0] != lineages[1] && lineages[1] != lineages[2]);
}

#[tokio::test]
async fn req_b08_another_browser_spends_nothing() {
    let app = App::new().await;
    let mut mine = app.browser("acme/ada");
    let back = mine.walk(&app.server, "crm").await;
    // The same person's phone, without a cookie and with one of its own.
    let mut phone = app.browser("acme/ada");
    let seen = phone.load(&back).await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (400, "Another browser"));
    phone.walk(&app.server, "crm").await;
    let seen = phone.load(&back).await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (400, "This link does not work any more"));
    assert_eq!(app.token_requests(), 0);
    assert_eq!(mine.load(&back).await.status, StatusCode::OK);
}

#[tokio::test]
async fn req_b04_another_person_or_tenant_in_the_same_browser_gets_nothing() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    browser.user = "acme/bob".into();
    for _ in 0..2 {
        let seen = browser.load(&back).await;
        assert_eq!((seen.status.as_u16(), title(&seen)), (403, "Another person"));
    }
    // Twins that only a careless comparison takes for one.
    for user in ["globex/ada", "globex/acme/ada"] {
        browser.user = user.into();
        let seen = browser.load(&back).await;
        assert_eq!((seen.status.as_u16(), title(&seen)), (400, "This link does not work any more"), "{user}");
    }
    assert_eq!(app.token_requests(), 0);
    browser.user = "acme/ada".into();
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
    assert!(!app.is_connected("acme", "bob").await && !app.is_connected("globex", "ada").await);
}

#[tokio::test]
async fn req_b08_a_page_that_is_loaded_again_says_so_and_spends_nothing() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
    let seen = browser.load(&back).await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (200, "Already connected"));
    // The page has taken the query out of the address bar.
    let seen = browser.load("/oauth/callback").await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (200, "Already connected"));
    // Without the second cookie it is one of many reasons.
    browser.cookies.remove("__Host-grantry-done");
    let seen = browser.load(&back).await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (400, "This link does not work any more"));
    assert_eq!(app.token_requests(), 1);
}

#[tokio::test]
async fn a_link_expires() {
    for in_vault in [true, false] {
        let mut store = None;
        let app = App::with(|logins, server, clock| {
            if in_vault {
                return logins;
            }
            let (shelf, place) = in_memory(clock);
            store = Some(shelf);
            Logins::builder(Sessions, Refusing, place).service("crm", flow(server, clock).build().unwrap())
        })
        .await;
        let mut browser = app.browser("acme/ada");
        let back = browser.walk(&app.server, "crm").await;
        app.clock.advance(Duration::from_secs(600));
        let seen = browser.load(&back).await;
        assert_eq!((seen.status.as_u16(), title(&seen)), (400, "This link does not work any more"));
        assert_eq!(app.token_requests(), 0);
        assert!(store.is_none_or(|store| store.is_empty()));
    }
}

#[tokio::test]
async fn req_b19_a_person_who_declines_reads_so_and_no_script_runs() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    app.server.with_authority(|a, _| a.settings_mut().decision = Decision::Deny);
    let back = browser.walk(&app.server, "crm").await;
    let seen = browser.load(&back).await;
    assert_eq!((seen.status.as_u16(), title(&seen)), (403, "Not connected"));
    let failing = Decision::Fail {
        code: "access_denied".into(),
        description: "<script>alert(1)</script><img src=x onerror=alert(1)>".into(),
    };
    app.server.with_authority(|a, _| a.settings_mut().decision = failing);
    let back = browser.walk(&app.server, "crm").await;
    let seen = browser.load(&back).await;
    assert_eq!(seen.body.matches("<script>").count(), 1, "its own");
    assert!(!seen.body.contains("<img"));
    assert_eq!(app.token_requests(), 0);
    assert!(!app.is_connected("acme", "ada").await);
}

#[tokio::test]
async fn what_only_looks_takes_nothing_away() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    for header in [("sec-purpose", "prefetch"), ("sec-fetch-dest", "image"), ("sec-fetch-mode", "cors")] {
        assert_eq!(browser.send("GET", &back, &[header]).await.status.as_u16(), 503);
    }
    assert_eq!(browser.send("HEAD", &back, &[]).await.status.as_u16(), 405);
    assert_eq!(app.token_requests(), 0);
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
}

#[tokio::test]
async fn odd_callbacks_are_answered_and_the_right_one_is_still_good() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    let (code, state) = (parameter(&back, "code"), parameter(&back, "state"));
    let other = app.browser("acme/bob").walk(&app.server, "crm").await;
    for query in [
        String::new(),
        format!("code={code}"),
        format!("code={code}&code={code}&state={state}"),
        format!("code={code}&state={state}&state={state}"),
        "error=access_denied".to_owned(),
        format!("code={code}&state={}", state.to_uppercase()),
        format!("code={code}&state={}", &state[1..]),
        format!("code=%00&state={state}"),
        format!("code=a%0d%0aSet-Cookie:%20a=b&state={state}"),
        format!("code=%zz&state={state}"),
        format!("code=%c0%af&state={state}"),
        format!("code={}&state={state}", "a".repeat(40_000)),
        url::Url::parse(&other).unwrap().query().unwrap().to_owned(),
    ] {
        let seen = browser.load(&format!("/oauth/callback?{query}")).await;
        assert_eq!(seen.status.as_u16(), 400, "{query}");
    }
    assert_eq!(app.token_requests(), 0);
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
}

#[tokio::test]
async fn any_replica_finishes_and_of_two_at_once_one_does() {
    let app = App::new().await;
    let replica = app.replica().await;
    for _ in 0..20 {
        let mut here = app.browser("acme/ada");
        let back = here.walk(&app.server, "crm").await;
        let mut there = Browser { router: replica.clone(), ..here.clone() };
        let before = app.token_requests();
        let (one, other) = tokio::join!(here.load(&back), there.load(&back));
        assert!((one.status == StatusCode::OK) != (other.status == StatusCode::OK));
        assert_eq!(app.token_requests(), before + 1);
    }
}

#[tokio::test]
async fn a_browser_that_goes_away_takes_no_tokens_along() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    app.server.inject(Endpoint::Token, Fault::delay(Duration::from_millis(200)));
    let gone = tokio::time::timeout(Duration::from_millis(50), browser.load(&back)).await;
    assert!(gone.is_err(), "it went away before the tokens were there");
    for _ in 0..500 {
        if app.is_connected("acme", "ada").await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the grant was lost");
}

#[tokio::test]
async fn req_b24_a_request_that_was_never_sent_can_be_finished_by_loading_the_page_again() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    app.server.inject(Endpoint::Token, Fault::refuse_connection());
    assert_eq!(browser.load(&back).await.status.as_u16(), 502);
    assert_eq!(browser.load(&back).await.status, StatusCode::OK);
    // After one that may have arrived nothing is sent again.
    let back = browser.walk(&app.server, "crm").await;
    app.server.inject(Endpoint::Token, Fault::drop_after_handling());
    let before = app.token_requests();
    assert_eq!(browser.load(&back).await.status.as_u16(), 502);
    assert_eq!(browser.load(&back).await.status.as_u16(), 400);
    assert_eq!(app.token_requests(), before + 1);
}

#[tokio::test]
async fn a_grant_that_cannot_be_kept_is_told() {
    let refusing = App::with(|_, server, clock| {
        let flow = flow(server, clock).build().unwrap();
        Logins::builder(Sessions, Refusing, in_memory(clock).1).service("crm", flow)
    });
    let panicking = App::with(|_, server, clock| {
        let flow = flow(server, clock).build().unwrap();
        Logins::builder(Sessions, Panicking, in_memory(clock).1).service("crm", flow)
    });
    for app in [refusing.await, panicking.await] {
        let mut browser = app.browser("acme/ada");
        let back = browser.walk(&app.server, "crm").await;
        let seen = browser.load(&back).await;
        assert_eq!((seen.status.as_u16(), title(&seen)), (500, "Not connected"));
        assert!(!seen.body.contains("disk") && !browser.cookies.contains_key("__Host-grantry-done"));
    }
}

#[tokio::test]
async fn the_application_may_have_pages_of_its_own_and_they_are_kept_private() {
    /// Back to the settings where all is well.
    #[derive(Debug)]
    struct BackToSettings;

    impl ResultPages for BackToSettings {
        fn page(&self, outcome: &Outcome) -> Response {
            match outcome {
                Outcome::Connected { person, service, missing_scope, claims } => {
                    assert_eq!((person.account().as_str(), service.as_str()), ("ada", "crm"));
                    assert!(missing_scope.is_empty() && claims.is_none(), "no ID token was asked for");
                    Redirect::to("/settings").into_response()
                }
                other => respond(&other.page()),
            }
        }
    }
    let app = App::with(|logins, _, _| logins.pages(BackToSettings)).await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    let seen = browser.load(&back).await;
    assert_eq!((seen.status, seen.location()), (StatusCode::SEE_OTHER, "/settings"));
    assert_eq!(seen.headers["cache-control"], "no-store");
    assert_eq!(seen.headers["referrer-policy"], "no-referrer");
    let other = app.browser("acme/ada").load("/oauth/callback").await;
    assert_eq!((other.status.as_u16(), title(&other)), (400, "Another browser"));
}

#[tokio::test]
async fn req_e22_e23_who_logged_in_is_told_to_the_application_and_a_wrong_id_token_connects_nothing() {
    /// Keeps whose the accounts at the service are.
    #[derive(Debug, Default, Clone)]
    struct Subjects(Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl GrantKeeper for Subjects {
        async fn keep(&self, _: &Person, _: &str, granted: Granted) -> Result<(), Error> {
            let claims = granted.claims.ok_or_else(|| Error::internal("openid was asked for"))?;
            self.0.lock().unwrap().push(claims.subject().to_owned());
            Ok(())
        }
    }

    #[derive(Debug)]
    struct Greeting;

    impl ResultPages for Greeting {
        fn page(&self, outcome: &Outcome) -> Response {
            match outcome {
                Outcome::Connected { claims: Some(claims), .. } => {
                    claims.subject().to_owned().into_response()
                }
                other => respond(&other.page()),
            }
        }
    }
    let kept = Subjects::default();
    let app = App::with(|_, server, clock| {
        let flow = flow(server, clock).scope("openid").build().unwrap();
        Logins::builder(Sessions, kept.clone(), in_memory(clock).1).service("crm", flow).pages(Greeting)
    })
    .await;
    let mut browser = app.browser("acme/ada");
    let back = browser.walk(&app.server, "crm").await;
    let seen = browser.load(&back).await;
    assert_eq!((seen.status, seen.body.as_str()), (StatusCode::OK, "resource-owner"));

    app.server.with_authority(|authority, _| {
        authority.settings_mut().id_token = IdTokenStyle::default().claim("nonce", "of another");
    });
    let back = browser.walk(&app.server, "crm").await;
    assert_eq!(browser.load(&back).await.status.as_u16(), 502);
    assert_eq!(*kept.0.lock().unwrap(), ["resource-owner"]);
    assert_eq!(app.server.ledger().count(Endpoint::Revocation), 1);
}
