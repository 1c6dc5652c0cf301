//! The revocation endpoint (RFC 7009).

use std::fmt;
use std::sync::Arc;

use grantry_core::{AccessToken, AuthorizationServer, Error, RefreshToken, Stage, shown_url};
use url::Url;

use crate::channel::Channel;
use crate::form::Form;
use crate::{TokenEndpoint, answer, failure};

/// Revokes tokens at the server that issued them.
///
/// A success says that the token is not valid any more, which it may not have been before either. Whoever
/// disconnects an account deletes what is stored whatever the server says.
#[derive(Clone)]
pub struct RevocationEndpoint {
    channel: Arc<Channel>,
    url: Url,
}

impl fmt::Debug for RevocationEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationEndpoint")
            .field("url", &shown_url(&self.url).as_str())
            .finish_non_exhaustive()
    }
}

impl RevocationEndpoint {
    /// The revocation endpoint of the same server, for the same client.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) where the server is not known to have one.
    pub fn of(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let url = endpoint.server().revocation_endpoint().cloned().ok_or_else(|| {
            Error::configuration("the authorization server has no revocation endpoint: name its URL")
        })?;
        Ok(Self { channel: Arc::clone(endpoint.channel()), url })
    }

    /// The facts about the server.
    pub fn server(&self) -> &AuthorizationServer {
        &self.channel.server
    }

    /// Revokes a refresh token, and with most servers the access tokens that came of it (RFC 7009 section 2.1).
    /// After dropping the future the token may be revoked or not; asking again is safe.
    ///
    /// # Errors
    /// The token may still be valid; the error's diagnosis says whether to try again (503 says that it is).
    pub async fn revoke_refresh_token(&self, token: &RefreshToken) -> Result<(), Error> {
        self.revoke(token.expose(), "refresh_token").await
    }

    /// Revokes an access token (RFC 7009 section 2.1); dropping the future is as with a refresh token.
    ///
    /// # Errors
    /// As [`revoke_refresh_token`](Self::revoke_refresh_token).
    pub async fn revoke_access_token(&self, token: &AccessToken) -> Result<(), Error> {
        self.revoke(token.expose(), "access_token").await
    }

    async fn revoke(&self, token: &str, hint: &str) -> Result<(), Error> {
        let mut form = Form::default();
        form.add("token", token);
        form.add("token_type_hint", hint);
        let exchange = self.channel.post(Stage::Revoke, &self.url, form).await?;
        self.channel.tell(Channel::news(&exchange, &self.url));
        match &exchange.result {
            // The body means nothing (RFC 7009 section 2.2).
            Ok(answer) if answer.status().is_success() => {
                self.channel.accepted(&exchange);
                Ok(())
            }
            Ok(answer) => {
                let refusal = answer::refusal(answer, &self.channel.server);
                Err(self.channel.refusal(&refusal, answer, &exchange, Stage::Revoke, &[token]))
            }
            Err(failed) => {
                Err(self.channel.with_wait(failure::error(failed, Stage::Revoke), failed.partial()))
            }
        }
    }
}
