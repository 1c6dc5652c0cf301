//! Samples of what a person meets: the listener of a program, the routes of a gateway, and their pages.

use std::sync::Arc;

use async_trait::async_trait;
use axum::http::request::Parts;
use axum::response::Response;
use grantry::PendingInVault;
use grantry_authorization_code::{AuthorizationCode, Callback, Loopback, Page, PendingInMemory, Unfinished};
use grantry_axum::{Logins, Outcome, PendingPlace, People, Person, PlainPages, ResultPages, VaultKeeper};
use grantry_core::{Error, ErrorKind, Scope, Stage, SystemClock};
use grantry_vault::access::{AccessPolicy, Principal};
use grantry_vault::audit::MemorySink;
use grantry_vault::{LocalKey, MemoryVault, SealedVault};
use zeroize::Zeroizing;

use super::Printed;
use super::token_endpoint::{ISSUER, answering, tokens};
use crate::secrets::CANARY;

/// Whoever comes is the same person.
#[derive(Debug)]
struct Same;

#[async_trait]
impl People for Same {
    async fn person(&self, _request: &Parts) -> Result<Person, Response> {
        Ok(Person::new("acme", "ada").unwrap())
    }
}

pub(super) async fn logins(to: &Printed) {
    program(to).await;
    let me = Principal::workload("gateway").unwrap();
    let key = LocalKey::from_bytes(Zeroizing::new([7; 32]));
    let vault = SealedVault::builder(MemoryVault::new(), key, AccessPolicy::sole(&me))
        .audit_elsewhere()
        .audit_sink(MemorySink::as_if_durable())
        .open()
        .await
        .unwrap()
        .as_principal(me);
    vault.create_tenant("acme").await.unwrap();
    let acme = vault.tenant("acme").unwrap();
    acme.keep_pending(CANARY, Zeroizing::new(CANARY.into()), std::time::Duration::from_secs(60))
        .await
        .unwrap();
    to.print("grantry::PendingInVault", &PendingInVault::new(acme));

    let keeper = VaultKeeper::new(vault.clone());
    to.print("grantry_axum::VaultKeeper", &keeper);
    let place = PendingPlace::vault(vault);
    to.print("grantry_axum::PendingPlace", &place);
    let store = PendingInMemory::new(Arc::new(SystemClock::new()));
    to.print("grantry_axum::PendingPlace", &PendingPlace::shared(Arc::new(store)));
    let flow = AuthorizationCode::builder(answering([tokens()]), "https://app.example.com/oauth/callback")
        .parameter("api_key", CANARY)
        .build()
        .unwrap();
    let unfinished = declined(&flow).await;
    let builder = Logins::builder(Same, keeper, place).service("crm", flow);
    to.print("grantry_axum::LoginsBuilder", &builder);
    to.print("grantry_axum::Logins", &builder.build().unwrap());
    to.print("grantry_axum::PlainPages", &PlainPages::new());
    outcomes(to, unfinished);
}

async fn program(to: &Printed) {
    let builder = Loopback::builder().finished_page(Page::new(200, "Done", CANARY));
    to.print("grantry_authorization_code::LoopbackBuilder", &builder);
    let loopback = builder.listen().await.unwrap();
    to.print("grantry_authorization_code::Loopback", &loopback);
    // A flow that does not fit, so that nobody is waited for.
    let flow = AuthorizationCode::builder(answering([]), "https://app.example.com/callback").build().unwrap();
    let ended = loopback.login(&flow, |_| {}).await.unwrap_err();
    to.print("grantry_authorization_code::Unfinished", &ended);
    to.shown.error(&ended.error);
}

/// A person who declined, where the server's text is a secret.
async fn declined(flow: &AuthorizationCode) -> Unfinished {
    let user_agent = flow.user_agent();
    let (redirect, pending) = flow.begin(&user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    let state = location.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap();
    let answer = format!("error=access_denied&error_description=see+{CANARY}&state={state}&iss={ISSUER}");
    pending.finish(flow, &user_agent, &Callback::from_query(&answer).unwrap()).await.unwrap_err()
}

fn outcomes(to: &Printed, unfinished: Unfinished) {
    let error = || Error::new(ErrorKind::Storage, Stage::Keep, "the disk is full");
    let person = Person::new("acme", "ada").unwrap();
    to.print("grantry_axum::Person", &person);
    let page = Page::unfinished(&unfinished);
    to.print("grantry_authorization_code::Page", &page);
    for outcome in [
        Outcome::Connected { person, service: "crm".into(), missing_scope: Scope::EMPTY, claims: None },
        Outcome::Unfinished(unfinished),
        Outcome::NotKept(error()),
        Outcome::AlreadyFinished,
        Outcome::NothingPending,
        Outcome::AnotherBrowser,
        Outcome::AnotherPerson,
        Outcome::NoResponse(Callback::from_query(&format!("code={CANARY}&code={CANARY}")).unwrap_err()),
        Outcome::UnknownService,
        Outcome::Busy(error()),
        Outcome::NotBegun(error()),
        Outcome::OnlyLooking,
    ] {
        to.print("grantry_axum::Outcome", &outcome);
        to.shown.debug(&outcome.page());
        to.shown.debug(&PlainPages::new().page(&outcome).headers());
    }
}
