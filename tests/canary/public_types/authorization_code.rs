//! Samples of the authorization code flow, whose codes, states, verifiers and nonces are all of the canary.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::{
    AuthorizationCode, AuthorizationCodes, Callback, PendingAuthorizations, PendingInMemory, PendingKey,
    PendingStoreError, StepUps, Unfinished, UserAgentBinding,
};
use grantry_core::presenting::Challenges;
use grantry_core::{AccessToken, Clock, Error, ErrorKind, Scope, Stage, SystemClock};
use grantry_endpoint::{
    ExpectedIdToken, IdTokenFlaw, IdTokenVerifier, OriginalLogin, TokenEndpoint, UserInfoEndpoint,
};
use grantry_jose::{Algorithm, SigningKey, sign_jwt};
use zeroize::Zeroizing;

use super::Printed;
use super::token_endpoint::{ISSUER, answering, refusal, request_uri, tokens, with_id_token};
use crate::secrets::{CANARY, private_key};

const CALLBACK: &str = "https://app.example.com/callback";

fn flow(endpoint: TokenEndpoint) -> AuthorizationCode {
    AuthorizationCode::builder(endpoint, CALLBACK).scope("a").build().unwrap()
}

fn user_agent() -> UserAgentBinding {
    UserAgentBinding::from_cookie(&CANARY.repeat(2)).unwrap()
}

/// What comes back for the person who was sent to this address.
fn response(location: &str, answer: &str) -> Callback {
    let state = location.split('&').find_map(|pair| pair.strip_prefix("state=")).unwrap();
    Callback::from_query(&format!("state={state}&iss={ISSUER}&{answer}")).unwrap()
}

fn code() -> String {
    format!("code={CANARY}")
}

pub(super) async fn authorization_code(to: &Printed) {
    let builder = AuthorizationCode::builder(answering([tokens(), refusal("odd"), request_uri()]), CALLBACK)
        .scope("a")
        .login_hint(CANARY)
        .parameter("api_key", CANARY);
    to.print("grantry_authorization_code::AuthorizationCodeBuilder", &builder);
    let flow = builder.build().unwrap();
    to.print("grantry_authorization_code::AuthorizationCode", &flow);
    to.print("grantry_authorization_code::UserAgentBinding", &flow.user_agent());
    to.print("grantry_authorization_code::UserAgentBinding", &user_agent());

    let (redirect, pending) = flow.begin(&user_agent()).await.unwrap();
    to.print("grantry_authorization_code::RedirectUrl", &redirect);
    to.print("grantry_authorization_code::PendingAuthorization", &pending);
    to.print("grantry_authorization_code::PendingKey", &pending.key());
    to.shown.debug(&pending.key().to_string());
    let location = redirect.into_location().unwrap();
    let callback = response(&location, &code());
    to.print("grantry_authorization_code::Callback", &callback);
    to.print("grantry_authorization_code::PendingKey", &callback.key(&user_agent()).unwrap());
    let granted = pending.finish(&flow, &user_agent(), &callback).await.unwrap();
    assert!(granted.id_token.is_none() && granted.refresh_token().is_some());
    to.print("grantry_authorization_code::Granted", &granted);

    unfinished(to, &flow).await;
    logged_in(to).await;
    let (pushed, _) = AuthorizationCode::builder(flow.endpoint().clone(), CALLBACK)
        .pushed()
        .build()
        .unwrap()
        .begin(&user_agent())
        .await
        .unwrap();
    to.print("grantry_authorization_code::RedirectUrl", &pushed);
    kept(to).await;
    stepped_up(to, &flow).await;
}

/// A resource server that puts the canary wherever it may.
async fn stepped_up(to: &Printed, flow: &AuthorizationCode) {
    let challenge = format!(
        "Bearer error=insufficient_user_authentication, acr_values={CANARY}, realm={CANARY}, {CANARY}=x, scope=b"
    );
    let challenges = Challenges::parse([challenge]);
    let challenge = challenges.iter().next().unwrap().clone();
    let refusal = Error::new(ErrorKind::InsufficientAuthentication, Stage::Present, "another login")
        .with_challenge(challenge);
    to.shown.error(&refusal);
    let steps = StepUps::new().all(1);
    let more = steps.flow(CANARY, flow, &refusal, &Scope::EMPTY).unwrap();
    to.print("grantry_authorization_code::AuthorizationCode", &more);
    let (_, pending) = more.begin(&user_agent()).await.unwrap();
    to.print("grantry_authorization_code::PendingAuthorization", &pending);
    to.shown.error(&steps.flow(CANARY, flow, &refusal, &Scope::EMPTY).unwrap_err());
    to.print("grantry_authorization_code::StepUps", &steps);
}

/// A person who logged in, where everything that the ID token says is a secret; and one whose ID token is not right.
async fn logged_in(to: &Printed) {
    let key = SigningKey::from_ed25519_seed(&private_key()).unwrap().with_key_id("key-1");
    let keys = || (200, format!(r#"{{"keys":[{}]}}"#, key.public_jwk().to_json()));
    let flow = |endpoint| {
        let builder = AuthorizationCode::builder(endpoint, CALLBACK).scope("openid").nonce();
        builder.id_token_algorithms([Algorithm::EdDsa]).build().unwrap()
    };
    // Every random octet is foreseen, so it is the nonce of each.
    let (redirect, pending) = flow(answering([])).begin(&user_agent()).await.unwrap();
    to.print("grantry_authorization_code::PendingAuthorization", &pending);
    let location = redirect.into_location().unwrap();
    let nonce = location.split('&').find_map(|pair| pair.strip_prefix("nonce=")).unwrap();
    let now = SystemClock::new().wall().as_unix_seconds();
    let claims = |nonce: &str| {
        serde_json::json!({
            "iss": ISSUER, "aud": "client", "sub": CANARY, "exp": now + 60, "iat": now, "nonce": nonce,
            "email": CANARY, "name": CANARY, CANARY: CANARY,
        })
    };
    for (claims, is_right) in [(claims(nonce), true), (claims(CANARY), false)] {
        let token = sign_jwt(&key, None, &claims).await.unwrap();
        let flow = flow(answering([keys(), with_id_token(&token)]));
        let (redirect, pending) = flow.begin(&user_agent()).await.unwrap();
        let callback = response(&redirect.into_location().unwrap(), &code());
        match pending.finish(&flow, &user_agent(), &callback).await {
            Ok(granted) => {
                assert!(is_right);
                to.print("grantry_authorization_code::Granted", &granted);
                to.print("grantry_endpoint::IdTokenClaims", granted.claims.as_ref().unwrap());
                let verifier = IdTokenVerifier::of(flow.endpoint()).unwrap();
                to.print("grantry_endpoint::IdTokenVerifier", &verifier);
                to.print("grantry_endpoint::ServerKeys", verifier.keys());
                let person = serde_json::json!({"sub": CANARY, "email": CANARY}).to_string();
                let asked = UserInfoEndpoint::of(&answering([(200, person)])).unwrap();
                to.print("grantry_endpoint::UserInfoEndpoint", &asked);
                let person = asked.ask(granted.token_set.token(), granted.claims.as_ref().unwrap()).await;
                to.print("grantry_endpoint::UserInfo", &person.unwrap());
            }
            Err(ended) => {
                assert!(!is_right);
                let flaw = ended.error.source().and_then(|source| source.downcast_ref::<IdTokenFlaw>());
                to.print("grantry_endpoint::IdTokenFlaw", flaw.unwrap());
                printed(to, &ended);
            }
        }
    }
    let login = OriginalLogin::new(CANARY).nonce(CANARY).audience([CANARY]);
    to.print("grantry_endpoint::OriginalLogin", &login);
    let expected =
        ExpectedIdToken::new().nonce(CANARY).access_token(AccessToken::new(CANARY)).renewing(&login);
    to.print("grantry_endpoint::ExpectedIdToken", &expected);
}

/// Refused by the server with a text and a refresh token, by the person with a text, and ours to finish again.
async fn unfinished(to: &Printed, flow: &AuthorizationCode) {
    let plain = self::flow(answering([]));
    let denied = format!("error=access_denied&error_description={CANARY}");
    // A server may make an error code of a parameter that the application gave it in confidence.
    let echoed = format!("error={CANARY}&error_description={CANARY}");
    for (flow, answer) in [(flow, &code()), (&plain, &denied), (flow, &echoed)] {
        let (redirect, pending) = flow.begin(&user_agent()).await.unwrap();
        let callback = response(&redirect.into_location().unwrap(), answer);
        to.print("grantry_authorization_code::Callback", &callback);
        let ended = pending.finish(flow, &user_agent(), &callback).await.unwrap_err();
        assert!(ended.said.is_some() || *answer != denied, "{ended:?}");
        assert_eq!(ended.salvaged.is_some(), *answer == code(), "{ended:?}");
        printed(to, &ended);
    }
    let (_, pending) = flow.begin(&user_agent()).await.unwrap();
    let another = Callback::from_query(&format!("state={CANARY}&code={CANARY}")).unwrap();
    let ended = pending.finish(flow, &user_agent(), &another).await.unwrap_err();
    assert!(ended.again.is_some());
    printed(to, &ended);
    to.shown.error(&Callback::from_query(&format!("code={CANARY}&code={CANARY}")).unwrap_err());
}

fn printed(to: &Printed, ended: &Unfinished) {
    to.print("grantry_authorization_code::Unfinished", ended);
    to.shown.chain(ended);
    to.shown.error(&ended.error);
}

/// Pending authorizations in a store, and a store that fails.
async fn kept(to: &Printed) {
    let store = PendingInMemory::new(Arc::new(SystemClock::new()));
    let flows =
        AuthorizationCodes::new(Arc::new(store.clone()), [("crm", flow(answering([tokens()])))]).unwrap();
    let redirect = flows.begin("crm", &user_agent()).await.unwrap();
    assert_eq!(store.len(), 1);
    to.print("grantry_authorization_code::PendingInMemory", &store);
    to.print("grantry_authorization_code::AuthorizationCodes", &flows);
    let callback = response(&redirect.into_location().unwrap(), &code());
    to.print("grantry_authorization_code::Granted", &flows.finish(&user_agent(), &callback).await.unwrap().1);
    printed(to, &flows.finish(&user_agent(), &callback).await.unwrap_err());

    let refused = Full.keep(callback.key(&user_agent()).unwrap(), Zeroizing::default(), Duration::ZERO).await;
    to.print("grantry_authorization_code::PendingStoreError", &refused.clone().unwrap_err());
    to.shown.error(&Error::from(refused.unwrap_err()));
    let flows = AuthorizationCodes::new(Arc::new(Full), [("crm", flow(answering([])))]).unwrap();
    to.shown.error(&flows.begin("crm", &user_agent()).await.unwrap_err());
}

/// A store without room.
#[derive(Debug)]
struct Full;

#[async_trait]
impl PendingAuthorizations for Full {
    async fn keep(
        &self,
        _key: PendingKey,
        _pending: Zeroizing<Vec<u8>>,
        _lifetime: Duration,
    ) -> Result<(), PendingStoreError> {
        Err(PendingStoreError::Full)
    }

    async fn take(&self, _key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        Ok(None)
    }
}
