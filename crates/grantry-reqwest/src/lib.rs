//! A reqwest client whose every request carries a fresh OAuth 2.0 token.
