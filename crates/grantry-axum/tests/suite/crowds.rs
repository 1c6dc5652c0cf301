//! Many people at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::StatusCode;
use futures_util::future::join_all;
use grantry::authorization_code::Granted;
use grantry::{AccessToken, Error};
use grantry_axum::{GrantKeeper, Logins, Person};
use grantry_testkit::Decision;

use crate::support::*;

/// Remembers whose tokens it was handed.
#[derive(Debug, Clone, Default)]
struct Book(Arc<Mutex<Vec<(Person, String)>>>);

#[async_trait]
impl GrantKeeper for Book {
    async fn keep(&self, person: &Person, service: &str, granted: Granted) -> Result<(), Error> {
        assert_eq!(service, "crm");
        self.0.lock().unwrap().push((person.clone(), granted.token_set.token().expose().to_owned()));
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn req_b04_256_logins_at_once_on_one_router_do_not_mix_the_people_up() {
    let book = Book::default();
    let keeper = book.clone();
    let app = App::with(|_, server, clock| {
        let flow = flow(server, clock).build().unwrap();
        Logins::builder(Sessions, keeper, in_memory(clock).1).service("crm", flow)
    })
    .await;
    let tenant = |n: usize| if n.is_multiple_of(2) { "acme" } else { "globex" };
    let browsers: Vec<_> = (0..256).map(|n| app.browser(&format!("{}/user-{n}", tenant(n)))).collect();
    let begun = join_all(browsers.into_iter().map(|mut browser| async move {
        let sent = browser.load("/oauth/start/crm").await;
        (browser, sent.location().to_owned())
    }))
    .await;
    // At the server each is somebody of the same name.
    let mut returning = Vec::new();
    for (browser, location) in begun {
        let person = Decision::ConsentBy(browser.user.clone());
        app.server.with_authority(|a, _| a.settings_mut().decision = person);
        returning.push((browser, app.server.visit(&location).await.unwrap()));
    }
    let cookies: BTreeSet<_> =
        returning.iter().map(|(browser, _)| browser.cookies["__Host-grantry"].clone()).collect();
    assert_eq!(cookies.len(), 256);
    let finished = join_all(
        returning
            .into_iter()
            .map(|(mut browser, back)| tokio::spawn(async move { browser.load(&back).await.status })),
    )
    .await;
    assert!(finished.into_iter().all(|status| status.unwrap() == StatusCode::OK));

    let book = book.0.lock().unwrap();
    assert_eq!(book.len(), 256);
    assert_eq!(app.token_requests(), 256);
    let mut people = BTreeSet::new();
    for (person, token) in book.iter() {
        let facts = app.server.with_authority(|a, at| a.check(&AccessToken::new(token.clone()), at)).unwrap();
        let expected = format!("{}/{}", person.tenant().as_str(), person.account().as_str());
        assert_eq!(facts.subject, expected);
        people.insert(expected);
    }
    assert_eq!(people.len(), 256);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_browser_may_begin_many_and_finish_them_in_any_order() {
    let app = App::new().await;
    let mut browser = app.browser("acme/ada");
    let mut backs = Vec::new();
    for _ in 0..16 {
        backs.push(browser.walk(&app.server, "crm").await);
    }
    backs.reverse();
    let finished = join_all(backs.into_iter().map(|back| {
        let mut window = browser.clone();
        tokio::spawn(async move { window.load(&back).await.status })
    }))
    .await;
    assert!(finished.into_iter().all(|status| status.unwrap() == StatusCode::OK));
    assert_eq!(app.token_requests(), 16);
}
