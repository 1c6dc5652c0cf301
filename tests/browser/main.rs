//! A person logs in, in a real browser, on the pages of a real authorization server. Each test starts its own.

mod gateway;
mod person;
mod program;
