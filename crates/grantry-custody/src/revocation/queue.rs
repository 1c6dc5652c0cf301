//! Revocations that are not finished: gone on with each minute, and found again after a restart.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use grantry_core::{Error, GrantKey, Instant};
use grantry_vault::GrantState;
use tokio::sync::Semaphore;

use super::due::Due;
use super::silent::{Server, Silent};
use super::{RevocationReport, Stance};
use crate::counting;
use crate::custody::Shared;
use crate::standing_codec;
use crate::stored_grant::chronicle;

/// How many grants are listed at once.
const PAGE: usize = 256;
/// The first look is soon after the start, when grants have been opened.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// Every so many looks all grants are gone through: other processes may have left something over.
const ALL_EVERY: u32 = 60;

/// How many grants are revoked at once.
const AT_ONCE: usize = 64;
/// How many of them are one server's: one that does not answer leaves the other places to others.
const OF_ONE_SERVER: usize = 16;

/// How many grants of a service may hang while they are opened before the others are not opened at all.
const MOST_HANGING: u32 = 3;

/// The grants whose revocation this process knows to be unfinished.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    keys: Mutex<BTreeMap<GrantKey, Option<Due>>>,
    /// Until when no orphan of another's lifeboat is tried: in nanoseconds of the boot clock.
    orphans_rest_until: AtomicU64,
}

impl Queue {
    /// It is to be gone on with at once.
    pub(super) fn add(&self, key: &GrantKey) {
        self.note(key, None);
    }

    /// When it is to be gone on with.
    pub(super) fn note(&self, key: &GrantKey, due: Option<Due>) {
        let mut keys = self.lock();
        keys.insert(key.clone(), due);
        counting::revocations_waiting(keys.len());
    }

    pub(super) fn remove(&self, key: &GrantKey) {
        let mut keys = self.lock();
        keys.remove(key);
        counting::revocations_waiting(keys.len());
    }

    pub(super) fn orphans_rest(&self, now: Instant) -> bool {
        now.as_nanos() < self.orphans_rest_until.load(Ordering::Relaxed)
    }

    pub(super) fn let_orphans_rest(&self, until: Instant) {
        self.orphans_rest_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
    }

    fn all(&self) -> Vec<GrantKey> {
        self.lock().keys().cloned().collect()
    }

    fn due(&self, key: &GrantKey) -> Option<Due> {
        self.lock().get(key).copied().flatten()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<GrantKey, Option<Due>>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    pub(crate) async fn finish_revocations(
        self: &Arc<Self>,
        tenant: &str,
        silent: &Silent,
    ) -> Result<Vec<RevocationReport>, Error> {
        let vault = self.vault.tenant(tenant);
        let vault = vault.map_err(|error| Error::configuration(error.to_string()))?;
        let (mut reports, mut hanging) = (Vec::new(), HashMap::new());
        let mut after = None;
        loop {
            let page = vault.grants_to_renew(after.as_ref(), PAGE).await?;
            let is_last = page.len() < PAGE;
            after = page.last().map(|(key, _)| key.clone());
            let mut stopped = Vec::new();
            let now = self.clock.now();
            for (key, view) in page {
                if let Some(view) = view.ok().filter(|view| view.state == GrantState::Revoked) {
                    // Another process may have gone on with it, or a later consent have been stopped.
                    // What cannot be read says nothing of that.
                    if standing_codec::read(view.renewal()).is_ok() || self.queue.due(&key).is_none() {
                        let due = chronicle(view.renewal()).stopped;
                        let due = due.map(|stopped| Due::of(&stopped, view.version.read_at(), now));
                        self.queue.note(&key, due);
                    }
                    if self.services.of(&key).is_none() && !self.tasks.is_closed() {
                        self.learn_how_to_revoke(&key, &mut hanging).await;
                    }
                    stopped.push(key);
                }
            }
            reports.extend(self.revoke_each(stopped, silent).await);
            if is_last || self.tasks.is_closed() {
                return Ok(reports);
            }
        }
    }

    /// Goes on with the revocation of each of these, until custody is closed. The reports are in the order of the keys.
    async fn revoke_each(self: &Arc<Self>, keys: Vec<GrantKey>, silent: &Silent) -> Vec<RevocationReport> {
        let mut of_servers: BTreeMap<Server, Vec<(usize, GrantKey)>> = BTreeMap::new();
        for (place, key) in keys.into_iter().enumerate() {
            let server = Server::of(&key, self.services.of(&key).as_ref());
            of_servers.entry(server).or_default().push((place, key));
        }
        // Each look begins with others of a server's: those that hang before the rest is asked for are not always the same.
        for keys in of_servers.values_mut() {
            let begin = silent.look().wrapping_mul(OF_ONE_SERVER).checked_rem(keys.len()).unwrap_or(0);
            keys.rotate_left(begin);
        }
        let places = &Semaphore::new(AT_ONCE);
        let of_one = |(server, keys): (Server, Vec<(usize, GrantKey)>)| async move {
            let server = &server;
            let reports = keys.into_iter().map(|(place, key)| async move {
                let _place = places.acquire().await;
                let report = match self.tasks.is_closed() {
                    true => return None,
                    false => self.go_on_with_one(&key, server, silent).await,
                };
                Some((place, report))
            });
            let reports = stream::iter(reports).buffer_unordered(OF_ONE_SERVER);
            reports.filter_map(std::future::ready).collect::<Vec<_>>().await
        };
        let mut reports = join_all(of_servers.into_iter().map(of_one)).await.concat();
        reports.sort_by_key(|(place, _)| *place);
        reports.into_iter().map(|(_, report)| report).collect()
    }

    /// Looks whether its time has come before anything is begun.
    async fn go_on_with_one(
        self: &Arc<Self>,
        key: &GrantKey,
        server: &Server,
        silent: &Silent,
    ) -> RevocationReport {
        let is_known = self.services.of(key).is_some();
        let waits = |due: Due| due.why_it_waits(self.clock.now(), is_known, silent.is(server));
        match self.queue.due(key).and_then(waits) {
            Some(outcome) => RevocationReport::of_one_that_waits(key.clone(), outcome),
            None => self.revoke(key, Stance::Queued, silent).await,
        }
    }

    /// A grant that is opened tells how its server revokes. Each opening that hangs holds the others up for a while, so that
    /// there are a few of a service, and the rest waits for the next time.
    async fn learn_how_to_revoke(&self, key: &GrantKey, hanging: &mut HashMap<String, u32>) {
        if hanging.get(key.service()).is_some_and(|hung| *hung >= MOST_HANGING) {
            return;
        }
        if self.opened_for(key).await.is_err() {
            *hanging.entry(key.service().to_owned()).or_default() += 1;
        }
    }

    /// Goes on with revocations each minute or so, until custody is closed or dropped. Servers that do not answer hold
    /// nothing else up.
    pub(crate) fn look_after_revocations(self: &Arc<Self>) {
        let (me, tasks) = (Arc::downgrade(self), self.tasks.clone());
        self.tasks.spawn(async move {
            let mut pause = FIRST_LOOK;
            for look in 0.. {
                tokio::select! {
                    biased;
                    () = tasks.closing() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                let Some(shared) = me.upgrade() else { return };
                pause = shared.jitter(shared.looking.unhurried());
                shared.go_on_with_revocations(look).await;
            }
        });
    }

    async fn go_on_with_revocations(self: &Arc<Self>, look: u32) {
        let silent = Silent::in_look(look);
        self.revoke_each(self.queue.all(), &silent).await;
        if self.tasks.is_closed() || !look.is_multiple_of(ALL_EVERY) {
            return;
        }
        let tenants = match self.tenants_within_reach().await {
            Ok(tenants) => tenants,
            Err(_) => self.services.tenants(),
        };
        for tenant in tenants {
            if let Err(error) = self.finish_revocations(tenant.as_str(), &silent).await {
                tracing::warn!(
                    grantry.tenant = tenant.as_str(),
                    error.type = error.kind().as_str(),
                    exception.message = %error,
                    "unfinished revocations cannot be looked for"
                );
            }
        }
    }
}
