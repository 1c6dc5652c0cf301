//! Tokens that are bound to keys and certificates.

use grantry::{AccessToken, ClientAuthenticationMethod as Method};
use grantry_testkit::{Endpoint, Fault, ProofPolicy, RegisteredClient, TestServer};

use crate::fixture::{Home, SECRET, server, server_with};

/// The key that the server bound the token to.
fn key_of(server: &TestServer, token: &str) -> Option<String> {
    let token = AccessToken::new(token);
    server.with_authority(|authority, at| authority.check(&token, at)).unwrap().bound_to
}

#[tokio::test(flavor = "multi_thread")]
async fn with_dpop_tokens_are_bound_to_one_key_and_say_so() {
    let (home, server) = (Home::new(), server().await);
    let proofs = ProofPolicy { required: true, ..ProofPolicy::default() };
    server.with_authority(|authority, _| authority.settings_mut().proofs = proofs);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(5);
    home.run(&["auth", "set", "--service", "crm", "--dpop"]).await.ends(0);

    let json = home.run(&["auth", "token", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!(json["token_type"], "DPoP");
    let key = key_of(&server, json["access_token"].as_str().unwrap());
    assert!(key.is_some());
    let plain = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_eq!(plain.stdout.trim(), json["access_token"]);
    assert!(plain.stderr.starts_with("warning: the token is bound to a key"), "{}", plain.stderr);
    let process = home.run(&["credential-process", "--service", "crm"]).await.ends(0);
    assert_eq!(process.json()["token_type"], "DPoP");
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    let renewed = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert_ne!(renewed.stdout, plain.stdout);
    assert_eq!(key_of(&server, renewed.stdout.trim()), key);

    server.with_authority(|authority, _| authority.settings_mut().proofs = ProofPolicy::default());
    home.run(&["auth", "set", "--service", "crm", "--unset", "dpop"]).await.ends(0);
    let json = home.run(&["auth", "token", "--service", "crm", "--json"]).await.ends(0).json();
    assert_eq!(json["token_type"], "Bearer");
    assert_eq!(key_of(&server, json["access_token"].as_str().unwrap()), None);
}

/// Writes a certificate, its key, and a file with both.
fn write_pair(home: &Home, name: &str) -> String {
    let made = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
    let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    for (kind, text) in [("crt", &certificate), ("key", &key), ("pem", &format!("{key}{certificate}"))] {
        std::fs::write(home.folder.path().join(format!("{name}.{kind}")), text).unwrap();
    }
    certificate
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_comes_with_its_key_and_says_what_it_is_for() {
    // What the server sees of the connection is not its matter here: it takes the client without a secret.
    let client = RegisteredClient::with_secret("billing", SECRET);
    let client = client.accepts([Method::None, Method::ClientSecretBasic]);
    let (home, server) = (Home::new(), server_with(client).await);
    let token_url = server.token_endpoint();
    write_pair(&home, "other");
    let certificate = write_pair(&home, "client");
    let base = ["auth", "set", "--service", "crm", "--client-id", "billing", "--token-url", &token_url];
    let (method, bound) = (["--auth-method", "tls_client_auth"], ["--certificate-bound"]);
    let own = ["--tls-certificate-file", "client.pem"];
    let mixed = ["--tls-certificate-file", "client.crt", "--private-key-file", "other.key"];
    for (flags, missing) in [
        ([base.as_slice(), &method].concat(), "to do: add --tls-certificate-file"),
        ([base.as_slice(), &["--public"], &bound].concat(), "to do: add --tls-certificate-file"),
        ([base.as_slice(), &own, &["--private-key-file", "client.pem"]].concat(), "--auth-method tls_client"),
        ([base.as_slice(), &own, &method].concat(), "to do: add --private-key-file FILE"),
        ([base.as_slice(), &method, &mixed].concat(), "do not belong together"),
        (
            [base.as_slice(), &method, &["--tls-certificate-file", "client.key"]].concat(),
            "has no certificate in PEM",
        ),
    ] {
        let ran = home.run(&flags).await.ends(2);
        assert!(ran.stderr.contains(missing), "{flags:?}: {}", ran.stderr);
    }

    let key = ["--private-key-file", "client.pem"];
    home.run(&[base.as_slice(), &own, &key, &method, &bound].concat()).await.ends(0);
    let listed = home.run(&["auth", "list", "--json"]).await.ends(0);
    assert!(!listed.stdout.contains("PRIVATE KEY"), "{}", listed.stdout);
    let fields = listed.json()["services"][0]["fields"].clone();
    assert_eq!(fields["tls_certificate"].as_str().unwrap(), certificate.replace("\r\n", "\n"));
    assert_eq!((&fields["certificate_bound"], &fields["auth_method"]), (&"true".into(), &method[1].into()));
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert!(token.stderr.contains("bound to the client's certificate"), "{}", token.stderr);
    let sent = server.ledger().last(Endpoint::Token).unwrap();
    assert_eq!(sent.request.form().expose("client_id"), Some("billing"));

    // A part alone replaces what is stored, if it fits.
    let change = ["auth", "set", "--service", "crm"];
    home.run(&[change.as_slice(), &["--tls-certificate-file", "other.crt"]].concat()).await.ends(2);
    home.run(&[change.as_slice(), &["--private-key-file", "other.key"]].concat()).await.ends(2);
    home.run(&[change.as_slice(), &own].concat()).await.ends(0);
    home.run(&[change.as_slice(), &["--auth-method", "self_signed_tls_client_auth"]].concat()).await.ends(0);
    home.run(&[change.as_slice(), &["--unset", "tls-certificate"]].concat()).await.ends(2);

    // Back to a secret: what is in the way is named.
    let secret = [change.as_slice(), &["--client-secret-stdin"]].concat();
    let ran = home.run_with_stdin(&secret, SECRET).await.ends(2);
    assert!(ran.stderr.contains("would never be used"), "{}", ran.stderr);
    let back = [secret.as_slice(), &["--auth-method", "client_secret_basic"]].concat();
    let ran = home.run_with_stdin(&back, SECRET).await.ends(2);
    assert!(ran.stderr.contains("--unset tls-certificate"), "{}", ran.stderr);
    let unset = ["--unset", "tls-certificate", "--unset", "certificate-bound"];
    home.run_with_stdin(&[back.as_slice(), &unset].concat(), SECRET).await.ends(0);
    let token = home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    assert!(token.stderr.is_empty(), "{}", token.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_flow_of_exchanged_tokens_is_stored_with_its_types() {
    let home = Home::new();
    let url = "https://as.example.com/token";
    let set =
        ["auth", "set", "--service", "orders", "--client-id", "gateway", "--public", "--token-url", url];
    let keys = ["--flow", "token_exchange", "--jwks-uri", "https://as.example.com/jwks"];
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    home.run(&[set.as_slice(), &keys, &["--subject-token-type", jwt]].concat()).await.ends(0);
    let fields = home.run(&["auth", "list", "--json"]).await.ends(0).json()["services"][0]["fields"].clone();
    assert_eq!((&fields["flow"], &fields["subject_token_type"]), (&"token_exchange".into(), &jwt.into()));
    assert_eq!(fields["jwks_uri"], "https://as.example.com/jwks");
    let refused = ["--requested-token-type", "urn:ietf:params:oauth:token-type:id_token"];
    let ran = home.run(&[set.as_slice(), &refused].concat()).await.ends(2);
    assert!(ran.stderr.contains("not one to present to an API"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_a_certificate_is_sent_to_the_endpoints_that_an_issuer_has_for_it() {
    let (home, server) = (Home::new(), server().await);
    let issuer = server.issuer();
    let mutual = "https://mtls.as.example.com/token";
    let metadata = serde_json::json!({
        "issuer": issuer,
        "token_endpoint": server.token_endpoint(),
        "response_types_supported": ["code"],
        "token_endpoint_auth_methods_supported": ["self_signed_tls_client_auth", "client_secret_post"],
        "mtls_endpoint_aliases": { "token_endpoint": mutual },
    });
    server.inject(Endpoint::Metadata, Fault::status(200).with_body(metadata.to_string()).until_cleared());
    write_pair(&home, "client");
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--issuer", &issuer];
    let own = ["--tls-certificate-file", "client.crt", "--private-key-file", "client.key"];
    home.run(&[set.as_slice(), &own].concat()).await.ends(0);
    let fields = home.run(&["auth", "list", "--json"]).await.ends(0).json()["services"][0]["fields"].clone();
    assert_eq!(fields["token_url"], mutual);
    assert_eq!(fields["auth_method"], "self_signed_tls_client_auth");

    let other = ["auth", "set", "--service", "erp", "--client-id", "billing", "--issuer", &issuer];
    home.run_with_stdin(&[other.as_slice(), &["--client-secret-stdin"]].concat(), SECRET).await.ends(0);
    let listed = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    assert_eq!(listed["services"][1]["fields"]["token_url"], server.token_endpoint());
}
