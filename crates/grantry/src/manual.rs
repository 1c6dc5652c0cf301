//! How it works, and why.
