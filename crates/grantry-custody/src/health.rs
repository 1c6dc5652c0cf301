//! How grants are, and what will become of them, as data.

use std::time::Duration;

use grantry_core::{Diagnosis, Error, ErrorKind, FurtherParameters, GrantKey, Stage, StoreTime, Timestamp};
use grantry_vault::{GrantState, GrantView, Stored, TenantVault};

use crate::custody::Shared;
use crate::diagnosis::{Cause, Evidence, diagnosis_of};
use crate::history::{Happened, HistoryEntry};
use crate::lifetimes::Lifetimes;
use crate::protocol::{Standing, Verdict};
use crate::standing_codec;
use crate::usage::Usage;
use crate::{Custody, CustodyGrant};

/// How a stored grant is. Times are on the wall clock of the process that asks.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GrantHealth {
    /// Whose it is.
    pub key: GrantKey,
    /// What may be expected of it now.
    pub state: HealthState,
    /// When the person consented.
    pub consented: Timestamp,
    /// How long ago that was.
    pub age: Duration,
    /// How many renewals lie behind it.
    pub generation: u64,
    /// The last renewal that is in the history, and which process made it.
    pub last_renewal: Option<HistoryEntry>,
    /// When the first of the stored access tokens expires, which is when the next renewal is due at the latest; `None`
    /// without one, or where the server did not say.
    pub next_renewal: Option<Timestamp>,
    /// What went wrong last since the last renewal, if something did.
    pub last_error: Option<LastError>,
    /// When the refresh token ends unless it is used before, by what is known of the provider.
    pub idle_limit: Option<Timestamp>,
    /// When every refresh token of this consent ends, by what is known of the provider.
    pub absolute_limit: Option<Timestamp>,
    /// How much it was used.
    pub usage: Usage,
    /// What the server said beside the tokens, such as `instance_url`, as far as its facts say to keep it: at the consent, and
    /// since then where a renewal's answer said it anew. It is the server's word and nobody has checked it.
    pub further: FurtherParameters,
    /// What happened to it, the oldest first.
    pub history: Vec<HistoryEntry>,
}

/// What may be expected of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HealthState {
    /// It can be renewed.
    Active,
    /// Somebody is renewing it.
    Renewing,
    /// Nobody knows how the last attempt ended; that is found out by itself.
    InDoubt,
    /// A person has to consent again.
    PersonNeeded,
    /// It lives in another vault now.
    Moved,
    /// It was stopped, and its tokens are being revoked.
    Revoking,
    /// Its record is refused or of a newer version of this library; it was left as it is.
    Unreadable,
}

impl HealthState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Active,
        Self::Renewing,
        Self::InDoubt,
        Self::PersonNeeded,
        Self::Moved,
        Self::Revoking,
        Self::Unreadable,
    ];

    /// In lower-case words joined by `_`: for logs, metrics and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Renewing => "renewing",
            Self::InDoubt => "in_doubt",
            Self::PersonNeeded => "person_needed",
            Self::Moved => "moved",
            Self::Revoking => "revoking",
            Self::Unreadable => "unreadable",
        }
    }
}

/// The last thing that went wrong with a grant.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LastError {
    /// When, by the clock of the process that it happened to.
    pub at: Timestamp,
    /// What.
    pub kind: ErrorKind,
    /// The provider's own code for it, where it gave one.
    pub provider_code: Option<String>,
    /// Why the server refused the grant, the likeliest cause first. None while it is in doubt.
    pub causes: Vec<Cause>,
}

impl LastError {
    /// Whose move it is and what to do, with the likely causes.
    pub fn diagnosis(&self) -> Diagnosis {
        match self.causes.as_slice() {
            [] => Error::new(self.kind, Stage::Token, "the last attempt failed").diagnosis(),
            causes => diagnosis_of(causes.to_vec()),
        }
    }
}

impl GrantHealth {
    /// When a person will be needed if the grant stays in use: at once where the server has refused it, and otherwise
    /// when the consent ends. `None` where no limit is known.
    pub fn person_needed(&self) -> Option<Timestamp> {
        match self.state {
            HealthState::PersonNeeded => Some(self.consented.after(self.age)),
            HealthState::Moved | HealthState::Revoking | HealthState::Unreadable => None,
            _ => self.absolute_limit,
        }
    }

    /// When a person will be needed if nobody uses the grant any more.
    pub fn person_needed_unless_used(&self) -> Option<Timestamp> {
        let needed = self.person_needed();
        match (needed, self.idle_limit) {
            (Some(needed), Some(idle)) => Some(needed.min(idle)),
            (needed, idle) => needed.or(idle),
        }
    }
}

impl Custody {
    /// How a tenant's grants are, at most `limit` of them, in the order of service and account, after `after`. It is read
    /// as `by`, which needs `grant.read` for the whole tenant; no token is read to be given out. A grant whose record is
    /// refused is among them as [`Unreadable`](HealthState::Unreadable).
    ///
    /// Limits are known for services of which a grant was opened in this process with its
    /// [`lifetimes`](crate::CustodyGrantBuilder::lifetimes).
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn health(
        &self,
        by: &TenantVault,
        after: Option<&GrantKey>,
        limit: usize,
    ) -> Result<Vec<GrantHealth>, Error> {
        let listed = by.grants_one_by_one(after, limit).await?;
        let health = listed.into_iter().map(|(key, view)| match view {
            Ok(view) => self.0.health_of(&view),
            Err(_) => unreadable(key, self.0.clock.wall()),
        });
        Ok(health.collect())
    }
}

impl CustodyGrant {
    /// How the grant is; `None` where the vault has none. Needs no more than the right to renew, which custody has.
    ///
    /// # Errors
    /// Those of every call of the vault.
    pub async fn health(&self) -> Result<Option<GrantHealth>, Error> {
        let (inner, key) = (&self.0, self.key());
        let view = inner.vault.grant_to_renew(key.service(), key.account()).await?;
        Ok(view.map(|view| inner.custody.health_of(&view)))
    }
}

impl Shared {
    pub(crate) fn health_of(&self, view: &Stored<GrantView>) -> GrantHealth {
        let wall = self.clock.wall();
        let service = self.services.of(&view.key);
        let lifetimes = service.map_or(Lifetimes::default(), |service| service.lifetimes);
        let open = self.registered(&view.key);
        let (standing, chronicle) = match view.renewal() {
            [] => Default::default(),
            bytes => match standing_codec::read(bytes) {
                Ok(read) => read,
                Err(_) => return unreadable(view.key.clone(), wall),
            },
        };
        let pending = open.as_ref().map_or(Usage::default(), |open| open.meter.pending());
        let history = chronicle.history;
        let last_renewal = history.iter().rfind(|entry| entry.is_success()).cloned();
        let last_good = last_renewal.as_ref().map_or(view.rotated, |entry| entry.at.max(view.rotated));
        let evidence = Evidence {
            history: &history,
            me: &self.process,
            lifetimes,
            consented: view.consented,
            rotated: view.rotated,
            rotates: open.is_none_or(|open| !open.is_repeatable()),
            after_doubt: matches!(standing.verdict, Some(Verdict::NeedsPerson { after_doubt: true, .. })),
            now: wall,
        };
        let state = state(view, &standing);
        let on_wall = |time: StoreTime| local(time, view.version.read_at(), wall);
        GrantHealth {
            key: view.key.clone(),
            state,
            consented: view.consented,
            age: wall.since(view.consented),
            generation: view.version.generation(),
            next_renewal: view.access_tokens.iter().filter_map(|(_, expires)| *expires).min().map(on_wall),
            last_error: last_error(&evidence, state),
            idle_limit: lifetimes.idle.map(|limit| last_good.after(limit)),
            absolute_limit: lifetimes.absolute.map(|limit| view.consented.after(limit)),
            usage: chronicle.usage.and(pending),
            further: view.further.clone(),
            last_renewal,
            history,
        }
    }
}

/// A moment of the store on the wall clock, where the store was read just now.
pub(crate) fn local(time: StoreTime, read_at: StoreTime, wall: Timestamp) -> Timestamp {
    if time >= read_at { wall.after(time.since(read_at)) } else { wall.before(read_at.since(time)) }
}

fn state(view: &Stored<GrantView>, standing: &Standing) -> HealthState {
    match (view.state, standing.verdict) {
        (GrantState::Moved, _) => HealthState::Moved,
        (GrantState::Revoked, _) | (_, Some(Verdict::Revoking)) => HealthState::Revoking,
        (GrantState::ReauthorizationNeeded, _) | (_, Some(Verdict::NeedsPerson { .. })) => {
            HealthState::PersonNeeded
        }
        _ if standing.is_in_doubt() => HealthState::InDoubt,
        _ => match standing.intent {
            // Its owner has vanished.
            Some(intent) if intent.lease_until <= view.version.read_at() => HealthState::InDoubt,
            Some(_) => HealthState::Renewing,
            None => HealthState::Active,
        },
    }
}

fn last_error(evidence: &Evidence<'_>, state: HealthState) -> Option<LastError> {
    let since = evidence.history.iter().rposition(HistoryEntry::is_success).map_or(0, |at| at + 1);
    let entries = evidence.history.get(since..)?;
    // Why a person is needed says the refusal, and not an outage that came after it.
    let ended = entries.iter().rfind(|entry| matches!(entry.what, Happened::Refused(_)));
    let last = ended.filter(|_| state == HealthState::PersonNeeded).or(entries.last())?;
    let (kind, provider_code) = match &last.what {
        Happened::Refused(refusal) | Happened::NotRenewed(refusal) => {
            (refusal.kind, refusal.provider_code.clone())
        }
        _ => (ErrorKind::InDoubt, None),
    };
    let causes = if state == HealthState::PersonNeeded { evidence.causes() } else { Vec::new() };
    Some(LastError { at: last.at, kind, provider_code, causes })
}

pub(crate) fn unreadable(key: GrantKey, wall: Timestamp) -> GrantHealth {
    GrantHealth {
        key,
        state: HealthState::Unreadable,
        consented: wall,
        age: Duration::ZERO,
        generation: 0,
        last_renewal: None,
        next_renewal: None,
        last_error: None,
        idle_limit: None,
        absolute_limit: None,
        usage: Usage::default(),
        further: FurtherParameters::default(),
        history: Vec::new(),
    }
}
