//! What was decided, and why.

use std::fmt;
use std::sync::Arc;

use super::binding::{Binding, Effect, Placed};
use super::visible::Visible;

/// Whether somebody may do something, why, and by which state of the policy.
///
/// The reason is put into words only when it is asked for. It names the binding by its place in the policy, counted
/// from 1, and the epoch that says of which state. It holds names, never a secret, and nothing hidden, so it fits into
/// an audit entry.
///
/// ```
/// use grantry_vault::access::{AccessPolicy, Object, Permission, Principal};
/// # use grantry_core::Timestamp;
/// # let now = Timestamp::from_unix_seconds(0);
/// let me = Principal::workload("billing")?;
/// let policy = AccessPolicy::sole(&me);
/// let decision = policy.decide(&me, Permission::KeyRotate, &Object::DEPLOYMENT, now);
/// assert!(decision.is_allowed());
/// assert_eq!(
///     decision.reason(),
///     "binding 1 (policy 1) allows workload:billing the role admin on */*/*"
/// );
/// # Ok::<(), grantry_vault::access::PolicyError>(())
/// ```
#[derive(Clone)]
#[must_use = "a decision that nobody looks at keeps nobody out"]
pub struct Decision {
    cause: Cause,
    epoch: u64,
}

/// What decided.
#[derive(Clone)]
pub(super) enum Cause {
    Binding(Arc<Placed>),
    OwnTask,
    Nothing,
}

impl Decision {
    pub(super) fn new(cause: Cause, epoch: u64) -> Self {
        Self { cause, epoch }
    }

    /// Whether it is allowed or denied.
    pub fn effect(&self) -> Effect {
        match &self.cause {
            Cause::Binding(placed) => placed.binding.effect(),
            Cause::OwnTask => Effect::Allow,
            Cause::Nothing => Effect::Deny,
        }
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.effect() == Effect::Allow
    }

    /// Which state of the policy decided.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The binding that decided; `None` if there was none.
    pub fn binding(&self) -> Option<&Binding> {
        match &self.cause {
            Cause::Binding(placed) => Some(&placed.binding),
            Cause::OwnTask | Cause::Nothing => None,
        }
    }

    /// Why, in words.
    pub fn reason(&self) -> String {
        let epoch = self.epoch;
        match &self.cause {
            Cause::Binding(placed) => {
                format!("binding {} (policy {epoch}) {}", placed.number, placed.binding)
            }
            Cause::OwnTask => format!("it is the task's own, and no binding denies it (policy {epoch})"),
            Cause::Nothing => format!("no binding allows it (policy {epoch})"),
        }
    }
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.reason();
        write!(f, "Decision({}, {})", self.effect().as_str(), Visible(&reason))
    }
}
