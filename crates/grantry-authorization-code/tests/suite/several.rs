//! Several flows and a store, as a web application has them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::*;
use grantry_core::ErrorKind;
use grantry_testkit::{Endpoint, Fault, ManualClock, TestServer};
use zeroize::Zeroizing;

use crate::support::*;

struct App {
    clock: ManualClock,
    crm: TestServer,
    mail: TestServer,
    store: PendingInMemory,
    codes: AuthorizationCodes,
}

fn app() -> App {
    let clock = ManualClock::new();
    let (crm, mail) = (test_server(&clock, "crm"), test_server(&clock, "mail"));
    let store = PendingInMemory::new(Arc::new(clock.clone()));
    let codes = codes(&clock, &crm, &mail, &store);
    App { clock, crm, mail, store, codes }
}

fn codes(
    clock: &ManualClock,
    crm: &TestServer,
    mail: &TestServer,
    store: &PendingInMemory,
) -> AuthorizationCodes {
    let flows = [
        ("crm", builder(crm, clock).scope("read").build().unwrap()),
        ("crm-write", builder(crm, clock).scope("write").build().unwrap()),
        ("mail", builder(mail, clock).scope("send").build().unwrap()),
    ];
    AuthorizationCodes::new(Arc::new(store.clone()), flows).unwrap()
}

impl App {
    async fn walk(&self, name: &str, server: &TestServer, user_agent: &UserAgentBinding) -> String {
        let redirect = self.codes.begin(name, user_agent).await.unwrap();
        server.visit(&redirect.into_location().unwrap()).await.unwrap()
    }
}

fn browser() -> UserAgentBinding {
    UserAgentBinding::new(&grantry_core::SystemEntropy)
}

#[tokio::test]
async fn each_response_is_finished_by_the_flow_that_began_on_any_replica() {
    let app = app();
    let user_agent = browser();
    // Both are pending at once, in one browser.
    let mail = app.walk("mail", &app.mail, &user_agent).await;
    let write = app.walk("crm-write", &app.crm, &user_agent).await;
    let replica = codes(&app.clock, &app.crm, &app.mail, &app.store);
    for (back, name, scope) in [(&write, "crm-write", "write"), (&mail, "mail", "send")] {
        let callback = Callback::from_url(back).unwrap();
        let (found, granted) = replica.finish(&user_agent, &callback).await.unwrap();
        assert_eq!((found, granted.scope().as_str()), (name, scope));
    }
    assert!(app.store.is_empty());
}

#[tokio::test]
async fn req_b08_a_response_is_finished_once() {
    let app = app();
    let user_agent = browser();
    let back = app.walk("crm", &app.crm, &user_agent).await;
    let callback = Callback::from_url(&back).unwrap();
    assert!(app.codes.finish(&user_agent, &callback).await.is_ok());
    let unfinished = app.codes.finish(&user_agent, &callback).await.unwrap_err();
    assert!(unfinished.error.diagnosis().remedy().contains("begin again"));
    assert_eq!(app.crm.ledger().count(Endpoint::Token), 1);
}

#[tokio::test]
async fn req_b08_of_two_that_finish_at_once_one_does() {
    let app = app();
    let user_agent = browser();
    for _ in 0..50 {
        let back = app.walk("crm", &app.crm, &user_agent).await;
        let callback = Callback::from_url(&back).unwrap();
        let before = app.crm.ledger().count(Endpoint::Token);
        let (one, other) =
            tokio::join!(app.codes.finish(&user_agent, &callback), app.codes.finish(&user_agent, &callback));
        assert!(one.is_ok() != other.is_ok());
        assert_eq!(app.crm.ledger().count(Endpoint::Token), before + 1);
    }
}

#[tokio::test]
async fn req_b08_another_browser_finds_nothing_and_takes_nothing_away() {
    let app = app();
    let (mine, theirs) = (browser(), browser());
    let back = app.walk("crm", &app.crm, &mine).await;
    let callback = Callback::from_url(&back).unwrap();
    assert!(app.codes.finish(&theirs, &callback).await.is_err());
    assert!(app.codes.finish(&theirs, &Callback::from_query("code=x&state=guess").unwrap()).await.is_err());
    assert!(app.codes.finish(&theirs, &Callback::from_query("").unwrap()).await.is_err());
    assert!(app.codes.finish(&mine, &callback).await.is_ok());
}

#[tokio::test]
async fn req_b24_after_a_request_that_was_never_sent_the_same_response_can_be_finished() {
    let app = app();
    let user_agent = browser();
    let back = app.walk("crm", &app.crm, &user_agent).await;
    let callback = Callback::from_url(&back).unwrap();
    app.crm.inject(Endpoint::Token, Fault::refuse_connection());
    let unfinished = app.codes.finish(&user_agent, &callback).await.unwrap_err();
    assert!(unfinished.error.kind() == ErrorKind::Unreachable && unfinished.again.is_none());
    assert!(app.codes.finish(&user_agent, &callback).await.is_ok());

    let back = app.walk("crm", &app.crm, &user_agent).await;
    let callback = Callback::from_url(&back).unwrap();
    app.crm.inject(Endpoint::Token, Fault::drop_before_handling());
    assert!(app.codes.finish(&user_agent, &callback).await.is_err());
    assert!(app.codes.finish(&user_agent, &callback).await.is_err());
    assert_eq!(app.crm.ledger().count(Endpoint::Token), 3);
}

#[tokio::test]
async fn what_nobody_finishes_is_gone_after_its_time() {
    let app = app();
    let user_agent = browser();
    let back = app.walk("crm", &app.crm, &user_agent).await;
    app.clock.advance(Duration::from_secs(600));
    let callback = Callback::from_url(&back).unwrap();
    assert!(app.codes.finish(&user_agent, &callback).await.is_err());
    assert!(app.store.is_empty());
}

#[tokio::test]
async fn a_store_that_fails_is_told_before_anybody_is_sent_off() {
    /// A database that is away.
    #[derive(Debug)]
    struct Away;

    #[async_trait]
    impl PendingAuthorizations for Away {
        async fn keep(
            &self,
            _: PendingKey,
            _: Zeroizing<Vec<u8>>,
            _: Duration,
        ) -> Result<(), PendingStoreError> {
            Err(PendingStoreError::Unusable("the database is away".into()))
        }
        async fn take(&self, _: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
            Err(PendingStoreError::Unusable("the database is away".into()))
        }
    }
    let case = Case::new();
    let codes = AuthorizationCodes::new(Arc::new(Away), [("crm", case.flow.clone())]).unwrap();
    let error = codes.begin("crm", &case.user_agent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Storage);
    let callback = Callback::from_query("code=a&state=b").unwrap();
    let unfinished = codes.finish(&case.user_agent, &callback).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Storage);
    assert_eq!(codes.begin("erp", &case.user_agent).await.unwrap_err().kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_person_may_need_another_scope_but_no_other_server() {
    let app = app();
    let user_agent = browser();
    let more = builder(&app.crm, &app.clock).scope("read write").login_hint("ada@example.com");
    let redirect = app.codes.begin_as("crm", &more.clone().build().unwrap(), &user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    assert_eq!(query(&location).expose("login_hint"), Some("ada@example.com"));
    let back = app.crm.visit(&location).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    let (name, granted) = app.codes.finish(&user_agent, &callback).await.unwrap();
    assert_eq!((name, granted.requested.as_str()), ("crm", "read write"));
    let error = app.codes.begin_as("mail", &more.build().unwrap(), &user_agent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[test]
fn req_b14_two_servers_at_one_redirect_uri_have_to_name_themselves() {
    let app = app();
    let store = Arc::new(app.store.clone());
    let flow = |server: &TestServer, names_itself: bool, redirect_uri: &str| {
        let facts = server.authorization_server().unwrap().to_builder();
        let facts = facts.authorization_response_iss_parameter(names_itself).build().unwrap();
        AuthorizationCode::builder(endpoint(facts, server.transport(), &app.clock), redirect_uri)
            .build()
            .unwrap()
    };
    for (crm, mail, fine) in
        [(true, true, true), (true, false, false), (false, true, false), (false, false, false)]
    {
        let flows =
            [("crm", flow(&app.crm, crm, REDIRECT_URI)), ("mail", flow(&app.mail, mail, REDIRECT_URI))];
        let built = AuthorizationCodes::new(store.clone(), flows);
        assert_eq!(built.is_ok(), fine, "{crm} {mail}");
    }
    let apart = [
        ("crm", flow(&app.crm, false, "https://app.example/crm")),
        ("mail", flow(&app.mail, false, "https://app.example/mail")),
    ];
    assert!(AuthorizationCodes::new(store.clone(), apart).is_ok());
    let twice = [
        ("crm", flow(&app.crm, true, "https://app.example/crm")),
        ("crm", flow(&app.mail, true, "https://app.example/mail")),
    ];
    assert!(AuthorizationCodes::new(store, twice).is_err());
}

#[tokio::test]
async fn a_note_comes_back_and_who_it_is_not_for_takes_nothing_away() {
    let app = app();
    let user_agent = browser();
    let redirect = app.codes.begin_for("crm", &user_agent, b"ada").await.unwrap();
    let back = app.crm.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    for _ in 0..2 {
        let other = app.codes.finish_for(&user_agent, &callback, |_, note| note == b"bob").await.unwrap_err();
        assert_eq!(other.error.kind(), ErrorKind::InvalidAnswer);
    }
    assert_eq!(app.crm.ledger().count(Endpoint::Token), 0);
    let is_for = |name: &str, note: &[u8]| name == "crm" && note == b"ada";
    assert_eq!(app.codes.finish_for(&user_agent, &callback, is_for).await.unwrap().0, "crm");
    let error = app.codes.begin_for("crm", &user_agent, &[0; 513]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
}

#[tokio::test]
async fn a_response_that_was_finished_before_says_when_and_names_no_other_cause() {
    let app = app();
    let user_agent = browser();
    let back = Callback::from_url(&app.walk("crm", &app.crm, &user_agent).await).unwrap();
    let sent = grantry_core::Clock::wall(&app.clock);
    app.codes.finish(&user_agent, &back).await.unwrap();
    let again = app.codes.finish(&user_agent, &back).await.unwrap_err();
    let causes: Vec<String> = again.error.diagnosis().causes().map(str::to_owned).collect();
    assert_eq!(causes, [format!("its code was sent before, at {sent}: the page was loaded twice")]);
    let nobodys = Callback::from_query("code=x&state=nobodys").unwrap();
    let nothing = app.codes.finish(&user_agent, &nobodys).await.unwrap_err();
    assert!(nothing.error.diagnosis().causes().count() > 1, "nothing is known of it");
}
