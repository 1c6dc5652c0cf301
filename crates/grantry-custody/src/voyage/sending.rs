//! The token request, and what comes of it.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use grantry_core::{
    Attempt, Clock, Consumed, Error, ErrorKind, Failure, Grant, Instant, PrivateKey, RefreshToken, Stage,
    TokenSet,
};
use grantry_vault::Fingerprint;

use super::Voyage;
use super::heartbeat::Heartbeat;
use crate::protocol::{Event, Outcome, Proceeds, Redemption};

impl Voyage {
    /// Has the grant redeem a token.
    ///
    /// A grant that never ends would keep the record for as long as the process lives, for its lease goes on. So nobody waits
    /// for it any more when it has had twice the time that it was told, which leaves room for a server that asks for a nonce
    /// first. What it brings after all is brought home like anything else.
    pub(super) async fn send(
        &mut self,
        redemption: &Redemption,
        token: Option<Fingerprint>,
        within: Duration,
    ) -> Event {
        let Some(stored) = &self.stored else { return Event::Failed(Outcome::NotSent) };
        let refresh_token = token.and_then(|token| stored.refresh_token(token).cloned());
        if token.is_some() && refresh_token.is_none() {
            self.failure =
                Some(Failure::unsent(Error::internal("the refresh token to be redeemed is not at hand")));
            return Event::Failed(Outcome::NotSent);
        }
        let proof_key = stored.stored.proof_key().cloned();
        if token.is_some_and(|token| !self.launch(token, redemption)) {
            return Event::Failed(Outcome::NotSent);
        }
        let terms = &self.grant.terms;
        let request = Request {
            replacing: self.replacing.clone(),
            refresh_token,
            proof_key,
            send_before: self.claimed_at.after(within),
            answered_within: terms.answer_within(),
        };
        self.was_sent = true;
        let mut obtained = request.to(Arc::clone(&self.grant.inner));
        let limit = within + 2 * terms.answer_within() + terms.margin;
        let in_time = tokio::time::timeout(limit, &mut obtained);
        let answered = match (&self.renewing, &mut self.stored, redemption.claimed()) {
            (Some(renewing), Some(stored), Some(intent)) => {
                Heartbeat::new(&self.grant, renewing, intent.attempt).during(stored, in_time).await
            }
            _ => in_time.await,
        };
        if answered.is_err() {
            self.go_on_without(redemption, obtained);
        }
        let answered = match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(Panicked)) => Err(unknown(ErrorKind::Internal, "the grant panicked")),
            Err(_elapsed) => Err(unknown(ErrorKind::Interrupted, "the grant did not come to an end")),
        };
        let event = match answered {
            Ok(set) => self.brought(redemption, set),
            Err(failure) => self.failed(redemption, failure).await,
        };
        if self.brought.is_none() {
            self.afloat = None;
        }
        event
    }

    fn brought(&mut self, redemption: &Redemption, set: TokenSet) -> Event {
        let (Some(stored), Some(intent)) = (&self.stored, redemption.claimed()) else {
            return Event::Failed(Outcome::Unknown);
        };
        self.count_scope(set.token().scope());
        let brought = stored.brought_by(&intent, &set);
        let proceeds: Proceeds = brought.proceeds;
        self.brought = Some(brought);
        self.fresh = Some(set);
        Event::Brought(proceeds)
    }

    async fn failed(&mut self, redemption: &Redemption, mut failure: Failure) -> Event {
        let salvaged = failure.salvaged.take();
        let outcome = match failure.consumed {
            Consumed::No if !failure.sent => Outcome::NotSent,
            Consumed::No => Outcome::NotSpent,
            Consumed::Refused => Outcome::Refused,
            _ => Outcome::Unknown,
        };
        self.failure = Some(failure);
        if let Some(found) = salvaged
            && let Some(event) = self.salvaged(redemption, found)
        {
            return event;
        }
        if outcome == Outcome::Refused {
            // The successor may be in a lifeboat of a process that died here.
            // Boxed, for what is adopted sails like this.
            let left = Box::pin(self.grant.custody.adopt()).await;
            self.look_up_secret().await;
            // Then the refusal is not the last word.
            if left.may_be_of(&self.grant.key) {
                return Event::Failed(Outcome::Unknown);
            }
        }
        Event::Failed(outcome)
    }

    /// A refresh token that was found in an answer that cannot be used goes the way of one that came with a usable answer.
    fn salvaged(&mut self, redemption: &Redemption, found: RefreshToken) -> Option<Event> {
        let (stored, intent) = (self.stored.as_ref()?, redemption.claimed()?);
        intent.token?;
        let brought = stored.salvaged_by(&intent, found, self.grant.custody.clock.now());
        let proceeds = brought.proceeds;
        self.brought = Some(brought);
        Some(Event::Brought(proceeds))
    }
}

/// What a grant is asked for, with all that it needs for as long as it takes.
struct Request {
    replacing: Option<TokenSet>,
    refresh_token: Option<RefreshToken>,
    proof_key: Option<PrivateKey>,
    send_before: Instant,
    answered_within: Duration,
}

/// The end of a grant's work; an error for a panic.
pub(super) type Obtained = Pin<Box<dyn Future<Output = Result<Result<TokenSet, Failure>, Panicked>> + Send>>;

/// The grant panicked.
pub(super) struct Panicked;

impl Request {
    fn to(self, grant: Arc<dyn Grant>) -> Obtained {
        Box::pin(async move {
            let mut attempt = Attempt::replace_if_any(self.replacing.as_ref())
                .send_before(self.send_before)
                .answered_within(self.answered_within);
            if let Some(refresh_token) = &self.refresh_token {
                attempt = attempt.redeem(refresh_token);
            }
            // What is bound to a key is redeemed with that key, however old it is (RFC 9449 section 5); and a record that holds
            // several tokens has one key for them.
            if let Some(proof_key) = &self.proof_key {
                attempt = attempt.bound_to(proof_key);
            }
            AssertUnwindSafe(grant.obtain(attempt)).catch_unwind().await.map_err(|_| Panicked)
        })
    }
}

fn unknown(kind: ErrorKind, fact: &'static str) -> Failure {
    Failure::unknown(Error::new(kind, Stage::Token, fact))
}
