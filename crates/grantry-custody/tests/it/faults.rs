//! Lost answers, crashes, stores that do not answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{Attempt, Clock, Error, ErrorKind, Failure, Grant, GrantKey, Rotation, Stage, TokenSet};
use grantry_custody::protocol::Terms;
use grantry_custody::{AdoptedId, Adoption, Cargo, FolderLifeboat, Lifeboat, LifeboatError, Release, Seat};
use grantry_testkit::{Endpoint, Fault};
use grantry_vault::access::Principal;

use crate::fixture::{GRACE, STRICT, Slow, TOKEN_LIFETIME, World, key, kind};
use crate::process::Start;

#[tokio::test(start_paused = true)]
async fn a_lost_answer_is_asked_for_again_inside_the_window_whatever_the_caller_does() {
    let world = World::new(GRACE).await;
    let replica = world.replica().await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    world.pass(Duration::from_secs(5)).await;
    assert!(world.is_alive().await, "nobody asked, and it was resolved");
    assert_eq!(world.requests(), 2);
    let set = replica.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!((set.generation(), world.requests()), (1, 2), "the stored one is used");
    assert_eq!(replica.events.taken(), ["rotation_in_doubt", "rotated"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stays_away_is_given_up_in_time_for_another_inside_the_window() {
    for seconds in [10, 30, 60] {
        let window = Duration::from_secs(seconds);
        let world = World::new(Rotation::Grace { window, same: false }).await;
        let replica = world.replica().await;
        let sent = world.clock.now();
        world.server.inject(Endpoint::Token, Fault::slow(1, Duration::from_secs(60)));
        assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
        let took = world.clock.now().since(sent);
        assert!(took < window / 3, "{took:?} of a window of {window:?}");
        world.pass(window - took).await;
        assert!(world.is_alive().await, "{window:?}");
        assert_eq!(world.requests(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn where_a_used_token_is_refused_a_slow_answer_is_waited_for_and_nobody_else_sends_the_token() {
    for rotation in [STRICT, Rotation::Strict { revokes_family: false }, Rotation::KeepOld, Rotation::None] {
        let world = World::new(rotation).await;
        let (replica, other) = (world.replica().await, world.replica().await);
        world.server.inject(Endpoint::Token, Fault::slow(100, Duration::from_secs(5)));
        let elsewhere = tokio::spawn(async move { other.grant.obtain(Attempt::first()).await });
        let began = world.clock.now();
        let set = replica.grant.obtain(Attempt::first()).await.unwrap();
        assert!(world.clock.now().since(began) > Duration::from_secs(10), "{rotation:?}");
        assert_eq!((set.generation(), world.requests()), (1, 1), "{rotation:?}");
        let theirs = elsewhere.await.unwrap();
        assert!(theirs.is_err() || theirs.unwrap().generation() == 1, "{rotation:?}");
        assert_eq!(world.requests(), 1);
        assert!(world.is_alive().await, "{rotation:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn on_a_strict_server_the_held_token_serves_until_the_last_chance() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let held = replica.grant.obtain(Attempt::first()).await.unwrap();
    // The request never arrives, but nobody can know that.
    world.server.inject(Endpoint::Token, Fault::drop_before_handling());
    assert_eq!(kind(replica.grant.obtain(Attempt::replace(&held)).await), ErrorKind::InDoubt);
    world.pass(Duration::from_secs(30)).await;
    assert_eq!(world.requests(), 2, "the access token is still fit, so nothing is risked");
    world.pass(TOKEN_LIFETIME).await;
    assert_eq!(world.requests(), 3);
    replica.custody.close().await;
    assert!(world.is_alive().await, "the request had not been processed, so the last chance brought it back");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_after_the_answer_loses_nothing_and_holds_nobody_up() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let call = replica.grant.obtain(Attempt::first());
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.set_down(true);
    };
    let (set, ()) = tokio::join!(call, fail);
    let set = set.expect("the lifeboat suffices");
    assert!(replica.events.taken().contains(&"custody_at_risk"));
    world.pass(Duration::from_secs(30)).await;
    world.store.set_down(false);
    world.pass(Duration::from_secs(10)).await;
    assert!(world.is_alive().await);
    assert_eq!((set.generation(), world.requests()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn who_wants_the_store_to_have_it_first_waits_for_the_store() {
    let world = World::new(STRICT).await;
    let replica = world.replica_with(world.redemption(), Release::AfterStore).await;
    let call = replica.grant.obtain(Attempt::first());
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.set_down(true);
        tokio::time::sleep(Duration::from_secs(60)).await;
        world.store.set_down(false);
        world.clock.now()
    };
    let answered = async { (call.await.unwrap(), world.clock.now()) };
    let ((_, answered), up) = tokio::join!(answered, fail);
    assert!(answered >= up);
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn what_a_dead_process_had_received_is_brought_home_by_the_next() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let call = replica.grant.obtain(Attempt::first());
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        world.store.set_down(true);
    };
    let (set, ()) = tokio::join!(call, fail);
    set.unwrap();
    // The process dies: its tasks go with its runtime, and its lifeboat is no longer locked. Here the tasks go on, so the
    // file is copied as the dead process would have left it.
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&left, world.lifeboats().join("dead.lifeboat")).unwrap();
    drop(replica);
    world.store.set_down(false);
    let next = world.replica().await;
    assert!(world.is_alive().await, "adopted when it was opened");
    let set = next.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!((set.generation(), world.requests()), (1, 1));
    assert!(!world.lifeboats().join("dead.lifeboat").exists());
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_on_a_strict_server_ends_with_a_person_and_says_why() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    world.server.inject(Endpoint::Token, Fault::drop_after_handling());
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    world.pass(Duration::from_secs(60)).await;
    let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(failure.error.kind(), ErrorKind::InvalidGrant);
    let text = failure.error.diagnosis().to_string();
    assert!(text.contains("consent again") && text.contains("lost"), "{text}");
    assert_eq!(world.requests(), 2, "the last chance, and nothing after the verdict");
    assert!(replica.events.taken().contains(&"reauthorization_needed"));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_accepted_condemns_no_grant() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let body = r#"{"error":"invalid_client"}"#;
    world.server.inject(Endpoint::Token, Fault::status(401).with_body(body));
    assert_eq!(kind(replica.grant.obtain(Attempt::first()).await), ErrorKind::InvalidClient);
    assert!(world.is_alive().await);
    assert!(replica.grant.obtain(Attempt::first()).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_was_removed_is_not_brought_back() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let acme = replica.vault.as_principal(crate::fixture::admin()).tenant("acme").unwrap();
    let call = replica.grant.obtain(Attempt::first());
    let remove = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let stands = acme.grant("crm", "user-17").await.unwrap().unwrap();
        acme.remove_grant("crm", "user-17", &stands.version).await.unwrap();
    };
    let (result, ()) = tokio::join!(call, remove);
    assert_eq!(kind(result), ErrorKind::InvalidGrant);
    assert!(acme.grant("crm", "user-17").await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn without_a_record_nothing_is_sent_and_the_error_says_what_to_do() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let other = GrantKey::new("acme", "crm", "nobody").unwrap();
    let grant = replica.custody.grant(other, Arc::clone(&world.redemption())).build().unwrap();
    let failure = grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(failure.error.diagnosis().remedy().contains("consent"));
    assert_eq!(world.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn with_the_store_down_nothing_is_sent() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    world.store.set_down(true);
    let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(!failure.sent, "{failure:?}");
    assert_eq!(world.requests(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_full_store_refuses_the_renewal_before_anything_is_sent_and_the_next_one_finds_the_token_unspent() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    world.store.set_full(true);
    let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(!failure.sent && failure.error.kind() == ErrorKind::Storage, "{failure:?}");
    assert!(failure.error.diagnosis().remedy().contains("room"), "{}", failure.error.diagnosis());
    assert_eq!(world.requests(), 0);
    world.store.set_full(false);
    replica.grant.obtain(Attempt::first()).await.unwrap();
    assert_eq!(world.requests(), 1);
    assert!(world.is_alive().await);
}

/// A lifeboat on a disk that is full. It gives no seat, so that nothing may be sent; `NoLifeboat` gives one to everybody, as there
/// nothing is waited for but the store.
#[derive(Debug)]
struct FullBoat;

#[async_trait]
impl Lifeboat for FullBoat {
    async fn reserve(&self) -> Result<Seat, LifeboatError> {
        Err(LifeboatError::NoRoom("no space is left on the disk".to_owned()))
    }
    async fn board(&self, _seat: &Seat, _cargo: &Cargo) -> Result<(), LifeboatError> {
        Err(LifeboatError::NoRoom("no space is left on the disk".to_owned()))
    }
    fn leave(&self, _seat: Seat) {}
    async fn adopt(&self) -> Result<Adoption, LifeboatError> {
        Ok(Adoption::default())
    }
    async fn bring_home(&self, _id: &AdoptedId) -> Result<(), LifeboatError> {
        Ok(())
    }
    fn is_durable(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn without_room_in_the_lifeboat_nothing_is_sent() {
    let world = World::new(STRICT).await;
    let replica = world.replica_in(FullBoat, world.redemption(), Release::default()).await;
    let failure = replica.grant.obtain(Attempt::first()).await.unwrap_err();
    assert!(!failure.sent && failure.error.kind() == ErrorKind::Storage, "{failure:?}");
    assert_eq!(world.requests(), 0);
    world.replica().await.grant.obtain(Attempt::first()).await.unwrap();
    assert!(world.is_alive().await);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_while_a_lease_is_extended_does_not_keep_the_answer_from_the_lifeboat() {
    let world = World::new(STRICT).await;
    let replica = world.replica_with(Arc::new(Slow(world.redemption())), Release::default()).await;
    let other = world.vault().await.as_principal(Principal::system_renewal()).tenant("acme").unwrap();
    let call = tokio::spawn(async move { replica.grant.obtain(Attempt::first()).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Somebody else writes, so that the lease cannot be extended without reading; and reading hangs.
    let renewing = other.renew("crm", "user-17").await.unwrap();
    let stands = renewing.grant().await.unwrap().unwrap();
    renewing.store(stands.value, &stands.version, stands.version.generation()).await.unwrap();
    world.store.set_hanging(true);
    tokio::time::sleep(Duration::from_secs(15)).await;
    // The sync of the disk takes its time in this world, not in that one.
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    let copy = tempfile::tempdir().unwrap();
    let mut aboard = 0;
    for _ in 0..100 {
        std::fs::copy(&left, copy.path().join("dead.lifeboat")).unwrap();
        aboard = FolderLifeboat::open(copy.path()).unwrap().adopt().await.unwrap().entries.len();
        if aboard > 0 {
            break;
        }
        tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20))).await.unwrap();
    }
    assert_eq!(aboard, 1, "what was received is on the disk");
    call.abort();
}

/// Makes an answer unusable, with the refresh token still in it.
#[derive(Debug)]
struct Mangling(Arc<dyn Grant>, AtomicBool);

#[async_trait]
impl Grant for Mangling {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let set = self.0.obtain(attempt).await?;
        if self.1.swap(false, Ordering::Relaxed) {
            let error = Error::new(ErrorKind::InvalidAnswer, Stage::Token, "the answer was mangled");
            return Err(Failure::unknown(error).with_salvaged(set.refresh_token().cloned()));
        }
        Ok(set)
    }
}

#[tokio::test(start_paused = true)]
async fn a_refresh_token_from_an_unusable_answer_outlives_a_store_that_fails_and_the_process_that_found_it() {
    let world = World::new(STRICT).await;
    let mangling = Mangling(world.redemption(), AtomicBool::new(true));
    let start = Start { redemption: Some(Arc::new(mangling)), ..Start::default() };
    let process = world.process_with("one", start).await;
    let call = process.grant.obtain(Attempt::first());
    let fail = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        process.link.cut();
        // The sync of the disk takes its time in this world, not in that one.
        while !process.events.taken().contains(&"custody_at_risk") {
            world.pass(Duration::from_millis(100)).await;
            tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(1))).await.unwrap();
        }
        world.pass(Duration::from_secs(20)).await;
    };
    tokio::select! {
        _ = call => panic!("nothing can be told before the store has it"),
        () = fail => {}
    }
    let left = std::fs::read_dir(world.lifeboats()).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(&left, world.lifeboats().join("dead.lifeboat")).unwrap();
    let next = world.replica().await;
    let set = next.grant.obtain(Attempt::first()).await.unwrap();
    assert!(world.is_alive().await);
    assert_eq!((set.generation(), world.requests()), (1, 2), "what was found is redeemed, and nothing else");
    assert!(!world.lifeboats().join("dead.lifeboat").exists());
}

/// A grant that breaks its promise to come to an end.
#[derive(Debug)]
struct Endless;

#[async_trait]
impl Grant for Endless {
    async fn obtain(&self, _: Attempt<'_>) -> Result<TokenSet, Failure> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_that_never_ends_is_given_up_and_does_not_keep_the_others_out() {
    for rotation in [GRACE, STRICT] {
        let world = World::new(rotation).await;
        let one = world.replica_with(Arc::new(Endless), Release::default()).await;
        let began = world.clock.now();
        let call = one.grant.obtain(Attempt::first());
        let error = call.await.unwrap_err().error;
        assert_eq!(error.kind(), ErrorKind::InDoubt);
        assert!(world.clock.now().since(began) < Duration::from_secs(70), "{rotation:?}");
        one.custody.close().await;
        let other = world.replica().await;
        world.pass(Duration::from_secs(20)).await;
        let set = other.grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!((set.generation(), world.requests()), (1, 1), "{rotation:?}");
    }
}

/// A grant that hands over what it received long after.
#[derive(Debug)]
struct Dawdling(Arc<dyn Grant>, Duration);

#[async_trait]
impl Grant for Dawdling {
    async fn obtain(&self, attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        let obtained = self.0.obtain(attempt).await;
        tokio::time::sleep(self.1).await;
        obtained
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_grant_brings_that_nobody_waited_for_is_brought_home_all_the_same() {
    let world = World::new(GRACE).await;
    let dawdling = Dawdling(world.redemption(), Duration::from_secs(40));
    let one = world.replica_with(Arc::new(dawdling), Release::default()).await;
    assert_eq!(kind(one.grant.obtain(Attempt::first()).await), ErrorKind::InDoubt);
    world.pass(Duration::from_secs(60)).await;
    one.custody.close().await;
    let alive = world.is_alive().await;
    assert!(alive, "{} requests", world.requests());
    let other = world.replica().await;
    let requests = world.requests();
    assert!(other.grant.obtain(Attempt::first()).await.unwrap().generation() >= 1);
    assert_eq!(world.requests(), requests, "the token that came late is there");
}

#[test]
fn what_comes_late_is_in_the_lifeboat_though_the_store_and_the_trail_are_gone() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let first = runtime();
    let world = first.block_on(async {
        let world = World::new(STRICT).await;
        let dawdling = Dawdling(world.redemption(), Duration::from_secs(100));
        let one = world.replica_with(Arc::new(dawdling), Release::default()).await;
        let call = one.grant.obtain(Attempt::first());
        let fail = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            world.store.set_down(true);
        };
        let (given, ()) = tokio::join!(call, fail);
        assert_eq!(kind(given), ErrorKind::InDoubt);
        world.pass(Duration::from_secs(100)).await;
        world
    });
    // The process dies before the store is there again.
    drop(first);
    world.store.set_down(false);
    runtime().block_on(async {
        let next = world.replica().await;
        let set = next.grant.obtain(Attempt::first()).await.unwrap();
        assert_eq!(set.generation(), 1);
        assert!(world.is_alive().await);
    });
}

#[tokio::test(start_paused = true)]
async fn a_window_in_which_no_answer_could_be_asked_for_again_is_refused_when_the_grant_is_built() {
    let world = World::new(STRICT).await;
    let replica = world.replica().await;
    let of = |window| {
        replica.custody.grant(key(), world.redemption()).rotation(Rotation::Grace { window, same: false })
    };
    let refused = of(Duration::from_secs(1)).build().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert!(refused.to_string().contains("Rotation::Strict"), "{refused}");
    of(Duration::from_secs(4)).build().unwrap();
    let hasty = Terms { rotation: GRACE, lease: Duration::from_secs(60), ..Terms::of(GRACE) };
    let refused = replica.custody.grant(key(), world.redemption()).terms(hasty).build().unwrap_err();
    assert!(refused.to_string().contains("shorten them"), "{refused}");
}
