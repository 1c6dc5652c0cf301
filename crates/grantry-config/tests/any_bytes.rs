//! Nothing that a file may hold makes the loader panic, and no secret comes out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use grantry_config::{Config, FixedSurroundings, Source};
use proptest::collection::vec;
use proptest::prelude::*;

const CANARY: &str = "c4n4ry5f0c1d9e7b";

const WHOLE: &str = r#"{
  // A comment with c4n4ry5f0c1d9e7b in it.
  "services": {
    "crm": {
      "type": "oauth2", "flow": "client_credentials", "tokenUrl": "https://as.example.com/{tenantId}/token",
      "tenantId": "t", "clientId": "${ID}", "clientSecret": "c4n4ry5f0c1d9e7b", "scopes": ["a", "b"],
      "additionalParams": {"key": "c4n4ry5f0c1d9e7b\n"}, "refreshToken": {"bufferTime": 300, "enabled": true},
    },
  },
  "vault": {"type": "postgres", "url": "postgres://u:c4n4ry5f0c1d9e7b@h/d"},
  "keys": {"type": "pkcs11", "module": "m", "slot": 3, "pin": "c4n4ry5f0c1d9e7b"},
  "access": {"bindings": [{"principal": "*", "role": "admin", "tenant": "*"}]},
}
"#;

/// Everything that could be shown.
fn shown(bytes: &[u8]) -> String {
    let surroundings = FixedSurroundings::new().with_variable("ID", "id").with_file("c.json", bytes);
    match Config::load([Source::file("c.json"), Source::text("over", r#"{"auth": {}}"#)], &surroundings) {
        Ok(loaded) => {
            let findings = loaded.warnings.iter().chain(&loaded.notes);
            let reports: Vec<String> = findings.map(|finding| finding.report().to_string()).collect();
            format!("{loaded:?} {}", reports.join("\n"))
        }
        Err(errors) => {
            let mut told: Vec<String> = errors.errors().iter().map(ToString::to_string).collect();
            told.sort_unstable();
            assert!(told.windows(2).all(|two| two[0] != two[1]), "a mistake is told twice: {errors}");
            format!("{errors:?} {errors} {}", errors.report())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300)) {
        shown(&bytes);
    }

    #[test]
    fn anything_that_looks_like_json_is_read_or_refused(
        parts in vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "/", "//", "/*", "*/", "\n", "'", "auth", "\"auth\"",
                "\"services\"", "\"clientId\"", "\"scopes\"", "\"a\"", "${", "${ID}", "1", "-", "true", "null", "é",
                "\\u00e9", "\\ud800", " ", "\u{feff}", "\u{0}",
            ]),
            0..60,
        )
    ) {
        shown(parts.concat().as_bytes());
    }

    /// Cut, changed or garbled anywhere, it gives no secret away.
    #[test]
    fn no_mistake_gives_a_secret_away(at in 0..WHOLE.len(), cut in 0usize..4, put in "[\\PC\"{}:,/\\\\\\n']{0,3}") {
        let end = (at + cut).min(WHOLE.len());
        let mut bytes = WHOLE.as_bytes()[..at].to_vec();
        bytes.extend_from_slice(put.as_bytes());
        bytes.extend_from_slice(&WHOLE.as_bytes()[end..]);
        let shown = shown(&bytes);
        // A part of it would be as bad; so long a part is none by chance.
        for part in [&CANARY[..8], &CANARY[8..]] {
            prop_assert!(!shown.contains(part), "{}", shown);
        }
    }
}

#[test]
fn no_end_of_a_file_gives_a_secret_away() {
    for end in 0..WHOLE.len() {
        let shown = shown(&WHOLE.as_bytes()[..end]);
        assert!(!shown.contains(&CANARY[..8]), "{shown}");
    }
}
