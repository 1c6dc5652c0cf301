//! The lease of an attempt, extended while something takes its time.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use grantry_vault::{GrantRecord, Renewing, Stored};

use crate::grant::Inner;
use crate::protocol::AttemptId;
use crate::stored_grant::{StoredGrant, standing, with_standing};

/// Extends a lease each time that a third of it has passed.
pub(super) struct Heartbeat<'a> {
    grant: &'a Arc<Inner>,
    renewing: &'a Renewing,
    attempt: AttemptId,
}

impl<'a> Heartbeat<'a> {
    pub(super) fn new(grant: &'a Arc<Inner>, renewing: &'a Renewing, attempt: AttemptId) -> Self {
        Self { grant, renewing, attempt }
    }

    /// Waits for `work`. What is written meanwhile goes on from `stored`, as long as nobody else writes.
    pub(super) async fn during<T>(&self, stored: &mut StoredGrant, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        // Once somebody else has written, the attempt has to read the record itself before it writes.
        let mut theirs: Option<Stored<GrantRecord>> = None;
        let third = self.grant.terms.lease / 3;
        let (mut pause, mut patience) = (third, third);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep(pause) => {}
            }
            let beat = async {
                let beaten = match &mut theirs {
                    Some(theirs) => self.beat(theirs).await,
                    None => self.beat(&mut stored.stored).await,
                };
                if beaten {
                    return None;
                }
                // At once: the next beat may be too late, or find the store out of reach.
                let mut found = self.renewing.grant().await.ok().flatten()?;
                self.beat(&mut found).await;
                Some(found)
            };
            // A store that hangs must not keep the answer waiting.
            let found = tokio::select! {
                biased;
                done = &mut work => return done,
                found = tokio::time::timeout(patience, beat) => found,
            };
            // One connection may be dead, and the others answer; or the store is slow, and has more time at the next beat.
            (pause, patience) = if found.is_ok() { (third, third) } else { (Duration::ZERO, patience * 2) };
            theirs = found.ok().flatten().or(theirs);
        }
    }

    /// Returns whether the record is still as it was read or written last.
    async fn beat(&self, stored: &mut Stored<GrantRecord>) -> bool {
        let Ok(now) = self.renewing.now().await else { return true };
        let Ok(standing) = standing(stored) else { return true };
        let Some(extended) = standing.extended(&self.attempt, now, &self.grant.terms) else { return true };
        let record = with_standing(stored.value.clone(), &extended);
        let generation = stored.version.generation();
        match self.renewing.store(record.clone(), &stored.version, generation).await {
            Ok(version) => {
                self.grant.keepsake.note(&version, &extended);
                stored.value = record;
                stored.version = version;
                true
            }
            Err(error) => error.kind() != grantry_core::ErrorKind::Conflict,
        }
    }
}
