//! How old the keys are.

use std::time::Duration;

use grantry_core::{TenantId, Timestamp};

use super::RotationPolicy;
use crate::keys::KeyId;

/// How old a key is, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyAge {
    /// Whose key it is; `None` for the deployment's own and the provider's.
    pub tenant: Option<TenantId>,
    /// The provider's key, where it is one.
    pub provider_key: Option<KeyId>,
    /// When it was made.
    pub created: Timestamp,
    /// How old it is; zero where it was made at a time that has not come yet.
    pub age: Duration,
    /// What follows.
    pub state: KeyAgeState,
}

/// What follows from a key's age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyAgeState {
    /// It is young.
    Fresh,
    /// It is due soon: from day 85 on, by default.
    DueSoon,
    /// It should have been exchanged: from day 90 on, by default.
    Overdue,
    /// It was made at a time that has not come yet, by more than a day: the clock was wrong then, or is now. Nothing exchanges it
    /// by itself before that time: a machine whose clock begins in 1970 would exchange every key whenever it starts.
    Unknown,
}

/// Machines of one vault may be that far apart.
const LEEWAY: Duration = Duration::from_secs(24 * 3600);

impl RotationPolicy {
    /// What follows from an age.
    pub fn judge(&self, age: Duration) -> KeyAgeState {
        if age >= self.every {
            KeyAgeState::Overdue
        } else if age >= self.warn_at() {
            KeyAgeState::DueSoon
        } else {
            KeyAgeState::Fresh
        }
    }
}

impl KeyAge {
    pub(crate) fn of_tenant(
        tenant: Option<TenantId>,
        created: Timestamp,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> Self {
        let age = now.since(created);
        let is_to_come = created.since(now) > LEEWAY;
        let state = if is_to_come { KeyAgeState::Unknown } else { policy.judge(age) };
        Self { tenant, provider_key: None, created, age, state }
    }

    pub(crate) fn of_provider(
        key: KeyId,
        created: Timestamp,
        now: Timestamp,
        policy: &RotationPolicy,
    ) -> Self {
        Self { provider_key: Some(key), ..Self::of_tenant(None, created, now, policy) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_reported_from_day_85_and_overdue_from_day_90() {
        let policy = RotationPolicy::default();
        let judge = |days: u64| policy.judge(Duration::from_secs(days * 24 * 3600));
        assert_eq!((judge(0), judge(84)), (KeyAgeState::Fresh, KeyAgeState::Fresh));
        assert_eq!((judge(85), judge(89)), (KeyAgeState::DueSoon, KeyAgeState::DueSoon));
        assert_eq!((judge(90), judge(1_000)), (KeyAgeState::Overdue, KeyAgeState::Overdue));
    }

    #[test]
    fn of_a_key_from_the_future_nobody_knows_how_old_it_is() {
        const DAY: i64 = 24 * 3600;
        let now = Timestamp::from_unix_seconds(20_000 * DAY);
        let made = |created: i64| {
            let created = Timestamp::from_unix_seconds(created);
            let age = KeyAge::of_tenant(None, created, now, &RotationPolicy::default());
            (age.state, age.age)
        };
        for soon in [20_000 * DAY, 20_000 * DAY + 5, 20_001 * DAY] {
            assert_eq!(made(soon), (KeyAgeState::Fresh, Duration::ZERO));
        }
        for later in [20_001 * DAY + 1, 40_000 * DAY, i64::MAX] {
            assert_eq!(made(later), (KeyAgeState::Unknown, Duration::ZERO));
        }
        assert_eq!(made(1).0, KeyAgeState::Overdue);
    }
}
