//! Presets of OAuth 2.0 providers, as data.
