//! The metadata document (RFC 9728 section 2).

use std::fmt;

use grantry_core::{Scope, check_endpoint};
use serde::Deserialize;
use url::Url;

/// The most authorization servers that one resource names.
const MOST_SERVERS: usize = 32;
/// The longest scope that is taken of a document, in bytes.
const LONGEST_SCOPE: usize = 4096;

#[derive(Deserialize)]
struct Document {
    resource: String,
    authorization_servers: Option<Vec<String>>,
    scopes_supported: Option<Vec<String>>,
    dpop_bound_access_tokens_required: Option<bool>,
    tls_client_certificate_bound_access_tokens: Option<bool>,
}

/// What is used of a document.
#[derive(Clone)]
pub(super) struct Metadata {
    pub(super) resource: String,
    pub(super) authorization_servers: Vec<String>,
    pub(super) scopes_supported: Option<Scope>,
    pub(super) requires_dpop: bool,
    pub(super) requires_certificate: bool,
}

impl Metadata {
    /// Reads the document of this very resource.
    ///
    /// # Errors
    /// Why it cannot be used, as a sentence.
    pub(super) fn read(body: &[u8], resource: &str, url: &Url) -> Result<Self, &'static str> {
        let found: Document =
            serde_json::from_slice(body).map_err(|_| "the metadata is not a well-formed document")?;
        if found.resource != resource {
            return Err(
                "the metadata is of another resource than the one asked for: compare both, to the last slash",
            );
        }
        let mut servers = Vec::new();
        for issuer in found.authorization_servers.unwrap_or_default() {
            if !is_issuer(&issuer, url) {
                return Err("an authorization server in the metadata is not an https URL without a query");
            }
            if !servers.contains(&issuer) {
                servers.push(issuer);
            }
            if servers.len() > MOST_SERVERS {
                return Err("the metadata names more than 32 authorization servers");
            }
        }
        if servers.is_empty() {
            return Err("the metadata names no authorization server");
        }
        let scopes = found.scopes_supported.unwrap_or_default();
        let scope = Scope::from_tokens(scopes.iter().map(String::as_str)).unwrap_or_default();
        Ok(Self {
            resource: found.resource,
            authorization_servers: servers,
            scopes_supported: Some(scope).filter(is_bounded),
            requires_dpop: found.dpop_bound_access_tokens_required.unwrap_or(false),
            requires_certificate: found.tls_client_certificate_bound_access_tokens.unwrap_or(false),
        })
    }
}

/// Whether a scope may be asked for as it is: not empty, and no longer than any that is meant.
pub(super) fn is_bounded(scope: &Scope) -> bool {
    !scope.is_empty() && scope.as_str().len() <= LONGEST_SCOPE
}

/// RFC 8414 section 2. Plain http is for loopback, and a resource on the network says nothing of this machine's.
fn is_issuer(issuer: &str, resource: &Url) -> bool {
    Url::parse(issuer).is_ok_and(|url| {
        check_endpoint("issuer", &url).is_ok()
            && url.query().is_none()
            && (url.scheme() == "https" || resource.scheme() == "http")
    })
}

/// What a stranger wrote is not shown.
impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("resource", &self.resource)
            .field("authorization_servers", &self.authorization_servers.len())
            .finish_non_exhaustive()
    }
}
