//! A policy as JSON: how it is kept, and how it stands in a configuration.

use grantry_core::Timestamp;
use serde::{Deserialize, Serialize};

use super::binding::Who;
use super::{AccessPolicy, Binding, Effect, InvalidPolicy, Permission, Principal, Role};

/// The newest form that is read, and the one that is written.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePolicy {
    format: u32,
    #[serde(default)]
    epoch: u64,
    #[serde(default)]
    roles: Vec<WireRole>,
    #[serde(default)]
    bindings: Vec<WireBinding>,
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
    principal: String,
    role: String,
    effect: WireEffect,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<i64>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WireEffect {
    Allow,
    Deny,
}

/// What stands for everybody in place of a principal.
const EVERYBODY: &str = "*";

impl AccessPolicy {
    /// The policy as JSON. It holds no secret.
    ///
    /// # Errors
    /// None that is known.
    pub fn to_json(&self) -> Result<String, InvalidPolicy> {
        let wire = WirePolicy {
            format: FORMAT,
            epoch: self.epoch(),
            roles: self.roles().map(role_to_wire).collect(),
            bindings: self.bindings().iter().map(binding_to_wire).collect(),
        };
        serde_json::to_string(&wire).map_err(|error| InvalidPolicy(error.to_string()))
    }

    /// Reads a policy. Unknown and repeated fields are refused.
    ///
    /// # Errors
    /// [`InvalidPolicy`] says what is wrong, and where.
    pub fn from_json(text: &str) -> Result<Self, InvalidPolicy> {
        let wire: WirePolicy =
            serde_json::from_str(text).map_err(|error| InvalidPolicy(format!("the policy: {error}")))?;
        if wire.format != FORMAT {
            return Err(InvalidPolicy(format!(
                "the policy is of format {}, and this version reads format {FORMAT}",
                wire.format
            )));
        }
        let mut builder = Self::builder().epoch(wire.epoch);
        for role in wire.roles {
            builder = builder.role(role_from_wire(role)?);
        }
        for binding in wire.bindings {
            builder = builder.bind(binding_from_wire(binding)?);
        }
        builder.build()
    }
}

fn role_to_wire(role: &Role) -> WireRole {
    let permissions = role.permissions().map(|permission| permission.as_str().to_owned());
    WireRole { name: role.name().to_owned(), permissions: permissions.collect() }
}

fn role_from_wire(role: WireRole) -> Result<Role, InvalidPolicy> {
    let permissions = role.permissions.iter().map(|text| {
        Permission::parse(text)
            .ok_or_else(|| InvalidPolicy(format!("role {:?}: there is no permission {text:?}", role.name)))
    });
    Ok(Role::custom(&role.name, permissions.collect::<Result<Vec<_>, _>>()?))
}

fn binding_to_wire(binding: &Binding) -> WireBinding {
    WireBinding {
        principal: match &binding.principal {
            Who::One(principal) => principal.as_str().to_owned(),
            Who::Everybody => EVERYBODY.to_owned(),
        },
        role: binding.role.clone(),
        effect: match binding.effect {
            Effect::Allow => WireEffect::Allow,
            Effect::Deny => WireEffect::Deny,
        },
        tenant: binding.tenant.clone(),
        service: binding.service.clone(),
        account: binding.account.clone(),
        expires: binding.expires.map(Timestamp::as_unix_seconds),
    }
}

fn binding_from_wire(binding: WireBinding) -> Result<Binding, InvalidPolicy> {
    let effect = match binding.effect {
        WireEffect::Allow => Effect::Allow,
        WireEffect::Deny => Effect::Deny,
    };
    let who = match (binding.principal.as_str(), effect) {
        (EVERYBODY, Effect::Deny) => Who::Everybody,
        (EVERYBODY, Effect::Allow) => {
            return Err(InvalidPolicy("nothing can be allowed to everybody: name the principals".into()));
        }
        (principal, _) => Who::One(
            Principal::parse(principal)
                .map_err(|error| InvalidPolicy(format!("the principal {principal:?}: {error}")))?,
        ),
    };
    Ok(Binding {
        tenant: binding.tenant,
        service: binding.service,
        account: binding.account,
        expires: binding.expires.map(Timestamp::from_unix_seconds),
        ..Binding::new(who, binding.role, effect)
    })
}
