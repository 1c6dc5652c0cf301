//! The store's clock: the boot clock of the machine, carried on over restarts.
//!
//! `time = base + boot clock`, with one base for all processes of the machine. The file says which machine (the boot
//! id) the base is for. Who opens the file first after a restart chooses a new base, above everything that was ever
//! given out: above the *ceiling*, which is kept in the file ahead of all readings.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::{Clock, StoreTime};

/// How far ahead of the readings the ceiling is put. So far the clock leaps, at most, when the machine restarts; and
/// half of it is how long the clock goes on when nothing can be written.
const RESERVE: u64 = nanos(Duration::from_secs(3_600));
const LOW: u64 = RESERVE / 2;
const REST: u64 = nanos(Duration::from_secs(1));

/// Off for longer is as off for so long: one absurd setting of the wall clock must not use the clock up.
const LONGEST_OFF: i64 = 5 * 366 * 86_400 * 1_000_000_000;

/// What the file does not know of itself: whose clock is read.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) clock: Arc<dyn Clock>,
    /// What changes when the boot clock begins anew. Where nobody can tell, the wall clock is read.
    pub(crate) boot_id: Option<Arc<str>>,
}

/// The clock's part of the row `meta`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Kept {
    /// The boot id that the base is for; empty for the wall clock.
    pub(crate) machine: String,
    pub(crate) base: i64,
    /// No reading was ever above it.
    pub(crate) ceiling: i64,
    /// The time of the last write, and what the wall clock said then.
    pub(crate) time: i64,
    pub(crate) wall: i64,
}

/// Reads the store's time.
#[derive(Debug)]
pub(crate) struct StoreClock {
    machine: Machine,
    base: i64,
    /// With a boot id: the durable ceiling. With the wall clock: the highest reading so far.
    limit: AtomicU64,
    /// Until then nobody is asked to raise the ceiling again: it has just failed.
    rest: AtomicU64,
}

/// The reading is above the ceiling: a write has to raise it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AboveCeiling;

impl Machine {
    /// What a new file keeps.
    pub(crate) fn begin(&self) -> Kept {
        Kept { machine: self.name(), ..Kept::default() }.written(self.local(0), self.wall())
    }

    /// What a file has to keep before this clock may be read: `None` where it has that already. The file was read
    /// before this is called.
    pub(crate) fn settle(&self, kept: &Kept) -> Option<Kept> {
        let wall = self.wall();
        let local = self.local(0);
        if self.boot_id.is_none() {
            let is_settled = kept.machine.is_empty();
            let anew = Kept { machine: String::new(), base: 0, ..kept.clone() };
            return (!is_settled).then(|| anew.written(local.max(kept.ceiling), wall));
        }
        // A time before the last write's is none of this clock, whatever the boot id says: a machine that was set
        // back to a snapshot, say.
        if kept.machine == self.name() && kept.base.saturating_add(local) >= kept.time {
            return None;
        }
        let off = wall.saturating_sub(kept.wall).clamp(0, LONGEST_OFF);
        let start = kept.ceiling.max(kept.time.saturating_add(off)).saturating_add(1);
        let base = start.saturating_sub(local);
        Some(Kept { machine: self.name(), base, ..kept.clone() }.written(start, wall))
    }

    fn name(&self) -> String {
        self.boot_id.as_deref().unwrap_or_default().to_owned()
    }

    /// The boot clock, or where there is no boot id the wall clock, after `base`.
    fn local(&self, base: i64) -> i64 {
        let local = match self.boot_id {
            Some(_) => to_signed(self.clock.now().as_nanos()),
            None => self.clock.wall().as_unix_nanos().max(0),
        };
        base.saturating_add(local)
    }

    fn wall(&self) -> i64 {
        self.clock.wall().as_unix_nanos()
    }
}

impl Kept {
    /// As a write at this time leaves it.
    fn written(self, time: i64, wall: i64) -> Self {
        let ceiling = self.ceiling.max(time.saturating_add(to_signed(RESERVE)));
        Self { ceiling, time: self.time.max(time), wall, ..self }
    }
}

impl StoreClock {
    /// The clock of a file that is settled.
    pub(crate) fn new(machine: Machine, kept: &Kept) -> Self {
        let limit = if machine.boot_id.is_some() { kept.ceiling } else { kept.time };
        Self {
            machine,
            base: kept.base,
            limit: AtomicU64::new(limit.unsigned_abs()),
            rest: AtomicU64::new(0),
        }
    }

    /// The store's time now, and whether a write should raise the ceiling soon.
    pub(crate) fn reading(&self) -> Result<(StoreTime, bool), AboveCeiling> {
        let time = self.time();
        if self.machine.boot_id.is_none() {
            let before = self.limit.fetch_max(time, Ordering::AcqRel);
            return Ok((StoreTime::from_nanos(time.max(before)), false));
        }
        let left = self.limit.load(Ordering::Acquire).checked_sub(time).ok_or(AboveCeiling)?;
        Ok((StoreTime::from_nanos(time), left < LOW && time >= self.rest.load(Ordering::Relaxed)))
    }

    /// What a write keeps; `None` where the file is another machine's meanwhile, or was set anew.
    pub(crate) fn at_write(&self, kept: &Kept) -> Option<Kept> {
        if kept.machine != self.machine.name() || kept.base != self.base {
            return None;
        }
        let mut time = to_signed(self.time());
        if self.machine.boot_id.is_none() {
            time = time.max(kept.time).max(to_signed(self.limit.load(Ordering::Acquire)));
        }
        Some(kept.clone().written(time, self.machine.wall()))
    }

    /// The ceiling could not be raised. Reads go on below it, and need not ask the failing disk each time.
    pub(crate) fn was_not_raised(&self) {
        self.rest.store(self.time().saturating_add(REST), Ordering::Relaxed);
    }

    /// What was kept is durable.
    pub(crate) fn was_written(&self, kept: &Kept) {
        let limit = if self.machine.boot_id.is_some() { kept.ceiling } else { kept.time };
        self.limit.fetch_max(limit.unsigned_abs(), Ordering::AcqRel);
    }

    fn time(&self) -> u64 {
        u64::try_from(self.machine.local(self.base)).unwrap_or(0)
    }
}

const fn nanos(duration: Duration) -> u64 {
    duration.as_secs() * 1_000_000_000
}

fn to_signed(nanos: u64) -> i64 {
    i64::try_from(nanos).unwrap_or(i64::MAX)
}

/// What changes when the boot clock of this process begins anew.
pub(crate) fn boot_id() -> Option<Arc<str>> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let id = id.trim();
    // A process in a time namespace of its own has another boot clock under the same boot id.
    let namespace = std::fs::read_link("/proc/self/ns/time").ok();
    let namespace = namespace.as_deref().and_then(|name| name.to_str()).unwrap_or(FIRST_NAMESPACE);
    let is_apart = namespace != FIRST_NAMESPACE;
    let id = if is_apart { format!("{id} {namespace}") } else { id.to_owned() };
    Some(id).filter(|id| !id.is_empty()).map(Into::into)
}

/// What the kernel calls the namespace that every machine starts with.
const FIRST_NAMESPACE: &str = "time:[4026531834]";

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;

    use grantry_core::{CoarseReading, Instant, Timestamp};

    use super::*;

    #[derive(Debug, Default)]
    struct Hands {
        boot: AtomicU64,
        wall: AtomicI64,
    }

    impl Clock for Hands {
        fn now(&self) -> Instant {
            Instant::from_nanos(self.boot.load(Ordering::Relaxed))
        }
        fn wall(&self) -> Timestamp {
            Timestamp::from_unix_nanos(self.wall.load(Ordering::Relaxed))
        }
        fn coarse(&self) -> CoarseReading {
            CoarseReading { monotonic: 0, wall: self.wall() }
        }
    }

    const HOUR: i64 = 3_600_000_000_000;

    fn machine(boot_id: &str, boot: i64, wall: i64) -> Machine {
        let hands = Hands { boot: AtomicU64::new(boot.unsigned_abs()), wall: AtomicI64::new(wall) };
        Machine { clock: Arc::new(hands), boot_id: Some(boot_id).filter(|id| !id.is_empty()).map(Into::into) }
    }

    #[test]
    fn a_second_process_of_the_same_boot_reads_the_same_clock() {
        let kept = machine("a", 5 * HOUR, 0).begin();
        let later = machine("a", 5 * HOUR + 7, 0);
        assert_eq!(later.settle(&kept), None);
        assert_eq!(
            StoreClock::new(later, &kept).reading().unwrap().0.as_nanos(),
            5 * HOUR.unsigned_abs() + 7
        );
    }

    #[test]
    fn after_a_restart_the_clock_goes_on_above_the_ceiling() {
        let kept = machine("a", 5 * HOUR, 0).begin();
        let after = machine("b", 12, 1);
        let anew = after.settle(&kept).unwrap();
        let now = StoreClock::new(after, &anew).reading().unwrap().0.as_nanos();
        assert!(now > kept.ceiling.unsigned_abs());
    }

    #[test]
    fn the_time_that_the_machine_was_off_is_counted_where_the_wall_clock_tells() {
        let kept = machine("a", 5 * HOUR, 100).begin();
        let anew = machine("b", 12, 100 + 90 * HOUR).settle(&kept).unwrap();
        assert_eq!(anew.base + 12, 95 * HOUR + 1);
        let absurd = machine("b", 12, i64::MAX).settle(&kept).unwrap();
        assert!(absurd.base < 6 * 366 * 24 * HOUR);
        let back = machine("b", 12, i64::MIN).settle(&kept).unwrap();
        assert_eq!(back.base + 12, kept.ceiling + 1);
    }

    #[test]
    fn a_boot_clock_that_was_set_back_under_the_same_boot_id_is_a_restart() {
        let kept = machine("a", 5 * HOUR, 0).begin();
        let anew = machine("a", 4 * HOUR, 0).settle(&kept).unwrap();
        assert!(anew.base + 4 * HOUR > kept.ceiling);
    }

    #[test]
    fn nothing_above_the_ceiling_is_given_out_before_it_is_raised() {
        let kept = machine("a", 0, 0).begin();
        let late = machine("a", 2 * HOUR, 0);
        assert_eq!(late.settle(&kept), None);
        let clock = StoreClock::new(late, &kept);
        assert_eq!(clock.reading(), Err(AboveCeiling));
        let raised = clock.at_write(&kept).unwrap();
        clock.was_written(&raised);
        assert!(!clock.reading().unwrap().1);
        let late = StoreClock::new(machine("a", 2 * HOUR + HOUR / 2 + 1, 0), &raised);
        assert!(late.reading().unwrap().1);
        late.was_not_raised();
        assert!(!late.reading().unwrap().1);
    }

    #[test]
    fn a_handle_notices_that_the_file_went_over_to_another_machine() {
        let first = machine("a", HOUR, 0);
        let kept = first.begin();
        let clock = StoreClock::new(first, &kept);
        let anew = machine("b", 12, 0).settle(&kept).unwrap();
        assert_eq!(clock.at_write(&anew), None);
    }

    #[test]
    fn without_a_boot_id_the_wall_clock_is_held_above_what_was_read() {
        let start = machine("", 7, 5 * HOUR);
        let kept = start.begin();
        let clock = StoreClock::new(start, &kept);
        assert_eq!(clock.reading().unwrap().0.as_nanos(), 5 * HOUR.unsigned_abs());
        let set_back = machine("", 9, HOUR);
        assert_eq!(set_back.settle(&kept), None);
        let clock = StoreClock::new(set_back, &kept);
        assert_eq!(clock.reading().unwrap().0.as_nanos(), 5 * HOUR.unsigned_abs());
        assert_eq!(clock.at_write(&kept).unwrap().time, 5 * HOUR);
    }
}
