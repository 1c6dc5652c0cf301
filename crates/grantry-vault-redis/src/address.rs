//! Where the server is: loopback or a socket, because nothing here encrypts what goes over a network.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use grantry_vault::VaultError;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

/// Where the server is, and as whom to log in.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) place: Place,
    pub(crate) login: RedisConnectionInfo,
}

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// The addresses to try, in this order.
    Loopback(Vec<SocketAddr>),
    /// The path of a socket.
    Socket(PathBuf),
}

impl Address {
    /// Reads a URL. No part of it gets into an error: it may hold a password.
    pub(crate) fn parse(url: &str) -> Result<Self, VaultError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if ["rediss", "valkeys"].iter().any(|encrypted| scheme.eq_ignore_ascii_case(encrypted)) {
            return Err(VaultError::refused(
                "TLS to Redis is not built in: let a TLS tunnel listen on loopback, and name that",
            ));
        }
        let info: ConnectionInfo = url.into_connection_info().map_err(|_| {
            VaultError::refused(
                "this is no URL of Redis: redis://[user:password@]127.0.0.1:6379[/db] or unix:/path",
            )
        })?;
        let place = match info.addr() {
            ConnectionAddr::Tcp(host, port) => Place::Loopback(loopback(host, *port)?),
            ConnectionAddr::Unix(path) => Place::Socket(path.clone()),
            _ => return Err(VaultError::refused("neither a TCP address nor a socket")),
        };
        let login =
            info.redis_settings().clone().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        Ok(Self { place, login })
    }
}

/// `localhost` is never asked of a resolver, which might send us elsewhere.
fn loopback(host: &str, port: u16) -> Result<Vec<SocketAddr>, VaultError> {
    let addresses: Vec<IpAddr> = if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else {
        host.parse().into_iter().filter(IpAddr::is_loopback).collect()
    };
    if addresses.is_empty() {
        return Err(VaultError::refused(
            "redis:// is not encrypted and goes to loopback only: let a TLS tunnel listen there, and name that",
        ));
    }
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, port)).collect())
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_sockets_are_accepted() {
        for url in
            ["redis://127.0.0.1", "redis://u:p@127.8.9.1:1/2", "redis://[::1]:7", "redis://localhost:7"]
        {
            assert!(matches!(Address::parse(url).unwrap().place, Place::Loopback(_)), "{url}");
        }
        let socket = Address::parse("unix:/run/redis.sock?db=1&user=u&pass=p").unwrap();
        assert_eq!(socket.place, Place::Socket("/run/redis.sock".into()));
    }

    #[test]
    fn what_goes_over_a_network_is_refused() {
        for url in
            ["redis://redis.example", "redis://10.0.0.1", "redis://localhost.example", "rediss://127.0.0.1"]
        {
            assert!(matches!(Address::parse(url), Err(VaultError::Refused(_))), "{url}");
        }
    }

    #[test]
    fn no_password_is_shown() {
        for url in
            ["redis://user:canary@127.0.0.1", "redis://:canary@redis.example", "http://:canary@a", "canary"]
        {
            assert!(!format!("{:?}", Address::parse(url)).contains("canary"), "{url}");
        }
    }
}
