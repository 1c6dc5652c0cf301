//! A person's consent, from the redirect to the vault.

use grantry::authorization_code::{Callback, Granted, UserAgentBinding};
use grantry::pantry::{Flow, Grantry, NotKept, Service, ServiceBuilder, TenantPantry};
use grantry::{Algorithm, AuthorizationServer, ErrorKind, Pkce, SystemEntropy, TokenSource};
use grantry_testkit::{Endpoint, Fault, IdTokenStyle};

use crate::fixture::{LIFETIME, REDIRECT_URI, World, acme, other, policy};

async fn open(world: &World) -> Grantry {
    world.open([world.calendar().redirect_uri(REDIRECT_URI), world.service()]).await
}

/// A browser goes where it is sent, and comes back.
async fn consent(world: &World, acme: &TenantPantry) -> Result<Granted, NotKept> {
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let (redirect, pending) = acme.authorize(("calendar", "user-17")).begin(&user_agent).await.unwrap();
    let back = world.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn a_consent_is_kept_and_renewed_from_then_on() {
    let world = World::new();
    let pantry = open(&world).await;
    let acme = acme(&pantry);
    consent(&world, &acme).await.unwrap();
    let requests = world.requests();
    let source = acme.source(("calendar", "user-17")).await.unwrap();
    let first = source.token().await.unwrap();
    assert!(world.is_valid(&first));
    assert_eq!(world.requests(), requests, "what came with the consent is used");
    world.pass(LIFETIME).await;
    assert!(world.is_valid(&source.token().await.unwrap()));
    // A later consent takes the place of it, under the same handle.
    consent(&world, &acme).await.unwrap();
    let after = source.token().await.unwrap();
    assert!(world.is_valid(&after) && after.expose() != first.expose());
}

#[tokio::test(start_paused = true)]
async fn pkce_is_left_out_where_the_service_says_so_and_its_server_is_described_as_doing_without() {
    let world = World::new();
    world.server.with_authority(|authority, _| authority.settings_mut().refuses_pkce = true);
    let described = |pkce: Pkce| {
        let server = world.calendar().build().unwrap().server().to_builder().pkce(pkce).build().unwrap();
        Service::builder("calendar", server)
            .flow(Flow::AuthorizationCode)
            .client_id("billing")
            .secret("s3cret")
            .scope("contacts.read")
            .redirect_uri(REDIRECT_URI)
    };
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    for (service, has_challenge) in [
        (described(Pkce::Refused).without_pkce(), false),
        (described(Pkce::Ignored).without_pkce(), false),
        (described(Pkce::Refused), true),
        (described(Pkce::Unknown).without_pkce(), true),
        (described(Pkce::Supported).without_pkce(), true),
    ] {
        let acme = acme(&world.open([service]).await);
        let (redirect, pending) = acme.authorize(("calendar", "user-17")).begin(&user_agent).await.unwrap();
        let location = redirect.into_location().unwrap();
        assert!(location.as_str().contains("state="));
        assert_eq!(location.as_str().contains("code_challenge"), has_challenge);
        let back = world.server.visit(&location).await.unwrap();
        let finished = pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await;
        assert_eq!(finished.is_ok(), !has_challenge);
    }
}

#[tokio::test(start_paused = true)]
async fn req_e23_a_consent_whose_id_token_is_not_right_is_not_kept() {
    let world = World::new();
    let set = |style: IdTokenStyle| {
        world.server.with_authority(|authority, _| authority.settings_mut().id_token = style);
    };
    let with_openid = world.calendar().scope("openid").redirect_uri(REDIRECT_URI);
    let acme = acme(&world.open([with_openid]).await);
    set(IdTokenStyle::default().claim("aud", "somebody"));
    let failed = consent(&world, &acme).await.unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::InvalidAnswer);
    assert!(failed.unfinished.is_some() && failed.granted.is_none());
    let error = acme.source(("calendar", "user-17")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant);
    // The description says nothing of an algorithm: each of a published key will do.
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        set(IdTokenStyle::default().algorithm(algorithm));
        let granted = consent(&world, &acme).await.unwrap();
        assert_eq!(granted.claims.unwrap().subject(), "resource-owner");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nobody_could_check_an_id_token_none_is_asked_for() {
    let world = World::new();
    let facts = world.server.authorization_server().unwrap();
    let bare = AuthorizationServer::builder(facts.token_endpoint().as_str())
        .issuer(facts.issuer().unwrap())
        .authorization_endpoint(facts.authorization_endpoint().unwrap().as_str())
        .build()
        .unwrap();
    let service: ServiceBuilder = Service::builder("calendar", bare)
        .flow(Flow::AuthorizationCode)
        .client_id("billing")
        .secret("s3cret")
        .scope("openid")
        .redirect_uri(REDIRECT_URI);
    let granted = consent(&world, &acme(&world.open([service]).await)).await.unwrap();
    assert!(granted.claims.is_none() && granted.id_token.is_none());
    assert_eq!(world.server.ledger().count(Endpoint::Keys), 0);
}

#[tokio::test(start_paused = true)]
async fn what_a_service_says_of_the_request_goes_along_each_where_it_belongs() {
    let world = World::new();
    let calendar = world.calendar().redirect_uri(REDIRECT_URI).resource("https://api.example.com/calendar");
    let calendar = calendar.audience("https://api.example.com").parameter("prompt", "consent");
    let calendar = calendar.parameter("login_hint", "ana").parameter("access_type", "offline");
    let acme = acme(&world.open([calendar]).await);
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let (redirect, _) = acme.authorize(("calendar", "ana")).begin(&user_agent).await.unwrap();
    let location = redirect.into_location().unwrap();
    for pair in [
        "prompt=consent",
        "login_hint=ana",
        "access_type=offline",
        "audience=https%3A%2F%2Fapi.example.com",
        "resource=https%3A%2F%2Fapi.example.com%2Fcalendar",
    ] {
        assert_eq!(location.split(['?', '&']).filter(|part| *part == pair).count(), 1, "{pair}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_away_for_a_consent_that_could_not_be_kept_or_is_not_needed() {
    let world = World::new();
    let pantry = open(&world).await;
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let others = pantry.as_principal(other()).tenant("acme").unwrap();
    let error = others.authorize(("calendar", "user-17")).begin(&user_agent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
    let error = acme(&pantry).authorize("crm").begin(&user_agent).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("nobody has to consent"), "{error}");
    let without = world.open([world.calendar()]).await;
    let error = acme(&without).authorize("calendar").begin(&user_agent).await.unwrap_err();
    assert!(error.to_string().contains("redirect URI"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_was_not_finished_says_so_and_keeps_nothing() {
    let world = World::new();
    let pantry = open(&world).await;
    world.server.inject(Endpoint::Token, Fault::status(503));
    let failed = consent(&world, &acme(&pantry)).await.unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::Unavailable);
    assert!(failed.unfinished.is_some() && failed.granted.is_none());
    let error = acme(&pantry).source(("calendar", "user-17")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant);
}

#[tokio::test(start_paused = true)]
async fn tokens_that_the_vault_does_not_take_are_handed_back() {
    let world = World::new();
    let pantry = open(&world).await;
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let acme = acme(&pantry);
    let (redirect, pending) = acme.authorize(("calendar", "user-17")).begin(&user_agent).await.unwrap();
    let back = world.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    // In between the right was taken away.
    let nobody = policy(&[]).edit().epoch(9).retain_bindings(|_| false).build().unwrap();
    pantry.vault().replace_policy(nobody).unwrap();
    let failed = pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await.unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::AccessDenied);
    assert!(failed.granted.unwrap().refresh_token().is_some());
}

#[cfg(feature = "loopback")]
#[tokio::test]
async fn a_login_on_this_machine_is_kept_and_one_that_is_given_up_ends() {
    let world = World::new();
    let pantry = open(&world).await;
    let acme = acme(&pantry);
    // The service's redirect URI is on another machine.
    let login = acme.authorize(("calendar", "user-17"));
    assert_eq!(login.loopback().await.unwrap_err().kind(), ErrorKind::Configuration);
    let loopback = grantry::authorization_code::Loopback::listen().await.unwrap();
    let (tell, told) = tokio::sync::oneshot::channel();
    let task =
        tokio::spawn(async move { login.login(loopback, |url| tell.send(url.to_owned()).unwrap()).await });
    told.await.unwrap();
    pantry.shutdown().await.unwrap();
    let failed = task.await.unwrap().unwrap_err();
    assert_eq!(failed.error.kind(), ErrorKind::Closed);
}

#[cfg(feature = "device-authorization")]
#[tokio::test(start_paused = true)]
async fn a_person_approves_on_another_device_and_the_grant_is_kept() {
    let world = World::new();
    let pantry = open(&world).await;
    let acme = acme(&pantry);
    let error = acme.authorize_on_device("crm").await.unwrap_err();
    assert!(error.to_string().contains("nobody has to consent"), "{error}");
    let pending = acme.authorize_on_device(("calendar", "user-17")).await.unwrap();
    assert!(world.server.approve(pending.user_code()));
    pending.finish(|_| ()).await.unwrap();
    let requests = world.requests();
    let source = acme.source(("calendar", "user-17")).await.unwrap();
    assert!(world.is_valid(&source.token().await.unwrap()));
    assert_eq!(world.requests(), requests);
    let pending = acme.authorize_on_device(("calendar", "user-18")).await.unwrap();
    let waiting = tokio::spawn(pending.finish(|_| ()));
    tokio::task::yield_now().await;
    pantry.shutdown().await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap_err().error.kind(), ErrorKind::Closed);
}
