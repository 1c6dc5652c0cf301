//! What a server says beside the tokens, kept with the grant.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Attempt, ErrorKind, FurtherParameters, Grant, StoreTime};
use grantry_custody::relocated;
use grantry_endpoint::RefreshTokenRedemption;
use grantry_testkit::{AnswerStyle, Endpoint, Fault};

use crate::fixture::{GRACE, STRICT, TOKEN_LIFETIME, World, key};
use crate::process::{Process, Start};

impl World {
    /// What the server adds to its answers from now on.
    fn say(&self, further: &[(&str, &str)]) {
        let style =
            further.iter().fold(AnswerStyle::default(), |style, (name, value)| style.further(*name, *value));
        self.server.with_authority(|authority, _| authority.settings_mut().answer_style = style);
    }

    /// A process whose facts name what is kept.
    async fn keeping(&self, name: &str) -> Process {
        let facts = self.server.authorization_server().unwrap().to_builder();
        let facts = facts.kept_parameters(["instance_url", "id"]).build().unwrap();
        let redemption = RefreshTokenRedemption::new(self.endpoint(facts, "s3cret")).key(key());
        self.process_with(name, Start { redemption: Some(Arc::new(redemption)), ..Start::default() }).await
    }
}

async fn kept(process: &Process) -> Vec<(String, String)> {
    let health = process.grant.health().await.unwrap().unwrap();
    health.further.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_renewal_says_takes_the_place_of_what_was_said_before_and_the_rest_stays() {
    let world = World::new(STRICT).await;
    let process = world.keeping("one").await;
    assert!(kept(&process).await.is_empty());
    world.say(&[("instance_url", "https://a.example"), ("id", "7"), ("signature", "nobody asked for it")]);
    let held = process.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(kept(&process).await, pairs(&[("instance_url", "https://a.example"), ("id", "7")]));
    world.say(&[]);
    let held = process.grant.obtain(Attempt::replace(&held)).await.unwrap();
    assert_eq!(kept(&process).await.len(), 2, "an answer that says nothing takes nothing away");
    world.say(&[("instance_url", "https://b.example")]);
    process.grant.obtain(Attempt::replace(&held)).await.unwrap();
    let now = pairs(&[("instance_url", "https://b.example"), ("id", "7")]);
    assert_eq!(kept(&process).await, now);
    // Another process reads what this one kept.
    process.custody.close().await;
    let next = world.keeping("two").await;
    assert_eq!(kept(&next).await, now);
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_goes_along_to_another_vault_and_stays_through_a_revival() {
    let world = World::new(STRICT).await;
    let process = world.keeping("one").await;
    world.say(&[("id", "7")]);
    let held = process.grant.obtain(Attempt::first()).await.unwrap();
    let stored = process.acme().reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let moved = relocated(&stored, StoreTime::from_nanos(7)).unwrap();
    assert_eq!(moved.further().text("id"), Some("7"));

    // The process dies with an answer in its lifeboat.
    world.say(&[("id", "8")]);
    let call = process.grant.obtain(Attempt::replace(&held));
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.set_down(true);
    };
    let (set, ()) = tokio::join!(call, fail);
    set.unwrap();
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&left, world.lifeboats().join("dead.lifeboat")).unwrap();
    drop(process);
    world.store.set_down(false);
    let next = world.keeping("two").await;
    assert!(world.is_alive().await, "adopted when it was opened");
    assert_eq!(
        kept(&next).await,
        pairs(&[("id", "7")]),
        "a lifeboat holds what renews the grant, and no more"
    );
    world.pass(TOKEN_LIFETIME).await;
    next.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(kept(&next).await, pairs(&[("id", "8")]));
}

#[tokio::test(start_paused = true)]
async fn what_was_said_stays_while_an_answer_is_lost_or_the_grant_is_refused() {
    let world = World::new(GRACE).await;
    let process = world.keeping("one").await;
    world.say(&[("id", "7")]);
    let held = process.grant.obtain(Attempt::first()).await.unwrap();
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    process.grant.obtain(Attempt::replace(&held)).await.unwrap_err();
    assert_eq!(kept(&process).await.len(), 1);
    world.pass(Duration::from_secs(5)).await;
    assert!(world.is_alive().await);
    let refusal = r#"{"error":"invalid_grant","id":"of no success"}"#;
    world.server.inject(Endpoint::Token, Fault::status(400).with_body(refusal).until_cleared());
    world.pass(2 * TOKEN_LIFETIME).await;
    let refused = process.grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidGrant);
    assert_eq!(kept(&process).await, pairs(&[("id", "7")]));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_home_late_takes_nothing_newer_away() {
    let world = World::new(GRACE).await;
    let (one, two) = (world.keeping("one").await, world.keeping("two").await);
    world.say(&[("id", "early")]);
    let call = one.grant.obtain(Attempt::first());
    let cut = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        one.link.cut();
    };
    let (set, ()) = tokio::join!(call, cut);
    set.expect("the lifeboat suffices");
    // Its lease ends, and the other one redeems the same token within the window.
    world.say(&[("id", "late")]);
    two.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!((world.requests(), kept(&two).await), (2, pairs(&[("id", "late")])));
    one.link.mend();
    world.pass(Duration::from_secs(20)).await;
    let health = two.grant.health().await.unwrap().unwrap();
    assert!(health.history.iter().any(|entry| entry.by.as_str() == "one"), "it came home: {health:?}");
    assert_eq!((world.requests(), kept(&two).await), (2, pairs(&[("id", "late")])));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_talks_without_end_does_not_make_the_record_grow() {
    let world = World::new(STRICT).await;
    let process = world.keeping("one").await;
    let long = "x".repeat(FurtherParameters::LONGEST + 1);
    world.say(&[("instance_url", &long), ("id", "7")]);
    process.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(kept(&process).await, pairs(&[("id", "7")]));
    let shown = format!("{:?}", process.grant.health().await.unwrap().unwrap());
    assert!(shown.contains(r#"further: {"id"}"#), "{shown}");
}
