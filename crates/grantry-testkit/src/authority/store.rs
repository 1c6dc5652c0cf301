//! The tokens and grants that the authorization server remembers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_core::{ClientId, Entropy, Instant, Scope, Timestamp};

use super::Moment;
use crate::{Form, SeededEntropy};

/// Expired access tokens are swept out whenever the table has grown to this, or to twice what was left.
const SWEEP_AT: usize = 4_096;

/// What a resource owner allowed a client (RFC 6749 section 1.3). All tokens that come of it are its family.
#[derive(Debug)]
pub(crate) struct StoredGrant {
    pub(crate) client: ClientId,
    pub(crate) subject: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) revoked: bool,
}

/// An access token as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct StoredAccessToken {
    pub(crate) client: ClientId,
    pub(crate) subject: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) expires: Instant,
    pub(crate) issued_wall: Timestamp,
    pub(crate) expires_wall: Timestamp,
    /// The grant it came of; none for client credentials.
    pub(crate) grant: Option<u64>,
}

/// A refresh token as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct StoredRefreshToken {
    pub(crate) grant: u64,
    /// When it was first used; none as long as it was not.
    pub(crate) first_used: Option<Instant>,
    /// What took its place, one for each use that brought another.
    pub(crate) successors: Vec<String>,
}

/// An authorization code as it was issued (RFC 6749 section 4.1.2).
#[derive(Debug, Clone)]
pub(crate) struct StoredCode {
    pub(crate) client: ClientId,
    pub(crate) subject: Arc<str>,
    pub(crate) scope: Scope,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) nonce: Option<String>,
    /// When the person logged in.
    pub(crate) authenticated: Timestamp,
    pub(crate) expires: Instant,
    /// What its first use brought.
    pub(crate) grant: Option<u64>,
}

/// An authorization request that was pushed (RFC 9126).
pub(crate) struct StoredRequest {
    pub(crate) client: ClientId,
    pub(crate) parameters: Form,
    pub(crate) expires: Instant,
}

/// The codes of a device authorization (RFC 8628 section 3.2), and what became of it.
pub(crate) struct StoredDevice {
    pub(crate) client: ClientId,
    pub(crate) scope: Scope,
    pub(crate) user_code: String,
    pub(crate) expires: Instant,
    /// How far apart polls have to be.
    pub(crate) interval: Duration,
    pub(crate) last_poll: Option<Instant>,
    /// What the person decided, if anybody has.
    pub(crate) approved: Option<bool>,
}

/// What a token answer tells.
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<String>,
    pub(crate) lifetime: Duration,
    pub(crate) scope: Scope,
}

/// Tokens and grants, by value and by number.
pub(crate) struct Store {
    entropy: SeededEntropy,
    pub(crate) access_tokens: HashMap<String, StoredAccessToken>,
    pub(crate) refresh_tokens: HashMap<String, StoredRefreshToken>,
    pub(crate) grants: BTreeMap<u64, StoredGrant>,
    /// Codes by value: those that were used stay, so that a second use is noticed.
    pub(crate) codes: HashMap<String, StoredCode>,
    /// Pushed requests by their reference.
    pub(crate) pushed: HashMap<String, StoredRequest>,
    /// Device authorizations by their device code.
    pub(crate) devices: HashMap<String, StoredDevice>,
    /// The thumbprints of the keys that codes, access tokens and refresh tokens are bound to.
    pub(crate) bound: HashMap<String, String>,
    issued: u64,
    sweep_at: usize,
}

impl Store {
    pub(crate) fn new(entropy: SeededEntropy) -> Self {
        Self {
            entropy,
            access_tokens: HashMap::new(),
            refresh_tokens: HashMap::new(),
            grants: BTreeMap::new(),
            codes: HashMap::new(),
            pushed: HashMap::new(),
            devices: HashMap::new(),
            bound: HashMap::new(),
            issued: 0,
            sweep_at: SWEEP_AT,
        }
    }

    /// Issues an access token.
    pub(crate) fn access_token(
        &mut self,
        client: &ClientId,
        subject: Arc<str>,
        scope: Scope,
        grant: Option<u64>,
        lifetime: Duration,
        at: Moment,
    ) -> String {
        self.sweep(at);
        let token = self.opaque("at");
        let stored = StoredAccessToken {
            client: client.clone(),
            subject,
            scope,
            expires: at.now.after(lifetime),
            issued_wall: at.wall,
            expires_wall: at.wall.after(lifetime),
            grant,
        };
        self.access_tokens.insert(token.clone(), stored);
        token
    }

    /// Issues a refresh token of a grant.
    pub(crate) fn refresh_token(&mut self, grant: u64) -> String {
        let token = self.opaque("rt");
        self.refresh_tokens
            .insert(token.clone(), StoredRefreshToken { grant, first_used: None, successors: Vec::new() });
        token
    }

    /// Remembers a new grant and gives its number.
    pub(crate) fn grant(&mut self, grant: StoredGrant) -> u64 {
        let number = self.grants.last_key_value().map_or(0, |(n, _)| n + 1);
        self.grants.insert(number, grant);
        number
    }

    /// The access token if it is known, not revoked and not expired.
    pub(crate) fn live_access_token(&self, token: &str, at: Moment) -> Option<&StoredAccessToken> {
        let stored = self.access_tokens.get(token)?;
        let revoked = stored.grant.is_some_and(|g| self.live_grant(g).is_none());
        (at.now < stored.expires && !revoked).then_some(stored)
    }

    /// The grant if it is known and not revoked.
    pub(crate) fn live_grant(&self, number: u64) -> Option<&StoredGrant> {
        self.grants.get(&number).filter(|g| !g.revoked)
    }

    /// Revokes a grant, and with it every token of its family.
    pub(crate) fn revoke_grant(&mut self, number: u64) {
        if let Some(grant) = self.grants.get_mut(&number) {
            grant.revoked = true;
        }
        self.drop_access_tokens(number);
    }

    /// Takes the access tokens of a grant back.
    pub(crate) fn drop_access_tokens(&mut self, grant: u64) {
        self.access_tokens.retain(|_, t| t.grant != Some(grant));
    }

    /// A token that never comes again: numbered, and random from the seed.
    pub(crate) fn opaque(&mut self, prefix: &str) -> String {
        let bytes = self.random::<18>();
        self.issued += 1;
        format!("{prefix}-{}-{}", self.issued, URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Random bytes from the seed.
    pub(crate) fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    fn sweep(&mut self, at: Moment) {
        if self.access_tokens.len() >= self.sweep_at {
            self.access_tokens.retain(|_, t| at.now < t.expires);
            self.sweep_at = SWEEP_AT.max(self.access_tokens.len() * 2);
        }
    }
}
