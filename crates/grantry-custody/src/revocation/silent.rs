//! Authorization servers that do not answer: one of them costs its own revocations, and those of no other.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use grantry_core::{GrantKey, Instant};

use crate::services::Service;

/// From when on a try that failed says that the server hangs.
const HANGS: Duration = Duration::from_secs(3);

/// An authorization server, as far as it can be told from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Server {
    /// As its revoker names it.
    Named(String),
    /// Whatever this tenant's service is registered with.
    Of(String, String),
}

/// Those that let somebody wait in vain just now: they are not asked for anything else before the next look.
#[derive(Debug, Default)]
pub(crate) struct Silent {
    servers: Mutex<BTreeSet<Server>>,
    /// Which look it is.
    look: usize,
}

impl Server {
    pub(super) fn of(key: &GrantKey, service: Option<&Service>) -> Self {
        let named = service.and_then(|service| service.revoker.as_ref()?.server());
        named.map_or_else(|| Self::Of(key.tenant().to_owned(), key.service().to_owned()), Self::Named)
    }
}

impl Silent {
    pub(super) fn in_look(look: u32) -> Self {
        Self { look: look as usize, ..Self::default() }
    }

    pub(super) fn look(&self) -> usize {
        self.look
    }

    pub(super) fn is(&self, server: &Server) -> bool {
        self.lock().contains(server)
    }

    /// A try failed that began and ended then.
    pub(super) fn note(&self, server: &Server, began: Instant, ended: Instant) {
        if ended.since(began) >= HANGS {
            self.lock().insert(server.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<Server>> {
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
