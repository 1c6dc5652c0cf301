//! Samples of sources, wrappers, presets and the testkit.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantry_core::{
    AccessToken, Attempt, Clock, Error, ErrorKind, Failure, Grant, GrantKey, Instant, Scope, Stage,
    SystemClock, Token, TokenSet, TokenSource,
};
use grantry_refresh::{
    Condition, Directory, Failed, Fallback, Held, ManagedSource, Profile, RefreshPolicy, Scheduler, Verdict,
};
use grantry_reqwest::{AuthorizeMiddleware, AuthorizedClient};
use grantry_testkit::{
    AnswerStyle, Decision, DeviceDecision, Endpoint, ExpiresIn, Fault, Form, IdTokenSignature, IdTokenStyle,
    ManualClock, Moment, Nonces, ProofPolicy, ProtectedResource, RawAnswer, RawServer, ReceivedRequest,
    RegisteredClient, ResponseIssuer, ResponseState, ScopeForm, ScopePolicy, SeededEntropy, SeededGrant,
    TestServer, TestSource,
};
use grantry_tower::{AuthorizeLayer, ClonedBodies, EmptyBodies, NoBodies};
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioExecutor;
use tower::Service;
use tower_layer::Layer;

use super::Printed;
use super::samples::token_set;
use crate::secrets::{CANARY, client_secret};

/// Gives the same token set always; where it fails, it salvages a refresh token.
#[derive(Debug)]
struct Given {
    fails: bool,
}

#[async_trait]
impl Grant for Given {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        if self.fails {
            let error =
                Error::new(ErrorKind::InvalidGrant, Stage::Token, "the server refused the credential");
            return Err(Failure::refused(error).with_salvaged(Some(CANARY.into())));
        }
        Ok(token_set())
    }
}

/// Holds one token.
#[derive(Debug, Clone)]
pub(super) struct Fixed(pub(super) Token);

#[async_trait]
impl TokenSource for Fixed {
    fn ready(&self) -> Option<Token> {
        Some(self.0.clone())
    }

    async fn token(&self) -> Result<Token, Error> {
        Ok(self.0.clone())
    }

    fn reject(&self, _refused: &Token) {}
}

pub(super) async fn sources(to: &Printed) {
    let (set, now) = (token_set(), SystemClock::new().now());
    let error = Error::new(ErrorKind::Refused, Stage::Token, "the server refused the request");
    let builder = RefreshPolicy::builder().fallback(Fallback::Fail).max_retries(0);
    to.print("grantry_refresh::RefreshPolicyBuilder", &builder);
    let policy = builder.build().unwrap();
    to.print("grantry_refresh::RefreshPolicy", &policy);
    to.print("grantry_refresh::Fallback", &policy.fallback());
    let held = Held::new(set.token(), Instant::MAX);
    to.print("grantry_refresh::Held", &held);
    to.print("grantry_refresh::Failed", &Failed::retrying(&error, now));
    let verdict: Verdict = policy.decide(Some(held), None, now);
    to.print("grantry_refresh::Verdict", &verdict);
    to.print("grantry_refresh::RenewalWindow", &policy.renewal_window(&set).unwrap());
    to.print("grantry_refresh::SchedulerBuilder", &Scheduler::builder());
    let scheduler = Scheduler::new();
    let profile = Profile::builder("https://as.example.com/token", "client", &scheduler).policy(policy);
    to.print("grantry_refresh::ProfileBuilder", &profile);
    let (profile, directory) = (profile.build(), Directory::new());
    for fails in [false, true] {
        let key = GrantKey::new("acme", "crm", fails.to_string()).unwrap();
        let source = ManagedSource::new(key, Arc::new(Given { fails }), &profile);
        assert_eq!(source.token().await.is_err(), fails);
        to.print("grantry_refresh::ManagedSource", &*source);
        to.print("grantry_refresh::Health", &source.health());
        let condition: Condition = source.health().condition;
        to.print("grantry_refresh::Condition", &condition);
        directory.insert(source);
    }
    to.print("grantry_refresh::Directory", &directory);
    to.print("grantry_refresh::Profile", &*profile);
    to.print("grantry_refresh::Scheduler", &scheduler);
    scheduler.shutdown().await;
}

pub(super) fn wrappers(to: &Printed) {
    let (source, origins) = (Fixed(token_set().token().clone()), ["https://api.example.com"]);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = AuthorizedClient::new(reqwest::Client::new(), source.clone(), origins).unwrap();
    to.print("grantry_reqwest::AuthorizedClient", &client);
    let request =
        client.post(format!("https://api.example.com/?x={CANARY}")).body(CANARY).header("x-api-key", CANARY);
    to.print("grantry_reqwest::AuthorizedRequestBuilder", &request);
    to.print(
        "grantry_reqwest::AuthorizeMiddleware",
        &AuthorizeMiddleware::new(source.clone(), origins).unwrap(),
    );
    let unfit = reqwest::Client::new().get("no URL").build().unwrap_err();
    let unfit = unfit.with_url(format!("https://user:{CANARY}@api.example.com/?x={CANARY}").parse().unwrap());
    to.print("grantry_reqwest::Error", &grantry_reqwest::Error::from(unfit));

    let layer = AuthorizeLayer::new(source, origins).unwrap().replaying(ClonedBodies);
    to.print("grantry_tower::AuthorizeLayer", &layer);
    let inner: HyperClient<_, Full<Bytes>> = HyperClient::builder(TokioExecutor::new()).build_http();
    let mut service = layer.layer(inner);
    to.print("grantry_tower::Authorize", &service);
    let request = Request::get(format!("https://elsewhere.example.com/?x={CANARY}"));
    to.print("grantry_tower::AuthorizeFuture", &service.call(request.body(Full::from(CANARY)).unwrap()));
    let error = Error::configuration("change it");
    to.print("grantry_tower::Error", &grantry_tower::Error::from(error));
    to.print("grantry_tower::EmptyBodies", &EmptyBodies);
    to.print("grantry_tower::ClonedBodies", &ClonedBodies);
    to.print("grantry_tower::NoBodies", &NoBodies);

    to.print("grantry_providers::Preset", &grantry_providers::OKTA);
    to.print("grantry_providers::Template", &grantry_providers::OKTA.token_endpoint);
    to.print("grantry_providers::Parameter", &grantry_providers::OKTA.parameters[0]);
    to.print("grantry_providers::Form", &grantry_providers::OKTA.parameters[0].form);
    to.print("grantry_providers::DefaultFlow", &grantry_providers::OKTA.default_flow);
    let chosen = grantry_providers::OKTA.flow_for(&[CANARY], true);
    to.print("grantry_providers::ChosenFlow", &chosen);
    to.print("grantry_providers::Flow", &chosen.flow);
}

pub(super) async fn testkit(to: &Printed) {
    let client = RegisteredClient::with_secret("crm", client_secret()).or_secret(CANARY);
    to.print("grantry_testkit::TestSource", &*TestSource::bearer());
    to.print("grantry_testkit::RegisteredClient", &client);
    let builder = TestServer::builder().client(client);
    to.print("grantry_testkit::TestServerBuilder", &builder);
    let server = builder.start().await.unwrap();
    let resource = ProtectedResource::start(&server).await.unwrap();
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    headers.insert(AUTHORIZATION, HeaderValue::from_static(CANARY));
    let body = format!("grant_type=x&client_secret={CANARY}&refresh_token={CANARY}&token={CANARY}");
    let url = format!("https://as.test/token?x={CANARY}").parse().unwrap();
    let received = ReceivedRequest::new(Method::POST, url, headers, body.clone());
    to.print("grantry_testkit::ReceivedRequest", &received);
    to.print("grantry_testkit::Form", &Form::parse(body.as_bytes()));
    let raw = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = raw.post(server.token_endpoint()).header("content-type", "application/x-www-form-urlencoded");
    form.bearer_auth(CANARY).body(body).send().await.unwrap();
    raw.get(resource.url("/")).bearer_auth(CANARY).send().await.unwrap();
    to.print("grantry_testkit::TestServer", &server);
    to.print("grantry_testkit::ProtectedResource", &resource);
    let policy = ProofPolicy { required: true, nonces: Nonces::EachOnce, ignored: false };
    to.print("grantry_testkit::Nonces", &policy.nonces);
    to.print("grantry_testkit::ProofPolicy", &policy);
    to.print("grantry_testkit::Ledger", server.ledger());
    to.print("grantry_testkit::Ledger", resource.ledger());
    let entry = server.ledger().last(Endpoint::Token).unwrap();
    to.print("grantry_testkit::Entry", &entry);
    to.print("grantry_testkit::Outcome", &entry.outcome);
    to.print("grantry_testkit::Endpoint", &entry.endpoint);
    let late = server.ledger().wait_for(Endpoint::Token, 9, Duration::from_millis(1)).await.unwrap_err();
    to.print("grantry_testkit::NotInTime", &late);
    to.print("grantry_testkit::InMemoryTransport", &server.transport());
    let seeded = SeededGrant::new("crm", Scope::parse("a").unwrap());
    to.print("grantry_testkit::SeededGrant", &seeded);
    server.seed_grant(seeded);
    server.with_authority(|authority, moment: Moment| {
        to.print("grantry_testkit::Authority", authority);
        to.print("grantry_testkit::Moment", &moment);
        to.print("grantry_testkit::Settings", authority.settings_mut());
    });
    facts(to).await;

    let style = IdTokenStyle::default().claim("email", CANARY);
    to.print("grantry_testkit::IdTokenStyle", &style);
    to.print("grantry_testkit::IdTokenSignature", &IdTokenSignature::Right);
    to.print("grantry_testkit::AnswerStyle", &AnswerStyle::default());
    to.print("grantry_testkit::ExpiresIn", &ExpiresIn::Number);
    to.print("grantry_testkit::ScopeForm", &ScopeForm::Text);
    to.print("grantry_testkit::ScopePolicy", &ScopePolicy::AsAsked);
    let decision = Decision::Fail { code: "odd".to_owned(), description: CANARY.to_owned() };
    to.print("grantry_testkit::Decision", &decision);
    to.print("grantry_testkit::DeviceDecision", &DeviceDecision::Wait);
    to.print("grantry_testkit::ResponseState", &ResponseState::Other(CANARY.to_owned()));
    to.print("grantry_testkit::ResponseIssuer", &ResponseIssuer::Own);
    to.print("grantry_testkit::ManualClock", &ManualClock::new());
    to.print("grantry_testkit::SeededEntropy", &SeededEntropy::new(1));
    to.print("grantry_testkit::Fault", &Fault::status(400).with_body(CANARY));
    to.print(
        "grantry_testkit::Fault",
        &Fault::body(CANARY).header(AUTHORIZATION, HeaderValue::from_static(CANARY)),
    );
    let answer = RawAnswer::json(CANARY).slowly(8, Duration::ZERO);
    to.print("grantry_testkit::RawAnswer", &answer);
    let server = RawServer::start(answer).await.unwrap();
    raw.post(server.url("/")).bearer_auth(CANARY).body(CANARY).send().await.unwrap();
    to.print("grantry_testkit::RawServer", &server);
    to.print("grantry_testkit::RawExchange", &server.exchanges()[0]);
}

/// What the state machine knows of a token that it issued.
async fn facts(to: &Printed) {
    let client = RegisteredClient::with_secret("crm", client_secret());
    let mut authority = TestServer::builder().client(client).build_authority("https://as.test");
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, form)]);
    let body = format!("grant_type=client_credentials&client_id=crm&client_secret={}", client_secret());
    let request = ReceivedRequest::new(Method::POST, "https://as.test/token".parse().unwrap(), headers, body);
    let moment = Moment::read(&ManualClock::new());
    let answer = authority.answer(&request, moment);
    let answer: serde_json::Value = serde_json::from_slice(answer.expose_body()).unwrap();
    let issued = AccessToken::new(answer["access_token"].as_str().unwrap());
    to.print("grantry_testkit::AccessTokenFacts", &authority.check(&issued, moment).unwrap());
}
