//! The five scenes.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use grantry::{AuthorizedClient, ManagedSource, TokenSource};
use grantry_testkit::{Endpoint, Fault, ProtectedResource, TestServer};

use crate::load::{CALLERS, Load, Seen};
use crate::timeline::{Claim, Timeline, Totals};
use crate::watched::{Stalls, Watched};

/// How long the authorization server takes over a token request.
const SLOW: Duration = Duration::from_millis(300);
/// How long the authorization server is down: shorter than the buffer, so that a token is still valid.
const OUTAGE: Duration = Duration::from_millis(1_300);
/// How often a failed renewal is tried again. It takes longer than the outage lasts to use them up.
pub(crate) const RETRIES: u32 = 20;
/// After this the story has gone wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything that the story needs.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) timeline: Timeline,
    pub(crate) server: TestServer,
    pub(crate) api: ProtectedResource,
    pub(crate) client: AuthorizedClient,
    pub(crate) source: Arc<ManagedSource>,
    pub(crate) watched: Arc<Watched>,
}

impl Stage {
    pub(crate) async fn tell(&self) -> Result<(Vec<Claim>, Totals), Box<dyn Error>> {
        let mut claims = vec![self.herd().await?];
        let load = Load::start(&self.client, &self.api.url("/orders"));
        claims.push(self.renewals().await?);
        claims.push(self.outage().await?);
        claims.push(self.revocation().await?);
        let seen = load.stop().await;
        self.timeline.say("the load ends");
        let stalls = self.watched.stalls();
        claims.push(waited(stalls));
        claims.push(answered(&seen));
        Ok((claims, Totals { stalls: stalls.all(), errors: seen.failed.load(Ordering::Relaxed) }))
    }

    async fn herd(&self) -> Result<Claim, Box<dyn Error>> {
        self.server.inject(Endpoint::Token, Fault::delay(SLOW));
        self.timeline.say("1,000 callers ask at once, and there is no token yet; the server takes 300 ms");
        let callers: Vec<_> = (0..1_000).map(|_| tokio::spawn(ask(Arc::clone(&self.source)))).collect();
        for caller in callers {
            caller.await??;
        }
        let asked = self.token_requests();
        Ok(Claim::new(format!("1,000 callers on a cold source made {asked} token request"), asked == 1))
    }

    async fn renewals(&self) -> Result<Claim, Box<dyn Error>> {
        let text =
            format!("{CALLERS} callers request without pause; every token request takes 300 ms from now on");
        self.timeline.say(&text);
        self.server.inject(Endpoint::Token, Fault::delay(SLOW).until_cleared());
        let before = self.token_requests();
        for _ in 0..2 {
            self.renewed().await?;
        }
        let renewed = self.token_requests() - before;
        Ok(Claim::new(format!("{renewed} renewals happened ahead of expiry, under load"), renewed == 2))
    }

    async fn outage(&self) -> Result<Claim, Box<dyn Error>> {
        self.timeline.say("the authorization server is down: it answers 503");
        let before = self.token_requests();
        self.server.clear_faults(Endpoint::Token);
        self.server.inject(Endpoint::Token, Fault::status(503).until_cleared());
        until(|| self.token_requests() > before).await?;
        tokio::time::sleep(OUTAGE).await;
        self.server.clear_faults(Endpoint::Token);
        let refused = self.token_requests() - before;
        self.timeline.say("the authorization server is back");
        self.renewed().await?;
        let most = u64::from(RETRIES) + 1;
        let text = format!("the outage was met with {refused} requests, at most {most}");
        Ok(Claim::new(text, (1..=most).contains(&refused)))
    }

    async fn revocation(&self) -> Result<Claim, Box<dyn Error>> {
        self.timeline.say("the authorization server revokes every access token: the API answers 401");
        let before = self.token_requests();
        self.server.revoke_access_tokens();
        until(|| self.token_requests() > before).await?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let more = self.token_requests() - before;
        Ok(Claim::new(format!("{CALLERS} callers that met 401 caused {more} token request"), more == 1))
    }

    fn token_requests(&self) -> u64 {
        self.server.ledger().count(Endpoint::Token)
    }

    /// Waits until the source has renewed once more.
    async fn renewed(&self) -> Result<(), Box<dyn Error>> {
        let before = self.source.health().renewals;
        until(|| self.source.health().renewals > before).await
    }
}

/// Nobody waits while a token is good; after a refusal each caller waits for the new one, once.
fn waited(Stalls { unprovoked, provoked }: Stalls) -> Claim {
    let text = format!(
        "{unprovoked} requests had to wait for a token before the API refused it, {provoked} after that (at most {CALLERS})"
    );
    Claim::new(text, unprovoked == 0 && provoked <= CALLERS as u64)
}

fn answered(seen: &Seen) -> Claim {
    let (answered, failed) = (seen.answered.load(Ordering::Relaxed), seen.failed.load(Ordering::Relaxed));
    let text = format!(
        "{answered} requests were answered with success, {failed} were not (slowest {:?})",
        seen.slowest()
    );
    Claim::new(text, answered > 0 && failed == 0)
}

async fn ask(source: Arc<ManagedSource>) -> Result<(), grantry::Error> {
    source.token().await.map(drop)
}

async fn until(so: impl Fn() -> bool) -> Result<(), Box<dyn Error>> {
    let wait = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    Ok(tokio::time::timeout(PATIENCE, wait).await?)
}
