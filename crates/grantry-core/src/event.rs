//! What happened, told afterwards.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{ErrorKind, GrantKey, Scope, TenantId};

/// Something that happened to a source. It holds no secret.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// A token was obtained or renewed.
    #[non_exhaustive]
    Renewed {
        /// Whose.
        key: GrantKey,
        /// How long it is fit, counted from when its request was sent; `None` if the server did not say.
        lifetime: Option<Duration>,
        /// How long the renewal took.
        took: Duration,
    },
    /// An attempt to renew failed.
    #[non_exhaustive]
    RenewalFailed {
        /// Whose.
        key: GrantKey,
        /// What went wrong.
        kind: ErrorKind,
        /// The number of the attempt in this episode, from 1.
        attempt: u32,
        /// When the source tries again by itself; `None` if it does not.
        again_in: Option<Duration>,
    },
    /// The authorization server granted another scope than was asked for (RFC 6749 section 5.1).
    #[non_exhaustive]
    ScopeChanged {
        /// Whose, where the grant knows it.
        key: Option<GrantKey>,
        /// What was asked for.
        requested: Scope,
        /// What was granted.
        granted: Scope,
    },
    /// A resource server refused a token that was fit by our clock.
    #[non_exhaustive]
    Rejected {
        /// Whose.
        key: GrantKey,
    },
    /// An expired token was handed out, as the fallback `use-expired` allows.
    #[non_exhaustive]
    ServedExpired {
        /// Whose.
        key: GrantKey,
        /// For how long it had been expired.
        by: Duration,
    },
    /// The authorization server's clock and ours differ.
    #[non_exhaustive]
    ClockSkew {
        /// The server's host.
        server: String,
        /// By how much.
        by: Duration,
        /// Whether ours is ahead.
        ours_is_ahead: bool,
    },
    /// The breaker of a client registration opened: the server does not accept the client.
    #[non_exhaustive]
    ClientRefused {
        /// The token endpoint and client, as the breaker is named.
        registration: String,
        /// Until it is tried again.
        for_at_least: Duration,
    },
    /// The server refused one of several secrets of a client registration: it was exchanged there, say.
    #[non_exhaustive]
    SecretRefused {
        /// The token endpoint and client, as [`Event::ClientRefused`] names them.
        registration: String,
        /// Which of the configured secrets, counted from 1.
        secret: usize,
        /// Whether the next request uses another that was not refused yet.
        next: bool,
    },
    /// A grant got a new refresh token, and its vault has it.
    #[non_exhaustive]
    Rotated {
        /// Whose.
        key: GrantKey,
        /// How many renewals lie behind it.
        generation: u64,
    },
    /// An attempt to renew ended so that nobody knows whether the refresh token was spent.
    #[non_exhaustive]
    RotationInDoubt {
        /// Whose.
        key: GrantKey,
        /// How long until it is tried again; `None` for at once.
        again_in: Option<Duration>,
    },
    /// A person has to consent again.
    #[non_exhaustive]
    ReauthorizationNeeded {
        /// Whose.
        key: GrantKey,
        /// Whether an answer had been lost before, so that the server may have taken the refresh token for stolen.
        after_doubt: bool,
    },
    /// A grant was revoked: it is deleted here.
    #[non_exhaustive]
    Revoked {
        /// Whose.
        key: GrantKey,
        /// Whether the server confirmed it for all of its tokens. Otherwise it has no way to, was not asked, or did not
        /// answer in time: some may live on until they expire.
        at_server: bool,
    },
    /// A refresh token that was received is not in the store yet: what keeps it is the lifeboat, or this process alone.
    #[non_exhaustive]
    CustodyAtRisk {
        /// Whose.
        key: GrantKey,
        /// Whether a lifeboat holds it.
        aboard: bool,
    },
    /// The authorization server was shown a proof and answered with a bearer token (RFC 9449 section 5), which was taken
    /// because the endpoint may take one: whoever steals it can use it.
    #[non_exhaustive]
    NotBound {
        /// Whose, where the grant knows it.
        key: Option<GrantKey>,
        /// The server's host.
        server: String,
    },
    /// A key of the vault should be exchanged soon, or should have been.
    #[non_exhaustive]
    KeyDue {
        /// Whose key it is; `None` for the deployment's own and the key provider's.
        tenant: Option<TenantId>,
        /// How old it is.
        age: Duration,
        /// Whether its time is over; so it is where the key was made at a time that has not come yet.
        overdue: bool,
    },
}

impl Event {
    /// The event's name in lower-case words joined by `_`: for logs, metrics and JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Renewed { .. } => "renewed",
            Self::RenewalFailed { .. } => "renewal_failed",
            Self::ScopeChanged { .. } => "scope_changed",
            Self::Rejected { .. } => "rejected",
            Self::ServedExpired { .. } => "served_expired",
            Self::ClockSkew { .. } => "clock_skew",
            Self::ClientRefused { .. } => "client_refused",
            Self::SecretRefused { .. } => "secret_refused",
            Self::Rotated { .. } => "rotated",
            Self::RotationInDoubt { .. } => "rotation_in_doubt",
            Self::ReauthorizationNeeded { .. } => "reauthorization_needed",
            Self::Revoked { .. } => "revoked",
            Self::CustodyAtRisk { .. } => "custody_at_risk",
            Self::NotBound { .. } => "not_bound",
            Self::KeyDue { .. } => "key_due",
        }
    }
}

impl Event {
    /// See [`Event::Renewed`].
    pub fn renewed(key: GrantKey, lifetime: Option<Duration>, took: Duration) -> Self {
        Self::Renewed { key, lifetime, took }
    }

    /// See [`Event::RenewalFailed`].
    pub fn renewal_failed(key: GrantKey, kind: ErrorKind, attempt: u32, again_in: Option<Duration>) -> Self {
        Self::RenewalFailed { key, kind, attempt, again_in }
    }

    /// See [`Event::ScopeChanged`].
    pub fn scope_changed(key: Option<GrantKey>, requested: Scope, granted: Scope) -> Self {
        Self::ScopeChanged { key, requested, granted }
    }

    /// See [`Event::Rejected`].
    pub fn rejected(key: GrantKey) -> Self {
        Self::Rejected { key }
    }

    /// See [`Event::ServedExpired`].
    pub fn served_expired(key: GrantKey, by: Duration) -> Self {
        Self::ServedExpired { key, by }
    }

    /// See [`Event::ClockSkew`].
    pub fn clock_skew(server: String, by: Duration, ours_is_ahead: bool) -> Self {
        Self::ClockSkew { server, by, ours_is_ahead }
    }

    /// See [`Event::ClientRefused`].
    pub fn client_refused(registration: String, for_at_least: Duration) -> Self {
        Self::ClientRefused { registration, for_at_least }
    }

    /// See [`Event::SecretRefused`].
    pub fn secret_refused(registration: String, secret: usize, next: bool) -> Self {
        Self::SecretRefused { registration, secret, next }
    }

    /// See [`Event::Rotated`].
    pub fn rotated(key: GrantKey, generation: u64) -> Self {
        Self::Rotated { key, generation }
    }

    /// See [`Event::RotationInDoubt`].
    pub fn rotation_in_doubt(key: GrantKey, again_in: Option<Duration>) -> Self {
        Self::RotationInDoubt { key, again_in }
    }

    /// See [`Event::ReauthorizationNeeded`].
    pub fn reauthorization_needed(key: GrantKey, after_doubt: bool) -> Self {
        Self::ReauthorizationNeeded { key, after_doubt }
    }

    /// See [`Event::Revoked`].
    pub fn revoked(key: GrantKey, at_server: bool) -> Self {
        Self::Revoked { key, at_server }
    }

    /// See [`Event::CustodyAtRisk`].
    pub fn custody_at_risk(key: GrantKey, aboard: bool) -> Self {
        Self::CustodyAtRisk { key, aboard }
    }

    /// See [`Event::NotBound`].
    pub fn not_bound(key: Option<GrantKey>, server: String) -> Self {
        Self::NotBound { key, server }
    }

    /// See [`Event::KeyDue`].
    pub fn key_due(tenant: Option<TenantId>, age: Duration, overdue: bool) -> Self {
        Self::KeyDue { tenant, age, overdue }
    }
}

/// Is told what happened, afterwards. It must not block and cannot refuse.
///
/// (The vault's audit is asked *beforehand*, and can.) Calls come from the tasks that do the work, so several
/// may come at once.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use grantry_core::{Event, Observer};
///
/// #[derive(Debug, Default)]
/// struct CountFailures(AtomicU32);
///
/// impl Observer for CountFailures {
///     fn on(&self, event: &Event) {
///         if let Event::RenewalFailed { .. } = event {
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
/// ```
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// Something happened.
    fn on(&self, event: &Event);
}

macro_rules! forward {
    ($($pointer:ident),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<O: Observer + ?Sized> Observer for $pointer<O> {
            fn on(&self, event: &Event) {
                (**self).on(event);
            }
        }
    )*};
}
forward!(Arc, Box);

/// Listens to nothing.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _event: &Event) {}
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Debug, Default)]
    struct Names(Mutex<Vec<&'static str>>);

    impl Observer for Names {
        fn on(&self, event: &Event) {
            self.0.lock().unwrap().push(event.name());
        }
    }

    #[test]
    fn a_shared_observer_is_an_observer() {
        fn tell(observer: impl Observer) {
            observer.on(&Event::clock_skew("auth.example.com".into(), Duration::from_secs(10), true));
        }
        let names = Arc::new(Names::default());
        tell(Arc::clone(&names));
        tell(Box::new(Arc::clone(&names) as Arc<dyn Observer>));
        assert_eq!(*names.0.lock().unwrap(), ["clock_skew"; 2]);
    }
}
