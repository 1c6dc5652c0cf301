//! Random policies against an evaluator that knows only texts and rules, and nothing of how bindings are kept.

use grantry_core::{AccountId, ServiceName, TenantId, Timestamp};
use proptest::prelude::*;
use proptest::sample::select;

use super::{
    AccessPolicy, AccountPattern, Binding, Effect, Object, Permission, Principal, PrincipalPattern, Reach,
    Role, ServicePattern, TenantPattern,
};

const TENANTS: &[&str] = &["a", "a.", "a-", "a_", "aa", "acme", "acme-"];
const SERVICES: &[&str] = &["crm", "crm-eu", "crm.", "c", "mail"];
/// The third begins with a Cyrillic letter, the fifth holds a combining accent and the sixth is its composed twin.
const ACCOUNTS: &[&str] = &[
    "acme",
    "ACME",
    "\u{430}cme",
    "user-1",
    "use\u{301}r",
    "us\u{e9}r",
    "user-17",
    "*",
    "user-*",
    "=acme",
    "=",
];
const PRINCIPALS: &[&str] = &[
    "workload:a",
    "workload:A",
    "workload:\u{430}",
    "person:a",
    "person:aa",
    "system:renewal",
    "system:rotation",
    "system:a",
];
const PERMISSIONS: &[Permission] = &[
    Permission::TokenUse,
    Permission::TokenReadRefresh,
    Permission::GrantRenew,
    Permission::KeyRotate,
    Permission::TenantCreate,
    Permission::AccessWrite,
];

/// What a part of a reach is, as plain data.
#[derive(Debug, Clone, PartialEq)]
enum Part {
    Any,
    Prefix(String),
    Exact(&'static str),
}

impl Part {
    /// A whole is reached by all of it, and a denial reaches it with a part.
    fn matches(&self, name: Option<&str>, effect: Effect) -> bool {
        match (self, name) {
            (Self::Any, _) => true,
            (_, None) => effect == Effect::Deny,
            (Self::Prefix(prefix), Some(name)) => {
                name.len() >= prefix.len() && name.as_bytes()[..prefix.len()] == *prefix.as_bytes()
            }
            (Self::Exact(exact), Some(name)) => exact.as_bytes() == name.as_bytes(),
        }
    }
}

#[derive(Debug, Clone)]
struct Rule {
    effect: Effect,
    principal: String,
    permissions: Vec<Permission>,
    tenant: Part,
    service: Part,
    account: Part,
    until: Option<i64>,
}

impl Rule {
    fn is_for(&self, principal: &str) -> bool {
        let (kind, _) = principal.split_once(':').unwrap();
        [principal, "*", &format!("{kind}:*")].contains(&self.principal.as_str())
    }

    fn is_everything(&self) -> bool {
        [&self.tenant, &self.service, &self.account].into_iter().all(|part| *part == Part::Any)
    }

    fn binding(&self, role: &str) -> Binding {
        let tenant = match &self.tenant {
            Part::Any => TenantPattern::any(),
            Part::Prefix(_) => unreachable!("tenants have no prefixes"),
            Part::Exact(name) => TenantPattern::exact(&TenantId::new(name).unwrap()),
        };
        let service = match &self.service {
            Part::Any => ServicePattern::any(),
            Part::Prefix(prefix) => ServicePattern::prefix(prefix).unwrap(),
            Part::Exact(name) => ServicePattern::exact(&ServiceName::new(name).unwrap()),
        };
        let account = match &self.account {
            Part::Any => AccountPattern::any(),
            Part::Prefix(prefix) => AccountPattern::prefix(prefix).unwrap(),
            Part::Exact(id) => AccountPattern::exact(&AccountId::new(id).unwrap()),
        };
        let principal = PrincipalPattern::parse(&self.principal).unwrap();
        let binding = Binding::new(self.effect, principal, role, Reach { tenant, service, account });
        match self.until {
            Some(until) => binding.until(Timestamp::from_unix_seconds(until)),
            None => binding,
        }
    }
}

#[derive(Debug, Clone)]
struct Question {
    principal: &'static str,
    permission: Permission,
    names: [Option<&'static str>; 3],
    now: i64,
}

impl Question {
    fn ask<T>(&self, answer: impl FnOnce(&Principal, &Object<'_>, Timestamp) -> T) -> T {
        let [tenant, service, account] = self.names;
        let tenant = tenant.map(|name| TenantId::new(name).unwrap());
        let service = service.map(|name| ServiceName::new(name).unwrap());
        let account = account.map(|id| AccountId::new(id).unwrap());
        let object = Object { tenant: tenant.as_ref(), service: service.as_ref(), account: account.as_ref() };
        let principal = Principal::parse_any(self.principal).unwrap();
        answer(&principal, &object, Timestamp::from_unix_seconds(self.now))
    }

    fn decided_by(&self, policy: &AccessPolicy) -> bool {
        self.ask(|principal, object, now| policy.decide(principal, self.permission, object, now).is_allowed())
    }

    /// The rules in one sentence each.
    fn expected(&self, rules: &[Rule]) -> bool {
        let applies = |rule: &&Rule| {
            let [tenant, service, account] = self.names;
            rule.is_for(self.principal)
                && rule.permissions.contains(&self.permission)
                && rule.until.is_none_or(|until| self.now < until)
                && rule.tenant.matches(tenant, rule.effect)
                && rule.service.matches(service, rule.effect)
                && rule.account.matches(account, rule.effect)
        };
        let for_all = [Permission::KeyRotate, Permission::KeyDestroy, Permission::TenantCreate];
        let is_denied = rules.iter().filter(applies).any(|rule| rule.effect == Effect::Deny);
        let is_allowed = rules.iter().filter(applies).any(|rule| {
            rule.effect == Effect::Allow && (rule.is_everything() || !for_all.contains(&self.permission))
        });
        (is_allowed || self.is_own_task()) && !is_denied
    }

    fn is_own_task(&self) -> bool {
        let own = [
            ("system:renewal", Permission::GrantRenew),
            ("system:renewal", Permission::TokenUse),
            ("system:rotation", Permission::KeyRotate),
        ];
        own.contains(&(self.principal, self.permission))
    }
}

/// A policy with a role for each rule. Rules that are there twice are left out, as a policy has to.
fn policy(rules: &[Rule]) -> AccessPolicy {
    let mut builder = AccessPolicy::builder();
    for (number, rule) in rules.iter().enumerate() {
        let role = Role::custom(format!("role-{number}"), rule.permissions.iter().copied()).unwrap();
        builder = builder.bind(rule.binding(role.name())).role(role);
    }
    builder.build().unwrap()
}

fn part(names: &'static [&'static str], prefixes: Vec<String>) -> BoxedStrategy<Part> {
    let exact = select(names).prop_map(Part::Exact);
    if prefixes.is_empty() {
        return prop_oneof![2 => Just(Part::Any), 3 => exact].boxed();
    }
    prop_oneof![3 => Just(Part::Any), 2 => exact, 1 => select(prefixes).prop_map(Part::Prefix)].boxed()
}

/// Each beginning of the names that can be a prefix.
fn beginnings(names: &[&str]) -> Vec<String> {
    let ends =
        names.iter().flat_map(|name| name.char_indices().map(move |(at, c)| &name[..at + c.len_utf8()]));
    ends.filter(|text| !text.contains('*') && !text.starts_with('=')).map(str::to_owned).collect()
}

fn rules(most: usize) -> impl Strategy<Value = Vec<Rule>> {
    let patterns = ["*", "workload:*", "person:*", "system:*"];
    let principals: Vec<_> = PRINCIPALS.iter().copied().chain(patterns).map(str::to_owned).collect();
    let rule = (
        select(vec![Effect::Allow, Effect::Allow, Effect::Deny]),
        select(principals),
        prop::collection::vec(select(PERMISSIONS), 1..4),
        part(TENANTS, Vec::new()),
        part(SERVICES, beginnings(SERVICES)),
        part(ACCOUNTS, beginnings(ACCOUNTS)),
        prop::option::weighted(0.2, 0..4_i64),
    );
    let rule = rule.prop_map(|(effect, principal, permissions, tenant, service, account, until)| Rule {
        effect,
        principal,
        permissions,
        tenant,
        service,
        account,
        until,
    });
    prop::collection::vec(rule, 0..=most)
}

fn question() -> impl Strategy<Value = Question> {
    let names = (select(TENANTS), select(SERVICES), select(ACCOUNTS), 0..8_usize);
    (select(PRINCIPALS), select(PERMISSIONS), names, 0..4_i64).prop_map(
        |(principal, permission, (tenant, service, account, depth), now)| Question {
            principal,
            permission,
            // Mostly whole triples; sometimes the deployment, a tenant or a service.
            names: [
                (depth > 0).then_some(tenant),
                (depth > 1).then_some(service),
                (depth > 2).then_some(account),
            ],
            now,
        },
    )
}

fn questions() -> impl Strategy<Value = Vec<Question>> {
    prop::collection::vec(question(), 1..32)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn decisions_are_those_of_the_rules(rules in rules(12), questions in questions()) {
        let policy = policy(&rules);
        for question in questions {
            prop_assert_eq!(question.decided_by(&policy), question.expected(&rules), "{:?}", question);
        }
    }

    #[test]
    fn the_order_of_bindings_changes_no_decision(
        (rules, shuffled) in rules(12).prop_flat_map(|rules| (Just(rules.clone()), Just(rules).prop_shuffle())),
        questions in questions(),
    ) {
        let (one, other) = (policy(&rules), policy(&shuffled));
        for question in questions {
            prop_assert_eq!(question.decided_by(&one), question.decided_by(&other), "{:?}", question);
        }
    }

    #[test]
    fn a_denial_more_allows_nothing_more_and_an_allowance_more_denies_nothing_more(
        rules in rules(8),
        more in rules(1),
        questions in questions(),
    ) {
        let before = policy(&rules);
        let after = policy(&[rules, more.clone()].concat());
        for question in questions {
            let (before, after) = (question.decided_by(&before), question.decided_by(&after));
            match more.first().map(|rule| rule.effect) {
                Some(Effect::Allow) => prop_assert!(after || !before, "{:?}", question),
                Some(Effect::Deny) => prop_assert!(before || !after, "{:?}", question),
                None => prop_assert_eq!(before, after),
            }
        }
    }

    #[test]
    fn bindings_for_one_tenant_allow_nothing_elsewhere(
        mut rules in rules(12),
        bound in select(TENANTS),
        questions in questions(),
    ) {
        for rule in &mut rules {
            rule.tenant = Part::Exact(bound);
        }
        let policy = policy(&rules);
        for question in questions {
            if question.names[0] != Some(bound) && !question.is_own_task() {
                prop_assert!(!question.decided_by(&policy), "{:?}", question);
            }
        }
    }

    #[test]
    fn the_json_form_decides_alike(rules in rules(8), questions in questions()) {
        let policy = policy(&rules);
        let read = AccessPolicy::from_json(policy.to_json()).unwrap();
        prop_assert_eq!(&read, &policy);
        for question in questions {
            prop_assert_eq!(question.decided_by(&read), question.decided_by(&policy));
        }
    }

    #[test]
    fn the_reviews_say_what_is_decided(rules in rules(10), questions in questions()) {
        let policy = policy(&rules);
        for question in questions {
            let decided = question.decided_by(&policy);
            let (holds, allowed) = question.ask(|principal, object, now| {
                let holders = policy.who_can(question.permission, object, now);
                let holds = holders.iter().any(|holder| {
                    holder.principal.matches(principal) && !holder.except.iter().any(|e| e.matches(principal))
                });
                let rows = policy.allowed(principal, now);
                let allowed = rows.iter().any(|row| {
                    row.permission == question.permission
                        && row.reach.matches(object)
                        && !row.except.iter().any(|except| except.touches(object))
                });
                (holds, allowed)
            });
            prop_assert_eq!(holds, decided, "who_can {:?}", question);
            prop_assert_eq!(allowed, decided, "allowed {:?}", question);
        }
    }
}
