//! A pantry as a configuration describes it.

use std::path::Path;

use grantry::config::{Config, Loaded, Source, SystemSurroundings};
use grantry::pantry::{Grantry, TenantPantry};
use grantry::vault::access::{AccessPolicy, Principal};
use grantry::vault::{LocalKey, MemoryVault, RotationPolicy};
use grantry::{AuthorizedClient, Binding, Error, ErrorKind, SigningKey, TokenSource};
use grantry_testkit::{Endpoint, Fault, Nonces, ProtectedResource, RegisteredClient, TestServer};
use zeroize::Zeroizing;

async fn server() -> TestServer {
    let client = RegisteredClient::with_secret("billing", "s3cret");
    TestServer::builder().client(client).start().await.unwrap()
}

/// A file with a vault, keys, roles and these services, in a folder.
fn load(folder: &Path, services: &str) -> Loaded {
    let file = folder.join("grantry.json");
    let text = format!(
        r#"{{
  "services": {services},
  "vault": {{ "type": "sqlite", "path": "grantry.db", "lifeboats": "lifeboats" }},
  "keys": {{ "type": "file", "path": "grantry.key" }},
  "access": {{ "bindings": [{{ "principal": "workload:billing", "role": "admin", "tenant": "*" }},
                           {{ "principal": "workload:billing", "role": "service", "tenant": "*" }}] }},
  "audit": {{ "folder": "trail" }},
}}"#
    );
    std::fs::write(&file, text).unwrap();
    Config::load([Source::file(&file)], &SystemSurroundings::new()).unwrap()
}

fn crm(server: &TestServer, scope: &str) -> String {
    format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing", "clientSecret": "s3cret",
             "scopes": ["{scope}"] }} }}"#,
        server.token_endpoint()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_configuration_opens_everything_and_a_newer_one_takes_effect() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let loaded = load(folder.path(), &crm(&server, "contacts.read"));
    let pantry = Grantry::builder().config(loaded).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    let first = source.token().await.unwrap();
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    assert!(folder.path().join("grantry.db").exists() && folder.path().join("trail").exists());

    // The key file is one of the keys that are rotated.
    let ages = billing.vault().key_ages(&RotationPolicy::default(), None, 10).await.unwrap();
    assert!(ages.iter().any(|age| age.provider_key.is_some()), "{ages:?}");

    // The same again drops no token.
    pantry.reload(load(folder.path(), &crm(&server, "contacts.read"))).await.unwrap();
    assert_eq!(source.token().await.unwrap().expose(), first.expose());
    pantry.reload(load(folder.path(), &crm(&server, "contacts.write"))).await.unwrap();
    assert!(source.token().await.unwrap().scope().contains("contacts.write"));
    pantry.reload(load(folder.path(), "{}")).await.unwrap();
    assert_eq!(source.token().await.unwrap_err().kind(), ErrorKind::Removed);
    pantry.shutdown().await.unwrap();
}

async fn refused(text: &str) -> Error {
    let loaded = Config::load([Source::text("grantry.json", text)], &SystemSurroundings::new()).unwrap();
    Grantry::builder().config(loaded).open().await.unwrap_err()
}

/// What says where each store and each key is, and the feature that opens it.
const PLACES: [(&str, &str, bool); 6] = [
    (
        r#"{ "vault": { "type": "postgres", "url": "postgres://ana:c4nary@127.0.0.1:1/grantry" } }"#,
        "postgres",
        cfg!(feature = "postgres"),
    ),
    (
        r#"{ "vault": { "type": "redis", "url": "redis://ana:c4nary@127.0.0.1:1" } }"#,
        "redis",
        cfg!(feature = "redis"),
    ),
    (
        r#"{ "vault": { "type": "memory" }, "keys": { "type": "keychain", "entry": "no such entry" } }"#,
        "keychain",
        cfg!(feature = "keychain"),
    ),
    (
        r#"{ "vault": { "type": "memory" },
             "keys": { "type": "pkcs11", "module": "/no/such.so", "tokenLabel": "t", "pin": "c4nary" } }"#,
        "pkcs11",
        cfg!(feature = "pkcs11"),
    ),
    (
        r#"{ "vault": { "type": "memory" },
             "keys": { "type": "aws-kms", "region": "Frankfurt", "key": "alias/grantry" } }"#,
        "aws-kms",
        cfg!(feature = "aws-kms"),
    ),
    (
        r#"{ "vault": { "type": "memory" },
             "keys": { "type": "transit", "address": "https://127.0.0.1:1", "key": "k" } }"#,
        "transit",
        cfg!(feature = "transit"),
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_opened_says_which_feature_opens_it_or_why_not() {
    for (text, feature, is_on) in PLACES {
        let error = refused(text).await;
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("c4nary"), "{shown}");
        if is_on {
            assert!(
                matches!(error.kind(), ErrorKind::Storage | ErrorKind::KeyUnavailable),
                "{feature}: {shown}"
            );
        } else {
            assert_eq!(error.kind(), ErrorKind::Configuration, "{shown}");
            assert!(shown.contains(&format!("turn the feature `{feature}` of grantry on")), "{shown}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_program_hands_in_comes_before_what_is_configured() {
    for (text, ..) in PLACES {
        let loaded = Config::load([Source::text("t", text)], &SystemSurroundings::new()).unwrap();
        let me = Principal::workload("me").unwrap();
        let pantry = Grantry::builder()
            .config(loaded)
            .vault(MemoryVault::new())
            .keys(LocalKey::from_bytes(Zeroizing::new([7; 32])))
            .access(AccessPolicy::sole(&me))
            .lifeboat(grantry::custody::NoLifeboat)
            .open()
            .await
            .unwrap();
        pantry.shutdown().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_key_is_made_by_opening_and_one_that_the_vault_does_not_know_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let error = Grantry::builder().config(load(folder.path(), "{}")).open().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
    assert!(!folder.path().join("grantry.key").exists());

    let key = folder.path().join("grantry.key");
    LocalKey::generate(&key).unwrap();
    let pantry = Grantry::builder().config(load(folder.path(), "{}")).open().await.unwrap();
    pantry.shutdown().await.unwrap();
    let known = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    LocalKey::generate(&key).unwrap();
    let error = Grantry::builder().config(load(folder.path(), "{}")).open().await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::KeyUnavailable | ErrorKind::Damaged), "{error:?}");
    assert!(!error.diagnosis().remedy().is_empty());
    std::fs::write(&key, known).unwrap();
    let pantry = Grantry::builder().config(load(folder.path(), "{}")).open().await.unwrap();
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_alone_is_enough() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "issuer": "{}", "clientId": "billing", "clientSecret": "s3cret" }} }}"#,
        server.issuer()
    );
    let pantry = Grantry::builder().config(load(folder.path(), &services)).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    source.token().await.unwrap();
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e20_what_the_issuer_of_a_file_names_elsewhere_on_this_machine_gets_nothing() {
    let (server, elsewhere) = (server().await, server().await);
    let folder = tempfile::tempdir().unwrap();
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let (issuer, other) = (server.issuer(), elsewhere.token_endpoint());
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "issuer": "{issuer}", "clientId": "billing", "clientSecret": "s3cret" }} }}"#
    );
    let metadata = format!(r#"{{"issuer":"{issuer}","token_endpoint":"{other}"}}"#);
    server.inject(Endpoint::Metadata, Fault::body(metadata));
    let pantry = Grantry::builder().config(load(folder.path(), &services)).open().await.unwrap();
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await.unwrap();
    let source = billing.tenant("acme").unwrap().source("crm").await.unwrap();
    let error = source.token().await.unwrap_err();
    assert!(error.to_string().contains("where requests may not go"), "{error}");
    assert_eq!(elsewhere.ledger().total(), 0);
    pantry.shutdown().await.unwrap();
}

/// The tenant of a pantry as a file with these services describes it.
async fn open(folder: &Path, services: &str) -> Result<(Grantry, TenantPantry), Error> {
    LocalKey::generate(folder.join("grantry.key")).unwrap();
    let pantry = Grantry::builder().config(load(folder, services)).open().await?;
    let billing = pantry.as_principal(Principal::workload("billing").unwrap());
    billing.create_tenant("acme").await?;
    let acme = billing.tenant("acme").unwrap();
    Ok((pantry, acme))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e08_a_file_binds_tokens_to_keys_and_requests_carry_proofs() {
    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let resource = ProtectedResource::start(&server).await.unwrap();
    resource.want_nonces(Nonces::EachOnce);
    grantry::install_crypto_provider();
    let services = crm(&server, "contacts.read").replace("\"flow\"", "\"dpop\": true, \"flow\"");
    let (pantry, acme) = open(folder.path(), &services).await.unwrap();
    let source = acme.source("crm").await.unwrap();
    let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source.clone(), [resource.origin()]);
    let api = api.unwrap();
    for _ in 0..2 {
        assert_eq!(api.get(resource.url("/contacts")).send().await.unwrap().status(), 200);
    }
    assert!(matches!(source.token().await.unwrap().binding(), Binding::Proof(_)));
    assert_eq!(server.ledger().count(Endpoint::Token), 1);
    // Without the key it is worth nothing.
    let thief = reqwest::Client::builder().no_proxy().build().unwrap();
    let stolen = source.token().await.unwrap().header().clone();
    let answer = thief.get(resource.url("/contacts")).header("authorization", stolen).send().await.unwrap();
    assert_eq!(answer.status(), 401);
    pantry.shutdown().await.unwrap();
}

#[cfg(feature = "token-exchange")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_describes_what_is_exchanged_and_the_program_hands_the_subject_in() {
    use grantry::token_exchange::FromSource;

    let (server, folder) = (server().await, tempfile::tempdir().unwrap());
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{url}", "clientId": "billing", "clientSecret": "s3cret" }},
             "orders": {{ "flow": "token_exchange", "tokenUrl": "{url}", "clientId": "billing", "clientSecret": "s3cret",
               "subjectTokenType": "urn:ietf:params:oauth:token-type:access_token", "scopes": ["orders.read"],
               "additionalParams": {{ "audience": "https://orders.example.com" }} }} }}"#,
        url = server.token_endpoint()
    );
    let (pantry, acme) = open(folder.path(), &services).await.unwrap();
    let subject = FromSource::new(acme.source("crm").await.unwrap());
    let orders = acme.exchange(("orders", "ana"), subject).source().await.unwrap();
    assert!(orders.token().await.unwrap().scope().contains("orders.read"));
    let asked = server.ledger().last(Endpoint::Token).unwrap();
    assert_eq!(asked.request.form().expose("audience"), Some("https://orders.example.com"));
    let error = acme.source("orders").await.unwrap_err();
    assert!(error.to_string().contains("token_exchange"), "{error}");
    pantry.shutdown().await.unwrap();
}

#[cfg(feature = "token-exchange")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_source_gives_out_is_refused_when_the_pantry_opens() {
    let folder = tempfile::tempdir().unwrap();
    let services = r#"{ "orders": { "flow": "token_exchange", "tokenUrl": "https://as.example.com/token", "clientId": "a",
        "subjectTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "requestedTokenType": "urn:ietf:params:oauth:token-type:saml2" } }"#;
    let error = open(folder.path(), services).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("grantry.json:2:") && error.to_string().contains("present"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_a_file_is_looked_at_when_the_pantry_opens() {
    let folder = tempfile::tempdir().unwrap();
    LocalKey::generate(folder.path().join("grantry.key")).unwrap();
    let (made, other) = (certificate(), certificate());
    for (name, text) in [("client.pem", &made.0), ("client.key", &made.1), ("other.key", &other.1)] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let services = |members: &str| {
        format!(
            r#"{{ "crm": {{ "flow": "client_credentials", "tokenUrl": "https://as.example.com/token", "clientId": "billing",
                 {members} }} }}"#
        )
    };
    for (members, words) in [
        (
            r#""mutualTls": { "certificateFile": "client.pem", "privateKeyFile": "other.key" }"#,
            "do not belong together",
        ),
        (r#""mutualTls": { "privateKeyFile": "client.key" }"#, "certificateFile"),
        (r#""mutualTls": {}"#, "certificateFile"),
        (
            r#""clientSecret": "s3cret", "mutualTls": { "certificateFile": "client.pem" }"#,
            "without its private key",
        ),
        (r#""clientAuthentication": "tls_client_auth""#, "mutualTls"),
    ] {
        let loaded = load(folder.path(), &services(members));
        let error = Grantry::builder().config(loaded).open().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{members}: {error}");
        assert!(
            error.to_string().contains(words) && error.to_string().contains("grantry.json:2:"),
            "{members}: {error}"
        );
    }
    let right = r#""mutualTls": { "certificateFile": "client.pem", "privateKeyFile": "client.key", "boundTokens": true }"#;
    let pantry = Grantry::builder().config(load(folder.path(), &services(right))).open().await.unwrap();
    let wrong = right.replace("client.key", "other.key");
    let error = pantry.reload(load(folder.path(), &services(&wrong))).await.unwrap_err();
    assert!(error.to_string().contains("do not belong together"), "{error}");
    pantry.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assertions_are_signed_as_a_file_says_and_name_the_certificate_of_their_key() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate();
    std::fs::write(folder.path().join("client.pem"), &certificate).unwrap();
    std::fs::write(folder.path().join("client.key"), &key).unwrap();
    let registered =
        RegisteredClient::with_key("billing", SigningKey::from_pem(&key).unwrap().verifying_key());
    let server = TestServer::builder().client(registered).start().await.unwrap();
    let services = format!(
        r#"{{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "issuer": "{}", "clientId": "billing",
             "privateKeyFile": "client.key", "privateKeyId": "k-1", "signingAlgorithm": "ES256",
             "certificateFile": "client.pem" }} }}"#,
        server.token_endpoint(),
        server.issuer()
    );
    let (pantry, acme) = open(folder.path(), &services).await.unwrap();
    acme.source("crm").await.unwrap().token().await.unwrap();
    let asked = server.ledger().last(Endpoint::Token).unwrap();
    let assertion = asked.request.form().expose("client_assertion").unwrap();
    let header = grantry_jose::base64url::decode(assertion.split('.').next().unwrap()).unwrap();
    let header = String::from_utf8(header).unwrap();
    assert!(header.contains("x5t#S256") && header.contains("k-1") && header.contains("ES256"), "{header}");
    let another = services.replace("ES256", "RS256");
    let error = pantry.reload(load(folder.path(), &another)).await.unwrap_err();
    assert!(error.to_string().contains("cannot sign by the algorithm"), "{error}");
    pantry.shutdown().await.unwrap();
}

#[cfg(feature = "authorization-code")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e23_id_tokens_of_a_configured_server_are_checked_where_its_keys_are_named() {
    use grantry::authorization_code::{Callback, UserAgentBinding};

    let folder = tempfile::tempdir().unwrap();
    let callback = "https://app.example.com/callback";
    let client = RegisteredClient::with_secret("billing", "s3cret").redirect_uri(callback);
    let server = TestServer::builder().client(client).start().await.unwrap();
    let facts = server.authorization_server().unwrap();
    let services = format!(
        r#"{{ "calendar": {{ "flow": "authorization_code", "tokenUrl": "{}", "authorizationUrl": "{}", "issuer": "{}",
             "jwksUri": "{}", "clientId": "billing", "clientSecret": "s3cret", "redirectUri": "{callback}",
             "scopes": ["openid"] }} }}"#,
        facts.token_endpoint(),
        facts.authorization_endpoint().unwrap(),
        server.issuer(),
        facts.jwks_uri().unwrap()
    );
    let (pantry, acme) = open(folder.path(), &services).await.unwrap();
    let user_agent = UserAgentBinding::new(&grantry::SystemEntropy);
    let (redirect, pending) = acme.authorize(("calendar", "ana")).begin(&user_agent).await.unwrap();
    let back = server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let granted = pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await.unwrap();
    assert_eq!(granted.claims.unwrap().subject(), "resource-owner");
    assert_eq!(server.ledger().count(Endpoint::Keys), 1);
    pantry.shutdown().await.unwrap();
}

#[cfg(feature = "authorization-code")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pkce_false_is_followed_for_the_provider_that_refuses_pkce_and_for_no_other() {
    use grantry::authorization_code::{Callback, UserAgentBinding};

    let folder = tempfile::tempdir().unwrap();
    let callback = "https://app.example.com/callback";
    let client = RegisteredClient::with_secret("billing", "s3cret").redirect_uri(callback);
    let server = TestServer::builder().client(client).start().await.unwrap();
    server.with_authority(|authority, _| authority.settings_mut().refuses_pkce = true);
    let facts = server.authorization_server().unwrap();
    let service = |more: &str| {
        format!(
            r#"{{ "flow": "authorization_code", "tokenUrl": "{}", "authorizationUrl": "{}", "clientId": "billing",
                 "clientSecret": "s3cret", "clientAuthentication": "client_secret_post", "redirectUri": "{callback}",
                 "issuer": "{}", "scopes": ["posts"], {more} }}"#,
            facts.token_endpoint(),
            facts.authorization_endpoint().unwrap(),
            server.issuer(),
        )
    };
    let services = format!(
        r#"{{ "posts": {}, "as-ever": {}, "own": {} }}"#,
        service(r#""provider": "linkedin", "pkce": false"#),
        service(r#""provider": "linkedin""#),
        service(r#""pkce": false"#),
    );
    let (pantry, acme) = open(folder.path(), &services).await.unwrap();
    let user_agent = UserAgentBinding::new(&grantry::SystemEntropy);
    for (name, has_challenge) in [("posts", false), ("as-ever", true), ("own", true)] {
        let (redirect, pending) = acme.authorize((name, "ana")).begin(&user_agent).await.unwrap();
        let location = redirect.into_location().unwrap();
        assert_eq!(location.as_str().contains("code_challenge"), has_challenge, "{name}");
        let back = server.visit(&location).await.unwrap();
        let finished = pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await;
        // The server takes no verifier, as the provider does.
        assert_eq!(finished.is_ok(), !has_challenge, "{name}");
    }

    // What is taken out holds from then on.
    let followed = format!(r#"{{ "posts": {} }}"#, service(r#""provider": "linkedin""#));
    pantry.reload(load(folder.path(), &followed)).await.unwrap();
    let (redirect, _) = acme.authorize(("posts", "ana")).begin(&user_agent).await.unwrap();
    assert!(redirect.into_location().unwrap().as_str().contains("code_challenge"));
    pantry.shutdown().await.unwrap();
}

/// A certificate and its private key.
fn certificate() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}
