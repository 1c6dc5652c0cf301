//! The flow against an authorization server in memory, in paused time.

#[cfg(test)]
mod any_answers;
#[cfg(test)]
mod begin;
#[cfg(test)]
mod endings;
#[cfg(test)]
mod no_secret_shows;
#[cfg(test)]
mod polling;
#[cfg(test)]
mod support;
