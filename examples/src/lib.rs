//! The examples of grantry.
