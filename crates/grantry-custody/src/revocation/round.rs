//! One round of a revocation: every token that is left is revoked, then the record is deleted.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Error, ErrorKind, Event, GrantKey, Instant, RefreshToken, Stage, StoreTime};
use grantry_vault::audit::Outcome;
use grantry_vault::{Fingerprint, GrantRecord, GrantState, Renewing, Stored, StoredAccessToken};

use super::due::Due;
use super::silent::{Server, Silent};
use super::{RevocationReport, Revoked, RevokedPart, Revoker, StepOutcome};
use crate::chronicle::Stopped;
use crate::custody::Shared;
use crate::services::Service;
use crate::stored_grant::{chronicle, standing, with_standing_and};
use crate::traced::of_grant;

/// How long a server may take for one token.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many times a record that others write at the same moment is read again.
const MOST_CONFLICTS: u32 = 16;

/// How long a record that cannot be read is left alone: it takes a newer version, or a key.
const UNREADABLE: Duration = Duration::from_secs(3600);

/// Why a round is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stance {
    /// Somebody asked.
    Asked,
    /// It was left over, and is tried when its time has come.
    Queued,
}

impl Shared {
    /// Goes on with the revocation of a grant that was stopped; the report says how far it got.
    pub(crate) async fn revoke(
        self: &Arc<Self>,
        key: &GrantKey,
        stance: Stance,
        silent: &Silent,
    ) -> RevocationReport {
        let mut report = RevocationReport::new(key.clone());
        // Whoever waits for the report may go away: then the minute task goes on.
        self.queue.add(key);
        if let Err(error) = self.try_to_revoke(key, stance, silent, &mut report).await {
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
            if error.kind() == ErrorKind::Damaged {
                let later = self.clock.now().after(UNREADABLE);
                self.queue.note(key, Some(Due::not_before(later)));
            }
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
        silent: &Silent,
        report: &mut RevocationReport,
    ) -> Result<(), Error> {
        let vault = self.vault.tenant(key.tenant());
        let vault = vault.map_err(|error| Error::configuration(error.to_string()))?;
        let renewing = vault.renew(key.service(), key.account()).await?;
        let round = Round {
            custody: self,
            key,
            stance,
            silent,
            renewing: &renewing,
            done: HashMap::new(),
            in_vain: false,
            answered: self.clock.now(),
        };
        let ended = round.run(report).await;
        renewing.finish(match &ended {
            Ok(()) if report.is_queued() => Outcome::failed("revocation_queued"),
            Ok(()) if report.is_given_up() => Outcome::failed("revocation_given_up"),
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
    /// Servers that are not asked in this round.
    silent: &'a Silent,
    renewing: &'a Renewing,
    /// What the server said of refresh tokens already, where a record has to be read again.
    done: HashMap<Fingerprint, StepOutcome>,
    /// Whether the server was asked for anything in vain.
    in_vain: bool,
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
        let is_over = stopped.is_over(now);
        if self.stance == Stance::Queued && now < stopped.again && !is_over {
            self.wait_for(&stopped, now);
            report.add(RevokedPart::Record, StepOutcome::Failed { error: waits(), queued: true });
            return Ok(());
        }
        let service = self.custody.services.of(self.key);
        let end = if is_over { End::Over } else { End::Open };
        let left = self.ask_server(stored, service.as_ref(), end, stopped.tries as usize, report).await;
        if !report.is_queued() {
            return self.bury(stored, report).await;
        }
        chronicle.stopped = Some(if self.in_vain { stopped.failed(now) } else { stopped });
        if chronicle.stopped != before {
            let standing = standing.withdrawn_in_part(left.refresh_token().is_some());
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

    /// Asks the server to revoke all that is left, each time with another token first: one that it never answers keeps no other from
    /// being revoked. Returns the record without what is done.
    ///
    /// What stands before the place of as many as the tries was asked for in one of them: what is revoked in a try leaves its place
    /// to the next one that is asked for.
    async fn ask_server(
        &mut self,
        stored: &Stored<GrantRecord>,
        service: Option<&Service>,
        end: End,
        tries: usize,
        report: &mut RevocationReport,
    ) -> GrantRecord {
        let tokens = tokens(stored);
        let first = tries.checked_rem(tokens.len()).unwrap_or(0);
        let mut asked = Vec::new();
        for (place, token) in tokens.iter().enumerate().cycle().skip(first).take(tokens.len()) {
            let queued = Queued { asked: end == End::Open, unasked: end.waits_for_silent(place < tries) };
            asked.push((place, *token, self.outcome_of(*token, service, queued).await));
        }
        asked.sort_by_key(|(place, ..)| *place);
        let mut left = stored.value.clone().without_refresh_token().without_access_tokens();
        let mut others = Vec::new();
        for (_, token, outcome) in asked {
            if matches!(outcome, StepOutcome::Failed { .. }) {
                match token {
                    Token::Other(token) => others.push(token.clone()),
                    Token::Refresh(token) => left = left.with_refresh_token(token.clone(), stored.rotated()),
                    Token::Access(access) => left = left.with_access_token(access.clone()),
                }
            }
            report.add(token.part(), outcome);
        }
        left.with_alternates(others)
    }

    async fn outcome_of(
        &mut self,
        token: Token<'_>,
        service: Option<&Service>,
        queued: Queued,
    ) -> StepOutcome {
        let name = match token {
            Token::Other(token) | Token::Refresh(token) => Fingerprint::of(token),
            Token::Access(_) => return self.ask(token, service, queued).await,
        };
        if let Some(done) = self.done.get(&name) {
            return done.clone();
        }
        let outcome = self.ask(token, service, queued).await;
        self.done.insert(name, outcome.clone());
        outcome
    }

    async fn ask(&mut self, token: Token<'_>, service: Option<&Service>, queued: Queued) -> StepOutcome {
        let Some(known) = service else {
            return StepOutcome::Failed { error: unknown_server(), queued: queued.asked };
        };
        let Some(revoker) = &known.revoker else { return StepOutcome::Unsupported };
        let server = Server::of(self.key, service);
        if self.silent.is(&server) {
            let error = if queued.unasked { silent_server() } else { still_silent_server() };
            return StepOutcome::Failed { error, queued: queued.unasked };
        }
        let began = self.custody.clock.now();
        let revoked = match token {
            Token::Other(token) | Token::Refresh(token) => in_time(revoker.revoke_refresh_token(token)).await,
            Token::Access(access) => in_time(revoker.revoke_access_token(&access.token)).await,
        };
        match revoked {
            Ok(Revoked::AtServer) => StepOutcome::Revoked,
            Ok(Revoked::Unsupported) => StepOutcome::Unsupported,
            Err(error) => {
                self.in_vain = true;
                self.silent.note(&server, began, self.custody.clock.now());
                StepOutcome::Failed { error, queued: queued.asked }
            }
        }
    }

    async fn keep(&self, record: GrantRecord, over: &Stored<GrantRecord>) -> Result<(), Error> {
        let generation = over.version.generation();
        self.renewing.store(record, &over.version, generation).await.map(drop)
    }

    async fn bury(&self, stored: &Stored<GrantRecord>, report: &mut RevocationReport) -> Result<(), Error> {
        self.renewing.bury(&stored.version).await?;
        report.deleted = true;
        if report.is_given_up() {
            of_grant!(
                warn,
                self.key,
                "tokens could not be revoked in time; the grant is deleted, and they live on"
            );
        }
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

pub(super) fn waits() -> Error {
    Error::new(ErrorKind::Unavailable, Stage::Revoke, "the server is asked again later")
}

pub(super) fn silent_server() -> Error {
    let fact = "the server did not answer for another token just now; it is asked again later";
    Error::new(ErrorKind::Unavailable, Stage::Revoke, fact)
}

fn still_silent_server() -> Error {
    let fact = "the server did not revoke it before, and did not answer for another token just now";
    Error::new(ErrorKind::Unavailable, Stage::Revoke, fact)
}

/// Whether the server is asked again after a round that does not end the revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It is.
    Open,
    /// It was asked for long enough: only for what it was never asked for.
    Over,
}

impl End {
    /// Whether a token waits that is not asked for since the server hangs.
    fn waits_for_silent(self, was_asked: bool) -> bool {
        match self {
            Self::Open => true,
            Self::Over => !was_asked,
        }
    }
}

/// Whether a token is tried again.
#[derive(Debug, Clone, Copy)]
struct Queued {
    /// After it was asked for in vain, or where nobody knows whom to ask.
    asked: bool,
    /// After it was not asked for, since the server hangs.
    unasked: bool,
}

/// A token that may be alive.
#[derive(Debug, Clone, Copy)]
enum Token<'a> {
    Other(&'a RefreshToken),
    Refresh(&'a RefreshToken),
    Access(&'a StoredAccessToken),
}

impl Token<'_> {
    fn part(self) -> RevokedPart {
        match self {
            Self::Other(_) => RevokedPart::OtherRefreshToken,
            Self::Refresh(_) => RevokedPart::RefreshToken,
            Self::Access(access) => RevokedPart::AccessToken(access.target.clone()),
        }
    }
}

/// What a record holds, but for access tokens that have expired: nobody accepts those.
fn tokens(stored: &Stored<GrantRecord>) -> Vec<Token<'_>> {
    let now = stored.version.read_at();
    let lives = |access: &&StoredAccessToken| access.expires.is_none_or(|expires| now < expires);
    let others = stored.alternates().iter().map(Token::Other);
    let all = others.chain(stored.refresh_token().map(Token::Refresh));
    all.chain(stored.access_tokens().iter().filter(lives).map(Token::Access)).collect()
}
