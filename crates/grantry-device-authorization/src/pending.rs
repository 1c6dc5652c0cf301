//! A device authorization that waits for the person.

use std::fmt;
use std::future::pending as never;
use std::time::Duration;

use grantry_core::{Attempt, Failure, GrantKey, Instant, RefreshToken, Scope};
use grantry_endpoint::{DeviceCodes, DpopKey, Redeemed, TokenEndpoint, TokenRequest, VerificationUri};

use crate::polling::Pace;
use crate::{DeviceAuthorization, DeviceGranted, DeviceUnfinished, Waiting};

/// The grant type's registered name (RFC 8628 section 3.4).
const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A device authorization that was begun: what to show the person, and what to wait with.
///
/// `Debug` shows neither of its codes: with the device code anybody gets the tokens, and with the user code a stranger
/// could approve in the person's place.
#[must_use]
pub struct PendingDevice {
    pub(crate) endpoint: TokenEndpoint,
    codes: DeviceCodes,
    requested: Scope,
    resources: Vec<String>,
    key: Option<GrantKey>,
    dpop_key: Option<DpopKey>,
    pub(crate) pace: Pace,
    /// Whether an answer was lost that may have held the tokens.
    pub(crate) lost: bool,
    pub(crate) salvaged: Option<RefreshToken>,
}

impl PendingDevice {
    pub(crate) fn new(flow: &DeviceAuthorization, codes: DeviceCodes, dpop_key: Option<DpopKey>) -> Self {
        let pace = Pace::new(codes.interval(), flow.endpoint.clock().now());
        Self {
            endpoint: flow.endpoint.clone(),
            codes,
            requested: flow.target.scope.clone(),
            resources: flow.target.resources.clone(),
            key: flow.key.clone(),
            dpop_key,
            pace,
            lost: false,
            salvaged: None,
        }
    }

    /// What the person types: letters and digits of any script, spaces, and marks that quote and escape nothing, at
    /// most 64 characters. **Escape it** as any text where it goes into a page, and keep it out of logs.
    pub fn user_code(&self) -> &str {
        self.codes.user_code()
    }

    /// Where the person types it.
    pub fn verification_uri(&self) -> &VerificationUri {
        self.codes.verification_uri()
    }

    /// The same with the user code in it, for a QR code, where the server has one that is usable. Show the user code
    /// nevertheless, so that the person can compare it (RFC 8628 section 3.3.1).
    pub fn verification_uri_complete(&self) -> Option<&VerificationUri> {
        self.codes.verification_uri_complete()
    }

    /// How long the codes were good for when they were issued: from 1 s to 24 h.
    pub fn expires_in(&self) -> Duration {
        self.codes.lifetime()
    }

    /// When the codes expire, on the endpoint's boot clock.
    pub fn expires(&self) -> Instant {
        self.codes.expires()
    }

    /// How long it waits between two polls at least: as the server says, 5 s if it says nothing, and 5 s more for
    /// each `slow_down`.
    pub fn interval(&self) -> Duration {
        self.pace.interval()
    }

    /// Waits for the person, and polls meanwhile. The first poll leaves one interval after the codes came.
    ///
    /// **Cancel-safety**: dropping the future ends the polling, and the authorization with it. Where a poll was under
    /// way whose answer held the tokens, they are lost, and stay at the server until they expire; the person has to
    /// approve again. Await it to its end, or begin again.
    ///
    /// # Errors
    /// [`DeviceUnfinished`] says whether the person declined, took too long, or something else happened; and holds
    /// the authorization where it may be gone on with.
    pub async fn finish(self) -> Result<DeviceGranted, DeviceUnfinished> {
        self.finish_telling(|_| {}).await
    }

    /// The same, and tells before each wait what is waited for. `tell` must not block.
    ///
    /// # Errors
    /// As [`finish`](Self::finish).
    pub async fn finish_telling(
        self,
        tell: impl FnMut(Waiting) + Send,
    ) -> Result<DeviceGranted, DeviceUnfinished> {
        self.finish_unless(tell, never()).await
    }

    /// The same, until `given_up` is ready: the end that loses nothing. It is looked at between two polls, so the answer
    /// of one that is under way is used.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); [`Closed`](grantry_core::ErrorKind::Closed) where it was given up, with the
    /// authorization.
    pub async fn finish_unless(
        self,
        tell: impl FnMut(Waiting) + Send,
        given_up: impl Future<Output = ()> + Send,
    ) -> Result<DeviceGranted, DeviceUnfinished> {
        self.poll_until_over(tell, given_up).await
    }

    /// Asks once whether the person has approved.
    pub(crate) async fn poll(&self) -> Result<Redeemed, Failure> {
        let mut request = TokenRequest::new(GRANT_TYPE)
            .parameter("device_code", self.codes.expose_device_code())
            .assumed_scope(self.requested.clone());
        for resource in &self.resources {
            request = request.resource(resource);
        }
        if let Some(key) = &self.dpop_key {
            request = request.dpop_key(key.clone());
        }
        if let Some(key) = &self.key {
            request = request.key(key.clone());
        }
        self.endpoint.redeem(request, Attempt::first().send_before(self.expires())).await
    }

    pub(crate) fn granted(self, redeemed: Redeemed) -> DeviceGranted {
        DeviceGranted {
            token_set: redeemed.token_set,
            requested: self.requested,
            id_token: redeemed.id_token,
            further: redeemed.further,
        }
    }
}

impl fmt::Debug for PendingDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingDevice")
            .field("endpoint", &self.endpoint)
            .field("codes", &self.codes)
            .field("requested", &self.requested)
            .field("pace", &self.pace)
            .finish_non_exhaustive()
    }
}
