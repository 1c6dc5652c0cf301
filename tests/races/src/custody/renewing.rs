//! How each grant is renewed, and how long things may take.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{AuthorizationServer, Grant, GrantKey, Rotation, Token, TokenSource};
use grantry_custody::Custody;
use grantry_custody::protocol::Terms as Times;
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, RefreshTokenRedemption, TokenEndpoint};
use grantry_refresh::{Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};

use super::account::{Account, Noting};
use super::keeping::{SERVICE, TENANT};
use crate::worker::{Outcome, Terms};

/// By the grant's name.
pub(super) type Sources = HashMap<String, Source>;

/// A source, and the token that came from it last.
pub(super) struct Source {
    pub(super) source: Arc<ManagedSource>,
    given: Mutex<Option<Token>>,
}

impl Source {
    pub(super) fn gave(&self, token: Token) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
    }

    /// A token that is not the last one is none that the source would give out again.
    pub(super) fn refused(&self, text: &str) {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(token) = given.filter(|token| token.expose() == text) {
            self.source.reject(&token);
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("source", &self.source).finish_non_exhaustive()
    }
}

/// A managed source of each grant, over custody.
pub(super) fn sources(
    custody: &Custody,
    schedulers: &[Scheduler],
    terms: &Terms,
    account: &Account,
) -> Outcome<Sources> {
    let times = times(rotation(terms)?);
    let transport = Arc::new(HttpTransport::builder().for_single_use_credentials().build()?);
    let server = AuthorizationServer::builder(&terms.token_endpoint).issuer(&terms.issuer).build()?;
    let secret = ClientAuthentication::secret_basic(terms.client_secret.as_str());
    let client = Client::new(terms.client_id.as_str(), secret)?;
    let mut sources = Sources::new();
    let policy = policy()?;
    let profile = |scheduler| {
        Profile::builder(&terms.token_endpoint, &terms.client_id, scheduler).policy(policy.clone()).build()
    };
    let profiles: Vec<_> = schedulers.iter().map(profile).collect();
    for (name, profile) in terms.names.iter().zip(profiles.iter().cycle()) {
        let key = GrantKey::new(TENANT, SERVICE, name)?;
        let noting = Noting { inner: Arc::clone(&transport), account: account.clone(), grant: name.clone() };
        let endpoint = TokenEndpoint::new(server.clone(), client.clone(), Arc::new(noting))?;
        let redemption = RefreshTokenRedemption::new(endpoint).key(key.clone());
        let grant: Arc<dyn Grant> = Arc::new(custody.grant(key.clone(), redemption).terms(times).build()?);
        let source = ManagedSource::new(key, grant, profile);
        sources.insert(name.clone(), Source { source, given: Mutex::default() });
    }
    Ok(sources)
}

/// A scheduler takes sixteen renewals within a fifth of a second for a crowd, and spreads it over the whole life of the
/// tokens: right where they live for an hour. Here the fifth of a second is a tenth of their life, and so many grants
/// are often due together. So each dozen has a scheduler of its own.
pub(super) fn schedulers(terms: &Terms) -> Vec<Scheduler> {
    (0..terms.names.len().div_ceil(12).max(1)).map(|_| Scheduler::new()).collect()
}

/// For tokens that live two seconds: the proportions of the defaults, and callers that wait.
fn policy() -> Outcome<RefreshPolicy> {
    let policy = RefreshPolicy::builder()
        .buffer(Duration::from_millis(300))
        .retry_delay(Duration::from_millis(100))
        .longest_delay(Duration::from_secs(1))
        .cool_down(Duration::from_millis(500))
        .between_rejections(Duration::from_millis(500))
        .fallback(Fallback::QUEUE)
        .build()?;
    Ok(policy)
}

/// The times that custody chooses where the server has a window for repeats. Where it has none a takeover waits for the
/// lease and then for whoever comes back late: 11 s by the chosen times, which a race of seconds would show once at
/// most. These are shorter, and still long enough for two cores on which a dozen processes start.
fn times(rotation: Rotation) -> Times {
    let times = Times::of(rotation);
    if matches!(rotation, Rotation::Grace { .. }) {
        return times;
    }
    Times {
        lease: Duration::from_secs(4),
        http_timeout: Duration::from_secs(3),
        margin: Duration::from_millis(300),
        allowance: Duration::from_millis(2_500),
        ..times
    }
}

fn rotation(terms: &Terms) -> Outcome<Rotation> {
    let window = Duration::from_millis(terms.grace_ms);
    match terms.rotation.as_str() {
        "strict-revoke" => Ok(Rotation::Strict { revokes_family: true }),
        "strict" => Ok(Rotation::Strict { revokes_family: false }),
        "grace-same" => Ok(Rotation::Grace { window, same: true }),
        "grace-reissue" => Ok(Rotation::Grace { window, same: false }),
        "keep-old" => Ok(Rotation::KeepOld),
        "none" => Ok(Rotation::None),
        other => Err(format!("there is no rotation {other}").into()),
    }
}

/// An error with its causes, in one line.
pub(super) fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
