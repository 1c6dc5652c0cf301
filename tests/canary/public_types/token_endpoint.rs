//! A token endpoint whose every answer holds the canary, and samples of what the flows ask for with it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::presenting::prove;
use grantry_core::{
    Attempt, AuthorizationServer, Entropy, Origin, PrivateKey, Scope, SystemClock, SystemEntropy,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, DeviceAuthorizationRequest, Dpop, DpopKey, DpopProvers,
    HttpTransport, IdToken, PushedAuthorizationRequest, RefreshTokenRedemption, Request, TokenEndpoint,
    TokenRequest, Transport, TransportCause, TransportFailure,
};
use http::StatusCode;

use super::Printed;
use crate::secrets::{CANARY, client_secret, private_jwk};

/// The issuer of the server that is asked.
pub(super) const ISSUER: &str = "https://as.example.com";

/// Answers with one after the other, and then no more.
struct Scripted(Mutex<VecDeque<(StatusCode, String)>>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}

#[async_trait]
impl Transport for Scripted {
    async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
        match self.0.lock().unwrap().pop_front() {
            Some((status, body)) => Ok(Answer::new(status).with_body(body)),
            None => Err(TransportFailure::unsent(TransportCause::NotConnected)),
        }
    }
}

/// Every random octet is one of the canary's, and so is what is made of them.
#[derive(Debug)]
struct Foreseen;

impl Entropy for Foreseen {
    fn fill(&self, bytes: &mut [u8]) {
        for (place, byte) in bytes.iter_mut().zip(CANARY.bytes().cycle()) {
            *place = byte;
        }
    }
}

/// Answers so, whatever is asked.
pub(super) fn scripted<const N: usize>(answers: [(u16, String); N]) -> Arc<dyn Transport> {
    let answers = answers.into_iter().map(|(status, body)| (StatusCode::from_u16(status).unwrap(), body));
    Arc::new(Scripted(Mutex::new(answers.collect())))
}

/// An endpoint whose server answers so.
pub(super) fn answering<const N: usize>(answers: [(u16, String); N]) -> TokenEndpoint {
    let server = AuthorizationServer::builder(format!("{ISSUER}/token"))
        .issuer(ISSUER)
        .authorization_endpoint(format!("{ISSUER}/authorize"))
        .device_authorization_endpoint(format!("{ISSUER}/device"))
        .pushed_authorization_request_endpoint(format!("{ISSUER}/par"))
        .jwks_uri(format!("{ISSUER}/jwks"))
        .userinfo_endpoint(format!("{ISSUER}/userinfo"))
        .authorization_parameters([("api_key", CANARY)])
        .kept_parameters(["instance_url"])
        .build()
        .unwrap();
    let client = Client::new("client", ClientAuthentication::secret_basic(client_secret())).unwrap();
    TokenEndpoint::builder(server, client, scripted(answers)).entropy(Arc::new(Foreseen)).build().unwrap()
}

/// The same with this ID token.
pub(super) fn with_id_token(token: &str) -> (u16, String) {
    let (status, body) = tokens();
    let mut body: serde_json::Value = serde_json::from_str(&body).unwrap();
    body["id_token"] = token.into();
    (status, body.to_string())
}

/// Tokens of every kind, and a type that the server made a secret of.
pub(super) fn tokens() -> (u16, String) {
    let body = serde_json::json!({
        "access_token": CANARY, "token_type": "Bearer", "expires_in": 60, "refresh_token": CANARY,
        "id_token": CANARY, "scope": "a", "issued_token_type": format!("urn:{CANARY}"),
        "instance_url": format!("https://{CANARY}.example.com"),
    });
    (200, body.to_string())
}

/// A refusal that explains itself with the canary.
pub(super) fn plain_refusal(code: &str) -> (u16, String) {
    (400, serde_json::json!({ "error": code, "error_description": CANARY }).to_string())
}

/// The same beside tokens, so that the refresh token is salvaged.
pub(super) fn refusal(code: &str) -> (u16, String) {
    let body = serde_json::json!({
        "error": code, "error_description": CANARY, "error_uri": format!("https://{CANARY}.example.com"),
        "access_token": CANARY, "refresh_token": CANARY,
    });
    (400, body.to_string())
}

/// Codes for a device, with the canary in each and in the addresses.
pub(super) fn device_codes() -> (u16, String) {
    let body = serde_json::json!({
        "device_code": CANARY, "user_code": CANARY, "expires_in": 60, "interval": 1,
        "verification_uri": format!("{ISSUER}/{CANARY}"),
        "verification_uri_complete": format!("{ISSUER}/{CANARY}?user_code={CANARY}#{CANARY}"),
    });
    (200, body.to_string())
}

/// The reference to a pushed request.
pub(super) fn request_uri() -> (u16, String) {
    let reference = format!("urn:ietf:params:oauth:request_uri:{CANARY}");
    let body = serde_json::json!({ "request_uri": reference, "expires_in": 60 });
    (201, body.to_string())
}

pub(super) async fn asked(to: &Printed) {
    let endpoint = answering([device_codes(), request_uri(), tokens(), tokens(), refusal("odd")]);
    let request = DeviceAuthorizationRequest::to(&endpoint)
        .unwrap()
        .scope(Scope::parse("a").unwrap())
        .parameter("api_key", CANARY);
    to.print("grantry_endpoint::DeviceAuthorizationRequest", &request);
    let codes = request.send().await.unwrap();
    assert_eq!((codes.expose_device_code(), codes.user_code()), (CANARY, CANARY));
    to.print("grantry_endpoint::DeviceCodes", &codes);
    to.print("grantry_endpoint::VerificationUri", codes.verification_uri());
    to.print("grantry_endpoint::VerificationUri", codes.verification_uri_complete().unwrap());

    let request = PushedAuthorizationRequest::to(&endpoint).unwrap().parameter("state", CANARY);
    to.print("grantry_endpoint::PushedAuthorizationRequest", &request);
    let pushed = request.send().await.unwrap();
    assert!(pushed.expose().contains(CANARY));
    to.print("grantry_endpoint::RequestUri", &pushed);

    let request = || TokenRequest::new("authorization_code").parameter("code", CANARY);
    let redeemed = endpoint.redeem(request(), Attempt::first()).await.unwrap();
    assert!(redeemed.id_token.is_some() && redeemed.issued_token_type.is_some());
    to.print("grantry_endpoint::Redeemed", &redeemed);
    assert!(redeemed.further.text("instance_url").unwrap().contains(CANARY));
    to.print("grantry_endpoint::FurtherParameters", &redeemed.further);
    to.print("grantry_endpoint::IdToken", &IdToken::new(CANARY));
    let issued = endpoint.issue(request(), Attempt::first()).await.unwrap();
    assert_eq!(issued.expose(), CANARY);
    to.print("grantry_endpoint::IssuedToken", &issued);
    let failure = endpoint.redeem(request(), Attempt::first()).await.unwrap_err();
    to.shown.failure(&failure);

    let redemption = RefreshTokenRedemption::new(endpoint).granted_scope(Scope::parse("a").unwrap());
    to.print("grantry_endpoint::RefreshTokenRedemption", &redemption);
}

/// Tokens that are bound to a key, and one that is not although it was to be.
pub(super) async fn bound(to: &Printed) {
    let kept = PrivateKey::new(private_jwk());
    let key = DpopKey::from_private_key(&kept).unwrap();
    to.print("grantry_endpoint::DpopKey", &key);
    let dpop = Dpop::with_key(key.clone());
    to.print("grantry_endpoint::Dpop", &dpop);
    let provers = DpopProvers::new(Arc::new(SystemClock::new()), Arc::new(SystemEntropy));
    to.print("grantry_endpoint::DpopProvers", &provers);
    let broken = DpopKey::from_private_key(&PrivateKey::new(CANARY)).unwrap_err();
    to.print("grantry_core::Error", &broken);

    let tokens = |kind: &str| {
        let body = serde_json::json!({ "access_token": CANARY, "token_type": kind, "refresh_token": CANARY });
        (200, body.to_string())
    };
    let endpoint = answering([tokens("DPoP"), tokens("Bearer"), refusal("use_dpop_nonce")]);
    let request =
        || TokenRequest::new("refresh_token").parameter("refresh_token", CANARY).dpop_key(key.clone());
    to.print("grantry_endpoint::TokenRequest", &request());
    let set = endpoint.request(request(), Attempt::first().bound_to(&kept)).await.unwrap();
    to.print("grantry_core::TokenSet", &set);
    to.print("grantry_core::Binding", set.token().binding());
    let origin = Origin::parse("https://api.example.com").unwrap();
    let proof = prove(set.token(), &http::Method::GET, &origin, "/").await.unwrap().unwrap();
    to.shown.debug(&proof);
    for _ in 0..2 {
        let failure = endpoint.request(request(), Attempt::first()).await.unwrap_err();
        to.shown.failure(&failure);
    }

    // A certificate's text holds its key.
    let pem = format!("-----BEGIN CERTIFICATE-----\n{CANARY}\n-----END CERTIFICATE-----\n");
    let builder = HttpTransport::builder().identity(&pem);
    to.print("grantry_endpoint::HttpTransportBuilder", &builder);
    to.print("grantry_core::Error", &builder.build().unwrap_err());
}
