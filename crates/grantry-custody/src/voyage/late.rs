//! What a grant brings that nobody waits for any more.

use std::sync::Arc;

use grantry_core::{Clock, ErrorKind, Failure};
use grantry_vault::{LateSeal, Renewing};

use super::Voyage;
use super::sending::Obtained;
use crate::brought::Brought;
use crate::custody::Shared;
use crate::grant::Inner;
use crate::lifeboat::{Cargo, Seat};
use crate::protocol::Redemption;
use crate::stored_grant::StoredGrant;
use crate::traced::of_grant;

impl Voyage {
    /// Goes on without a grant that takes too long. If it brings tokens after all, they may be the only ones that live: they are
    /// brought home by their descent, as those of any owner that comes back late.
    pub(super) fn go_on_without(&self, redemption: &Redemption, mut obtained: Obtained) {
        let (Some(stored), Some(intent)) = (self.stored.clone(), redemption.claimed()) else { return };
        let Some(seal) = self.renewing.as_ref().map(Renewing::late_seal) else { return };
        of_grant!(warn, &self.grant.key, "a grant takes longer than it may; it is not waited for");
        let (grant, tasks) = (Arc::clone(&self.grant), self.grant.custody.tasks.clone());
        let mut awaited = intent.token.map(|token| grant.custody.afloat.await_late(token));
        self.grant.custody.tasks.spawn(async move {
            // Keys and audit trail come first here, too; but once something has come, it waits for them in the lifeboat.
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
            // Not before: what never comes would keep its seat for ever. Where all are taken, the store is what is left.
            let seat = tokio::time::timeout(grant.terms.lease / 3, grant.custody.reserve_seat()).await;
            let seat = seat.ok().and_then(Result::ok);
            let mut berth = Berth { custody: Arc::clone(&grant.custody), seat, is_taken: false };
            berth.board(&seal, &stored, &brought).await;
            let renewing = match renewing {
                Some(renewing) => Some(renewing),
                None => tokio::select! {
                    biased;
                    begun = allowed => begun,
                    // Whoever comes next adopts it.
                    () = tasks.closing(), if berth.is_taken => return,
                },
            };
            if let Some(renewing) = renewing {
                bring_home(&grant, renewing, stored, brought, berth).await;
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

async fn bring_home(
    grant: &Arc<Inner>,
    renewing: Renewing,
    stored: StoredGrant,
    brought: Brought,
    mut berth: Berth,
) {
    let redemption = Redemption::adopt(brought.proceeds, grant.terms);
    let mut voyage = Voyage::adopting(Arc::clone(grant), renewing, brought);
    voyage.stored = Some(stored);
    (voyage.seat, voyage.aboard) = (berth.seat.take(), berth.is_taken);
    voyage.sail(redemption).await;
}

/// A seat for what comes late, before there is an attempt that brings it home.
struct Berth {
    custody: Arc<Shared>,
    seat: Option<Seat>,
    /// Whether the lifeboat may hold what sits in the seat.
    is_taken: bool,
}

impl Berth {
    async fn board(&mut self, seal: &LateSeal, stored: &StoredGrant, brought: &Brought) {
        let version = &stored.stored.version;
        let sealed = seal.seal_aside(version.lineage(), version.generation(), &brought.encode());
        let (Some(seat), Ok(sealed)) = (&self.seat, sealed) else { return };
        let cargo = Cargo::new(seal.record().clone(), sealed);
        // Whoever is cut off in between leaves it there.
        self.is_taken = true;
        self.is_taken = self.custody.lifeboat.board(seat, &cargo).await.is_ok();
    }
}

impl Drop for Berth {
    fn drop(&mut self) {
        // What the lifeboat holds stays there for whoever adopts it.
        if let Some(seat) = self.seat.take().filter(|_| !self.is_taken) {
            self.custody.lifeboat.leave(seat);
        }
    }
}
