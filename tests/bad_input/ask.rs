//! Asks a token endpoint as a user's program does, and looks at what came of it from all sides.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use grantry_client_credentials::ClientCredentials;
use grantry_core::{
    Attempt, AuthorizationServer, Clock, Event, Failure, Grant, Observer, RefreshToken, Rotation, Scope,
    TokenSet,
};
use grantry_endpoint::{
    Client, ClientAuthentication, Dpop, HttpTransport, KeepError, Keeper, Kept, RefreshTokenGrant,
    TokenEndpoint,
};
use grantry_testkit::{ManualClock, RawAnswer, RawServer};

use crate::rows::{CANARY, Outcome, Row, SENT, Way};

/// The most that may leave a server: the cap of 256 KiB, and what the two kernels hold unread.
const MOST: u64 = 2 << 20;
/// Nothing takes longer, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(30);
/// What came of one request, and what is wrong with it whatever was expected.
pub(crate) struct Came {
    pub(crate) outcome: Outcome,
    pub(crate) complaints: Vec<String>,
}

/// Asks a new server that answers with the bytes of this row.
pub(crate) async fn once(row: &Row, way: Way) -> Came {
    let server = RawServer::start(row.answer.clone()).await.unwrap();
    let mut came = ask(&server, way, transport(row.impatient)).await;
    came.complaints.extend(greed(&server, 1, if row.only_time_bounds { u64::MAX } else { MOST }));
    came
}

/// What one server is asked in a row: first for an answer, and then, by the same grant, for another one.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) way: Way,
    /// What the facts of the server say of it.
    pub(crate) rotation: Rotation,
    pub(crate) answer: RawAnswer,
    pub(crate) then: Option<RawAnswer>,
}

impl Asked {
    /// For one answer, of a server of which nothing is known.
    pub(crate) fn once(answer: RawAnswer, way: Way) -> Self {
        Self { way, rotation: Rotation::UNKNOWN, answer, then: None }
    }
}

/// What came of it.
pub(crate) struct CameTwice {
    pub(crate) first: Came,
    /// What came of the second request, and the bytes of that.
    pub(crate) then: Option<(Came, String)>,
}

/// Asks one server for one answer after another. A server for each would use up the machine's ports.
pub(crate) async fn in_turn(asked: Vec<Asked>) -> Vec<CameTwice> {
    let answers = asked.iter().flat_map(|asked| [Some(asked.answer.clone()), asked.then.clone()]).flatten();
    let server = RawServer::start_sequence(answers.collect::<Vec<_>>()).await.unwrap();
    let (mut all, mut connections) = (Vec::new(), 0);
    for asked in asked {
        let mut asking = Asking::new(&server, asked.way, asked.rotation, transport(false), None);
        let mut first = asking.once().await;
        connections += 1;
        first.complaints.extend(greed(&server, connections, MOST));
        let mut then = None;
        if asked.then.is_some() {
            let mut came = asking.once().await;
            connections += 1;
            came.complaints.extend(greed(&server, connections, MOST));
            let exchanges = server.exchanges();
            let request = exchanges.last().map_or(&[][..], |exchange| exchange.expose_request());
            then = Some((came, String::from_utf8_lossy(request).into_owned()));
        }
        all.push(CameTwice { first, then });
    }
    all
}

/// What is wrong with the newest of the connections, of which there should be so many.
fn greed(server: &RawServer, connections: usize, most: u64) -> Option<String> {
    let exchanges = server.exchanges();
    if exchanges.len() != connections {
        return Some(format!("{} connections were made, not {connections}", exchanges.len()));
    }
    let written = exchanges.last().map_or(0, |exchange| exchange.written);
    (written > most).then(|| format!("{written} bytes were read"))
}

/// Asks a server once.
pub(crate) async fn ask(server: &RawServer, way: Way, transport: Arc<HttpTransport>) -> Came {
    Asking::new(server, way, Rotation::UNKNOWN, transport, None).once().await
}

/// The same, with a proof of possession: for a token that is bound to its key.
pub(crate) async fn ask_for_a_bound_token(server: &RawServer, way: Way) -> Came {
    Asking::new(server, way, Rotation::UNKNOWN, transport(false), Some(Dpop::es256())).once().await
}

/// A grant at a server.
struct Asking {
    way: Way,
    clock: Arc<ManualClock>,
    seen: Arc<Seen>,
    scope: Scope,
    grant: Box<dyn Grant>,
    held: Option<TokenSet>,
}

impl Asking {
    pub(crate) fn new(
        server: &RawServer,
        way: Way,
        rotation: Rotation,
        transport: Arc<HttpTransport>,
        dpop: Option<Dpop>,
    ) -> Self {
        let (clock, seen) = (Arc::new(ManualClock::new()), Arc::new(Seen::default()));
        let facts = AuthorizationServer::builder(server.url("/token")).rotation(rotation).build().unwrap();
        let secret = ClientAuthentication::secret_basic(format!("secret.{CANARY}"));
        let client = Client::new("client", secret).unwrap();
        let builder = TokenEndpoint::builder(facts, client, transport);
        let builder = builder.clock(clock.clone()).observer(seen.clone());
        let builder = match dpop {
            Some(dpop) => builder.dpop(dpop),
            None => builder,
        };
        let endpoint = builder.build().unwrap();
        let scope = Scope::parse("a b").unwrap();
        let grant: Box<dyn Grant> = match way {
            Way::ClientCredentials => {
                Box::new(ClientCredentials::builder(endpoint).scope("a b").build().unwrap())
            }
            Way::RefreshToken => Box::new(
                RefreshTokenGrant::builder(endpoint, RefreshToken::new(SENT), seen.clone())
                    .granted_scope(scope.clone())
                    .build()
                    .unwrap(),
            ),
        };
        Self { way, clock, seen, scope, grant, held: None }
    }

    /// Asks once, in the place of what it got before.
    async fn once(&mut self) -> Came {
        let attempt = Attempt::replace_if_any(self.held.as_ref());
        let result = tokio::time::timeout(PATIENCE, self.grant.obtain(attempt)).await;
        let result = result.unwrap_or_else(|_| panic!("{:?} hangs", self.way));
        let complaints = complaints(&result, self.way, &self.scope, &self.seen);
        if let Ok(set) = &result {
            self.held = Some(set.clone());
        }
        self.seen.forget();
        Came { outcome: outcome(result, self.way, &*self.clock), complaints }
    }
}

/// One transport for all: every connection is used once.
pub(crate) fn transport(impatient: bool) -> Arc<HttpTransport> {
    fn build(total: Duration, read: Duration) -> Arc<HttpTransport> {
        let limits = HttpTransport::builder().total_timeout(total).read_timeout(read);
        Arc::new(limits.for_single_use_credentials().build().unwrap())
    }
    static PATIENT: LazyLock<Arc<HttpTransport>> =
        LazyLock::new(|| build(Duration::from_secs(25), Duration::from_secs(20)));
    static IMPATIENT: LazyLock<Arc<HttpTransport>> =
        LazyLock::new(|| build(Duration::from_secs(3), Duration::from_secs(2)));
    Arc::clone(if impatient { &IMPATIENT } else { &PATIENT })
}

fn outcome(result: Result<TokenSet, Failure>, way: Way, clock: &dyn Clock) -> Outcome {
    match result {
        Ok(set) => {
            let kept = |token: &str| way == Way::RefreshToken && token == SENT;
            let refresh = set.refresh_token().map(|token| token.expose().to_owned());
            Outcome::Granted {
                access: set.token().expose().to_owned(),
                lifetime: set.token().expires().map(|at| at.since(set.obtained()).as_secs()),
                scope: set.token().scope().to_string(),
                refresh: refresh.filter(|token| !kept(token)),
            }
        }
        Err(failure) => Outcome::Failed {
            kind: failure.error.kind(),
            consumed: failure.consumed,
            salvaged: failure.salvaged.map(|token| token.expose().to_owned()),
            wait: failure.error.retry_after(clock.now()).map(|wait| wait.as_secs()),
        },
    }
}

/// What holds of every answer.
fn complaints(result: &Result<TokenSet, Failure>, way: Way, asked: &Scope, seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let (kept, scopes) = (seen.kept(), seen.scopes());
    let newest = match result {
        Ok(set) => {
            if !set.token().header().is_sensitive() {
                found.push("the header is not sensitive".to_owned());
            }
            let told = usize::from(set.token().scope() != asked);
            if scopes.len() != told {
                found.push(format!("{} changes of scope were told", scopes.len()));
            }
            set.refresh_token()
        }
        Err(failure) => {
            if !failure.sent {
                found.push("a request that was sent counts as unsent".to_owned());
            }
            let shown = format!("{failure:?} {} {}", failure.error, failure.error.diagnosis());
            if shown.contains(CANARY) || shown.contains('\u{1b}') {
                found.push(format!("shows what the server sent: {shown}"));
            }
            failure.salvaged.as_ref()
        }
    };
    let newest = newest.map(RefreshToken::expose).filter(|token| *token != SENT);
    if way == Way::RefreshToken && kept.last().map(String::as_str) != newest {
        found.push(format!("the keeper has {kept:?}, and the newest is {newest:?}"));
    }
    found
}

/// What the observer was told and the keeper got.
#[derive(Default)]
struct Seen {
    scopes: Mutex<Vec<Scope>>,
    kept: Mutex<Vec<String>>,
}

impl Seen {
    fn forget(&self) {
        self.scopes.lock().unwrap().clear();
        self.kept.lock().unwrap().clear();
    }

    fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }

    fn scopes(&self) -> Vec<Scope> {
        self.scopes.lock().unwrap().clone()
    }
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seen")
    }
}

impl Observer for Seen {
    fn on(&self, event: &Event) {
        if let Event::ScopeChanged { granted, .. } = event {
            self.scopes.lock().unwrap().push(granted.clone());
        }
    }
}

#[async_trait]
impl Keeper for Seen {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        self.kept.lock().unwrap().push(kept.refresh_token.expose().to_owned());
        Ok(())
    }
}
