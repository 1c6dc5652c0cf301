//! What an attempt has to tell of itself, in the writes that it makes anyway.

use grantry_core::{Consumed, Timestamp};

use super::Voyage;
use crate::chronicle::Chronicle;
use crate::diagnosis::{Evidence, SKEW};
use crate::history::{Happened, HistoryEntry, Refusal};
use crate::protocol::{Change, Intent, Standing, Verdict};
use crate::stored_grant::{chronicle, standing};

impl Voyage {
    /// What the record tells after a write of this attempt.
    pub(super) fn chronicle_after(&self, change: &Change, wall: Timestamp) -> Chronicle {
        let Some(stored) = &self.stored else { return Chronicle::default() };
        let before = standing(&stored.stored).unwrap_or_default();
        let mut chronicle = chronicle(stored.stored.renewal());
        let me = &self.grant.custody.process;
        let attempt = |standing: &Standing| standing.intent.map(|Intent { attempt, .. }| attempt);
        let (owned, owns) = (attempt(&before), attempt(&change.standing));
        if change.lands {
            chronicle
                .add(HistoryEntry::new(wall, me.clone(), self.landing(&before)).rotated(self.has_rotated()));
        } else if owns.is_some() && owns != owned {
            // Whoever owned the record has vanished with its answer.
            if let Some((at, by)) = chronicle.claimed.take().filter(|_| owned.is_some()) {
                chronicle.add(HistoryEntry::new(at, by, Happened::InDoubt));
            }
            chronicle.claimed = Some((wall, me.clone()));
        } else if owned.is_some()
            && let Some(what) = self.failing(&change.standing)
        {
            chronicle.add(HistoryEntry::new(wall, me.clone(), what));
        }
        chronicle
    }

    fn landing(&self, before: &Standing) -> Happened {
        match before.verdict {
            Some(Verdict::NeedsPerson { .. }) => Happened::Revived,
            // What has no seat of its own came out of another's boat.
            _ if self.aboard && self.seat.is_none() => Happened::BroughtHome,
            _ => Happened::Renewed,
        }
    }

    /// Whether the answer held a new refresh token.
    pub(super) fn has_rotated(&self) -> bool {
        let proceeds = self.brought.as_ref().map(|brought| brought.proceeds);
        proceeds.is_some_and(|proceeds| proceeds.successor.is_some() && proceeds.successor != proceeds.parent)
    }

    fn failing(&self, after: &Standing) -> Option<Happened> {
        let failure = self.failure.as_ref()?;
        let refusal = || Refusal {
            kind: failure.error.kind(),
            provider_code: failure.error.provider_code().map(str::to_owned),
            secret_added: self.secret_added,
            clock_skew: failure.error.clock_skew().filter(|skew| skew.by >= SKEW),
        };
        match failure.consumed {
            Consumed::No if self.brought.is_none() => Some(Happened::NotRenewed(refusal())),
            // A refusal that does not end the grant is worth an entry too: it names the token's end.
            Consumed::Refused if self.brought.is_none() => Some(Happened::Refused(refusal())),
            _ => after.current.is_some().then_some(Happened::InDoubt),
        }
    }

    /// When the client got the newest of its secrets: one that is newer than the last success may be the cause of a
    /// refusal. Where the vault does not keep the client, whoever opened the grant may know it.
    pub(super) async fn look_up_secret(&mut self) {
        self.secret_added = self.grant.secret_changed;
        let Some(renewing) = &self.renewing else { return };
        // It only explains: a store that hangs must not keep the lease waiting.
        let client = tokio::time::timeout(self.grant.terms.margin, renewing.client()).await;
        if let Ok(Ok(Some(client))) = client {
            let added = client.secrets().iter().map(|secret| secret.added).max();
            self.secret_added = added.max(self.secret_added);
        }
    }

    /// Why the server refused the grant, by what the record tells.
    pub(super) fn diagnose(&self, after_doubt: bool) -> Option<grantry_core::Diagnosis> {
        let stored = &self.stored.as_ref()?.stored;
        let chronicle = chronicle(stored.renewal());
        let evidence = Evidence {
            history: &chronicle.history,
            me: &self.grant.custody.process,
            lifetimes: self.grant.lifetimes,
            consented: stored.consented(),
            rotated: stored.rotated(),
            rotates: !self.grant.is_repeatable(),
            after_doubt,
            now: self.grant.custody.clock.wall(),
        };
        Some(evidence.diagnosis())
    }
}
