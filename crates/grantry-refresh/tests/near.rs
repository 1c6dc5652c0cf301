//! A directory of many sources: the keys that are asked for most come near, and get what their sources hold.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, Clock, ErrorKind, Failure, Grant, GrantKey, SystemClock, Token, TokenSet,
    TokenSource,
};
use grantry_refresh::{Directory, ManagedSource, Profile, RefreshPolicy, Scheduler};
use support::{Answer, ScriptedGrant, TestClock, secs};

/// Enough for some keys to come near.
const SOURCES: usize = 1_000;

struct Stage {
    clock: Arc<TestClock>,
    grant: Arc<ScriptedGrant>,
    profile: Arc<Profile>,
    directory: Directory,
}

fn key(nth: usize) -> GrantKey {
    GrantKey::new("acme", "crm", format!("user-{nth}")).unwrap()
}

/// A directory of sources, of which the first few hold a token that lives for ten minutes.
async fn stage(policy: RefreshPolicy, holding: usize) -> Stage {
    let clock = TestClock::new();
    let grant = ScriptedGrant::new(&clock, secs(0), [Answer::Token(secs(600))]);
    let scheduler = Scheduler::builder().clock(clock.clone()).build();
    let profile = Profile::builder("https://as.test/token", "test", &scheduler).policy(policy).build();
    let directory = Directory::new();
    for nth in 0..SOURCES {
        let source = ManagedSource::new(key(nth), grant.clone(), &profile);
        if nth < holding {
            source.token().await.unwrap();
        }
        directory.insert(source);
    }
    Stage { clock, grant, profile, directory }
}

impl Stage {
    fn source(&self, nth: usize) -> Arc<ManagedSource> {
        self.directory.find(key(nth).as_key_ref()).unwrap()
    }

    fn ready(&self, nth: usize) -> Option<Token> {
        self.directory.ready(key(nth).as_key_ref())
    }

    /// As a program asks.
    fn ask(&self, nth: usize) -> Option<Token> {
        self.ready(nth).or_else(|| self.source(nth).ready())
    }

    /// Whether what the directory hands out are bytes of their own.
    fn is_near(&self, nth: usize) -> bool {
        let at = |token: Token| token.header().as_bytes().as_ptr() as usize;
        self.ready(nth).map(at) != self.source(nth).ready().map(at)
    }

    fn bring_near(&self, nth: usize) {
        assert!((0..100).all(|_| self.ask(nth).is_some()));
        assert!(self.is_near(nth), "{nth} did not come near");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_asked_for_often_comes_near_and_every_hit_is_counted() {
    let s = stage(RefreshPolicy::default(), 2).await;
    let before = s.source(0).health().hits;
    let at_hand = (0..1_000).filter(|_| s.ask(0).is_some()).count();
    assert_eq!(at_hand, 1_000);
    assert_eq!(s.source(0).health().hits, before + 1_000);
    assert!(s.is_near(0));
    assert!(!s.is_near(1), "it was asked for twice");
}

#[tokio::test(start_paused = true)]
async fn of_a_key_that_is_only_asked_for_through_ready_one_call_in_many_is_sent_to_find() {
    let s = stage(RefreshPolicy::default(), 1).await;
    let sent = (0..10_000).filter(|_| s.ready(0).is_none()).count();
    assert!((1..=40).contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn in_a_small_directory_nothing_comes_near() {
    let s = stage(RefreshPolicy::default(), 1).await;
    let small = Directory::new();
    small.insert(s.source(0));
    assert!((0..1_000).all(|_| small.ready(key(0).as_key_ref()).is_some()));
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_of_a_key_that_is_near_is_handed_out_no_more() {
    let s = stage(RefreshPolicy::default(), 1).await;
    s.bring_near(0);
    let refused = s.ready(0).unwrap();
    s.source(0).reject(&refused);
    assert!(s.ready(0).is_none());
    let next = s.source(0).token().await.unwrap();
    assert!(!next.is_same(&refused));
    assert!((0..100).all(|_| s.ask(0).unwrap().is_same(&next)));
}

#[tokio::test(start_paused = true)]
async fn a_renewed_token_takes_the_place_of_the_one_before() {
    let s = stage(RefreshPolicy::default(), 1).await;
    s.bring_near(0);
    let first = s.ready(0).unwrap();
    tokio::time::sleep(secs(590)).await;
    let second = s.ready(0).unwrap();
    assert!(!second.is_same(&first) && s.is_near(0), "it stays near across a renewal");
    assert!(second.is_same(&s.source(0).ready().unwrap()));
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_handed_out_from_near_by_either_clock() {
    for asleep in [false, true] {
        let s = stage(RefreshPolicy::default(), 1).await;
        s.bring_near(0);
        s.grant.now_answers([Answer::Fails(ErrorKind::Unavailable)]);
        if asleep {
            s.clock.sleep_machine(secs(601));
        } else {
            tokio::time::sleep(secs(601)).await;
        }
        assert!(s.ready(0).is_none(), "asleep: {asleep}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_expired_token_is_not_handed_out_from_near_where_the_wall_clock_was_set_back_before_a_sleep() {
    let s = stage(RefreshPolicy::default(), 1).await;
    s.bring_near(0);
    s.grant.now_answers([Answer::Fails(ErrorKind::Unavailable)]);
    s.clock.jump_wall(-4 * 3600);
    s.clock.sleep_machine(secs(601));
    tokio::time::sleep(secs(11)).await;
    assert!(s.ready(0).is_none());
}

#[tokio::test(start_paused = true)]
async fn a_source_that_was_taken_out_is_near_no_more_and_goes() {
    let s = stage(RefreshPolicy::default(), 2).await;
    s.bring_near(0);
    s.bring_near(1);
    let removed = Arc::downgrade(&s.directory.remove(key(0).as_key_ref()).unwrap());
    assert!(s.ready(0).is_none());
    assert!(removed.upgrade().is_none(), "something still holds it");

    let other = ManagedSource::new(key(1), s.grant.clone(), &s.profile);
    let token = other.token().await.unwrap();
    let replaced = Arc::downgrade(&s.directory.insert(other).unwrap());
    assert!(s.ready(1).unwrap().is_same(&token));
    assert!(replaced.upgrade().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_source_is_near_in_one_directory_at_a_time_and_right_in_all() {
    let (s, other) =
        (stage(RefreshPolicy::default(), 1).await, stage(RefreshPolicy::default(), 0).await.directory);
    other.insert(s.source(0));
    s.bring_near(0);
    let ask = || other.ready(key(0).as_key_ref()).or_else(|| other.find(key(0).as_key_ref())?.ready());
    assert!((0..100).all(|_| ask().is_some()));
    let refused = s.ready(0).unwrap();
    s.source(0).reject(&refused);
    assert!(s.ready(0).is_none() && ask().is_none());
    let next = s.source(0).token().await.unwrap();
    assert!(s.ask(0).unwrap().is_same(&next) && ask().unwrap().is_same(&next));
}

#[tokio::test(start_paused = true)]
async fn more_keys_than_there_is_room_for_still_get_their_own_tokens() {
    let s = stage(RefreshPolicy::default(), 0).await;
    // Far more than the places, each asked for often.
    for nth in 0..12_000 {
        let source = ManagedSource::new(key(nth), s.grant.clone(), &s.profile);
        source.token().await.unwrap();
        s.directory.insert(source);
        (0..20).for_each(|_| assert!(s.ask(nth).is_some()));
    }
    for nth in 0..12_000 {
        assert!(s.ask(nth).unwrap().is_same(&s.source(nth).ready().unwrap()), "{nth}");
    }
}

/// Numbers by xorshift: the same for every run of a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_the_directory_hands_out_what_the_source_holds() {
    for seed in 1..=10_u64 {
        let s = stage(RefreshPolicy::default(), 8).await;
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for step in 0..3_000 {
            let nth = usize::try_from(dice.below(8)).unwrap();
            match dice.below(100) {
                0 => {
                    if let Some(token) = s.source(nth).ready() {
                        s.source(nth).reject(&token);
                    }
                }
                1 => drop(s.source(nth).token().await),
                2 => tokio::time::sleep(secs(dice.below(400))).await,
                3 => {
                    s.clock.sleep_machine(secs(dice.below(400)));
                    // Until it has looked at its clocks, a program knows of a sleep by the wall clock alone.
                    tokio::time::sleep(secs(11)).await;
                }
                4 => {
                    let other = ManagedSource::new(key(nth), s.grant.clone(), &s.profile);
                    other.token().await.unwrap();
                    s.directory.insert(other);
                }
                5 => s.clock.jump_wall(i64::try_from(dice.below(800)).unwrap() - 400),
                _ => {
                    if let Some(token) = s.ready(nth) {
                        let now = s.clock.now();
                        assert!(token.is_fit(now), "seed {seed}, step {step}: it has expired");
                        let held = s.source(nth).ready();
                        assert!(held.is_some_and(|held| held.is_same(&token)), "seed {seed}, step {step}");
                    }
                }
            }
        }
    }
}

/// A grant that answers at once, with tokens that are due to be renewed after 5 ms.
#[derive(Debug, Default)]
struct AtOnce(AtomicU64);

#[async_trait]
impl Grant for AtOnce {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let now = SystemClock::new().now();
        let token = AccessToken::new(format!("token-{}", self.0.fetch_add(1, Ordering::Relaxed)));
        Ok(TokenSet::builder(token, now).expires(now.after(Duration::from_millis(10))).build().unwrap())
    }
}

#[test]
fn nobody_is_handed_an_older_token_once_anybody_was_handed_a_newer_one() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let grant: Arc<dyn Grant> = Arc::new(AtOnce::default());
    let policy = RefreshPolicy::builder().between_rejections(Duration::from_millis(1)).build().unwrap();
    let profile = Profile::builder("https://as.test/token", "test", &Scheduler::new()).policy(policy).build();
    let directory = Directory::new();
    for nth in 0..SOURCES {
        directory.insert(ManagedSource::new(key(nth), Arc::clone(&grant), &profile));
    }
    let (key, over) = (key(0), AtomicBool::new(false));
    let source = directory.find(key.as_key_ref()).unwrap();
    // The highest number that anybody saw: what is handed out later is not older.
    let newest = AtomicU64::new(0);
    let look = |ask: &dyn Fn() -> Option<Token>| {
        while !over.load(Ordering::Relaxed) {
            let least = newest.load(Ordering::SeqCst);
            if let Some(token) = ask() {
                assert!(token.serial() >= least, "{} after {least}", token.serial());
                newest.fetch_max(token.serial(), Ordering::SeqCst);
            }
        }
    };
    let near = || directory.ready(key.as_key_ref());
    std::thread::scope(|scope| {
        scope.spawn(|| look(&|| near().or_else(|| directory.find(key.as_key_ref())?.ready())));
        // From one place and from the other in turn, and as one of a crowd.
        scope.spawn(|| look(&|| near().and_then(|_| source.ready())));
        for nth in 0..500 {
            std::thread::sleep(Duration::from_millis(2));
            let token = runtime.block_on(source.token()).unwrap();
            newest.fetch_max(token.serial(), Ordering::SeqCst);
            // Of the others, each is replaced while it is held.
            if nth % 8 == 0 {
                source.reject(&token);
                assert!(directory.ready(key.as_key_ref()).is_none_or(|next| !next.is_same(&token)));
            }
        }
        over.store(true, Ordering::Relaxed);
    });
}
