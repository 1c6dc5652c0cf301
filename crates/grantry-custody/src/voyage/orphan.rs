//! Tokens that came for a grant that is no longer there.

use super::Voyage;
use crate::revocation::{Orphan, Orphaned};
use crate::traced::of_grant;
use grantry_vault::GrantState;

impl Voyage {
    /// Has them revoked. What sits in a lifeboat stays there until that is done, or until it makes no sense any more.
    pub(super) async fn revoke_orphan(&mut self) {
        let Some(brought) = self.brought.take() else { return };
        if self.is_named_by_record(&brought.proceeds) {
            of_grant!(error, &self.grant.key, "tokens of a grant that lives were not to be revoked");
            return;
        }
        let heir_lives = self.heir_lives();
        let orphan = Orphan { grant: self.grant.clone(), brought, heir_lives };
        if self.aboard && self.seat.is_none() {
            // It is in another's boat, which comes again.
            let now = match &self.renewing {
                Some(renewing) => renewing.now().await.ok(),
                None => None,
            };
            self.stays_aboard = matches!(orphan.revoke_once(now).await, Orphaned::Remains);
            return;
        }
        // A seat in which nothing sits is left like any other.
        let seat = if self.aboard { self.seat.take() } else { None };
        self.aboard = false;
        orphan.revoke_in_the_background(seat);
    }

    /// Whether another consent lives in the grant's place.
    fn heir_lives(&self) -> bool {
        let stored = self.stored.as_ref().filter(|_| !self.is_gone);
        stored.is_some_and(|stored| stored.stored.state() != GrantState::Revoked)
    }

    /// Whether the record is of the same line of descent, and lives: then nothing of it is an orphan.
    fn is_named_by_record(&self, proceeds: &crate::protocol::Proceeds) -> bool {
        let stored = self.stored.as_ref().filter(|_| self.heir_lives());
        stored.is_some_and(|stored| stored.stored.version.lineage() == proceeds.lineage)
    }
}
