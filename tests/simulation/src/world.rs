//! A world, from its seed to its last day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grantry_core::{Clock, Error, GrantKey};
use grantry_testkit::{ManualClock, RegisteredClient, TestServer};
use grantry_vault::{GrantRecord, SealedVault};

use crate::dice::Dice;
use crate::ear::Ear;
use crate::keys::Keys;
use crate::life::{Fate, Life, number_after};
use crate::link::{Cut, Link};
use crate::lobby::{Lobby, REDIRECT_URI};
use crate::people::consent;
use crate::plan::Plan;
use crate::process::{Place, Surroundings, admin, live, open_vault, own_key};
use crate::records::Records;
use crate::store::{Disk, Store};
use crate::trace::Trace;
use crate::watchtower::{Facts, SECRET, Watchtower};

/// For how long nobody asks for anything before everything is looked at: longer than a look at lifeboats takes to come.
pub(crate) const EVENING: Duration = Duration::from_secs(90);

/// What became of a world.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// What it was made of.
    pub(crate) seed: u64,
    /// Everything that happened, in one number.
    pub(crate) hash: u64,
    /// How many things happened.
    pub(crate) steps: u64,
    /// The faults by kind.
    pub(crate) faults: BTreeMap<&'static str, u64>,
    /// The crashes by the point at which a process died.
    pub(crate) crashes: BTreeMap<&'static str, u64>,
    /// Token requests.
    pub(crate) requests: u64,
    /// Authorization codes that were posted.
    pub(crate) codes: u64,
    /// How many grants there were.
    pub(crate) grants: usize,
    /// Why each grant was lost that was lost, as far as it could not be avoided.
    pub(crate) unavoidable: Vec<String>,
    /// Broken promises: none, or there is a mistake.
    pub(crate) broken: Vec<String>,
    /// Every step, where they were asked for.
    pub(crate) story: Vec<String>,
}

impl Outcome {
    /// A world that could not be made.
    pub(crate) fn not_made(seed: u64, error: &str) -> Self {
        Self {
            seed,
            hash: 0,
            steps: 0,
            faults: BTreeMap::new(),
            crashes: BTreeMap::new(),
            requests: 0,
            codes: 0,
            grants: 0,
            unavoidable: Vec::new(),
            broken: vec![format!("it could not be made: {error}")],
            story: Vec::new(),
        }
    }
}

/// Runs the world of a plan.
///
/// # Errors
/// It could not be made.
pub(crate) fn run(plan: Plan, tells: bool) -> Result<Outcome, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| Error::configuration(error.to_string()))?;
    let outcome = runtime.block_on(async {
        // Timers go by whole milliseconds since the runtime was made: from the first one on, so does everything.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let world = World::make(plan);
        if tells {
            world.fate.trace.keep_story();
        }
        let listens = (tells || world.fate.plan.listens).then(|| Ear(world.fate.clone()));
        let _listening = listens.map(tracing::subscriber::set_default);
        world.into_outcome().await
    });
    // What the dead left behind waits for ever.
    runtime.shutdown_background();
    outcome
}

pub(crate) struct World {
    pub(crate) fate: Fate,
    pub(crate) disk: Arc<Disk>,
    pub(crate) server: Arc<TestServer>,
    pub(crate) places: Vec<Arc<Place>>,
    /// The grants of people, and those of the client itself.
    pub(crate) keys: Arc<[GrantKey]>,
    pub(crate) own: Arc<[GrantKey]>,
    lobby: Arc<Lobby>,
}

impl World {
    fn make(plan: Plan) -> Self {
        let clock = ManualClock::following_tokio();
        let dice = Dice::new(plan.seed);
        let server = TestServer::builder()
            .client(RegisteredClient::with_secret("crm", SECRET).redirect_uri(REDIRECT_URI))
            .rotation(plan.rotation)
            .token_lifetime(plan.token_lifetime)
            .clock(Arc::new(clock.clone()))
            .seed(plan.seed)
            .build();
        let keys = (0..plan.tenants).flat_map(|tenant| {
            (0..plan.grants).filter_map(move |grant| {
                GrantKey::new(format!("tenant-{tenant}"), "crm", format!("user-{grant}")).ok()
            })
        });
        let own =
            (0..plan.tenants).filter(|_| plan.own).filter_map(|tenant| own_key(&format!("tenant-{tenant}")));
        let place = || {
            Arc::new(Place {
                machine: Arc::default(),
                is_cut: Arc::default(),
                link: Arc::new(Link::new(clock.clone())),
                clock: ManualClock::following_tokio(),
                inhabitant: Mutex::default(),
            })
        };
        let facts = Facts::of(&plan);
        Self {
            lobby: Arc::new(Lobby::new(&clock)),
            disk: Disk::new(clock.clone()),
            server: Arc::new(server),
            places: (0..plan.replicas).map(|_| place()).collect(),
            keys: keys.collect(),
            own: own.collect(),
            fate: Fate {
                tower: Arc::new(Watchtower::new(clock.clone(), facts)),
                dice,
                trace: Trace::default(),
                clock,
                is_troubled: Arc::default(),
                is_evening: Arc::default(),
                keys_gone: Arc::default(),
                records: Arc::default(),
                plan: Arc::new(plan),
            },
        }
    }

    async fn into_outcome(self) -> Result<Outcome, Error> {
        self.settle_people().await?;
        if self.fate.plan.inspects {
            let (clock, seed) = (&self.fate.clock, self.fate.plan.seed);
            let all: Vec<GrantKey> = self.keys.iter().chain(self.own.iter()).cloned().collect();
            let records = Records::open(&self.disk, &self.server, &all, clock, seed).await?;
            let _ = self.fate.records.set(records);
        }
        let lives: Vec<_> = (0..self.places.len()).map(|nth| tokio::spawn(self.inhabit(nth))).collect();
        let people = self.fate.plan.anew.then(|| tokio::spawn(self.come_back()));
        let inspector = self.fate.plan.inspects.then(|| tokio::spawn(self.inspect()));
        self.fate.is_troubled.store(true, Ordering::Relaxed);
        self.trouble().await;
        self.fate.is_troubled.store(false, Ordering::Relaxed);
        for gone in [&self.disk.is_down, &self.disk.is_trail_down, self.fate.keys_gone.as_ref()] {
            gone.store(false, Ordering::Relaxed);
        }
        for place in &self.places {
            place.is_cut.store(false, Ordering::Relaxed);
            place.link.mend();
            if place.machine.is_full() {
                self.turn_full(place);
            }
        }
        self.fate.tower.calm();
        tokio::time::sleep(self.fate.plan.calm).await;
        self.fate.is_evening.store(true, Ordering::Relaxed);
        tokio::time::sleep(EVENING).await;
        let unavoidable = self.look().await?;
        lives.iter().chain(&inspector).chain(&people).for_each(tokio::task::JoinHandle::abort);
        let (requests, _) = self.fate.tower.requests();
        Ok(Outcome {
            seed: self.fate.plan.seed,
            hash: self.fate.trace.hash(),
            steps: self.fate.trace.steps(),
            faults: self.fate.trace.faults(),
            crashes: self.fate.trace.crashes(),
            requests,
            codes: self.fate.tower.codes(),
            grants: self.keys.len(),
            unavoidable,
            broken: self.fate.tower.broken(),
            story: self.fate.trace.story(),
        })
    }

    /// The vault, as somebody opens it to whom nothing happens.
    pub(crate) async fn open_vault(&self) -> Result<SealedVault, Error> {
        let keys = Keys::new(&Arc::default(), &self.fate.trace);
        open_vault(Store::at_hand(&self.disk), keys, &self.fate.clock, self.fate.dice.entropy()).await
    }

    /// Each grant is consented to, and stored.
    async fn settle_people(&self) -> Result<(), Error> {
        let vault = self.open_vault().await?;
        let mine = vault.as_principal(admin()?);
        let now = self.fate.clock.wall();
        for key in self.keys.iter() {
            let _ = mine.create_tenant(key.tenant()).await;
            let token = consent(&self.server, key);
            self.fate.tower.consented(key, token.expose());
            let tenant =
                mine.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            let record = GrantRecord::new(now).with_refresh_token(token, now);
            tenant.create_grant(key.service(), key.account(), record).await?;
        }
        for key in self.own.iter() {
            let tenant =
                mine.tenant(key.tenant()).map_err(|error| Error::configuration(error.to_string()))?;
            tenant.create_own_grant(key.service(), key.account()).await?;
        }
        self.disk.replicate();
        vault.close().await
    }

    /// One process after the other lives in a place.
    fn inhabit(&self, nth: usize) -> impl Future<Output = ()> + Send + 'static {
        let (fate, place) = (self.fate.clone(), Arc::clone(&self.places[nth]));
        let around = Surroundings {
            disk: Arc::clone(&self.disk),
            server: Arc::clone(&self.server),
            keys: Arc::clone(&self.keys),
            own: Arc::clone(&self.own),
            lobby: Arc::clone(&self.lobby),
        };
        async move {
            let mut last = None;
            loop {
                let number = *last.insert(number_after(nth, last));
                let life = Life::begin(number, fate.clone());
                place.settle(&life);
                live(Arc::clone(&life), Arc::clone(&place), around.clone()).await;
                life.end();
                if fate.plan.power_cuts && fate.strikes(500) {
                    fate.trace.fault("power cut");
                    place.machine.lose_power(number, fate.dice.below(u64::MAX));
                }
                tokio::time::sleep(Duration::from_millis(200 + fate.dice.below(5_000))).await;
            }
        }
    }

    /// Outages, failovers, clocks that jump.
    async fn trouble(&self) {
        let (fate, plan) = (&self.fate, &self.fate.plan);
        let end = fate.clock.now().after(plan.trouble);
        while fate.clock.now() < end {
            let pause = Duration::from_millis(200 + fate.dice.below(400));
            tokio::time::sleep(pause).await;
            let machine = fate.dice.index(self.places.len());
            let place = &self.places[machine];
            if plan.outages && fate.dice.below(60) == 0 {
                self.outage(place);
            }
            if plan.full_disks && fate.dice.below(60) == 0 {
                self.turn_full(place);
            }
            if plan.clock_jumps && fate.dice.below(120) == 0 {
                fate.trace.fault("clock jump");
                let day = Duration::from_secs(86_400);
                let wall = place.clock.wall();
                place.clock.set_wall(if fate.dice.below(2) == 0 {
                    wall.after(day)
                } else {
                    wall.before(day)
                });
            }
            if plan.clock_leaps && fate.dice.below(120) == 0 {
                fate.trace.fault("store clock leap");
                let by = Duration::from_millis(fate.dice.below(4_000));
                fate.tower.leapt(by);
                fate.trace.tell(fate.clock.now().as_nanos(), &format!("the store's clock leaps by {by:?}"));
                self.disk.leap(by);
            }
            if plan.key_outages && fate.dice.below(120) == 0 {
                self.turn_off(&fate.keys_gone, 30_000);
            }
            if plan.audit_outages && fate.dice.below(120) == 0 {
                self.turn_off(&self.disk.is_trail_down, 12_000);
            }
            if plan.sleeps && fate.dice.below(120) == 0 {
                self.sleep(place);
            }
            if plan.partitions && fate.dice.below(60) == 0 {
                self.partition(machine);
            }
            if plan.unread_boats && fate.dice.below(120) == 0 {
                let (from, lasts) =
                    (fate.clock.now(), Duration::from_millis(1_000 + fate.dice.below(60_000)));
                place.machine.is_unread_until(from.after(lasts));
                fate.tower.unread(machine, from, from.after(lasts));
                fate.trace
                    .tell(from.as_nanos(), &format!("lifeboats on {machine} are not read for {lasts:?}"));
            }
            if plan.failover && fate.dice.below(120) == 0 {
                fate.trace.fault("failover");
                for key in self.disk.fail_over() {
                    fate.trace
                        .tell(fate.clock.now().as_nanos(), &format!("a failover forgot a write of {key}"));
                    let held = fate.records.get().and_then(|records| records.read(&key).ok().flatten());
                    fate.tower.set_back(&key, held.as_ref());
                }
            } else if plan.failover {
                self.disk.replicate();
            }
        }
    }

    /// A disk is full, or has room again. Nothing is sent from there meanwhile.
    fn turn_full(&self, place: &Place) {
        let now = self.fate.clock.now();
        if let Some(since) = place.machine.turn_full(now) {
            self.fate.tower.outage(since, now);
        }
    }

    fn outage(&self, place: &Place) {
        let fate = &self.fate;
        let from = fate.clock.now();
        let lasts = Duration::from_millis(500 + fate.dice.below(12_000));
        fate.tower.outage(from, from.after(lasts));
        let (disk, is_cut) = (Arc::clone(&self.disk), Arc::clone(&place.is_cut));
        let of_the_store = fate.dice.below(2) == 0;
        for machine in (0..self.places.len()).filter(|_| of_the_store) {
            fate.tower.cut_off(machine, from, from.after(lasts));
        }
        tokio::spawn(async move {
            let set = |is: bool| match of_the_store {
                true => disk.is_down.store(is, Ordering::Relaxed),
                false => is_cut.store(is, Ordering::Relaxed),
            };
            set(true);
            tokio::time::sleep(lasts).await;
            set(false);
        });
    }

    /// One machine is cut off, from the store or from the server, and everybody else reaches both.
    fn partition(&self, machine: usize) {
        let (fate, place) = (&self.fate, &self.places[machine]);
        let from = fate.clock.now();
        let lasts = Duration::from_millis(1_000 + fate.dice.below(39_000));
        let cut = [Cut::Refuses, Cut::Waits, Cut::WaitsAndFails][fate.dice.index(3)];
        let how = fate.dice.below(4);
        match how {
            0 => place.link.cut_store(cut, lasts),
            1 => place.link.cut_store_at_next_write(cut, lasts),
            2 => place.link.lose_messages(lasts),
            _ => place.link.lose_messages_at_next_answer(lasts),
        }
        if how.is_multiple_of(2) {
            fate.tower.outage(from, from.after(lasts));
        }
        if how == 0 {
            fate.tower.cut_off(machine, from, from.after(lasts));
        }
        fate.trace.fault("partition");
        fate.note("partition", &format!("{cut:?} {lasts:?}"));
    }

    /// Something is gone for a while.
    fn turn_off(&self, gone: &Arc<AtomicBool>, most_millis: u64) {
        let fate = &self.fate;
        let from = fate.clock.now();
        let lasts = Duration::from_millis(500 + fate.dice.below(most_millis));
        fate.tower.outage(from, from.after(lasts));
        gone.store(true, Ordering::Relaxed);
        let gone = Arc::clone(gone);
        tokio::spawn(async move {
            tokio::time::sleep(lasts).await;
            gone.store(false, Ordering::Relaxed);
        });
    }

    /// A machine sleeps: what runs on it does nothing meanwhile, and goes on as if nothing had been.
    fn sleep(&self, place: &Place) {
        let Some(life) = place.inhabitant() else { return };
        let now = self.fate.clock.now();
        let lasts = Duration::from_millis(10_000 + self.fate.dice.below(80_000));
        self.fate.trace.fault("machine asleep");
        self.fate.tower.outage(now, now.after(lasts));
        life.stand_still(lasts);
    }
}
