//! Grants whose opener is being asked, each by itself: one that hangs holds up neither looks nor other services.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::GrantKey;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::custody::Shared;
use crate::grant::Inner;
use crate::opener::TookTooLong;
use crate::protocol::End;
use crate::standing_codec;
use crate::traced::of_grant;
use crate::voyage::Ended;

/// How many grants of one service are opened at once: whatever makes an opener hang, such as the issuer, is mostly the service's.
const AT_ONCE: usize = 8;
const MOST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a record is waited for that is only to be told of.
const LOOK_PATIENCE: Duration = Duration::from_secs(2);

/// Tenant and service.
type Name = (String, String);

/// What is being opened, and what waits for its turn.
#[derive(Debug, Default)]
pub(crate) struct Openings(Mutex<HashMap<Name, OfService>>);

#[derive(Debug)]
struct OfService {
    places: Arc<Semaphore>,
    keys: HashSet<GrantKey>,
}

/// A grant that is among those that are opened, until this is dropped.
struct Entered {
    openings: Arc<Openings>,
    key: GrantKey,
    places: Arc<Semaphore>,
}

impl Openings {
    /// `None` for one that is among them already: the next look finds it again.
    fn enter(self: &Arc<Self>, key: &GrantKey) -> Option<Entered> {
        let mut services = self.locked();
        let of = services
            .entry(name(key))
            .or_insert_with(|| OfService { places: Arc::new(Semaphore::new(AT_ONCE)), keys: HashSet::new() });
        let is_new = of.keys.insert(key.clone());
        let places = Arc::clone(&of.places);
        is_new.then(|| Entered { openings: Arc::clone(self), key: key.clone(), places })
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Name, OfService>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entered {
    /// The first who waits is the first to have a place.
    async fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let (mut services, name) = (self.openings.locked(), name(&self.key));
        let Some(of) = services.get_mut(&name) else { return };
        of.keys.remove(&self.key);
        if of.keys.is_empty() {
            services.remove(&name);
        }
    }
}

impl Shared {
    /// Finishes what was left of a grant that nobody has opened here, if it can be opened. Nobody waits for it.
    pub(crate) fn finish_unopened(self: &Arc<Self>, key: &GrantKey) {
        if self.opener().is_none() {
            return;
        }
        let Some(entered) = self.openings.enter(key) else { return };
        let (me, tasks) = (Arc::downgrade(self), self.tasks.clone());
        self.tasks.spawn(async move {
            let mut longer = None;
            loop {
                let place = tokio::select! {
                    biased;
                    () = tasks.closing() => return,
                    place = entered.place() => place,
                };
                let Some(shared) = me.upgrade() else { return };
                let asked = shared.opened_for(&entered.key).await;
                drop(place);
                match asked {
                    Ok(Some(grant)) => {
                        if grant.0.is_left_half_done().await {
                            of_grant!(info, &entered.key, "a renewal that was left half done is finished");
                        }
                        let ended = Ended { end: End::Again, at: None, stays_aboard: false };
                        return Arc::clone(&grant.0).resolve_while(ended, Some(grant));
                    }
                    Ok(None) => return,
                    Err(TookTooLong) => {
                        of_grant!(warn, &entered.key, "a grant is not opened in time; it is tried again");
                    }
                }
                // The next look at its tenant may be far away: a large vault is not gone through each minute.
                let pause = longer.unwrap_or_else(|| shared.looking.pause());
                longer = Some((pause * 2).min(MOST_PAUSE));
                let pause = shared.jitter(pause);
                drop(shared);
                tokio::select! {
                    biased;
                    () = tasks.closing() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        });
    }
}

impl Inner {
    /// Whether its record says that nobody is at it any more, as far as that can be read: a renewal that is under way elsewhere is
    /// healthy.
    async fn is_left_half_done(&self) -> bool {
        let view = self.vault.grant_to_renew(self.key.service(), self.key.account());
        let Ok(Ok(Some(view))) = tokio::time::timeout(LOOK_PATIENCE, view).await else { return false };
        let standing = standing_codec::read(view.renewal());
        standing.is_ok_and(|(standing, _)| standing.is_left(view.version.read_at(), &self.terms))
    }
}

fn name(key: &GrantKey) -> Name {
    (key.tenant().to_owned(), key.service().to_owned())
}

#[cfg(test)]
mod tests {
    use grantry_core::{Rotation, StoreTime};
    use grantry_vault::Fingerprint;

    use super::*;
    use crate::protocol::{Intent, Standing, Terms};

    fn key(service: &str, account: usize) -> GrantKey {
        GrantKey::new("acme", service, format!("user-{account}")).unwrap()
    }

    #[test]
    fn a_renewal_that_is_under_way_elsewhere_is_not_left_half_done() {
        let at = |seconds: u64| StoreTime::from_nanos(seconds * 1_000_000_000);
        let token = Fingerprint::from_bytes([1; 16]);
        let (first_sent, lease_until) = (at(1), at(7));
        let intent =
            Intent { attempt: [1; 16], epoch: 1, token: Some(token), first_sent, sends: 1, lease_until };
        let standing = Standing { intent: Some(intent), ..Standing::new(Some(token)) };
        let terms = Terms::of(Rotation::UNKNOWN);
        assert!(!standing.is_left(at(6), &terms), "its owner is at it");
        assert!(standing.is_left(at(7), &terms));
        assert!(
            !standing.clone().withdrawn().is_left(at(7), &terms)
                && !Standing::new(Some(token)).is_left(at(7), &terms)
        );
    }

    #[tokio::test]
    async fn a_service_has_so_many_places_and_another_has_its_own() {
        let openings = Arc::new(Openings::default());
        let entered: Vec<_> = (0..=AT_ONCE).map(|nth| openings.enter(&key("crm", nth)).unwrap()).collect();
        assert!(openings.enter(&key("crm", 0)).is_none(), "it is being opened");
        let mut places = Vec::new();
        for entered in &entered[..AT_ONCE] {
            places.push(entered.place().await);
        }
        let waits = tokio::time::timeout(Duration::from_millis(5), entered[AT_ONCE].place());
        assert!(waits.await.is_err());
        let other = openings.enter(&key("mail", 0)).unwrap();
        assert!(other.place().await.is_some());
        drop(places);
        assert!(entered[AT_ONCE].place().await.is_some());
        drop((entered, other));
        assert!(openings.locked().is_empty());
    }
}
