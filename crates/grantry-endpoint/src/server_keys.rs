//! The keys that an authorization server signs with, as it publishes them (RFC 7517, OpenID Connect Core section 10.1.1).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Clock, Diagnosis, Error, ErrorKind, Instant, Party, Retry, Stage};
use grantry_jose::{Algorithm, JoseHeader, KeySet, VerifyError};
use http::header::ACCEPT;
use http::{HeaderValue, Method};
use tokio::sync::MutexGuard;
use url::Url;

use crate::{Request, TokenEndpoint, Transport, answer, failure, traced};

/// Between two requests for the keys, once there are any: whoever sends tokens with made-up key ids causes no more.
const PAUSE: Duration = Duration::from_secs(60);
/// The same while there are none: then no token decides when they are asked for, and nobody can log in without them.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// From this age on the keys are read anew before they are used.
const FRESH: Duration = Duration::from_secs(3600);
/// The oldest that are used, where the server does not give newer ones out.
const OLDEST: Duration = Duration::from_secs(24 * 3600);

/// The keys of one authorization server, fetched from its `jwks_uri` when they are needed.
///
/// They are read by the endpoint's transport, under its bounds and its guard of learned URLs. Keys that were read serve for an
/// hour, then they are read anew, for which one caller waits; a server that does not answer changes nothing for another 23
/// hours. A token whose key is not among them has them read anew, but never more often than once a minute, however many such
/// tokens come. One request is under way at a time, and whoever has no keys waits for it. Clones share everything.
///
/// **Cancel-safety**: a request under way goes on with the next caller. **Concurrency**: calls are independent.
#[derive(Clone)]
pub struct ServerKeys(Arc<Inner>);

struct Inner {
    url: Url,
    learned: bool,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// The request under way, which outlives the caller who began it.
    asking: tokio::sync::Mutex<Option<Asking>>,
}

type Asking = Pin<Box<dyn Future<Output = Result<KeySet, Error>> + Send>>;

#[derive(Clone, Default)]
struct Known {
    set: Arc<KeySet>,
    /// When the set was asked for; none as long as there is none.
    read: Option<Instant>,
    /// When the server was asked last, whatever came of it.
    asked: Option<Instant>,
    /// Why the last request brought nothing.
    failed: Option<Error>,
}

impl ServerKeys {
    /// The keys of the server that the endpoint is one of: the same for the endpoint and all its clones. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where the server's facts do not say where its keys are.
    pub fn of(endpoint: &TokenEndpoint) -> Result<Self, Error> {
        let channel = endpoint.channel();
        let url = channel.server.jwks_uri().cloned().ok_or_else(|| {
            Error::configuration(
                "nothing says where the authorization server publishes its keys: name its JWKS URI, or start from its \
                 metadata",
            )
        })?;
        let begin = || {
            Self(Arc::new(Inner {
                learned: channel.server.is_learned(&url),
                url,
                transport: Arc::clone(&channel.transport),
                clock: Arc::clone(&channel.clock),
                known: Mutex::default(),
                asking: tokio::sync::Mutex::new(None),
            }))
        };
        Ok(channel.server_keys.get_or_init(begin).clone())
    }

    /// Sees that there are keys to verify with: those at hand, if they are not too old, or those that the server gives out
    /// now.
    ///
    /// # Errors
    /// Where there are none: of the transport, of the answer's status, and [`InvalidAnswer`](ErrorKind::InvalidAnswer) where
    /// what came is no JWK Set.
    pub async fn ready(&self) -> Result<(), Error> {
        self.current().await.map(drop)
    }

    /// Verifies a token's signature with the key that it means, as [`KeySet::verify_jws`] does; gives its header and payload.
    /// Where its key is not at hand, or does not fit, the keys are read anew, once a minute at most.
    ///
    /// # Errors
    /// [`InvalidAnswer`](ErrorKind::InvalidAnswer) with a [`VerifyError`] as its source where the token is not accepted; as
    /// [`ready`](Self::ready) where there are no keys.
    pub async fn verify_jws(
        &self,
        token: &str,
        allowed: &[Algorithm],
    ) -> Result<(JoseHeader, Vec<u8>), Error> {
        let known = self.current().await?;
        match known.set.verify_jws(token, allowed) {
            Ok(verified) => Ok(verified),
            Err(refused) if may_be_of_newer_keys(refused) => match self.newer_than(known.read).await {
                Ok(newer) => newer.set.verify_jws(token, allowed).map_err(|e| not_verified(e, None)),
                Err(why) => Err(not_verified(refused, Some(&why))),
            },
            Err(refused) => Err(not_verified(refused, None)),
        }
    }

    fn known(&self) -> Known {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys at hand, read anew where they are too old.
    async fn current(&self) -> Result<Known, Error> {
        let known = self.known();
        let age = |read: Instant| self.0.clock.now().since(read);
        if known.read.is_some_and(|read| age(read) < FRESH) {
            return Ok(known);
        }
        if known.read.is_none_or(|read| age(read) >= OLDEST) {
            return self.newer_than(known.read).await;
        }
        match self.0.asking.try_lock() {
            Ok(asking) => Ok(self.renew(asking, known.read).await.unwrap_or(known)),
            // Somebody asks already; there is no need to wait for them.
            Err(_) => Ok(known),
        }
    }

    /// Keys that were read after those, if it is time to ask for them.
    async fn newer_than(&self, read: Option<Instant>) -> Result<Known, Error> {
        self.renew(self.0.asking.lock().await, read).await
    }

    async fn renew(
        &self,
        mut asking: MutexGuard<'_, Option<Asking>>,
        read: Option<Instant>,
    ) -> Result<Known, Error> {
        let known = self.known();
        if known.read != read {
            return Ok(known);
        }
        let pause = if known.read.is_some() { PAUSE } else { FIRST_PAUSE };
        let now = self.0.clock.now();
        let in_pause = known.asked.is_some_and(|asked| now.since(asked) < pause);
        // Whoever began it is gone, and nobody came for so long: its connection is as good as dead.
        if !in_pause {
            *asking = None;
        }
        let request = match asking.as_mut() {
            Some(under_way) => under_way,
            None if in_pause => {
                let next = known.asked.map_or(now, |asked| asked.after(pause));
                return Err(known.failed.unwrap_or_else(asked_just_now).with_retry_at(next));
            }
            None => {
                self.change(|known| known.asked = Some(now));
                asking.insert(Box::pin(Arc::clone(&self.0).ask()))
            }
        };
        let came = request.await;
        *asking = None;
        self.change(|known| match came {
            Ok(set) => {
                known.set = Arc::new(set);
                known.read = known.asked;
                known.failed = None;
            }
            Err(error) => known.failed = Some(error),
        });
        let known = self.known();
        match &known.failed {
            None => Ok(known),
            Some(error) => Err(error.clone()),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Known)) {
        change(&mut self.0.known.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Inner {
    async fn ask(self: Arc<Self>) -> Result<KeySet, Error> {
        let json = HeaderValue::from_static("application/json");
        let mut request = Request::new(Method::GET, self.url.clone()).with_header(ACCEPT, json);
        if self.learned {
            request = request.learned();
        }
        let sent = traced::send(&*self.transport, request).await;
        let answer = sent.map_err(|failed| failure::error(&failed, Stage::Keys))?;
        let status = answer.status();
        if !status.is_success() {
            let refusal = answer::by_status(status, "");
            return Err(Error::new(refusal.kind, Stage::Keys, refusal.fact).with_status(status.as_u16()));
        }
        let set = KeySet::from_json(answer.expose_body()).map_err(|why| {
            let fact = "what the server gives out in place of its keys cannot be read";
            let error = Error::new(ErrorKind::InvalidAnswer, Stage::Keys, fact);
            error.with_status(status.as_u16()).with_source(why)
        })?;
        if set.keys().next().is_none() {
            let fact = "none of the server's keys can verify a signature here";
            return Err(Error::new(ErrorKind::InvalidAnswer, Stage::Keys, fact).with_status(status.as_u16()));
        }
        Ok(set)
    }
}

/// Whether other keys could verify the token. One that was signed by a key of the same name, or by one of a kind that the
/// named key is not, comes of servers that exchange keys and keep their names.
fn may_be_of_newer_keys(refused: VerifyError) -> bool {
    matches!(refused, VerifyError::UnknownKey | VerifyError::WrongKey | VerifyError::BadSignature)
}

fn asked_just_now() -> Error {
    let fact = "the server was asked for its keys a moment ago, and is not asked again for a minute";
    Error::new(ErrorKind::Unavailable, Stage::Keys, fact)
}

/// The error for a token whose signature is not accepted; `why` no newer keys could be had.
fn not_verified(refused: VerifyError, why: Option<&Error>) -> Error {
    let again = "let the person begin again";
    let (party, remedy) = match refused {
        VerifyError::AlgorithmNotAllowed => (
            Party::Application,
            "name the algorithm by which the server signs for this client (`id_token_algorithms`), if it is one that is \
             known here; then let the person begin again",
        ),
        VerifyError::AmbiguousKey => (
            Party::AuthorizationServer,
            "have the server name the key in its tokens (`kid`), and give each of its keys a name of its own",
        ),
        _ => (Party::AuthorizationServer, again),
    };
    let mut diagnosis = Diagnosis::new(party, remedy, Retry::Never);
    if may_be_of_newer_keys(refused) {
        diagnosis = diagnosis
            .cause("the server signs with a key that it does not publish yet, or not any more")
            .cause("the JWKS URI is that of another server or tenant")
            .cause("somebody else than the server made the token");
    }
    if let Some(why) = why {
        diagnosis = diagnosis.cause(format!("the keys could not be read anew: {why}"));
    }
    let fact = "the ID token's signature is not accepted";
    let error = Error::new(ErrorKind::InvalidAnswer, Stage::IdToken, fact);
    error.with_source(refused).with_diagnosis(diagnosis)
}

impl fmt::Debug for ServerKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = self.known();
        f.debug_struct("ServerKeys")
            .field("host", &self.0.url.host_str())
            .field("set", &known.set)
            .field("read", &known.read)
            .finish_non_exhaustive()
    }
}
