//! The metadata document (RFC 8414 section 2).

use grantry_core::{
    AuthorizationServer, AuthorizationServerBuilder, ClientAuthenticationMethod, Learned, Pkce,
    check_endpoint,
};
use serde::Deserialize;
use url::Url;

const INSECURE: &str = "an endpoint in the metadata is not an https URL";

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: Option<String>,
    authorization_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
    jwks_uri: Option<String>,
    userinfo_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
    require_pushed_authorization_requests: Option<bool>,
    mtls_endpoint_aliases: Option<Aliases>,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
}

/// The endpoints for clients with a certificate (RFC 8705 section 5).
#[derive(Deserialize)]
struct Aliases {
    token_endpoint: Option<String>,
    revocation_endpoint: Option<String>,
    introspection_endpoint: Option<String>,
    device_authorization_endpoint: Option<String>,
    pushed_authorization_request_endpoint: Option<String>,
}

impl Metadata {
    /// Every URL that something depends on.
    fn urls(&self) -> impl Iterator<Item = &str> {
        let own = [
            &self.token_endpoint,
            &self.authorization_endpoint,
            &self.revocation_endpoint,
            &self.introspection_endpoint,
            &self.device_authorization_endpoint,
            &self.pushed_authorization_request_endpoint,
            &self.jwks_uri,
        ];
        let aliases = self.mtls_endpoint_aliases.iter().flat_map(|aliases| {
            [
                &aliases.token_endpoint,
                &aliases.revocation_endpoint,
                &aliases.introspection_endpoint,
                &aliases.device_authorization_endpoint,
                &aliases.pushed_authorization_request_endpoint,
            ]
        });
        own.into_iter().chain(aliases).filter_map(|url| url.as_deref())
    }
}

/// Reads the document of this very issuer.
///
/// # Errors
/// Why it cannot be used, as a sentence.
pub(super) fn read(body: &[u8], issuer: &str, learned: Learned) -> Result<AuthorizationServer, &'static str> {
    let found: Metadata =
        serde_json::from_slice(body).map_err(|_| "the metadata is not a well-formed document")?;
    if found.issuer != issuer {
        return Err(
            "the metadata is of another issuer than the one asked for: compare both, to the last slash",
        );
    }
    // Plain http is for loopback, and a server on the network says nothing of this machine's.
    let is_secure = |url: &str| Url::parse(url).is_ok_and(|url| url.scheme() == "https");
    if is_secure(issuer) && !found.urls().all(is_secure) {
        return Err(INSECURE);
    }
    let token_endpoint = found.token_endpoint.ok_or("the metadata names no token endpoint")?;
    let mut server = AuthorizationServer::builder(token_endpoint).issuer(found.issuer).learned(learned);
    if let Some(url) = found.authorization_endpoint {
        server = server.authorization_endpoint(url);
    }
    if let Some(url) = found.revocation_endpoint {
        server = server.revocation_endpoint(url);
    }
    if let Some(url) = found.introspection_endpoint {
        server = server.introspection_endpoint(url);
    }
    if let Some(url) = found.device_authorization_endpoint {
        server = server.device_authorization_endpoint(url);
    }
    if let Some(url) = found.pushed_authorization_request_endpoint {
        server = server.pushed_authorization_request_endpoint(url);
    }
    if let Some(url) = found.jwks_uri {
        server = server.jwks_uri(url);
    }
    // Nothing depends on it but who asks for it, so one that cannot be used is as if it were not there.
    let may_be_asked = |url: &String| is_endpoint(url) && (is_secure(url) || !is_secure(issuer));
    if let Some(url) = found.userinfo_endpoint.filter(may_be_asked) {
        server = server.userinfo_endpoint(url);
    }
    if let Some(names) = found.token_endpoint_auth_methods_supported {
        let known = names.iter().filter_map(|name| ClientAuthenticationMethod::from_name(name));
        server = server.client_authentication_methods(known);
    }
    // Many servers that check challenges leave the list out, so its absence says nothing.
    if let Some(methods) = found.code_challenge_methods_supported {
        let is_checked = methods.iter().any(|method| method == "S256");
        server = server.pkce(if is_checked { Pkce::Supported } else { Pkce::WithoutS256 });
    }
    if let Some(aliases) = found.mtls_endpoint_aliases {
        server = with_aliases(server, aliases);
    }
    server = server.dpop_algorithms(found.dpop_signing_alg_values_supported.unwrap_or_default());
    // Both default to false (RFC 9207 section 3, RFC 9126 section 5).
    let names_itself = found.authorization_response_iss_parameter_supported.unwrap_or(false);
    server = server.authorization_response_iss_parameter(names_itself);
    let requires_pushed = found.require_pushed_authorization_requests.unwrap_or(false);
    server = server.require_pushed_authorization_requests(requires_pushed);
    server.build().map_err(|_| INSECURE)
}

fn is_endpoint(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| check_endpoint("UserInfo endpoint", &url).is_ok())
}

fn with_aliases(mut server: AuthorizationServerBuilder, aliases: Aliases) -> AuthorizationServerBuilder {
    if let Some(url) = aliases.token_endpoint {
        server = server.mtls_token_endpoint(url);
    }
    if let Some(url) = aliases.revocation_endpoint {
        server = server.mtls_revocation_endpoint(url);
    }
    if let Some(url) = aliases.introspection_endpoint {
        server = server.mtls_introspection_endpoint(url);
    }
    if let Some(url) = aliases.device_authorization_endpoint {
        server = server.mtls_device_authorization_endpoint(url);
    }
    if let Some(url) = aliases.pushed_authorization_request_endpoint {
        server = server.mtls_pushed_authorization_request_endpoint(url);
    }
    server
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_userinfo_endpoint_that_cannot_be_used_is_as_if_it_were_not_there() {
        for (said, found) in [
            (r#""https://as.example/me""#, Some("https://as.example/me")),
            (r#""http://as.example/me""#, None),
            (r#""http://127.0.0.1/me""#, None),
            (r#""""#, None),
            (r#""/me""#, None),
            ("null", None),
        ] {
            let body = format!(
                r#"{{"issuer":"https://as.example","token_endpoint":"https://as.example/t","userinfo_endpoint":{said}}}"#
            );
            let server = read(body.as_bytes(), "https://as.example", Learned::Nothing).unwrap();
            assert_eq!(server.userinfo_endpoint().map(Url::as_str), found, "{said}");
        }
    }

    #[test]
    fn req_b07_what_is_said_of_pkce_is_told_from_what_is_not_said() {
        for (said, pkce) in [
            ("", Pkce::Unknown),
            (r#","code_challenge_methods_supported":["plain","S256"]"#, Pkce::Supported),
            (r#","code_challenge_methods_supported":["plain"]"#, Pkce::WithoutS256),
            (r#","code_challenge_methods_supported":["s256"]"#, Pkce::WithoutS256),
            (r#","code_challenge_methods_supported":[]"#, Pkce::WithoutS256),
            (r#","code_challenge_methods_supported":null"#, Pkce::Unknown),
        ] {
            let body =
                format!(r#"{{"issuer":"https://as.example","token_endpoint":"https://as.example/t"{said}}}"#);
            assert_eq!(
                read(body.as_bytes(), "https://as.example", Learned::Nothing).unwrap().pkce(),
                pkce,
                "{said}"
            );
        }
    }

    #[test]
    fn req_e20_a_server_on_the_network_does_not_lead_to_plain_http_on_this_machine() {
        for name in ["authorization_endpoint", "revocation_endpoint", "jwks_uri"] {
            let body = |issuer: &str| {
                format!(
                    r#"{{"issuer":"{issuer}","token_endpoint":"{issuer}/t","{name}":"http://127.0.0.1:631/x"}}"#
                )
            };
            let read = |issuer: &str| read(body(issuer).as_bytes(), issuer, Learned::Nothing);
            assert!(read("http://127.0.0.1:80").is_ok(), "{name}");
            assert_eq!(read("https://as.example").unwrap_err(), INSECURE, "{name}");
        }
        let aliases = r#"{"issuer":"https://a.example","token_endpoint":"https://a.example/t",
            "mtls_endpoint_aliases":{"revocation_endpoint":"http://localhost/r"}}"#;
        assert_eq!(read(aliases.as_bytes(), "https://a.example", Learned::Nothing).unwrap_err(), INSECURE);
    }
}
