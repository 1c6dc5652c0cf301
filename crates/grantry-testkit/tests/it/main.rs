//! The servers of the testkit, seen from the other end of the socket or transport.

#[cfg(test)]
mod assertions;
#[cfg(test)]
mod authorization;
#[cfg(test)]
mod client;
#[cfg(test)]
mod device;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod id_tokens;
#[cfg(test)]
mod other_endpoints;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod resource;
#[cfg(test)]
mod rotation;
#[cfg(test)]
mod token_endpoint;
#[cfg(test)]
mod transports;
