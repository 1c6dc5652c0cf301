//! Several sources, defaults, tenants, and what a newer configuration changes.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use grantry_config::{
    Config, FindingKind, FixedSurroundings, KeyProviderSection, Loaded, Provenance, ServerConfig, Source,
    StoreSection, TokenSection,
};
use grantry_core::Rotation;
use grantry_refresh::Fallback;
use grantry_vault::access::Permission;

fn surroundings() -> FixedSurroundings {
    FixedSurroundings::new()
        .with_variable("SECRET", "from the environment")
        .with_variable("EMPTY", "")
        .with_variable("BUFFER", "120")
        .with_variable("YES", "true")
        .with_file("/etc/grantry/secrets/crm", "from a file\n")
        .with_file("/etc/grantry/key.pem", "-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----\n")
}

#[track_caller]
fn load<const N: usize>(layers: [&str; N]) -> Loaded {
    let sources = layers.iter().enumerate().map(|(nth, text)| Source::text(format!("layer {nth}"), *text));
    match Config::load(sources, &surroundings()) {
        Ok(loaded) => loaded,
        Err(errors) => panic!("{}", errors.report()),
    }
}

fn token_url(loaded: &Loaded, name: &str) -> String {
    match loaded.config.service(name).unwrap().server() {
        ServerConfig::Known(server) => server.token_endpoint().as_str().to_owned(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_later_layer_says_over_an_earlier_one_key_by_key() {
    let loaded = load([
        r#"{"defaults": {"refreshToken": {"bufferTime": 60, "maxRetries": 7}},
            "services": {"crm": {"tokenUrl": "https://a.example/t", "scopes": ["a", "b"],
                                 "additionalParams": {"audience": "x", "resource_owner": "y"}},
                         "erp": {"tokenUrl": "https://b.example/t"}}}"#,
        r#"{"services": {"crm": {"tokenUrl": "https://c.example/t", "scopes": ["c"],
                                 "additionalParams": {"audience": "z"}, "refreshToken": {"maxRetries": 1}}}}"#,
    ]);
    assert_eq!(token_url(&loaded, "crm"), "https://c.example/t");
    assert_eq!(token_url(&loaded, "erp"), "https://b.example/t");
    let crm = loaded.config.service("crm").unwrap();
    assert_eq!(crm.scope().as_str(), "c", "a list is replaced");
    let parameters: Vec<_> = crm.parameters().iter().collect();
    assert_eq!(parameters, [("audience", "z"), ("resource_owner", "y")]);
    assert_eq!(crm.refresh().buffer(), Duration::from_secs(60));
    assert_eq!(crm.refresh().max_retries(), 1);
    assert_eq!(loaded.config.service("erp").unwrap().refresh().max_retries(), 7);
}

#[test]
fn the_one_service_of_a_file_has_a_name_and_later_layers_mean_it() {
    let named = r#"{"service": "crm", "auth": {"tokenUrl": "https://a.example/t"}}"#;
    let loaded = load([named, r#"{"auth": {"scopes": ["x"]}}"#]);
    assert_eq!(loaded.config.services().count(), 1);
    assert_eq!(loaded.config.service("crm").unwrap().scope().as_str(), "x");
    let two = load([named, r#"{"service": "erp", "auth": {"tokenUrl": "https://b.example/t"}}"#]);
    assert_eq!(two.config.services().count(), 2);
    let over = load([named, r#"{"services": {"crm": {"scopes": ["y"]}}}"#]);
    assert_eq!(over.config.service("crm").unwrap().scope().as_str(), "y");
}

#[test]
fn variables_and_files_are_resolved_within_texts() {
    let text = r#"{"services": {
        "a": {"clientSecret": "${SECRET}", "clientId": "id-${UNSET:-none}-${EMPTY:-empty}-$${SECRET}"},
        "b": {"clientSecret": "${file:/etc/grantry/secrets/crm}"},
        "c": {"clientSecretFile": "secrets/crm", "refreshToken": {"bufferTime": "${BUFFER}", "enabled": "${YES}"}},
        "d": {"privateKeyFile": "key.pem", "clientAuthentication": "private_key_jwt"}
    }}"#;
    let surroundings = surroundings().with_file("/etc/grantry/config.json", text);
    let loaded = Config::load([Source::file("/etc/grantry/config.json")], &surroundings).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let registration = |name: &str| loaded.config.service(name).unwrap().registration().clone();
    let secret = |name: &str| {
        let located = registration(name).client_secret().unwrap().clone();
        (located.value().expose().to_owned(), located.provenance())
    };
    assert_eq!(registration("a").client_id().unwrap().value().as_str(), "id-none-empty-${SECRET}");
    assert_eq!(secret("a"), ("from the environment".to_owned(), Provenance::Environment));
    assert_eq!(secret("b"), ("from a file".to_owned(), Provenance::File));
    assert_eq!(secret("c"), ("from a file".to_owned(), Provenance::File));
    assert_eq!(loaded.config.service("c").unwrap().refresh().buffer(), Duration::from_secs(120));
    assert!(
        registration("d")
            .private_key()
            .unwrap()
            .value()
            .expose()
            .starts_with("-----BEGIN PRIVATE KEY-----\nMIGH")
    );
}

#[test]
fn a_layer_that_takes_a_secret_from_elsewhere_replaces_the_one_that_stands_there() {
    let loaded = load([
        r#"{"auth": {"clientSecret": "literal", "privateKey": "-----BEGIN PRIVATE KEY-----"}}"#,
        r#"{"auth": {"clientSecretFile": "/etc/grantry/secrets/crm"}}"#,
    ]);
    let registration = loaded.config.service("default").unwrap().registration();
    assert_eq!(registration.client_secret().unwrap().value().expose(), "from a file");
    assert!(registration.private_key().is_some());
}

#[test]
fn tenants_have_what_is_different_for_them_over_what_all_have() {
    let loaded = load([r#"{
        "defaults": {"clientAuthentication": "client_secret_post"},
        "services": {"crm": {"tokenUrl": "https://a.example/t", "clientId": "ours", "scopes": ["s"]}},
        "tenants": {
            "acme": {"services": {"crm": {"clientId": "acme's"}, "own": {"tokenUrl": "https://o.example/t"}}},
            "umbrella": {}
        }
    }"#]);
    let config = &loaded.config;
    let id = |tenant: &str| {
        config
            .service_of(tenant, "crm")
            .unwrap()
            .registration()
            .client_id()
            .unwrap()
            .value()
            .as_str()
            .to_owned()
    };
    assert_eq!(
        (id("acme").as_str(), id("umbrella").as_str(), id("nobody").as_str()),
        ("acme's", "ours", "ours")
    );
    let of_acme = config.service_of("acme", "crm").unwrap();
    assert_eq!(of_acme.scope().as_str(), "s");
    assert_eq!(of_acme.registration().authentication().unwrap().value().as_str(), "client_secret_post");
    assert!(config.service_of("umbrella", "own").is_none() && config.service_of("acme", "own").is_some());
    let names: Vec<_> = config.tenants().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["acme", "umbrella"]);
}

#[test]
fn a_provider_fills_what_the_configuration_leaves_out() {
    let loaded = load([r#"{"services": {
        "mail": {"provider": "google", "clientId": "c", "redirectUri": "https://app.example.com/cb"},
        "entra": {"provider": "microsoft", "tenantId": "contoso.onmicrosoft.com", "scopes": ["x/.default"]},
        "government": {"provider": "microsoft", "tenantId": "contoso.onmicrosoft.us",
                       "tokenUrl": "https://login.microsoftonline.us/{tenantId}/oauth2/v2.0/token"},
        "shop": {"provider": "shopify", "providerParams": {"shop": "acme"}},
        "org": {"provider": "okta", "domain": "acme"}
    }}"#]);
    assert_eq!(token_url(&loaded, "mail"), "https://oauth2.googleapis.com/token");
    assert_eq!(
        token_url(&loaded, "entra"),
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token"
    );
    let government = loaded.config.service("government").unwrap();
    let ServerConfig::Known(server) = government.server() else { panic!("{government:?}") };
    assert_eq!(server.token_endpoint().host_str(), Some("login.microsoftonline.us"));
    assert_eq!(server.rotation(), Rotation::KeepOld, "the facts of the preset stay");
    assert!(token_url(&loaded, "shop").starts_with("https://acme.myshopify.com/"));
    assert_eq!(token_url(&loaded, "org"), "https://acme.okta.com/oauth2/v1/token");
}

#[test]
fn an_issuer_alone_is_to_be_discovered() {
    let loaded = load([r#"{"auth": {"issuer": "https://as.example.com", "flow": "authorization_code"}}"#]);
    let service = loaded.config.service("default").unwrap();
    assert_eq!(service.server(), &ServerConfig::Discover { issuer: "https://as.example.com".to_owned() });
    assert!(service.missing().iter().all(|missing| missing.key != "tokenUrl"));
}

#[test]
fn the_fallback_words_have_their_patience_and_grace() {
    let policy = |block: &str| {
        let loaded = load([&format!(r#"{{"auth": {{"refreshToken": {{{block}}}}}}}"#)]);
        (loaded.config.service("default").unwrap().refresh().fallback(), loaded.warnings.len())
    };
    let seconds = Duration::from_secs;
    for (block, fallback, warnings) in [
        ("", Fallback::Queue { patience: seconds(30) }, 0),
        (r#""queuePatience": 5"#, Fallback::Queue { patience: seconds(5) }, 0),
        (r#""fallbackBehavior": "use-expired""#, Fallback::UseExpired { grace: seconds(60) }, 0),
        (
            r#""fallbackBehavior": "use-expired", "expiredGrace": 9"#,
            Fallback::UseExpired { grace: seconds(9) },
            0,
        ),
        (r#""fallbackBehavior": "fail", "queuePatience": 5"#, Fallback::Fail, 1),
    ] {
        assert_eq!(policy(block), (fallback, warnings), "{block}");
    }
    let long = load([r#"{"auth": {"refreshToken": {"retryDelay": 120000}}}"#]);
    let refresh = long.config.service("default").unwrap().refresh().clone();
    assert_eq!((refresh.retry_delay(), refresh.longest_delay()), (seconds(120), seconds(120)));
}

#[test]
fn the_sections_of_the_deployment_are_plain_data() {
    let loaded = load([r#"{
        "$schema": "https://example.com/grantry/schema.json",
        "vault": {"type": "sqlite", "path": "/var/lib/grantry.db", "deployment": "eu", "lifeboats": "/var/lib/boats",
                  "reaper": {"unusedFor": 90}},
        "keys": {"type": "pkcs11", "module": "/usr/lib/softhsm.so", "tokenLabel": "grantry", "pin": "${SECRET}",
                 "rotation": {"every": 30}},
        "audit": {"folder": "/var/log/grantry", "patience": 500},
        "access": {
            "epoch": 7,
            "roles": {"reader": {"permissions": ["token.use", "grant.read"]}},
            "bindings": [
                {"principal": "workload:billing", "role": "reader", "tenant": "acme", "service": "crm-*"},
                {"effect": "deny", "principal": "*", "role": "admin", "tenant": "*", "until": "2027-01-01T00:00:00Z"}
            ]
        }
    }"#]);
    let config = &loaded.config;
    let alone = config.services_alone();
    let others =
        [alone.vault().is_none(), alone.keys().is_none(), alone.audit().is_none(), alone.access().is_none()];
    assert!(others.iter().all(|is_gone| *is_gone) && alone.secret_variables().eq(config.secret_variables()));
    let vault = config.vault().unwrap();
    assert!(matches!(&vault.store, StoreSection::Sqlite { path, .. } if path.ends_with("grantry.db")));
    assert_eq!(vault.deployment.as_deref(), Some("eu"));
    let reaper = vault.reaper.as_ref().unwrap();
    assert_eq!((reaper.by.as_str(), reaper.unused_for.as_secs()), ("workload:reaper", 90 * 24 * 3600));
    let keys = config.keys().unwrap();
    let KeyProviderSection::Pkcs11 { token, pin, .. } = &keys.provider else { panic!("{keys:?}") };
    assert_eq!(token, &TokenSection::Label("grantry".to_owned()));
    assert_eq!(pin.as_ref().unwrap().expose(), "from the environment");
    let rotation = keys.rotation.as_ref().unwrap();
    assert_eq!(rotation.warn_at(), Duration::from_secs(25 * 24 * 3600));
    assert!(config.audit().unwrap().in_vault);
    let access = config.access().unwrap();
    assert_eq!((access.epoch(), access.bindings().count()), (7, 2));
    assert!(access.role("reader").unwrap().holds(Permission::TokenUse));
    let until = access.bindings().nth(1).unwrap().expires().unwrap();
    assert_eq!(until.as_unix_seconds(), 1_798_761_600);
}

#[test]
fn every_store_and_key_provider_has_its_data() {
    let store =
        |block: &str| load([&format!(r#"{{"vault": {block}}}"#)]).config.vault().unwrap().store.clone();
    assert!(matches!(store(r#"{"type": "memory"}"#), StoreSection::Memory));
    let postgres =
        store(r#"{"type": "postgres", "url": "postgres://u@h/d", "schema": "s", "connections": 4}"#);
    let StoreSection::Postgres { url, connections, .. } = postgres else { panic!("{postgres:?}") };
    assert_eq!((url.expose(), connections), ("postgres://u@h/d", Some(4)));
    let redis = store(r#"{"type": "redis", "url": "rediss://h", "waitForReplicas": 1}"#);
    assert!(matches!(
        redis,
        StoreSection::Redis { wait_for_replicas: Some(1), accept_no_persistence: false, .. }
    ));
    let keys = |block: &str| load([&format!(r#"{{"keys": {block}}}"#)]).config.keys().unwrap().clone();
    assert!(matches!(keys(r#"{"type": "file", "path": "k"}"#).provider, KeyProviderSection::File { .. }));
    let keychain = keys(r#"{"type": "keychain", "entry": "billing"}"#).provider;
    assert!(
        matches!(&keychain, KeyProviderSection::Keychain { entry, .. } if entry == "billing"),
        "{keychain:?}"
    );
    let off = keys(r#"{"type": "environment", "variable": "KEY", "rotation": {"enabled": false}}"#);
    assert!(off.rotation.is_none() && matches!(off.provider, KeyProviderSection::Environment { .. }));
    let phrase = keys(r#"{"type": "passphrase", "passphrase": "${SECRET}", "salt": "0123456789abcdef"}"#);
    assert!(matches!(phrase.provider, KeyProviderSection::Passphrase { .. }));
    let kms = keys(r#"{"type": "aws-kms", "region": "eu-central-1", "key": "alias/grantry"}"#);
    assert!(matches!(kms.provider, KeyProviderSection::AwsKms { .. }));
    let transit =
        keys(r#"{"type": "transit", "address": "https://vault.example.com", "key": "k", "tokenFile": "t"}"#);
    assert!(matches!(transit.provider, KeyProviderSection::Transit { token: None, token_file: Some(_), .. }));
}

#[test]
fn another_type_in_a_later_layer_leaves_nothing_of_the_first() {
    let loaded = load([
        r#"{"vault": {"type": "sqlite", "path": "grantry.db", "deployment": "eu"}}"#,
        r#"{"vault": {"type": "memory"}}"#,
    ]);
    let vault = loaded.config.vault().unwrap();
    assert!(matches!(vault.store, StoreSection::Memory));
    assert_eq!(vault.deployment.as_deref(), Some("eu"));
}

#[test]
fn pkce_is_not_switched_off_where_nothing_says_that_the_provider_does_without() {
    let loaded = load([r#"{"auth": {"flow": "authorization_code", "pkce": false}}"#]);
    assert!(loaded.config.service("default").unwrap().pkce());
    assert_eq!(loaded.warnings[0].kind(), FindingKind::Pkce);
    assert!(loaded.warnings[0].what().contains("PKCE stays on"), "{}", loaded.warnings[0]);
    // Nor where the preset says that PKCE is checked, or says nothing of it.
    for provider in ["google", "slack"] {
        let text = format!(
            r#"{{"auth": {{"flow": "authorization_code", "provider": "{provider}", "pkce": false}}}}"#
        );
        let loaded = load([text.as_str()]);
        assert!(loaded.config.service("default").unwrap().pkce(), "{provider}");
    }
}

#[test]
fn pkce_is_off_where_it_is_said_so_and_the_provider_is_known_to_refuse_it() {
    let of = |pkce: &str| {
        load([
            format!(r#"{{"auth": {{"flow": "authorization_code", "provider": "linkedin"{pkce}}}}}"#).as_str()
        ])
    };
    let off = of(r#", "pkce": false"#);
    assert!(!off.config.service("default").unwrap().pkce());
    let warning = off.warnings.iter().find(|warning| warning.kind() == FindingKind::Pkce).unwrap();
    assert!(warning.what().contains("as this provider needs it"), "{warning}");
    for on in [of(""), of(r#", "pkce": true"#)] {
        assert!(on.config.service("default").unwrap().pkce());
        assert!(on.warnings.iter().all(|warning| warning.kind() != FindingKind::Pkce));
    }
}

#[test]
fn a_newer_configuration_says_what_it_changes_and_no_value() {
    let old = load([r#"{"services": {
        "same": {"clientId": "a", "clientSecret": "from the environment"},
        "secret": {"clientId": "b", "clientSecret": "s3cret-1"},
        "gone": {}
    }, "tenants": {"acme": {"services": {"same": {"clientId": "x"}}}}, "vault": {"type": "memory"}}"#]);
    let new = load([r#"{"services": {
        "new": {},
        "secret": {"clientId": "b", "clientSecret": "s3cret-2", "scopes": ["s"]},
        "same": {"clientId": "a", "clientSecret": "${SECRET}"}
    }, "tenants": {"acme": {"services": {"same": {"clientId": "y"}}}, "umbrella": {}},
        "vault": {"type": "sqlite", "path": "x"}}"#]);
    let changes = old.config.changes(&new.config);
    let names = |ids: &[grantry_config::ServiceId]| {
        ids.iter()
            .map(|id| (id.tenant.as_ref().map(ToString::to_string), id.service.to_string()))
            .collect::<Vec<_>>()
    };
    let service = |name: &str| vec![(None, name.to_owned())];
    assert_eq!(names(&changes.added), service("new"));
    assert_eq!(names(&changes.removed), service("gone"));
    assert_eq!(names(&changes.unchanged), service("same"));
    let changed: Vec<_> = changes.changed.iter().map(|change| change.keys.as_slice()).collect();
    assert_eq!(changed, [&["clientSecret", "scopes"][..], &["clientId"]]);
    assert_eq!(changes.sections, ["tenants", "vault"]);
    let shown = format!("{changes:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(old.config.changes(&old.config.clone()).is_empty());
}
