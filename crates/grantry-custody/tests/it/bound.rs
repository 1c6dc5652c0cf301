//! Grants that are bound to a key (RFC 9449).

use std::sync::Arc;
use std::time::Duration;

use grantry_core::presenting::prove;
use grantry_core::{AccessToken, Attempt, Binding, Clock, Grant, Origin, PrivateKey, Scope, Token};
use grantry_custody::Release;
use grantry_endpoint::{Client, ClientAuthentication, Dpop, DpopKey, RefreshTokenRedemption, TokenEndpoint};
use grantry_jose::{Algorithm, JoseHeader};
use grantry_testkit::{Moment, Nonces, ProofPolicy, RegisteredClient, SeededGrant};
use grantry_vault::{GrantRecord, StoredBinding};

use crate::fixture::{STRICT, TOKEN_LIFETIME, World, admin, key};

const PUBLIC: &str = "desktop";

/// A grant of a public client, bound to a key that was made when the person consented.
async fn consented() -> (World, DpopKey) {
    let world = World::new(STRICT).await;
    let scope = Scope::parse("contacts.read").unwrap();
    let consented = world.server.with_authority(|authority, _| {
        authority.register(RegisteredClient::public(PUBLIC));
        authority.settings_mut().proofs =
            ProofPolicy { required: true, nonces: Nonces::EachOnce, ..ProofPolicy::default() };
        authority.seed_grant(SeededGrant::new(PUBLIC, scope))
    });
    let dpop_key = DpopKey::generate(Algorithm::Es256).unwrap();
    let kept = dpop_key.private_key().unwrap().clone();
    let vault = world.vault().await;
    let acme = vault.as_principal(admin()).tenant("acme").unwrap();
    let now = world.clock.wall();
    let record = GrantRecord::new(now).with_refresh_token(consented, now).with_proof_key(kept);
    let stored = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    acme.replace_grant("crm", "user-17", record, Some(&stored.version)).await.unwrap();
    vault.close().await.unwrap();
    (world, dpop_key)
}

fn redemption(world: &World) -> Arc<dyn Grant> {
    let client = Client::new(PUBLIC, ClientAuthentication::none()).unwrap();
    let server = world.server.authorization_server().unwrap();
    let transport = world.server.transport().with_latency(Duration::from_millis(50));
    let endpoint = TokenEndpoint::builder(server, client, Arc::new(transport));
    let endpoint = endpoint.clock(Arc::new(world.clock.clone())).dpop(Dpop::ed25519()).build().unwrap();
    Arc::new(RefreshTokenRedemption::new(endpoint).key(key()))
}

/// The thumbprint of the key that the server knows the token to be bound to.
fn bound_at_server(world: &World, token: &Token) -> Option<String> {
    let at = Moment::read(&world.clock);
    let token = AccessToken::new(token.expose());
    world.server.with_authority(|authority, _| authority.check(&token, at)).unwrap().bound_to
}

/// The thumbprint of the key that the token's own prover proves with.
async fn proved_here(token: &Token) -> String {
    let origin = Origin::parse("https://api.example").unwrap();
    let proof = prove(token, &http::Method::GET, &origin, "/").await.unwrap().expect("it is bound");
    JoseHeader::peek(proof.to_str().unwrap()).unwrap().jwk.unwrap().thumbprint()
}

#[tokio::test(start_paused = true)]
async fn req_e14_every_renewal_of_a_grant_is_proved_with_its_own_key_in_every_process() {
    let (world, dpop_key) = consented().await;
    for _ in 0..2 {
        // Each with an endpoint of its own, which makes a key of its own that is not used.
        let replica = world.replica_with(redemption(&world), Release::default()).await;
        for _ in 0..3 {
            let set = replica.grant.obtain(Attempt::first()).await.unwrap();
            assert_eq!(bound_at_server(&world, set.token()).as_deref(), Some(dpop_key.thumbprint()));
            assert_eq!(proved_here(set.token()).await, dpop_key.thumbprint());
            world.pass(TOKEN_LIFETIME).await;
        }
        replica.custody.close().await;
    }
    assert!(world.is_alive().await);
    assert_eq!(world.requests(), 8, "one more in each process, which learns the nonce");
}

#[tokio::test(start_paused = true)]
async fn req_e14_a_token_that_another_replica_brought_is_proved_here_with_the_key_in_the_record() {
    let (world, dpop_key) = consented().await;
    let one = world.replica_with(redemption(&world), Release::default()).await;
    let other = world.replica_with(redemption(&world), Release::default()).await;
    let brought = one.grant.obtain(Attempt::first()).await.unwrap();
    let before = world.requests();
    let found = other.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(world.requests(), before, "nothing was sent");
    assert_eq!(found.token().expose(), brought.token().expose());
    assert_eq!(found.token().header(), brought.token().header());
    assert_eq!(proved_here(found.token()).await, dpop_key.thumbprint());
}

#[tokio::test(start_paused = true)]
async fn req_e14_what_comes_home_from_a_lifeboat_is_bound_as_it_was() {
    let (world, dpop_key) = consented().await;
    let dying = world.replica_with(redemption(&world), Release::default()).await;
    // The store goes down once the intent is written, so the answer is in the lifeboat alone.
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.set_down(true);
    };
    let (set, ()) = tokio::join!(dying.grant.obtain(Attempt::first()), fail);
    let set = set.unwrap();
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&left, world.lifeboats().join("dead.lifeboat")).unwrap();
    drop(dying);
    world.store.set_down(false);
    let next = world.replica_with(redemption(&world), Release::default()).await;
    let vault = world.vault().await;
    let acme = vault.as_principal(admin()).tenant("acme").unwrap();
    let stored = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let kept = stored.access_tokens().first().unwrap();
    assert_eq!((kept.binding, kept.token.expose()), (StoredBinding::Proof, set.token().expose()));
    assert_eq!(stored.proof_key().map(PrivateKey::expose), dpop_key.private_key().map(PrivateKey::expose));
    let found = next.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(proved_here(found.token()).await, dpop_key.thumbprint());
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn req_e14_a_grant_that_is_bound_at_its_first_renewal_keeps_the_key_of_that_renewal() {
    let (world, _) = consented().await;
    let vault = world.vault().await;
    let acme = vault.as_principal(admin()).tenant("acme").unwrap();
    let unbound = world.server.with_authority(|authority, _| {
        authority.seed_grant(SeededGrant::new(PUBLIC, Scope::parse("contacts.read").unwrap()))
    });
    let now = world.clock.wall();
    let stored = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    let record = GrantRecord::new(now).with_refresh_token(unbound, now);
    acme.replace_grant("crm", "user-17", record, Some(&stored.version)).await.unwrap();
    let mut keys = Vec::new();
    for _ in 0..2 {
        let replica = world.replica_with(redemption(&world), Release::default()).await;
        let set = replica.grant.obtain(Attempt::first()).await.unwrap();
        let Binding::Proof(prover) = set.token().binding() else { panic!("not bound") };
        keys.push(prover.private_key().unwrap().expose().to_owned());
        world.pass(TOKEN_LIFETIME).await;
        replica.custody.close().await;
    }
    assert_eq!(keys[0], keys[1]);
    let stored = acme.reveal_grant("crm", "user-17").await.unwrap().unwrap();
    assert_eq!(stored.proof_key().unwrap().expose(), keys[0]);
    assert!(world.is_alive().await);
}
