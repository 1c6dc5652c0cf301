//! Tokens that are bound to keys (RFC 9449), as a certified server judges the proofs.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grantry::{
    Attempt, AuthorizedClient, Binding, Client, ClientAuthentication, Discovery, Dpop, DpopKey, ErrorKind,
    Grant, HttpTransport, KeepError, Keeper, Kept, RefreshToken, RefreshTokenGrant, Token, TokenEndpoint,
};
use grantry_authorization_code::{AuthorizationCode, Granted};
use grantry_tests::{Fallible, OidcProvider, Settings};

use crate::authorization_code::{Person, REDIRECT_URI, run};
use crate::held::Held;
use crate::support::obtain;

/// Both algorithms, and servers that want nonces and that do not.
fn cases() -> impl Iterator<Item = (Dpop, bool)> {
    [false, true].into_iter().flat_map(|nonces| [(Dpop::es256(), nonces), (Dpop::ed25519(), nonces)])
}

fn start(dpop_nonces: bool) -> Fallible<OidcProvider> {
    OidcProvider::start(Settings { dpop_nonces, ..Settings::default() })
}

async fn endpoint(
    server: &OidcProvider,
    client: &str,
    authentication: ClientAuthentication,
    dpop: Dpop,
) -> Fallible<TokenEndpoint> {
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
    let algorithms: Vec<&str> = found.server().dpop_algorithms().collect();
    assert!(algorithms.contains(&"ES256") && algorithms.contains(&"EdDSA"), "{algorithms:?}");
    Ok(found.endpoint(Client::new(client, authentication)?).dpop(dpop).build()?)
}

/// Asks the server who the person is, with the token.
async fn userinfo(server: &OidcProvider, token: &Token) -> Fallible<(u16, u32)> {
    grantry::install_crypto_provider();
    let held = Arc::new(Held::new(token));
    let api =
        AuthorizedClient::from_builder(reqwest::Client::builder(), Arc::clone(&held), [server.issuer()])?;
    let answer = api.get(server.url("/me?with=query")).send().await?;
    Ok((answer.status().as_u16(), held.refused()))
}

#[tokio::test]
async fn req_e08_e09_e12_client_credentials_are_bound_with_both_algorithms_and_with_nonces() {
    for (dpop, nonces) in cases() {
        let server = start(nonces).unwrap();
        let secret = ClientAuthentication::secret_basic("bound-secret");
        let endpoint = endpoint(&server, "bound", secret, dpop.clone()).await.unwrap();
        for _ in 0..2 {
            let set = obtain(&endpoint).await.unwrap();
            assert!(matches!(set.token().binding(), Binding::Proof(_)), "{dpop:?}");
        }
        let expected = if nonces { 3 } else { 2 };
        assert_eq!(server.requests("POST /token").unwrap(), expected, "{dpop:?}: the nonce is learned once");
        assert_eq!(server.requests("POST /token 200").unwrap(), 2);
    }
}

#[tokio::test]
async fn req_e08_a_client_that_has_to_prove_and_does_not_is_refused() {
    let server = start(false).unwrap();
    let secret = ClientAuthentication::secret_basic("bound-secret");
    let unbound = crate::support::endpoint(&server, "bound", secret).unwrap();
    // As this server has it.
    assert_eq!(obtain(&unbound).await.unwrap_err().kind(), ErrorKind::InvalidGrant);
}

async fn consented(
    server: &OidcProvider,
    client: &str,
    dpop: Dpop,
    pushed: bool,
) -> Fallible<(AuthorizationCode, Granted)> {
    let authentication = match client {
        "desktop-bound" => ClientAuthentication::none(),
        _ => ClientAuthentication::secret_basic(format!("{client}-secret")),
    };
    let endpoint = endpoint(server, client, authentication, dpop).await?;
    let flow =
        AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("openid offline_access").prompt("consent");
    let flow = if pushed { flow.pushed() } else { flow }.build()?;
    let done = run(&flow, Person::Consents).await?.map_err(|unfinished| unfinished.error)?;
    let told = done.location.contains("dpop_jkt=");
    assert_eq!(told, !pushed, "{}", done.location);
    Ok((flow, done.granted))
}

#[tokio::test]
async fn req_e08_e15_a_person_s_token_is_bound_to_the_key_that_its_code_was_and_reads_a_resource() {
    for (dpop, nonces) in cases() {
        let server = start(nonces).unwrap();
        for (client, pushed) in [("desktop-bound", false), ("web-bound", true)] {
            let before = server.requests("GET /me").unwrap();
            let (_, granted) = consented(&server, client, dpop.clone(), pushed).await.unwrap();
            let token_requests = server.requests("POST /token").unwrap();
            assert_eq!(userinfo(&server, granted.token_set.token()).await.unwrap(), (200, 0), "{dpop:?}");
            let asked = server.requests("GET /me").unwrap() - before;
            assert_eq!(asked, if nonces { 2 } else { 1 }, "a nonce costs one resend");
            assert_eq!(server.requests("POST /token").unwrap(), token_requests, "and no token request");
        }
    }
}

/// Keeps refresh tokens in memory.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<RefreshToken>>);

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kept.refresh_token.clone());
        Ok(())
    }
}

#[tokio::test]
async fn req_e14_the_refresh_token_of_a_public_client_works_with_its_key_and_with_no_other() {
    for (dpop, nonces) in cases() {
        let server = start(nonces).unwrap();
        let (flow, granted) = consented(&server, "desktop-bound", dpop, false).await.unwrap();
        let Binding::Proof(prover) = granted.token_set.token().binding() else { panic!("not bound") };
        // As it is kept beside the refresh token, and read by the next process.
        let kept = DpopKey::from_private_key(&prover.private_key().unwrap()).unwrap();
        let first = granted.refresh_token().unwrap().clone();
        let shelf = Arc::new(Shelf::default());
        let renew = |key: DpopKey, token: RefreshToken| {
            let keeper = Arc::clone(&shelf) as Arc<dyn Keeper>;
            RefreshTokenGrant::builder(flow.endpoint().clone(), token, keeper).dpop_key(key).build().unwrap()
        };
        let stranger = DpopKey::generate(kept.algorithm()).unwrap();
        let refused = renew(stranger, first.clone()).obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(refused.error.kind(), ErrorKind::InvalidGrant);
        let grant = renew(kept, first);
        for _ in 0..2 {
            let set = grant.obtain(Attempt::first()).await.unwrap();
            assert_eq!(userinfo(&server, set.token()).await.unwrap().0, 200);
        }
        assert_eq!(shelf.0.lock().unwrap().len(), 2, "each renewal brought another refresh token");
    }
}
