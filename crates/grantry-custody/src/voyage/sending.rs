//! The token request, and what comes of it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use grantry_core::{
    Attempt, Clock, Consumed, Error, ErrorKind, Failure, FurtherParameters, RefreshToken, Stage, TokenSet,
};
use grantry_vault::Fingerprint;

use super::Voyage;
use super::heartbeat::Heartbeat;
use crate::brought::{Brought, BroughtAccess};
use crate::protocol::{Event, Outcome, Proceeds, Redemption};

impl Voyage {
    /// Has the grant redeem a token.
    ///
    /// A grant that never ends would keep the record for as long as the process lives, for its lease goes on. So it is given up
    /// when it has had twice the time that it was told, which leaves room for a server that asks for a nonce first.
    pub(super) async fn send(
        &mut self,
        redemption: &Redemption,
        token: Option<Fingerprint>,
        within: Duration,
    ) -> Event {
        let Some(stored) = &self.stored else { return Event::Failed(Outcome::NotSpent) };
        let refresh_token = token.and_then(|token| stored.refresh_token(token).cloned());
        if token.is_some() && refresh_token.is_none() {
            self.failure =
                Some(Failure::unsent(Error::internal("the refresh token to be redeemed is not at hand")));
            return Event::Failed(Outcome::NotSpent);
        }
        let proof_key = stored.stored.proof_key().cloned();
        if token.is_some_and(|token| !self.launch(token, redemption)) {
            return Event::Failed(Outcome::NotSpent);
        }
        let mut attempt = Attempt::replace_if_any(self.replacing.as_ref())
            .send_before(self.claimed_at.after(within))
            .answered_within(self.grant.terms.answer_within());
        if let Some(refresh_token) = &refresh_token {
            attempt = attempt.redeem(refresh_token);
        }
        // What is bound to a key is redeemed with that key, however old it is (RFC 9449 section 5); and a record that holds
        // several tokens has one key for them.
        if let Some(proof_key) = &proof_key {
            attempt = attempt.bound_to(proof_key);
        }
        self.was_sent = true;
        let inner = Arc::clone(&self.grant.inner);
        let terms = &self.grant.terms;
        let obtained = AssertUnwindSafe(inner.obtain(attempt)).catch_unwind();
        let obtained = tokio::time::timeout(within + 2 * terms.answer_within() + terms.margin, obtained);
        let answered = match (&self.renewing, &mut self.stored, redemption.claimed()) {
            (Some(renewing), Some(stored), Some(intent)) => {
                Heartbeat::new(&self.grant, renewing, intent.attempt).during(stored, obtained).await
            }
            _ => obtained.await,
        };
        let answered = match answered {
            Ok(Ok(answered)) => answered,
            Ok(Err(_panic)) => Err(unknown(ErrorKind::Internal, "the grant panicked")),
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
        let lineage = stored.stored.version.lineage();
        let token = set.token();
        self.count_scope(token.scope());
        let (binding, proof_key) = Brought::bound(token.binding());
        let brought = Brought {
            proceeds: Brought::proceeds(lineage, &intent, set.refresh_token(), true),
            refresh_token: set.refresh_token().cloned(),
            obtained: stored.store_time(set.obtained()),
            access: Some(BroughtAccess {
                token: grantry_core::AccessToken::new(token.expose()),
                granted: token.scope().clone(),
                expires: token.expires().map(|expires| stored.store_time(expires)),
                binding,
                proof_key,
            }),
            further: set.further().clone(),
        };
        let proceeds: Proceeds = brought.proceeds;
        self.brought = Some(brought);
        self.fresh = Some(set);
        Event::Brought(proceeds)
    }

    async fn failed(&mut self, redemption: &Redemption, mut failure: Failure) -> Event {
        let salvaged = failure.salvaged.take();
        let outcome = match failure.consumed {
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
            Box::pin(self.grant.custody.adopt()).await;
            self.look_up_secret().await;
        }
        Event::Failed(outcome)
    }

    /// A refresh token that was found in an answer that cannot be used goes the way of one that came with a usable answer.
    fn salvaged(&mut self, redemption: &Redemption, found: RefreshToken) -> Option<Event> {
        let (stored, intent) = (self.stored.as_ref()?, redemption.claimed()?);
        intent.token?;
        let proceeds = Brought::proceeds(stored.stored.version.lineage(), &intent, Some(&found), false);
        let obtained = stored.store_time(self.grant.custody.clock.now());
        let further = FurtherParameters::default();
        self.brought =
            Some(Brought { proceeds, refresh_token: Some(found), obtained, access: None, further });
        Some(Event::Brought(proceeds))
    }
}

fn unknown(kind: ErrorKind, fact: &'static str) -> Failure {
    Failure::unknown(Error::new(kind, Stage::Token, fact))
}
