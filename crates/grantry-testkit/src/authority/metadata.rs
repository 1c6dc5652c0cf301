//! The authorization server's metadata (RFC 8414 section 3, OpenID Connect Discovery section 4).

use grantry_core::ClientAuthenticationMethod as Method;
use grantry_endpoint::Answer;
use http::StatusCode;
use serde::Serialize;

use super::Authority;
use super::answers::{self, Refusal};
use crate::ReceivedRequest;

const OAUTH: &str = "/.well-known/oauth-authorization-server";
const OPENID: &str = "/.well-known/openid-configuration";

/// The client authentication methods that are understood; which a client may use is the client's own.
pub(crate) const METHODS: [Method; 5] = [
    Method::ClientSecretBasic,
    Method::ClientSecretPost,
    Method::ClientSecretJwt,
    Method::PrivateKeyJwt,
    Method::None,
];

/// Whether the metadata is at a path: the well-known part before the issuer's path (RFC 8414 section 3.1), or
/// behind it as OpenID has it.
pub(super) fn is_at(issuer_path: &str, path: &str) -> bool {
    let before = |known: &str| path.strip_prefix(known) == Some(issuer_path);
    before(OAUTH) || before(OPENID) || path.strip_prefix(issuer_path) == Some(OPENID)
}

/// The metadata's members, in the order in which they are written.
#[derive(Serialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) token_endpoint: String,
    pub(crate) authorization_endpoint: String,
    pub(crate) pushed_authorization_request_endpoint: String,
    pub(crate) device_authorization_endpoint: String,
    pub(crate) revocation_endpoint: String,
    pub(crate) introspection_endpoint: String,
    pub(crate) jwks_uri: String,
    pub(crate) userinfo_endpoint: String,
    id_token_signing_alg_values_supported: [&'static str; 4],
    subject_types_supported: [&'static str; 1],
    token_endpoint_auth_methods_supported: Vec<&'static str>,
    token_endpoint_auth_signing_alg_values_supported: [&'static str; 5],
    grant_types_supported: [&'static str; 6],
    response_types_supported: [&'static str; 1],
    code_challenge_methods_supported: [&'static str; 1],
    authorization_response_iss_parameter_supported: bool,
    require_pushed_authorization_requests: bool,
}

pub(super) fn answer(authority: &Authority, request: &ReceivedRequest) -> Result<Answer, Refusal> {
    if request.method() != http::Method::GET {
        return Err(Refusal::method_not_allowed("GET"));
    }
    Ok(answers::json(StatusCode::OK, &of(authority)))
}

pub(super) fn of(authority: &Authority) -> Metadata {
    let base = authority.issuer.trim_end_matches('/');
    Metadata {
        issuer: authority.issuer.clone(),
        token_endpoint: format!("{base}/token"),
        authorization_endpoint: format!("{base}/authorize"),
        pushed_authorization_request_endpoint: format!("{base}/par"),
        device_authorization_endpoint: format!("{base}/device_authorization"),
        revocation_endpoint: format!("{base}/revoke"),
        introspection_endpoint: format!("{base}/introspect"),
        jwks_uri: format!("{base}/jwks"),
        userinfo_endpoint: format!("{base}/userinfo"),
        id_token_signing_alg_values_supported: ["RS256", "PS256", "ES256", "EdDSA"],
        subject_types_supported: ["public"],
        token_endpoint_auth_methods_supported: METHODS.map(Method::as_str).to_vec(),
        token_endpoint_auth_signing_alg_values_supported: ["ES256", "PS256", "RS256", "EdDSA", "HS256"],
        grant_types_supported: [
            "authorization_code",
            "client_credentials",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        response_types_supported: ["code"],
        code_challenge_methods_supported: ["S256"],
        authorization_response_iss_parameter_supported: authority.settings.advertises_response_issuer,
        require_pushed_authorization_requests: authority.settings.requires_pushed_requests,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_e16_the_well_known_part_stands_before_the_issuers_path() {
        assert!(is_at("", "/.well-known/oauth-authorization-server"));
        assert!(is_at("", "/.well-known/openid-configuration"));
        assert!(is_at("/a", "/.well-known/oauth-authorization-server/a"));
        assert!(is_at("/a", "/a/.well-known/openid-configuration"));
        assert!(!is_at("/a", "/.well-known/oauth-authorization-server"));
        assert!(!is_at("/a", "/a/.well-known/oauth-authorization-server"));
    }
}
