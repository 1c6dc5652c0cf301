//! What a grant brings that nobody waits for any more.

use std::sync::Arc;

use grantry_core::{Clock, ErrorKind, Failure};

use super::Voyage;
use super::sending::Obtained;
use crate::brought::Brought;
use crate::grant::Inner;
use crate::protocol::Redemption;
use crate::stored_grant::StoredGrant;

impl Voyage {
    /// Goes on without a grant that takes too long. If it brings tokens after all, they may be the only ones that live: they are
    /// brought home by their descent, as those of any owner that comes back late.
    pub(super) fn go_on_without(&self, redemption: &Redemption, mut obtained: Obtained) {
        let (Some(stored), Some(intent)) = (self.stored.clone(), redemption.claimed()) else { return };
        tracing::warn!(grant = %self.grant.key, "a grant takes longer than it may; it is not waited for");
        let (grant, tasks) = (Arc::clone(&self.grant), self.grant.custody.tasks.clone());
        let mut awaited = intent.token.map(|token| grant.custody.afloat.await_late(token));
        self.grant.custody.tasks.spawn(async move {
            let mut hope_ends = std::pin::pin!(tokio::time::sleep(grant.terms.doubt_limit));
            let answered = loop {
                tokio::select! {
                    biased;
                    answered = &mut obtained => break answered,
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
            bring_home(grant, stored, brought).await;
            drop(awaited);
        });
    }
}

async fn bring_home(grant: Arc<Inner>, stored: StoredGrant, brought: Brought) {
    let renewing = loop {
        match grant.vault.renew(grant.key.service(), grant.key.account()).await {
            Ok(renewing) => break renewing,
            Err(error) if error.kind() == ErrorKind::Erased => return,
            // The keys or the audit trail are away: it is kept until they are back.
            Err(_) => tokio::time::sleep(grant.terms.allowance / 3).await,
        }
    };
    let redemption = Redemption::adopt(brought.proceeds, grant.terms);
    let mut voyage = Voyage::adopting(Arc::clone(&grant), renewing, brought);
    voyage.stored = Some(stored);
    voyage.aboard = false;
    voyage.seat = grant.custody.lifeboat.reserve().await.ok();
    voyage.board(&redemption.0).await;
    voyage.sail(redemption).await;
}
