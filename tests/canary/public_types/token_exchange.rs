//! Samples of the token exchange and of the grant with an assertion, which both spend the canary.

use std::sync::Arc;

use grantry_core::{Attempt, Grant, Timestamp};
use grantry_jose::SigningKey;
use grantry_token_exchange::{
    Assertion, Assertions, FromSource, JwtBearer, SignedAssertions, SubjectToken, TokenExchange, TokenType,
};

use super::Printed;
use super::samples::token_set;
use super::services::Fixed;
use super::token_endpoint::{answering, refusal, tokens};
use crate::secrets::{CANARY, private_key};

/// Gives the canary for an assertion, and is silent of it.
#[derive(Debug)]
struct Given;

#[async_trait::async_trait]
impl Assertions for Given {
    async fn assertion(&self, _server_time: Timestamp) -> Result<Assertion, grantry_core::Error> {
        Ok(Assertion::new(CANARY))
    }
}

pub(super) async fn token_exchange(to: &Printed) {
    let subject = SubjectToken::new(CANARY);
    to.print("grantry_token_exchange::SubjectToken", &subject);
    let source = FromSource::new(Arc::new(Fixed(token_set().token().clone())));
    to.print("grantry_token_exchange::FromSource", &source);
    to.print("grantry_token_exchange::TokenType", &TokenType::ACCESS_TOKEN);
    let builder = TokenExchange::builder(
        answering([tokens(), refusal("invalid_request"), tokens()]),
        subject,
        TokenType::ACCESS_TOKEN,
    )
    .actor(source, TokenType::JWT)
    .scope("a")
    .parameter("api_key", CANARY);
    to.print("grantry_token_exchange::TokenExchangeBuilder", &builder);
    let exchange = builder.clone().build().unwrap();
    to.print("grantry_token_exchange::TokenExchange", &exchange);
    to.shown.debug(&exchange.exchange(Attempt::first()).await.unwrap());
    to.shown.failure(&exchange.exchange(Attempt::first()).await.unwrap_err());
    let issue = builder.requested_token_type(TokenType::SAML2).build_issue().unwrap();
    to.print("grantry_token_exchange::TokenIssue", &issue);
    to.shown.debug(&issue.issue().await.unwrap());

    let endpoint = answering([tokens(), refusal("invalid_grant")]);
    let signer = SigningKey::from_ed25519_seed(&private_key()).unwrap();
    let signed = SignedAssertions::builder(&endpoint, signer, "issuer", "subject").claim("pin", CANARY);
    to.print("grantry_token_exchange::SignedAssertionsBuilder", &signed);
    let signed = signed.build().unwrap();
    to.print("grantry_token_exchange::SignedAssertions", &signed);
    to.print("grantry_token_exchange::Assertion", &signed.assertion(endpoint.server_time()).await.unwrap());
    to.print("grantry_token_exchange::Assertion", &Assertion::new(CANARY));
    let builder = JwtBearer::builder(endpoint, Given).scope("a").parameter("api_key", CANARY);
    to.print("grantry_token_exchange::JwtBearerBuilder", &builder);
    let bearer = builder.build().unwrap();
    to.print("grantry_token_exchange::JwtBearer", &bearer);
    to.shown.debug(&bearer.obtain(Attempt::first()).await.unwrap());
    to.shown.failure(&bearer.obtain(Attempt::first()).await.unwrap_err());
}
