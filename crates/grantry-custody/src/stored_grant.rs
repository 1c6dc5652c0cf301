//! A grant's record as the protocol sees it, and as it is written.

use grantry_core::{
    AccessToken, Binding, Diagnosis, Error, ErrorKind, FurtherParameters, Instant, Party, RefreshToken,
    Retry, Stage, Target, Timestamp, TokenSet,
};
use grantry_endpoint::{DpopKey, DpopProvers};
use grantry_vault::{Fingerprint, GrantRecord, GrantState, Stored, StoredAccessToken, StoredBinding};

use crate::brought::{Brought, BroughtAccess};
use crate::chronicle::Chronicle;
use crate::protocol::{AttemptId, Change, Intent, Proceeds, Snapshot, Standing, Verdict};
use crate::standing_codec::{self, UnreadableStanding};
use crate::store_clock::Believed;

/// Who makes the proofs for tokens that are kept.
pub(crate) struct Provers<'a> {
    pub(crate) of: &'a DpopProvers,
    /// The key that is in no record.
    pub(crate) elsewhere: Option<&'a DpopKey>,
}

/// A record as it was read, with the local readings around the moment of reading.
#[derive(Debug, Clone)]
pub(crate) struct StoredGrant {
    pub(crate) stored: Stored<GrantRecord>,
    /// The boot clock before the store was asked, and after it had answered.
    pub(crate) asked: Instant,
    pub(crate) answered: Instant,
    /// What is believed of the store's clock.
    pub(crate) believed: Believed,
}

impl StoredGrant {
    /// How it stands, for the protocol.
    ///
    /// # Errors
    /// `Damaged` for a state that a newer version wrote, which is left as it is.
    pub(crate) fn snapshot(&self, target: &Target, replacing: Option<&TokenSet>) -> Result<Snapshot, Error> {
        let kept = self.stored.access_token(target);
        Ok(Snapshot {
            standing: standing(&self.stored)?,
            lineage: self.stored.version.lineage(),
            generation: self.stored.version.generation(),
            now: self.believed.now,
            reachable_since: self.believed.reachable_since,
            stamp: self.stored.version.read_at(),
            took: self.answered.since(self.asked),
            access_expires: kept.map(|kept| kept.expires),
            holds_another: kept
                .zip(replacing)
                .map(|(kept, replaced)| kept.token.expose() != replaced.token().expose()),
        })
    }

    /// A refresh token that the record holds.
    pub(crate) fn refresh_token(&self, token: Fingerprint) -> Option<&RefreshToken> {
        let held = self.stored.refresh_token().into_iter().chain(self.stored.alternates());
        held.into_iter().find(|held| Fingerprint::of(held) == token)
    }

    /// The access token that it holds, as a source gets it.
    pub(crate) fn token_set(&self, target: &Target, provers: &Provers<'_>) -> Option<TokenSet> {
        let kept = self.stored.access_token(target)?;
        let read_at = self.stored.version.read_at();
        // By the reading before, so that it expires here no later than there.
        let local = |time: grantry_core::StoreTime| time.to_local(read_at, self.asked);
        let access_token = AccessToken::new(kept.token.expose());
        let mut set = TokenSet::builder(access_token, local(kept.obtained))
            .scope(kept.granted.clone())
            .binding(self.binding(kept.binding, provers)?)
            .generation(self.stored.version.generation());
        if let Some(expires) = kept.expires {
            set = set.expires(local(expires));
        }
        set.build().ok()
    }

    /// What the record holds of its newest successor, as if it had just been brought; `None` for a grant that was never
    /// rotated.
    pub(crate) fn as_brought(&self, target: &Target) -> Option<Brought> {
        let standing = standing(&self.stored).ok()?;
        let current = standing.current.filter(|current| current.proven)?;
        // One that was found in an unusable answer, and has worked since, has a parent that nobody names any more.
        let nameless = (current.epoch > 0).then_some(Fingerprint::from_bytes([0; 16]));
        let proceeds = Proceeds {
            lineage: self.stored.version.lineage(),
            attempt: AttemptId::default(),
            epoch: current.epoch,
            parent: Some(standing.parent.or(nameless)?),
            successor: Some(current.token),
            usable: true,
        };
        let refresh_token = Some(self.refresh_token(current.token)?.clone());
        let kept = self.stored.access_token(target);
        let access = kept.map(|kept| BroughtAccess {
            token: AccessToken::new(kept.token.expose()),
            granted: kept.granted.clone(),
            expires: kept.expires,
            binding: kept.binding,
            proof_key: self.stored.proof_key().cloned(),
        });
        let obtained = kept.map_or(self.stored.version.read_at(), |kept| kept.obtained);
        Some(Brought { proceeds, refresh_token, obtained, access, further: self.stored.further().clone() })
    }

    /// What an answer to the request of this intent brings.
    pub(crate) fn brought_by(&self, intent: &Intent, set: &TokenSet) -> Brought {
        let token = set.token();
        let (binding, proof_key) = Brought::bound(token.binding());
        Brought {
            proceeds: Brought::proceeds(self.stored.version.lineage(), intent, set.refresh_token(), true),
            refresh_token: set.refresh_token().cloned(),
            obtained: self.store_time(set.obtained()),
            access: Some(BroughtAccess {
                token: AccessToken::new(token.expose()),
                granted: token.scope().clone(),
                expires: token.expires().map(|expires| self.store_time(expires)),
                binding,
                proof_key,
            }),
            further: set.further().clone(),
        }
    }

    /// The same of a refresh token that was found in an answer that cannot be used.
    pub(crate) fn salvaged_by(&self, intent: &Intent, found: RefreshToken, now: Instant) -> Brought {
        Brought {
            proceeds: Brought::proceeds(self.stored.version.lineage(), intent, Some(&found), false),
            refresh_token: Some(found),
            obtained: self.store_time(now),
            access: None,
            further: FurtherParameters::default(),
        }
    }

    fn binding(&self, kept: StoredBinding, provers: &Provers<'_>) -> Option<Binding> {
        let key = match kept {
            StoredBinding::Bearer => return Some(Binding::Bearer),
            StoredBinding::Certificate(thumbprint) => return Some(Binding::Certificate(thumbprint)),
            StoredBinding::Proof => match self.stored.proof_key() {
                Some(kept) => DpopKey::from_private_key(kept).ok()?,
                None => provers.elsewhere?.clone(),
            },
            _ => return None,
        };
        Some(Binding::Proof(provers.of.prover(key)))
    }

    /// A moment of this process on the store's clock, no later than it is.
    pub(crate) fn store_time(&self, local: Instant) -> grantry_core::StoreTime {
        let read_at = self.stored.version.read_at();
        if local >= self.answered {
            read_at.after(local.since(self.answered))
        } else {
            read_at.before(self.answered.since(local))
        }
    }

    /// The record after a change.
    ///
    /// # Errors
    /// `Internal` where the change names a refresh token that nobody holds.
    pub(crate) fn changed(
        &self,
        change: &Change,
        brought: Option<&Brought>,
        target: &Target,
        wall: Timestamp,
        chronicle: &Chronicle,
    ) -> Result<GrantRecord, Error> {
        let arrived = brought.and_then(|brought| brought.refresh_token.as_ref());
        let find = |token: Fingerprint| {
            let new = arrived.into_iter().find(|new| Fingerprint::of(new) == token);
            new.or_else(|| self.refresh_token(token)).cloned().ok_or_else(|| {
                Error::internal("the record was to name a refresh token that is nowhere at hand")
            })
        };
        let standing = &change.standing;
        let mut record = self.stored.value.clone();
        let others = standing.others.iter().map(|other| find(other.token));
        record = record.with_alternates(others.collect::<Result<Vec<_>, _>>()?);
        if let Some(current) = standing.current {
            let is_new = record.refresh_token().is_none_or(|held| Fingerprint::of(held) != current.token);
            if is_new {
                record = record.with_refresh_token(find(current.token)?, wall);
            }
        }
        let access = brought.and_then(|brought| Some((brought.obtained, brought.access.as_ref()?)));
        let proof_key = access.and_then(|(_, access)| access.proof_key.as_ref());
        // The key of what does not take the place of what is held serves only where there was none.
        if let Some(key) = proof_key.filter(|_| change.access || record.proof_key().is_none()) {
            record = record.with_proof_key(key.clone());
        }
        if let Some((obtained, access)) = access.filter(|_| change.access) {
            let mut kept = StoredAccessToken::new(target.clone(), access.token.clone(), obtained)
                .granted(access.granted.clone())
                .bound(access.binding);
            if let Some(expires) = access.expires {
                kept = kept.expiring(expires);
            }
            record = record.with_access_token(kept);
        }
        // What an answer leaves out is as it was.
        if let Some(brought) = brought.filter(|_| change.access) {
            record = record.with_further(brought.further.over(self.stored.further()));
        }
        Ok(with_standing_and(record, standing, chronicle))
    }
}

/// A record with this standing, the state that follows from it, and all that was told beside it.
pub(crate) fn with_standing(record: GrantRecord, standing: &Standing) -> GrantRecord {
    let chronicle = chronicle(record.renewal());
    with_standing_and(record, standing, &chronicle)
}

/// The same, and something new to tell.
pub(crate) fn with_standing_and(
    record: GrantRecord,
    standing: &Standing,
    chronicle: &Chronicle,
) -> GrantRecord {
    let state = match standing.verdict {
        None => GrantState::Active,
        Some(Verdict::Revoking) => GrantState::Revoked,
        Some(_) => GrantState::ReauthorizationNeeded,
    };
    record.with_state(state).with_renewal(standing_codec::write(standing, chronicle))
}

/// What the bytes of a record's renewal tell beside its standing; nothing where they cannot be read.
pub(crate) fn chronicle(renewal: &[u8]) -> Chronicle {
    standing_codec::read(renewal).map(|(_, chronicle)| chronicle).unwrap_or_default()
}

/// How a grant stands. One that was put there by hand, or with another refresh token than its standing names, begins
/// anew: whoever writes a record without custody writes it in a line of descent of its own.
pub(crate) fn standing(stored: &Stored<GrantRecord>) -> Result<Standing, Error> {
    if stored.state() == GrantState::Moved {
        return Err(moved());
    }
    standing_wherever(stored)
}

/// The same, also of a grant that lives elsewhere by now.
pub(crate) fn standing_wherever(stored: &Stored<GrantRecord>) -> Result<Standing, Error> {
    let current = stored.refresh_token().map(Fingerprint::of);
    let mut standing = if stored.renewal().is_empty() {
        Standing::new(current)
    } else {
        let (read, _) = standing_codec::read(stored.renewal()).map_err(unreadable)?;
        let fits = read.current.map(|candidate| candidate.token) == current;
        if fits { read } else { Standing { epoch: read.epoch, ..Standing::new(current) } }
    };
    if stored.state() == GrantState::Revoked {
        standing = standing.withdrawn();
    }
    Ok(standing)
}

/// Two vaults that redeem the same refresh token lose it.
fn moved() -> Error {
    let remedy = "open the vault that it was moved to; to have it here again, move it back";
    Error::new(ErrorKind::Removed, Stage::Vault, "the grant was moved to another vault")
        .with_diagnosis(Diagnosis::new(Party::Application, remedy, Retry::Never))
}

fn unreadable(cause: UnreadableStanding) -> Error {
    Error::new(
        ErrorKind::Damaged,
        Stage::Vault,
        "the grant's state of renewal is refused; it was left as it is",
    )
    .with_source(cause)
}
