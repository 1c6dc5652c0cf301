//! What is shown of records without their secrets.

use std::collections::BTreeMap;
use std::fmt;

use grantry_core::{
    AccessToken, ClientId, FurtherParameters, GrantKey, Scope, ServiceName, StoreTime, Target, Timestamp,
};

use crate::records::{ClientRecord, GrantRecord, GrantState, StoredAccessToken};

/// A client registration without its secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientView {
    /// The service that it is registered for.
    pub service: ServiceName,
    /// The client identifier.
    pub client_id: ClientId,
    /// Since when each of its secrets is kept, in the order in which they are tried.
    pub secrets_added: Vec<Timestamp>,
    /// Whether it has a private key.
    pub has_private_key: bool,
    /// Facts that are no secrets.
    pub attributes: BTreeMap<String, String>,
}

impl ClientView {
    pub(super) fn of(service: ServiceName, client: &ClientRecord) -> Self {
        Self {
            service,
            client_id: client.client_id().clone(),
            secrets_added: client.secrets().iter().map(|stored| stored.added).collect(),
            has_private_key: client.private_key().is_some(),
            attributes: client.attributes().clone(),
        }
    }
}

/// A grant without its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GrantView {
    /// Whose it is.
    pub key: GrantKey,
    /// What may be done with it.
    pub state: GrantState,
    /// When the person consented.
    pub consented: Timestamp,
    /// When the refresh token changed last.
    pub rotated: Timestamp,
    /// Whether it can be renewed without a person.
    pub has_refresh_token: bool,
    /// How many other refresh tokens it has that may be alive.
    pub other_refresh_tokens: usize,
    /// What its access tokens are for, and when each expires on the store's clock.
    pub access_tokens: Vec<(Target, Option<StoreTime>)>,
    /// What the server said beside its tokens, as far as its facts say to keep it. Nobody has checked it.
    pub further: FurtherParameters,
    renewal: Renewal,
}

/// The bytes of whoever renews a grant.
#[derive(Clone, PartialEq, Eq)]
struct Renewal(Vec<u8>);

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.0.len())
    }
}

impl GrantView {
    pub(super) fn of(key: GrantKey, grant: &GrantRecord) -> Self {
        let access_tokens = grant.access_tokens().iter().map(|kept| (kept.target.clone(), kept.expires));
        Self {
            key,
            state: grant.state(),
            consented: grant.consented(),
            rotated: grant.rotated(),
            has_refresh_token: grant.refresh_token().is_some(),
            other_refresh_tokens: grant.alternates().len(),
            access_tokens: access_tokens.collect(),
            further: grant.further().clone(),
            renewal: Renewal(grant.renewal().to_vec()),
        }
    }

    /// The state of its renewal, in the bytes of whoever renews it: fingerprints and times, and no token.
    pub fn renewal(&self) -> &[u8] {
        &self.renewal.0
    }
}

/// An access token that was kept, for whoever may use it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AccessTokenView {
    /// The token.
    pub token: AccessToken,
    /// What was granted.
    pub granted: Scope,
    /// When its request was sent, on the store's clock.
    pub obtained: StoreTime,
    /// When it expires, on the store's clock; `None` if the server did not say.
    pub expires: Option<StoreTime>,
}

impl AccessTokenView {
    pub(super) fn of(kept: &StoredAccessToken) -> Self {
        Self {
            token: kept.token.clone(),
            granted: kept.granted.clone(),
            obtained: kept.obtained,
            expires: kept.expires,
        }
    }
}
