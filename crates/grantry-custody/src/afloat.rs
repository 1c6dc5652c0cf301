//! Which refresh tokens this process is redeeming at this moment.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grantry_vault::Fingerprint;

use crate::protocol::AttemptId;

/// Whose request with which token is under way, or whose answer to it is not in the record yet.
///
/// A lease tells other processes that an owner lives. A process that stood still, or whose store did not answer, could not
/// extend it; but what lives in it, it knows without.
#[derive(Clone, Default)]
pub(crate) struct Afloat(Arc<Mutex<Waters>>);

#[derive(Default)]
struct Waters {
    owners: HashMap<Fingerprint, AttemptId>,
    /// How many requests nobody waits for any more, which may bring something all the same.
    late: HashMap<Fingerprint, usize>,
}

/// An attempt with its token, until it has nothing in its hands any more.
pub(crate) struct Launched {
    afloat: Afloat,
    token: Fingerprint,
}

/// A request that nobody waits for any more, until it is over.
pub(crate) struct Awaited {
    afloat: Afloat,
    token: Fingerprint,
}

impl Afloat {
    /// A request with a token is not waited for any more, and not over.
    pub(crate) fn await_late(&self, token: Fingerprint) -> Awaited {
        *self.lock().late.entry(token).or_default() += 1;
        Awaited { afloat: self.clone(), token }
    }

    /// Whether something may come after all of a request with this token.
    pub(crate) fn awaits(&self, token: Fingerprint) -> bool {
        self.lock().late.contains_key(&token)
    }

    /// An attempt is about to send a token; `None` where another of this process is at it.
    pub(crate) fn launch(&self, token: Fingerprint, attempt: AttemptId) -> Option<Launched> {
        match self.lock().owners.entry(token) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(attempt);
                Some(Launched { afloat: self.clone(), token })
            }
        }
    }

    /// Whether an attempt lives here, and is at this token.
    pub(crate) fn carries(&self, token: Fingerprint, attempt: &AttemptId) -> bool {
        self.lock().owners.get(&token) == Some(attempt)
    }

    fn lock(&self) -> MutexGuard<'_, Waters> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.afloat.lock().owners.remove(&self.token);
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Entry::Occupied(mut late) = self.afloat.lock().late.entry(self.token) {
            *late.get_mut() -= 1;
            if *late.get() == 0 {
                late.remove();
            }
        }
    }
}

impl fmt::Debug for Afloat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Afloat").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_redeemed_by_one_attempt_of_a_process_at_a_time() {
        let afloat = Afloat::default();
        let token = Fingerprint::from_bytes([9; 16]);
        let (first, second) = ([1; 16], [2; 16]);
        let launched = afloat.launch(token, first).unwrap();
        assert!(afloat.launch(token, second).is_none());
        assert!(afloat.carries(token, &first) && !afloat.carries(token, &second));
        drop(launched);
        assert!(!afloat.carries(token, &first));
        assert!(afloat.launch(token, second).is_some());
    }

    #[test]
    fn what_is_late_is_awaited_until_the_last_of_it_is_over() {
        let afloat = Afloat::default();
        let token = Fingerprint::from_bytes([9; 16]);
        let (one, other) = (afloat.await_late(token), afloat.await_late(token));
        drop(one);
        assert!(afloat.awaits(token) && afloat.launch(token, [1; 16]).is_some());
        drop(other);
        assert!(!afloat.awaits(token));
    }
}
