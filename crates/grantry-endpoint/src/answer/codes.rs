//! Which error codes may be told.
//!
//! A server may write anything into a code, what it was sent included. So a code is told if it is a known one, or
//! looks like a code and has nothing to do with the secrets of the request.

use grantry_core::AuthorizationServer;

/// RFC 6749 section 5.2, RFC 7009, RFC 8628, RFC 8707, RFC 9396, RFC 9449, OpenID Connect Core.
const REGISTERED: [&str; 19] = [
    "access_denied",
    "authorization_pending",
    "consent_required",
    "expired_token",
    "interaction_required",
    "invalid_authorization_details",
    "invalid_client",
    "invalid_dpop_proof",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "server_error",
    "slow_down",
    "temporarily_unavailable",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "use_dpop_nonce",
];

/// The longest code that is told, in bytes.
const LONGEST: usize = 64;
/// As many bytes in common with a secret are no accident.
const PIECE: usize = 8;

/// Whether a code that this server sent may be told, after a request with these secrets.
pub(crate) fn may_be_told(code: &str, server: &AuthorizationServer, secrets: &[&str]) -> bool {
    let aliases = server.error_aliases().iter();
    let is_known =
        REGISTERED.contains(&code) || aliases.into_iter().any(|a| a.code == code || a.means == code);
    is_known || (is_plain(code) || has_prefix(code, server)) && !echoes(code, secrets)
}

/// `[a-z0-9_]{1,64}`: what codes look like.
fn is_plain(code: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    (1..=LONGEST).contains(&code.len()) && code.bytes().all(fits)
}

/// The provider's prefix and alphanumerics, such as `AADSTS700082`.
fn has_prefix(code: &str, server: &AuthorizationServer) -> bool {
    let prefix = server.provider_code_prefix().filter(|prefix| !prefix.is_empty());
    let number = prefix.and_then(|prefix| code.strip_prefix(prefix));
    code.len() <= LONGEST
        && number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// Whether the code holds a secret or is a piece of one, or both have a piece in common.
fn echoes(code: &str, secrets: &[&str]) -> bool {
    let shares = |secret: &str| {
        let mut pieces = code.as_bytes().windows(PIECE).filter_map(|piece| std::str::from_utf8(piece).ok());
        pieces.any(|piece| secret.contains(piece))
    };
    let echoes = |secret: &&str| code.contains(*secret) || secret.contains(code) || shares(secret);
    secrets.iter().filter(|secret| !secret.is_empty()).any(echoes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::ErrorAlias;

    #[test]
    fn a_code_is_told_if_it_is_known_or_looks_like_one_and_echoes_nothing() {
        let alias = ErrorAlias { status: 400, code: "BAD_TOKEN", means: "invalid_grant" };
        let server = AuthorizationServer::builder("https://as.example.com/token")
            .error_aliases([alias])
            .provider_code_prefix("AADSTS")
            .build()
            .unwrap();
        let secrets = ["s3cret_value", "refresh_canary_token", "invalid_grant_and_more", ""];
        let long = "x".repeat(65);
        for (code, told) in [
            ("invalid_grant", true),
            ("BAD_TOKEN", true),
            ("AADSTS700082", true),
            ("odd_code_7", true),
            ("", false),
            ("AADSTS", false),
            ("AADSTS7 s3cret", false),
            ("Odd", false),
            ("a b", false),
            ("bad_secret:x", false),
            ("ü", false),
            (&long, false),
            ("bad_s3cret_value", false),
            ("canary_token", false),
            ("unknown_refresh_canary", false),
        ] {
            assert_eq!(may_be_told(code, &server, &secrets), told, "{code}");
        }
    }
}
