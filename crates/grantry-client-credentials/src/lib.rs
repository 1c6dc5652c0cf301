//! The client-credentials flow of OAuth 2.0 as a grant.
