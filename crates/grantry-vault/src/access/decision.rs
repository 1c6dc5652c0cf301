//! What was decided, and why.

use std::fmt;

use super::Effect;

/// What a policy decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    effect: Effect,
    why: Why,
    epoch: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// A binding of this role.
    Role(String),
    /// No binding says anything.
    Nothing,
    /// It is what the system's own task is for.
    OwnTask,
}

impl Decision {
    pub(super) fn new(effect: Effect, why: Why, epoch: u64) -> Self {
        Self { effect, why, epoch }
    }

    /// Whether it may be done.
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allow
    }

    /// Why, in words for the audit trail.
    pub fn reason(&self) -> String {
        self.to_string()
    }

    /// The number of the policy that decided.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, self.effect) {
            (Why::Role(role), Effect::Allow) => write!(f, "a binding of the role {role} allows it"),
            (Why::Role(role), Effect::Deny) => write!(f, "a binding of the role {role} denies it"),
            (Why::Nothing, _) => f.write_str("no binding allows it"),
            (Why::OwnTask, _) => f.write_str("it is the task's own"),
        }
    }
}
