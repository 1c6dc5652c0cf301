//! An authorization that was begun and not finished.

mod bytes;

use std::fmt;
use std::time::Duration;

use grantry_core::{ClientId, Instant, Scope, Timestamp};
use grantry_endpoint::DpopKey;

use crate::pending_key::PendingKey;
use crate::pkce::Verifier;
use crate::random::Random;
use crate::user_agent::UserAgentHash;
use crate::{AuthorizationCode, Callback, Granted, Unfinished, UserAgentBinding, response};

/// An authorization between [`begin`](AuthorizationCode::begin) and its response: what the response has to be, and
/// what proves to the token endpoint that the code is ours.
///
/// It is finished once, and gone:
///
/// ```compile_fail,E0382
/// # use grantry_authorization_code::*;
/// # async fn example(
/// #     flow: &AuthorizationCode,
/// #     pending: PendingAuthorization,
/// #     user_agent: &UserAgentBinding,
/// #     callback: &Callback,
/// # ) {
/// let granted = pending.finish(flow, user_agent, callback).await;
/// let once_more = pending.finish(flow, user_agent, callback).await;
/// # }
/// ```
///
/// Keep it in memory where the process that began finishes as well, or write it down with
/// [`to_bytes`](Self::to_bytes).
pub struct PendingAuthorization {
    pub(crate) state: Random,
    /// None where PKCE was left out.
    pub(crate) verifier: Option<Verifier>,
    pub(crate) nonce: Option<Random>,
    /// What the tokens will be bound to (RFC 9449), if they will be.
    pub(crate) dpop_key: Option<DpopKey>,
    pub(crate) user_agent: UserAgentHash,
    /// The server that was asked, and the only one that may answer (RFC 9700 section 4.4.2).
    pub(crate) issuer: Option<String>,
    pub(crate) token_endpoint: String,
    pub(crate) client: ClientId,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Scope,
    pub(crate) resources: Vec<String>,
    /// How long ago the person may have logged in.
    pub(crate) max_age: Option<Duration>,
    /// On the boot clock of this process.
    pub(crate) expires: Instant,
    /// The same on the wall clock, which other replicas have as well.
    pub(crate) expires_wall: Timestamp,
    /// The most that may be left of it.
    pub(crate) lifetime: Duration,
}

impl PendingAuthorization {
    /// Checks the response and redeems its code, in one token request at most; then the ID token, where one was asked for.
    ///
    /// Checked in this order: that it was begun by such a flow (server, client and redirect URI) and has not
    /// expired, the user agent, the state, the issuer (RFC 9207), and only then what the response says. Where an ID token was asked for, the server's keys are
    /// fetched before the code is posted, if they are not at hand; what comes is handed out if the ID token is right, and
    /// revoked otherwise. **Cancel-safety**:
    /// dropping the future may lose a code that the server has seen, and the tokens for it; run it to the end.
    ///
    /// # Errors
    /// [`Unfinished`] gives this back where nothing was spent: the response is another's, or the request for the
    /// tokens was, provably, never sent. Otherwise the person has to begin again, which its error says.
    pub async fn finish(
        self,
        flow: &AuthorizationCode,
        user_agent: &UserAgentBinding,
        callback: &Callback,
    ) -> Result<Granted, Unfinished> {
        let code = match response::check(&self, flow, user_agent, callback) {
            Ok(code) => code,
            Err(refused) => return Err(refused.of(self)),
        };
        flow.redeem(self, code).await
    }

    /// The issuer that was asked, where the server's facts name one.
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The scope that was asked for.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// When it can be finished no more, on the boot clock.
    pub fn expires(&self) -> Instant {
        self.expires
    }

    /// Under which name a store keeps it.
    pub fn key(&self) -> PendingKey {
        PendingKey::of(&self.state.text(), &self.user_agent)
    }
}

impl fmt::Debug for PendingAuthorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingAuthorization")
            .field("issuer", &self.issuer)
            .field("client", &self.client)
            .field("scope", &self.scope)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}
