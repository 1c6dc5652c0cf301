//! Who is inside a module, so that it can be ended and begun anew while nobody is.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::fault::Fault;

/// How long one waits for the others to leave, or for a renewal to be over.
const PATIENCE: Duration = Duration::from_secs(2);

/// Counts who is inside. `C_Finalize` while another thread is in the module is undefined, and after it the number of an old
/// session may be that of a new one: so nobody enters during a renewal, and each life has a number.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    inside: usize,
    is_renewing: bool,
    life: u64,
}

/// Somebody inside, until it is dropped.
#[derive(Debug)]
pub(crate) struct Inside<'a> {
    gate: &'a Gate,
    life: u64,
}

impl Gate {
    /// Goes in, after a renewal that is under way.
    pub(crate) fn enter(&self) -> Result<Inside<'_>, Fault> {
        let mut state = self.wait_until(|state| !state.is_renewing)?;
        state.inside += 1;
        Ok(Inside { gate: self, life: state.life })
    }

    /// Which life the module is in; the next one may begin at any time while one is not inside.
    pub(crate) fn life(&self) -> u64 {
        self.lock().life
    }

    /// Begins a new life with nobody inside. Nothing happens where `life` is over already.
    pub(crate) fn renew(&self, life: u64, renew: impl FnOnce() -> Result<(), Fault>) -> Result<(), Fault> {
        let mut state = self.wait_until(|state| !state.is_renewing)?;
        if state.life != life {
            return Ok(());
        }
        state.is_renewing = true;
        drop(state);
        let renewing = Renewing(self);
        drop(self.wait_until(|state| state.inside == 0)?);
        // The sessions are gone whether it begins again or not.
        self.lock().life += 1;
        let outcome = renew();
        drop(renewing);
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until(&self, is_so: impl Fn(&State) -> bool) -> Result<MutexGuard<'_, State>, Fault> {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |state| !is_so(state));
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_so(&state) { Ok(state) } else { Err(Fault::odd("a call in the module does not return")) }
    }
}

impl Inside<'_> {
    /// In which life of the module.
    pub(crate) fn life(&self) -> u64 {
        self.life
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.gate.lock().inside -= 1;
        self.gate.changed.notify_all();
    }
}

/// Opens the gate again, however the renewal ended.
struct Renewing<'a>(&'a Gate);

impl Drop for Renewing<'_> {
    fn drop(&mut self) {
        self.0.lock().is_renewing = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn a_renewal_waits_until_everybody_left() {
        let gate = Gate::default();
        let inside = gate.enter().unwrap();
        let others = AtomicU32::new(1);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                gate.renew(0, || {
                    assert_eq!(others.load(Ordering::SeqCst), 0, "nobody is inside");
                    Ok(())
                })
                .unwrap();
            });
            while !gate.lock().is_renewing {
                std::thread::yield_now();
            }
            others.store(0, Ordering::SeqCst);
            drop(inside);
        });
        assert_eq!(gate.enter().unwrap().life(), 1);
    }

    #[test]
    fn of_several_who_want_a_renewal_one_makes_it() {
        let gate = Gate::default();
        let renewals = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    gate.renew(0, || {
                        renewals.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(renewals.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_call_that_never_returns_stops_the_renewal_and_not_those_who_come_after() {
        let gate = Gate::default();
        let _inside = gate.enter().unwrap();
        assert!(gate.renew(0, || Ok(())).is_err());
        assert_eq!(gate.enter().unwrap().life(), 0);
    }
}
