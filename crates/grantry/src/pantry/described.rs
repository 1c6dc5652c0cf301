//! What describes a service: the program, or a configuration, which may leave parts of it to the vault.

use std::sync::Arc;

use grantry_core::{Error, TenantId};
use grantry_vault::ClientRecord;

#[cfg(feature = "config")]
use super::completed::Configured;
use super::house::House;
use super::service::Service;

/// A description of a service, with everything that is needed or without.
#[derive(Debug)]
pub(super) enum Described {
    /// By the program: nothing is left to the vault but client and secrets.
    Whole(Arc<Service>),
    #[cfg(feature = "config")]
    Configured(Configured),
}

impl From<Service> for Described {
    fn from(service: Service) -> Self {
        Self::Whole(Arc::new(service))
    }
}

impl Described {
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Whole(service) => service.name().as_str(),
            #[cfg(feature = "config")]
            Self::Configured(configured) => configured.name(),
        }
    }

    pub(super) fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Whole(service) => service.tenant(),
            #[cfg(feature = "config")]
            Self::Configured(configured) => configured.tenant.as_ref(),
        }
    }

    pub(super) fn place(&self) -> String {
        match self {
            Self::Whole(service) => service.place().to_owned(),
            #[cfg(feature = "config")]
            Self::Configured(configured) => configured.place(),
        }
    }

    /// The service, where the description alone is enough: what is wrong with it then is wrong whatever the vault says.
    ///
    /// # Errors
    /// `Configuration` for a mistake in it.
    pub(super) fn by_itself(&self) -> Result<Option<Arc<Service>>, Error> {
        match self {
            Self::Whole(service) => Ok(Some(Arc::clone(service))),
            #[cfg(feature = "config")]
            Self::Configured(configured) => configured.by_itself(),
        }
    }

    /// The service, with what the vault's registration says of what the description leaves out. An issuer is asked where its
    /// metadata is needed and not known, unless nobody is to be asked.
    ///
    /// # Errors
    /// `Configuration` where the two contradict each other, or something is in neither; those of asking the issuer.
    #[cfg_attr(
        not(feature = "config"),
        allow(clippy::unused_async, reason = "only a configuration has issuers")
    )]
    pub(super) async fn over(
        &self,
        house: &House,
        tenant: &str,
        record: Option<&ClientRecord>,
        asks: bool,
    ) -> Result<Arc<Service>, Error> {
        #[cfg(not(feature = "config"))]
        let _ = (house, tenant, record, asks);
        match self {
            Self::Whole(service) => Ok(Arc::clone(service)),
            #[cfg(feature = "config")]
            Self::Configured(configured) => configured.over(house, tenant, record, asks).await.map(Arc::new),
        }
    }
}
