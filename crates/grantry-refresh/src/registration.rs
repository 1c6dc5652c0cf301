//! The breaker of a client registration: one refusal of the client spares all its sources theirs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{Error, Instant};

/// How long one attempt probes a registration before another may.
const PROBE: Duration = Duration::from_secs(60);

/// How soon sources look again that come while one probes: it mostly has its answer by then.
const BESIDE_A_PROBE: Duration = Duration::from_secs(5);

/// Whether the client may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// Nobody knows of a refusal.
    Free,
    /// It was refused, and one attempt finds out whether it still is.
    Probe,
}

/// A client at an authorization server, shared by all sources that act as that client.
///
/// `invalid_client` says nothing about a grant, so it opens this breaker instead of condemning one.
#[derive(Debug, Default)]
pub(crate) struct Registration {
    name: String,
    open: Mutex<Option<Open>>,
}

#[derive(Debug)]
struct Open {
    error: Error,
    until: Instant,
    probing: bool,
}

impl Registration {
    pub(crate) fn new(name: String) -> Self {
        Self { name, open: Mutex::default() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The refusal that still stands at `now`, and when to look again. Once its time is over one caller may probe: it is told
    /// so, and says when its probe has [ended](Self::probe_ended).
    pub(crate) fn check(&self, now: Instant) -> Result<Leave, (Error, Instant)> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        match open.as_mut() {
            Some(refusal) if now < refusal.until => {
                let latest = if refusal.probing { now.after(BESIDE_A_PROBE) } else { Instant::MAX };
                Err((refusal.error.clone(), refusal.until.min(latest)))
            }
            Some(refusal) => {
                refusal.until = now.after(PROBE);
                refusal.probing = true;
                Ok(Leave::Probe)
            }
            None => Ok(Leave::Free),
        }
    }

    /// The server refused the client.
    pub(crate) fn refused(&self, error: Error, until: Instant) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(Open { error, until, probing: false });
    }

    /// The probe is over, however it ended. If it said nothing of the client another may come at once.
    pub(crate) fn probe_ended(&self, now: Instant) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(refusal) = open.as_mut().filter(|refusal| refusal.probing) {
            refusal.probing = false;
            refusal.until = now;
        }
    }

    /// The server accepted the client.
    pub(crate) fn accepted(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::{ErrorKind, Stage};

    #[test]
    fn one_refusal_stops_all_until_its_time_and_then_one_may_probe() {
        let at = |s| Instant::ZERO.after(Duration::from_secs(s));
        let registration = Registration::new("client at server".into());
        assert_eq!(registration.check(at(0)).unwrap(), Leave::Free);
        registration.refused(Error::new(ErrorKind::InvalidClient, Stage::Token, "no"), at(30));
        assert_eq!(registration.check(at(29)).unwrap_err().1, at(30));
        assert_eq!(registration.check(at(30)).unwrap(), Leave::Probe);
        assert_eq!(
            registration.check(at(30)).unwrap_err().1,
            at(35),
            "only one, and the others soon look again"
        );
        registration.probe_ended(at(31));
        assert!(registration.check(at(31)).is_ok(), "the probe brought no answer, so another may try");
        registration.accepted();
        assert_eq!(registration.check(at(30)).unwrap(), Leave::Free);
    }
}
