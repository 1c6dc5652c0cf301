//! Samples of the types that hold secrets and talk to authorization servers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantry_client_credentials::ClientCredentials;
use grantry_core::presenting::{self, AllowedOrigins, Challenges, StepUp, Tried};
use grantry_core::{
    AccessToken, AccountId, AssertionAudience, Attempt, AuthorizationServer, Binding,
    ClientAuthenticationMethod, ClientId, ClientSecret, Clock, ClockSkew, Consumed, ContainedObserver,
    Diagnosis, Error, ErrorAlias, ErrorCause, ErrorKind, Event, Failure, FurtherParameters, Grant, GrantKey,
    Instant, Learned, Lifetime, NoObserver, Origin, Party, Pkce, PrivateKey, ProofRequest, Prover,
    RefreshRate, RefreshToken, Retry, RevocationSpares, Rotation, Scope, SecretHeader, ServiceName, Stage,
    StoreTime, SystemClock, SystemEntropy, Target, TenantId, Thumbprint, Timestamp, TokenSet,
};
use grantry_endpoint::{
    AddressClass, Answer, Client, ClientAuthentication, Discovery, HttpTransport, IntrospectionEndpoint,
    KeepError, Keeper, Kept, RefreshTokenGrant, Request, ResourceDiscovery, RevocationEndpoint,
    TokenEndpoint, TokenRequest, TransportCause, TransportFailure,
};
use grantry_jose::{
    Algorithm, HeaderMembers, HmacKey, JoseHeader, ProofKey, SignError, SigningKey, VerifyingKey,
};
use grantry_testkit::{RawAnswer, RawServer};
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};

use super::Printed;
use crate::rows;
use crate::secrets::{CANARY, client_secret, private_jwk, private_key};

/// A prover that would show its key.
#[derive(Debug)]
struct Unproven;

#[async_trait]
impl Prover for Unproven {
    async fn prove(&self, _request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
        Err(Error::internal("it proves nothing"))
    }

    fn saw_nonce(&self, _origin: &Origin, _nonce: &str) {}

    fn saw_date(&self, _origin: &Origin, _date: &HeaderValue) {}

    fn private_key(&self) -> Option<PrivateKey> {
        None
    }
}

pub(super) fn token_set() -> TokenSet {
    let now = SystemClock::new().now();
    TokenSet::builder(AccessToken::new(CANARY), now)
        .refresh_token(RefreshToken::new(CANARY))
        .expires(now.after(Duration::from_secs(60)))
        .scope(Scope::parse("a").unwrap())
        .build()
        .unwrap()
}

fn key() -> GrantKey {
    GrantKey::new("acme", "crm", "default").unwrap()
}

fn error() -> Error {
    Error::new(ErrorKind::Refused, Stage::Token, "the server refused the request")
        .with_oauth_code("odd")
        .with_provider_code("AADSTS1")
        .with_needed_scope(Scope::parse("a").unwrap())
        .with_source(Scope::parse("\"").unwrap_err())
}

pub(super) fn core(to: &Printed) {
    let set = token_set();
    let builder =
        || AuthorizationServer::builder("https://as.example.com/token").extra_parameter("api_key", CANARY);
    to.print("grantry_core::AccessToken", &AccessToken::new(CANARY));
    to.print("grantry_core::RefreshToken", &RefreshToken::new(CANARY));
    to.print("grantry_core::ClientSecret", &ClientSecret::new(CANARY));
    to.print("grantry_core::PrivateKey", &PrivateKey::new(CANARY));
    to.print("grantry_core::SecretHeader", &SecretHeader::new([CANARY]));
    to.print("grantry_core::ClientId", &ClientId::new("client"));
    to.print("grantry_core::Token", set.token());
    to.print("grantry_core::TokenSet", &set);
    to.print("grantry_core::TokenSetBuilder", &TokenSet::builder(AccessToken::new(CANARY), Instant::ZERO));
    let unfit = TokenSet::builder(AccessToken::new(format!("{CANARY} {CANARY}")), Instant::ZERO).build();
    to.print("grantry_core::InvalidToken", &unfit.unwrap_err());
    to.print("grantry_core::Attempt", &Attempt::replace(&set));
    to.print("grantry_core::Consumed", &Consumed::Unknown);
    let failure = Failure::unknown(error()).with_salvaged(Some(RefreshToken::new(CANARY)));
    to.print("grantry_core::Failure", &failure);
    to.print("grantry_core::Error", &error());
    to.print("grantry_core::ErrorKind", &ErrorKind::InDoubt);
    to.print("grantry_core::Stage", &Stage::Token);
    to.print("grantry_core::Diagnosis", &Diagnosis::new(Party::Library, "nothing", Retry::Now).cause("x"));
    to.print("grantry_core::Party", &Party::Network);
    to.print("grantry_core::Retry", &Retry::Never);
    to.print("grantry_core::Event", &Event::rejected(key()));
    to.print("grantry_core::NoObserver", &NoObserver);
    to.print("grantry_core::ContainedObserver", &ContainedObserver::new(Arc::new(NoObserver)));
    let further = FurtherParameters::new([("instance_url", CANARY)]);
    assert_eq!(further.text("instance_url"), Some(CANARY));
    to.print("grantry_core::FurtherParameters", &further);
    to.print("grantry_core::Binding", &Binding::Proof(Arc::new(Unproven)));
    to.print("grantry_core::Thumbprint", &Thumbprint([7; 32]));
    let (access, origin) = (AccessToken::new(CANARY), Origin::parse("https://api.example.com").unwrap());
    let proof =
        ProofRequest::new(&Method::GET, "https://api.example.com/", &origin).with_access_token(&access);
    to.print("grantry_core::ProofRequest", &proof);
    to.print("grantry_core::Origin", &origin);
    to.print("grantry_core::Instant", &Instant::MAX);
    to.print("grantry_core::Timestamp", &Timestamp::from_unix_seconds(1));
    to.print("grantry_core::StoreTime", &StoreTime::from_nanos(1));
    to.print("grantry_core::CoarseReading", &SystemClock::new().coarse());
    to.print("grantry_core::SystemClock", &SystemClock::new());
    to.print("grantry_core::SystemEntropy", &SystemEntropy);
    to.print("grantry_core::GrantKey", &key());
    to.print("grantry_core::GrantKeyRef", &key().as_key_ref());
    to.print("grantry_core::TenantId", &TenantId::new("acme").unwrap());
    to.print("grantry_core::ServiceName", &ServiceName::new("crm").unwrap());
    to.print("grantry_core::AccountId", &AccountId::new("user-17").unwrap());
    to.print("grantry_core::InvalidName", &TenantId::new("..").unwrap_err());
    to.print("grantry_core::Scope", &Scope::parse("a").unwrap());
    to.print("grantry_core::InvalidScope", &Scope::parse(&format!("\"{CANARY}")).unwrap_err());
    to.print("grantry_core::Target", &Target::new(Scope::EMPTY));
    to.print("grantry_core::AuthorizationServer", &builder().build().unwrap());
    to.print("grantry_core::AuthorizationServerBuilder", &builder());
    to.print("grantry_core::ClientAuthenticationMethod", &ClientAuthenticationMethod::None);
    to.print("grantry_core::Rotation", &Rotation::UNKNOWN);
    to.print("grantry_core::Lifetime", &Lifetime::Unknown);
    to.print("grantry_core::Learned", &Learned::Everything);
    let skew = ClockSkew { by: Duration::from_secs(600), ours_is_ahead: true };
    to.print("grantry_core::ClockSkew", &skew);
    to.print("grantry_core::RefreshRate", &RefreshRate::at_most(10, Duration::from_secs(600)).unwrap());
    to.print("grantry_core::RevocationSpares", &RevocationSpares::UNKNOWN);
    to.print("grantry_core::AssertionAudience", &AssertionAudience::Issuer);
    to.print("grantry_core::ErrorAlias", &ErrorAlias { status: 400, code: "x", means: "invalid_grant" });
    to.print("grantry_core::ErrorCause", &ErrorCause { code: "x", cause: "it ended" });
    to.print("grantry_core::Pkce", &Pkce::Unknown);
    let named = format!("https://user:{CANARY}@as.example.com/").parse().unwrap();
    let unfit = grantry_core::check_endpoint("endpoint", &named).unwrap_err();
    to.print("grantry_core::InvalidEndpoint", &unfit);
    // A password in a URL is refused, but only when it is built.
    let named = AuthorizationServer::builder(format!("https://user:{CANARY}@as.example.com/"));
    to.print("grantry_core::AuthorizationServerBuilder", &named);
}

pub(super) fn presenting(to: &Printed) {
    let set = token_set();
    let challenges = Challenges::parse([format!("Bearer realm=\"{CANARY}\", error=\"x\", Basic {CANARY}")]);
    to.print("grantry_core::presenting::Challenges", &challenges);
    to.print("grantry_core::presenting::Challenge", challenges.iter().next().unwrap());
    to.print(
        "grantry_core::presenting::AllowedOrigins",
        &AllowedOrigins::new(["https://a.example"]).unwrap(),
    );
    to.print("grantry_core::presenting::Origin", &Origin::parse("https://a.example/?x").unwrap());
    to.print("grantry_core::presenting::Tried", &Tried::default());
    let login = format!("Bearer error=insufficient_user_authentication, acr_values={CANARY}, scope={CANARY}");
    let login = Challenges::parse([login]);
    let login = StepUp::of_challenge(login.iter().next().unwrap()).unwrap();
    to.print("grantry_core::presenting::StepUp", &login);
    let headers = HeaderMap::new();
    let answer = presenting::Answer::new(StatusCode::UNAUTHORIZED, &headers, set.token());
    to.print("grantry_core::presenting::Answer", &answer);
    to.print("grantry_core::presenting::Next", &presenting::after_answer(&answer));
}

pub(super) async fn jose(to: &Printed) {
    let key = SigningKey::from_ed25519_seed(&private_key()).unwrap().with_key_id("key-1");
    let jwt = grantry_jose::sign_jwt(&key, Some("JWT"), &[CANARY]).await.unwrap();
    to.print("grantry_jose::SigningKey", &key);
    to.print("grantry_jose::VerifyingKey", &key.verifying_key());
    to.print("grantry_jose::HmacKey", &HmacKey::new(client_secret()).unwrap());
    to.print("grantry_jose::Jwk", &key.public_jwk());
    to.print("grantry_jose::ProofKey", &ProofKey::from_jwk(private_jwk()).unwrap());
    let encoded = HeaderMembers::new().jwk(key.public_jwk()).encode(Algorithm::EdDsa).unwrap();
    to.print("grantry_jose::EncodedHeader", &encoded);
    to.print("grantry_jose::HeaderMembers", &HeaderMembers::new().typ("JWT").jwk(key.public_jwk()));
    to.print("grantry_jose::JoseHeader", &JoseHeader::peek(&jwt).unwrap());
    to.print("grantry_jose::Algorithm", &Algorithm::Hs256);
    let published = format!(r#"{{"keys":[{},{}]}}"#, key.public_jwk().to_json(), private_jwk());
    let set = grantry_jose::KeySet::from_json(published).unwrap();
    assert_eq!((set.keys().count(), set.passed_over()), (1, 1), "a private key is in no set");
    to.print("grantry_jose::KeySet", &set);
    to.print("grantry_jose::SignError", &SignError::new("the key is away"));
    let forged = format!("{jwt}{CANARY}");
    let refused = grantry_jose::verify_jwt::<()>(&forged, &key.verifying_key(), &[Algorithm::EdDsa]);
    to.print("grantry_jose::VerifyError", &refused.unwrap_err());
    to.print(
        "grantry_jose::base64url::InvalidBase64url",
        &grantry_jose::base64url::decode(format!("{CANARY}!")).unwrap_err(),
    );
    // Whatever is wrong with a key, none of it shows.
    let pem = |text: &str| format!("-----BEGIN {text}-----\n{CANARY}\n-----END {text}-----\n");
    for text in
        [CANARY.to_owned(), pem("PRIVATE KEY"), pem("EC PRIVATE KEY"), pem("CERTIFICATE"), pem(CANARY)]
    {
        to.print("grantry_jose::KeyError", &SigningKey::from_pem(&text).unwrap_err());
        to.print("grantry_jose::KeyError", &VerifyingKey::from_pem(&text).unwrap_err());
        let jwk =
            format!(r#"{{"kty":"OKP","crv":"Ed25519","d":{text:?},"x":{text:?},"{CANARY}":"{CANARY}"}}"#);
        to.print("grantry_jose::KeyError", &ProofKey::from_jwk(&jwk).unwrap_err());
        to.print("grantry_jose::KeyError", &grantry_jose::certificate_thumbprint(&jwk).unwrap_err());
        to.print("grantry_jose::KeyError", &SigningKey::from_jwk(jwk).unwrap_err());
    }
    to.print("grantry_jose::KeyError", &HmacKey::new(CANARY).unwrap_err());
}

/// Prints what it is to keep.
#[derive(Debug)]
struct Printer(Printed);

#[async_trait]
impl Keeper for Printer {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        self.0.print("grantry_endpoint::Kept", &kept);
        Ok(())
    }
}

pub(super) async fn endpoint(to: &Printed) {
    let active =
        format!(r#"{{"active":true,"sub":"{CANARY}","username":"{CANARY}","client_id":"{CANARY}"}}"#);
    let raw =
        RawServer::start_sequence([RawAnswer::json(rows::good()), RawAnswer::json(active)]).await.unwrap();
    let facts = AuthorizationServer::builder(raw.url("/token"))
        .revocation_endpoint(raw.url("/revoke"))
        .introspection_endpoint(raw.url("/introspect"));
    let authentication = ClientAuthentication::secret_basic(client_secret()).or_secret(CANARY);
    to.print("grantry_endpoint::ClientAuthentication", &authentication);
    let client = Client::new("client", authentication).unwrap();
    to.print("grantry_endpoint::Client", &client);
    let root = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
    let transport = HttpTransport::builder()
        .proxy(format!("http://user:{CANARY}@127.0.0.1:1"))
        .add_root_certificate(root);
    to.print("grantry_endpoint::HttpTransportBuilder", &transport);
    let transport = Arc::new(transport.build().unwrap());
    to.print("grantry_endpoint::HttpTransport", &*transport);
    let builder = TokenEndpoint::builder(facts.build().unwrap(), client, transport.clone());
    to.print("grantry_endpoint::TokenEndpointBuilder", &builder);
    let endpoint = builder.build().unwrap();
    to.print("grantry_endpoint::TokenEndpoint", &endpoint);
    let request =
        TokenRequest::new("password").parameter("password", CANARY).keeping_refresh_token(CANARY.into());
    to.print("grantry_endpoint::TokenRequest", &request);
    let grant = RefreshTokenGrant::builder(endpoint.clone(), CANARY.into(), Arc::new(Printer(to.clone())));
    to.print("grantry_endpoint::RefreshTokenGrantBuilder", &grant);
    let grant = grant.build().unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    to.print("grantry_endpoint::RefreshTokenGrant", &grant);
    to.print("grantry_endpoint::KeepError", &KeepError::new("the disk is full"));
    to.print("grantry_endpoint::RevocationEndpoint", &RevocationEndpoint::of(&endpoint).unwrap());
    let introspection = IntrospectionEndpoint::of(&endpoint).unwrap();
    to.print("grantry_endpoint::IntrospectionEndpoint", &introspection);
    let active = introspection.introspect(&AccessToken::new(CANARY)).await.unwrap().unwrap();
    to.print("grantry_endpoint::ActiveToken", &active);

    // A server's metadata names its own origin, which is known only when it has started.
    let issuer = "http://127.0.0.1:1";
    let discovery = Discovery::new(issuer, Arc::new(Metadata(issuer))).unwrap();
    to.print("grantry_endpoint::Discovery", &discovery);
    to.print("grantry_endpoint::Discovered", &discovery.discover().await.unwrap());
    let named = format!(r#"Bearer resource_metadata="{issuer}/m?x={CANARY}""#);
    let discovery = ResourceDiscovery::new(issuer, Arc::new(Metadata(issuer))).unwrap();
    let discovery = discovery.challenged(Challenges::parse([named]).iter().next().unwrap());
    to.print("grantry_endpoint::ResourceDiscovery", &discovery);
    to.print("grantry_endpoint::DiscoveredResource", &discovery.discover().await.unwrap());

    let mut secret = HeaderValue::from_static(CANARY);
    secret.set_sensitive(true);
    let url = format!("https://as.example.com/?x={CANARY}").parse().unwrap();
    let request = Request::new(Method::POST, url)
        .with_header(AUTHORIZATION, secret)
        .with_body(CANARY.as_bytes().to_vec().into());
    to.print("grantry_endpoint::Request", &request);
    let answer = || {
        let headers = HeaderMap::from_iter([(LOCATION, HeaderValue::from_static(CANARY))]);
        Answer::new(StatusCode::OK).with_headers(headers).with_body(CANARY)
    };
    to.print("grantry_endpoint::Answer", &answer());
    let failure = TransportFailure::unknown(TransportCause::Truncated).with_partial(answer());
    to.print("grantry_endpoint::TransportFailure", &failure);
    to.print("grantry_endpoint::TransportCause", &failure.cause());
    to.print("grantry_endpoint::AddressClass", &AddressClass::Public);

    let builder = ClientCredentials::builder(endpoint).parameter("api_key", CANARY).scope("a");
    to.print("grantry_client_credentials::ClientCredentialsBuilder", &builder);
    to.print("grantry_client_credentials::ClientCredentials", &builder.build().unwrap());
}

/// Answers every request with the metadata of this issuer, and more.
#[derive(Debug)]
struct Metadata(&'static str);

#[async_trait]
impl grantry_endpoint::Transport for Metadata {
    async fn send(&self, _request: Request) -> Result<Answer, TransportFailure> {
        let issuer = self.0;
        let document = format!(
            r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/token","resource":"{issuer}","authorization_servers":["{issuer}/{CANARY}"],
            "scopes_supported":["{CANARY}"],"x":"{CANARY}"}}"#
        );
        Ok(Answer::new(StatusCode::OK).with_body(document))
    }
}
