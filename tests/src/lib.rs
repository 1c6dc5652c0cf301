//! The tests of grantry.
