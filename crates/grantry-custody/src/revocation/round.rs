//! One round of a revocation: every token that is left is revoked, then the record is deleted.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Error, ErrorKind, Event, GrantKey, Instant, Stage, StoreTime};
use grantry_vault::audit::Outcome;
use grantry_vault::{Fingerprint, GrantRecord, GrantState, Renewing, Stored};

use super::due::Due;
use super::{Revocation, RevocationReport, Revoked, RevokedPart, Revoker, StepOutcome};
use crate::chronicle::Stopped;
use crate::custody::Shared;
use crate::protocol::Verdict;
use crate::services::Service;
use crate::stored_grant::{chronicle, standing, with_standing_and};
use crate::traced::of_grant;

/// How long a server may take for one token.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many times a record that others write at the same moment is read again.
const MOST_CONFLICTS: u32 = 16;

/// Why a round is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Somebody asked.
    Asked(Revocation),
    /// It was left over, and is tried when its time has come.
    Queued,
}

impl Shared {
    /// Goes on with the revocation of a grant that was stopped; the report says how far it got.
    pub(crate) async fn revoke(self: &Arc<Self>, key: &GrantKey, stance: Stance) -> RevocationReport {
        let mut report = RevocationReport::new(key.clone());
        // Whoever waits for the report may go away: then the minute task goes on.
        self.queue.add(key);
        if let Err(error) = self.try_to_revoke(key, stance, &mut report).await {
            // Nothing brings an erased tenant's tokens back.
            let queued = error.kind() != ErrorKind::Erased;
            of_grant!(
                warn,
                key,
                error.type = error.kind().as_str(),
                exception.message = %error,
                grantry.queued = queued,
                "a revocation failed"
            );
            report.add(RevokedPart::Record, StepOutcome::Failed { error, queued });
        }
        if !report.is_queued() {
            self.queue.remove(key);
        }
        report
    }

    async fn try_to_revoke(
        self: &Arc<Self>,
        key: &GrantKey,
        stance: Stance,
        report: &mut RevocationReport,
    ) -> Result<(), Error> {
        let vault = self.vault.tenant(key.tenant());
        let vault = vault.map_err(|error| Error::configuration(error.to_string()))?;
        let renewing = vault.renew(key.service(), key.account()).await?;
        let round = Round {
            custody: self,
            key,
            stance,
            renewing: &renewing,
            done: HashMap::new(),
            answered: self.clock.now(),
        };
        let ended = round.run(report).await;
        renewing.finish(match &ended {
            Ok(()) if report.is_queued() => Outcome::failed("revocation_queued"),
            Ok(()) => Outcome::ok(),
            Err(error) => Outcome::failed(error.kind().as_str()),
        });
        ended
    }
}

struct Round<'a> {
    custody: &'a Arc<Shared>,
    key: &'a GrantKey,
    stance: Stance,
    renewing: &'a Renewing,
    /// What the server said of refresh tokens already, where a record has to be read again.
    done: HashMap<Fingerprint, StepOutcome>,
    /// The local clock when the record was there.
    answered: Instant,
}

impl Round<'_> {
    async fn run(mut self, report: &mut RevocationReport) -> Result<(), Error> {
        for _ in 0..MOST_CONFLICTS {
            let (read, _) = self.renewing.grant_or_what_is_left().await;
            self.answered = self.custody.clock.now();
            let Some(stored) = read? else {
                report.deleted = true;
                return Ok(());
            };
            // A person consented anew in between: the old tokens are nobody's, and this grant is not to be touched.
            if stored.state() != GrantState::Revoked {
                return Ok(());
            }
            match self.go_on(&stored, report).await {
                Err(error) if error.kind() == ErrorKind::Conflict => report.steps.clear(),
                other => return other,
            }
        }
        Err(Error::new(ErrorKind::Conflict, Stage::Revoke, "others keep writing the grant's record"))
    }

    async fn go_on(
        &mut self,
        stored: &Stored<GrantRecord>,
        report: &mut RevocationReport,
    ) -> Result<(), Error> {
        // What a newer version of this library wrote is left as it is.
        let standing = standing(stored)?;
        let mut chronicle = chronicle(stored.renewal());
        let now = stored.version.read_at();
        let before = chronicle.stopped;
        let stopped = before.unwrap_or_else(|| Stopped::new(now));
        if self.stance == Stance::Queued && now < stopped.again {
            self.wait_for(&stopped, now);
            report.add(RevokedPart::Record, waits());
            return Ok(());
        }
        let service = self.custody.services.of(self.key);
        let is_over = stopped.is_over(now) || standing.verdict == Some(Verdict::Revoked);
        let left = self.ask_server(stored, service.as_ref(), !is_over, report).await;
        if is_over || !report.is_queued() {
            return self.bury(stored, report).await;
        }
        chronicle.stopped = Some(if service.is_some() { stopped.failed(now) } else { stopped });
        if chronicle.stopped != before {
            let mut standing = standing;
            standing.verdict = Some(Verdict::Revoking);
            standing.current = standing.current.filter(|_| left.refresh_token().is_some());
            self.keep(with_standing_and(left, &standing, &chronicle), stored).await?;
        }
        if let Some(stopped) = &chronicle.stopped {
            self.wait_for(stopped, now);
        }
        Ok(())
    }

    fn wait_for(&self, stopped: &Stopped, read_at: StoreTime) {
        let due = Due::of(stopped, read_at, self.answered);
        self.custody.queue.note(self.key, Some(due));
    }

    /// Asks the server to revoke all that is left. Returns the record without what is done.
    async fn ask_server(
        &mut self,
        stored: &Stored<GrantRecord>,
        service: Option<&Service>,
        queued: bool,
        report: &mut RevocationReport,
    ) -> GrantRecord {
        let mut left = stored.value.clone();
        let mut others = Vec::new();
        for token in stored.alternates() {
            let outcome = self.refresh_token(token, service, queued).await;
            if matches!(outcome, StepOutcome::Failed { .. }) {
                others.push(token.clone());
            }
            report.add(RevokedPart::OtherRefreshToken, outcome);
        }
        left = left.with_alternates(others);
        if let Some(token) = stored.refresh_token() {
            let outcome = self.refresh_token(token, service, queued).await;
            if !matches!(outcome, StepOutcome::Failed { .. }) {
                left = left.without_refresh_token();
            }
            report.add(RevokedPart::RefreshToken, outcome);
        }
        let now = stored.version.read_at();
        let mut kept = Vec::new();
        for access in stored.access_tokens() {
            // Nobody accepts an expired one.
            if access.expires.is_some_and(|expires| expires <= now) {
                continue;
            }
            let revoke = |revoker: Arc<dyn Revoker>| {
                let token = access.token.clone();
                async move { revoker.revoke_access_token(&token).await }
            };
            let outcome = self.ask(service, queued, revoke).await;
            if matches!(outcome, StepOutcome::Failed { .. }) {
                kept.push(access.clone());
            }
            report.add(RevokedPart::AccessToken(access.target.clone()), outcome);
        }
        kept.into_iter().fold(left.without_access_tokens(), GrantRecord::with_access_token)
    }

    async fn refresh_token(
        &mut self,
        token: &grantry_core::RefreshToken,
        service: Option<&Service>,
        queued: bool,
    ) -> StepOutcome {
        let name = Fingerprint::of(token);
        if let Some(done) = self.done.get(&name) {
            return done.clone();
        }
        let revoke = |revoker: Arc<dyn Revoker>| {
            let token = token.clone();
            async move { revoker.revoke_refresh_token(&token).await }
        };
        let outcome = self.ask(service, queued, revoke).await;
        self.done.insert(name, outcome.clone());
        outcome
    }

    async fn ask<F: Future<Output = Result<Revoked, Error>>>(
        &self,
        service: Option<&Service>,
        queued: bool,
        revoke: impl FnOnce(Arc<dyn Revoker>) -> F,
    ) -> StepOutcome {
        if self.stance == Stance::Asked(Revocation::HereOnly) {
            return StepOutcome::NotAsked;
        }
        let Some(service) = service else {
            return StepOutcome::Failed { error: unknown_server(), queued };
        };
        let Some(revoker) = service.revoker.clone() else { return StepOutcome::Unsupported };
        match in_time(revoke(revoker)).await {
            Ok(Revoked::AtServer) => StepOutcome::Revoked,
            Ok(Revoked::Unsupported) => StepOutcome::Unsupported,
            Err(error) => StepOutcome::Failed { error, queued },
        }
    }

    async fn keep(&self, record: GrantRecord, over: &Stored<GrantRecord>) -> Result<(), Error> {
        let generation = over.version.generation();
        self.renewing.store(record, &over.version, generation).await.map(drop)
    }

    async fn bury(&self, stored: &Stored<GrantRecord>, report: &mut RevocationReport) -> Result<(), Error> {
        self.renewing.bury(&stored.version).await?;
        report.deleted = true;
        report.add(RevokedPart::Record, StepOutcome::Revoked);
        let at_server = report.is_revoked_at_server();
        self.custody.tell(&Event::revoked(self.key.clone(), at_server));
        Ok(())
    }
}

pub(crate) async fn in_time(revoke: impl Future<Output = Result<Revoked, Error>>) -> Result<Revoked, Error> {
    let late = |_| Error::new(ErrorKind::Interrupted, Stage::Revoke, "the server took too long");
    tokio::time::timeout(PATIENCE, revoke).await.map_err(late)?
}

pub(super) fn unknown_server() -> Error {
    Error::new(
        ErrorKind::Configuration,
        Stage::Revoke,
        "no grant of this service was opened in this process, so nobody here knows how the server revokes",
    )
}

pub(super) fn waits() -> StepOutcome {
    let error = Error::new(ErrorKind::Unavailable, Stage::Revoke, "the server is asked again later");
    StepOutcome::Failed { error, queued: true }
}
