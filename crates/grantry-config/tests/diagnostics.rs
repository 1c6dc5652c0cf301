//! What a person reads at a terminal.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use grantry_config::{Config, Finding, FixedSurroundings, Source};
use insta::assert_snapshot;

fn report(text: &str) -> String {
    match Config::load([Source::text("grantry.json", text)], &FixedSurroundings::new()) {
        Ok(loaded) => {
            let findings = loaded.warnings.iter().chain(&loaded.notes);
            findings.map(|finding| Finding::report(finding).to_string()).collect::<Vec<_>>().join("\n\n")
        }
        Err(errors) => errors.report().to_string(),
    }
}

#[test]
fn a_misspelt_key() {
    let text = "{\n  \"auth\": {\n    \"tokenURL\": \"https://as.example.com/token\",\n  },\n}\n";
    assert_snapshot!(report(text), @r#"
    error: there is no key "tokenURL" in auth
      --> grantry.json:3:5
      |
    3 |     "tokenURL": [hidden],
      |     ^^^^^^^^^^
      = did you mean "tokenUrl"?

    the configuration has one mistake
    "#);
}

#[test]
fn a_key_that_is_there_twice() {
    let text = "{\n  \"auth\": {\n    \"clientSecret\": \"first secret\",\n    \"clientSecret\": \"second secret\"\n  }\n}\n";
    assert_snapshot!(report(text), @r#"
    error: the key "clientSecret" is there twice
      --> grantry.json:4:5
      |
    4 |     "clientSecret": [hidden]
      |     ^^^^^^^^^^^^^^
      = expected it once
      = the first one is at grantry.json:3:5

    warning: clientSecret stands in the configuration itself
      --> grantry.json:3:21
      |
    3 |     "clientSecret": [hidden],
      |                     ^^^^^^^^
      = expected ${NAME} from the environment or ${file:path}, or the vault to have it

    the configuration has one mistake
    "#);
}

#[test]
fn a_secret_beside_a_mistake_is_hidden() {
    let text = "{\"auth\": {\"clientSecret\": \"s3cret\", \"tokenUrl\": \"http://as.example.com\", \"clientId\": \"billing\"}} // old: 0ther";
    assert_snapshot!(report(text), @r#"
    error: tokenUrl has to be an https URL (http is accepted for 127.0.0.1, [::1] and localhost only)
      --> grantry.json:1:49
      |
    1 | ... {"clientSecret": [hidden], "tokenUrl": "http://as.example.com", "clientId": "billing"}} [hidden]
      |                                            ^^^^^^^^^^^^^^^^^^^^^^^
      = expected an https URL such as https://as.example.com/token

    warning: clientSecret stands in the configuration itself
      --> grantry.json:1:27
      |
    1 | {"auth": {"clientSecret": [hidden], "tokenUrl": "http://as.example.com", "clientId": "billing"}} [hi...
      |                           ^^^^^^^^
      = expected ${NAME} from the environment or ${file:path}, or the vault to have it

    the configuration has one mistake
    "#);
}

#[test]
fn a_variable_that_is_not_set() {
    let text = "{\n\t\"auth\": {\n\t\t\"clientId\": \"crm-${CRM_CLIENT_ID}\"\n\t}\n}\n";
    assert_snapshot!(report(text), @r#"
    error: the environment variable CRM_CLIENT_ID is not set
      --> grantry.json:3:20
      |
    3 |   "clientId": "crm-${CRM_CLIENT_ID}"
      |                    ^^^^^^^^^^^^^^^^
      = expected it to be set, or what to take where it is not: ${NAME:-value}

    the configuration has one mistake
    "#);
}

#[test]
fn several_mistakes_at_once() {
    let text = r#"{
  "services": {
    "crm": {
      "tokenUrl": "https://as.example.com:65536/token",
      "flow": "implicit",
      "scopes": ["read,write"],
      "refreshToken": { "bufferTime": -300, "fallbackBehavior": "use_expired" }
    }
  },
  "vault": { "type": "redis", "path": "grantry.db" }
}"#;
    assert_snapshot!(report(text), @r#"
    error: tokenUrl names a port that is not from 1 to 65535
      --> grantry.json:4:19
      |
    4 |       "tokenUrl": "https://as.example.com:65536/token",
      |                   ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      = expected an https URL such as https://as.example.com/token

    error: the implicit flow is not offered: it puts tokens into URLs. Use authorization_code, with PKCE
      --> grantry.json:5:15
      |
    5 |       "flow": "implicit",
      |               ^^^^^^^^^^
      = expected one of client_credentials, authorization_code, device_authorization, token_exchange

    error: a scope holds a comma, so it is probably several
      --> grantry.json:6:18
      |
    6 |       "scopes": ["read,write"],
      |                  ^^^^^^^^^^^^
      = expected each scope as a text of its own; the provider's separator is put in by itself

    error: bufferTime is negative
      --> grantry.json:7:39
      |
    7 |       "refreshToken": { "bufferTime": -300, "fallbackBehavior": "use_expired" }
      |                                       ^^^^
      = expected a whole number of seconds, from 0 to 31622400

    error: fallbackBehavior has no such value
      --> grantry.json:7:65
      |
    7 |       "refreshToken": { "bufferTime": -300, "fallbackBehavior": "use_expired" }
      |                                                                 ^^^^^^^^^^^^^
      = did you mean "use-expired"?
      = expected one of queue, fail, use-expired

    error: the type redis needs url
       --> grantry.json:10:22
       |
    10 |   "vault": { "type": "redis", "path": "grantry.db" }
       |                      ^^^^^^^
       = expected url: how to reach the store

    error: path belongs to the type sqlite
       --> grantry.json:10:31
       |
    10 |   "vault": { "type": "redis", "path": "grantry.db" }
       |                               ^^^^^^
       = expected a key of redis (url, namespace, waitForReplicas, acceptNoPersistence, acceptLosingRecentWrites, deployment, lifeboats, reaper)
       = the type is at grantry.json:10:22

    the configuration has 7 mistakes
    "#);
}

#[test]
fn a_comma_that_is_missing() {
    assert_snapshot!(report("{\n  \"auth\": {\n    \"clientId\": \"a\"\n    \"clientSecret\": \"b\"\n  }\n}"), @r#"
    error: a comma is missing before this
      --> grantry.json:4:5
      |
    4 |     "clientSecret": [hidden]
      |     ^
      = expected ,

    warning: clientSecret stands in the configuration itself
      --> grantry.json:4:21
      |
    4 |     "clientSecret": [hidden]
      |                     ^^^^^^^^
      = expected ${NAME} from the environment or ${file:path}, or the vault to have it

    the configuration has one mistake
    "#);
}

#[test]
fn what_was_chosen_and_what_is_missing() {
    let text = r#"{
  "services": {
    "mail": {
      "provider": "google",
      "clientId": "mail",
      "clientSecret": "s3cret"
    }
  }
}"#;
    assert_snapshot!(report(text), @r#"
    warning: clientSecret stands in the configuration itself
      --> grantry.json:6:23
      |
    6 |       "clientSecret": [hidden]
      |                       ^^^^^^^^
      = expected ${NAME} from the environment or ${file:path}, or the vault to have it

    note: "mail" still lacks redirectUri (the server sends the person back to it)
      --> grantry.json:3:5
      |
    3 |     "mail": {
      |     ^^^^^^

    note: "mail" uses the flow authorization_code: what this provider guards belongs to people, who have to consent
      --> grantry.json:4:19
      |
    4 |       "provider": "google",
      |                   ^^^^^^^^
    "#);
}

#[test]
fn a_long_line_is_cut_around_the_mistake() {
    let scopes: Vec<String> = (0..40).map(|nth| format!("\"scope-{nth}\"")).collect();
    let text =
        format!("{{\"auth\": {{\"scopes\": [{}, \"a,b\"], \"clientId\": \"billing\"}}}}", scopes.join(", "));
    assert_snapshot!(report(&text), @r#"
    error: a scope holds a comma, so it is probably several
      --> grantry.json:1:492
      |
    1 | ...6", "scope-37", "scope-38", "scope-39", "a,b"], "clientId": "billing"}}
      |                                            ^^^^^
      = expected each scope as a text of its own; the provider's separator is put in by itself

    the configuration has one mistake
    "#);
}

#[test]
fn a_name_that_only_looks_right() {
    assert_snapshot!(report("{\"auth\": {\"\u{441}lientId\": \"b\u{fc}ro\", \"scopes\": [\"\u{1b}[31m\"]}}"), @r#"
    error: there is no key "сlientId" in auth; it holds U+0441, which only looks like a letter of ASCII
      --> grantry.json:1:11
      |
    1 | {"auth": {"сlientId": [hidden], "scopes": [[hidden]]}}
      |           ^^^^^^^^^^
      = did you mean "clientId"?

    error: a text holds a tab or another control character
      --> grantry.json:1:43
      |
    1 | {"auth": {"сlientId": [hidden], "scopes": [[hidden]]}}
      |                                            ^^^^^^^^
      = expected its escape, such as \t

    the configuration has 2 mistakes
    "#);
}
