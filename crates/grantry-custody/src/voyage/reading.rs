//! Reading the record.

use grantry_core::{Clock, Error, Rotation};

use super::Voyage;
use crate::protocol::{Event, Redemption, Snapshot};
use crate::stored_grant::StoredGrant;

impl Voyage {
    pub(super) async fn read(&mut self) -> Event {
        let event = self.read_once().await;
        let event = if self.is_rolled_back { self.restore(event).await } else { event };
        // Before a token is sent once more to a server that may revoke the family for it: the successor may be in a lifeboat
        // of a process that died here.
        let Event::Read(snapshot) = &event else { return event };
        let forgives =
            matches!(self.grant.terms.rotation, Rotation::None | Rotation::KeepOld | Rotation::Grace { .. });
        if forgives || self.has_adopted || self.brought.is_some() || !snapshot.is_left(&self.grant.terms) {
            return event;
        }
        self.has_adopted = true;
        // Boxed, for what is adopted sails like this.
        Box::pin(self.grant.custody.adopt()).await;
        self.read_once().await
    }

    async fn read_once(&mut self) -> Event {
        let Some(renewing) = &self.renewing else { return Event::NotRead };
        self.waiting.watch(renewing);
        let asked = self.grant.custody.clock.now();
        let (read, is_rolled_back) = renewing.grant_or_what_is_left().await;
        self.is_rolled_back = is_rolled_back;
        let answered = self.grant.custody.clock.now();
        match read {
            Ok(Some(stored)) => {
                let read_at = stored.version.read_at();
                let mut believed = self.grant.custody.store_clock.believe(read_at, asked, answered);
                let pause = self.grant.terms.lease + self.grant.terms.allowance;
                let looked_since =
                    self.grant.attention.look(answered, believed.now.after(answered.since(asked)), pause);
                believed.reachable_since = believed.reachable_since.max(looked_since);
                let stored = StoredGrant { stored, asked, answered, believed };
                self.is_gone = false;
                let snapshot = stored
                    .snapshot(&self.grant.target, self.replacing.as_ref())
                    .map(|read| self.with_living_owner(read));
                self.stored = Some(stored);
                match snapshot {
                    Ok(snapshot) => Event::Read(snapshot),
                    Err(error) => self.not_read(error),
                }
            }
            Ok(None) => {
                self.is_gone = true;
                Event::Gone
            }
            Err(error) => {
                self.grant.custody.store_clock.failed();
                self.not_read(error)
            }
        }
    }

    /// An owner that lives in this process has its lease, however long it could not extend it.
    fn with_living_owner(&self, mut snapshot: Snapshot) -> Snapshot {
        let owner = snapshot.standing.intent.filter(|intent| {
            intent.token.is_some_and(|token| self.grant.custody.afloat.carries(token, &intent.attempt))
        });
        let extended = owner
            .and_then(|owner| snapshot.standing.extended(&owner.attempt, snapshot.stamp, &self.grant.terms));
        if let Some(extended) = extended {
            snapshot.standing = extended;
        }
        snapshot
    }

    /// The store went back: what it has lost, and this process remembers, is written again on top of what is there.
    ///
    /// Until it is, nothing is sent: the token that is there was redeemed.
    async fn restore(&mut self, event: Event) -> Event {
        let (Event::Read(_), None, Some(stored), Some(renewing)) =
            (&event, &self.brought, &self.stored, &self.renewing)
        else {
            return event;
        };
        let Some(lost) = self.grant.keepsake.lost_by(stored, renewing).await else { return event };
        tracing::warn!(grant = %self.grant.key, "the store has lost what it had kept; it is written again");
        let renewing = match self.grant.vault.renew(self.grant.key.service(), self.grant.key.account()).await
        {
            Ok(renewing) => renewing,
            Err(error) => return self.not_read(error),
        };
        let redemption = Redemption::adopt(lost.proceeds, self.grant.terms);
        // Boxed, for it sails like this one.
        let restored = Box::pin(Voyage::adopting(self.grant.clone(), renewing, lost).sail(redemption));
        match tokio::time::timeout(self.grant.terms.lease, restored).await {
            Ok(_) => self.read_once().await,
            Err(_) => Event::NotRead,
        }
    }

    /// Remembers what the record holds.
    pub(super) fn remember(&self) {
        if let (Some(stored), Some(renewing)) = (&self.stored, &self.renewing) {
            self.grant.keepsake.keep(stored, &self.grant.target, renewing);
        }
    }

    pub(super) fn not_read(&mut self, error: Error) -> Event {
        self.store_error = Some(error);
        Event::NotRead
    }
}
