//! `azure_identity`: a client secret credential over a transport that goes to the loopback port.

use std::sync::Arc;

use ::azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use azure_core::credentials::{Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{AsyncRawResponse, Body, ClientOptions, HttpClient, Request, StatusCode, Transport};
use http::HeaderValue;

use crate::peer::{Failed, Lifetimes, Peer, bearer};
use crate::token_endpoint::TokenEndpoint;

/// The credential, which caches by scope.
pub(crate) struct AzureIdentity {
    credential: Arc<ClientSecretCredential>,
}

impl Peer for AzureIdentity {
    const NAME: &'static str = "azure_identity";
    const PATH: &'static str = "ClientSecretCredential::get_token, then the header from the token's text";
    const OBTAINS_ON_BUILD: bool = false;
    const LIFETIMES: Lifetimes = Lifetimes {
        renewal: 303,
        outage: 303,
        watched: 12,
        note: "fixed buffer of 300 s, hence tokens of 303 s; only the first seconds of the buffer are watched; the \
               pipeline's default retries apply",
    };

    async fn build(endpoint: &TokenEndpoint) -> Result<Self, Failed> {
        let client =
            reqwest::Client::builder().no_proxy().build().map_err(|error| Failed::from_error(&error))?;
        let loopback = Loopback { client, url: endpoint.url() };
        let options = ClientSecretCredentialOptions {
            client_options: ClientOptions {
                transport: Some(Transport::new(Arc::new(loopback))),
                ..ClientOptions::default()
            },
        };
        let credential =
            ClientSecretCredential::new("tenant", "bench".to_owned(), Secret::new("secret"), Some(options))
                .map_err(|error| Failed::from_error(&error))?;
        Ok(Self { credential })
    }

    async fn header(&self) -> Result<HeaderValue, Failed> {
        let token = self
            .credential
            .get_token(&["https://bench.example/.default"], None)
            .await
            .map_err(|error| Failed::from_error(&error))?;
        bearer(token.token.secret())
    }
}

/// Sends every request to the loopback port: the credential itself insists on an https authority.
#[derive(Debug)]
struct Loopback {
    client: reqwest::Client,
    url: String,
}

#[async_trait::async_trait]
impl HttpClient for Loopback {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let Body::Bytes(body) = request.body() else {
            return Err(azure_core::Error::with_message(
                ErrorKind::Other,
                "a token request has a body of bytes",
            ));
        };
        let unsent = |error| azure_core::Error::new(ErrorKind::Io, error);
        let answer = self
            .client
            .post(&self.url)
            .header(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body.clone())
            .send()
            .await
            .map_err(unsent)?;
        let status = StatusCode::from(answer.status().as_u16());
        let body = answer.bytes().await.map_err(unsent)?;
        Ok(AsyncRawResponse::from_bytes(status, Headers::new(), body))
    }
}
