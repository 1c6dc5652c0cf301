//! The form in which a policy is kept and configured: JSON, version 1.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::binding::{Binding, Effect};
use super::error::{Fault, PolicyError};
use super::moment;
use super::pattern::{AccountPattern, ServicePattern, TenantPattern};
use super::permission::{Permission, PermissionSet};
use super::policy::AccessPolicy;
use super::principal_pattern::PrincipalPattern;
use super::reach::Reach;
use super::role::Role;
use super::visible::Visible;

/// The version that is written, and the only one that is read.
const VERSION: u64 = 1;
/// The most characters of a parser's message that are shown.
const MESSAGE_MOST: usize = 300;

/// Read before the rest, so that a newer form is told from a broken one.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePolicy<R, B> {
    version: u64,
    epoch: u64,
    roles: Vec<R>,
    bindings: Vec<B>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRole {
    name: String,
    permissions: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBinding {
    effect: WireEffect,
    principal: String,
    role: String,
    /// Required: a tenant that was forgotten does not mean all of them.
    tenant: String,
    #[serde(default = "any_name")]
    service: String,
    #[serde(default = "any_name")]
    account: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    until: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireEffect {
    Allow,
    Deny,
}

fn any_name() -> String {
    "*".to_owned()
}

impl AccessPolicy {
    /// The policy as JSON, as [`from_json`](AccessPolicy::from_json) reads it. The same policy gives the same bytes.
    pub fn to_json(&self) -> String {
        let wire = WirePolicy {
            version: VERSION,
            epoch: self.epoch(),
            roles: self.roles().map(WireRole::from).collect(),
            bindings: self.bindings().map(WireBinding::from).collect(),
        };
        // Texts and numbers alone: nothing that JSON could not hold.
        serde_json::to_string(&wire).unwrap_or_default()
    }

    /// Reads a policy from JSON.
    ///
    /// ```
    /// use grantry_vault::access::AccessPolicy;
    /// let policy = AccessPolicy::from_json(
    ///     r#"{
    ///         "version": 1,
    ///         "epoch": 7,
    ///         "roles": [{"name": "reader", "permissions": ["token.use", "grant.read"]}],
    ///         "bindings": [
    ///             {"effect": "allow", "principal": "workload:*", "role": "reader", "tenant": "acme"},
    ///             {"effect": "deny", "principal": "workload:old", "role": "reader", "tenant": "*",
    ///              "service": "crm", "account": "user-*", "until": "2027-01-01T00:00:00Z"}
    ///         ]
    ///     }"#,
    /// )?;
    /// assert_eq!(policy.epoch(), 7);
    /// assert_eq!(AccessPolicy::from_json(policy.to_json())?, policy);
    /// # Ok::<(), grantry_vault::access::PolicyError>(())
    /// ```
    ///
    /// Roles are those of one's own; the ready-made ones need no definition. `service` and `account` may be left out and
    /// then mean any; patterns are written as [`TenantPattern`], [`ServicePattern`], [`AccountPattern`] and
    /// [`PrincipalPattern`] read them, `until` in RFC 3339 and UTC.
    ///
    /// # Errors
    /// [`PolicyError`] names what is wrong and where: a field that is unknown, missing or there twice, another type,
    /// another version, and whatever [`build`](super::AccessPolicyBuilder::build) refuses.
    pub fn from_json(json: impl AsRef<[u8]>) -> Result<Self, PolicyError> {
        let json = json.as_ref();
        let JsonObject(Versioned { version }) =
            serde_json::from_slice(json).map_err(|e| not_as_expected(&e))?;
        if version != VERSION {
            let remedy = if version > VERSION { "upgrade the program" } else { "write it anew" };
            return Err(Fault::Version { found: version, known: VERSION, remedy }.into());
        }
        let JsonObject(wire): JsonObject<WirePolicy<JsonObject<WireRole>, JsonObject<WireBinding>>> =
            serde_json::from_slice(json).map_err(|e| not_as_expected(&e))?;
        let mut builder = Self::builder().epoch(wire.epoch);
        for (JsonObject(role), number) in wire.roles.into_iter().zip(1..) {
            let role = role.read().map_err(|error| error.inside(format!("role {number}")))?;
            builder = builder.role(role);
        }
        for (JsonObject(binding), number) in wire.bindings.into_iter().zip(1..) {
            let binding = binding.read().map_err(|error| error.inside(format!("binding {number}")))?;
            builder = builder.bind(binding);
        }
        builder.build()
    }
}

impl From<&Role> for WireRole {
    fn from(role: &Role) -> Self {
        let permissions = role.permissions().map(|permission| permission.as_str().to_owned()).collect();
        Self { name: role.name().to_owned(), permissions }
    }
}

impl WireRole {
    fn read(self) -> Result<Role, PolicyError> {
        let mut permissions = PermissionSet::default();
        for name in &self.permissions {
            let permission = Permission::parse(name)?;
            if !permissions.insert(permission) {
                let role = Visible(&self.name).to_string();
                return Err(Fault::PermissionTwice { role, permission: permission.as_str() }.into());
            }
        }
        Role::custom(self.name, permissions.iter())
    }
}

impl From<&Binding> for WireBinding {
    fn from(binding: &Binding) -> Self {
        let reach = binding.reach();
        Self {
            effect: match binding.effect() {
                Effect::Allow => WireEffect::Allow,
                Effect::Deny => WireEffect::Deny,
            },
            principal: binding.principal().to_string(),
            role: binding.role().to_owned(),
            tenant: reach.tenant.to_string(),
            service: reach.service.to_string(),
            account: reach.account.to_string(),
            until: binding.expires().map(moment::to_text),
        }
    }
}

impl WireBinding {
    fn read(self) -> Result<Binding, PolicyError> {
        let effect = match self.effect {
            WireEffect::Allow => Effect::Allow,
            WireEffect::Deny => Effect::Deny,
        };
        let reach = Reach {
            tenant: TenantPattern::parse(&self.tenant)?,
            service: ServicePattern::parse(&self.service)?,
            account: AccountPattern::parse(&self.account)?,
        };
        let binding = Binding::new(effect, PrincipalPattern::parse(&self.principal)?, &self.role, reach);
        Ok(match self.until {
            Some(until) => binding.until(moment::parse(&until)?),
            None => binding,
        })
    }
}

/// An object of JSON and nothing else: left to itself, `serde` would also take an array with the values in order.
struct JsonObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(JsonObjectVisitor(PhantomData)).map(Self)
    }
}

struct JsonObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for JsonObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// The parser's message quotes what it found, as it is and at any length.
fn not_as_expected(error: &serde_json::Error) -> PolicyError {
    let text = error.to_string();
    let mut shown: String = text.chars().take(MESSAGE_MOST).collect();
    if shown.len() < text.len() {
        shown = format!("{shown}… at line {} column {}", error.line(), error.column());
    }
    Fault::Json(Visible(&shown).to_string()).into()
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
