//! What both fronts do with a request: enter it in the ledger, let the faults happen, ask the server.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::Clock;
use grantry_endpoint::Answer;
use http::{HeaderValue, header};
use tokio::sync::watch;

use crate::authority::Moment;
use crate::fault::{Effect, Fault, Faults, Wire};
use crate::{Endpoint, Ledger, Outcome, ReceivedRequest};

/// Something that answers requests.
pub(crate) trait Site: Send + Sync + 'static {
    /// Which endpoint is at a path.
    fn endpoint(&self, path: &str) -> Endpoint;
    /// Answers a request.
    fn answer(&self, request: &ReceivedRequest, at: Moment) -> Answer;
}

/// A site with its ledger, its faults and its clock.
pub(crate) struct Stage {
    site: Box<dyn Site>,
    clock: Arc<dyn Clock>,
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
}

/// What leaves for the client.
pub(crate) enum Reaction {
    /// An answer, with what happens to it on the way.
    Answer(Answer, Wire),
    /// The connection ends.
    Drop,
    /// The connection is never made.
    Refuse,
}

impl Stage {
    pub(crate) fn new(site: impl Site, clock: Arc<dyn Clock>) -> Self {
        Self { site: Box::new(site), clock, ledger: Ledger::default(), faults: Faults::default() }
    }

    /// Takes a request up. It is served to its end even if whoever waits here gives up, as a real server does,
    /// unless `stop` ends meanwhile.
    pub(crate) async fn serve(self: &Arc<Self>, request: ReceivedRequest, stop: Option<Stop>) -> Reaction {
        let arrival = self.receive(request);
        let delay = arrival.fault.delay;
        if delay.is_zero() {
            return self.react(&arrival);
        }
        let stage = self.clone();
        let served = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = stopped(stop) => {
                    stage.ledger.close(arrival.number, arrival.endpoint, Outcome::Cut { handled: false });
                    Reaction::Drop
                }
                () = tokio::time::sleep(delay) => stage.react(&arrival),
            }
        });
        served.await.unwrap_or(Reaction::Drop)
    }

    /// Enters the request and takes its fault.
    fn receive(&self, request: ReceivedRequest) -> Arrival {
        let endpoint = self.site.endpoint(request.path());
        let fault = self.faults.take(endpoint);
        let request = Arc::new(request);
        let number = self.ledger.open(self.clock.now(), endpoint, request.clone());
        Arrival { endpoint, request, fault, number }
    }

    /// Does with the request what is to be done after its delay.
    fn react(&self, arrival: &Arrival) -> Reaction {
        let Arrival { endpoint, request, fault, number } = arrival;
        let (reaction, outcome) = match &fault.effect {
            Effect::Refuse => (Reaction::Refuse, Outcome::Cut { handled: false }),
            Effect::DropBefore => (Reaction::Drop, Outcome::Cut { handled: false }),
            Effect::Instead(status, body) => {
                let answer = self.dated(fault.dress(Answer::new(*status).with_body(&body[..])));
                (Reaction::Answer(answer, Wire::Whole), Outcome::Answered { status: *status, handled: false })
            }
            effect => self.handle(request, fault, effect),
        };
        self.ledger.close(*number, *endpoint, outcome);
        reaction
    }

    fn handle(&self, request: &ReceivedRequest, fault: &Fault, effect: &Effect) -> (Reaction, Outcome) {
        let answer = self.dated(fault.dress(self.site.answer(request, Moment::read(&*self.clock))));
        let whole = Outcome::Answered { status: answer.status(), handled: true };
        let cut = Outcome::Cut { handled: true };
        match effect {
            Effect::DropAfter => (Reaction::Drop, cut),
            Effect::Body(body) => {
                let exchanged = Answer::new(answer.status()).with_headers(answer.headers().clone());
                (Reaction::Answer(exchanged.with_body(&body[..]), Wire::Whole), whole)
            }
            Effect::Wire(wire @ Wire::Slow { .. }) => (Reaction::Answer(answer, *wire), whole),
            Effect::Wire(wire) => (Reaction::Answer(answer, *wire), cut),
            _ => (Reaction::Answer(answer, Wire::Whole), whole),
        }
    }

    /// The answer with the server's own `Date`, from which clients measure how far the clocks are apart.
    fn dated(&self, answer: Answer) -> Answer {
        let seconds = u64::try_from(self.clock.wall().as_unix_seconds()).unwrap_or(0);
        let date = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        let mut headers = answer.headers().clone();
        if let (Ok(value), false) =
            (HeaderValue::try_from(httpdate::fmt_http_date(date)), headers.contains_key(header::DATE))
        {
            headers.insert(header::DATE, value);
        }
        Answer::new(answer.status()).with_headers(headers).with_body(answer.expose_body())
    }
}

/// A request that has come, and what is going to happen to it.
struct Arrival {
    endpoint: Endpoint,
    request: Arc<ReceivedRequest>,
    fault: Fault,
    number: u64,
}

/// Ends when its sender is dropped.
pub(crate) type Stop = watch::Receiver<()>;

async fn stopped(stop: Option<Stop>) {
    match stop {
        // Nothing is ever sent: the only change is the end.
        Some(mut stop) => while stop.changed().await.is_ok() {},
        None => std::future::pending().await,
    }
}
