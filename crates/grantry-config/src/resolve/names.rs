//! Names of services and tenants.

use grantry_core::{InvalidName, ServiceName, TenantId};

use super::Resolving;
use crate::place::At;

const EXPECTED: &str = "a-z and 0-9 first, then also '.', '_' and '-', at most 63 in all";

impl Resolving<'_> {
    pub(crate) fn service_name(&mut self, name: &str, at: At) -> Option<ServiceName> {
        let checked = ServiceName::new(name);
        self.name(checked, at)
    }

    pub(crate) fn tenant_name(&mut self, name: &str, at: At) -> Option<TenantId> {
        let checked = TenantId::new(name);
        self.name(checked, at)
    }

    fn name<T>(&mut self, checked: Result<T, InvalidName>, at: At) -> Option<T> {
        match checked {
            Ok(name) => Some(name),
            Err(why) => {
                self.invalid(at, why.to_string(), EXPECTED);
                None
            }
        }
    }
}
