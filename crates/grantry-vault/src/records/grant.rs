//! A grant, as it is kept.

use std::fmt;

use grantry_core::{AccessToken, RefreshToken, Scope, StoreTime, Target, Timestamp};
use zeroize::Zeroizing;

use super::{Content, Reader, Writer};
use crate::backend::RecordKind;

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
}

impl StoredAccessToken {
    /// A token for a target, whose request was sent at `obtained` on the store's clock.
    pub fn new(target: Target, token: AccessToken, obtained: StoreTime) -> Self {
        Self { granted: target.scope.clone(), target, token, obtained, expires: None }
    }

    /// When it expires, on the store's clock.
    #[must_use]
    pub fn expiring(self, expires: StoreTime) -> Self {
        Self { expires: Some(expires), ..self }
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

    /// The access tokens, one for each target.
    pub fn access_tokens(&self) -> &[StoredAccessToken] {
        &self.access_tokens
    }

    /// The access token for a target.
    pub fn access_token(&self, target: &Target) -> Option<&StoredAccessToken> {
        self.access_tokens.iter().find(|kept| kept.target == *target)
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
            .field("renewal", &format_args!("[{} bytes]", self.renewal.len()))
            .finish()
    }
}

impl Content for GrantRecord {
    const KIND: RecordKind = RecordKind::Grant;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        let refresh = self.refresh_token.iter().chain(&self.alternates).map(|token| token.expose().len() + 8);
        let access = self.access_tokens.iter().map(|kept| {
            let resources = kept.target.resources.iter().map(|resource| resource.len() + 4).sum::<usize>();
            kept.token.expose().len()
                + kept.target.scope.as_str().len()
                + kept.granted.as_str().len()
                + resources
                + 40
        });
        refresh.sum::<usize>() + access.sum::<usize>() + self.renewal.len() + 64
    }

    fn write(&self, to: &mut Writer) {
        to.byte(match self.state {
            GrantState::Active => 1,
            GrantState::ReauthorizationNeeded => 2,
            GrantState::Revoked => 3,
        });
        to.time(self.consented);
        to.time(self.rotated);
        to.option(self.refresh_token.as_ref(), |to, token| to.text(token.expose()));
        to.list(self.alternates.iter(), |to, token| to.text(token.expose()));
        to.list(self.access_tokens.iter(), |to, kept| {
            to.text(kept.target.scope.as_str());
            to.list(kept.target.resources.iter(), |to, resource| to.text(resource));
            to.text(kept.token.expose());
            to.text(kept.granted.as_str());
            to.store_time(kept.obtained);
            to.option(kept.expires, Writer::store_time);
        });
        to.bytes(&self.renewal);
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            state: match from.byte()? {
                1 => GrantState::Active,
                2 => GrantState::ReauthorizationNeeded,
                3 => GrantState::Revoked,
                _ => return None,
            },
            consented: from.time()?,
            rotated: from.time()?,
            refresh_token: from.option(|from| from.text().map(RefreshToken::new))?,
            alternates: from.list(|from| from.text().map(RefreshToken::new))?,
            access_tokens: from.list(read_access_token)?,
            renewal: Zeroizing::new(from.bytes()?.to_vec()),
        })
    }
}

fn read_access_token(from: &mut Reader<'_>) -> Option<StoredAccessToken> {
    let mut target = Target::new(Scope::parse(from.text()?).ok()?);
    target.resources = from.list(|from| from.text().map(str::to_owned))?;
    Some(StoredAccessToken {
        target,
        token: AccessToken::new(from.text()?),
        granted: Scope::parse(from.text()?).ok()?,
        obtained: from.store_time()?,
        expires: from.option(Reader::store_time)?,
    })
}
