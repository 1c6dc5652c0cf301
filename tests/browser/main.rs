//! A person logs in, in a real browser, on the pages of a real authorization server. Each test starts its own.

#[cfg(test)]
mod gateway;
#[cfg(test)]
mod person;
#[cfg(test)]
mod program;
