//! Tokens for other tokens (RFC 8693).

use std::sync::Arc;

use async_trait::async_trait;
use grantry::pantry::{Flow, ServiceBuilder, TenantPantry};
use grantry::token_exchange::{FromSource, SubjectToken, SubjectTokens, TokenType};
use grantry::{Error, ErrorKind, Stage, TokenSource};
use grantry_testkit::{Endpoint, RegisteredClient};

use crate::fixture::{LIFETIME, World, acme, admin, other, policy};

fn orders(world: &World) -> ServiceBuilder {
    world.service_named("orders").flow(Flow::TokenExchange).scope("orders.read")
}

/// The tokens of the tenant's crm.
async fn crm(acme: &TenantPantry) -> FromSource {
    FromSource::new(acme.source("crm").await.unwrap())
}

#[tokio::test(start_paused = true)]
async fn the_token_of_another_service_is_exchanged_whenever_it_is_needed() {
    let world = World::new();
    let acme = acme(&world.open([world.service(), orders(&world)]).await);
    let source = acme.exchange(("orders", "ana"), crm(&acme).await).source().await.unwrap();
    assert_eq!(source.key().as_str(), "acme/orders/ana");
    assert_eq!(world.requests(), 0, "nothing is sent before somebody asks");
    let (one, two) = tokio::join!(source.token(), source.token());
    let first = one.unwrap();
    assert_eq!(first.expose(), two.unwrap().expose());
    assert_eq!(world.requests(), 2, "one for the subject, one for all who asked");
    assert!(world.is_valid(&first) && first.scope().contains("orders.read"), "{first:?}");
    assert!(source.ready().is_some());
    world.pass(LIFETIME).await;
    let later = source.token().await.unwrap();
    assert!(world.is_valid(&later) && later.expose() != first.expose());
    source.reject(&later);
    assert_ne!(source.token().await.unwrap().expose(), later.expose());
    // Nothing is kept.
    assert!(acme.grants(None, 10).await.unwrap().iter().all(|grant| grant.key.service() == "crm"));
}

#[tokio::test(start_paused = true)]
async fn each_token_that_came_is_exchanged_for_one_of_its_own() {
    let world = World::new();
    let acme = acme(&world.open([world.service(), orders(&world)]).await);
    let came = acme.source("crm").await.unwrap().token().await.unwrap();
    let exchange = || async {
        let actor = SubjectToken::new(came.expose());
        let exchange = acme.exchange("orders", SubjectToken::new(came.expose()));
        exchange.actor(actor, TokenType::ACCESS_TOKEN).source().await.unwrap().token().await
    };
    assert_ne!(exchange().await.unwrap().expose(), exchange().await.unwrap().expose());
    let stolen = acme.exchange("orders", SubjectToken::new("stolen")).source().await.unwrap();
    let error = stolen.token().await.unwrap_err();
    assert!(error.diagnosis().to_string().contains("subject token"), "{}", error.diagnosis());
    assert!(!format!("{error:?} {stolen:?}").contains("stolen"));
}

/// No token at all.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl SubjectTokens for Nothing {
    async fn token(&self) -> Result<SubjectToken, Error> {
        Err(Error::new(ErrorKind::Storage, Stage::Token, "there is none"))
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_subject_nothing_is_sent() {
    let world = World::new();
    let acme = acme(&world.open([orders(&world)]).await);
    let source = acme.exchange("orders", Nothing).source().await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Storage);
    assert_eq!(world.server.ledger().count(Endpoint::Token), 0);
}

#[tokio::test(start_paused = true)]
async fn only_who_may_use_it_exchanges_and_only_for_as_long() {
    let world = World::new();
    let services = [world.service(), orders(&world)].map(|service| service.build().unwrap());
    let pantry = world.builder().access(policy(&[other()])).services(services).open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    let theirs = pantry.as_principal(other()).tenant("acme").unwrap();
    let source = theirs.exchange("orders", crm(&theirs).await).source().await.unwrap();
    source.token().await.unwrap();
    let without = pantry.vault().policy().edit().retain_bindings(|binding| binding.role() != "service");
    pantry.vault().replace_policy(without.build().unwrap()).unwrap();
    assert!(source.ready().is_none());
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::AccessDenied);
    let error = theirs.exchange("orders", SubjectToken::new("a")).source().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}

#[tokio::test(start_paused = true)]
async fn a_handle_goes_along_with_its_service() {
    let world = World::new();
    let pantry = world.open([world.service(), orders(&world)]).await;
    let acme = acme(&pantry);
    let source = acme.exchange("orders", crm(&acme).await).source().await.unwrap();
    let first = source.token().await.unwrap();
    let change = |services: Vec<ServiceBuilder>| {
        pantry.replace_services(
            services.into_iter().map(|service| service.build().unwrap()).collect::<Vec<_>>(),
        )
    };
    change(vec![world.service(), orders(&world).scope("orders.write")]).await.unwrap();
    assert!(source.ready().is_none(), "it was for another scope");
    let second = source.token().await.unwrap();
    assert!(second.scope().contains("orders.write") && !first.scope().contains("orders.write"));
    change(vec![world.service()]).await.unwrap();
    assert!(source.ready().is_none());
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    change(vec![world.service(), orders(&world)]).await.unwrap();
    source.token().await.unwrap();
    pantry.shutdown().await.unwrap();
    assert!(source.ready().is_some(), "what it holds is still fit");
    world.pass(LIFETIME).await;
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_under_way_ends_with_the_pantry_and_hangs_nowhere() {
    let world = World::new();
    let pantry = world.open([world.service(), orders(&world)]).await;
    let acme = acme(&pantry);
    let source = acme.exchange("orders", crm(&acme).await).source().await.unwrap();
    let shutdown = async {
        tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        pantry.shutdown().await.unwrap();
    };
    let (token, ()) = tokio::join!(source.token(), shutdown);
    assert!(token.is_ok_and(|token| world.is_valid(&token)), "what was sent is answered");
    assert_eq!(world.requests(), 2);
    let exchange = acme.exchange("orders", SubjectToken::new("a"));
    assert_eq!(exchange.source().await.unwrap_err().kind(), ErrorKind::Closed);
}

#[tokio::test(start_paused = true)]
async fn another_secret_in_the_vault_is_found_when_the_old_one_is_refused() {
    let world = World::new();
    let pantry = world.open([world.service()]).await;
    let acme = acme(&pantry);
    let registration = |secret: &str| world.registration(secret).with_attribute("flow", "token_exchange");
    acme.vault().store_client("orders", registration("s3cret"), None).await.unwrap();
    let source = acme.exchange("orders", crm(&acme).await).source().await.unwrap();
    let subject = acme.source("crm").await.unwrap().token().await.unwrap();
    world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::with_secret("billing", "n3w"));
    });
    let stored = acme.vault().client("orders").await.unwrap().unwrap();
    acme.vault().store_client("orders", registration("n3w"), Some(&stored.version)).await.unwrap();
    assert!(world.is_valid(&subject));
    source.token().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_flow_and_what_is_asked_of_it_have_to_fit() {
    let world = World::new();
    let acme = acme(&world.open([world.service(), orders(&world)]).await);
    let error = acme.source("orders").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("TenantPantry::exchange"), "{error}");
    let error = acme.exchange("crm", SubjectToken::new("a")).source().await.unwrap_err();
    assert!(error.to_string().contains("its flow is client_credentials"), "{error}");
    let error = acme.exchange("nothing", SubjectToken::new("a")).source().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    for (service, words) in [
        (orders(&world).subject_token_type("access_token"), "no absolute URI"),
        (orders(&world).requested_token_type(TokenType::ID_TOKEN.as_str()), "not one to present"),
    ] {
        let error = service.described_in("grantry.json, line 3").build().unwrap_err().to_string();
        assert!(error.contains("grantry.json, line 3: orders") && error.contains(words), "{error}");
    }
    let other_kind = orders(&world).subject_token_type(TokenType::JWT.as_str()).build().unwrap();
    let pantry =
        world.builder().services([world.service().build().unwrap(), other_kind]).open().await.unwrap();
    let acme = crate::fixture::acme(&pantry);
    let source: Arc<dyn TokenSource> = acme.exchange("orders", crm(&acme).await).source().await.unwrap();
    let error = source.token().await.unwrap_err();
    assert_eq!(error.oauth_code(), Some("invalid_request"), "this server exchanges access tokens: {error}");
}
