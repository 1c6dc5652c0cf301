//! OAuth 2.0 tokens for Rust services: obtained, renewed before they expire, put on every request.
