//! Which addresses a URL learned at run time may lead to.
//!
//! Pure: the transport's resolver asks it for every address, so that the address that was checked is the one
//! that is connected to.

#[cfg(test)]
pub(crate) mod table;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, to the guard; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// Reachable by everyone: always allowed.
    Public,
    /// Loopback, private, shared (CGNAT) or unique local: allowed only where the caller says so.
    Private,
    /// Link-local, metadata services, multicast, documentation, reserved: never allowed.
    Forbidden,
}

impl AddressClass {
    /// The class of an address. An IPv6 address that carries an IPv4 one is at most as good as that one.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => class_of_v4(v4),
            IpAddr::V6(v6) => class_of_v6(v6),
        }
    }
}

/// Whether everyone can reach the address: nothing private, local, special or reserved.
///
/// ```
/// use grantry_endpoint::is_public;
/// assert!(is_public("93.184.216.34".parse()?));
/// assert!(!is_public("169.254.169.254".parse()?));
/// assert!(!is_public("::ffff:10.0.0.1".parse()?));
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
pub fn is_public(address: IpAddr) -> bool {
    AddressClass::of(address) == AddressClass::Public
}

/// RFC 6890's registry of special IPv4 addresses.
fn class_of_v4(address: Ipv4Addr) -> AddressClass {
    let [a, b, c, _] = address.octets();
    let private = address.is_loopback()
        || address.is_private()
        // Shared address space (RFC 6598).
        || (a == 100 && (64..128).contains(&b));
    // Alibaba Cloud's metadata service lives in shared address space, Azure's wire server among public addresses.
    if matches!(address.octets(), [100, 100, 100, 200] | [168, 63, 129, 16]) {
        return AddressClass::Forbidden;
    }
    if private {
        return AddressClass::Private;
    }
    let forbidden = a == 0
        || a >= 224
        || address.is_link_local()
        || address.is_documentation()
        // IETF protocol assignments, the retired 6to4 relays, benchmarking.
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19));
    if forbidden { AddressClass::Forbidden } else { AddressClass::Public }
}

/// Only 2000::/3 is given out; what else may be reached is named here.
fn class_of_v6(address: Ipv6Addr) -> AddressClass {
    let [s0, s1, s2, s3, s4, s5, s6, s7] = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        class_of_v4(Ipv4Addr::new(a, b, c, d))
    };
    if address.is_loopback() {
        return AddressClass::Private;
    }
    match (s0, s1, s2, s3, s4, s5) {
        // IPv4-mapped.
        (0, 0, 0, 0, 0, 0xffff) => return embedded(s6, s7),
        // NAT64 (RFC 6052): leads to the IPv4 address inside.
        (0x64, 0xff9b, 0, 0, 0, 0) => return embedded(s6, s7),
        _ => {}
    }
    // 6to4 leads to the IPv4 address inside.
    if s0 == 0x2002 {
        return embedded(s1, s2);
    }
    // ISATAP (RFC 5214 section 6.1): an interface that leads to the IPv4 address inside.
    if s4 & 0xfdff == 0 && s5 == 0x5efe {
        return embedded(s6, s7).max(class_of_prefix(address));
    }
    class_of_prefix(address)
}

/// The class of an IPv6 address that carries no IPv4 one.
fn class_of_prefix(address: Ipv6Addr) -> AddressClass {
    let [s0, s1, ..] = address.segments();
    // Metadata services of clouds live among the unique local addresses: Amazon's, Google's, Oracle's.
    let is_metadata = (s0, s1) == (0xfd00, 0x0ec2)
        || address.segments() == [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        || address.segments() == [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe];
    if is_metadata {
        return AddressClass::Forbidden;
    }
    if s0 & 0xfe00 == 0xfc00 {
        return AddressClass::Private;
    }
    let global = s0 & 0xe000 == 0x2000;
    // IETF protocol assignments with Teredo and ORCHID (2001::/23), documentation (2001:db8::/32, 3fff::/20).
    let special = match s0 {
        0x2001 => s1 < 0x0200 || s1 == 0x0db8,
        0x3fff => s1 < 0x1000,
        _ => false,
    };
    if global && !special { AddressClass::Public } else { AddressClass::Forbidden }
}

#[cfg(test)]
mod tests {
    use super::table::TABLE;
    use super::*;
    use url::{Host, Url};

    #[test]
    fn req_e20_every_special_address_is_told_from_a_public_one() {
        for (address, class) in TABLE {
            assert_eq!(AddressClass::of(address.parse().unwrap()), class, "{address}");
        }
    }

    #[test]
    fn req_e20_other_spellings_of_an_address_are_that_address() {
        for host in [
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0x7f.1",
            "127.0.0.1.",
            "[::ffff:7f00:1]",
            "%31%32%37.0.0.1",
        ] {
            let url = Url::parse(&format!("https://{host}/")).unwrap();
            let address = match url.host().unwrap() {
                Host::Ipv4(v4) => IpAddr::V4(v4),
                Host::Ipv6(v6) => IpAddr::V6(v6),
                Host::Domain(name) => panic!("{host} was read as the name {name}"),
            };
            assert!(!is_public(address), "{host}");
        }
    }
}
