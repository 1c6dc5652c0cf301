//! An authorization server of which the issuer identifier alone is known.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use grantry_core::{AuthorizationServer, Clock, Error, Instant};
use grantry_endpoint::Discovery;

use super::house::House;

/// So long after it failed nobody is asked again.
const REST: Duration = Duration::from_secs(5);

/// One issuer, whatever the number of its services: it is asked when the first of them is needed, and, once it has answered,
/// no more. One that does not answer fails those who need it, and is asked again by whoever comes later.
pub(super) struct Issuer {
    name: String,
    known: Mutex<Known>,
    /// One asks, and the others wait for what comes of it.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
enum Known {
    Nothing,
    Facts(Box<AuthorizationServer>),
    Failed(Error, Instant),
}

impl Issuer {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            known: Mutex::new(Known::Nothing),
            asking: tokio::sync::Mutex::default(),
        }
    }

    fn known(&self) -> Known {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its facts, where it has said them already.
    pub(super) fn facts(&self) -> Option<AuthorizationServer> {
        match self.known() {
            Known::Facts(facts) => Some(*facts),
            Known::Nothing | Known::Failed(..) => None,
        }
    }

    /// Its facts. Dropping the future leaves nothing behind.
    ///
    /// # Errors
    /// Those of reading metadata, also of somebody else a moment ago.
    pub(super) async fn ask(&self, house: &House) -> Result<AuthorizationServer, Error> {
        let asked = house.clock.now();
        let _one_at_a_time = self.asking.lock().await;
        match self.known() {
            Known::Facts(facts) => return Ok(*facts),
            Known::Failed(why, at) if at >= asked || house.clock.now().since(at) < REST => return Err(why),
            Known::Nothing | Known::Failed(..) => {}
        }
        let found = match Discovery::new(&self.name, house.reach.shared.plain.clone()) {
            Ok(discovery) => discovery.discover().await,
            Err(error) => Err(error),
        };
        let found = found.map(|found| found.server().clone()).map_err(|error| self.unanswered(error));
        let known = match &found {
            Ok(facts) => Known::Facts(Box::new(facts.clone())),
            Err(error) => Known::Failed(error.clone(), house.clock.now()),
        };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        found
    }

    fn unanswered(&self, error: Error) -> Error {
        let fact = format!("the metadata of the issuer {} cannot be had", self.name);
        let diagnosis = error.diagnosis();
        Error::new(error.kind(), error.stage(), fact).with_diagnosis(diagnosis).with_source(error)
    }
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("name", &self.name).finish_non_exhaustive()
    }
}
