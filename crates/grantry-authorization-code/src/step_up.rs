//! From a resource server's refusal to a request that the person can grant (RFC 6750 section 3.1, RFC 9470).

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::presenting::StepUp;
use grantry_core::{Diagnosis, Error, ErrorKind, Instant, Party, Retry, Scope};
use zeroize::Zeroizing;

use crate::{AuthorizationCode, STAGE, parameters};

/// How often a person is asked for the same, if nothing else is said: once, and once more if that did not help.
const SAME: u32 = 2;
/// How often in all.
const ALL: u32 = 8;
/// In how long.
const WITHIN: Duration = Duration::from_secs(15 * 60);
/// The most of those who are counted at a time; beyond, those who were counted first are forgotten.
const MOST: usize = 10_000;

impl AuthorizationCode {
    /// The same flow for what a resource server asks for: the scope of this flow, what was granted, and what is needed; and
    /// the login that is needed (`acr_values`, `max_age`; of two ages the shorter). Nothing is counted: see [`StepUps`].
    ///
    /// What the flow begins is finished by this one as well, which has the same server, client and redirect URI.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the scope holds what this server puts between scopes, or the
    /// authorization endpoint's own URL sets one of the parameters.
    pub fn for_step_up(&self, needed: &StepUp, granted: &Scope) -> Result<Self, Error> {
        let separator = self.endpoint.server().scope_separator();
        if separator != ' ' && needed.scope().as_str().contains(separator) {
            return Err(Error::configuration(format!(
                "the scope that the resource server asks for holds {separator:?}, which this authorization server puts \
                 between scopes"
            )));
        }
        let mut more = self.clone();
        more.target.scope = self.target.scope.union(granted).union(needed.scope());
        more.nonce = self.nonce || (more.target.scope.contains("openid") && self.id_tokens.can_check());
        let acr_values = (!needed.acr_values().is_empty()).then(|| needed.acr_values().join(" "));
        let own_age =
            self.fixed.iter().find(|(name, _)| name == "max_age").and_then(|(_, age)| age.parse().ok());
        let max_age =
            needed.max_age().map(|age| own_age.map_or(age, |own| age.min(Duration::from_secs(own))));
        // Where an ID token comes along, it has to say that the login is as new as was asked for.
        more.max_age = max_age.or(self.max_age).filter(|_| more.nonce);
        let max_age = max_age.map(|age| age.as_secs().to_string());
        for (name, value) in [("acr_values", acr_values), ("max_age", max_age)] {
            if let Some(value) = value {
                more.fixed.retain(|(other, _)| other != name);
                more.fixed.push((name.to_owned(), Zeroizing::new(value)));
            }
        }
        parameters::check_endpoint(&more.authorization_endpoint, &more.fixed)?;
        Ok(more.with_beginning())
    }
}

/// Counts how often people were asked for more, so that a resource server that is never content sends nobody in circles.
///
/// It counts for each name that it is given: a person at a service, say. One is asked twice for the same, and eight times in
/// all, in a quarter of an hour; [`same`](Self::same), [`all`](Self::all) and [`within`](Self::within) say otherwise. It
/// lives in memory, for 10,000 names at most.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_authorization_code::{AuthorizationCode, Callback};
/// # use grantry_core::presenting::Challenges;
/// # use grantry_core::{Error, ErrorKind, Scope, Stage};
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// # let callback = "https://app.example.com/callback";
/// # let registered = grantry_testkit::RegisteredClient::with_secret("app", "s3cret").redirect_uri(callback);
/// # let test = grantry_testkit::TestServer::builder().client(registered).build();
/// # let client = Client::new("app", ClientAuthentication::secret_basic("s3cret"))?;
/// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// # let flow = AuthorizationCode::builder(endpoint, callback).scope("contacts.read").build()?;
/// # let challenges = Challenges::parse([r#"Bearer error="insufficient_scope", scope="contacts.write""#]);
/// # let challenge = challenges.iter().next().ok_or("no challenge")?.clone();
/// # let refusal = Error::new(ErrorKind::InsufficientScope, Stage::Present, "it needs more").with_challenge(challenge);
/// # let held = Scope::parse("contacts.read")?;
/// # let user_agent = flow.user_agent();
/// use grantry_authorization_code::StepUps;
///
/// // One for the process: it counts.
/// let steps = StepUps::new();
///
/// // `refusal` is what a request was refused with, for `contacts.write`; `held` is the scope of the token that it carried.
/// let more = steps.flow("ada at crm", &flow, &refusal, &held)?;
/// let (redirect, pending) = more.begin(&user_agent).await?;
/// # let back = test.visit(&redirect.into_location()?).await.ok_or("nobody came back")?;
/// // The person consents, and comes back:
/// let granted = pending.finish(&more, &user_agent, &Callback::from_url(&back)?).await?;
/// assert_eq!(granted.scope().as_str(), "contacts.read contacts.write");
/// # Ok(())
/// # }
/// ```
pub struct StepUps {
    same: u32,
    all: u32,
    within: Duration,
    asked: Mutex<HashMap<String, Asked>>,
    hashes: RandomState,
}

/// What one was asked for.
struct Asked {
    since: Instant,
    all: u32,
    /// Hashes of what, and how often.
    what: Vec<(u64, u32)>,
}

impl Default for StepUps {
    fn default() -> Self {
        Self { same: SAME, all: ALL, within: WITHIN, asked: Mutex::default(), hashes: RandomState::new() }
    }
}

impl StepUps {
    /// Counts with the usual limits.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often one is asked for the same; at least once.
    #[must_use]
    pub fn same(self, times: u32) -> Self {
        Self { same: times.max(1), ..self }
    }

    /// How often one is asked in all; at least once.
    #[must_use]
    pub fn all(self, times: u32) -> Self {
        Self { all: times.max(1), ..self }
    }

    /// In how long, from the first time on.
    #[must_use]
    pub fn within(self, time: Duration) -> Self {
        Self { within: time, ..self }
    }

    /// The flow that asks the person for what a request was refused for, counted for `who`: begin it, and finish what comes
    /// back with it or with the flow that it is made of.
    ///
    /// # Errors
    /// Of the refusal's own kind, with nobody to be asked: where the resource server asks for nothing that a person could
    /// give, for scope that was granted already, or once more for what was asked for often enough. Those of
    /// [`for_step_up`](AuthorizationCode::for_step_up).
    pub fn flow(
        &self,
        who: &str,
        flow: &AuthorizationCode,
        refusal: &Error,
        granted: &Scope,
    ) -> Result<AuthorizationCode, Error> {
        let Some(needed) = StepUp::of(refusal) else {
            let fact = "the resource server asks for nothing that a person could consent to";
            return Err(over(refusal, fact, Party::ResourceServer, "see what the resource server wants"));
        };
        let is_login = needed.max_age().is_some() || !needed.acr_values().is_empty();
        if !is_login && granted.covers(needed.scope()) {
            let fact = "the resource server asks for scope that was granted already";
            let remedy = "see why the resource server does not find the scope in the token";
            return Err(over(refusal, fact, Party::ResourceServer, remedy));
        }
        let more = flow.for_step_up(&needed, granted)?;
        if !self.count(who, self.hashes.hash_one(&needed), flow.endpoint().clock().now()) {
            let fact = "the person was asked for more often enough, and the resource server is not content";
            let remedy = "see why what was granted does not reach the resource server; later the person may be asked again";
            return Err(over(refusal, fact, Party::ResourceServer, remedy));
        }
        Ok(more)
    }

    /// Forgets what one was asked for: the resource server is content.
    pub fn passed(&self, who: &str) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(who);
    }

    /// Whether one may be asked once more, which is counted then.
    fn count(&self, who: &str, needed: u64, now: Instant) -> bool {
        let mut everybody = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |asked: &Asked| now.since(asked.since) >= self.within;
        if !everybody.contains_key(who) && everybody.len() >= MOST {
            everybody.retain(|_, asked| !is_over(asked));
            let first = everybody.iter().min_by_key(|(_, asked)| asked.since).map(|(name, _)| name.clone());
            if let (true, Some(first)) = (everybody.len() >= MOST, first) {
                everybody.remove(&first);
            }
        }
        let new = || Asked { since: now, all: 0, what: Vec::new() };
        let asked = everybody.entry(who.to_owned()).or_insert_with(new);
        if is_over(asked) {
            *asked = new();
        }
        if asked.all >= self.all {
            return false;
        }
        match asked.what.iter_mut().find(|(what, _)| *what == needed) {
            Some((_, times)) if *times >= self.same => return false,
            Some((_, times)) => *times += 1,
            None => asked.what.push((needed, 1)),
        }
        asked.all += 1;
        true
    }
}

/// The refusal, with the reason why nobody is asked.
fn over(refusal: &Error, fact: &str, party: Party, remedy: &'static str) -> Error {
    let kind = match refusal.kind() {
        kind @ (ErrorKind::InsufficientScope | ErrorKind::InsufficientAuthentication) => kind,
        _ => return Error::configuration("the error is no refusal by which a resource server asks for more"),
    };
    let diagnosis = Diagnosis::new(party, remedy, Retry::Never)
        .cause(
            "the authorization server does not grant what the resource server asks for, and does not say so",
        )
        .cause("an old token is still sent to the resource server")
        .cause("the resource server asks for something else than it means");
    Error::new(kind, STAGE, fact).with_diagnosis(diagnosis)
}

/// Names and scopes of people are not shown.
impl fmt::Debug for StepUps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepUps")
            .field("same", &self.same)
            .field("all", &self.all)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
