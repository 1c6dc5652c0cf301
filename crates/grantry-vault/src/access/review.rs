//! Reading a policy the other way round: who can do something, and what somebody can do.

use std::collections::HashSet;

use grantry_core::Timestamp;

use super::binding::{Effect, Placed};
use super::decision::{Cause, Decision};
use super::permission::Permission;
use super::policy::AccessPolicy;
use super::principal::Principal;
use super::principal_pattern::PrincipalPattern;
use super::reach::{Object, Reach};

/// Somebody who can do what was asked about.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Holder {
    /// Who, as the bindings name them.
    pub principal: PrincipalPattern,
    /// What allows it.
    pub decision: Decision,
    /// Who of them cannot after all, because another binding denies it.
    pub except: Vec<PrincipalPattern>,
}

/// Something that a principal can do.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Allowance {
    /// What.
    pub permission: Permission,
    /// With which objects.
    pub reach: Reach,
    /// What allows it.
    pub decision: Decision,
    /// With which objects not after all, nor with a whole that they are part of, because another binding denies it.
    pub except: Vec<Reach>,
}

impl AccessPolicy {
    /// Who can do that with the object at that moment: a row for each principal or pattern that a binding allows it, in
    /// the order of the bindings.
    ///
    /// A principal can do it if one of the rows matches it and none of that row's exceptions does. One that only a
    /// pattern allows has no row of its own.
    ///
    /// ```
    /// use grantry_core::{TenantId, Timestamp};
    /// use grantry_vault::access::{AccessPolicy, Object, Permission, Principal};
    /// let policy = AccessPolicy::sole(&Principal::workload("billing")?);
    /// let (acme, now) = (TenantId::new("acme")?, Timestamp::from_unix_seconds(0));
    /// let holders = policy.who_can(Permission::TenantShred, &Object::tenant(&acme), now);
    /// assert_eq!(holders[0].principal.to_string(), "workload:billing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn who_can(&self, permission: Permission, object: &Object<'_>, now: Timestamp) -> Vec<Holder> {
        let applying = || self.placed().iter().filter(|placed| placed.applies(permission, object, now));
        let denied: Vec<_> =
            applying().filter(|placed| denies(placed)).map(|p| p.binding.principal()).collect();
        let allowed = applying().filter(|placed| !denies(placed));
        let allowed = allowed
            .map(|placed| (placed.binding.principal().clone(), self.decided(Cause::Binding(placed.clone()))));
        let own = Principal::own_tasks().into_iter().filter(|task| task.own_permissions().holds(permission));
        let own = own.map(|task| (task.into(), self.decided(Cause::OwnTask)));
        let (mut holders, mut seen) = (Vec::new(), HashSet::new());
        for (principal, decision) in allowed.chain(own) {
            if !seen.insert(principal.clone()) || denied.iter().any(|denied| denied.covers(&principal)) {
                continue;
            }
            let except = denied.iter().filter(|denied| principal.covers(denied));
            let except = distinct(except.map(|denied| (*denied).clone()));
            holders.push(Holder { principal, decision, except });
        }
        holders
    }

    /// What the principal can do at that moment: a row for each permission that a binding allows it, in the order of
    /// the permissions.
    ///
    /// It can do something with an object if one of the permission's rows [matches](Reach::matches) the object and none
    /// of that row's exceptions [touches](Reach::touches) it.
    ///
    /// ```
    /// use grantry_core::Timestamp;
    /// use grantry_vault::access::{AccessPolicy, Permission, Principal};
    /// let me = Principal::workload("billing")?;
    /// let rows = AccessPolicy::sole(&me).allowed(&me, Timestamp::from_unix_seconds(0));
    /// assert_eq!((rows[0].permission, rows[0].reach.to_string()), (Permission::TokenUse, "*/*/*".to_owned()));
    /// assert!(rows.iter().all(|row| row.permission != Permission::TokenReadRefresh));
    /// # Ok::<(), grantry_vault::access::PolicyError>(())
    /// ```
    pub fn allowed(&self, principal: &Principal, now: Timestamp) -> Vec<Allowance> {
        let mut rows = Vec::new();
        for &permission in Permission::ALL {
            let speaking = || self.placed_for(principal).filter(|placed| placed.speaks_of(permission, now));
            let denied: Vec<_> =
                speaking().filter(|placed| denies(placed)).map(|p| p.binding.reach()).collect();
            let allowed = speaking().filter(|placed| !denies(placed));
            let allowed = allowed
                .map(|placed| (placed.binding.reach().clone(), self.decided(Cause::Binding(placed.clone()))));
            let own = principal.own_permissions().holds(permission);
            let own = own.then(|| (Reach::everything(), self.decided(Cause::OwnTask)));
            for (reach, decision) in allowed.chain(own) {
                if denied.iter().any(|denied| denied.covers(&reach)) {
                    continue;
                }
                let except = denied.iter().filter(|denied| denied.overlaps(&reach));
                let except = distinct(except.map(|denied| (*denied).clone()));
                rows.push(Allowance { permission, reach, decision, except });
            }
        }
        rows
    }
}

fn denies(placed: &Placed) -> bool {
    placed.binding.effect() == Effect::Deny
}

fn distinct<T: Ord>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use grantry_core::TenantId;

    use super::*;
    use crate::access::{Binding, Role};

    const NOW: Timestamp = Timestamp::from_unix_seconds(1_000);

    fn whom(text: &str) -> PrincipalPattern {
        PrincipalPattern::parse(text).unwrap()
    }

    fn reach(text: &str) -> Reach {
        Reach::parse(text).unwrap()
    }

    fn policy() -> AccessPolicy {
        AccessPolicy::builder()
            .bind(Binding::allow(whom("workload:*"), Role::service(), reach("acme/*/*")))
            .bind(Binding::deny(whom("workload:old"), Role::service(), reach("*/*/*")))
            .bind(Binding::allow(whom("workload:old"), Role::service(), reach("acme/*/*")))
            .bind(Binding::deny(whom("workload:new"), Role::service(), reach("acme/payroll/*")))
            .bind(Binding::allow(whom("person:ana"), Role::operator(), reach("acme/*/*")))
            .bind(Binding::allow(whom("person:bob"), Role::operator(), reach("*/*/*")).until(NOW))
            .build()
            .unwrap()
    }

    #[test]
    fn who_can_names_patterns_with_their_exceptions() {
        let acme = TenantId::new("acme").unwrap();
        let holders = policy().who_can(Permission::GrantRevoke, &Object::tenant(&acme), NOW);
        let rows: Vec<_> = holders
            .iter()
            .map(|h| (h.principal.to_string(), h.except.iter().map(ToString::to_string).collect::<Vec<_>>()))
            .collect();
        let except = ["workload:new", "workload:old"].map(str::to_owned).to_vec();
        let expected = [("workload:*".to_owned(), except), ("person:ana".to_owned(), vec![])];
        assert_eq!(rows, expected);
        assert!(
            holders[0].decision.is_allowed()
                && holders[0].decision.reason().starts_with("binding 1 (policy 1)")
        );
    }

    #[test]
    fn allowed_lists_permissions_with_the_objects_left_out() {
        let new = Principal::workload("new").unwrap();
        let rows = policy().allowed(&new, NOW);
        let permissions: Vec<_> = rows.iter().map(|row| row.permission).collect();
        assert_eq!(permissions, Role::service().permissions().collect::<Vec<_>>());
        assert!(
            rows.iter().all(|row| row.reach == reach("acme/*/*") && row.except == [reach("acme/payroll/*")])
        );
        assert!(policy().allowed(&Principal::workload("old").unwrap(), NOW).is_empty());
    }

    #[test]
    fn what_only_all_tenants_together_allow_is_not_listed_for_one() {
        let rows = policy().allowed(&Principal::person("ana").unwrap(), NOW);
        assert!(!rows.is_empty() && rows.iter().all(|row| row.permission != Permission::KeyRotate));
        assert!(policy().allowed(&Principal::person("bob").unwrap(), NOW).is_empty());
    }

    #[test]
    fn the_tasks_of_the_system_are_listed_with_what_they_may_by_themselves() {
        let permissions = |task: Principal| -> Vec<_> {
            policy()
                .allowed(&task, NOW)
                .into_iter()
                .map(|row| (row.permission, row.reach.is_everything()))
                .collect()
        };
        let renewal = permissions(Principal::system_renewal());
        assert_eq!(renewal, [(Permission::TokenUse, true), (Permission::GrantRenew, true)]);
        assert_eq!(permissions(Principal::system_rotation()), [(Permission::KeyRotate, true)]);
        let holders = |permission| -> Vec<_> {
            let holders = policy().who_can(permission, &Object::DEPLOYMENT, NOW);
            holders.into_iter().map(|holder| holder.principal.to_string()).collect()
        };
        assert_eq!(holders(Permission::GrantRenew), ["system:renewal"]);
        assert_eq!(holders(Permission::KeyRotate), ["system:rotation"]);
        assert_eq!(holders(Permission::KeyDestroy), [""; 0]);
    }
}
