//! A request on its way to be sent with a token.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Body, Request, RequestBuilder, Response, Version};

use crate::{AuthorizedClient, Error};

/// Builds a request that will carry a token: reqwest's builder without its own ways to authenticate.
#[must_use = "nothing is sent before `send`"]
pub struct AuthorizedRequestBuilder {
    client: AuthorizedClient,
    request: RequestBuilder,
}

impl AuthorizedRequestBuilder {
    pub(crate) fn new(client: AuthorizedClient, request: RequestBuilder) -> Self {
        Self { client, request }
    }

    fn map(self, change: impl FnOnce(RequestBuilder) -> RequestBuilder) -> Self {
        Self { client: self.client, request: change(self.request) }
    }

    /// Adds a header. `Authorization` is not the caller's: with it, `send` fails.
    pub fn header<K, V>(self, name: K, value: V) -> Self
    where
        HeaderName: TryFrom<K>,
        <HeaderName as TryFrom<K>>::Error: Into<http::Error>,
        HeaderValue: TryFrom<V>,
        <HeaderValue as TryFrom<V>>::Error: Into<http::Error>,
    {
        self.map(|request| request.header(name, value))
    }

    /// Sets headers, in the place of those of the same names.
    pub fn headers(self, headers: HeaderMap) -> Self {
        self.map(|request| request.headers(headers))
    }

    /// Sets the body. A streamed body cannot be sent again: after a 401 the caller gets the 401, and the next
    /// request another token.
    pub fn body(self, body: impl Into<Body>) -> Self {
        self.map(|request| request.body(body))
    }

    /// Adds to the query of the URL. A secret has no place there.
    #[cfg(feature = "query")]
    pub fn query<T: serde::Serialize + ?Sized>(self, query: &T) -> Self {
        self.map(|request| request.query(query))
    }

    /// Sets the body to a form.
    #[cfg(feature = "form")]
    pub fn form<T: serde::Serialize + ?Sized>(self, form: &T) -> Self {
        self.map(|request| request.form(form))
    }

    /// Sets the body to JSON.
    #[cfg(feature = "json")]
    pub fn json<T: serde::Serialize + ?Sized>(self, json: &T) -> Self {
        self.map(|request| request.json(json))
    }

    /// Sets the body to a multipart form.
    #[cfg(feature = "multipart")]
    pub fn multipart(self, form: reqwest::multipart::Form) -> Self {
        self.map(|request| request.multipart(form))
    }

    /// Sets the timeout of each send. Waiting for a token is bounded by the source's policy instead.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|request| request.timeout(timeout))
    }

    /// Sets the HTTP version.
    pub fn version(self, version: Version) -> Self {
        self.map(|request| request.version(version))
    }

    /// A copy, unless the body is streamed.
    pub fn try_clone(&self) -> Option<Self> {
        Some(Self { client: self.client.clone(), request: self.request.try_clone()? })
    }

    /// The request as it stands, without a token; [`AuthorizedClient::execute`] sends it with one.
    ///
    /// # Errors
    /// [`Error::Request`] where the URL, a header or the body is not usable.
    pub fn build(self) -> Result<Request, Error> {
        Ok(self.request.build()?)
    }

    /// Sends the request with a token.
    ///
    /// # Errors
    /// [`Error::Token`] of kind
    ///
    /// * `OriginNotAllowed` where the URL or a `Host` header leads elsewhere, and `Configuration` where the
    ///   request has an `Authorization` header or the token is bound to a client certificate: nothing was sent;
    /// * `InsufficientScope` after a 403 (or 401) that says so, with the scope that is needed, and
    ///   `InsufficientAuthentication` where the person has to log in anew; both carry the
    ///   [`challenge`](grantry_core::Error::challenge), of which `StepUps` of the authorization code flow makes a request;
    /// * `TokenRejected` where the token stays refused after a renewal, or the renewal brings the same token;
    /// * any kind that [`TokenSource::token`](grantry_core::TokenSource::token) gives.
    ///
    /// [`Error::Request`] where the request failed. Other statuses are no errors, as with reqwest.
    pub async fn send(self) -> Result<Response, Error> {
        let request = self.request.build()?;
        self.client.execute(request).await
    }
}

impl fmt::Debug for AuthorizedRequestBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The request's own `Debug` shows the query of its URL.
        f.debug_struct("AuthorizedRequestBuilder").field("client", &self.client).finish_non_exhaustive()
    }
}
