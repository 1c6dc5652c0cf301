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
pub(crate) struct Afloat(Arc<Mutex<HashMap<Fingerprint, AttemptId>>>);

/// An attempt with its token, until it has nothing in its hands any more.
pub(crate) struct Launched {
    afloat: Afloat,
    token: Fingerprint,
}

impl Afloat {
    /// An attempt is about to send a token; `None` where another of this process is at it.
    pub(crate) fn launch(&self, token: Fingerprint, attempt: AttemptId) -> Option<Launched> {
        match self.lock().entry(token) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(attempt);
                Some(Launched { afloat: self.clone(), token })
            }
        }
    }

    /// Whether an attempt lives here, and is at this token.
    pub(crate) fn carries(&self, token: Fingerprint, attempt: &AttemptId) -> bool {
        self.lock().get(&token) == Some(attempt)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Fingerprint, AttemptId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        self.afloat.lock().remove(&self.token);
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
}
