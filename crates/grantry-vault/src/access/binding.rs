//! Who has which role, and where.

use std::fmt;
use std::sync::Arc;

use grantry_core::Timestamp;

use super::moment;
use super::permission::{Permission, PermissionSet};
use super::principal_pattern::PrincipalPattern;
use super::reach::{Object, Reach};
use super::visible::Visible;

/// Whether something is allowed or denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(clippy::exhaustive_enums, reason = "there is no third")]
pub enum Effect {
    /// It may be done.
    Allow,
    /// It may not be done.
    Deny,
}

impl Effect {
    /// `allow` or `deny`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

/// Allows or denies somebody all that a role holds, as far as it reaches.
///
/// ```
/// use grantry_core::{TenantId, Timestamp};
/// use grantry_vault::access::{Binding, Principal, Reach, Role};
/// let acme = TenantId::new("acme")?;
/// let ana = Principal::person("ana@example.com")?;
/// let binding = Binding::allow(ana, Role::auditor(), Reach::tenant(&acme))
///     .until(Timestamp::from_unix_seconds(1_798_761_600));
/// assert_eq!(
///     binding.to_string(),
///     "allows person:ana@example.com the role auditor on acme/*/* until 2027-01-01T00:00:00Z"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Binding {
    effect: Effect,
    principal: PrincipalPattern,
    role: Arc<str>,
    reach: Reach,
    until: Option<Timestamp>,
}

impl Binding {
    /// Allows all that the role holds. A role is given by itself or by its name, which the policy has to define.
    pub fn allow(principal: impl Into<PrincipalPattern>, role: impl AsRef<str>, reach: Reach) -> Self {
        Self::new(Effect::Allow, principal.into(), role.as_ref(), reach)
    }

    /// Denies all that the role holds, whatever else allows it. What is done with a whole of which it reaches a part is
    /// denied too: the list of a tenant's grants would show those that it is about.
    pub fn deny(principal: impl Into<PrincipalPattern>, role: impl AsRef<str>, reach: Reach) -> Self {
        Self::new(Effect::Deny, principal.into(), role.as_ref(), reach)
    }

    pub(super) fn new(effect: Effect, principal: PrincipalPattern, role: &str, reach: Reach) -> Self {
        Self { effect, principal, role: role.into(), reach, until: None }
    }

    /// Ends it: from that moment on it neither allows nor denies. The moment is on the wall clock, so whoever sets the
    /// clock back brings it to life again.
    #[must_use]
    pub fn until(self, moment: Timestamp) -> Self {
        Self { until: Some(moment), ..self }
    }

    /// Whether it allows or denies.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whom it is for.
    pub fn principal(&self) -> &PrincipalPattern {
        &self.principal
    }

    /// The name of the role.
    pub fn role(&self) -> &str {
        &self.role
    }

    /// How far it reaches.
    pub fn reach(&self) -> &Reach {
        &self.reach
    }

    /// When it ends, if it does.
    pub fn expires(&self) -> Option<Timestamp> {
        self.until
    }

    /// Whether it still counts.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (principal, reach) = (self.principal.to_string(), self.reach.to_string());
        let (effect, role) = (self.effect, &self.role);
        let verb = if effect == Effect::Allow { "allows" } else { "denies" };
        write!(f, "{verb} {} the role {} on {}", Visible(&principal), Visible(role), Visible(&reach))?;
        match self.until {
            Some(until) => write!(f, " until {}", moment::to_text(until)),
            None => Ok(()),
        }
    }
}

/// A binding of a policy, with what its role holds.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) binding: Binding,
    pub(super) permissions: PermissionSet,
    /// Its place in the policy, counted from 1.
    pub(super) number: usize,
}

impl Placed {
    /// Whether it has something to say about the permission, now.
    pub(super) fn speaks_of(&self, permission: Permission, now: Timestamp) -> bool {
        self.permissions.holds(permission) && self.binding.is_live(now) && !self.is_void(permission)
    }

    /// Whether it decides about the object, now.
    #[inline]
    pub(super) fn applies(&self, permission: Permission, object: &Object<'_>, now: Timestamp) -> bool {
        let (binding, speaks) = (&self.binding, self.speaks_of(permission, now));
        speaks
            && match binding.effect {
                Effect::Allow => binding.reach.matches(object),
                Effect::Deny => binding.reach.touches(object),
            }
    }

    /// What concerns all tenants is not for a part of them to allow. A part may still deny it.
    fn is_void(&self, permission: Permission) -> bool {
        let binding = &self.binding;
        permission.is_deployment_wide() && binding.effect == Effect::Allow && !binding.reach.is_everything()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_ends_at_its_moment() {
        let at = Timestamp::from_unix_nanos;
        let binding = Binding::deny(PrincipalPattern::everybody(), "service", Reach::everything());
        assert!(binding.is_live(at(i64::MAX)));
        let binding = binding.until(at(10));
        assert!(binding.is_live(at(i64::MIN)) && binding.is_live(at(9)));
        assert!(!binding.is_live(at(10)) && !binding.is_live(at(i64::MAX)));
    }

    #[test]
    fn its_text_hides_nothing() {
        let reach = Reach::parse("acme/crm/\u{202e}a").unwrap();
        let binding = Binding::allow(PrincipalPattern::everybody(), "se\nrvice", reach);
        assert_eq!(binding.to_string(), "allows * the role se\\u{a}rvice on acme/crm/\\u{202e}a");
    }
}
