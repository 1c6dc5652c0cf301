//! A grant, as it is kept.

mod bytes;

use std::fmt;

use grantry_core::{
    AccessToken, Binding, FurtherParameters, PrivateKey, RefreshToken, Scope, StoreTime, Target, Thumbprint,
    Timestamp,
};
use zeroize::Zeroizing;

pub(crate) use self::bytes::grant_state;

/// What may be done with a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GrantState {
    /// It can be renewed.
    Active,
    /// A person has to consent again.
    ReauthorizationNeeded,
    /// It is being revoked, or was.
    Revoked,
    /// It lives in another vault now. What is left here is never redeemed: both would spend the same refresh token.
    Moved,
}

/// A grant: what renews it, the access tokens that it brought, and the state of its renewal.
///
/// `Debug` shows no secret.
///
/// ```
/// use grantry_core::{RefreshToken, Timestamp};
/// use grantry_vault::{GrantRecord, GrantState};
/// let consented = Timestamp::from_unix_seconds(1_790_000_000);
/// let grant = GrantRecord::new(consented).with_refresh_token(RefreshToken::new("r3fresh"), consented);
/// assert_eq!(grant.state(), GrantState::Active);
/// assert!(!format!("{grant:?}").contains("r3fresh"));
/// ```
#[derive(Clone)]
pub struct GrantRecord {
    state: GrantState,
    consented: Timestamp,
    rotated: Timestamp,
    refresh_token: Option<RefreshToken>,
    alternates: Vec<RefreshToken>,
    access_tokens: Vec<StoredAccessToken>,
    proof_key: Option<PrivateKey>,
    further: FurtherParameters,
    renewal: Zeroizing<Vec<u8>>,
}

/// An access token that is kept, with what it is for. Its times are on the store's clock.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredAccessToken {
    /// What it was asked for.
    pub target: Target,
    /// The token.
    pub token: AccessToken,
    /// What was granted.
    pub granted: Scope,
    /// When its request was sent.
    pub obtained: StoreTime,
    /// When it expires; `None` if the server did not say.
    pub expires: Option<StoreTime>,
    /// Who may present it.
    pub binding: StoredBinding,
}

/// Who may present an access token that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum StoredBinding {
    /// Whoever holds it.
    #[default]
    Bearer,
    /// Who proves possession of a key (RFC 9449): the grant's own ([`GrantRecord::proof_key`]), or one that never leaves its
    /// place, such as an HSM.
    Proof,
    /// Whose connection has this client certificate (RFC 8705).
    Certificate(Thumbprint),
}

impl From<&Binding> for StoredBinding {
    /// What is kept of a token's binding. The key of proofs is kept beside it: [`GrantRecord::with_key_of`].
    fn from(binding: &Binding) -> Self {
        match binding {
            Binding::Proof(_) => Self::Proof,
            Binding::Certificate(thumbprint) => Self::Certificate(*thumbprint),
            _ => Self::Bearer,
        }
    }
}

impl StoredAccessToken {
    /// A token for a target, whose request was sent at `obtained` on the store's clock.
    pub fn new(target: Target, token: AccessToken, obtained: StoreTime) -> Self {
        let granted = target.scope.clone();
        Self { granted, target, token, obtained, expires: None, binding: StoredBinding::Bearer }
    }

    /// When it expires, on the store's clock.
    #[must_use]
    pub fn expiring(self, expires: StoreTime) -> Self {
        Self { expires: Some(expires), ..self }
    }

    /// Who may present it.
    #[must_use]
    pub fn bound(self, binding: StoredBinding) -> Self {
        Self { binding, ..self }
    }

    /// What was granted, where that is not what was asked for.
    #[must_use]
    pub fn granted(self, granted: Scope) -> Self {
        Self { granted, ..self }
    }
}

impl GrantRecord {
    /// How many other refresh tokens are kept beside the one that is redeemed next.
    pub const MOST_ALTERNATES: usize = 2;

    /// A grant to which a person consented, or that a client made for itself, at that time.
    pub fn new(consented: Timestamp) -> Self {
        Self {
            state: GrantState::Active,
            consented,
            rotated: consented,
            refresh_token: None,
            alternates: Vec::new(),
            access_tokens: Vec::new(),
            proof_key: None,
            further: FurtherParameters::default(),
            renewal: Zeroizing::default(),
        }
    }

    /// Sets what may be done with it.
    #[must_use]
    pub fn with_state(self, state: GrantState) -> Self {
        Self { state, ..self }
    }

    /// Sets the refresh token that is redeemed next, and since when it is the one.
    #[must_use]
    pub fn with_refresh_token(self, refresh_token: RefreshToken, rotated: Timestamp) -> Self {
        Self { refresh_token: Some(refresh_token), rotated, ..self }
    }

    /// Takes the refresh token away.
    #[must_use]
    pub fn without_refresh_token(self) -> Self {
        Self { refresh_token: None, ..self }
    }

    /// Sets the other refresh tokens that may be alive; of more than two the first are kept.
    #[must_use]
    pub fn with_alternates(self, alternates: impl IntoIterator<Item = RefreshToken>) -> Self {
        Self { alternates: alternates.into_iter().take(Self::MOST_ALTERNATES).collect(), ..self }
    }

    /// Keeps an access token in place of the one for the same target.
    #[must_use]
    pub fn with_access_token(mut self, token: StoredAccessToken) -> Self {
        self.access_tokens.retain(|kept| kept.target != token.target);
        self.access_tokens.push(token);
        self
    }

    /// Takes all access tokens away.
    #[must_use]
    pub fn without_access_tokens(self) -> Self {
        Self { access_tokens: Vec::new(), ..self }
    }

    /// Sets the key that its refresh token and its access tokens are bound to (RFC 9449). Access tokens that are bound to
    /// another go.
    #[must_use]
    pub fn with_proof_key(mut self, key: PrivateKey) -> Self {
        if self.proof_key.as_ref().is_none_or(|held| held.expose() != key.expose()) {
            self.access_tokens.retain(|kept| kept.binding != StoredBinding::Proof);
        }
        self.proof_key = Some(key);
        self
    }

    /// Sets the key that a token set was bound to, as a consent brought it. Nothing changes where it is bound to none, or to
    /// one that never leaves its place.
    #[must_use]
    pub fn with_key_of(self, binding: &Binding) -> Self {
        let key = match binding {
            Binding::Proof(prover) => prover.private_key(),
            _ => None,
        };
        match key {
            Some(key) => self.with_proof_key(key),
            None => self,
        }
    }

    /// Sets what the server said beside its tokens, in the place of what it said before.
    #[must_use]
    pub fn with_further(self, further: FurtherParameters) -> Self {
        Self { further, ..self }
    }

    /// Sets the state of its renewal, in the bytes of whoever renews it.
    #[must_use]
    pub fn with_renewal(self, renewal: Zeroizing<Vec<u8>>) -> Self {
        Self { renewal, ..self }
    }

    /// What may be done with it.
    pub fn state(&self) -> GrantState {
        self.state
    }

    /// When the person consented.
    pub fn consented(&self) -> Timestamp {
        self.consented
    }

    /// When the refresh token changed last.
    pub fn rotated(&self) -> Timestamp {
        self.rotated
    }

    /// The refresh token that is redeemed next.
    pub fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }

    /// Other refresh tokens that may be alive.
    pub fn alternates(&self) -> &[RefreshToken] {
        &self.alternates
    }

    /// The key that its refresh token and its access tokens are bound to, if they are.
    pub fn proof_key(&self) -> Option<&PrivateKey> {
        self.proof_key.as_ref()
    }

    /// The access tokens, one for each target.
    pub fn access_tokens(&self) -> &[StoredAccessToken] {
        &self.access_tokens
    }

    /// The access token for a target.
    pub fn access_token(&self, target: &Target) -> Option<&StoredAccessToken> {
        self.access_tokens.iter().find(|kept| kept.target == *target)
    }

    /// What the server said beside its tokens, as far as its facts say to keep it. Nobody has checked it.
    pub fn further(&self) -> &FurtherParameters {
        &self.further
    }

    /// The state of its renewal, in the bytes of whoever renews it.
    pub fn renewal(&self) -> &[u8] {
        &self.renewal
    }
}

impl fmt::Debug for GrantRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrantRecord")
            .field("state", &self.state)
            .field("consented", &self.consented)
            .field("rotated", &self.rotated)
            .field("refresh_token", &self.refresh_token)
            .field("alternates", &self.alternates.len())
            .field("access_tokens", &self.access_tokens.len())
            .field("has_proof_key", &self.proof_key.is_some())
            .field("further", &self.further)
            .field("renewal", &format_args!("[{} bytes]", self.renewal.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_key_takes_the_tokens_of_the_one_before_it_away() {
        let token = |scope: &str, binding| {
            let target = Target::new(Scope::parse(scope).unwrap());
            StoredAccessToken::new(target, AccessToken::new("at"), StoreTime::from_nanos(1)).bound(binding)
        };
        let bound = GrantRecord::new(Timestamp::from_unix_seconds(1))
            .with_proof_key(PrivateKey::new("a key"))
            .with_access_token(token("a", StoredBinding::Proof))
            .with_access_token(token("b", StoredBinding::Certificate(Thumbprint([7; 32]))))
            .with_access_token(token("c", StoredBinding::Bearer));
        assert_eq!(bound.clone().with_proof_key(PrivateKey::new("a key")).access_tokens().len(), 3);
        assert_eq!(bound.with_proof_key(PrivateKey::new("another")).access_tokens().len(), 2);
    }
}
