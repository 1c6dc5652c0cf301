//! What is wrong with a policy, and what to change.

use grantry_core::InvalidName;

use super::visible::quoted;

/// A name, pattern, role, binding or policy that cannot be used. The text says what to change.
///
/// It is never a denial: that is a [`Decision`](super::Decision).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct PolicyError(#[from] Fault);

impl PolicyError {
    pub(super) fn invalid(what: &'static str, text: &str, rule: &'static str) -> Self {
        Self(Fault::Invalid { what, shown: quoted(text), rule })
    }

    /// The same, and in which part of a policy it is.
    pub(super) fn inside(self, place: impl Into<String>) -> Self {
        Self(Fault::Inside { place: place.into(), fault: Box::new(self.0) })
    }
}

impl From<InvalidName> for PolicyError {
    fn from(error: InvalidName) -> Self {
        Self(error.into())
    }
}

/// The one list of what can be wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error(transparent)]
    Name(#[from] InvalidName),
    #[error("the {what} {shown} is not usable: {rule}")]
    Invalid { what: &'static str, shown: String, rule: &'static str },
    #[error("{shown} is no permission: the permissions are {all}")]
    UnknownPermission { shown: String, all: String },
    #[error("the role {0} has no permissions: give it at least one, or leave it out")]
    EmptyRole(String),
    #[error("the role {role} names the permission {permission} twice: name it once")]
    PermissionTwice { role: String, permission: &'static str },
    #[error("the role name {0} belongs to a ready-made role: choose another name")]
    ReadyMadeRole(String),
    #[error("the role {0} is defined twice: define it once, or give the second another name")]
    RoleTwice(String),
    #[error(
        "binding {number} names the role {role}, which is not defined: define it, or name one of {known}"
    )]
    UnknownRole { number: usize, role: String, known: String },
    #[error("binding {second} says the same as binding {first}: remove one of them")]
    BindingTwice { first: usize, second: usize },
    #[error("the epoch {found} is out of range: it counts from 0 to {most}")]
    Epoch { found: u64, most: u64 },
    #[error("the policy is not the JSON that was expected: {0}")]
    Json(String),
    #[error("the policy is in version {found} of its form and this program reads version {known}: {remedy}")]
    Version { found: u64, known: u64, remedy: &'static str },
    #[error("{place}: {fault}")]
    Inside { place: String, fault: Box<Fault> },
}
