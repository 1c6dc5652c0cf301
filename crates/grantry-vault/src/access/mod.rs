//! Who may do what: principals, roles, bindings, decisions. Pure: no clock, no store, nothing awaited.
//!
//! | to | read |
//! |---|---|
//! | say who acts | [`Principal`], [`PrincipalPattern`] |
//! | say what may be done | [`Permission`], [`Role`] |
//! | say where | [`Reach`], [`TenantPattern`], [`ServicePattern`], [`AccountPattern`], [`Object`] |
//! | put a policy together, keep it, change it | [`Binding`], [`AccessPolicy`], [`AccessPolicyBuilder`] |
//! | decide | [`AccessPolicy::decide`], [`Decision`] |
//! | review who can do what | [`AccessPolicy::who_can`], [`AccessPolicy::allowed`] |
//!
//! # What roles guard against, and what not
//!
//! They guard against mistakes, and between tenants: a workload that is bound to one tenant is handed nothing of
//! another, an operator cannot erase a tenant by a slip, nobody sees a refresh token by a ready-made role, and the
//! audit trail says by which binding something was released.
//!
//! They do not guard against code in the same process. Whoever runs there can call itself any [`Principal`], the tasks
//! of the system included, or read the memory that the keys are in. Between programs that do not trust each other
//! stand processes, the accounts of the store, and the key provider's rights, each with as little as it needs.
//!
//! Nor do they guard against `access.write`: whoever can change the policy can give themselves anything. It is seen in
//! the audit trail, not prevented.
//!
//! # How it is decided
//!
//! * What no binding allows is denied; what any binding denies is denied, whatever the order. The one exception to the
//!   first: `system:renewal` and `system:rotation` may do what they are there for, and can be denied it.
//! * Names are compared byte by byte, without folding case and without normalising. Names that only look alike are
//!   different names.
//! * A whole is allowed only by a binding that reaches all of it: a tenant by any service and account, the deployment by
//!   any tenant. It is denied by a binding that reaches any part: the list of all grants would show those of the part.
//! * What concerns all tenants at once ([`Permission::is_deployment_wide`]) is allowed only by a binding for everything,
//!   whatever tenant it is asked about.
//! * A binding that ends does so on the wall clock. A denial that ends gives back what it took.

mod binding;
mod builder;
mod decision;
mod error;
mod index;
mod moment;
mod pattern;
mod permission;
mod policy;
mod principal;
mod principal_pattern;
#[cfg(test)]
mod properties;
mod reach;
mod review;
mod role;
mod visible;
mod wire;

pub use binding::{Binding, Effect};
pub use builder::AccessPolicyBuilder;
pub use decision::Decision;
pub use error::PolicyError;
pub use pattern::{AccountPattern, ServicePattern, TenantPattern};
pub use permission::Permission;
pub use policy::AccessPolicy;
pub use principal::{Principal, PrincipalKind};
pub use principal_pattern::PrincipalPattern;
pub use reach::{Object, Reach};
pub use review::{Allowance, Holder};
pub use role::Role;
