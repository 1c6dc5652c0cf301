//! The servers of the testkit, seen from the other end of the socket or transport.

#[cfg(test)]
mod client;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod resource;
#[cfg(test)]
mod token_endpoint;
