//! What a grant brings that nobody waits for any more.

use std::sync::Arc;

use grantry_core::{Clock, ErrorKind, Failure};
use grantry_vault::Renewing;

use super::Voyage;
use super::sending::Obtained;
use crate::brought::Brought;
use crate::grant::Inner;
use crate::protocol::Redemption;
use crate::stored_grant::StoredGrant;
use crate::traced::of_grant;

impl Voyage {
    /// Goes on without a grant that takes too long. If it brings tokens after all, they may be the only ones that live: they are
    /// brought home by their descent, as those of any owner that comes back late.
    pub(super) fn go_on_without(&self, redemption: &Redemption, mut obtained: Obtained) {
        let (Some(stored), Some(intent)) = (self.stored.clone(), redemption.claimed()) else { return };
        of_grant!(warn, &self.grant.key, "a grant takes longer than it may; it is not waited for");
        let (grant, tasks) = (Arc::clone(&self.grant), self.grant.custody.tasks.clone());
        let mut awaited = intent.token.map(|token| grant.custody.afloat.await_late(token));
        self.grant.custody.tasks.spawn(async move {
            // Keys and audit trail come first here, too: once something has come, it goes into the lifeboat.
            let mut allowed = std::pin::pin!(allowed(&grant));
            let mut renewing = None;
            let mut hope_ends = std::pin::pin!(tokio::time::sleep(grant.terms.doubt_limit));
            let answered = loop {
                tokio::select! {
                    biased;
                    answered = &mut obtained => break answered,
                    begun = &mut allowed, if renewing.is_none() => match begun {
                        Some(begun) => renewing = Some(begun),
                        None => return,
                    },
                    // What may never come keeps nobody from closing, nor for ever from the last chance.
                    () = tasks.closing() => return,
                    () = &mut hope_ends, if awaited.is_some() => awaited = None,
                }
            };
            let now = grant.custody.clock.now();
            let brought = match answered {
                Ok(Ok(set)) => stored.brought_by(&intent, &set),
                Ok(Err(Failure { salvaged: Some(found), .. })) if intent.token.is_some() => {
                    stored.salvaged_by(&intent, found, now)
                }
                _ => return,
            };
            let renewing = match renewing {
                Some(renewing) => Some(renewing),
                None => allowed.await,
            };
            if let Some(renewing) = renewing {
                bring_home(&grant, renewing, stored, brought).await;
            }
            drop(awaited);
        });
    }
}

/// A renewal, as soon as the keys and the audit trail allow one; `None` where nothing can bring the grant back.
async fn allowed(grant: &Inner) -> Option<Renewing> {
    loop {
        match grant.vault.renew(grant.key.service(), grant.key.account()).await {
            Ok(renewing) => return Some(renewing),
            Err(error) if error.kind() == ErrorKind::Erased => return None,
            Err(_) => tokio::time::sleep(grant.terms.allowance / 3).await,
        }
    }
}

async fn bring_home(grant: &Arc<Inner>, renewing: Renewing, stored: StoredGrant, brought: Brought) {
    let redemption = Redemption::adopt(brought.proceeds, grant.terms);
    let mut voyage = Voyage::adopting(Arc::clone(grant), renewing, brought);
    voyage.stored = Some(stored);
    voyage.aboard = false;
    // Where all seats are taken, the store is what is left.
    let seat = tokio::time::timeout(grant.terms.lease / 3, grant.custody.reserve_seat()).await;
    voyage.seat = seat.ok().and_then(Result::ok);
    voyage.board(&redemption.0).await;
    voyage.sail(redemption).await;
}
