//! How an attempt ends: for whoever asked, for the audit trail, for those who watch.

use std::time::Duration;

use grantry_core::{
    AccessToken, Diagnosis, Error, ErrorKind, Event as News, Failure, Instant, Party, Retry, Scope, Stage,
    StoreTime, TokenSet,
};
use grantry_vault::Fingerprint;
use grantry_vault::audit::Outcome as Audited;

use super::Voyage;
use crate::counting;
use crate::protocol::{End, Redemption, Verdict};
use crate::stored_grant::{Provers, standing};

impl Voyage {
    /// Lets whoever asked have the token: the record has it, or a lifeboat.
    pub(super) fn release(&mut self) {
        let generation = self.stored.as_ref().map_or(0, |stored| stored.stored.version.generation());
        // What is not in the record yet will be its next generation. A write that nobody confirmed may have put it there.
        let generation = generation + u64::from(!self.landed && !self.is_in_record());
        let Some(fresh) = self.fresh.take() else { return };
        // Whoever gets it may want another at once, and where the server does not rotate by the same refresh token.
        if self.landed {
            self.afloat = None;
        }
        if let Some(set) = public(&fresh, generation) {
            self.answer(Ok(set));
        }
    }

    /// Keeps others of this process from a token. Where one of them is at it already, its successor may be here, too.
    pub(super) fn launch(&mut self, token: Fingerprint, redemption: &Redemption) -> bool {
        self.afloat = self.grant.custody.afloat.launch(token, redemption.attempt());
        if self.afloat.is_none() {
            self.failure = Some(Failure::unsent(in_doubt(None, None, None)));
        }
        self.afloat.is_some()
    }

    fn is_in_record(&self) -> bool {
        let (Some(stored), Some(brought)) = (&self.stored, &self.brought) else { return false };
        standing(&stored.stored).is_ok_and(|standing| standing.access_epoch >= brought.proceeds.epoch)
    }

    pub(super) fn finish(&mut self, end: End) {
        self.tell(end);
        if let Some(renewing) = self.renewing.take() {
            renewing.finish(match end {
                End::Fresh | End::Stored => Audited::ok(),
                End::InDoubt(_) => Audited::unknown(),
                _ => Audited::failed(self.error_kind(end).as_str()),
            });
        }
        let reply = match end {
            // Released already; or adopted, for nobody.
            End::Fresh => return,
            End::Stored => self.stored_token_set(),
            other => Err(self.failure_of(other)),
        };
        self.answer(reply);
    }

    fn answer(&mut self, reply: super::Reply) {
        if let Some(sender) = self.reply.take() {
            if let (Ok(set), Some(stored)) = (&reply, &self.stored) {
                self.grant.gives(set, stored.stored.version.lineage());
            }
            // Whoever asked may have gone.
            let _ = sender.send(reply);
        }
    }

    fn stored_token_set(&self) -> super::Reply {
        let elsewhere = self.grant.dpop_key.as_ref();
        let provers = Provers { of: &self.grant.custody.provers, elsewhere };
        let set = self.stored.as_ref().and_then(|stored| stored.token_set(&self.grant.target, &provers));
        set.ok_or_else(|| {
            Failure::unsent(Error::configuration(
                "the stored access token cannot be presented: it is bound to a key that is not beside it, so name that key \
                 with `dpop_key`; or a newer version wrote it",
            ))
        })
    }

    fn error_kind(&self, end: End) -> ErrorKind {
        match end {
            End::Failed => self.failure.as_ref().map_or(ErrorKind::Internal, |failure| failure.error.kind()),
            End::StoreFailed => ErrorKind::Storage,
            End::TooOften(_) => ErrorKind::Unavailable,
            End::Refused(_) | End::Gone => ErrorKind::InvalidGrant,
            _ => ErrorKind::InDoubt,
        }
    }

    fn failure_of(&mut self, end: End) -> Failure {
        let was_sent = self.failure.is_some();
        let failure = self.failure.take();
        match end {
            End::Failed => failure.unwrap_or_else(|| Failure::unsent(Error::internal("an attempt failed"))),
            End::StoreFailed => {
                let error = self.store_error.take();
                let unknown =
                    || Error::new(ErrorKind::Storage, Stage::Vault, "the grant could not be read or written");
                Failure::unsent(error.unwrap_or_else(unknown))
            }
            // A server that does not mind a second try: the first one's failure says more.
            End::InDoubt(None) if self.grant.is_repeatable() && failure.is_some() => {
                failure.unwrap_or_else(|| Failure::unknown(in_doubt(None, None, None)))
            }
            End::InDoubt(at) => self.in_doubt(at, failure),
            End::Again => self.in_doubt(None, failure),
            End::Busy(until) => {
                let at = self.local(until);
                let wait = at.map(|at| at.since(self.grant.custody.clock.now()));
                let fact = "another process is renewing this grant";
                let error = Error::new(ErrorKind::InDoubt, Stage::Wait, fact).with_diagnosis(again(wait));
                Failure::unsent(match at {
                    Some(at) => error.with_retry_at(at),
                    None => error,
                })
            }
            End::TooOften(at) => Failure::unsent(self.too_often(at)),
            End::Refused(verdict) => self.refused(verdict, failure),
            _ => with_sent(Failure::refused(gone(&self.grant.key)), was_sent),
        }
    }

    fn in_doubt(&self, at: Option<StoreTime>, failure: Option<Failure>) -> Failure {
        let sent = failure.is_some();
        let at = at.and_then(|at| self.local(at));
        let wait = at.map(|at| at.since(self.grant.custody.clock.now()));
        let error = in_doubt(at, wait, failure.map(|failure| failure.error));
        with_sent(Failure::unknown(error), sent)
    }

    fn too_often(&self, at: StoreTime) -> Error {
        let at = self.local(at);
        let wait = at.map(|at| at.since(self.grant.custody.clock.now()));
        let bound = self.grant.terms.rate.map(|rate| (rate.most.get(), rate.within));
        let (most, within) = bound.unwrap_or_default();
        let fact = format!(
            "the server lets one refresh token be used {most} times in {within:?}: the uses of this one are spread over that"
        );
        let remedy = "nothing to do: it is renewed when it may be. Where resource servers refuse tokens that are fresh, see why";
        let retry = wait.map_or(Retry::Now, Retry::After);
        let diagnosis = Diagnosis::new(Party::AuthorizationServer, remedy, retry);
        let error = Error::new(ErrorKind::Unavailable, Stage::Wait, fact).with_diagnosis(diagnosis);
        match at {
            Some(at) => error.with_retry_at(at),
            None => error,
        }
    }

    fn refused(&self, verdict: Verdict, failure: Option<Failure>) -> Failure {
        let sent = failure.is_some();
        let error = match verdict {
            Verdict::NeedsPerson { after_doubt, .. } => {
                let fact = "the authorization server refused the last refresh token of this grant";
                let error = failure
                    .map(|failure| failure.error)
                    .unwrap_or_else(|| Error::new(ErrorKind::InvalidGrant, Stage::Token, fact));
                match self.diagnose(after_doubt) {
                    Some(diagnosis) => {
                        // The history says what may have led to it, the provider's code what it took it for.
                        let named = error.diagnosis().as_named_cause().map(str::to_owned);
                        error.with_diagnosis(match named {
                            Some(named) => diagnosis.named_cause(named),
                            None => diagnosis,
                        })
                    }
                    None => error,
                }
            }
            _ => Error::new(ErrorKind::InvalidGrant, Stage::Vault, "the grant was revoked here")
                .with_diagnosis(Diagnosis::new(
                    Party::ResourceOwner,
                    "have the person consent again",
                    Retry::Never,
                )),
        };
        with_sent(Failure::refused(error), sent)
    }

    pub(super) fn local(&self, at: StoreTime) -> Option<Instant> {
        let stored = self.stored.as_ref()?;
        Some(at.to_local(stored.believed.now, stored.answered))
    }

    /// Counts a scope that differs from that of the token before. Whoever watches the token endpoint hears of it there, and with
    /// what was asked for.
    pub(super) fn count_scope(&self, granted: &Scope) {
        let before = self.stored.as_ref().and_then(|stored| stored.stored.access_token(&self.grant.target));
        if before.is_some_and(|before| before.granted != *granted) {
            counting::scope_changed();
        }
    }

    fn tell(&self, end: End) {
        let key = || self.grant.key.clone();
        match end {
            End::Fresh => {
                let stored = self.stored.as_ref().filter(|_| self.has_rotated());
                if let Some(stored) = stored {
                    self.grant.tell(&News::rotated(key(), stored.stored.version.generation()));
                }
            }
            End::InDoubt(at) if self.was_sent => {
                let now = self.grant.custody.clock.now();
                let again_in = at.and_then(|at| self.local(at)).map(|at| at.since(now));
                self.grant.tell(&News::rotation_in_doubt(key(), again_in));
            }
            End::Refused(Verdict::NeedsPerson { after_doubt, .. }) if self.was_sent => {
                self.grant.tell(&News::reauthorization_needed(key(), after_doubt));
            }
            _ => {}
        }
    }
}

/// What a source gets: no refresh token.
fn public(set: &TokenSet, generation: u64) -> Option<TokenSet> {
    let token = set.token();
    let mut public = TokenSet::builder(AccessToken::new(token.expose()), set.obtained())
        .scope(token.scope().clone())
        .binding(token.binding().clone())
        .generation(generation);
    if let Some(expires) = token.expires() {
        public = public.expires(expires);
    }
    if let Some(wish) = set.renew_at() {
        public = public.renew_at(wish);
    }
    public.build().ok()
}

fn in_doubt(at: Option<Instant>, wait: Option<Duration>, cause: Option<Error>) -> Error {
    let fact = "whether the refresh token was spent is not known";
    let mut error = Error::new(ErrorKind::InDoubt, Stage::Token, fact).with_diagnosis(again(wait));
    if let Some(cause) = cause {
        error = error.with_source(cause);
    }
    match at {
        Some(at) => error.with_retry_at(at),
        None => error,
    }
}

/// After that time, if one is known: whoever asks at once learns nothing more.
fn again(wait: Option<Duration>) -> Diagnosis {
    let retry = wait.filter(|wait| !wait.is_zero()).map_or(Retry::Now, Retry::After);
    Diagnosis::new(Party::AuthorizationServer, "nothing to do: it is found out by itself", retry)
}

fn gone(key: &grantry_core::GrantKey) -> Error {
    Error::new(ErrorKind::InvalidGrant, Stage::Vault, format!("the vault holds no grant for {key}"))
        .with_diagnosis(Diagnosis::new(
            Party::ResourceOwner,
            "have the person consent, and keep the grant; or register the client's own with `create_grant`",
            Retry::Never,
        ))
}

fn with_sent(mut failure: Failure, sent: bool) -> Failure {
    failure.sent = sent;
    failure
}
