//! What a broken or hostile file says is refused, at its place, with what was expected, and without its secrets.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use grantry_config::{Config, ConfigErrors, FindingKind, FixedSurroundings, Loaded, Source, Unreadable};

/// Stands in every secret.
const CANARY: &str = "c4n4ry5f0c1d9e7b";

fn surroundings() -> FixedSurroundings {
    FixedSurroundings::new()
        .with_variable("LINE", "id\n")
        .with_variable("EMPTY", "")
        .with_file("secret", CANARY)
}

fn load(text: &str) -> Result<Loaded, ConfigErrors> {
    let loaded = Config::load([Source::text("t", text)], &surroundings());
    let mut shown = format!("{loaded:?}");
    match &loaded {
        Ok(loaded) => {
            for finding in loaded.warnings.iter().chain(&loaded.notes) {
                let _ = write!(shown, "{finding} {finding:?} {}", finding.report());
            }
        }
        Err(errors) => {
            let error = grantry_core::Error::from(errors.clone());
            let _ = write!(shown, "{errors} {} {error} {error:?}", errors.report());
        }
    }
    assert!(!shown.contains(CANARY), "{shown}");
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    loaded
}

#[track_caller]
fn refused(text: &str, kind: FindingKind, words: &str) {
    let errors = match load(text) {
        Ok(loaded) => panic!("{text} is accepted: {loaded:?}"),
        Err(errors) => errors,
    };
    let found = errors.errors().iter().find(|error| error.to_string().contains(words));
    let Some(found) = found else { panic!("{text}: not {words:?} but {errors}") };
    assert_eq!(found.kind(), kind, "{text}: {found}");
    assert!(found.place().is_some(), "{text}: {found}");
    for error in errors.errors() {
        assert!(error.expected().or(error.nearest()).is_some(), "{text}: nothing is expected: {error}");
    }
}

/// A mistake in the `auth` block.
#[track_caller]
fn in_auth(members: &str, kind: FindingKind, words: &str) {
    refused(&format!("{{\"auth\": {{{members}}}}}"), kind, words);
}

#[track_caller]
fn accepted(text: &str) -> Loaded {
    load(text).unwrap_or_else(|errors| panic!("{}", errors.report()))
}

#[test]
fn keys_that_there_are_not_or_that_are_there_twice() {
    use FindingKind::{DuplicateKey, UnknownKey};
    in_auth(r#""tokenURL": "https://a.example""#, UnknownKey, r#"did you mean "tokenUrl"?"#);
    in_auth(r#""token_endpoint": "https://a.example""#, UnknownKey, r#"did you mean "tokenUrl"?"#);
    in_auth(r#""shop": "acme""#, UnknownKey, r#"did you mean "providerParams"?"#);
    in_auth(&format!(r#""clientSecrte": "{CANARY}""#), UnknownKey, r#"did you mean "clientSecret"?"#);
    in_auth("\"s\u{441}opes\": []", UnknownKey, "U+0441, which only looks like");
    in_auth(r#""quux": 1"#, UnknownKey, "expected one of type, flow");
    in_auth(r#""": 1"#, UnknownKey, "there is no key \"\"");
    in_auth(r#""refreshToken": {"buffer": 1}"#, UnknownKey, r#"did you mean "bufferTime"?"#);
    in_auth(
        r#""clientId": "a", "clientId": "b""#,
        DuplicateKey,
        "twice; expected it once; the first one is at t:1:11",
    );
    in_auth(r#""clientId": "a", "client\u0049d": "b""#, DuplicateKey, "twice");
    refused(r#"{"services": {"crm": {}, "crm": {}}}"#, DuplicateKey, "the name \"crm\" is there twice");
    refused(
        r#"{"services": {"crm": {"auth": {}, "clientId": "a"}}}"#,
        UnknownKey,
        "no key \"clientId\" in service",
    );
    in_auth(r#""additionalParams": {"a": "1", "a": "2"}"#, DuplicateKey, "the name \"a\" is there twice");
    refused(r#"{"__proto__": {}}"#, UnknownKey, "__proto__");
    refused(r#"{"include": "other.json"}"#, UnknownKey, "include");
}

#[test]
fn values_of_another_type() {
    use FindingKind::WrongType;
    in_auth(r#""clientId": 5"#, WrongType, "\"clientId\" is a number; expected a text");
    in_auth(r#""clientId": null"#, WrongType, "leave it out");
    in_auth(r#""scopes": "read write""#, WrongType, r#"such as ["read", "write"]"#);
    in_auth(r#""scopes": [1]"#, WrongType, "a number");
    in_auth(r#""pkce": "true""#, WrongType, "true or false");
    in_auth(r#""pkce": "${EMPTY}""#, WrongType, "neither true nor false");
    in_auth(r#""refreshToken": {"bufferTime": "300"}"#, WrongType, "without quotes");
    in_auth(r#""refreshToken": []"#, WrongType, "an object");
    in_auth(r#""additionalParams": {"max_age": 5}"#, WrongType, "a text");
    refused("[]", WrongType, "a list");
    refused(r#"{"services": []}"#, WrongType, "an object");
    refused(r#"{"services": {"crm": "https://a.example"}}"#, WrongType, "a text");
    refused(r#"{"access": {"bindings": {}}}"#, WrongType, "a list of objects");
}

#[test]
fn numbers_out_of_range() {
    use FindingKind::{InvalidValue, Syntax};
    let block = |member: &str| format!(r#""refreshToken": {{{member}}}"#);
    in_auth(&block(r#""bufferTime": -1"#), InvalidValue, "negative");
    in_auth(&block(r#""bufferTime": 1.5"#), InvalidValue, "whole number");
    in_auth(&block(r#""bufferTime": 1e9"#), InvalidValue, "whole number");
    in_auth(&block(r#""bufferTime": 1e9h"#), Syntax, "without a unit");
    in_auth(
        &block(r#""bufferTime": 99999999999"#),
        InvalidValue,
        "too large; expected a whole number of seconds",
    );
    in_auth(&block(r#""retryDelay": 18446744073709551616"#), InvalidValue, "too large");
    in_auth(&block(&format!(r#""maxRetries": {}"#, "9".repeat(400))), InvalidValue, "too large");
    in_auth(&block(r#""retryDelay": 0"#), InvalidValue, "retry in a loop");
    in_auth(&block(r#""queuePatience": 0"#), InvalidValue, "queuePatience is 0");
    in_auth(
        &block(r#""fallbackBehavior": "use-expired", "expiredGrace": 0"#),
        InvalidValue,
        "expiredGrace is 0",
    );
    in_auth(&block(r#""fallbackBehavior": "useExpired""#), InvalidValue, r#"did you mean "use-expired"?"#);
    in_auth(&block(r#""bufferTime": NaN"#), Syntax, "no value");
}

#[test]
fn urls_that_may_not_be_endpoints() {
    for (url, words) in [
        ("http://as.example.com/token", "https URL"),
        ("https://user:c4n4ry5f0c1d9e7b@as.example.com/token", "user name or password"),
        ("https://as.example.com/token#c", "fragment"),
        ("https://as.example.com./token", "dot at the end"),
        ("https://as.example.com:0/token", "port 0"),
        ("https://as.example.com:65536/token", "1 to 65535"),
        ("https://2130706433/token", "another form"),
        ("//as.example.com/token", "https://"),
        ("https://as.example.com/token?key=c4n4ry5f0c1d9e7b#x", "fragment"),
        ("https://as.example.com/ token", "white space"),
        ("https://as.example.com/token\\u0000", "control character"),
        ("", "is empty"),
    ] {
        for key in ["tokenUrl", "issuer", "authorizationUrl", "revocationUrl", "jwksUri", "instanceUrl"] {
            in_auth(&format!(r#""{key}": "{url}""#), FindingKind::InvalidValue, words);
        }
    }
    in_auth(
        r#""redirectUri": "http://app.example.com/cb""#,
        FindingKind::InvalidValue,
        "redirectUri is http",
    );
}

#[test]
fn a_host_in_other_letters_is_told_by_its_true_name() {
    for host in ["b\u{fc}cher.example", "xn--bcher-kva.example", "\u{430}cme.example"] {
        let loaded = accepted(&format!(r#"{{"auth": {{"tokenUrl": "https://{host}/token"}}}}"#));
        let warning = loaded.warnings[0].to_string();
        assert!(warning.contains("it means xn--"), "{warning}");
    }
    assert!(accepted(r#"{"auth": {"tokenUrl": "https://192.0.2.7:8443/token"}}"#).warnings.is_empty());
}

#[test]
fn placeholders_that_lead_nowhere() {
    use FindingKind::InvalidValue;
    in_auth(r#""tokenUrl": "https://a.example/{tenant}""#, InvalidValue, r#"did you mean "tenantId"?"#);
    in_auth(r#""tokenUrl": "https://a.example/{tenantId""#, InvalidValue, "never closed");
    in_auth(r#""tokenUrl": "https://a.example/tenantId}""#, InvalidValue, "never opened");
    in_auth(
        r#""tokenUrl": "https://a.example/{instanceUrl}", "instanceUrl": "https://b.example""#,
        InvalidValue,
        "within",
    );
    for tenant in ["..", "a/b", "a?b", "a#b", "a%2fb", "a b", "", "\\u0000", ".a", "a..b"] {
        let members =
            format!(r#""tenantId": "{tenant}", "tokenUrl": "https://a.example/{{tenantId}}/token""#);
        in_auth(&members, InvalidValue, "tenantId");
    }
    let loaded = accepted(
        r#"{"auth": {"tokenUrl": "https://a.example/{tenantId}/token", "flow": "client_credentials"}}"#,
    );
    let missing = loaded.config.service("default").unwrap().missing()[0].key;
    assert_eq!(missing, "tenantId");
}

#[test]
fn what_a_preset_refuses_is_said_without_the_part_of_the_library_that_found_it() {
    let refused = |members: &str| {
        let errors = load(&format!("{{\"auth\": {{{members}}}}}")).unwrap_err();
        errors.errors().iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let microsoft = r#""provider": "microsoft", "tenantId": "contoso""#;
    for (members, begins) in [
        (microsoft, "t:1:48: the Microsoft tenant is not usable"),
        (
            r#""provider": "okta", "providerParams": {"domain": "https://a"}"#,
            "t:1:50: the Okta domain is not usable",
        ),
        (
            r#""provider": "salesforce", "instanceUrl": "https://a.example""#,
            "t:1:52: the Salesforce instance URL is not usable",
        ),
    ] {
        let said = refused(members);
        assert!(said.starts_with(begins), "{said}");
    }
    let loaded =
        accepted(&format!(r#"{{"auth": {{{microsoft}, "tokenUrl": "https://a.example/{{tenantId}}"}}}}"#));
    let warning = loaded.warnings[0].to_string();
    assert!(warning.contains("left out: the Microsoft tenant"), "{warning}");
}

#[test]
fn variables_and_files_that_are_not_there() {
    use FindingKind::{InvalidValue, Unresolved};
    in_auth(r#""clientId": "${NO_SUCH}""#, Unresolved, "t:1:24: the environment variable NO_SUCH is not set");
    in_auth(r#""clientId": "a${NO_SUCH}b""#, Unresolved, "t:1:25");
    in_auth(r#""clientId": "${NO SUCH}""#, Unresolved, "names no environment variable");
    in_auth(r#""clientId": "${}""#, Unresolved, "names no environment variable");
    in_auth(r#""clientId": "${NO_SUCH""#, Unresolved, "never closed");
    in_auth(r#""clientId": "${A:-${B}}""#, Unresolved, "inside another");
    in_auth(r#""clientId": "${file:/no/such}""#, Unresolved, "there is no such file");
    in_auth(r#""clientId": "${file:}""#, Unresolved, "there is no such file");
    in_auth(r#""clientId": "${file:a\u0000b}""#, Unresolved, "there is no such file");
    in_auth(r#""clientId": "${LINE}""#, InvalidValue, "line break at its end");
    in_auth(r#""clientId": "${EMPTY}""#, InvalidValue, "clientId is empty");
    in_auth(r#""clientSecretFile": "/no/such""#, Unresolved, "there is no such file");
}

#[test]
fn clients_that_no_server_knows() {
    use FindingKind::{Contradiction, InvalidValue};
    in_auth(r#""clientId": """#, InvalidValue, "clientId is empty");
    in_auth(r#""clientId": " a""#, InvalidValue, "white space around it");
    in_auth(r#""clientSecret": """#, InvalidValue, "clientSecret is empty");
    in_auth(&format!(r#""clientSecret": "{CANARY}\n""#), InvalidValue, "line break at its end");
    in_auth(
        &format!(r#""clientSecret": "{CANARY}", "clientSecretFile": "secret""#),
        Contradiction,
        "keep one of them",
    );
    in_auth(r#""privateKey": "MIGH""#, InvalidValue, "neither in PEM nor a JWK");
    let both = r#""privateKey": "-----BEGIN PRIVATE KEY-----", "privateKeyFile": "secret""#;
    in_auth(both, Contradiction, "keep one of them");
    for (method, key) in [
        ("none", "clientSecret"),
        ("private_key_jwt", "clientSecret"),
        ("client_secret_post", "privateKey"),
        ("tls_client_auth", "clientSecret"),
        ("self_signed_tls_client_auth", "privateKey"),
    ] {
        let value = if key == "privateKey" { "-----BEGIN PRIVATE KEY-----" } else { CANARY };
        let members = format!(r#""clientAuthentication": "{method}", "{key}": "{value}""#);
        in_auth(&members, Contradiction, "has no use for");
    }
    in_auth(r#""clientAuthentication": "client_secret""#, InvalidValue, "no such value");
    in_auth(
        r#""clientAuthentication": "tls_client_ath""#,
        InvalidValue,
        r#"did you mean "tls_client_auth"?"#,
    );
    let colon = accepted(r#"{"auth": {"clientId": "a:b"}}"#);
    assert!(colon.warnings[0].to_string().contains("sends as %3A"), "{:?}", colon.warnings);
    let post = accepted(r#"{"auth": {"clientId": "a:b", "clientAuthentication": "client_secret_post"}}"#);
    assert!(post.warnings.is_empty());
}

#[test]
fn req_b25_no_configuration_has_an_implicit_or_a_password_flow() {
    use FindingKind::InvalidValue;
    for flow in ["implicit", "token"] {
        in_auth(&format!(r#""flow": "{flow}""#), InvalidValue, "implicit flow is not offered");
    }
    for flow in ["password", "resource_owner_password_credentials"] {
        in_auth(&format!(r#""flow": "{flow}""#), InvalidValue, "password flow is not offered");
    }
}

#[test]
fn scopes_parameters_and_flows_that_cannot_be_meant() {
    use FindingKind::{Contradiction, InvalidValue};
    in_auth(r#""scopes": ["read,write"]"#, InvalidValue, "holds a comma");
    in_auth(r#""scopes": [""]"#, InvalidValue, "a scope is empty");
    in_auth(r#""scopes": ["a\"b"]"#, InvalidValue, "RFC 6749");
    in_auth(r#""resources": ["api"]"#, InvalidValue, "no absolute URI");
    in_auth(r#""flow": "clientCredentials""#, InvalidValue, r#"did you mean "client_credentials"?"#);
    in_auth(r#""type": "oauth1""#, InvalidValue, r#"did you mean "oauth2"?"#);
    in_auth(r#""provider": "gogle""#, InvalidValue, r#"did you mean "google"?"#);
    in_auth(
        r#""provider": "google", "providerParams": {"shop": "x"}"#,
        FindingKind::UnknownKey,
        "takes no \"shop\"",
    );
    for name in [
        "client_secret",
        "grant_type",
        "scope",
        "redirect_uri",
        "state",
        "code_verifier",
        "dpop_jkt",
        "actor_token",
    ] {
        in_auth(&format!(r#""additionalParams": {{"{name}": "x"}}"#), Contradiction, "cannot be set");
    }
    in_auth(r#""additionalParams": {"audience": ""}"#, InvalidValue, "counts as left out");
    in_auth(r#""additionalParams": {"": "x"}"#, InvalidValue, "is empty");
    let url = r#""issuer": "https://a.example", "authorizationUrl": "https://a.example/x""#;
    in_auth(url, Contradiction, "authorizationUrl is there and tokenUrl is not");
    refused(r#"{"auth": {}, "services": {}}"#, Contradiction, "services is at t:1:14");
}

#[test]
fn names_of_tenants_and_services_that_could_be_mistaken() {
    let long = "a".repeat(1024);
    for name in [
        "..",
        "/",
        "a/b",
        "\\u0000",
        &long,
        "",
        "Acme",
        "acm\u{e9}",
        "acme\u{301}",
        "\u{430}cme",
        "-a",
        "a b",
    ] {
        for section in ["tenants", "services"] {
            refused(
                &format!(r#"{{"{section}": {{"{name}": {{}}}}}}"#),
                FindingKind::InvalidValue,
                "is not usable",
            );
        }
    }
    refused(r#"{"service": "Crm", "auth": {}}"#, FindingKind::InvalidValue, "is not usable");
}

#[test]
fn words_that_mean_something_elsewhere_are_refused_or_are_names_like_others() {
    // Patterns of policies, and members that other languages give every object.
    for name in ["*", "__proto__", "_system", "system:renewal", "$ref", "%00", "."] {
        for section in ["tenants", "services"] {
            let text = format!(r#"{{"{section}": {{"{name}": {{}}}}}}"#);
            refused(&text, FindingKind::InvalidValue, "is not usable");
        }
    }
    let words =
        ["default", "system", "null", "true", "constructor", "con", "nul", "tenants", "deployment", "0"];
    let own: Vec<String> = words
        .iter()
        .map(|word| format!(r#""{word}": {{"services": {{"crm": {{"clientId": "of-{word}"}}}}}}"#))
        .collect();
    let loaded = accepted(&format!(r#"{{"tenants": {{{}}}}}"#, own.join(", ")));
    assert_eq!(loaded.config.tenants().count(), words.len());
    for (tenant, own) in loaded.config.tenants() {
        let service = own.services().next().unwrap();
        let id = service.registration().client_id().unwrap().value().as_str().to_owned();
        assert_eq!(id, format!("of-{tenant}"), "each keeps its own");
    }
}

#[test]
fn what_the_library_decides_by_itself_has_no_key() {
    // How retries are spread, how long leases hold, what else is read: nobody can set these wrongly.
    for member in [r#""jitter": 1.5"#, r#""jitter": 2"#, r#""minDelay": 9"#, r#""lease": 1"#] {
        in_auth(&format!(r#""refreshToken": {{{member}}}"#), FindingKind::UnknownKey, "there is no key");
    }
    for include in [r#""include": "t""#, r#""extends": ["t"]"#, r#""$include": "t""#] {
        refused(&format!("{{{include}}}"), FindingKind::UnknownKey, "there is no key");
    }
}

#[test]
fn what_a_placeholder_brings_is_no_placeholder_again() {
    let surroundings =
        FixedSurroundings::new().with_file("loop", "${file:loop}").with_variable("AGAIN", "${AGAIN}");
    let text = r#"{"auth": {"clientId": "${AGAIN}", "clientSecret": "${file:loop}"}}"#;
    let loaded = Config::load([Source::text("t", text)], &surroundings).unwrap();
    let service = loaded.config.service("default").unwrap().registration();
    assert_eq!(service.client_id().unwrap().value().as_str(), "${AGAIN}");
    assert_eq!(service.client_secret().unwrap().value().expose(), "${file:loop}");
}

#[test]
fn a_key_that_is_named_in_two_ways_or_not_at_all() {
    use FindingKind::{Contradiction, Missing, UnknownKey};
    for (members, kind, words) in [
        (r#""type": "aws-kms", "region": "eu-west-1""#, Missing, "needs key"),
        (r#""type": "aws-kms", "key": "alias/k""#, Missing, "needs region"),
        (r#""type": "transit", "address": "https://v.example.com""#, Missing, "needs key"),
        (r#""type": "keychain""#, Missing, "needs entry"),
        (r#""type": "environment""#, Missing, "needs variable"),
        (r#""type": "file", "path": "k", "key": "alias/k""#, Contradiction, "belongs to the type"),
        (r#""type": "aws-kms", "region": "eu-west-1", "keyId": "k""#, UnknownKey, r#"did you mean "key"?"#),
    ] {
        refused(&format!(r#"{{"keys": {{{members}}}}}"#), kind, words);
    }
}

#[test]
fn sections_of_the_deployment_that_do_not_fit_together() {
    use FindingKind::{Contradiction, InvalidValue, Missing};
    for (text, kind, words) in [
        (r#"{"vault": {}}"#, Missing, "vault does not say its type"),
        (r#"{"vault": {"type": "sqlite"}}"#, Missing, "needs path"),
        (r#"{"vault": {"type": "sqlite", "path": ""}}"#, InvalidValue, "path is empty"),
        (
            r#"{"vault": {"type": "sqlite", "path": "x", "url": "redis://h"}}"#,
            Contradiction,
            "belongs to the type",
        ),
        (r#"{"vault": {"type": "postgres", "url": "mysql://h"}}"#, InvalidValue, "postgres://"),
        (r#"{"vault": {"type": "postgres", "url": "h:5432"}}"#, InvalidValue, "no scheme"),
        (
            r#"{"vault": {"type": "postgres", "url": "postgres://h", "connections": 0}}"#,
            InvalidValue,
            "connections is 0",
        ),
        (r#"{"vault": {"type": "sqllite"}}"#, InvalidValue, r#"did you mean "sqlite"?"#),
        (r#"{"keys": {"type": "file"}}"#, Missing, "needs path"),
        (r#"{"keys": {"type": "pkcs11", "module": "m"}}"#, Missing, "which token"),
        (
            r#"{"keys": {"type": "pkcs11", "module": "m", "slot": 1, "tokenLabel": "l"}}"#,
            Contradiction,
            "both name the token",
        ),
        (
            r#"{"keys": {"type": "passphrase", "passphrase": "short", "salt": "0123456789abcdef"}}"#,
            InvalidValue,
            "12 characters",
        ),
        (
            r#"{"keys": {"type": "transit", "address": "http://vault.example.com", "key": "k"}}"#,
            InvalidValue,
            "https URL",
        ),
        (
            r#"{"keys": {"type": "file", "path": "k", "rotation": {"every": 0}}}"#,
            InvalidValue,
            "every is 0 days",
        ),
        (
            r#"{"keys": {"type": "file", "path": "k", "rotation": {"every": 5, "warnBefore": 5}}}"#,
            InvalidValue,
            "not before",
        ),
        (r#"{"keys": {"type": "file", "path": "k", "rotation": {"hold": 0}}}"#, InvalidValue, "hold is 0"),
        (r#"{"audit": {"vault": false}}"#, Contradiction, "neither in the vault nor in a folder"),
        (r#"{"audit": {"patience": 0}}"#, InvalidValue, "patience is 0"),
    ] {
        refused(text, kind, words);
    }
}

#[test]
fn access_that_would_mean_something_else() {
    use FindingKind::{Contradiction, InvalidValue, Missing};
    let binding = |members: &str| format!(r#"{{"access": {{"bindings": [{{{members}}}]}}}}"#);
    for (members, kind, words) in [
        (r#""principal": "*", "role": "admin""#, Missing, "a binding needs tenant"),
        (r#""role": "admin", "tenant": "*""#, Missing, "a binding needs principal"),
        (r#""principal": "billing", "role": "admin", "tenant": "*""#, InvalidValue, "billing"),
        (r#""principal": "*", "role": "admin", "tenant": "acme*""#, InvalidValue, "no prefixes of tenants"),
        (r#""principal": "*", "role": "admn", "tenant": "*""#, InvalidValue, r#"did you mean "admin"?"#),
        (
            r#""principal": "*", "role": "admin", "tenant": "*", "until": "tomorrow""#,
            InvalidValue,
            "no moment",
        ),
        (r#""principal": "*", "role": "admin", "tenant": "*", "service": "Crm""#, InvalidValue, "Crm"),
        (
            r#""effect": "permit", "principal": "*", "role": "admin", "tenant": "*""#,
            InvalidValue,
            "one of allow, deny",
        ),
    ] {
        refused(&binding(members), kind, words);
    }
    let role = |members: &str| format!(r#"{{"access": {{"roles": {{{members}}}}}}}"#);
    for (members, words) in [
        (r#""r": {"permissions": ["token.sue"]}"#, r#"did you mean "token.use"?"#),
        (r#""r": {"permissions": []}"#, "no permissions"),
        (r#""admin": {"permissions": ["token.use"]}"#, "ready-made"),
        (r#""r": {"permissions": ["token.use", "token.use"]}"#, "twice"),
    ] {
        refused(&role(members), InvalidValue, words);
    }
    let twice = r#"{"access": {"bindings": [
        {"principal": "*", "role": "admin", "tenant": "*"}, {"principal": "*", "role": "admin", "tenant": "*"}]}}"#;
    refused(twice, Contradiction, "the same as another one");
}

#[test]
fn what_is_no_json() {
    for (text, words) in [
        ("", "there is nothing in it"),
        ("  // only a comment\n", "there is nothing in it"),
        ("{", "never closed"),
        ("{\"auth\": {\"scopes\": [\"a\"}}", "closed by a }"),
        ("{\"auth\": {\"scopes\": [\"a\"", "never closed"),
        ("{\"auth\" {}}", "the colon between key and value is missing"),
        ("{auth: {}}", "a key stands without quotes"),
        ("{'auth': {}}", "a key should stand here"),
        ("{\"auth\": {\"clientId\": 'a'}}", "double quotes"),
        ("{\"auth\": {\"clientId\": c4n4ry5f0c1d9e7b}}", "no value"),
        ("{\"auth\": {\"clientId\": \"a\" \"clientSecret\": \"c4n4ry5f0c1d9e7b\"}}", "a comma is missing"),
        ("{\"auth\": {\"clientSecret\": \"c4n4ry5f0c1d9e7b}}\n", "no closing quote"),
        ("{\"auth\": {\"clientSecret\": \"a\"c4n4ry5f0c1d9e7b\"}}\n", "does not belong here"),
        ("{\"auth\": {\"clientSecret\", \"c4n4ry5f0c1d9e7b\"}}\n", "no value"),
        ("{\"auth\": {\"clientId\": \"a\\x\"}}", "this escape means nothing"),
        ("{\"auth\": {\"clientId\": \"\\ud800\"}}", "this escape means nothing"),
        ("{\"auth\": {\"clientId\": \"\\u+123\"}}", "this escape means nothing"),
        ("{\"auth\": {\"clientId\": \"a\tb\"}}", "a tab"),
        ("{\"auth\": {\"pkce\": True}}", "expected true"),
        ("{\"auth\": {,}}", "a comma too many"),
        ("{\"auth\": {\"scopes\": [,]}}", "a value is missing"),
        ("{} {}", "something follows the end"),
        ("{\"auth\": {}} /* c4n4ry5f0c1d9e7b", "never ends"),
        ("{\"auth\": {\"clientId\": 0x10}}", "no value"),
        ("{\"auth\": {\"clientId\": /c4n4ry5f0c1d9e7b/}}", "no value"),
    ] {
        refused(text, FindingKind::Syntax, words);
    }
}

#[test]
fn what_json_with_comments_allows_is_read() {
    let text = "\u{feff}{\r\n\t\"auth\": { // one\r\n\t\t/* two\r\n three */ \"clientId\": \"a\\u00e9\\ud83d\\ude00\\/\",\r\n\t},\r\n}\r\n";
    let loaded = accepted(text);
    let service = loaded.config.service("default").unwrap();
    assert_eq!(service.registration().client_id().unwrap().value().as_str(), "a\u{e9}\u{1f600}/");
    assert_eq!(service.registration().client_id().unwrap().place().to_string(), "t:4:23");
}

#[test]
fn nesting_without_end_is_refused_and_overflows_no_stack() {
    for open in ["[", "{\"a\":", "{\"auth\":{\"scopes\":["] {
        refused(&open.repeat(100_000), FindingKind::Syntax, "nested deeper than 32");
    }
}

#[test]
fn all_mistakes_of_a_file_are_told_at_once_in_their_order() {
    let text = r#"{
        "auth": {
            "tokenUrl": "http://as.example.com/token",
            "clientID": "a",
            "scopes": ["a,b"],
            "clientSecret": s3cret,
            "refreshToken": {"bufferTime": -5, "fallbackBehavior": "wait"}
        },
        "vualt": {},
        "keys": {"type": "file"}
    }"#;
    let errors = load(text).unwrap_err();
    let lines: Vec<u32> = errors.errors().iter().map(|error| error.place().unwrap().line()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 7, 9, 10], "{errors}");
    let text = errors.to_string();
    assert!(text.starts_with("the configuration has 8 mistakes\n"), "{text}");
}

#[test]
fn sources_that_cannot_be_read_are_told_by_name_and_the_others_are_still_looked_at() {
    let surroundings = FixedSurroundings::new()
        .with_unreadable_file("pipe.json", Unreadable::NotAFile("a pipe, a device or a socket"))
        .with_file("latin.json", b"{\"auth\": {\"clientId\": \"\xe9\"}}".to_vec())
        .with_file("bad.json", "{\"vualt\": {}}");
    let sources = ["missing.json", "pipe.json", "latin.json", "bad.json"].map(Source::file);
    let errors = Config::load(sources, &surroundings).unwrap_err();
    let texts: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
    for (text, words) in texts.iter().zip([
        "the configuration missing.json cannot be used: there is no such file",
        "the configuration pipe.json cannot be used: it is a pipe, a device or a socket, not a file",
        "the configuration latin.json cannot be used: it is not UTF-8",
        "bad.json:1:2: there is no key \"vualt\"",
    ]) {
        assert!(text.starts_with(words), "{text}");
    }
}

#[test]
fn secrets_that_stand_there_or_that_all_can_read_draw_a_warning() {
    let literal = accepted(&format!(r#"{{"auth": {{"clientSecret": "{CANARY}"}}}}"#));
    assert_eq!(literal.warnings[0].kind(), FindingKind::Exposed);
    let default = accepted(&format!(r#"{{"auth": {{"clientSecret": "${{NO_SUCH:-{CANARY}}}"}}}}"#));
    assert_eq!(default.warnings[0].kind(), FindingKind::Exposed, "a default is a secret that stands there");
    for store in [
        format!(r#"{{"vault": {{"type": "postgres", "url": "postgres://u:{CANARY}@h/d"}}}}"#),
        format!(r#"{{"keys": {{"type": "pkcs11", "module": "m", "slot": 0, "pin": "{CANARY}"}}}}"#),
    ] {
        assert_eq!(accepted(&store).warnings[0].kind(), FindingKind::Exposed, "{store}");
    }
    let open = FixedSurroundings::new()
        .with_file("c.json", r#"{"auth": {"clientSecretFile": "secret"}}"#)
        .with_file("secret", CANARY)
        .with_files_readable_by_all();
    let loaded = Config::load([Source::file("c.json")], &open).unwrap();
    assert!(loaded.warnings[0].to_string().contains("everybody on this machine may read the secret"));
    let open = FixedSurroundings::new()
        .with_file("c.json", format!(r#"{{"auth": {{"clientSecret": "{CANARY}"}}}}"#))
        .with_files_readable_by_all();
    let loaded = Config::load([Source::file("c.json")], &open).unwrap();
    assert!(loaded.warnings[0].to_string().contains("a file that everybody on this machine may read"));
}
