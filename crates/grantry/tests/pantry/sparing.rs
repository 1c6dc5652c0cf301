//! What a revocation at the server is known to leave alone, and what is revoked on the strength of it.

use std::time::Duration;

use grantry::custody::SecretStep;
use grantry::pantry::{Grantry, TenantPantry};
use grantry::vault::{ClientRecord, GrantRecord};
use grantry::{AccessToken, Clock, Token, TokenSet, TokenSource};
use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{World, acme};

const ACCOUNT: (&str, &str) = ("calendar", "user-17");

fn registration(world: &World, spares: Option<&str>) -> ClientRecord {
    let client = world.registration("s3cret").with_attribute("flow", "authorization_code");
    match spares {
        Some(spares) => client.with_attribute("revocation_spares", spares),
        None => client,
    }
}

async fn consented(world: &World, pantry: &Grantry, client: Option<ClientRecord>) -> TenantPantry {
    let acme = acme(pantry);
    if let Some(client) = client {
        acme.vault().store_client("calendar", client, None).await.unwrap();
    }
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme.vault().create_grant(ACCOUNT.0, ACCOUNT.1, record).await.unwrap();
    acme
}

/// The secret is exchanged; the token from before, and how many were revoked and left.
async fn exchanged(world: &World, acme: &TenantPantry) -> (Token, usize, usize) {
    let old = acme.source(ACCOUNT).await.unwrap().token().await.unwrap();
    let client = RegisteredClient::with_secret("billing", "s3cret").or_secret("n3w");
    world.server.with_authority(|authority, _| authority.register(client));
    let report = acme.rotate_secret("calendar", Some("n3w".into()), false).await.unwrap().report;
    assert!(report.is_finished(), "{report:?}");
    let client = RegisteredClient::with_secret("billing", "n3w");
    world.server.with_authority(|authority, _| authority.register(client));
    let counted = report.steps.iter().find_map(|step| match step {
        SecretStep::OldTokensRevoked { revoked, unsupported, .. } => Some((*revoked, *unsupported)),
        _ => None,
    });
    let (revoked, unsupported) = counted.unwrap();
    (old, revoked, unsupported)
}

#[tokio::test(start_paused = true)]
async fn where_a_revocation_spares_refresh_tokens_a_persons_old_access_tokens_go_with_the_old_secret() {
    for (spares, gone) in [(Some("refresh_tokens"), true), (None, false), (Some("later_consents"), false)] {
        let world = World::new();
        let pantry = world.open([]).await;
        let acme = consented(&world, &pantry, Some(registration(&world, spares))).await;
        let (old, revoked, unsupported) = exchanged(&world, &acme).await;
        assert_eq!((revoked, unsupported), if gone { (1, 0) } else { (0, 1) }, "{spares:?}");
        assert_eq!(world.is_valid(&old), !gone, "{spares:?}");
        // The consent lives on, whatever became of the access token.
        let new = acme.renew(ACCOUNT).await.unwrap().token;
        assert!(world.is_valid(&new) && new.expose() != old.expose(), "{spares:?}");
    }
}

#[cfg(feature = "config")]
#[tokio::test(start_paused = true)]
async fn a_configuration_says_what_a_revocation_spares_over_what_the_vault_says() {
    use grantry::config::{Config, FixedSurroundings, Source};

    for (said, stored, gone) in [
        (r#", "revocation": { "sparesRefreshTokens": true }"#, None, true),
        (r#", "revocation": { "sparesRefreshTokens": false }"#, Some("refresh_tokens"), false),
        ("", Some("refresh_tokens"), true),
        ("", None, false),
    ] {
        // Where the configuration names the server, and where only the vault knows it.
        for names_server in [true, false] {
            let world = World::new();
            let url = world.server.token_endpoint();
            let token_url = if names_server { format!(r#", "tokenUrl": "{url}""#) } else { String::new() };
            let text = format!(
                r#"{{ "services": {{ "calendar": {{ "flow": "authorization_code", "scopes": ["contacts.read"]{said}{token_url},
                     "redirectUri": "https://app.example.com/callback", "authorizationUrl": "{url}" }} }} }}"#
            );
            let source = Source::text("grantry.json", text.as_str());
            let config = Config::load([source], &FixedSurroundings::new()).unwrap().config;
            let pantry = world.builder().config(config).open().await.unwrap();
            pantry.as_principal(crate::fixture::admin()).create_tenant("acme").await.unwrap();
            let client = registration(&world, stored);
            let acme = consented(&world, &pantry, Some(client)).await;
            let (old, revoked, _) = exchanged(&world, &acme).await;
            assert_eq!((revoked == 1, world.is_valid(&old)), (gone, !gone), "{text} {stored:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_late_of_an_old_consent_is_revoked_where_that_spares_the_later_one() {
    for (spares, gone) in [(Some("later_consents"), true), (None, false), (Some("refresh_tokens"), false)] {
        let world = World::new();
        let pantry = world.open([]).await;
        let acme = consented(&world, &pantry, Some(registration(&world, spares))).await;
        let source = acme.source(ACCOUNT).await.unwrap();
        world.server.inject(Endpoint::Token, Fault::delay(Duration::from_secs(2)));
        let waiting = tokio::spawn({
            let source = source.clone();
            async move { source.token().await }
        });
        world.server.ledger().wait_for(Endpoint::Token, 1, Duration::from_secs(60)).await.unwrap();
        let now = world.clock.now();
        let consent = TokenSet::builder(AccessToken::new("brought"), now)
            .expires(now.after(Duration::from_secs(900)))
            .refresh_token(world.consent())
            .build()
            .unwrap();
        acme.keep_consent(ACCOUNT, &consent).await.unwrap();
        let _ = waiting.await.unwrap();
        world.pass(Duration::from_secs(120)).await;
        let asked = world.server.ledger().count(Endpoint::Revocation);
        assert_eq!(asked > 0, gone, "{spares:?}: {asked}");
        // The later consent lives.
        assert!(world.is_valid(&acme.renew(ACCOUNT).await.unwrap().token), "{spares:?}");
    }
}
