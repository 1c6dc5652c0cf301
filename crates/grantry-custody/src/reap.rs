//! Grants that nobody uses: found, and revoked if that is wanted.

use std::time::Duration;

use grantry_core::{Error, ErrorKind, GrantKey, Stage, StoreTime, Timestamp};
use grantry_vault::{GrantState, GrantView, Stored, TenantVault};

use crate::Custody;
use crate::chronicle::Chronicle;
use crate::custody::Shared;
use crate::health::local;
use crate::revocation::{RevocationReport, Silent, Stance};
use crate::standing_codec;
use crate::usage::Usage;

/// How many grants are listed at once.
const PAGE: usize = 256;

/// A grant that was looked at because it may be unused.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Reaped {
    /// Whose it is.
    pub key: GrantKey,
    /// Until when it may have been used last; `None` where the record does not tell.
    pub used_until: Option<Timestamp>,
    /// How often it was used, as far as it is known.
    pub calls: u64,
    /// What became of it.
    pub outcome: ReapedOutcome,
}

/// What became of a grant that was looked at.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ReapedOutcome {
    /// It is unused for so long, and was only listed.
    Unused,
    /// It was stopped and revoked; the report says how far that is.
    Revoked(RevocationReport),
    /// Its access token still works, so that it may be used without any renewal that would tell.
    NotKnown,
    /// It was left as it is: its record is refused, or it could not be stopped, or was used in between.
    Left(Error),
}

impl Custody {
    /// Finds a tenant's grants that nobody used for so long, and revokes them unless it is a dry run. Grants that are in
    /// use are not in the list.
    ///
    /// Uses are counted in memory and written with each renewal, so a grant is judged only when its access token has
    /// expired: a use after that would have renewed it. One whose access token has no known end is never judged.
    ///
    /// It is done as `by`, which needs `grant.read` for the whole tenant, and `grant.revoke` unless it is a dry run.
    /// Dropping the future leaves the rest as it is; what was stopped is revoked nevertheless.
    ///
    /// # Errors
    /// Those of every call of the vault, where the grants cannot be listed.
    pub async fn reap(
        &self,
        by: &TenantVault,
        unused_for: Duration,
        dry_run: bool,
    ) -> Result<Vec<Reaped>, Error> {
        let (mut reaped, silent) = (Vec::new(), Silent::default());
        let mut after = None;
        loop {
            let page = by.grants_one_by_one(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            for (key, view) in page {
                reaped.extend(match view {
                    Ok(view) => self.judge(by, &view, unused_for, dry_run, &silent).await,
                    Err(error) => Some(left(key, error)),
                });
            }
            if is_last {
                return Ok(reaped);
            }
        }
    }

    async fn judge(
        &self,
        by: &TenantVault,
        view: &Stored<GrantView>,
        unused_for: Duration,
        dry_run: bool,
        silent: &Silent,
    ) -> Option<Reaped> {
        if matches!(view.state, GrantState::Revoked | GrantState::Moved) {
            return None;
        }
        let key = view.key.clone();
        let (standing, chronicle) = match view.renewal() {
            [] => Default::default(),
            bytes => match standing_codec::read(bytes) {
                Ok(read) => read,
                Err(error) => {
                    let fact = "the grant's state of renewal is refused; it was left as it is";
                    let error = Error::new(ErrorKind::Damaged, Stage::Vault, fact).with_source(error);
                    return Some(left(key, error));
                }
            },
        };
        if standing.intent.is_some_and(|intent| view.version.read_at() < intent.lease_until) {
            // Somebody is renewing it, and so is about to use it.
            return None;
        }
        let (used_until, calls) = self.0.used_until(view, &chronicle);
        let wall = self.0.clock.wall();
        let outcome = match used_until {
            Some(until) if wall.since(until) < unused_for => return None,
            None => ReapedOutcome::NotKnown,
            Some(_) if dry_run => ReapedOutcome::Unused,
            Some(_) => {
                // As it was read: one that is used at this moment changes, and is left alone.
                match by.stop_grant(key.service(), key.account(), Some(&view.version)).await {
                    Ok(_) => ReapedOutcome::Revoked(self.0.revoke(&key, Stance::Asked, silent).await),
                    Err(error) => ReapedOutcome::Left(error),
                }
            }
        };
        Some(Reaped { key, used_until, calls, outcome })
    }
}

impl Shared {
    /// Until when a grant may have been used last, and how often it was; `None` while its access token works.
    fn used_until(&self, view: &Stored<GrantView>, chronicle: &Chronicle) -> (Option<Timestamp>, u64) {
        let (wall, read_at) = (self.clock.wall(), view.version.read_at());
        let pending = self.registered(&view.key).map_or(Usage::default(), |open| open.meter.pending());
        let usage = chronicle.usage.and(pending);
        let renewed = chronicle.history.iter().filter(|entry| entry.is_success()).map(|entry| entry.at);
        let known = renewed.chain(usage.used_until()).chain([view.consented, view.rotated]).max();
        let until = match expiry(view) {
            None => known,
            Some(Some(expires)) if expires <= read_at => known.max(Some(local(expires, read_at, wall))),
            Some(_) => None,
        };
        (until, usage.calls)
    }
}

/// When the last of the stored access tokens expires: `None` without one, `Some(None)` where the server did not say.
fn expiry(view: &GrantView) -> Option<Option<StoreTime>> {
    let mut expiries = view.access_tokens.iter().map(|(_, expires)| *expires);
    let first = expiries.next()?;
    Some(first.and_then(|first| expiries.try_fold(first, |last, next| Some(last.max(next?)))))
}

fn left(key: GrantKey, error: Error) -> Reaped {
    Reaped { key, used_until: None, calls: 0, outcome: ReapedOutcome::Left(error) }
}
