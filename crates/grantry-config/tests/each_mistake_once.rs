//! A configuration is told all of its mistakes, each of them once, and nothing that only follows from another.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;

use grantry_config::{
    Completeness, Config, ConfigErrors, FindingKind, FixedSurroundings, Loaded, Severity, Source,
};

fn load(text: &str, completeness: Completeness) -> Result<Loaded, ConfigErrors> {
    let surroundings = FixedSurroundings::new().with_variable("SECRET", "s3cret");
    Config::load_complete([Source::text("t", text)], &surroundings, completeness)
}

/// The mistakes of a configuration, in their order.
#[track_caller]
fn mistakes(text: &str) -> Vec<String> {
    match load(text, Completeness::Partial) {
        Ok(loaded) => panic!("{text} is accepted: {loaded:?}"),
        Err(errors) => errors.errors().iter().map(|error| error.what().to_owned()).collect(),
    }
}

/// The mistakes of a file that has to be whole.
#[track_caller]
fn mistakes_of_a_whole(text: &str) -> Vec<String> {
    match load(text, Completeness::Whole) {
        Ok(loaded) => panic!("{text} is accepted: {loaded:?}"),
        Err(errors) => errors.errors().iter().map(|error| error.what().to_owned()).collect(),
    }
}

/// The warnings of a configuration that loads.
#[track_caller]
fn warnings(text: &str) -> Vec<String> {
    match load(text, Completeness::Partial) {
        Ok(loaded) => loaded.warnings.iter().map(|warning| warning.what().to_owned()).collect(),
        Err(errors) => panic!("{}", errors.report()),
    }
}

#[test]
fn a_rate_of_renewals_needs_both_of_its_numbers_and_neither_is_nothing() {
    let rate = |members: &str| mistakes(&format!(r#"{{"auth": {{"refreshRate": {{{members}}}}}}}"#));
    assert_eq!(rate(r#""most": 10"#), ["refreshRate has no within"]);
    assert_eq!(rate(""), ["refreshRate has no most", "refreshRate has no within"]);
    assert_eq!(rate(r#""most": 0, "within": 600"#), ["most is 0"]);
    assert_eq!(rate(r#""most": 0, "within": 0"#), ["most is 0", "within is 0"]);
    assert_eq!(rate(r#""most": "many", "within": 600"#).len(), 1);
    assert_eq!(rate(r#""bounded": true"#), ["refreshRate has no most", "refreshRate has no within"]);
}

#[test]
fn all_that_a_key_provider_needs_is_told_at_once() {
    let keys = |members: &str| mistakes(&format!(r#"{{"keys": {{{members}}}}}"#));
    assert_eq!(keys(r#""type": "aws-kms""#), ["the type aws-kms needs region", "the type aws-kms needs key"]);
    assert_eq!(
        keys(r#""type": "aws-kms", "key": "k", "endpointUrl": "http://kms.example.com""#)[0],
        "the type aws-kms needs region"
    );
    assert_eq!(keys(r#""type": "aws-kms", "endpointUrl": "x""#).len(), 3);
    assert_eq!(
        keys(r#""type": "transit", "tokenFile": "", "mount": "", "namespace": "", "token": """#),
        [
            "the type transit needs key",
            "the type transit needs address",
            "tokenFile and token are both there: keep one of them",
            "tokenFile is empty",
            "mount is empty",
            "namespace is empty",
            "token is empty",
        ]
    );
    assert_eq!(
        keys(r#""type": "passphrase", "salt": "short", "rotation": {"hold": 0}"#),
        [
            "the type passphrase needs passphrase",
            "the salt is short",
            "hold is 0 days: what a slow process seals under a key that is gone is lost"
        ]
    );
    assert_eq!(
        keys(r#""type": "pkcs11", "tokenLabel": "", "slot": 1, "pin": """#),
        [
            "the type pkcs11 needs module",
            "tokenLabel is empty",
            "tokenLabel and slot both name the token",
            "pin is empty",
        ]
    );
    assert_eq!(
        keys(r#""variable": "", "rotation": {"every": 0, "warnBefore": 3}"#),
        [
            "keys does not say its type",
            "variable is empty",
            "every is 0 days, so that keys would be exchanged all the time",
        ]
    );
}

#[test]
fn all_that_is_wrong_with_a_store_is_told_at_once() {
    let vault = |members: &str| mistakes(&format!(r#"{{"vault": {{{members}}}}}"#));
    assert_eq!(
        vault(r#""type": "postgres", "url": "mysql://h", "schema": "", "connections": 0, "lifeboats": """#),
        ["url is not one of the type postgres", "schema is empty", "connections is 0", "lifeboats is empty"]
    );
    assert_eq!(
        vault(r#""type": "memory", "reaper": {"unusedFor": 0, "principal": "ana"}"#),
        [
            "unusedFor is 0 days, so that every grant would be revoked",
            "the principal \"ana\" is not usable: it has to begin with workload:, person: or system:",
        ]
    );
    assert_eq!(
        vault(r#""type": "memory", "reaper": {"principal": "system:rotation"}"#),
        [
            "the reaper does not say for how long nobody used a grant",
            "the principal \"system:rotation\" is not usable: text cannot become a task of the system: that takes Principal::system",
        ]
    );
    assert_eq!(
        vault(r#""type": "redis", "namespace": """#),
        ["the type redis needs url", "namespace is empty"]
    );
    assert_eq!(
        vault(r#""deployment": "", "connections": 0"#),
        ["vault does not say its type", "deployment is empty", "connections is 0"]
    );
}

#[test]
fn all_that_is_wrong_with_renewals_is_told_at_once() {
    let renewal = |members: &str| mistakes(&format!(r#"{{"auth": {{"refreshToken": {{{members}}}}}}}"#));
    let never = "retryDelay is 0, which would retry in a loop";
    assert_eq!(renewal(r#""retryDelay": 0, "queuePatience": 0"#), [never, "queuePatience is 0"]);
    assert_eq!(
        renewal(r#""retryDelay": 0, "fallbackBehavior": "use-expired", "expiredGrace": 0"#),
        [never, "expiredGrace is 0"]
    );
    assert_eq!(
        renewal(r#""fallbackBehavior": "wait", "expiredGrace": 0, "queuePatience": 0"#),
        ["fallbackBehavior has no such value", "expiredGrace is 0", "queuePatience is 0"]
    );
    assert_eq!(
        renewal(r#""maxRetries": -1, "retryDelay": 0"#),
        ["maxRetries is negative"],
        "it may be that none was meant"
    );
}

#[test]
fn all_that_is_wrong_with_access_is_told_at_once_and_nothing_that_follows() {
    let access = |members: &str| mistakes(&format!(r#"{{"vualt": {{}}, "access": {{{members}}}}}"#));
    let unknown = "there is no key \"vualt\" in configuration";
    let binding = |role: &str| format!(r#"{{"principal": "*", "role": "{role}", "tenant": "*"}}"#);
    // The role with a mistake is a role all the same.
    let text = format!(
        r#""roles": {{"a": {{"permissions": ["token.sue"]}}, "b": 5, "admin": {{"permissions": ["token.use"]}}, "c": {{}}}},
           "bindings": [{}, {}, {}, {}, {}]"#,
        binding("a"),
        binding("b"),
        binding("d"),
        binding("service"),
        binding("service"),
    );
    assert_eq!(
        access(&text),
        [
            unknown,
            "there is no such permission",
            "\"role\" is a number",
            "the role name admin belongs to a ready-made role: choose another name",
            "the role c has no permissions: give it at least one, or leave it out",
            "there is no such role",
            "this binding says the same as another one",
        ]
    );
    assert_eq!(
        access(r#""bindings": [{"role": 5, "tenant": "*", "until": "soon"}]"#),
        [unknown, "a binding needs principal", "\"role\" is a number", "until is no moment in UTC"]
    );
    assert_eq!(access(r#""roles": {"a": {"permissions": [5]}}"#), [unknown, "\"permissions\" is a number"]);
}

#[test]
fn the_roles_that_there_are_are_named_once_also_where_one_is_defined_anew() {
    let text = r#"{"access": {"roles": {"service": {"permissions": ["token.use"]}},
        "bindings": [{"principal": "*", "role": "srvice", "tenant": "*"}]}}"#;
    let errors = load(text, Completeness::Partial).unwrap_err().to_string();
    assert!(errors.ends_with("one of admin, operator, service, auditor"), "{errors}");
}

#[test]
fn one_mistake_is_one_finding() {
    for (text, only) in [
        (r#"{"vault": {"type": "sqllite"}}"#, "type has no such value"),
        (r#"{"vault": {"typ": "sqlite", "path": "x"}}"#, "there is no key \"typ\" in vault"),
        (r#"{"vault": {"type": 5, "path": "x"}}"#, "\"type\" is a number"),
        (r#"{"vault": {"type": "sqlite", "path": 5}}"#, "\"path\" is a number"),
        (r#"{"vault": {"type": "sqlite", "file": "x"}}"#, "there is no key \"file\" in vault"),
        (r#"{"vault": {"type": "memory", "file": "x"}}"#, "there is no key \"file\" in vault"),
        (r#"{"vault": 5}"#, "\"vault\" is a number"),
        (r#"{"keys": {"type": "transit", "key": "k", "address": 5}}"#, "\"address\" is a number"),
        (
            r#"{"keys": {"type": "transit", "key": "k", "address": "x"}}"#,
            "address does not begin with https://",
        ),
        (r#"{"keys": {"type": "pkcs11", "module": "m", "slot": "1"}}"#, "\"slot\" is a text"),
        (
            r#"{"keys": {"type": "file", "path": "k", "rotation": {"every": -1, "warnBefore": 99}}}"#,
            "every is negative",
        ),
        (
            r#"{"access": {"bindings": [{"principal": "*", "role": 5, "tenant": "*"}]}}"#,
            "\"role\" is a number",
        ),
        (
            r#"{"access": {"bindings": [{"principal": "*", "rol": "admin", "tenant": "*"}]}}"#,
            "there is no key \"rol\" in binding",
        ),
        (
            r#"{"access": {"roles": 5, "bindings": [{"principal": "*", "role": "mine", "tenant": "*"}]}}"#,
            "\"roles\" is a number",
        ),
        (r#"{"audit": {"vault": false, "folder": ""}}"#, "folder is empty"),
        (
            r#"{"auth": {"instanceUrl": "http://x.example", "tokenUrl": "{instanceUrl}/token", "provider": "salesforce"}}"#,
            "instanceUrl has to be an https URL (http is accepted for 127.0.0.1, [::1] and localhost only)",
        ),
        (
            r#"{"auth": {"tenantId": "a/b", "tokenUrl": "https://a.example/{tenantId}", "revocationUrl": "https://a.example/{tenantId}/r"}}"#,
            "tenantId cannot stand in a URL",
        ),
        (
            r#"{"auth": {"tokenUrl": "https://{shop}.example/t", "providerParams": {"shop": 5}}}"#,
            "\"shop\" is a number",
        ),
        (r#"{"service": "Crm", "auth": {"clientId": "a"}}"#, "service \"Crm\" is not usable"),
    ] {
        let told = mistakes(text);
        assert!(told.len() == 1 && told[0].starts_with(only), "{text}: {told:#?}");
    }
}

#[test]
fn what_was_refused_is_not_missing_as_well() {
    const SERVER: &str = r#""tokenUrl": "https://a.example/t", "flow": "client_credentials""#;
    for (members, only) in [
        (format!(r#"{SERVER}, "clientId": " a", "clientSecret": "${{SECRET}}""#), "clientId has white space around it"),
        (format!(r#"{SERVER}, "clientID": "a", "clientSecret": "${{SECRET}}""#), "there is no key \"clientID\" in auth"),
        (format!(r#"{SERVER}, "clientId": "a", "clientSecretFile": "none""#), "the file none cannot be used: there is no such file"),
        (format!(r#"{SERVER}, "clientId": "a", "clientAuthentication": "nobody""#), "clientAuthentication has no such value"),
        (
            r#""tokenURL": "x", "flow": "client_credentials", "clientId": "a", "clientSecret": "${SECRET}""#.to_owned(),
            "there is no key \"tokenURL\" in auth",
        ),
        (
            r#""tokenUrl": "https://a.example/t", "flow": "implicit", "clientId": "a", "clientSecret": "${SECRET}""#.to_owned(),
            "the implicit flow is not offered: it puts tokens into URLs. Use authorization_code, with PKCE",
        ),
        (
            r#""provider": "gogle", "clientId": "a", "clientSecret": "${SECRET}""#.to_owned(),
            "there is no preset of that name",
        ),
        (
            r#""provider": "shopify", "providerParams": {"shop": 5}, "clientId": "a", "clientSecret": "${SECRET}", "redirectUri": "https://a.example/cb""#.to_owned(),
            "\"shop\" is a number",
        ),
    ] {
        let told = mistakes_of_a_whole(&format!(r#"{{"auth": {{{members}}}}}"#));
        assert_eq!(told, [only], "{members}");
    }
    // What is truly missing is told beside it.
    let told = mistakes_of_a_whole(&format!(r#"{{"auth": {{{SERVER}, "clientID": "a"}}}}"#));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("lacks clientSecret ") && !told[0].contains("clientId"), "{told:?}");
}

#[test]
fn a_source_that_cannot_be_read_may_have_what_is_missing() {
    let sources = [Source::file("none.json"), Source::text("t", r#"{"vault": {"path": ""}, "auth": {}}"#)];
    let errors = Config::load_complete(sources, &FixedSurroundings::new(), Completeness::Whole).unwrap_err();
    let told: Vec<&str> = errors.errors().iter().map(grantry_config::Finding::what).collect();
    assert_eq!(told, ["the configuration none.json cannot be used: there is no such file", "path is empty"]);
}

#[test]
fn a_name_that_cannot_be_used_hides_no_mistake_beneath_it() {
    assert_eq!(
        mistakes(r#"{"services": {"Crm": {"scopes": ["a,b"]}}, "tenants": {"Acme": {"services": {"erp": {"scopes": [""]}}}}}"#)
            .len(),
        4
    );
}

#[test]
fn a_mistake_that_ten_thousand_services_share_is_one() {
    let mut text = String::from(
        r#"{"defaults": {"tokenUrl": "http://a.example/t", "clientSecret": "l1teral", "scopes": ["a,b"]}, "services": {"#,
    );
    for nth in 0..10_000 {
        let comma = if nth == 0 { "" } else { "," };
        let _ = write!(text, r#"{comma}"s{nth}": {{"clientId": "c{nth}"}}"#);
    }
    text.push_str("}}");
    let errors = load(&text, Completeness::Partial).unwrap_err();
    let told: Vec<&str> = errors.errors().iter().map(grantry_config::Finding::what).collect();
    assert_eq!(
        told,
        [
            "tokenUrl has to be an https URL (http is accepted for 127.0.0.1, [::1] and localhost only)",
            "a scope holds a comma, so it is probably several",
        ]
    );
    assert_eq!(errors.warnings().len(), 1, "the secret stands in the file once");
    assert!(errors.to_string().starts_with("the configuration has 2 mistakes\n"));
}

#[test]
fn what_tenants_share_is_told_once_and_what_is_their_own_each_time() {
    let errors = load(
        r#"{"services": {"crm": {"clientSecret": "l1teral", "redirectUri": "x"}},
            "tenants": {"a": {"services": {"crm": {"clientId": "1"}}}, "b": {"services": {"crm": {"clientId": " 2"}}},
                        "c": {"services": {"crm": {"clientId": " 3"}}}}}"#,
        Completeness::Partial,
    )
    .unwrap_err();
    let told: Vec<&str> = errors.errors().iter().map(grantry_config::Finding::what).collect();
    let space = "clientId has white space around it";
    assert_eq!(told, ["redirectUri is not an absolute URI", space, space]);
    let warned: Vec<FindingKind> = errors.warnings().iter().map(grantry_config::Finding::kind).collect();
    assert_eq!(warned, [FindingKind::Exposed]);
}

#[test]
fn each_service_that_contradicts_a_default_is_told() {
    let errors = load(
        r#"{"defaults": {"clientAuthentication": "none"},
            "services": {"a": {"clientSecret": "${SECRET}"}, "b": {"clientSecret": "${SECRET}"}, "c": {}}}"#,
        Completeness::Partial,
    )
    .unwrap_err();
    assert_eq!(errors.errors().len(), 2, "{errors}");
    assert!(errors.errors().iter().all(|error| error.other().is_some()));
}

#[test]
fn a_mistake_in_the_defaults_is_told_whether_or_not_it_reaches_a_service() {
    const OVER: &str = r#""tokenUrl": "https://a.example/t", "redirectUri": "https://a.example/cb", "scopes": [],
        "clientId": "c", "resources": [], "refreshToken": {"retryDelay": 5, "queuePatience": 5},
        "instanceUrl": "https://a.example", "subjectTokenType": "urn:a:b", "provider": "google""#;
    for (bad, what) in [
        (r#""tokenUrl": "http://x""#, "tokenUrl has to be an https URL"),
        (r#""tokenUrl": "https://a.example/{tenat}""#, "there is no value for {tenat} in tokenUrl"),
        (r#""instanceUrl": "https://a.example/path""#, "instanceUrl has a path or a query"),
        (r#""redirectUri": "/cb""#, "redirectUri is not an absolute URI"),
        (r#""scopes": ["a,b"]"#, "a scope holds a comma"),
        (r#""resources": ["a"]"#, "a resource is no absolute URI"),
        (r#""clientId": " c""#, "clientId has white space around it"),
        (r#""provider": "gogle""#, "there is no preset of that name"),
        (r#""subjectTokenType": "a b""#, "subjectTokenType is no URI"),
        (r#""additionalParams": {"state": "x"}"#, "the parameter state cannot be set"),
        (r#""clientSecret": """#, "clientSecret is empty"),
        (
            r#""clientSecret": "${SECRET}", "clientSecretFile": "f""#,
            "clientSecretFile and clientSecret are both there",
        ),
        (r#""refreshToken": {"retryDelay": 0}"#, "retryDelay is 0"),
        (r#""refreshToken": {"queuePatience": 0}"#, "queuePatience is 0"),
    ] {
        for services in [
            String::new(),
            format!(r#", "services": {{"a": {{{OVER}}}, "b": {{{OVER}}}}}"#),
            format!(r#", "tenants": {{"t": {{"services": {{"a": {{{OVER}}}}}}}}}"#),
        ] {
            let told = mistakes(&format!(r#"{{"defaults": {{{bad}}}{services}}}"#));
            assert!(told.len() == 1 && told[0].starts_with(what), "{bad} {services}: {told:#?}");
        }
    }
    let alone = r#"{"defaults": {"provider": "microsoft", "tenantId": "../x"}}"#;
    assert_eq!(mistakes(alone).len(), 1);
    assert_eq!(warnings(r#"{"defaults": {"clientSecret": "l1teral"}}"#).len(), 1);
}

#[test]
fn a_default_that_only_makes_sense_with_what_each_service_says_is_no_mistake() {
    for text in [
        r#"{"defaults": {"refreshToken": {"retryDelay": 0}}, "services": {"a": {"refreshToken": {"maxRetries": 0}}}}"#,
        r#"{"defaults": {"refreshToken": {"expiredGrace": 9}},
            "services": {"a": {"refreshToken": {"fallbackBehavior": "use-expired"}}}}"#,
        r#"{"defaults": {"tokenUrl": "https://a.example/{region}"}, "services": {"a": {"providerParams": {"region": "eu"}}}}"#,
        r#"{"defaults": {"issuer": "https://a.example", "authorizationUrl": "https://a.example/a"},
            "services": {"a": {"tokenUrl": "https://a.example/t"}}}"#,
        r#"{"defaults": {"clientId": "a:b"}, "services": {"a": {"clientAuthentication": "client_secret_post"}}}"#,
        r#"{"defaults": {"issuer": "https://a.example", "authorizationUrl": "https://a.example/a"}}"#,
    ] {
        assert_eq!(warnings(text), [""; 0], "{text}");
    }
}

#[test]
fn a_flow_that_was_inferred_tells_what_does_nothing_as_a_configured_one_does() {
    let microsoft = |members: &str| {
        warnings(&format!(
            r#"{{"auth": {{"provider": "microsoft", "tenantId": "contoso.onmicrosoft.com",
                "scopes": ["https://graph.microsoft.com/.default"]{members}}}}}"#
        ))
    };
    let nothing = |key: &str| format!("{key} does nothing here: the flow is client_credentials");
    for flow in ["", r#", "flow": "client_credentials""#] {
        for pkce in ["true", "false"] {
            assert_eq!(microsoft(&format!(r#"{flow}, "pkce": {pkce}"#)), [nothing("pkce")]);
        }
    }
    assert_eq!(
        microsoft(r#", "requestedTokenType": "urn:ietf:params:oauth:token-type:jwt""#),
        [nothing("requestedTokenType")]
    );
    assert_eq!(microsoft(""), [""; 0]);
}

#[test]
fn a_key_of_another_flow_is_a_contradiction_beside_the_flow_and_without_effect_from_elsewhere() {
    const CALLBACK: &str = r#""redirectUri": "https://a.example/cb""#;
    const SUBJECT: &str = r#""subjectTokenType": "urn:ietf:params:oauth:token-type:jwt""#;
    for (flow, key, belongs) in [
        ("client_credentials", CALLBACK, "redirectUri belongs to the flow authorization_code"),
        ("device_authorization", CALLBACK, "redirectUri belongs to the flow authorization_code"),
        ("token_exchange", CALLBACK, "redirectUri belongs to the flow authorization_code"),
        ("authorization_code", SUBJECT, "subjectTokenType belongs to the flow token_exchange"),
    ] {
        let text = format!(r#"{{"auth": {{"flow": "{flow}", {key}}}}}"#);
        let errors = load(&text, Completeness::Partial).unwrap_err();
        let [error] = errors.errors() else { panic!("{errors}") };
        assert_eq!((error.kind(), error.severity()), (FindingKind::Contradiction, Severity::Error));
        assert!(error.what().starts_with(belongs) && error.other().is_some(), "{error}");
        assert!(error.expected().unwrap().contains("left out"), "{error}");
    }
    // Meant for the other services, or for what a layer beneath says.
    for text in [
        format!(r#"{{"defaults": {{{CALLBACK}}}, "services": {{"a": {{"flow": "client_credentials"}}}}}}"#),
        format!(r#"{{"defaults": {{"flow": "client_credentials", {CALLBACK}}}, "services": {{"a": {{}}}}}}"#),
        format!(
            r#"{{"services": {{"a": {{"flow": "authorization_code", {CALLBACK}}}}},
                "tenants": {{"t": {{"services": {{"a": {{"flow": "client_credentials"}}}}}}}}}}"#
        ),
    ] {
        assert_eq!(
            warnings(&text),
            ["redirectUri does nothing here: the flow is client_credentials"],
            "{text}"
        );
    }
}

#[test]
fn a_parameter_that_the_flow_would_refuse_is_refused_before() {
    let text = |members: &str| {
        format!(
            r#"{{"auth": {{"flow": "authorization_code", "tokenUrl": "https://a.example/t", {members}}}}}"#
        )
    };
    for (members, what) in [
        (
            r#""additionalParams": {"response_mode": "query"}"#,
            "the parameter response_mode cannot be set as an additional one",
        ),
        (r#""authorizationUrl": "https://a.example/a?state=x""#, "authorizationUrl sets state in its query"),
        (
            r#""authorizationUrl": "https://a.example/a?policy=x", "additionalParams": {"policy": "y"}"#,
            "authorizationUrl sets policy in its query",
        ),
    ] {
        let told = mistakes(&text(members));
        assert!(told.len() == 1 && told[0].starts_with(what), "{members}: {told:#?}");
    }
    for members in [
        r#""authorizationUrl": "https://a.example/a?policy=x", "additionalParams": {"audience": "y"}"#,
        r#""additionalParams": {"prompt": "consent", "login_hint": "ana"}"#,
    ] {
        assert_eq!(warnings(&text(members)), [""; 0], "{members}");
    }
}
