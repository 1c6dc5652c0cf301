//! Reading the record.

use grantry_core::{Clock, Error, Rotation};
use grantry_vault::Renewing;

use super::Voyage;
use crate::protocol::Event;
use crate::stored_grant::StoredGrant;

impl Voyage {
    pub(super) async fn read(&mut self) -> Event {
        let event = self.read_once().await;
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
        let read = match renewing.grant().await {
            // What was lost is in this process, or in a lifeboat: it is written again on top of what is there.
            Err(error) if Renewing::is_rollback(&error) => renewing.grant_after_rollback().await,
            other => other,
        };
        let answered = self.grant.custody.clock.now();
        match read {
            Ok(Some(stored)) => {
                let read_at = stored.version.read_at();
                let believed = self.grant.custody.store_clock.believe(read_at, asked, answered);
                let stored = StoredGrant { stored, asked, answered, believed };
                self.is_gone = false;
                let snapshot = stored.snapshot(&self.grant.target);
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
            Err(error) => self.not_read(error),
        }
    }

    pub(super) fn not_read(&mut self, error: Error) -> Event {
        self.store_error = Some(error);
        Event::NotRead
    }
}
