//! Nothing that is inserted into a preset's URLs leads anywhere else.

use grantry_core::ErrorKind;
use grantry_providers::{ALL, microsoft, okta, okta_custom};

const HOSTILE: &[&str] = &[
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "evil.example\\",
    "evil.example:443",
    "user@evil.example",
    "user:password@evil.example",
    "https://evil.example",
    "//evil.example",
    "..",
    "../..",
    "a/../../b",
    "%2e%2e",
    "a%2fb",
    "a%00.example",
    "a\0.example",
    "a\r\nHost: evil.example",
    "a b.example",
    "a\t.example",
    ".",
    ".example.com",
    "example.com.",
    "example..com",
    "{host}",
    "{tenant}.example",
    "127.0.0.1",
    "2130706433",
    "1.2.3.0x7f",
    "169.254.169.254",
    "0xa9fea9fe",
    "[::1]",
    "::1",
    "[::ffff:10.0.0.1]",
    "evil。example",
    "ｅvil.example",
    "\u{202e}moc.live.example",
    "evil\u{ad}.example",
    "-a.example",
    "a-.example",
    "a_b.example",
    "a,b.example",
    "a;b.example",
    "a&b=c",
    "a+b.example",
    "a'b.example",
    "a\"b.example",
    "a<b>.example",
    "${HOME}.example",
];

#[test]
fn hostile_inserts_are_refused_without_being_repeated() {
    for insert in HOSTILE {
        let attempts = [okta(insert), okta_custom(insert, "default"), microsoft(insert)];
        // A number alone is a fair name for an org: it only ever becomes a label before okta.com.
        let label_like = insert.bytes().all(|b| b.is_ascii_alphanumeric());
        for server in attempts {
            match server {
                Ok(server) => {
                    assert!(label_like, "{insert:?}");
                    assert_eq!(server.token_endpoint().host_str().unwrap(), format!("{insert}.okta.com"));
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Configuration, "{insert:?}");
                    assert!(!error.to_string().contains(insert) || insert.len() < 3, "{error}");
                }
            }
        }
    }
}

#[test]
fn hostile_server_ids_are_refused() {
    for id in HOSTILE.iter().chain(&["", "a/b", "a.b", "ä", "a?b", "default/../../../evil"]) {
        if id.bytes().all(|b| b.is_ascii_alphanumeric()) && !id.is_empty() {
            continue;
        }
        assert!(okta_custom("acme", id).is_err(), "{id:?}");
    }
    assert!(okta_custom("acme", &"a".repeat(129)).is_err());
}

#[test]
fn every_preset_names_its_sources_and_what_it_does_not_know() {
    for preset in ALL {
        assert!(preset.documentation.iter().all(|link| link.starts_with("https://")), "{}", preset.name);
        assert!(preset.unverified.iter().chain(preset.notes).all(|note| !note.is_empty()));
        assert_eq!(preset.verified.len(), "2026-11".len());
    }
}
