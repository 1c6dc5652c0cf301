use grantry_core::{AccountId, ServiceName, TenantId};

use super::*;
use crate::access::{PrincipalKind, PrincipalPattern};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_790_000_000);

fn tenant(name: &str) -> TenantId {
    TenantId::new(name).unwrap()
}

fn billing() -> Principal {
    Principal::workload("billing").unwrap()
}

fn whom(text: &str) -> PrincipalPattern {
    PrincipalPattern::parse(text).unwrap()
}

fn reach(text: &str) -> Reach {
    Reach::parse(text).unwrap()
}

fn policy(bindings: impl IntoIterator<Item = Binding>) -> AccessPolicy {
    bindings.into_iter().fold(AccessPolicy::builder(), AccessPolicyBuilder::bind).build().unwrap()
}

fn may(policy: &AccessPolicy, principal: &Principal, permission: Permission, object: Object<'_>) -> bool {
    policy.decide(principal, permission, &object, NOW).is_allowed()
}

#[test]
fn each_ready_made_role_allows_what_it_holds_and_nothing_else() {
    let acme = tenant("acme");
    for role in Role::ready_made_roles() {
        let everywhere = policy([Binding::allow(billing(), &role, Reach::everything())]);
        let in_acme = policy([Binding::allow(billing(), &role, Reach::tenant(&acme))]);
        for &permission in Permission::ALL {
            let held = role.holds(permission);
            for object in [Object::DEPLOYMENT, Object::tenant(&acme)] {
                assert_eq!(may(&everywhere, &billing(), permission, object), held, "{role:?} {permission}");
            }
            let counts = held && !permission.is_deployment_wide();
            assert_eq!(
                may(&in_acme, &billing(), permission, Object::tenant(&acme)),
                counts,
                "{role:?} {permission}"
            );
            assert!(!may(&in_acme, &billing(), permission, Object::DEPLOYMENT), "{role:?} {permission}");
            assert!(!may(&in_acme, &billing(), permission, Object::tenant(&tenant("other"))));
            assert!(!may(
                &everywhere,
                &Principal::person("billing").unwrap(),
                permission,
                Object::DEPLOYMENT
            ));
        }
    }
}

#[test]
fn without_bindings_nobody_may_do_anything_and_the_reason_says_so() {
    let nothing = policy([]);
    for &permission in Permission::ALL {
        let decision = nothing.decide(&billing(), permission, &Object::DEPLOYMENT, NOW);
        assert_eq!((decision.effect(), decision.epoch()), (Effect::Deny, 1));
        assert_eq!(decision.reason(), "no binding allows it (policy 1)");
        assert!(decision.binding().is_none());
    }
}

#[test]
fn a_tenant_is_never_reached_by_a_binding_for_one_that_looks_alike() {
    let names = ["a", "a.", "a-", "a_", "aa", "a0", "a.a", "acme", "acme-", "acme.eu", "0", "o"];
    for bound in names {
        let policy = policy([Binding::allow(billing(), Role::service(), Reach::tenant(tenant(bound)))]);
        for asked in names {
            let allowed = may(&policy, &billing(), Permission::TokenUse, Object::tenant(&tenant(asked)));
            assert_eq!(allowed, asked == bound, "{bound} {asked}");
        }
    }
    // Another case and other scripts are no names of tenants at all.
    for name in ["A", "\u{430}cme", "Acme", "acme\u{301}"] {
        assert!(TenantId::new(name).is_err());
    }
}

#[test]
fn the_tasks_of_the_system_need_no_binding_for_what_they_are_there_for_until_it_is_denied() {
    let (acme, crm, user) =
        (tenant("acme"), ServiceName::new("crm").unwrap(), AccountId::new("user-17").unwrap());
    let object = Object::account(&acme, &crm, &user);
    let (renewal, rotation) = (Principal::system_renewal(), Principal::system_rotation());
    let nothing = policy([]);
    for &permission in Permission::ALL {
        let renews = [Permission::GrantRenew, Permission::TokenUse].contains(&permission);
        assert_eq!(may(&nothing, &renewal, permission, object), renews, "{permission}");
        let rotates = permission == Permission::KeyRotate;
        assert_eq!(may(&nothing, &rotation, permission, Object::DEPLOYMENT), rotates, "{permission}");
        for other in [
            Principal::workload("renewal"),
            Principal::person("renewal"),
            Principal::workload("system:renewal"),
            Principal::system("renewals"),
            Principal::system("Renewal"),
        ] {
            assert!(!may(&nothing, &other.unwrap(), permission, object), "{permission}");
        }
    }
    let reason = nothing.decide(&renewal, Permission::GrantRenew, &object, NOW).reason();
    assert_eq!(reason, "it is the task's own, and no binding denies it (policy 1)");

    let renews = Role::custom("renews", [Permission::GrantRenew]).unwrap();
    for stopped in ["system:renewal", "system:*", "*"] {
        let deny = Binding::deny(whom(stopped), &renews, reach("acme/crm/*"));
        let policy = nothing.edit().role(renews.clone()).bind(deny).build().unwrap();
        assert!(!may(&policy, &renewal, Permission::GrantRenew, object), "{stopped}");
        assert!(may(&policy, &renewal, Permission::GrantRenew, Object::tenant(&tenant("other"))));
    }
}

#[test]
fn a_whole_is_denied_with_any_of_its_parts_and_allowed_only_with_all() {
    let (acme, other) = (tenant("acme"), tenant("other"));
    let (crm, mail) = (ServiceName::new("crm").unwrap(), ServiceName::new("mail").unwrap());
    let some = Binding::deny(billing(), Role::service(), reach("acme/crm/vip"));
    let all = Binding::allow(billing(), Role::service(), Reach::everything());
    let policy = policy([all, some]);
    let reads = |object| may(&policy, &billing(), Permission::GrantRead, object);
    // The lists that would show the grant.
    assert!(
        !reads(Object::DEPLOYMENT) && !reads(Object::tenant(&acme)) && !reads(Object::service(&acme, &crm))
    );
    // Those that would not.
    assert!(reads(Object::tenant(&other)) && reads(Object::service(&acme, &mail)));
    let vip2 = AccountId::new("vip2").unwrap();
    assert!(reads(Object::account(&acme, &crm, &vip2)));
}

#[test]
fn a_denial_wins_over_every_allowance_in_every_order() {
    let deny = Binding::deny(whom("workload:*"), Role::auditor(), reach("acme/*/*"));
    let allow = [
        Binding::allow(billing(), Role::admin(), Reach::everything()),
        Binding::allow(whom("*"), Role::service(), reach("acme/*/*")),
    ];
    let [first, second] = allow;
    for bindings in [
        [deny.clone(), first.clone(), second.clone()],
        [first.clone(), deny.clone(), second.clone()],
        [first, second, deny],
    ] {
        let policy = policy(bindings);
        let acme = tenant("acme");
        let decision = policy.decide(&billing(), Permission::GrantRead, &Object::tenant(&acme), NOW);
        assert!(!decision.is_allowed());
        let reason = decision.reason();
        assert!(reason.ends_with("denies workload:* the role auditor on acme/*/*"), "{reason}");
        // What the denied role does not hold is not touched.
        assert!(may(&policy, &billing(), Permission::GrantRevoke, Object::tenant(&acme)));
        assert!(may(
            &policy,
            &Principal::person("ana").unwrap(),
            Permission::GrantRead,
            Object::tenant(&acme)
        ));
    }
}

#[test]
fn what_concerns_all_tenants_is_not_for_one_of_them_to_allow() {
    let acme = tenant("acme");
    let all = [Permission::KeyRotate, Permission::KeyDestroy, Permission::TenantCreate];
    for part in ["acme/*/*", "*/crm/*", "*/*/user-*"] {
        let policy = policy([Binding::allow(billing(), Role::admin(), reach(part))]);
        let crm = ServiceName::new("crm").unwrap();
        let user = AccountId::new("user-1").unwrap();
        for permission in all {
            for object in [Object::DEPLOYMENT, Object::tenant(&acme), Object::account(&acme, &crm, &user)] {
                assert!(!may(&policy, &billing(), permission, object), "{permission} {part}");
            }
        }
    }
    // A part can be denied.
    let policy = policy([
        Binding::allow(billing(), Role::admin(), Reach::everything()),
        Binding::deny(billing(), Role::admin(), Reach::tenant(&acme)),
    ]);
    assert!(!may(&policy, &billing(), Permission::TenantCreate, Object::tenant(&acme)));
    assert!(may(&policy, &billing(), Permission::TenantCreate, Object::tenant(&tenant("other"))));
    assert!(!may(&policy, &billing(), Permission::TenantCreate, Object::DEPLOYMENT));
}

#[test]
fn bindings_end_and_denials_that_end_give_back() {
    let soon = NOW.after(std::time::Duration::from_secs(60));
    let policy = policy([
        Binding::allow(billing(), Role::service(), Reach::everything()),
        Binding::deny(billing(), Role::service(), Reach::everything()).until(soon),
        Binding::allow(whom("person:*"), Role::auditor(), Reach::everything()).until(soon),
    ]);
    let ana = Principal::person("ana").unwrap();
    let at = |now| {
        [billing(), ana.clone()].map(|principal| {
            policy.decide(&principal, Permission::GrantRead, &Object::DEPLOYMENT, now).is_allowed()
        })
    };
    assert_eq!(at(NOW), [false, true]);
    assert_eq!(at(soon), [true, false]);
}

#[test]
fn the_reason_of_an_allowance_names_the_binding_nearest_to_the_principal() {
    let policy = policy([
        Binding::allow(whom("*"), Role::auditor(), Reach::everything()),
        Binding::allow(whom("workload:*"), Role::auditor(), Reach::everything()),
        Binding::allow(billing(), Role::auditor(), Reach::everything()),
    ]);
    let reason = policy.decide(&billing(), Permission::AuditRead, &Object::DEPLOYMENT, NOW).reason();
    assert_eq!(reason, "binding 3 (policy 1) allows workload:billing the role auditor on */*/*");
}

#[test]
fn whoever_is_alone_may_everything_but_see_a_secret_or_redeem_one() {
    let policy = AccessPolicy::sole(&billing());
    let (acme, crm) = (tenant("acme"), ServiceName::new("crm").unwrap());
    for &permission in Permission::ALL {
        let never = [Permission::TokenReadRefresh, Permission::ClientReadSecret, Permission::GrantRenew];
        let expected = !never.contains(&permission);
        for object in [Object::DEPLOYMENT, Object::tenant(&acme), Object::service(&acme, &crm)] {
            assert_eq!(may(&policy, &billing(), permission, object), expected, "{permission}");
        }
    }
    // It is what the builder would have made.
    assert_eq!(policy.edit().epoch(1).build().unwrap(), policy);
}

#[test]
fn a_decision_outlives_the_policy_and_keeps_its_epoch() {
    let policy = AccessPolicy::sole(&billing());
    let decision = policy.decide(&billing(), Permission::TokenUse, &Object::DEPLOYMENT, NOW);
    let later = policy.edit().retain_bindings(|_| false).build().unwrap();
    drop(policy);
    assert_eq!((decision.epoch(), later.epoch()), (1, 2));
    assert_eq!(decision.binding().map(Binding::role), Some("admin"));
    assert!(!may(&later, &billing(), Permission::TokenUse, Object::DEPLOYMENT));
}

#[test]
fn debug_shows_bindings_by_number_and_hides_nothing() {
    let hidden = Binding::allow(whom("*"), "service", reach("acme/crm/\u{202e}a"));
    let policy = policy([hidden]);
    let (acme, crm, user) =
        (tenant("acme"), ServiceName::new("crm").unwrap(), AccountId::new("\u{202e}a").unwrap());
    let object = Object::account(&acme, &crm, &user);
    let decision = policy.decide(&billing(), Permission::TokenUse, &object, NOW);
    for text in [format!("{decision:?}"), decision.reason(), format!("{policy:?}{:?}", whom("*"))] {
        assert!(!text.contains('\u{202e}'), "{text}");
    }
    assert_eq!(whom("system:*"), PrincipalPattern::all_of(PrincipalKind::System));
}

#[test]
fn policies_are_the_same_in_epoch_roles_and_bindings_or_not_at_all() {
    let policy = AccessPolicy::sole(&billing());
    let edited = || policy.edit().epoch(1);
    assert_eq!(edited().build().unwrap(), policy);
    assert_ne!(policy.edit().build().unwrap(), policy);
    let reader = Role::custom("reader", [Permission::GrantRead]).unwrap();
    assert_ne!(edited().role(reader).build().unwrap(), policy);
    assert_ne!(edited().retain_bindings(|_| false).build().unwrap(), policy);
}
