//! Name resolution: `localhost` is loopback, and learned names lead to allowed addresses only.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::allowed;
use crate::address_guard::AddressClass;

/// Who knows the addresses of names.
#[async_trait]
pub(super) trait Names: fmt::Debug + Send + Sync {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub(super) struct System;

#[async_trait]
impl Names for System {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect())
    }
}

/// Resolves for one of the transport's two clients.
#[derive(Debug, Clone)]
pub(super) struct Resolver {
    pub(super) names: Arc<dyn Names>,
    pub(super) rule: Rule,
}

/// Where names may lead.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    /// For configured URLs: wherever the name leads.
    Plain,
    /// For learned URLs: allowed addresses only. A name is looked up once for a connection, and what was found allowed
    /// is what is connected to, so that nobody can change the name's address in between.
    Guarded {
        /// Whether private addresses are allowed.
        allow_private: bool,
        /// The configured proxy, which is no learned name.
        proxy_host: Option<String>,
    },
}

/// Every address of the name is forbidden.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(super) struct AddressRefused;

/// The name does not resolve.
#[derive(Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(super) struct NotFound;

/// `localhost` and the names under it (RFC 6761 section 6.3).
pub(super) fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or(name);
    last.eq_ignore_ascii_case("localhost")
}

impl Rule {
    fn is_allowed(&self, name: &str, address: IpAddr) -> bool {
        match self {
            Self::Plain => true,
            Self::Guarded { proxy_host: Some(proxy), .. } if proxy == name => true,
            Self::Guarded { allow_private, .. } => allowed(AddressClass::of(address), *allow_private),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let name = name.as_str();
            let found: Vec<IpAddr> = if is_localhost(name) {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            } else {
                resolver.names.addresses(name).await.map_err(|_| NotFound)?
            };
            if found.is_empty() {
                return Err(NotFound.into());
            }
            let fit = found.into_iter().filter(|address| resolver.rule.is_allowed(name, *address));
            let fit: Vec<SocketAddr> = fit.map(|address| (address, 0).into()).collect();
            if fit.is_empty() {
                return Err(AddressRefused.into());
            }
            let addresses: Addrs = Box::new(fit.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(rule: &Rule, name: &str) -> Result<Vec<IpAddr>, String> {
        let resolver = Resolver { names: Arc::new(System), rule: rule.clone() };
        let found = resolver.resolve(name.parse().unwrap()).await.map_err(|e| e.to_string())?;
        Ok(found.map(|a| a.ip()).collect())
    }

    #[tokio::test]
    async fn req_a01_localhost_is_never_anything_but_loopback() {
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
            let found = resolve(&Rule::Plain, name).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{name}");
        }
        assert!(!is_localhost("localhost.example.com") && !is_localhost("notlocalhost"));
    }

    #[tokio::test]
    async fn req_e20_a_learned_name_that_leads_to_loopback_is_refused() {
        let strict = Rule::Guarded { allow_private: false, proxy_host: None };
        for name in ["localhost", "localhost.", "127.0.0.1"] {
            assert_eq!(resolve(&strict, name).await.unwrap_err(), AddressRefused.to_string(), "{name}");
        }
        let lenient = Rule::Guarded { allow_private: true, proxy_host: None };
        assert!(resolve(&lenient, "localhost").await.is_ok());
        assert!(resolve(&lenient, "169.254.169.254").await.is_err());
    }
}
