//! What a seed decides about a world before it begins.

use std::time::Duration;

use grantry_core::{RefreshRate, Rotation};

use crate::dice::Dice;

/// How a world is made, and what happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// What it was made of.
    pub(crate) seed: u64,
    /// What the authorization server does with used refresh tokens.
    pub(crate) rotation: Rotation,
    /// Processes at a time.
    pub(crate) replicas: usize,
    /// Tenants, and grants of each.
    pub(crate) tenants: usize,
    /// Grants of each tenant.
    pub(crate) grants: usize,
    /// How long access tokens live.
    pub(crate) token_lifetime: Duration,
    /// For how long things go wrong.
    pub(crate) trouble: Duration,
    /// Of a thousand token requests, how many are lost before the server, and how many answers after it.
    pub(crate) lost: u64,
    /// Of a thousand token requests, how many arrive twice.
    pub(crate) doubled: u64,
    /// Of a thousand token requests, how many answers cannot be used, though they hold tokens.
    pub(crate) mangled: u64,
    /// Of a thousand operations of a process, how many it does not survive.
    pub(crate) crashes: u64,
    /// Of a thousand operations, how many take seconds.
    pub(crate) stalls: u64,
    /// Of a thousand writes, how many answers of the store are lost.
    pub(crate) doubtful_writes: u64,
    /// Whether the store, the key provider and the network are gone for a while now and then.
    pub(crate) outages: bool,
    /// Whether the store fails over and loses the last commits.
    pub(crate) failover: bool,
    /// Whether the store's clock leaps ahead, as one does that crashed.
    pub(crate) clock_leaps: bool,
    /// Whether wall clocks jump.
    pub(crate) clock_jumps: bool,
    /// Whether disks are full for a while.
    pub(crate) full_disks: bool,
    /// Whether a process that dies takes what its disk had not synced along: the current was cut.
    pub(crate) power_cuts: bool,
    /// Whether the key provider is gone for a while now and then.
    pub(crate) key_outages: bool,
    /// Whether the audit trail cannot be written for a while now and then.
    pub(crate) audit_outages: bool,
    /// Whether machines sleep.
    pub(crate) sleeps: bool,
    /// Whether people withdraw what they consented to, one grant after the other.
    pub(crate) removals: bool,
    /// Whether somebody looks into the records all the while.
    pub(crate) inspects: bool,
    /// Whether callers take the tokens of sources, which a scheduler renews; else each asks its grant.
    pub(crate) managed: bool,
    /// Whether people come to log in.
    pub(crate) visits: bool,
    /// Whether every log line is listened to.
    pub(crate) listens: bool,
    /// Whether one machine alone is cut off from the store, or loses what it sends to the server, for a while now and then.
    pub(crate) partitions: bool,
    /// Whether processes die and stand still at the key provider too, and right before a request leaves.
    pub(crate) finer: bool,
    /// How long a caller pauses at most.
    pub(crate) pause: Duration,
    /// For how long nothing goes wrong any more in the end.
    pub(crate) calm: Duration,
    /// Whether callers get a token only once the store has what came with it.
    pub(crate) after_store: bool,
    /// Whether processes have no lifeboat.
    pub(crate) no_lifeboat: bool,
    /// Of a thousand token requests, how many are answered after 4 s to 28 s.
    pub(crate) slow: u64,
    /// Whether each tenant has a grant of the client's own beside those of people.
    pub(crate) own: bool,
    /// Whether people consent once more, to what they withdrew, lost or still have.
    pub(crate) anew: bool,
    /// How many seats a lifeboat has, where they may run out.
    pub(crate) seats: Option<usize>,
    /// How often one refresh token may be used, where the server bounds that.
    pub(crate) rate: Option<RefreshRate>,
    /// Whether some of those who withdraw have the grant forgotten here, and leave the server out of it.
    pub(crate) here_only: bool,
    /// Whether the lifeboats of the dead on one machine cannot be read, or not all of them, for a while now and then.
    pub(crate) unread_boats: bool,
}

impl Plan {
    /// The plan of a seed. One seed in eight has no fault at all, and one in 64 has many tenants with hundreds of grants, of whom
    /// each wants less.
    pub(crate) fn of(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x0b0_47ded);
        let rate = (dice.below(6) == 0).then(|| {
            let most = u32::try_from(3 + dice.below(10)).unwrap_or(3);
            RefreshRate::at_most(most, Duration::from_secs(20 + dice.below(40)))
        });
        let plan = Self::of_unbounded(seed);
        // Where a used token is refused, one that arrives twice costs the family: nobody can help that, and it is judged.
        let is_doubled = !plan.is_calm() && !plan.forgives() && dice.below(4) == 0;
        let doubled = if is_doubled { 1 + dice.below(10) } else { plan.doubled };
        let here_only = dice.below(2) == 0;
        let unread_boats = !plan.is_calm() && dice.below(4) == 0;
        Self { rate: rate.flatten(), doubled, here_only, unread_boats, ..plan }
    }

    /// The plan of a seed, whose world was found when no server bounded how often it is asked.
    pub(crate) fn of_unbounded(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x0a_4e17);
        let anew = dice.below(4) == 0;
        let seats = (dice.below(6) == 0).then(|| 1 + dice.index(3));
        Self { anew, seats, ..Self::of_one_consent(seed) }
    }

    /// The plan of a seed, whose world was found when everybody consented once.
    pub(crate) fn of_one_consent(seed: u64) -> Self {
        let own = Dice::new(seed ^ 0x0c11_e475).below(4) == 0;
        Self { own, ..Self::of_people(seed) }
    }

    /// The plan of a seed, whose world was found when there were no grants but those of people.
    pub(crate) fn of_people(seed: u64) -> Self {
        let (plan, dice) = (Self::with_lifeboats(seed), Dice::new(seed ^ 0x001a_7e57));
        let rotation = if dice.below(16) == 0 { Rotation::None } else { plan.rotation };
        let no_lifeboat = dice.below(12) == 0;
        Self {
            rotation,
            doubled: if matches!(rotation, Rotation::None) { 0 } else { plan.doubled },
            after_store: dice.below(8) == 0,
            no_lifeboat,
            slow: if plan.is_calm() || dice.below(3) > 0 { 0 } else { dice.below(40) + 1 },
            ..plan
        }
    }

    /// The plan of a seed, whose world was found when every process had a lifeboat, and answers took four seconds at most.
    pub(crate) fn with_lifeboats(seed: u64) -> Self {
        let (plan, dice) = (Self::of_few(seed), Dice::new(seed ^ 0xc0_3d3d));
        if dice.below(64) > 0 {
            return plan;
        }
        let tenants = 10 + dice.index(11);
        Self {
            tenants,
            grants: (100 + dice.index(201)).div_ceil(tenants),
            token_lifetime: plan.token_lifetime + Duration::from_secs(40),
            trouble: Duration::from_secs(90),
            pause: Duration::from_secs(40),
            calm: Duration::from_secs(120),
            ..plan
        }
    }

    fn of_few(seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x9a7e_11ed);
        let rotation = match dice.below(5) {
            0 => Rotation::KeepOld,
            1 => Rotation::Grace { window: Duration::from_secs(30), same: false },
            2 => Rotation::Grace { window: Duration::from_secs(60), same: true },
            3 => Rotation::Strict { revokes_family: false },
            _ => Rotation::Strict { revokes_family: true },
        };
        let calm = seed.is_multiple_of(8);
        // Dice of their own: what came later changes nothing about worlds that were kept for what happens in them.
        let more = Dice::new(seed ^ 0x0dd_ba11);
        let newest = Dice::new(seed ^ 0x5e7_a4a7e);
        let also = |one_in: u64| !calm && more.below(one_in) == 0;
        let some = |most: u64| if calm || dice.below(3) == 0 { 0 } else { dice.below(most) + 1 };
        let maybe = |one_in: u64| !calm && dice.below(one_in) == 0;
        Self {
            seed,
            rotation,
            replicas: 2 + dice.index(3),
            tenants: 1 + dice.index(3),
            grants: 1 + dice.index(3),
            token_lifetime: Duration::from_secs(20 + dice.below(60)),
            trouble: Duration::from_secs(240),
            lost: some(60),
            doubled: if matches!(rotation, Rotation::Strict { .. }) { 0 } else { some(20) },
            mangled: some(40),
            crashes: some(6),
            stalls: some(6),
            doubtful_writes: some(10),
            outages: maybe(2),
            failover: maybe(8),
            clock_leaps: maybe(4),
            clock_jumps: maybe(3),
            full_disks: maybe(4),
            power_cuts: also(3),
            key_outages: also(4),
            audit_outages: also(4),
            sleeps: also(4),
            removals: more.below(4) == 0,
            inspects: true,
            managed: more.below(3) == 0,
            visits: more.below(3) == 0,
            listens: more.below(8) == 0,
            partitions: !calm && newest.below(2) == 0,
            finer: true,
            pause: Duration::from_secs(6),
            calm: Duration::from_secs(300),
            after_store: false,
            no_lifeboat: false,
            slow: 0,
            own: false,
            anew: false,
            seats: None,
            rate: None,
            here_only: false,
            unread_boats: false,
        }
    }

    /// The plan of a seed, whose world was found before there were crowds, one machine alone could be cut off, and a process died
    /// at the key provider.
    #[cfg(test)]
    pub(crate) fn with_few_faults(seed: u64) -> Self {
        Self { partitions: false, finer: false, ..Self::of_few(seed) }
    }

    /// The plan of a seed, whose world was found before there were sources, logins and log lines in it.
    #[cfg(test)]
    pub(crate) fn with_grants_alone(seed: u64) -> Self {
        Self { managed: false, visits: false, listens: false, ..Self::with_few_faults(seed) }
    }

    /// The plan of a seed, with the faults alone that there were when its world was found.
    #[cfg(test)]
    pub(crate) fn as_found(seed: u64) -> Self {
        Self {
            power_cuts: false,
            key_outages: false,
            audit_outages: false,
            sleeps: false,
            removals: false,
            inspects: false,
            ..Self::with_grants_alone(seed)
        }
    }

    /// Whether nothing goes wrong in it.
    pub(crate) fn is_calm(&self) -> bool {
        self.lost + self.doubled + self.mangled + self.crashes + self.stalls + self.doubtful_writes == 0
            && !(self.outages || self.failover || self.clock_leaps || self.clock_jumps || self.full_disks)
            && self.slow == 0
            && !self.unread_boats
            && !(self.power_cuts || self.key_outages || self.audit_outages || self.sleeps || self.partitions)
    }

    /// Whether the server brings back an answer that was lost.
    pub(crate) fn forgives(&self) -> bool {
        !matches!(self.rotation, Rotation::Strict { .. })
    }
}
