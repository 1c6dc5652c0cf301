//! People who come to log in, and responses that reach whichever process, and more than once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use grantry_authorization_code::{
    AuthorizationCode, AuthorizationCodes, Callback, PendingAuthorizations, PendingInMemory, PendingKey,
    PendingStoreError, UserAgentBinding,
};
use grantry_core::Error;
use grantry_endpoint::TokenEndpoint;
use grantry_testkit::{ManualClock, TestServer};
use zeroize::Zeroizing;

use crate::life::Life;

/// Where the server sends people back to.
pub(crate) const REDIRECT_URI: &str = "https://app.example/callback";

/// What all processes share of people who are on their way.
#[derive(Debug)]
pub(crate) struct Lobby {
    pending: PendingInMemory,
    responses: Mutex<Vec<Response>>,
}

/// A response that a browser brings, and how often it still does: people press keys again, and go back.
#[derive(Debug)]
struct Response {
    url: String,
    cookie: String,
    times: u64,
}

impl Lobby {
    /// An empty one.
    pub(crate) fn new(clock: &ManualClock) -> Self {
        Self { pending: PendingInMemory::new(Arc::new(clock.clone())), responses: Mutex::default() }
    }

    fn arrive(&self, url: String, cookie: String, times: u64) {
        self.lock().push(Response { url, cookie, times });
    }

    fn take(&self) -> Option<(String, String)> {
        let mut responses = self.lock();
        let first = responses.first_mut()?;
        first.times = first.times.saturating_sub(1);
        let taken = (first.url.clone(), first.cookie.clone());
        if first.times == 0 {
            responses.remove(0);
        }
        Some(taken)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Response>> {
        self.responses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store of pending authorizations, as one process reaches it.
#[derive(Debug)]
struct Door {
    lobby: Arc<Lobby>,
    life: Arc<Life>,
}

#[async_trait]
impl PendingAuthorizations for Door {
    async fn keep(
        &self,
        key: PendingKey,
        pending: Zeroizing<Vec<u8>>,
        lifetime: Duration,
    ) -> Result<(), PendingStoreError> {
        self.life.pass("keep pending").await;
        self.lobby.pending.keep(key, pending, lifetime).await
    }

    async fn take(&self, key: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        self.life.pass("take pending").await;
        let taken = self.lobby.pending.take(key).await;
        if self.life.fate.strikes(self.life.fate.plan.doubtful_writes) {
            self.life.fate.trace.fault("pending in doubt");
            return Err(PendingStoreError::Unusable("the answer was lost".to_owned()));
        }
        self.life.pass("taken pending").await;
        taken
    }
}

/// The flow of one process.
///
/// # Errors
/// None in practice.
pub(crate) fn flow(
    endpoint: TokenEndpoint,
    lobby: &Arc<Lobby>,
    life: &Arc<Life>,
) -> Result<AuthorizationCodes, Error> {
    let flow = AuthorizationCode::builder(endpoint, REDIRECT_URI).scope("contacts.read").build()?;
    let door = Door { lobby: Arc::clone(lobby), life: Arc::clone(life) };
    AuthorizationCodes::new(Arc::new(door), [("crm", flow)])
}

/// Lets people in: some begin, and of those who come back each response is finished as often as it comes.
pub(crate) async fn receive(
    codes: AuthorizationCodes,
    lobby: Arc<Lobby>,
    server: Arc<TestServer>,
    life: Arc<Life>,
) {
    let fate = &life.fate;
    loop {
        tokio::time::sleep(Duration::from_millis(200 + fate.dice.below(2_000))).await;
        if fate.dice.below(40) == 0 {
            let user_agent = UserAgentBinding::new(&fate.dice.entropy());
            let Ok(redirect) = codes.begin("crm", &user_agent).await else { continue };
            let Ok(location) = redirect.into_location() else { continue };
            if let Some(back) = server.visit(&location).await {
                lobby.arrive(back, user_agent.expose().to_owned(), 1 + fate.dice.below(3));
            }
        }
        let Some((url, cookie)) = lobby.take() else { continue };
        let (Ok(callback), Some(user_agent)) =
            (Callback::from_url(&url), UserAgentBinding::from_cookie(&cookie))
        else {
            continue;
        };
        // In one process twice at the same time, now and then.
        let again = async {
            if fate.dice.below(3) == 0 {
                return Some(codes.finish(&user_agent, &callback).await);
            }
            None
        };
        let (one, other) = tokio::join!(codes.finish(&user_agent, &callback), again);
        for finished in other.into_iter().chain([one]) {
            match finished {
                Ok(_) => fate.note("logged in", &life.number.to_string()),
                Err(unfinished) => {
                    fate.tower.overheard(&format!("{unfinished:?} {}", unfinished.error));
                    fate.note("not logged in", &life.number.to_string());
                }
            }
        }
    }
}
