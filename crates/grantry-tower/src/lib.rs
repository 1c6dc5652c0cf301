//! A tower layer that puts a fresh OAuth 2.0 token on every request of a hyper, tonic or axum client.
