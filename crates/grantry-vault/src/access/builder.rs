//! Putting a policy together.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::binding::{Binding, Placed};
use super::error::{Fault, PolicyError};
use super::policy::AccessPolicy;
use super::role::Role;
use super::visible::quoted;

/// The last epoch: the largest whole number that every reader of JSON keeps exact.
const LAST_EPOCH: u64 = (1 << 53) - 1;

/// Puts an [`AccessPolicy`] together. Nothing is checked before [`build`](AccessPolicyBuilder::build).
///
/// ```
/// use grantry_core::TenantId;
/// use grantry_vault::access::{AccessPolicy, Binding, Permission, PrincipalKind, PrincipalPattern, Reach, Role};
/// let acme = TenantId::new("acme")?;
/// let workloads = PrincipalPattern::all_of(PrincipalKind::Workload);
/// let policy = AccessPolicy::builder()
///     .role(Role::custom("reader", [Permission::TokenUse, Permission::GrantRead])?)
///     .bind(Binding::allow(workloads.clone(), "reader", Reach::tenant(&acme)))
///     .build()?;
/// let error = policy.edit().bind(Binding::allow(workloads, "raeder", Reach::tenant(&acme))).build().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "binding 2 names the role \"raeder\", which is not defined: define it, or name one of admin, auditor, operator, \
///      service, reader"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct AccessPolicyBuilder {
    epoch: u64,
    roles: Vec<Role>,
    bindings: Vec<Binding>,
}

impl AccessPolicyBuilder {
    pub(super) fn new(epoch: u64) -> Self {
        Self { epoch, roles: Vec::new(), bindings: Vec::new() }
    }

    /// Which state of the policy it becomes, at most 2^53 - 1. It has to be larger than that of any state before.
    pub fn epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// Defines a role of one's own. A ready-made one is known already, and may be given again.
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// Takes a role of one's own out. Bindings that name it have to go too.
    pub fn without_role(mut self, name: &str) -> Self {
        self.roles.retain(|role| role.name() != name);
        self
    }

    /// Adds a binding. The order matters to nothing but the numbers by which reasons name bindings.
    pub fn bind(mut self, binding: Binding) -> Self {
        self.bindings.push(binding);
        self
    }

    /// Keeps only those bindings.
    pub fn retain_bindings(mut self, keep: impl FnMut(&Binding) -> bool) -> Self {
        self.bindings.retain(keep);
        self
    }

    /// Checks it.
    ///
    /// # Errors
    /// [`PolicyError`] says what to change: a role that is defined twice, a binding that names a role that is not
    /// defined or that is there twice, an epoch out of range.
    pub fn build(self) -> Result<AccessPolicy, PolicyError> {
        if self.epoch > LAST_EPOCH {
            return Err(Fault::Epoch { found: self.epoch, most: LAST_EPOCH }.into());
        }
        let roles = by_name(self.roles)?;
        refuse_repeats(&self.bindings)?;
        let mut placed = Vec::with_capacity(self.bindings.len());
        for (binding, number) in self.bindings.into_iter().zip(1..) {
            let role = Role::ready_made(binding.role()).or_else(|| roles.get(binding.role()).cloned());
            let role = role.ok_or_else(|| unknown_role(&binding, number, &roles))?;
            placed.push(Placed { binding, permissions: role.set(), number });
        }
        Ok(AccessPolicy::assembled(self.epoch, roles, placed))
    }
}

fn by_name(roles: Vec<Role>) -> Result<BTreeMap<Arc<str>, Role>, PolicyError> {
    let mut named = BTreeMap::new();
    for role in roles {
        // Only a ready-made role has the name of one.
        if Role::ready_made(role.name()).is_none()
            && let Some(twice) = named.insert(Arc::from(role.name()), role)
        {
            return Err(Fault::RoleTwice(twice.name().to_owned()).into());
        }
    }
    Ok(named)
}

fn refuse_repeats(bindings: &[Binding]) -> Result<(), PolicyError> {
    let mut seen = HashMap::with_capacity(bindings.len());
    for (binding, second) in bindings.iter().zip(1..) {
        if let Some(first) = seen.insert(binding, second) {
            return Err(Fault::BindingTwice { first, second }.into());
        }
    }
    Ok(())
}

fn unknown_role(binding: &Binding, number: usize, roles: &BTreeMap<Arc<str>, Role>) -> PolicyError {
    let mut known: Vec<&str> = Role::ready_made_names().collect();
    known.extend(roles.keys().map(|name| &**name));
    Fault::UnknownRole { number, role: quoted(binding.role()), known: known.join(", ") }.into()
}

#[cfg(test)]
mod tests {
    use grantry_core::Timestamp;

    use super::*;
    use crate::access::{Permission, PrincipalPattern, Reach};

    fn binding(role: &str) -> Binding {
        Binding::allow(PrincipalPattern::everybody(), role, Reach::everything())
    }

    fn refusal(builder: AccessPolicyBuilder) -> String {
        builder.build().unwrap_err().to_string()
    }

    #[test]
    fn what_is_there_twice_is_refused_by_name_or_number() {
        let role = |permission| Role::custom("reader", [permission]).unwrap();
        let twice =
            AccessPolicy::builder().role(role(Permission::TokenUse)).role(role(Permission::GrantRead));
        assert!(refusal(twice).contains("reader is defined twice"));
        let twice =
            AccessPolicy::builder().bind(binding("admin")).bind(binding("service")).bind(binding("admin"));
        assert!(refusal(twice).contains("binding 3 says the same as binding 1"));
        // One that ends and one that does not are two.
        let end = Timestamp::from_unix_seconds(0);
        assert!(
            AccessPolicy::builder().bind(binding("admin")).bind(binding("admin").until(end)).build().is_ok()
        );
    }

    #[test]
    fn a_ready_made_role_may_be_given_again_and_stays_what_it_is() {
        let policy = AccessPolicy::builder().role(Role::admin()).role(Role::admin()).build().unwrap();
        assert_eq!(policy.roles().count(), 0);
        assert_eq!(policy.role("admin"), Some(Role::admin()));
    }

    #[test]
    fn a_role_that_bindings_name_cannot_be_taken_out_alone() {
        let reader = Role::custom("reader", [Permission::TokenUse]).unwrap();
        let policy = AccessPolicy::builder().role(reader).bind(binding("reader")).build().unwrap();
        assert!(
            refusal(policy.edit().without_role("reader")).contains("binding 1 names the role \"reader\"")
        );
        let emptied =
            policy.edit().without_role("reader").retain_bindings(|b| b.role() != "reader").build().unwrap();
        assert_eq!((emptied.roles().count(), emptied.bindings().count()), (0, 0));
    }

    #[test]
    fn epochs_count_up_and_end_where_json_readers_lose_exactness() {
        let policy = AccessPolicy::builder().build().unwrap();
        assert_eq!((policy.epoch(), policy.edit().build().unwrap().epoch()), (1, 2));
        let last = AccessPolicy::builder().epoch(LAST_EPOCH).build().unwrap();
        assert!(refusal(last.edit()).contains("out of range"));
        assert!(refusal(AccessPolicy::builder().epoch(u64::MAX)).contains("out of range"));
    }
}
