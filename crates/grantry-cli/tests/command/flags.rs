//! Whatever a configuration may say of a service, `auth set` may, too.

use std::collections::BTreeSet;

use grantry::pantry::ATTRIBUTES;
use grantry_config::json_schema;
use serde_json::Value;

use crate::fixture::{Home, SECRET};

/// A key of the configuration's `auth` block, and the flags that say the same.
const FLAGS: &[(&str, &[&str])] = &[
    // There is one type.
    ("type", &[]),
    ("flow", &["--flow"]),
    ("provider", &["--provider"]),
    ("tenantId", &["--provider-param"]),
    ("instanceUrl", &["--provider-param"]),
    ("domain", &["--provider-param"]),
    ("providerParams", &["--provider-param"]),
    ("issuer", &["--issuer"]),
    ("tokenUrl", &["--token-url"]),
    ("authorizationUrl", &["--authorization-url"]),
    ("revocationUrl", &["--revocation-url"]),
    ("introspectionUrl", &["--introspection-url"]),
    ("deviceAuthorizationUrl", &["--device-url"]),
    ("pushedAuthorizationUrl", &["--par-url"]),
    ("jwksUri", &["--jwks-uri"]),
    ("redirectUri", &["--redirect-uri"]),
    ("clientId", &["--client-id"]),
    ("clientSecret", &["--client-secret", "--client-secret-stdin", "--client-secret-env"]),
    ("clientSecretFile", &["--client-secret-file"]),
    ("clientAuthentication", &["--auth-method", "--public"]),
    ("privateKey", &["--private-key-file"]),
    ("privateKeyFile", &["--private-key-file"]),
    ("privateKeyId", &["--key-id"]),
    ("signingAlgorithm", &["--signing-algorithm"]),
    ("certificateFile", &["--certificate-file"]),
    ("mutualTls", &["--tls-certificate-file", "--private-key-file", "--certificate-bound"]),
    ("dpop", &["--dpop"]),
    ("revocation", &["--revocation-spares"]),
    ("refreshRate", &["--refresh-rate"]),
    ("scopes", &["--scope"]),
    ("resources", &["--resource"]),
    ("additionalParams", &["--param", "--audience"]),
    ("pkce", &["--no-pkce"]),
    ("subjectTokenType", &["--subject-token-type"]),
    ("requestedTokenType", &["--requested-token-type"]),
    ("refreshToken", &["--renew-ahead"]),
    ("refreshToken.enabled", &["--renew-ahead"]),
    ("refreshToken.bufferTime", &["--buffer-time"]),
    ("refreshToken.maxRetries", &["--max-retries"]),
    ("refreshToken.retryDelay", &["--retry-delay"]),
    ("refreshToken.fallbackBehavior", &["--fallback"]),
    ("refreshToken.queuePatience", &["--queue-patience"]),
    ("refreshToken.expiredGrace", &["--expired-grace"]),
];

/// The keys that a configuration knows, by its schema.
fn keys() -> BTreeSet<String> {
    let schema: Value = serde_json::from_str(&json_schema()).unwrap();
    let definitions = ["definitions", "$defs"].into_iter().find_map(|name| schema.get(name)).unwrap();
    let of = |section: &str, prefix: &str| -> Vec<String> {
        let properties = definitions[section]["properties"].as_object().unwrap();
        properties.keys().map(|key| format!("{prefix}{key}")).collect()
    };
    [of("auth", ""), of("refreshToken", "refreshToken.")].concat().into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_key_of_a_service_in_a_configuration_has_a_flag() {
    let listed: BTreeSet<String> = FLAGS.iter().map(|(key, _)| (*key).to_owned()).collect();
    assert_eq!(keys(), listed);
    let help = Home::new().run(&["auth", "set", "--help"]).await.ends(0).stdout;
    for (key, flags) in FLAGS {
        for flag in *flags {
            assert!(help.split_whitespace().any(|word| word == *flag), "{key} has no {flag}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attribute_that_describes_a_service_is_stored_by_a_flag() {
    let home = Home::new();
    let certificate = rcgen::generate_simple_self_signed(["client.example".to_owned()]).unwrap();
    let pem = home.folder.path().join("certificate.pem");
    let key = home.folder.path().join("key.pem");
    std::fs::write(&pem, certificate.cert.pem()).unwrap();
    std::fs::write(&key, certificate.signing_key.serialize_pem()).unwrap();
    let url = "https://as.example.com/endpoint";
    let urls = [
        "--token-url",
        "--authorization-url",
        "--revocation-url",
        "--introspection-url",
        "--device-url",
        "--par-url",
        "--jwks-uri",
        "--issuer",
    ];
    let mut flags = vec!["auth", "set", "--service", "crm", "--client-id", "billing"];
    flags.extend(urls.into_iter().flat_map(|flag| [flag, url]));
    flags.extend([
        "--provider",
        "okta",
        "--provider-param",
        "domain=acme",
        "--flow",
        "token_exchange",
        "--auth-method",
        "tls_client_auth",
        "--tls-certificate-file",
        pem.to_str().unwrap(),
        "--private-key-file",
        key.to_str().unwrap(),
        "--certificate-file",
        pem.to_str().unwrap(),
        "--certificate-bound",
        "--dpop",
        "--no-pkce",
        "--key-id",
        "k1",
        "--signing-algorithm",
        "ES256",
        "--rotation",
        "grace:30",
        "--revocation-spares",
        "refresh_tokens",
        "--revocation-spares",
        "later_consents",
        "--refresh-rate",
        "10/600",
        "--redirect-uri",
        "https://app.example.com/callback",
        "--subject-token-type",
        "urn:ietf:params:oauth:token-type:access_token",
        "--requested-token-type",
        "urn:ietf:params:oauth:token-type:access_token",
        "--scope",
        "contacts.read",
        "--resource",
        "https://api.example.com",
        "--audience",
        "https://api.example.com",
        "--param",
        "hint=x",
        "--renew-ahead",
        "false",
        "--buffer-time",
        "60",
        "--max-retries",
        "5",
        "--retry-delay",
        "200",
        "--fallback",
        "use-expired",
        "--queue-patience",
        "10",
        "--expired-grace",
        "20",
    ]);
    home.run(&flags).await.ends(0);
    let list = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    let fields = list["services"][0]["fields"].as_object().unwrap();
    for name in ATTRIBUTES {
        assert!(fields.contains_key(*name), "{name} has no flag: {fields:?}");
    }
    assert_eq!(fields["refresh.expired_grace_seconds"], "20");
    assert_eq!(fields["revocation_spares"], "refresh_tokens later_consents");
    home.run(&["auth", "set", "--service", "crm", "--signing-algorithm", "none"]).await.ends(2);
    home.run(&["auth", "set", "--service", "crm", "--queue-patience", "0", "--fallback", "queue"])
        .await
        .ends(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_anything_to_show_is_stored_only_where_that_is_said() {
    let home = Home::new();
    let crm = ["auth", "set", "--service", "crm", "--client-id", "billing"];
    let with = |more: &[&'static str]| [crm.as_slice(), more].concat();
    let refused = home.run(&crm).await.ends(2);
    for way in [
        "--client-secret-stdin",
        "--client-secret-env",
        "--client-secret-file",
        "--private-key-file",
        "--public",
    ] {
        assert!(refused.stderr.contains(way), "{way}: {}", refused.stderr);
    }
    assert!(!home.vault().exists(), "nothing is made for a mistake");
    let keyed = home.run(&with(&["--auth-method", "private_key_jwt"])).await.ends(2);
    assert!(
        keyed.stderr.contains("--private-key-file") && !keyed.stderr.contains("--public"),
        "{}",
        keyed.stderr
    );
    home.run(&with(&["--auth-method", "client_secret_post"])).await.ends(2);

    home.run(&with(&["--public"])).await.ends(0);
    // What is stored so stays so, until another client is named.
    home.run(&with(&["--scope", "contacts.read"])).await.ends(0);
    home.run(&["auth", "set", "--service", "crm", "--client-id", "other"]).await.ends(2);
    home.run(&["auth", "set", "--service", "erp", "--client-id", "billing", "--auth-method", "none"])
        .await
        .ends(0);

    // Another client may keep a secret that is stored.
    let secret = ["auth", "set", "--service", "crm", "--client-id", "other", "--client-secret-stdin"];
    home.run_with_stdin(&secret, SECRET).await.ends(0);
    home.run(&crm).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_configuration_refuses_is_refused_as_a_flag_and_not_when_it_is_used() {
    let home = Home::new();
    let set = ["auth", "set", "--service", "crm", "--client-id", "billing", "--public", "--token-url"];
    let set = [&set[..], &["https://as.example.com/token"]].concat();
    for (flag, words) in [
        ("--param=grant_type=x", "cannot be set as an additional one: use --flow"),
        ("--param=response_mode=fragment", "cannot be set as an additional one"),
        ("--resource=api", "no absolute URI"),
        ("--redirect-uri=http://app.example.com/callback", "--redirect-uri is http"),
        ("--redirect-uri=https://app.example.com/#callback", "--redirect-uri has a fragment"),
        ("--rotation=grace:1", "too short for an answer to be lost"),
        ("--refresh-rate=10", "such as 10/600"),
    ] {
        let refused = home.run(&[&set[..], &[flag]].concat()).await.ends(2).stderr;
        assert!(refused.contains(words), "{flag}: {refused}");
    }
    assert!(!home.vault().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_provider_is_known_for_is_taken_away_by_a_flag() {
    let home = Home::new();
    let zoho =
        ["auth", "set", "--service", "zoho", "--client-id", "billing", "--public", "--provider", "zoho"];
    home.run(&[&zoho[..], &["--revocation-spares", "nothing", "--refresh-rate", "none"]].concat())
        .await
        .ends(0);
    let list = home.run(&["auth", "list", "--json"]).await.ends(0).json();
    let fields = &list["services"][0]["fields"];
    assert_eq!((&fields["revocation_spares"], &fields["refresh_rate"]), (&"nothing".into(), &"none".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_secret_is_kept_beside_a_new_one_only() {
    let home = Home::new();
    home.run(&["auth", "set", "--service", "crm", "--client-id", "billing", "--public"]).await.ends(0);
    let told = home.run(&["auth", "rotate", "--service", "crm", "--keep-old"]).await.ends(2).stderr;
    assert!(told.contains("there is no new secret"), "{told}");
}
