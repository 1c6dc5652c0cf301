//! The grants against an authorization server in memory.

#[cfg(test)]
mod any_answers;
#[cfg(test)]
mod assertions;
#[cfg(test)]
mod exchange;
#[cfg(test)]
mod no_secret_shows;
#[cfg(test)]
mod support;
