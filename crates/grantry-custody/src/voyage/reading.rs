//! Reading the record.

use grantry_core::{Clock, Error, ErrorKind, Rotation, Stage};

use super::Voyage;
use crate::protocol::{End, Event, Redemption, Snapshot, Standing};
use crate::stored_grant::{StoredGrant, standing, with_standing};
use crate::traced::of_grant;

impl Voyage {
    /// Reads the record. With something in its hands it waits for the store no longer than its lease allows, and tries again: one
    /// answer that never comes is not yet a store that is gone.
    pub(super) async fn read(&mut self) -> Event {
        if self.brought.is_none() {
            return self.read_with_lifeboats().await;
        }
        match tokio::time::timeout(self.waiting.store_patience(), self.read_with_lifeboats()).await {
            Ok(event) => event,
            Err(_) => {
                let error = self.waiting.store_is_silent();
                self.grant.custody.store_clock.failed(&error);
                self.not_read(error)
            }
        }
    }

    async fn read_with_lifeboats(&mut self) -> Event {
        let event = self.read_and_restore().await;
        // Before a token is sent once more to a server that may revoke the family for it: the successor may be in a lifeboat
        // of a process that died here.
        let Event::Read(snapshot) = &event else { return event };
        let forgives =
            matches!(self.grant.terms.rotation, Rotation::None | Rotation::KeepOld | Rotation::Grace { .. });
        if forgives || self.has_adopted || self.brought.is_some() || !snapshot.is_left(&self.grant.terms) {
            return event;
        }
        // Boxed, for what is adopted sails like this.
        let left = Box::pin(self.grant.custody.adopt()).await;
        if left.may_be_of(&self.grant.key) {
            let fact =
                "nothing was sent: the successor may be in a lifeboat that cannot be brought home just now";
            return self.not_read(Error::new(ErrorKind::Storage, Stage::Keep, fact));
        }
        self.has_adopted = true;
        // The store may have gone back meanwhile.
        self.read_and_restore().await
    }

    async fn read_and_restore(&mut self) -> Event {
        let remembered = self.grant.keepsake.newest();
        let event = self.read_once().await;
        let version = self.stored.as_ref().map(|stored| &stored.stored.version);
        // Others may have written since, so that its version is a new one.
        let is_behind = remembered.zip(version).is_some_and(|((lineage, generation), version)| {
            version.lineage() == lineage && version.generation() < generation
        });
        if self.is_rolled_back || (is_behind && self.brought.is_none()) {
            self.restore(event).await
        } else {
            event
        }
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
                if !is_rolled_back && let Ok(standing) = standing(&stored.stored) {
                    self.grant.keepsake.note(&stored.stored.version, &standing);
                }
                self.stored = Some(stored);
                self.snapshot()
            }
            Ok(None) => {
                self.is_gone = true;
                Event::Gone
            }
            Err(error) => {
                self.grant.custody.store_clock.failed(&error);
                self.not_read(error)
            }
        }
    }

    fn snapshot(&mut self) -> Event {
        let Some(stored) = &self.stored else { return Event::NotRead };
        let snapshot = stored.snapshot(&self.grant.target, self.replacing.as_ref());
        match snapshot.map(|read| self.with_living_owner(read)) {
            Ok(snapshot) => Event::Read(snapshot),
            Err(error) => self.not_read(error),
        }
    }

    /// An owner that lives in this process has its lease, however long it could not extend it. And where one is late, it is as if it
    /// could not have written yet: no last chance is taken before it has had its time.
    fn with_living_owner(&self, mut snapshot: Snapshot) -> Snapshot {
        let mut held = snapshot.standing.current.iter().chain(&snapshot.standing.others);
        if held.any(|held| self.grant.custody.afloat.awaits(held.token)) {
            snapshot.reachable_since = snapshot.now;
        }
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
    /// Until it is, nothing is sent: the token that is there was redeemed, or may be under way.
    async fn restore(&mut self, event: Event) -> Event {
        let (Event::Read(_), Some(stored), Some(renewing)) = (&event, &self.stored, &self.renewing) else {
            return event;
        };
        // The version that a store gives that went back is the newest that was seen. Where others have written since, nothing is
        // known of how it stood.
        let is_rolled_back = self.is_rolled_back;
        let noted = self.grant.keepsake.noted(&stored.stored.version).filter(|_| is_rolled_back);
        let lost = match &self.brought {
            // It writes what it has itself.
            Some(_) => None,
            None => self.grant.keepsake.lost_by(stored, renewing).await,
        };
        let Some(lost) = lost else {
            return if is_rolled_back { self.recall(event, noted).await } else { Event::NotRead };
        };
        of_grant!(warn, &self.grant.key, "the store has lost what it had kept; it is written again");
        let renewing = match self.grant.vault.renew(self.grant.key.service(), self.grant.key.account()).await
        {
            Ok(renewing) => renewing,
            Err(error) => return self.not_read(error),
        };
        let redemption = Redemption::adopt(lost.proceeds, self.grant.terms);
        // Boxed, for it sails like this one.
        let restored = Box::pin(Voyage::adopting(self.grant.clone(), renewing, lost).sail(redemption));
        match tokio::time::timeout(self.grant.terms.lease, restored).await {
            Ok(ended) => {
                // Anything else leaves it to the next look.
                if matches!(ended.end, End::Fresh | End::Stored | End::Refused(_) | End::Gone) {
                    self.grant.keepsake.is_written_again();
                }
                let event = self.read_once().await;
                self.recall(event, noted).await
            }
            Err(_) => Event::NotRead,
        }
    }

    /// The same of an attempt, or of a doubt, that the store has forgotten: the token may be under way, or may have been
    /// redeemed. Others have to know that, too.
    async fn recall(&mut self, event: Event, noted: Option<Standing>) -> Event {
        let (Event::Read(_), Some(stored), Some(renewing)) = (&event, &mut self.stored, &self.renewing)
        else {
            return event;
        };
        let Ok(found) = standing(&stored.stored) else { return event };
        let over = &stored.stored.version;
        let (now, terms) = (stored.believed.now, &self.grant.terms);
        let recalled = match noted {
            Some(later) => found.recalling(&later, now, terms),
            // Others have written since this process looked: nothing is certain.
            None => found.doubting_all(now, terms),
        };
        if recalled == found {
            return event;
        }
        let record = with_standing(stored.stored.value.clone(), &recalled);
        // Whoever has something in its hands is about to write anyhow.
        if self.brought.is_none() {
            of_grant!(warn, &self.grant.key, "the store has forgotten an attempt; what it holds is in doubt");
            match renewing.store(record.clone(), over, over.generation()).await {
                Ok(version) => stored.stored.version = version,
                Err(error) => return self.not_read(error),
            }
            self.grant.keepsake.note(&stored.stored.version, &recalled);
        }
        stored.stored.value = record;
        self.snapshot()
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
