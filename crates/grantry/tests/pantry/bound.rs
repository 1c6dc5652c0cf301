//! Tokens that are bound to keys (RFC 9449).

use grantry::authorization_code::{Callback, UserAgentBinding};
use grantry::pantry::{Flow, ServiceBuilder, TenantPantry};
use grantry::{
    AccessToken, Binding, Dpop, DpopKey, ErrorKind, Origin, SystemEntropy, Token, TokenSource, presenting,
};
use grantry_jose::JoseHeader;
use grantry_testkit::{Moment, Nonces, ProofPolicy};

use crate::fixture::{LIFETIME, REDIRECT_URI, World, acme};

fn world() -> World {
    let world = World::new();
    let proofs = ProofPolicy { required: true, nonces: Nonces::Steady, ..ProofPolicy::default() };
    world.server.with_authority(|authority, _| authority.settings_mut().proofs = proofs);
    world
}

/// The thumbprint of the key that the server bound the token to: the one that it is proved with here.
async fn key_of(world: &World, token: &Token) -> String {
    let at = Moment::read(&world.clock);
    let theirs = AccessToken::new(token.expose());
    let known = world.server.with_authority(|authority, _| authority.check(&theirs, at)).unwrap();
    let origin = Origin::parse("https://api.example").unwrap();
    let proof = presenting::prove(token, &http::Method::GET, &origin, "/").await.unwrap().unwrap();
    let proved = JoseHeader::peek(proof.to_str().unwrap()).unwrap().jwk.unwrap().thumbprint();
    assert_eq!(known.bound_to.as_deref(), Some(proved.as_str()));
    proved
}

async fn token(acme: &TenantPantry, name: impl Into<grantry::pantry::GrantName>) -> Token {
    acme.source(name).await.unwrap().token().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn req_e08_a_clients_own_tokens_are_bound_to_one_key_through_renewals_changes_and_restarts() {
    let world = world();
    let crm = || world.service().dpop(Dpop::es256());
    let pantry = world.open([crm()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    let first = source.token().await.unwrap();
    let key = key_of(&world, &first).await;
    world.pass(LIFETIME).await;
    assert_eq!(key_of(&world, &source.token().await.unwrap()).await, key);

    // The vault keeps tokens of both scopes, and one key with them.
    pantry.replace_services([crm().scope("contacts.write").build().unwrap()]).await.unwrap();
    assert_eq!(key_of(&world, &source.token().await.unwrap()).await, key);
    let requests = world.requests();
    pantry.replace_services([crm().build().unwrap()]).await.unwrap();
    assert_eq!(key_of(&world, &source.token().await.unwrap()).await, key);
    assert_eq!(world.requests(), requests);

    pantry.shutdown().await.unwrap();
    let again = world.open([crm()]).await;
    assert_eq!(key_of(&world, &token(&acme(&again), "crm").await).await, key);
    assert_eq!(world.requests(), requests, "the vault has the token and its key");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_bound_and_one_that_is_not_are_not_taken_for_each_other() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    let bearer = source.token().await.unwrap();
    assert!(matches!(bearer.binding(), Binding::Bearer));
    pantry.replace_services([world.service().dpop(Dpop::ed25519()).build().unwrap()]).await.unwrap();
    let bound = source.token().await.unwrap();
    key_of(&world, &bound).await;
    assert!(bound.header().to_str().unwrap().starts_with("DPoP "));
    pantry.replace_services([world.service().build().unwrap()]).await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), bearer.expose());
}

#[tokio::test(start_paused = true)]
async fn a_key_in_an_hsm_is_the_one_that_tokens_are_bound_to_and_no_record_has_it() {
    let world = world();
    let signer = grantry::SigningKey::generate_es256().unwrap();
    let key = DpopKey::of_signer(signer.clone(), &signer.public_jwk()).unwrap();
    let crm = || world.service().dpop(Dpop::with_key(key.clone()));
    let pantry = world.open([crm()]).await;
    assert_eq!(key_of(&world, &token(&acme(&pantry), "crm").await).await, key.thumbprint());
    pantry.shutdown().await.unwrap();
    let again = world.open([crm()]).await;
    let requests = world.requests();
    assert_eq!(key_of(&world, &token(&acme(&again), "crm").await).await, key.thumbprint());
    assert_eq!(world.requests(), requests);
}

async fn consent(world: &World, acme: &TenantPantry) {
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let (redirect, pending) = acme.authorize(("calendar", "ana")).begin(&user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    assert!(location.contains("dpop_jkt="));
    let back = world.server.visit(&location).await.unwrap();
    pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn req_e14_e15_a_consent_is_bound_to_its_own_key_for_as_long_as_it_lives() {
    let world = world();
    let calendar = || world.calendar().redirect_uri(REDIRECT_URI).dpop(Dpop::es256());
    let pantry = world.open([calendar()]).await;
    consent(&world, &acme(&pantry)).await;
    let key = key_of(&world, &token(&acme(&pantry), ("calendar", "ana")).await).await;
    pantry.shutdown().await.unwrap();
    for _ in 0..2 {
        let pantry = world.open([calendar()]).await;
        world.pass(LIFETIME).await;
        assert_eq!(key_of(&world, &token(&acme(&pantry), ("calendar", "ana")).await).await, key);
        pantry.shutdown().await.unwrap();
    }
    let pantry = world.open([calendar()]).await;
    consent(&world, &acme(&pantry)).await;
    assert_ne!(key_of(&world, &token(&acme(&pantry), ("calendar", "ana")).await).await, key);
}

#[tokio::test(start_paused = true)]
async fn req_e13_a_server_that_binds_nothing_although_it_was_asked_to_is_an_error() {
    let world = World::new();
    let ignoring = ProofPolicy { ignored: true, ..ProofPolicy::default() };
    world.server.with_authority(|authority, _| authority.settings_mut().proofs = ignoring);
    let pantry = world.open([world.service().dpop(Dpop::es256())]).await;
    let source = acme(&pantry).source("crm").await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::InvalidAnswer);
    let lax = world.service().dpop(Dpop::es256().or_bearer()).build().unwrap();
    pantry.replace_services([lax]).await.unwrap();
    assert!(matches!(source.token().await.unwrap().binding(), Binding::Bearer));
}

#[tokio::test(start_paused = true)]
async fn req_e08_what_is_exchanged_is_bound_as_well() {
    let world = world();
    let orders: ServiceBuilder = world.service_named("orders").flow(Flow::TokenExchange).dpop(Dpop::es256());
    let pantry = world.open([world.service().dpop(Dpop::es256()), orders]).await;
    let acme = acme(&pantry);
    let crm = acme.source("crm").await.unwrap();
    let subject = grantry::token_exchange::FromSource::new(crm);
    let orders = acme.exchange("orders", subject).source().await.unwrap();
    key_of(&world, &orders.token().await.unwrap()).await;
}
