//! Pending authorizations as bytes, for stores and other replicas.
//!
//! A version, then each field behind its length in two bytes, most significant first.

use std::time::Duration;

use grantry_core::{Clock, Diagnosis, Error, ErrorKind, Party, PrivateKey, Retry, Scope, Stage, Timestamp};
use grantry_endpoint::DpopKey;
use zeroize::Zeroizing;

use super::PendingAuthorization;
use crate::pkce::Verifier;
use crate::random::Random;
use crate::user_agent::UserAgentHash;

/// Without a key that the tokens will be bound to, and with one in front of the scope.
const PLAIN: u8 = 1;
const BOUND: u8 = 2;
/// So much more where a highest age stands in front of the scope.
const AGED: u8 = 2;
/// The longest that is written or read.
const LONGEST: usize = 16 * 1024;

impl PendingAuthorization {
    /// Writes it down, at most 16 KiB. The bytes hold what redeems the code, so keep them as a secret is kept, and
    /// give whoever takes them the only copy: it is finished once.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where scope and resources are too long for that.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (expires, lifetime) = (self.expires_wall.as_unix_nanos(), self.lifetime.as_secs());
        let (expires, lifetime) = (expires.to_be_bytes(), lifetime.to_be_bytes());
        let nonce: &[u8] = self.nonce.as_ref().map_or(&[], |nonce| nonce.octets());
        let verifier: &[u8] = self.verifier.as_ref().map_or(&[], |verifier| verifier.0.octets());
        let mut fields: Vec<&[u8]> = vec![
            self.state.octets(),
            verifier,
            nonce,
            &self.user_agent.0,
            &expires,
            &lifetime,
            // An issuer is never empty.
            self.issuer.as_deref().unwrap_or_default().as_bytes(),
            self.token_endpoint.as_bytes(),
            self.client.as_str().as_bytes(),
            self.redirect_uri.as_bytes(),
        ];
        // A key that never leaves its place is the endpoint's, also where this is finished.
        let dpop_key = self.dpop_key.as_ref().and_then(DpopKey::private_key);
        fields.extend(dpop_key.map(|key| key.expose().as_bytes()));
        let max_age = self.max_age.map(|age| age.as_secs().to_be_bytes());
        fields.extend(max_age.as_ref().map(<[u8; 8]>::as_slice));
        fields.push(self.scope.as_str().as_bytes());
        fields.extend(self.resources.iter().map(String::as_bytes));
        let length = 1 + fields.iter().map(|field| 2 + field.len()).sum::<usize>();
        if length > LONGEST {
            return Err(Error::configuration(
                "the authorization is too long to be kept (16 KiB): ask for fewer scopes and resources",
            ));
        }
        // The size is exact, so the buffer never moves.
        let mut bytes = Zeroizing::new(Vec::with_capacity(length));
        let version = if dpop_key.is_some() { BOUND } else { PLAIN };
        bytes.push(if max_age.is_some() { version + AGED } else { version });
        for field in fields {
            let length =
                u16::try_from(field.len()).map_err(|_| Error::internal("16 KiB fit in two bytes"))?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(field);
        }
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote, here or in another process. What is left of its time is
    /// measured by the wall clock, and never more than it had.
    ///
    /// # Errors
    /// [`Damaged`](ErrorKind::Damaged) for whatever else; nothing of it is used.
    pub fn from_bytes(bytes: &[u8], clock: &dyn Clock) -> Result<Self, Error> {
        Self::read(bytes, clock).ok_or_else(damaged)
    }

    fn read(bytes: &[u8], clock: &dyn Clock) -> Option<Self> {
        let (&version, rest) = bytes.split_first()?;
        let (version, is_aged) = match version {
            PLAIN | BOUND => (version, false),
            _ => (version.checked_sub(AGED)?, true),
        };
        if !matches!(version, PLAIN | BOUND) || bytes.len() > LONGEST {
            return None;
        }
        let mut fields = Fields(rest);
        let state = Random::from_octets(fields.next()?)?;
        let verifier = match fields.next()? {
            [] => None,
            octets => Some(Verifier(Random::from_octets(octets)?)),
        };
        let nonce = match fields.next()? {
            [] => None,
            octets => Some(Random::from_octets(octets)?),
        };
        let user_agent = UserAgentHash(fields.next()?.try_into().ok()?);
        let expires_wall = Timestamp::from_unix_nanos(i64::from_be_bytes(fields.next()?.try_into().ok()?));
        let lifetime = Duration::from_secs(u64::from_be_bytes(fields.next()?.try_into().ok()?));
        let issuer = Some(fields.text()?).filter(|issuer| !issuer.is_empty());
        let token_endpoint = fields.text()?;
        let client = fields.text()?.into();
        let redirect_uri = fields.text()?;
        let dpop_key = match version {
            BOUND => Some(dpop_key(fields.next()?)?),
            _ => None,
        };
        let max_age = match is_aged {
            true => Some(Duration::from_secs(u64::from_be_bytes(fields.next()?.try_into().ok()?))),
            false => None,
        };
        let scope = Scope::parse(&fields.text()?).ok()?;
        let mut resources = Vec::new();
        while !fields.0.is_empty() {
            resources.push(fields.text()?);
        }
        let left = expires_wall.since(clock.wall()).min(lifetime);
        Some(Self {
            state,
            verifier,
            nonce,
            dpop_key,
            user_agent,
            issuer,
            token_endpoint,
            client,
            redirect_uri,
            scope,
            resources,
            max_age,
            expires: clock.now().after(left),
            expires_wall,
            lifetime,
        })
    }
}

fn dpop_key(bytes: &[u8]) -> Option<DpopKey> {
    let text = std::str::from_utf8(bytes).ok()?;
    DpopKey::from_private_key(&PrivateKey::new(text)).ok()
}

/// What is not read yet.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.0.split_first_chunk::<2>()?;
        let (field, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        self.0 = rest;
        Some(field)
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.next()?.to_vec()).ok()
    }
}

fn damaged() -> Error {
    let fact = "what was kept is no pending authorization of this version";
    let diagnosis = Diagnosis::new(Party::ResourceOwner, "let the person begin again", Retry::Never)
        .cause("a replica of a newer version wrote it")
        .cause("the store changed it");
    Error::new(ErrorKind::Damaged, Stage::Keep, fact).with_diagnosis(diagnosis)
}
