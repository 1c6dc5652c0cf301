//! Tokens that no record holds, and none ever will.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Error, StoreTime};
use grantry_vault::GrantState;
use grantry_vault::audit::Outcome;

use super::Revoked;
use super::round::in_time;
use crate::brought::Brought;
use crate::chronicle::Stopped;
use crate::grant::Inner;
use crate::lifeboat::Seat;
use crate::traced::of_grant;

/// The pause before the second try, doubled each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(3600);
/// How long an attempt may take that others wait for, and how long none is made after one that failed.
const SHORTLY: Duration = Duration::from_secs(3);
const REST: Duration = Duration::from_secs(20);

/// Tokens that came for a grant that was revoked, removed, or consented to anew.
pub(crate) struct Orphan {
    pub(crate) grant: Arc<Inner>,
    pub(crate) brought: Brought,
    /// Whether another consent lives in the grant's place.
    pub(crate) heir_lives: bool,
}

/// What became of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Orphaned {
    /// There is nothing left to be done.
    Done,
    /// It is to be tried again.
    Remains,
}

impl Orphan {
    /// Tries once, and gives up what is older than a revocation may take by the store's clock.
    pub(crate) async fn revoke_once(&self, now: Option<StoreTime>) -> Orphaned {
        if now.is_some_and(|now| now >= self.brought.obtained.after(Stopped::LIMIT)) {
            self.tell_that_it_is_given_up();
            return Orphaned::Done;
        }
        let custody = &self.grant.custody;
        if custody.queue.orphans_rest(custody.clock.now()) {
            return Orphaned::Remains;
        }
        match tokio::time::timeout(SHORTLY, self.ask_server()).await {
            Ok(Ok(orphaned)) => return orphaned,
            Ok(Err(error)) => self.tell_of_a_later_try(&error),
            Err(_) => {}
        }
        custody.queue.let_orphans_rest(custody.clock.now().after(REST));
        Orphaned::Remains
    }

    /// Goes on trying as long as the process lives. In the lifeboat they outlive it, unless its seats run out.
    pub(crate) fn revoke_in_the_background(mut self, seat: Option<Seat>) {
        let custody = Arc::clone(&self.grant.custody);
        let tasks = custody.tasks.clone();
        let (key, is_aboard) = (self.grant.key.clone(), seat.is_some());
        let started = custody.clone().tasks.spawn(async move {
            let (start, mut pause) = (custody.clock.now(), FIRST_PAUSE);
            let ticket = seat.map(|seat| custody.orphans_aboard.enter(seat));
            let mut tried = self.ask_server().await;
            loop {
                match tried {
                    Ok(Orphaned::Done) => break,
                    Ok(Orphaned::Remains) => {}
                    Err(error) => self.tell_of_a_later_try(&error),
                }
                if custody.clock.now().since(start) >= Stopped::LIMIT {
                    self.tell_that_it_is_given_up();
                    break;
                }
                tokio::select! {
                    biased;
                    // What sits in the lifeboat stays there for whoever adopts it.
                    () = tasks.closing() => return,
                    () = tokio::time::sleep(custody.jitter(pause)) => {}
                }
                pause = (pause * 2).min(MOST_PAUSE);
                tried = self.ask_server_again().await;
            }
            if let Some(seat) = ticket.and_then(|ticket| custody.orphans_aboard.take(ticket)) {
                custody.lifeboat.leave(seat);
            }
        });
        if !started && !is_aboard {
            of_grant!(warn, &key, "custody was closed before tokens of a grant that is gone were revoked");
        }
    }

    fn tell_that_it_is_given_up(&self) {
        of_grant!(warn, &self.grant.key, "tokens of a grant that is gone could not be revoked in time");
    }

    fn tell_of_a_later_try(&self, error: &Error) {
        of_grant!(
            warn,
            &self.grant.key,
            error.type = error.kind().as_str(),
            exception.message = %error,
            "tokens of a grant that is gone are revoked later"
        );
    }

    /// A person may have consented anew since the last try.
    async fn ask_server_again(&mut self) -> Result<Orphaned, Error> {
        let (vault, key) = (&self.grant.vault, &self.grant.key);
        let renewing = vault.renew(key.service(), key.account()).await?;
        let (read, _) = renewing.grant_or_what_is_left().await;
        let tried = match read {
            Ok(stored) => {
                self.heir_lives = stored.is_some_and(|stored| stored.state() != GrantState::Revoked);
                self.ask_server().await
            }
            Err(error) => Err(error),
        };
        renewing.finish(match &tried {
            Ok(_) => Outcome::ok(),
            Err(error) => Outcome::failed(error.kind().as_str()),
        });
        tried
    }

    async fn ask_server(&self) -> Result<Orphaned, Error> {
        let Some(service) = self.grant.custody.services.of(&self.grant.key) else {
            return Ok(Orphaned::Remains);
        };
        let Some(revoker) = service.revoker else { return Ok(Orphaned::Done) };
        if self.heir_lives && !revoker.spares_later_consents() {
            of_grant!(
                info,
                &self.grant.key,
                "tokens of an earlier consent are left alone for the sake of the later one"
            );
            return Ok(Orphaned::Done);
        }
        if let Some(token) = &self.brought.refresh_token {
            let _: Revoked = in_time(revoker.revoke_refresh_token(token)).await?;
        }
        if let Some(access) = &self.brought.access {
            let _: Revoked = in_time(revoker.revoke_access_token(&access.token)).await?;
        }
        Ok(Orphaned::Done)
    }
}
