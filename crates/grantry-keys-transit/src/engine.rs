//! Makes the engine's calls: with a token, once more where that is safe and may help, and never without a limit.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::SecretHeader;
use grantry_endpoint::{Answer, Request, Transport, TransportCause, TransportFailure};
use grantry_vault::KeyError;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, StatusCode};
use subtle::ConstantTimeEq;
use url::Url;
use zeroize::Zeroizing;

use crate::call::Call;
use crate::name::KeyName;
use crate::refusal::Refusal;
use crate::token::TransitToken;

const TOKEN: HeaderName = HeaderName::from_static("x-vault-token");
const NAMESPACE: HeaderName = HeaderName::from_static("x-vault-namespace");
/// Agents and proxies may insist on it: no browser can be made to send it.
const REQUEST: HeaderName = HeaderName::from_static("x-vault-request");

/// A key's engine on a server.
pub(crate) struct Engine {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) address: Url,
    pub(crate) name: KeyName,
    pub(crate) namespace: Option<HeaderValue>,
    pub(crate) token: TransitToken,
    pub(crate) time_limit: Duration,
}

impl Engine {
    /// Makes a call and returns the answer of a success.
    pub(crate) async fn call(&self, call: Call, body: Zeroizing<Vec<u8>>) -> Result<Answer, Refusal> {
        let token = self.token.read().await?;
        let mut answer = self.send(call, &body, &token).await?;
        if answer.status() == StatusCode::FORBIDDEN && self.token.may_change() {
            // The token may have been exchanged between reading and using it.
            let again = self.token.read().await?;
            if !bool::from(again.as_bytes().ct_eq(token.as_bytes())) {
                answer = self.send(call, &body, &again).await?;
            }
        }
        match answer.status().as_u16() {
            200 | 204 => Ok(answer),
            _ => Err(Refusal::of_answer(call, &self.name, &answer)),
        }
    }

    /// Ends what takes longer than the limit.
    pub(crate) async fn within_limit<T>(
        &self,
        work: impl Future<Output = Result<T, KeyError>> + Send,
    ) -> Result<T, KeyError> {
        tokio::time::timeout(self.time_limit, work).await.unwrap_or_else(|_| {
            Err(KeyError::unavailable(format!("the server did not answer within {:?}", self.time_limit)))
        })
    }

    async fn send(&self, call: Call, body: &Zeroizing<Vec<u8>>, token: &str) -> Result<Answer, KeyError> {
        let mut sent = self.transport.send(self.request(call, body, token)?).await;
        if sent.as_ref().is_err_and(|failure| may_send_again(call, failure)) {
            sent = self.transport.send(self.request(call, body, token)?).await;
        }
        sent.map_err(|failure| Refusal::of_failure(&failure))
    }

    fn request(&self, call: Call, body: &Zeroizing<Vec<u8>>, token: &str) -> Result<Request, KeyError> {
        let token = SecretHeader::new([token]).into_value().ok_or_else(|| {
            KeyError::configuration(format!("the token holds what no token can: {:?}", self.token))
        })?;
        let mut request = Request::new(call.method(), call.url(&self.address, &self.name))
            .with_header(TOKEN, token)
            .with_header(REQUEST, HeaderValue::from_static("true"))
            .with_header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(namespace) = &self.namespace {
            request = request.with_header(NAMESPACE, namespace.clone());
        }
        if call != Call::Read {
            request = request
                .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .with_body(body.clone());
        }
        Ok(request)
    }
}

/// A connection that was kept open and that the server has closed meanwhile shows only when it is used.
fn may_send_again(call: Call, failure: &TransportFailure) -> bool {
    call.may_repeat() && failure.cause() == TransportCause::Broken
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("host", &self.address.host_str())
            .field("name", &format_args!("{}", self.name))
            .field("namespace", &self.namespace)
            .field("token", &self.token)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}
