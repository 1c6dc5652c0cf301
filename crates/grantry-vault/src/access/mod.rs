//! Who may do what: principals, roles, and the bindings between them.
//!
//! Everything is denied that no binding allows, and a binding that denies wins over any that allow, whatever their
//! order. A decision is pure: a policy, who asks, what for, and the time.
//!
//! Roles guard against mistakes, and between tenants. They do not guard against code in the same process: whoever can
//! call this library can also read its memory.
//!
//! ```
//! use grantry_core::{TenantId, Timestamp};
//! use grantry_vault::access::{AccessPolicy, Binding, Object, Permission, Principal, Role};
//!
//! let billing = Principal::workload("billing")?;
//! let policy = AccessPolicy::builder()
//!     .role(Role::service())
//!     .bind(Binding::allow(&billing, "service").tenant("acme").service("crm"))
//!     .build()?;
//!
//! let (acme, globex) = (TenantId::new("acme")?, TenantId::new("globex")?);
//! let now = Timestamp::from_unix_seconds(1_790_000_000);
//! let may = |tenant, service: &str| {
//!     let service = grantry_core::ServiceName::new(service)?;
//!     let object = Object { tenant: Some(tenant), service: Some(&service), account: None };
//!     Ok::<_, grantry_core::InvalidName>(policy.decide(&billing, Permission::TokenUse, &object, now).is_allowed())
//! };
//! assert!(may(&acme, "crm")?);
//! assert!(!may(&acme, "mail")? && !may(&globex, "crm")?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod binding;
mod decision;
mod permission;
mod policy;
mod principal;
mod role;
mod wire;

pub use binding::{Binding, Effect, Object};
pub use decision::Decision;
pub use permission::Permission;
pub use policy::{AccessPolicy, AccessPolicyBuilder, Allowed, InvalidPolicy};
pub use principal::{InvalidPrincipal, Principal};
pub use role::Role;
