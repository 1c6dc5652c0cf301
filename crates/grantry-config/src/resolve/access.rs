//! The `access` section.

use std::collections::HashMap;

use grantry_core::Timestamp;
use grantry_vault::access::{
    AccessPolicy, AccessPolicyBuilder, AccountPattern, Binding, Permission, PolicyError, PrincipalPattern,
    Reach, Role, ServicePattern, TenantPattern,
};

use super::Resolving;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::nearest::nearest;
use crate::place::At;

const PRINCIPAL: &str = "such as workload:billing, person:ana@example.com, workload:* or *";
const ROLE: &str = "the name of a role, such as service";
const TENANT: &str = "a tenant's name, or * for all";
const SERVICE: &str = "a service's name, the beginning of some (crm-*), or *";
const ACCOUNT: &str = "an account's name, the beginning of some (user-*), or *";

/// The names of roles.
struct Roles {
    /// All that may be named.
    known: Vec<String>,
    /// Those among them with a mistake, which was told.
    refused: Vec<String>,
}

impl Roles {
    fn ready_made() -> Self {
        let known = Role::ready_made_roles().iter().map(|role| role.name().to_owned()).collect();
        Self { known, refused: Vec::new() }
    }
}

impl Resolving<'_> {
    pub(crate) fn access(&mut self, fields: &Fields) -> Option<AccessPolicy> {
        let before = self.desk.errors();
        let mut policy = AccessPolicy::builder().epoch(fields.whole("epoch").map_or(1, |(epoch, _)| epoch));
        let mut roles = Roles::ready_made();
        for (name, role) in fields.map("roles") {
            let read = self.role(name, role);
            if !roles.known.contains(name) {
                roles.known.push(name.clone());
            }
            if read.is_none() {
                roles.refused.push(name.clone());
            }
            policy = read.into_iter().fold(policy, AccessPolicyBuilder::role);
        }
        // What the roles are called is told with the roles.
        let may_have_others = fields.is_spoilt("roles") && fields.map("roles").next().is_none();
        let mut seen: HashMap<Binding, At> = HashMap::new();
        for binding in fields.list("bindings") {
            let Some(read) = self.binding(binding, &roles, may_have_others) else { continue };
            if let Some(first) = seen.get(&read) {
                let what = "this binding says the same as another one";
                self.contradiction(binding.at, what, "it once", ("the first one is", *first));
                continue;
            }
            seen.insert(read.clone(), binding.at);
            // A role that was refused is not one that is not defined.
            if !roles.refused.iter().any(|name| name == read.role()) {
                policy = policy.bind(read);
            }
        }
        // With what is sound alone, so that nothing is told that follows from another mistake.
        let built = policy.build();
        let expected = "roles and bindings that go together";
        let built = self.told(built, fields.at, expected);
        built.filter(|_| self.desk.errors() == before)
    }

    fn role(&mut self, name: &str, fields: &Fields) -> Option<Role> {
        let before = self.desk.errors();
        let mut permissions = Vec::new();
        for (at, written) in fields.texts("permissions").unwrap_or_default() {
            match Permission::parse(&written.text) {
                Ok(permission) if permissions.contains(&permission) => {
                    self.invalid(*at, format!("{permission} is there twice"), "each permission once");
                }
                Ok(permission) => permissions.push(permission),
                Err(_) => {
                    let known: Vec<&str> = Permission::ALL.iter().map(|known| known.as_str()).collect();
                    let draft = Draft::error(FindingKind::InvalidValue, *at, "there is no such permission")
                        .nearest(nearest(&written.text, known.iter().copied()))
                        .expected(format!("one of {}", known.join(", ")));
                    self.desk.tell(draft);
                }
            }
        }
        let is_spoilt = fields.lost || fields.is_spoilt("permissions") || self.desk.errors() != before;
        if permissions.is_empty() && is_spoilt {
            // It had some; the name is looked at all the same.
            permissions.push(Permission::TokenUse);
        }
        let role = Role::custom(name, permissions);
        let expected = "a name of one's own, from a-z, 0-9, '.', '_' and '-', and at least one permission";
        self.told(role, fields.at, expected).filter(|_| !is_spoilt)
    }

    fn binding(&mut self, fields: &Fields, roles: &Roles, may_have_others: bool) -> Option<Binding> {
        let principal = self.pattern(fields, "principal", PRINCIPAL, PrincipalPattern::parse);
        let tenant = self.pattern(fields, "tenant", TENANT, TenantPattern::parse);
        let service = self.pattern(fields, "service", SERVICE, ServicePattern::parse);
        let account = self.pattern(fields, "account", ACCOUNT, AccountPattern::parse);
        for (key, expected) in [("principal", PRINCIPAL), ("role", ROLE), ("tenant", TENANT)] {
            if fields.find(key).is_none() {
                self.missing(fields.at, format!("a binding needs {key}"), format!("{key}: {expected}"));
            }
        }
        let role = fields.text("role").filter(|line| {
            let is_known = may_have_others || roles.known.iter().any(|known| known == line.text);
            if !is_known {
                let draft = Draft::error(FindingKind::InvalidValue, line.at, "there is no such role")
                    .nearest(nearest(line.text, roles.known.iter().map(String::as_str)))
                    .expected(format!("one of {}", roles.known.join(", ")));
                self.desk.tell(draft);
            }
            is_known && !may_have_others
        });
        let until = self.until(fields);
        // What is there and was not understood must not pass for everything.
        let understood = |key: &str, understood: bool| understood || fields.find(key).is_none();
        let sound = understood("service", service.is_some())
            && understood("account", account.is_some())
            && understood("until", until.is_some())
            && understood("effect", fields.text("effect").is_some());
        if !sound {
            return None;
        }
        let mut reach = Reach::tenant(tenant?);
        if let Some(service) = service {
            reach = reach.service(service);
        }
        if let Some(account) = account {
            reach = reach.account(account);
        }
        let (principal, role) = (principal?, role?);
        let binding = match fields.text("effect").map_or("allow", |line| line.text) {
            "deny" => Binding::deny(principal, role.text, reach),
            _ => Binding::allow(principal, role.text, reach),
        };
        Some(match until {
            Some(until) => binding.until(until),
            None => binding,
        })
    }

    pub(super) fn pattern<T>(
        &mut self,
        fields: &Fields,
        key: &str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Result<T, PolicyError>,
    ) -> Option<T> {
        let line = fields.text(key)?;
        self.told(parse(line.text), line.at, expected)
    }

    fn told<T>(&mut self, result: Result<T, PolicyError>, at: At, expected: &'static str) -> Option<T> {
        result.map_err(|why| self.invalid(at, why.to_string(), expected)).ok()
    }

    fn until(&mut self, fields: &Fields) -> Option<Timestamp> {
        let line = fields.text("until")?;
        let read = moment(line.text);
        if read.is_none() {
            self.invalid(line.at, "until is no moment in UTC", "such as 2027-01-01T00:00:00Z");
        }
        read
    }
}

/// A moment as the vault's policies write it, read by the vault's own reader, so that there is one.
fn moment(text: &str) -> Option<Timestamp> {
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'-' | b'.' | b'+')) {
        return None;
    }
    let policy = format!(
        r#"{{"version": 1, "epoch": 1, "roles": [], "bindings": [
            {{"effect": "deny", "principal": "*", "role": "auditor", "tenant": "*", "until": "{text}"}}]}}"#
    );
    let policy = AccessPolicy::from_json(policy).ok()?;
    policy.bindings().next().and_then(Binding::expires)
}
