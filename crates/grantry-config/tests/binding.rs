//! What tokens are bound to: certificates of connections, and keys.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use grantry_config::{
    Completeness, Config, ConfigErrors, FindingKind, FixedSurroundings, Loaded, Provenance, ServerConfig,
    ServiceConfig, Source,
};
use grantry_core::ClientAuthenticationMethod as Method;

const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";
const KEY: &str = "-----BEGIN PRIVATE KEY-----\nc4n4ry5f0c1d9e7b\n-----END PRIVATE KEY-----";

fn surroundings() -> FixedSurroundings {
    FixedSurroundings::new()
        .with_variable("CERTIFICATE", CERTIFICATE)
        .with_variable("KEY", KEY)
        .with_file("client.pem", CERTIFICATE)
        .with_file("client.key", KEY)
        .with_file("both.pem", format!("subject=CN=client\n{KEY}\n{CERTIFICATE}\n{CERTIFICATE}\n"))
        .with_file("secret", "s3cret")
        .with_file("keys.pem", format!("{KEY}\n{KEY}"))
        .with_file("jwk.json", r#"{"kty":"EC","d":"c4n4ry5f0c1d9e7b"}"#)
        .with_file(
            "locked.pem",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----",
        )
}

fn load_as(members: &str, completeness: Completeness) -> Result<Loaded, ConfigErrors> {
    let text = format!(
        "{{\"auth\": {{\"flow\": \"client_credentials\", \"tokenUrl\": \"https://a.example/token\", \"clientId\": \"a\", \
         {members}}}}}"
    );
    let loaded = Config::load_complete([Source::text("t", text)], &surroundings(), completeness);
    let shown = match &loaded {
        Ok(loaded) => format!("{loaded:?}"),
        Err(errors) => format!("{errors:?} {errors} {}", errors.report()),
    };
    assert!(!shown.contains("c4n4ry5f0c1d9e7b"), "{shown}");
    loaded
}

#[track_caller]
fn load(members: &str) -> Loaded {
    load_as(members, Completeness::Whole).unwrap_or_else(|errors| panic!("{}", errors.report()))
}

fn sole(loaded: &Loaded) -> &ServiceConfig {
    loaded.config.service("default").unwrap()
}

#[test]
fn a_client_that_has_a_certificate_alone_authenticates_by_it() {
    let files = r#""mutualTls": {"certificateFile": "client.pem", "privateKeyFile": "client.key"}"#;
    let texts =
        r#""mutualTls": {"certificate": "${file:client.pem}", "privateKey": "${KEY}", "boundTokens": true}"#;
    for (members, key_from, bound) in
        [(files, Provenance::File, false), (texts, Provenance::Environment, true)]
    {
        let loaded = load(members);
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
        let registration = sole(&loaded).registration();
        assert_eq!(registration.method(), Some(Method::TlsClientAuth));
        let mutual = registration.mutual_tls().unwrap();
        assert_eq!(mutual.certificate().unwrap().value(), &format!("{CERTIFICATE}\n"));
        let key = mutual.private_key().unwrap();
        assert_eq!((key.value().expose(), key.provenance()), (format!("{KEY}\n").as_str(), key_from));
        assert_eq!(mutual.bound_tokens(), bound);
    }
    // Another credential says more, and so does the configuration.
    let secret = load(&format!(r#"{files}, "clientSecretFile": "secret""#));
    assert_eq!(sole(&secret).registration().method(), Some(Method::ClientSecretBasic));
    let said = load(&format!(r#"{files}, "clientAuthentication": "self_signed_tls_client_auth""#));
    assert_eq!(sole(&said).registration().method(), Some(Method::SelfSignedTlsClientAuth));
}

#[test]
fn one_file_may_hold_certificates_and_key() {
    let loaded = load(r#""mutualTls": {"certificateFile": "both.pem", "privateKeyFile": "both.pem"}"#);
    let mutual = sole(&loaded).registration().mutual_tls().unwrap();
    assert_eq!(mutual.certificate().unwrap().value(), &format!("{CERTIFICATE}\n{CERTIFICATE}\n"));
    assert_eq!(mutual.private_key().unwrap().value().expose(), format!("{KEY}\n"));
}

#[test]
fn what_should_be_looked_at_draws_a_warning() {
    let literal = format!("{KEY}\n{CERTIFICATE}").replace('\n', "\\n");
    let exposed =
        load(&format!(r#""mutualTls": {{"certificate": "{literal}", "privateKeyFile": "client.key"}}"#));
    assert_eq!(exposed.warnings.len(), 1);
    assert_eq!(exposed.warnings[0].kind(), FindingKind::Exposed);
    assert!(!exposed.warnings[0].report().to_string().contains("c4n4ry5f0c1d9e7b"));
    let text = r#"{"auth": {"flow": "client_credentials", "tokenUrl": "http://127.0.0.1:9000/token", "clientId": "a",
        "mutualTls": {"certificateFile": "client.pem", "privateKeyFile": "client.key"}}}"#;
    let clear = Config::load([Source::text("t", text)], &surroundings()).unwrap();
    assert_eq!(clear.warnings[0].kind(), FindingKind::NoEffect);
    assert!(clear.warnings[0].to_string().contains("over http"), "{:?}", clear.warnings);
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_where_it_stands() {
    use FindingKind::{Contradiction, InvalidValue, UnknownKey, Unresolved, WrongType};
    let key = r#""certificateFile": "client.pem", "privateKeyFile""#;
    for (members, kind, words) in [
        (
            r#""certificateFile": "client.key""#.to_owned(),
            InvalidValue,
            "certificate of mutualTls is not in PEM",
        ),
        (r#""certificate": "c4n4ry5f0c1d9e7b""#.to_owned(), InvalidValue, "not in PEM"),
        (r#""certificate": "${KEY}""#.to_owned(), InvalidValue, "not in PEM"),
        (r#""certificateFile": "nowhere.pem""#.to_owned(), Unresolved, "no such file"),
        (
            r#""certificate": "${CERTIFICATE}", "certificateFile": "client.pem""#.to_owned(),
            Contradiction,
            "keep one",
        ),
        (r#""certificateFile": """#.to_owned(), Unresolved, "no such file"),
        (r#""privateKeyFile": "${KEY}""#.to_owned(), Unresolved, "where a file is named"),
        (
            r#""certificateFile": "-----BEGIN PRIVATE KEY-----\nc4n4ry5f0c1d9e7b""#.to_owned(),
            Unresolved,
            "where a file is named",
        ),
        (format!(r#"{key}: "client.pem""#), InvalidValue, "private key of mutualTls is not in PEM"),
        (format!(r#"{key}: "jwk.json""#), InvalidValue, "not in PEM"),
        (format!(r#"{key}: "locked.pem""#), InvalidValue, "is encrypted"),
        (format!(r#"{key}: "keys.pem""#), InvalidValue, "several keys"),
        (format!(r#"{key}: "client.key", "privateKey": "${{KEY}}""#), Contradiction, "keep one of them"),
        (r#""certificatFile": "client.pem""#.to_owned(), UnknownKey, r#"did you mean "certificateFile"?"#),
        (r#""boundTokens": "yes""#.to_owned(), WrongType, "true or false"),
    ] {
        let errors = load_as(&format!(r#""mutualTls": {{{members}}}"#), Completeness::Partial).unwrap_err();
        let found = errors.errors().iter().find(|error| error.to_string().contains(words));
        let found = found.unwrap_or_else(|| panic!("{members}: not {words:?} but {errors}"));
        assert_eq!(found.kind(), kind, "{members}: {found}");
        assert!(found.place().is_some());
    }
    let misspelt = load_as(r#""mutualTLS": {}"#, Completeness::Partial).unwrap_err();
    assert!(misspelt.to_string().contains(r#"did you mean "mutualTls"?"#), "{misspelt}");
}

#[test]
fn what_a_certificate_lacks_is_told_and_what_the_vault_may_have() {
    let by_certificate = r#""clientAuthentication": "tls_client_auth""#;
    let without_key = r#""mutualTls": {"certificateFile": "client.pem"}"#;
    for (members, missing, vault_may_have_it) in [
        (by_certificate.to_owned(), "mutualTls", false),
        (
            format!(r#"{by_certificate}, "mutualTls": {{"privateKeyFile": "client.key"}}"#),
            "mutualTls.certificateFile",
            false,
        ),
        (format!("{by_certificate}, {without_key}"), "mutualTls.privateKeyFile", true),
        // The vault keeps one key for a client: that of assertions.
        (format!(r#""clientSecretFile": "secret", {without_key}"#), "mutualTls.privateKeyFile", false),
    ] {
        let loaded = load_as(&members, Completeness::Partial).unwrap();
        let found = sole(&loaded).missing();
        assert_eq!(found.len(), 1, "{members}: {found:?}");
        assert_eq!((found[0].key, found[0].vault_may_have_it), (missing, vault_may_have_it), "{members}");
        assert_eq!(load_as(&members, Completeness::ExceptRegistrations).is_ok(), vault_may_have_it);
    }
}

#[test]
fn a_later_layer_has_another_certificate_in_the_place_of_the_first() {
    let base = r#"{"defaults": {"mutualTls": {"certificate": "${CERTIFICATE}", "privateKey": "${KEY}"}}, "services": {"crm": {}}}"#;
    let later =
        r#"{"services": {"crm": {"mutualTls": {"certificateFile": "both.pem", "boundTokens": true}}}}"#;
    let sources = [Source::text("a", base), Source::text("b", later)];
    let loaded = Config::load(sources, &surroundings()).unwrap();
    let mutual = loaded.config.service("crm").unwrap().registration().mutual_tls().unwrap();
    assert_eq!(mutual.certificate().unwrap().provenance(), Provenance::File);
    assert!(mutual.private_key().is_some() && mutual.bound_tokens());
    let old = Config::load([Source::text("a", base)], &surroundings()).unwrap();
    let changed = old.config.changes(&loaded.config).changed;
    assert_eq!(changed[0].keys, ["mutualTls"]);
}

#[test]
fn keys_are_asked_for_by_a_flag() {
    assert!(!sole(&load(r#""clientSecret": "s3cret""#)).dpop());
    let bound = load(r#""clientSecret": "s3cret", "dpop": true"#);
    assert!(sole(&bound).dpop());
    let old = load(r#""clientSecret": "s3cret", "dpop": false"#);
    assert_eq!(old.config.changes(&bound.config).changed[0].keys, ["dpop"]);
    let misspelt = load_as(r#""dpopBoundAccessTokens": true"#, Completeness::Partial).unwrap_err();
    assert!(misspelt.to_string().contains(r#"did you mean "dpop"?"#), "{misspelt}");
}

#[test]
fn the_keys_of_a_configured_server_have_an_address() {
    let of = |members: &str| {
        let text = format!(
            r#"{{"auth": {{"flow": "authorization_code", "tokenUrl": "https://a.example/token", {members}}}}}"#
        );
        Config::load([Source::text("t", text)], &surroundings())
    };
    let loaded = of(r#""issuer": "https://a.example", "jwksUri": "https://a.example/keys""#).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let ServerConfig::Known(server) = sole(&loaded).server() else { panic!("it is known") };
    assert_eq!(server.jwks_uri().unwrap().as_str(), "https://a.example/keys");
    let alone = of(r#""jwksUri": "https://a.example/keys""#).unwrap();
    assert!(alone.warnings[0].to_string().contains("where the issuer is known"), "{:?}", alone.warnings);
    let unused =
        r#""clientSecret": "s3cret", "issuer": "https://a.example", "jwksUri": "https://a.example/k""#;
    let unused = load(unused);
    assert!(unused.warnings.iter().any(|warning| warning.to_string().contains("jwksUri does nothing here")));
    let misspelt = of(r#""jwks_uri": "https://a.example/keys""#).unwrap_err();
    assert!(misspelt.to_string().contains(r#"did you mean "jwksUri"?"#), "{misspelt}");
}
