//! The flow against an authorization server in memory.

#[cfg(test)]
mod any_response;
#[cfg(test)]
mod begin;
#[cfg(test)]
mod bound;
#[cfg(test)]
mod bytes;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod id_tokens;
#[cfg(test)]
#[cfg(feature = "loopback")]
mod loopback;
#[cfg(test)]
mod mix_up;
#[cfg(test)]
mod no_secret_shows;
#[cfg(test)]
mod pushed;
#[cfg(test)]
mod response;
#[cfg(test)]
mod several;
#[cfg(test)]
mod step_up;
#[cfg(test)]
mod store;
#[cfg(test)]
mod support;
#[cfg(test)]
mod without_pkce;
