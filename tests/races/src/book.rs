//! Every token request of a race: which refresh token it spent, what came of it, and to which grant it belongs.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::Instant;

use crate::exchange::{Answered, Delivered, Exchange, Fate, Orphan, Reuse};
use crate::expiries::{Ask, count};

/// The token requests in the order of their arrival. Shared by the connections of the relay.
#[derive(Default)]
pub(crate) struct Book(Mutex<Pages>);

#[derive(Default)]
struct Pages {
    exchanges: Vec<Exchange>,
    /// The grant of every refresh token that was ever seen.
    lineage: HashMap<String, usize>,
    /// The newest refresh tokens of a grant last.
    issued: Vec<Vec<String>>,
    grants: usize,
}

/// What the book says about the whole race.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) requests: u64,
    pub(crate) expiries: u64,
    pub(crate) requests_at_expiries: u64,
    pub(crate) needless: u64,
    pub(crate) consumed_uses: u64,
    pub(crate) refusals: u64,
    pub(crate) dropped: u64,
}

impl Book {
    /// A book for grants with these first refresh tokens.
    pub(crate) fn new(first: &[String]) -> Self {
        let lineage = first.iter().enumerate().map(|(grant, token)| (token.clone(), grant)).collect();
        let issued = first.iter().map(|token| vec![token.clone()]).collect();
        Self(Mutex::new(Pages { exchanges: Vec::new(), lineage, issued, grants: first.len() }))
    }

    /// A request has arrived whole; gives its number.
    pub(crate) fn open(&self, at: Instant, worker: usize, presented: Option<String>) -> usize {
        let mut pages = self.pages();
        let (status, issued, lifetime, over) = (None, None, None, None);
        pages.exchanges.push(Exchange {
            at,
            worker,
            presented,
            status,
            issued,
            lifetime,
            fate: Fate::Open,
            over,
        });
        pages.exchanges.len() - 1
    }

    /// The server has answered.
    pub(crate) fn answered(&self, number: usize, answered: Answered) {
        let Answered { status, issued, lifetime } = answered;
        let mut pages = self.pages();
        let presented = pages.exchanges.get(number).and_then(|exchange| exchange.presented.clone());
        let grant = presented.and_then(|token| pages.lineage.get(&token).copied());
        if let (Some(grant), Some(token)) = (grant, &issued)
            && pages.lineage.insert(token.clone(), grant).is_none()
        {
            pages.issued[grant].push(token.clone());
        }
        if let Some(exchange) = pages.exchanges.get_mut(number) {
            exchange.status = status;
            exchange.issued = issued;
            exchange.lifetime = lifetime;
        }
    }

    /// The exchange is over.
    pub(crate) fn close(&self, number: usize, at: Instant, fate: Fate) {
        if let Some(exchange) = self.pages().exchanges.get_mut(number) {
            exchange.fate = fate;
            exchange.over = Some(at);
        }
    }

    /// Refresh tokens that the server issued, that are not held at the end, and that nobody ever used; each once.
    pub(crate) fn orphans<'a>(&self, held: impl Iterator<Item = &'a String>) -> Vec<Orphan> {
        let pages = self.pages();
        let mut known: HashSet<&str> = held.map(String::as_str).collect();
        known.extend(pages.exchanges.iter().filter_map(|exchange| exchange.presented.as_deref()));
        // Another answer to the same refresh token has arrived: this one is not missed.
        let mut answered: HashSet<&str> = HashSet::new();
        for exchange in &pages.exchanges {
            if let (Some(presented), Some(issued)) = (&exchange.presented, &exchange.issued)
                && known.contains(issued.as_str())
            {
                answered.insert(presented);
            }
        }
        let mut seen = HashSet::new();
        let orphan = |exchange: &'_ Exchange| {
            let (presented, issued) = (exchange.presented.as_deref()?, exchange.issued.as_deref()?);
            let grant = *pages.lineage.get(presented)?;
            let missed = !known.contains(issued) && !answered.contains(presented);
            let Exchange { at: asked, worker, fate, over, .. } = *exchange;
            missed.then(|| (issued.to_owned(), Orphan { grant, worker, asked, fate, over }))
        };
        let orphans = pages.exchanges.iter().filter_map(orphan);
        orphans.filter(|(token, _)| seen.insert(token.clone())).map(|(_, orphan)| orphan).collect()
    }

    /// The last refused use of a refresh token of a grant that an earlier request had exchanged for another: the two
    /// requests' workers and moments.
    pub(crate) fn reuse(&self, grant: usize) -> Option<Reuse> {
        let pages = self.pages();
        let of_grant = |exchange: &&Exchange| {
            exchange.presented.as_ref().and_then(|token| pages.lineage.get(token)) == Some(&grant)
        };
        let again = pages.exchanges.iter().filter(of_grant).rfind(|again| {
            let first = |first: &&Exchange| {
                first.at < again.at && first.presented == again.presented && first.issued.is_some()
            };
            again.issued.is_none() && pages.exchanges.iter().find(first).is_some()
        })?;
        let first = pages
            .exchanges
            .iter()
            .find(|first| first.presented == again.presented && first.issued.is_some())?;
        Some(Reuse { first: first.worker, first_at: first.at, again: again.worker, again_at: again.at })
    }

    /// Every answer with a refresh token that was sent.
    pub(crate) fn delivered(&self) -> Vec<Delivered> {
        let pages = self.pages();
        let mut delivered: Vec<Delivered> = Vec::new();
        let mut last: HashMap<(usize, usize), usize> = HashMap::new();
        for exchange in &pages.exchanges {
            let grant = exchange.presented.as_ref().and_then(|token| pages.lineage.get(token).copied());
            let Some(grant) = grant else { continue };
            let (worker, asked) = (exchange.worker, exchange.at);
            // The one before is not to be credited with what comes of this one, whatever that is.
            if let Some(before) = last.remove(&(worker, grant)).and_then(|nth| delivered.get_mut(nth)) {
                before.next = Some(asked);
            }
            if let (Some(_), Some(left), Fate::Sent) = (&exchange.issued, exchange.over, exchange.fate) {
                last.insert((worker, grant), delivered.len());
                delivered.push(Delivered { grant, worker, asked, left, next: None });
            }
        }
        delivered
    }

    /// How many requests of each worker had not been answered yet when it was held still, of those that used a token up: the
    /// server had not got them, or its answer had not left. Only workers that had any.
    pub(crate) fn in_flight_at(&self, killed: &HashMap<usize, Instant>) -> HashMap<usize, u64> {
        let mut in_flight = HashMap::new();
        for exchange in self.pages().exchanges.iter().filter(|exchange| exchange.issued.is_some()) {
            let killed = killed.get(&exchange.worker);
            if killed.is_some_and(|killed| exchange.over.is_none_or(|over| over >= *killed)) {
                *in_flight.entry(exchange.worker).or_default() += 1;
            }
        }
        in_flight
    }

    /// How long a request took from its arrival at the relay until its answer left, on the average.
    pub(crate) fn mean_flight(&self) -> Duration {
        let pages = self.pages();
        let flights = pages.exchanges.iter().filter_map(|exchange| Some(exchange.over?.since(exchange.at)));
        let (many, sum) = flights.fold((0, Duration::ZERO), |(many, sum), flight| (many + 1, sum + flight));
        sum / many.max(1)
    }

    /// Whether no request has come yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.pages().exchanges.is_empty()
    }

    /// Whether every request is over.
    pub(crate) fn is_quiet(&self) -> bool {
        self.pages().exchanges.iter().all(|exchange| exchange.fate != Fate::Open)
    }

    /// Every refresh token of a grant that the server issued, the newest first.
    pub(crate) fn tokens_of(&self, grant: usize) -> Vec<String> {
        self.pages()
            .issued
            .get(grant)
            .map(|tokens| tokens.iter().rev().cloned().collect())
            .unwrap_or_default()
    }

    /// Adds everything up: expiries as [`count`] has them, given when which worker's request of a grant left
    /// that arrived at that moment. A token is consumed by its first use that brought another refresh
    /// token.
    pub(crate) fn sums(&self, lifetime: Duration, left: impl Fn(usize, usize, Instant) -> Instant) -> Sums {
        let pages = self.pages();
        let mut sums = Sums::default();
        let mut asks: Vec<Vec<Ask>> = vec![Vec::new(); pages.grants];
        let mut uses: HashMap<&str, (u64, bool)> = HashMap::new();
        for exchange in &pages.exchanges {
            sums.requests += 1;
            sums.dropped += u64::from(exchange.fate == Fate::Dropped);
            sums.refusals += u64::from(exchange.status.is_some_and(|status| (400..500).contains(&status)));
            let Some(token) = exchange.presented.as_deref() else { continue };
            let (times, consumed) = uses.entry(token).or_default();
            *times += 1;
            *consumed |= exchange.issued.as_deref().is_some_and(|issued| issued != token);
            let Some(grant) = pages.lineage.get(token) else { continue };
            if let Some(asks) = asks.get_mut(*grant) {
                sums.requests_at_expiries += 1;
                asks.push(exchange.as_ask(left(exchange.worker, *grant, exchange.at)));
            }
        }
        for counted in asks.iter().map(|asks| count(asks, lifetime)) {
            sums.expiries += counted.expiries;
            sums.needless += counted.needless;
        }
        sums.consumed_uses =
            uses.values().filter(|(_, consumed)| *consumed).map(|(times, _)| times - 1).sum();
        sums
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Without the tokens.
impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book").field("exchanges", &self.pages().exchanges.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::ZERO.after(Duration::from_millis(millis))
    }

    fn enter(book: &Book, millis: u64, presented: &str, status: u16, issued: Option<&str>) {
        let number = book.open(at(millis), WORKER, Some(presented.to_owned()));
        let lifetime = issued.map(|_| Duration::from_secs(2));
        book.answered(number, Answered { status: Some(status), issued: issued.map(str::to_owned), lifetime });
        book.close(number, at(millis), Fate::Sent);
    }

    const WORKER: usize = 1;

    fn book() -> Book {
        Book::new(&["a0".to_owned(), "b0".to_owned()])
    }

    #[test]
    fn expiries_are_those_of_each_grant_and_a_request_too_early_is_none() {
        let book = book();
        enter(&book, 0, "a0", 200, Some("a1"));
        enter(&book, 10, "b0", 200, Some("b1"));
        enter(&book, 900, "a1", 200, Some("a2"));
        enter(&book, 2_800, "a2", 200, Some("a3"));
        let sums = book.sums(Duration::from_secs(2), |_, _, at| at);
        assert_eq!((sums.requests, sums.expiries, sums.requests_at_expiries), (4, 3, 4));
        assert_eq!((sums.needless, sums.consumed_uses, sums.refusals), (1, 0, 0));
    }

    #[test]
    fn each_further_use_of_a_consumed_token_counts_and_a_refused_fresh_one_does_not() {
        let book = book();
        enter(&book, 0, "a0", 200, Some("a1"));
        enter(&book, 1, "a0", 400, None);
        enter(&book, 2, "a0", 400, None);
        // Its family is revoked: it was never used itself.
        enter(&book, 3, "a1", 400, None);
        enter(&book, 4, "a1", 400, None);
        let sums = book.sums(Duration::from_secs(2), |_, _, at| at);
        assert_eq!((sums.consumed_uses, sums.refusals), (2, 4));
        let reuse = book.reuse(0).unwrap();
        assert_eq!((reuse.first_at, reuse.again_at), (at(0), at(2)));
        assert_eq!(book.reuse(1), None);
    }

    #[test]
    fn a_token_that_is_not_rotated_may_be_used_again() {
        let book = book();
        enter(&book, 0, "a0", 200, None);
        enter(&book, 1, "a0", 200, Some("a0"));
        assert_eq!(book.sums(Duration::from_secs(2), |_, _, at| at).consumed_uses, 0);
        assert_eq!(book.tokens_of(0), ["a0"]);
    }

    #[test]
    fn successors_belong_to_the_grant_of_their_parent() {
        let book = book();
        enter(&book, 0, "b0", 200, Some("b1"));
        enter(&book, 1, "b1", 200, Some("b2"));
        enter(&book, 2, "strange", 200, Some("other"));
        assert_eq!(book.tokens_of(1), ["b2", "b1", "b0"]);
        assert_eq!(book.tokens_of(0), ["a0"]);
        assert_eq!(book.tokens_of(2), [""; 0]);
    }

    #[test]
    fn a_book_is_quiet_when_every_request_is_over() {
        let book = book();
        assert!(book.is_empty() && book.is_quiet());
        let number = book.open(at(0), WORKER, Some("b0".to_owned()));
        assert!(!book.is_quiet());
        book.close(number, at(1), Fate::Dropped);
        assert!(book.is_quiet());
        assert_eq!(book.sums(Duration::from_secs(2), |_, _, at| at).dropped, 1);
    }

    #[test]
    fn in_flight_is_what_used_a_token_up_and_had_not_been_answered() {
        let book = book();
        enter(&book, 10, "a0", 200, Some("a1"));
        enter(&book, 10, "a0", 400, None);
        enter(&book, 10, "b0", 200, Some("b1"));
        let in_flight = |worker, millis| book.in_flight_at(&HashMap::from([(worker, at(millis))]));
        assert_eq!(in_flight(WORKER, 9), HashMap::from([(WORKER, 2)]));
        assert_eq!(in_flight(WORKER, 11), HashMap::new());
        assert_eq!(in_flight(2, 9), HashMap::new());
    }

    #[test]
    fn a_successor_is_an_orphan_unless_it_was_used_or_is_held_or_came_a_second_time() {
        let book = book();
        enter(&book, 0, "a0", 200, Some("a1"));
        enter(&book, 1, "a1", 200, Some("a2"));
        enter(&book, 2, "b0", 200, Some("b1"));
        enter(&book, 3, "b0", 400, None);
        let orphans = |held: &[&str]| {
            let held: Vec<String> = held.iter().map(|token| (*token).to_owned()).collect();
            book.orphans(held.iter()).iter().map(|orphan| orphan.grant).collect::<Vec<_>>()
        };
        assert_eq!(orphans(&["a2"]), [1], "b1");
        assert_eq!(orphans(&[]), [0, 1], "a2 is not held, and a1 was used");
        assert_eq!(orphans(&["a2", "b1"]), [0; 0]);
        enter(&book, 4, "b0", 200, Some("b1"));
        assert_eq!(orphans(&["a2"]), [1], "the same token is one orphan");
        enter(&book, 5, "b0", 200, Some("b2"));
        assert_eq!(orphans(&["a2", "b2"]), [0; 0], "another answer to b0 arrived");
    }
}
