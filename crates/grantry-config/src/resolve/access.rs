//! The `access` section.

use std::collections::BTreeMap;

use grantry_core::Timestamp;
use grantry_vault::access::{
    AccessPolicy, AccountPattern, Binding, Permission, PolicyError, PrincipalPattern, Reach, Role,
    ServicePattern, TenantPattern,
};

use super::Resolving;
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::nearest::nearest;
use crate::place::At;

impl Resolving<'_> {
    pub(crate) fn access(&mut self, fields: &Fields) -> Option<AccessPolicy> {
        let mut policy = AccessPolicy::builder().epoch(fields.whole("epoch").map_or(1, |(epoch, _)| epoch));
        let mut known: Vec<String> =
            Role::ready_made_roles().iter().map(|role| role.name().to_owned()).collect();
        for (name, role) in fields.map("roles") {
            known.push(name.clone());
            if let Some(role) = self.role(name, role) {
                policy = policy.role(role);
            }
        }
        let mut seen: BTreeMap<String, At> = BTreeMap::new();
        for binding in fields.list("bindings") {
            let Some(read) = self.binding(binding, &known) else { continue };
            if let Some(first) = seen.insert(read.to_string(), binding.at) {
                self.contradiction(
                    binding.at,
                    "this binding says the same as another one",
                    "the first one is",
                    first,
                );
                continue;
            }
            policy = policy.bind(read);
        }
        if !self.desk.is_clean() {
            return None;
        }
        policy.build().map_err(|why| self.refuse(FindingKind::InvalidValue, fields.at, why.to_string())).ok()
    }

    fn role(&mut self, name: &str, fields: &Fields) -> Option<Role> {
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
        let role = Role::custom(name, permissions);
        self.told(role, fields.at)
    }

    fn binding(&mut self, fields: &Fields, roles: &[String]) -> Option<Binding> {
        let principal = self.pattern(fields, "principal", PrincipalPattern::parse);
        let tenant = self.pattern(fields, "tenant", TenantPattern::parse);
        let service = self.pattern(fields, "service", ServicePattern::parse);
        let account = self.pattern(fields, "account", AccountPattern::parse);
        let mut sound = true;
        for key in ["principal", "role", "tenant"] {
            if fields.find(key).is_none() {
                self.refuse(FindingKind::Missing, fields.at, format!("a binding needs {key}"));
                sound = false;
            }
        }
        let role = fields.text("role").filter(|line| {
            let is_known = roles.iter().any(|known| known == line.text);
            if !is_known {
                let draft = Draft::error(FindingKind::InvalidValue, line.at, "there is no such role")
                    .nearest(nearest(line.text, roles.iter().map(String::as_str)))
                    .expected(format!("one of {}", roles.join(", ")));
                self.desk.tell(draft);
            }
            is_known
        });
        let until = self.until(fields);
        // What is there and was not understood must not pass for everything.
        let wanted = |key: &str, understood: bool| understood || fields.find(key).is_none();
        sound = sound && wanted("service", service.is_some()) && wanted("account", account.is_some());
        if !sound || !wanted("until", until.is_some()) || !wanted("effect", fields.text("effect").is_some()) {
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

    fn pattern<T>(
        &mut self,
        fields: &Fields,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, PolicyError>,
    ) -> Option<T> {
        let line = fields.text(key)?;
        self.told(parse(line.text), line.at)
    }

    fn told<T>(&mut self, result: Result<T, PolicyError>, at: At) -> Option<T> {
        result.map_err(|why| self.refuse(FindingKind::InvalidValue, at, why.to_string())).ok()
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
