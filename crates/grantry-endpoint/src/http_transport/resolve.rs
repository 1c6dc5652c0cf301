//! Name resolution: `localhost` is loopback, and learned names lead to allowed addresses only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::allowed;
use crate::address_guard::AddressClass;

/// Resolves for one of the transport's two clients.
#[derive(Debug, Clone)]
pub(super) enum Resolver {
    /// For configured URLs: wherever the name leads.
    Plain,
    /// For learned URLs: allowed addresses only. What it gives is what is connected to, so nobody can change
    /// the name's address in between.
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

impl Resolver {
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
            let found: Vec<SocketAddr> = if is_localhost(name) {
                vec![(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()]
            } else {
                tokio::net::lookup_host((name, 0)).await.map_err(|_| NotFound)?.collect()
            };
            if found.is_empty() {
                return Err(NotFound.into());
            }
            let fit: Vec<_> = found.into_iter().filter(|a| resolver.is_allowed(name, a.ip())).collect();
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

    async fn resolve(resolver: &Resolver, name: &str) -> Result<Vec<IpAddr>, String> {
        let found = resolver.resolve(name.parse().unwrap()).await.map_err(|e| e.to_string())?;
        Ok(found.map(|a| a.ip()).collect())
    }

    #[tokio::test]
    async fn req_a01_localhost_is_never_anything_but_loopback() {
        for name in ["localhost", "LOCALHOST", "localhost.", "a.localhost"] {
            let found = resolve(&Resolver::Plain, name).await.unwrap();
            assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{name}");
        }
        assert!(!is_localhost("localhost.example.com") && !is_localhost("notlocalhost"));
    }

    #[tokio::test]
    async fn req_e20_a_learned_name_that_leads_to_loopback_is_refused() {
        let strict = Resolver::Guarded { allow_private: false, proxy_host: None };
        for name in ["localhost", "localhost.", "127.0.0.1"] {
            assert_eq!(resolve(&strict, name).await.unwrap_err(), AddressRefused.to_string(), "{name}");
        }
        let lenient = Resolver::Guarded { allow_private: true, proxy_host: None };
        assert!(resolve(&lenient, "localhost").await.is_ok());
        assert!(resolve(&lenient, "169.254.169.254").await.is_err());
    }
}
