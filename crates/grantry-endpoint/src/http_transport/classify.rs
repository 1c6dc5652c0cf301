//! What a failure of reqwest says about the request: provably unsent, or nobody can tell.

use std::error::Error as StdError;
use std::io;

use super::resolve::{AddressRefused, NotFound};
use crate::TransportCause as Cause;
use crate::TransportFailure;

/// A failure before the answer's head was there. What failed while connecting left nothing of the request.
pub(super) fn before_the_head(error: &reqwest::Error, via_proxy: bool) -> TransportFailure {
    if error.is_connect() || error.is_builder() {
        return TransportFailure::unsent(while_connecting(error, via_proxy));
    }
    TransportFailure::unknown(if error.is_timeout() {
        Cause::TimedOut
    } else if find::<hyper::Error>(error).is_some_and(hyper::Error::is_parse) {
        Cause::Truncated
    } else {
        Cause::Broken
    })
}

/// A failure after the answer's head.
pub(super) fn inside_the_body(error: &reqwest::Error) -> TransportFailure {
    TransportFailure::unknown(if error.is_timeout() {
        Cause::TimedOut
    } else if find_io(error, |e| {
        matches!(e.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted)
    }) {
        Cause::Broken
    } else {
        Cause::Truncated
    })
}

fn while_connecting(error: &reqwest::Error, via_proxy: bool) -> Cause {
    if find::<AddressRefused>(error).is_some() {
        Cause::AddressNotAllowed
    } else if is_no_name(error) {
        Cause::NameNotFound
    } else if is_tls(error) {
        Cause::TlsFailed
    } else if error.is_timeout() || (find_io(error, |_| true) && !(via_proxy && is_tunnel(error))) {
        Cause::NotConnected
    } else if via_proxy {
        Cause::ProxyRefused
    } else if cfg!(feature = "rustls") {
        Cause::NotConnected
    } else {
        // The platform's TLS errors have no type here; names, addresses, sockets and the proxy are ruled out.
        Cause::TlsFailed
    }
}

/// Whether the proxy was reached and did not open the tunnel.
fn is_tunnel(error: &reqwest::Error) -> bool {
    causes(error).map(ToString::to_string).any(|text| {
        text.starts_with("tunnel error: ") && !text.ends_with("failed to create underlying connection")
    })
}

/// A name that no certificate can be for is as good as one that does not resolve.
fn is_no_name(error: &reqwest::Error) -> bool {
    #[cfg(feature = "rustls")]
    let unusable = find::<rustls::pki_types::InvalidDnsNameError>(error).is_some();
    #[cfg(not(feature = "rustls"))]
    let unusable = false;
    unusable || find::<NotFound>(error).is_some() || error.is_dns()
}

#[cfg(feature = "rustls")]
fn is_tls(error: &reqwest::Error) -> bool {
    // An early end is the server hanging up in the middle of the handshake.
    find::<rustls::Error>(error).is_some() || find_io(error, |e| e.kind() == io::ErrorKind::UnexpectedEof)
}

#[cfg(not(feature = "rustls"))]
fn is_tls(_error: &reqwest::Error) -> bool {
    false
}

/// The causes of an error, the outermost first, with those that an I/O error carries inside.
fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(error.source(), |&cause| match cause.downcast_ref::<io::Error>() {
        // `io::Error::source` skips the error that it holds.
        Some(io) => io.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => cause.source(),
    })
}

fn find<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// Whether an I/O error of this kind is among the causes.
fn find_io(error: &reqwest::Error, fits: impl Fn(&io::Error) -> bool) -> bool {
    causes(error).any(|cause| cause.downcast_ref::<io::Error>().is_some_and(&fits))
}
