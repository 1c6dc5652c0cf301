//! A second authorization server, by other people than the first: Authlib, in Python.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry::{
    AccessToken, Attempt, AuthorizedClient, Client, ClientAuthentication, ClientCredentials, Discovery,
    ErrorKind, Grant, HttpTransport, IntrospectionEndpoint, KeepError, Keeper, Kept, RefreshTokenGrant,
    RequestError, RevocationEndpoint, TokenEndpoint,
};
use grantry_authorization_code::{AuthorizationCode, Callback};
use grantry_device_authorization::{DeviceAuthorization, DeviceEnding};
use grantry_tests::{Authlib, Fallible};

use crate::authorization_code::{Browser, Person};
use crate::held::Held;

/// As it is registered there.
const REDIRECT_URI: &str = "https://app.example/callback?from=authlib";

async fn endpoint(
    server: &Authlib,
    client: &str,
    authentication: ClientAuthentication,
) -> Fallible<TokenEndpoint> {
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
    assert!(found.server().authorization_response_iss_parameter());
    Ok(found.endpoint(Client::new(client, authentication)?).build()?)
}

fn secret_of(client: &str) -> ClientAuthentication {
    match client {
        "desktop" | "tv" => ClientAuthentication::none(),
        _ => ClientAuthentication::secret_basic(format!("{client}-secret")),
    }
}

async fn flow(server: &Authlib, client: &str, scope: &str) -> Fallible<AuthorizationCode> {
    let endpoint = endpoint(server, client, secret_of(client)).await?;
    Ok(AuthorizationCode::builder(endpoint, REDIRECT_URI).scope(scope).build()?)
}

/// Begins, walks with the person to the end, and gives what the browser brings back.
async fn walk(
    flow: &AuthorizationCode,
    person: Person,
) -> Fallible<(
    grantry_authorization_code::PendingAuthorization,
    grantry_authorization_code::UserAgentBinding,
    String,
)> {
    let user_agent = flow.user_agent();
    let (redirect, pending) = flow.begin(&user_agent).await?;
    let location = redirect.into_location()?;
    let back = Browser::new(person)?.walk_to(&location, REDIRECT_URI).await?;
    Ok((pending, user_agent, back))
}

async fn consent(flow: &AuthorizationCode) -> Fallible<grantry_authorization_code::Granted> {
    let (pending, user_agent, back) = walk(flow, Person::Consents).await?;
    Ok(pending.finish(flow, &user_agent, &Callback::from_url(&back)?).await?)
}

/// The refresh tokens that were to be kept.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<String>>);

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        let mut shelf = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.push(kept.refresh_token.expose().to_owned());
        Ok(())
    }
}

#[tokio::test]
async fn req_b01_b05_b11_d07_a_person_consents_and_the_tokens_rotate_and_a_used_one_is_refused() {
    for client in ["web", "desktop"] {
        let server = Authlib::start().unwrap();
        let flow = flow(&server, client, "read offline_access").await.unwrap();
        let (pending, user_agent, back) = walk(&flow, Person::Consents).await.unwrap();
        assert!(back.contains("&iss=http"), "{back}");
        let granted = pending.finish(&flow, &user_agent, &Callback::from_url(&back).unwrap()).await.unwrap();
        assert_eq!(granted.scope().as_str(), "offline_access read");
        assert!(granted.missing_scope().is_empty());

        let first = granted.refresh_token().unwrap().clone();
        let shelf = Arc::new(Shelf::default());
        let renew = |token| {
            let keeper = Arc::clone(&shelf) as Arc<dyn Keeper>;
            RefreshTokenGrant::new(flow.endpoint().clone(), token, keeper).unwrap()
        };
        let grant = renew(first.clone());
        for _ in 0..2 {
            grant.obtain(Attempt::first()).await.unwrap();
        }
        let kept = shelf.0.lock().unwrap().clone();
        assert_eq!(kept.len(), 2, "each answer brought another refresh token");
        assert!(kept[0] != kept[1] && kept[0] != first.expose());
        let used = renew(first).obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(used.error.kind(), ErrorKind::InvalidGrant, "{client}");
        assert_eq!(server.requests("POST /token 200").unwrap(), 3);
    }
}

#[tokio::test]
async fn req_b04_b24_a_code_with_another_verifier_is_refused_and_a_person_may_decline() {
    let server = Authlib::start().unwrap();
    let flow = flow(&server, "desktop", "read").await.unwrap();
    let (_, _, back) = walk(&flow, Person::Consents).await.unwrap();
    // The same browser brings the code of that authorization to another one.
    let user_agent = flow.user_agent();
    let (redirect, pending) = flow.begin(&user_agent).await.unwrap();
    let state_of = |url: &str| {
        let url = reqwest::Url::parse(url).unwrap();
        url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned()
    };
    let own_state = state_of(&redirect.into_location().unwrap());
    let swapped = back.replace(&state_of(&back), &own_state);
    let unfinished =
        pending.finish(&flow, &user_agent, &Callback::from_url(&swapped).unwrap()).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidGrant, "the verifier is another's");

    let (pending, user_agent, back) = walk(&flow, Person::Cancels).await.unwrap();
    let unfinished =
        pending.finish(&flow, &user_agent, &Callback::from_url(&back).unwrap()).await.unwrap_err();
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"), "{unfinished:?}");
    assert_eq!(server.requests("POST /token").unwrap(), 1);
}

#[tokio::test]
async fn req_c16_c18_a_device_slows_down_when_it_is_told_and_gets_its_tokens() {
    let server = Authlib::start().unwrap();
    let endpoint = endpoint(&server, "tv", ClientAuthentication::none()).await.unwrap();
    let device = DeviceAuthorization::builder(endpoint).scope("read offline_access").build().unwrap();
    let pending = device.begin().await.unwrap();
    assert_eq!(pending.interval(), Duration::from_secs(1));
    let user_code = pending.user_code().to_owned();
    let mut intervals = Vec::new();
    let finished = pending.finish_telling(|waiting| {
        intervals.push(waiting.next.as_secs_f64().round());
        match waiting.polls {
            // The next poll comes too soon, as the server sees it.
            1 => server.hurry(&user_code).unwrap(),
            2 => server.approve(&user_code).unwrap(),
            _ => {}
        }
    });
    let granted = finished.await.unwrap();
    assert_eq!(granted.scope().as_str(), "offline_access read");
    assert!(granted.refresh_token().is_some());
    assert_eq!(intervals, [1.0, 1.0, 6.0], "nobody was asked yet, authorization_pending, slow_down");
    assert_eq!(server.requests("POST /token").unwrap(), 3);

    let pending = device.begin().await.unwrap();
    server.deny(pending.user_code()).unwrap();
    let unfinished = pending.finish().await.unwrap_err();
    assert_eq!(
        (unfinished.ending, unfinished.error.oauth_code()),
        (DeviceEnding::Denied, Some("access_denied"))
    );
}

#[tokio::test]
async fn req_e26_e28_tokens_are_introspected_by_the_resource_server_and_revoked_by_their_client() {
    let server = Authlib::start().unwrap();
    let flow = flow(&server, "web", "read offline_access").await.unwrap();
    let granted = consent(&flow).await.unwrap();
    let api = endpoint(&server, "api", secret_of("api")).await.unwrap();
    let introspection = IntrospectionEndpoint::of(&api).unwrap();
    let held = AccessToken::new(granted.token_set.token().expose());
    let active = introspection.introspect(&held).await.unwrap().unwrap();
    assert_eq!((active.client_id(), active.subject()), (Some("web"), Some("ada")));
    assert_eq!(introspection.introspect(&"made up".into()).await.unwrap().map(drop), None);

    let revocation = RevocationEndpoint::of(flow.endpoint()).unwrap();
    revocation.revoke_access_token(&held).await.unwrap();
    assert!(introspection.introspect(&held).await.unwrap().is_none());
    revocation.revoke_access_token(&"made up".into()).await.unwrap();
    let refresh_token = granted.refresh_token().unwrap().clone();
    revocation.revoke_refresh_token(&refresh_token).await.unwrap();
    let keeper = Arc::new(Shelf::default()) as Arc<dyn Keeper>;
    let grant = RefreshTokenGrant::new(flow.endpoint().clone(), refresh_token, keeper).unwrap();
    assert_eq!(grant.obtain(Attempt::first()).await.unwrap_err().error.kind(), ErrorKind::InvalidGrant);
}

#[tokio::test]
async fn req_c01_d05_a_service_gets_tokens_of_its_own_and_is_told_of_a_wrong_secret() {
    let server = Authlib::start().unwrap();
    let basic = endpoint(&server, "basic", secret_of("basic")).await.unwrap();
    let grant = ClientCredentials::builder(basic).scope("read nonsense").build().unwrap();
    let refused = grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidScope, "{refused:?}");
    let post = ClientAuthentication::secret_post("basic-secret");
    let basic = endpoint(&server, "basic", post).await.unwrap();
    let set = ClientCredentials::builder(basic).scope("read").build().unwrap().obtain(Attempt::first()).await;
    assert_eq!(set.unwrap().token().scope().as_str(), "read");
    let wrong = endpoint(&server, "basic", ClientAuthentication::secret_basic("wrong")).await.unwrap();
    let refused =
        ClientCredentials::builder(wrong).build().unwrap().obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(refused.error.kind(), ErrorKind::InvalidClient);
}

#[tokio::test]
async fn req_e05_its_resources_take_a_token_until_it_is_revoked_and_one_of_less_scope_stays_what_it_is() {
    let server = Authlib::start().unwrap();
    let flow = flow(&server, "web", "read").await.unwrap();
    let granted = consent(&flow).await.unwrap();
    grantry::install_crypto_provider();
    let ask = async |granted: &grantry_authorization_code::Granted, path: &str| {
        let held = Arc::new(Held::new(granted.token_set.token()));
        let plain = reqwest::Client::builder().no_proxy();
        let api = AuthorizedClient::from_builder(plain, Arc::clone(&held), [server.issuer()]).unwrap();
        (api.get(server.url(path)).send().await, held.refused())
    };
    let (answer, _) = ask(&granted, "/me").await;
    assert!(answer.unwrap().text().await.unwrap().contains("ada"));
    // It says so in its body alone, without a challenge: the answer is for whoever asked.
    let (answer, refused) = ask(&granted, "/ledger").await;
    let answer = answer.unwrap();
    assert_eq!((answer.status().as_u16(), refused), (403, 0));
    assert!(answer.text().await.unwrap().contains("insufficient_scope"));

    let held = AccessToken::new(granted.token_set.token().expose());
    RevocationEndpoint::of(flow.endpoint()).unwrap().revoke_access_token(&held).await.unwrap();
    let (answer, refused) = ask(&granted, "/me").await;
    let Err(RequestError::Token(rejected)) = answer else { panic!("{answer:?}") };
    assert_eq!((rejected.kind(), refused), (ErrorKind::TokenRejected, 1));
    assert_eq!(server.requests("GET /me 401").unwrap(), 1, "the same token is not sent twice");
}
