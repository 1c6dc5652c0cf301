//! A grant that somebody withdraws: what becomes of the record.

use super::{Standing, Verdict};

impl Standing {
    /// Somebody withdrew the grant: nothing is redeemed any more, and what an attempt still brings is an orphan. There is no way
    /// back; whoever is at work keeps its place in the record only so that it can be waited for.
    #[must_use]
    pub fn withdrawn(self) -> Self {
        Self { verdict: Some(Verdict::Revoking), ..self }
    }

    /// The same after the server was asked to revoke each token in vain for some. `keeps_current` says whether the token that would
    /// be redeemed next is among those. Once there is none the record is buried, and a tombstone stands in its place.
    #[must_use]
    pub fn withdrawn_in_part(self, keeps_current: bool) -> Self {
        let current = self.current.filter(|_| keeps_current);
        Self { verdict: Some(Verdict::Revoking), current, ..self }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grantry_core::{Rotation, StoreTime};
    use grantry_vault::{Fingerprint, LineageId};

    use super::*;
    use crate::protocol::{Asked, Decision, Intent, Landing, Outcome, Proceeds, Settled, Snapshot, Terms};

    const TOKEN: Fingerprint = Fingerprint::from_bytes([1; 16]);
    const LINEAGE: LineageId = LineageId::from_bytes([7; 16]);

    fn intent() -> Intent {
        let now = StoreTime::from_nanos(0);
        Intent {
            attempt: [1; 16],
            epoch: 1,
            token: Some(TOKEN),
            first_sent: now,
            sends: 1,
            lease_until: now.after(Duration::from_secs(6)),
        }
    }

    fn withdrawn() -> Snapshot {
        let standing =
            Standing { intent: Some(intent()), epoch: 1, ..Standing::new(Some(TOKEN)) }.withdrawn();
        let now = StoreTime::from_nanos(0);
        Snapshot {
            standing,
            lineage: LINEAGE,
            generation: 0,
            now,
            stamp: now,
            took: Duration::ZERO,
            reachable_since: now,
            access_expires: Some(None),
            holds_another: None,
        }
    }

    #[test]
    fn nothing_is_redeemed_once_a_grant_was_withdrawn() {
        let asked = Asked { attempt: [2; 16], replacing: None, resolves: false };
        let decision = withdrawn().decide(&asked, &Terms::of(Rotation::UNKNOWN));
        assert_eq!(decision, Decision::Refuse(Verdict::Revoking));
    }

    #[test]
    fn what_comes_after_a_withdrawal_is_an_orphan() {
        let proceeds = Proceeds {
            lineage: LINEAGE,
            attempt: [1; 16],
            epoch: 1,
            parent: Some(TOKEN),
            successor: Some(Fingerprint::from_bytes([2; 16])),
            usable: true,
        };
        assert_eq!(withdrawn().land(&proceeds, &Terms::of(Rotation::UNKNOWN)), Landing::Orphan);
    }

    #[test]
    fn no_end_of_an_attempt_takes_a_withdrawal_back() {
        for outcome in [Outcome::NotSent, Outcome::NotSpent, Outcome::Refused, Outcome::Unknown] {
            let settled = withdrawn().settle(&intent(), outcome, &Terms::of(Rotation::UNKNOWN));
            let (Settled::AsBefore(standing) | Settled::InDoubt(standing) | Settled::NeedsPerson(standing)) =
                settled
            else {
                panic!("{outcome:?}: {settled:?}")
            };
            assert_eq!(standing.verdict, Some(Verdict::Revoking), "{outcome:?}");
        }
    }

    #[test]
    fn what_the_server_did_not_revoke_stays_and_is_asked_for_again() {
        let standing = withdrawn().standing;
        let kept = standing.clone().withdrawn_in_part(true);
        assert_eq!(kept, standing);
        let gone = standing.withdrawn_in_part(false);
        assert_eq!((gone.current, gone.verdict), (None, Some(Verdict::Revoking)));
    }
}
