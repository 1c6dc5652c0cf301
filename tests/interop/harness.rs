//! The harness itself: what it starts is there, and ends.

use grantry_tests::{Fault, OidcProvider, Settings};

#[test]
fn a_server_gets_ready_answers_by_its_pipe_and_has_a_key_for_each_algorithm() {
    let server = OidcProvider::start(Settings::default()).unwrap();
    assert!(server.issuer().starts_with("http://127.0.0.1:"), "{}", server.issuer());
    assert_eq!(server.requests("POST /token").unwrap(), 0);
    server.break_with(&Fault::default()).unwrap();
    assert!(!server.refresh_token().unwrap().is_empty());
    for algorithm in ["ES256", "RS256", "PS256", "EdDSA"] {
        let key = server.client_key(algorithm).unwrap();
        assert!(key.pem.starts_with("-----BEGIN PRIVATE KEY-----") && key.jwk.contains(&key.kid));
    }
}
