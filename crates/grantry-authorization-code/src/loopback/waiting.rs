//! From the URL that was shown to the response of this very login, whatever else comes to the port meanwhile.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{AbortHandle, abortable, select_all};
use futures_util::stream::FuturesUnordered;
use grantry_core::{Diagnosis, Error, ErrorKind, Instant, Party, Retry};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use zeroize::Zeroizing;

use super::Loopback;
use super::answer::{self, Answer};
use super::head::{self, Head, Method, Unusable};
use crate::{
    AuthorizationCode, Callback, Granted, Page, PendingAuthorization, STAGE, Unfinished, UserAgentBinding,
    response,
};

/// How many connections are open at once. Another one takes the place of the oldest, whatever becomes of that.
const MOST_CONNECTIONS: usize = 1_024;
/// How many wait for the outcome, besides the one that brought the code.
const MOST_WATCHERS: usize = 16;
/// Waits before a token request that was never sent is tried again.
const PAUSES: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// A machine that was suspended notices within this time, since tokio's timers stood still meanwhile.
const SLICE: Duration = Duration::from_secs(5);
/// Between a connection that could not be accepted and the next attempt.
const BREATH: Duration = Duration::from_millis(10);

/// Waits for the response. Everything that is under way is part of this future, and ends with it.
pub(super) async fn wait(
    loopback: Loopback,
    flow: &AuthorizationCode,
    user_agent: UserAgentBinding,
    pending: PendingAuthorization,
    given_up: impl Future<Output = ()>,
) -> Result<Granted, Unfinished> {
    tokio::pin!(given_up);
    let expires = pending.expires();
    let mut desk = Desk {
        state: pending.state.text(),
        pending: Some(pending),
        flow: flow.clone(),
        user_agent: Arc::new(user_agent),
        tasks: FuturesUnordered::new(),
        open: BTreeMap::new(),
        number: 0,
        watchers: Vec::new(),
        host: loopback.host,
        path: loopback.path,
    };
    let outcome = loop {
        tokio::select! {
            accepted = accept(&loopback.listeners) => match accepted {
                Ok(stream) => desk.read(stream),
                // Out of descriptors: who has waited longest, and said least, makes room.
                Err(_) => {
                    desk.drop_oldest();
                    sleep(BREATH).await;
                }
            },
            Some(done) = desk.tasks.next() => if let Some(outcome) = desk.take(done) {
                break outcome;
            },
            // Once the code is on its way to the server its answer is waited for.
            () = until(flow, expires), if desk.pending.is_some() => break Err(too_late()),
            () = &mut given_up, if desk.pending.is_some() => break Err(over()),
        }
    };
    // Nobody new, while those who brought the code learn what came of it.
    drop(loopback.listeners);
    desk.tell(&outcome, loopback.finished).await;
    outcome
}

type Task = Pin<Box<dyn Future<Output = Done> + Send>>;

/// What one of the futures under way brought.
enum Done {
    Read(u64, TcpStream, Result<Head, Unusable>),
    Answered(u64),
    Redeemed(Box<Result<Granted, Unfinished>>),
    Dropped,
}

struct Desk {
    state: Zeroizing<String>,
    /// Until its response is there.
    pending: Option<PendingAuthorization>,
    flow: AuthorizationCode,
    user_agent: Arc<UserAgentBinding>,
    tasks: FuturesUnordered<Task>,
    /// The connections that are being read or answered, the oldest first.
    open: BTreeMap<u64, AbortHandle>,
    number: u64,
    /// Who brought the code.
    watchers: Vec<TcpStream>,
    host: String,
    path: String,
}

impl Desk {
    fn read(&mut self, mut stream: TcpStream) {
        if self.open.len() >= MOST_CONNECTIONS {
            self.drop_oldest();
        }
        let number = self.number;
        self.number += 1;
        self.attend(number, async move {
            let head = head::read(&mut stream).await;
            Done::Read(number, stream, head)
        });
    }

    /// Goes on with a connection, until it is done or has to make room.
    fn attend(&mut self, number: u64, work: impl Future<Output = Done> + Send + 'static) {
        let (work, handle) = abortable(work);
        self.open.insert(number, handle);
        self.tasks.push(Box::pin(async move { work.await.unwrap_or(Done::Dropped) }));
    }

    fn drop_oldest(&mut self) {
        if let Some((_, oldest)) = self.open.pop_first() {
            oldest.abort();
        }
    }

    /// The outcome, if this was it.
    fn take(&mut self, done: Done) -> Option<Result<Granted, Unfinished>> {
        let (number, stream, head) = match done {
            Done::Dropped => return None,
            Done::Answered(number) => {
                self.open.remove(&number);
                return None;
            }
            Done::Redeemed(outcome) => return Some(*outcome),
            Done::Read(number, stream, head) => (number, stream, head),
        };
        self.open.remove(&number);
        let answer = match head {
            Err(None) => return None,
            Err(Some(status)) => Answer::new(stray(status)),
            Ok(head) => match self.check(&head) {
                Err(answer) => answer,
                Ok(callback) => return self.bring(number, stream, callback),
            },
        };
        self.answer(number, stream, answer);
        None
    }

    /// Whether a request could bring a response at all.
    fn check(&self, head: &Head) -> Result<Callback, Answer> {
        if head.host != self.host {
            return Err(Answer::new(stray(421)));
        }
        if head.path() != self.path {
            let without_body = head.method == Method::Head;
            return Err(Answer { without_body, ..Answer::new(stray(404)) });
        }
        if head.method != Method::Get {
            let without_body = head.method == Method::Head;
            return Err(Answer { only_get: true, without_body, ..Answer::new(stray(405)) });
        }
        if head.is_in_advance {
            return Err(Answer::new(stray(503)));
        }
        Callback::from_url(&head.target).map_err(|_| Answer::new(stray(400)))
    }

    /// A response. If it is that of this login its code is redeemed, once.
    fn bring(
        &mut self,
        number: u64,
        stream: TcpStream,
        callback: Callback,
    ) -> Option<Result<Granted, Unfinished>> {
        let Some(pending) = self.pending.take() else {
            // It is being redeemed. Only who knows the state is told of it.
            let is_ours = callback.state.as_ref().is_some_and(|state| *state == self.state);
            if is_ours && self.watchers.len() < MOST_WATCHERS {
                self.watchers.push(stream);
            } else {
                self.answer(number, stream, Answer::new(stray(if is_ours { 503 } else { 400 })));
            }
            return None;
        };
        match response::check(&pending, &self.flow, &self.user_agent, &callback) {
            Err(refused) => {
                let mut unfinished = refused.of(pending);
                if let Some(again) = unfinished.again.take() {
                    self.pending = Some(*again);
                    self.answer(number, stream, Answer::new(stray(400)));
                    return None;
                }
                self.watchers.push(stream);
                Some(Err(unfinished))
            }
            Ok(_) => {
                self.watchers.push(stream);
                let (flow, user_agent) = (self.flow.clone(), Arc::clone(&self.user_agent));
                self.tasks.push(Box::pin(async move {
                    Done::Redeemed(Box::new(redeem(&flow, &user_agent, pending, &callback).await))
                }));
                None
            }
        }
    }

    fn answer(&mut self, number: u64, stream: TcpStream, answer: Answer) {
        self.attend(number, async move {
            answer::send(stream, answer).await;
            Done::Answered(number)
        });
    }

    /// Tells those who brought the code, for as long as answers may take.
    async fn tell(self, outcome: &Result<Granted, Unfinished>, finished: Page) {
        let page = match outcome {
            Ok(_) => finished,
            Err(unfinished) => Page::unfinished(unfinished),
        };
        let answers: FuturesUnordered<_> =
            self.watchers.into_iter().map(|stream| answer::send(stream, Answer::new(page.clone()))).collect();
        answers.collect::<()>().await;
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("open", &self.open.len()).finish_non_exhaustive()
    }
}

/// One token request that may reach the server; before that, a few that provably did not.
async fn redeem(
    flow: &AuthorizationCode,
    user_agent: &UserAgentBinding,
    mut pending: PendingAuthorization,
    callback: &Callback,
) -> Result<Granted, Unfinished> {
    for pause in PAUSES {
        match pending.finish(flow, user_agent, callback).await {
            Err(Unfinished { again: Some(again), .. }) => pending = *again,
            outcome => return outcome,
        }
        sleep(pause).await;
    }
    let outcome = pending.finish(flow, user_agent, callback).await;
    outcome.map_err(|unfinished| match unfinished.again {
        None => unfinished,
        // Nobody listens for the response any more.
        Some(_) => {
            let said = unfinished.error.diagnosis();
            let own =
                Diagnosis::new(said.party(), "begin again, in a while; nothing was spent", said.retry());
            let own = said.causes().map(str::to_owned).fold(own, Diagnosis::cause);
            Unfinished::over(unfinished.error.with_diagnosis(own))
        }
    })
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    let accepting = listeners.iter().map(|listener| Box::pin(listener.accept()));
    let (accepted, ..) = select_all(accepting).await;
    accepted.map(|(stream, _)| stream)
}

async fn until(flow: &AuthorizationCode, expires: Instant) {
    let clock = flow.endpoint().clock();
    loop {
        let left = expires.since(clock.now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(SLICE)).await;
    }
}

/// What is no response of this login is told so, and nothing about the login.
fn stray(status: u16) -> Page {
    let (title, text) = match status {
        404 => ("Nothing here", "This address is for a login that is under way in another window."),
        405 => ("Not like this", "A login comes back by a plain page load."),
        503 => ("One moment", "Load this page again to finish the login."),
        _ => ("Not a login", "This request is not the answer to the login that is under way, which goes on."),
    };
    Page::new(status, title, text)
}

/// Whoever began it does not want it any more.
fn over() -> Unfinished {
    let fact = "the login was given up before anybody came back from it";
    let diagnosis = Diagnosis::new(Party::Application, "begin again; nothing was spent", Retry::Never);
    Unfinished::over(Error::new(ErrorKind::Closed, STAGE, fact).with_diagnosis(diagnosis))
}

fn too_late() -> Unfinished {
    let diagnosis = Diagnosis::new(Party::ResourceOwner, "let the person begin again", Retry::Never)
        .cause("the person closed the window, or took longer than the program waits")
        .cause("the browser is on another machine, and cannot reach this one's loopback address");
    let error = Error::new(ErrorKind::Refused, STAGE, "nobody came back from the login in time");
    Unfinished::over(error.with_diagnosis(diagnosis))
}
