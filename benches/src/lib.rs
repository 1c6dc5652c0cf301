//! The benches of grantry.
