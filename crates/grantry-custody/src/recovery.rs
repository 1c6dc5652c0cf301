//! What happens by itself: what dead processes left is looked for, and doubts are resolved.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{GrantKey, Instant, TenantId};

use crate::counting::Census;
use crate::custody::Shared;
use crate::grant::{CustodyGrant, Inner};
use crate::health::unreadable;
use crate::protocol::{Asked, End, Redemption};
use crate::standing_codec;
use crate::voyage::{Ended, Voyage};

/// How many records are read at once.
const PAGE: usize = 256;
/// The first pause before a doubt is looked into again, where nothing says when.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// So many tenants in a row that cannot be read end a look at all.
const MOST_IN_VAIN: u32 = 3;

impl Shared {
    /// Looks after lifeboats and open intents, soon and then each minute or so, until custody is closed or dropped.
    pub(crate) fn look_after_what_is_left(self: &Arc<Self>) {
        let (me, tasks, sooner) = (Arc::downgrade(self), self.tasks.clone(), self.looking.sooner());
        self.tasks.spawn(async move {
            // The first look is soon: those who open grants do so now.
            let mut pause = FIRST_PAUSE;
            loop {
                let is_time = tokio::select! {
                    biased;
                    () = tasks.closing() => return,
                    () = tokio::time::sleep(pause) => true,
                    () = sooner.notified() => false,
                };
                let Some(shared) = me.upgrade() else { return };
                let next = shared.jitter(shared.looking.pause());
                if !is_time {
                    let soon = if shared.looking.waits_for_all() { FIRST_PAUSE } else { next };
                    pause = pause.min(soon);
                    continue;
                }
                pause = next;
                shared.adopt().await;
                shared.finish_what_nobody_finishes().await;
                shared.look_at_all_others();
            }
        });
    }
}

impl Shared {
    /// Finds the intents of processes that died, and the doubts that they left, among the grants of tenants of which something is
    /// open here.
    async fn finish_what_nobody_finishes(self: &Arc<Self>) {
        let (mut census, mut is_whole) = (Census::default(), true);
        for tenant in self.services.tenants() {
            is_whole &= self.look_through(&tenant, Some(&mut census)).await;
        }
        // Half of the grants would look like a loss of the others.
        if is_whole {
            census.publish();
        }
    }

    /// The same among those of all other tenants, where somebody opens them. It takes as long as it takes, and nobody waits for it.
    fn look_at_all_others(self: &Arc<Self>) {
        let now = self.clock.now();
        if self.opener().is_none() || !self.looking.begin_at_all(now) {
            return;
        }
        let (me, tasks) = (Arc::clone(self), self.tasks.clone());
        self.tasks.spawn(async move {
            tokio::select! {
                biased;
                () = tasks.closing() => {}
                () = me.finish_what_others_left() => {}
            }
            me.looking.was_at_all(now, me.clock.now());
        });
    }

    async fn finish_what_others_left(self: &Arc<Self>) {
        let tenants = match self.all_tenants().await {
            Ok(tenants) => tenants,
            Err(error) => {
                tracing::warn!(
                    error.type = error.kind().as_str(),
                    exception.message = %error,
                    "the tenants cannot be listed; those that are open here are looked at"
                );
                return self.looking.owe_all();
            }
        };
        let (open, mut in_vain) = (self.services.tenants(), 0);
        for tenant in tenants.iter().filter(|tenant| !open.contains(tenant)) {
            in_vain = if self.look_through(tenant, None).await { 0 } else { in_vain + 1 };
            // It is the store that does not answer, not one tenant.
            if in_vain >= MOST_IN_VAIN {
                return self.looking.owe_all();
            }
        }
    }

    /// Goes through a tenant's grants. Whether it came to the end.
    async fn look_through(self: &Arc<Self>, tenant: &TenantId, mut census: Option<&mut Census>) -> bool {
        let Ok(vault) = self.vault.tenant(tenant.as_str()) else { return true };
        let mut after = None;
        loop {
            let asked = self.clock.now();
            let page = match vault.grants_to_renew(after.as_ref(), PAGE).await {
                Ok(page) => page,
                Err(error) => {
                    self.store_clock.failed(&error);
                    tracing::warn!(
                        grantry.tenant = tenant.as_str(),
                        error.type = error.kind().as_str(),
                        exception.message = %error,
                        "open intents cannot be looked for"
                    );
                    return false;
                }
            };
            let Some((last, _)) = page.last() else { return true };
            // A page that is not full is the last: each one costs a pair of lines in the trail.
            let is_last = page.len() < PAGE;
            after = Some(last.clone());
            for (key, listed) in page {
                if let Some(census) = census.as_deref_mut().filter(|_| Census::COUNTS) {
                    let wall = self.clock.wall();
                    let health = listed.as_ref().map(|view| self.health_of(view));
                    census.add(&health.unwrap_or_else(|_| unreadable(key.clone(), wall)), wall);
                }
                let Ok(view) = listed else { continue };
                self.store_clock.believe(view.version.read_at(), asked, self.clock.now());
                let Ok((standing, _)) = standing_codec::read(view.renewal()) else { continue };
                let is_left =
                    standing.verdict.is_none() && (standing.intent.is_some() || standing.is_in_doubt());
                let Some(grant) = self.registered(&key) else {
                    if is_left {
                        self.finish_unopened(&key);
                    }
                    continue;
                };
                grant.keepsake.note(&view.version, &standing);
                // A store that went back is found out by whoever remembers what it lost.
                if is_left || grant.keepsake.is_ahead_of(&view.version) {
                    grant.resolve_after(Ended { end: End::Again, at: None, stays_aboard: false });
                }
            }
            if is_last {
                return true;
            }
        }
    }
}

impl Inner {
    /// After an attempt that left a doubt: somebody finds out, whatever the source's policy says.
    pub(crate) fn resolve_after(self: &Arc<Self>, ended: Ended) {
        self.resolve_while(ended, None);
    }

    /// The same, and meanwhile something is held.
    pub(crate) fn resolve_while(self: &Arc<Self>, ended: Ended, held: Option<Arc<CustodyGrant>>) {
        if !matches!(ended.end, End::InDoubt(_) | End::Again) {
            return;
        }
        // Before it is known whether somebody resolves them: who does looks here after he has stopped.
        self.custody.raised.add(&self.key);
        if self.resolves.swap(true, Ordering::AcqRel) {
            return;
        }
        let (me, tasks) = (Arc::downgrade(self), self.custody.tasks.clone());
        let first = self.pause(ended.at, FIRST_PAUSE);
        let started = self.custody.tasks.spawn(async move {
            let _held = held;
            let (mut pause, mut longer) = (first, FIRST_PAUSE);
            loop {
                tokio::select! {
                    biased;
                    () = tasks.closing() => return,
                    () = tokio::time::sleep(pause) => {}
                }
                let Some(grant) = me.upgrade() else { return };
                let raised = &grant.custody.raised;
                // What came up so far is looked into now; what comes up from here on may not be seen.
                raised.take(&grant.key);
                if let Some(again) = grant.resolve().await {
                    longer = (longer * 2).min(MOST_PAUSE);
                    pause = grant.pause(again.at, longer);
                    continue;
                }
                grant.resolves.store(false, Ordering::Release);
                if !raised.take(&grant.key) || grant.resolves.swap(true, Ordering::AcqRel) {
                    return;
                }
                (pause, longer) = (grant.pause(None, FIRST_PAUSE), FIRST_PAUSE);
            }
        });
        if !started {
            self.resolves.store(false, Ordering::Release);
        }
    }

    /// Until the moment that was named, if one was; otherwise about so long.
    fn pause(&self, at: Option<Instant>, about: Duration) -> Duration {
        match at {
            Some(at) => at.since(self.custody.clock.now()).max(Duration::from_millis(1)),
            None => self.custody.jitter(about),
        }
    }

    /// One attempt to resolve a doubt; `None` where there is none any more.
    async fn resolve(self: &Arc<Self>) -> Option<Ended> {
        let asked = Asked { attempt: self.custody.new_attempt(), replacing: None, resolves: true };
        let Ok(voyage) = Voyage::prepare(Arc::clone(self), None, None).await else {
            return Some(Ended { end: End::StoreFailed, at: None, stays_aboard: false });
        };
        let ended = voyage.sail(Redemption::begin(asked, self.terms, self.custody.releases_aboard())).await;
        let is_over = matches!(ended.end, End::Fresh | End::Stored | End::Gone | End::Refused(_));
        (!is_over).then_some(ended)
    }
}

/// Grants of which a doubt came up since they were last looked into.
#[derive(Debug, Default)]
pub(crate) struct Raised(Mutex<HashSet<GrantKey>>);

impl Raised {
    fn add(&self, key: &GrantKey) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone());
    }

    /// Whether one came up. It is not told again.
    fn take(&self, key: &GrantKey) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key)
    }
}
