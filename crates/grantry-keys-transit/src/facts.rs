//! What the server says of a key: its type, its versions, and which of them may do what.

use std::collections::BTreeMap;

use grantry_core::Timestamp;
use grantry_vault::{KeyError, KeyVersion, KeyVersionState};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::name::KeyName;
use crate::refusal::wrong_type;

/// The types that take associated data and are as strong as what they wrap.
const TYPES: &[&str] = &["aes256-gcm96", "chacha20-poly1305"];

/// A key as the server describes it.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct KeyFacts {
    #[serde(rename = "type")]
    kind: String,
    /// Whether each context has a key of its own, derived from this one.
    #[serde(default)]
    pub(crate) derived: bool,
    #[serde(default)]
    convergent_encryption: bool,
    #[serde(default)]
    exportable: bool,
    #[serde(default)]
    allow_plaintext_backup: bool,
    #[serde(default)]
    soft_deleted: bool,
    pub(crate) latest_version: u32,
    #[serde(default)]
    min_decryption_version: u32,
    /// Zero until it is set: then the latest encrypts.
    #[serde(default)]
    pub(crate) min_encryption_version: u32,
    /// What was destroyed ends before it; zero until it is set.
    #[serde(default)]
    pub(crate) min_available_version: u32,
    #[serde(default)]
    keys: BTreeMap<String, Created>,
}

/// When a version was made: seconds since 1970 for the types that count here.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Created {
    Seconds(i64),
    Otherwise(IgnoredAny),
}

impl KeyFacts {
    /// Whether the key is one that tenant keys may be wrapped by.
    pub(crate) fn check(&self, name: &KeyName, may_be_exported: bool) -> Result<(), KeyError> {
        if !TYPES.contains(&self.kind.as_str()) {
            return Err(wrong_type(name));
        }
        if self.convergent_encryption {
            return Err(KeyError::configuration(format!(
                "{name} encrypts convergently, so that equal keys show: make another key without \
                 `convergent_encryption`"
            )));
        }
        if (self.exportable || self.allow_plaintext_backup) && !may_be_exported {
            return Err(KeyError::configuration(format!(
                "{name} may leave the server (`exportable` or `allow_plaintext_backup`), which cannot be undone: make \
                 another key without, or say `allow_exportable_key()`"
            )));
        }
        if self.soft_deleted {
            return Err(KeyError::refused(format!(
                "{name} was soft-deleted: `bao write -f {}/keys/{}/soft-delete-restore` brings it back",
                name.mount(),
                name.key()
            )));
        }
        Ok(())
    }

    /// The version that encrypts: the one that was promoted, or the latest where none ever was.
    pub(crate) fn active(&self) -> u32 {
        match self.min_encryption_version {
            0 => self.latest_version,
            promoted => promoted,
        }
    }

    /// The first version that decrypts. Numbers start at one.
    pub(crate) fn oldest(&self) -> u32 {
        self.min_decryption_version.max(1)
    }

    /// Whether that version is there and decrypts.
    pub(crate) fn has(&self, version: u32) -> bool {
        (self.oldest()..=self.latest_version).contains(&version)
    }

    /// The versions that decrypt, the oldest first.
    pub(crate) fn versions(&self, name: &KeyName) -> Vec<KeyVersion> {
        // What is listed counts, so that a number that makes no sense costs nothing.
        let mut numbers: Vec<_> = self
            .keys
            .iter()
            .filter_map(|(number, created)| Some((number.parse::<u32>().ok()?, created)))
            .filter(|(number, _)| self.has(*number))
            .collect();
        numbers.sort_by_key(|(number, _)| *number);
        let version = |(number, created): (u32, &Created)| KeyVersion {
            id: name.key_id(number),
            created: match created {
                Created::Seconds(seconds) => Some(Timestamp::from_unix_seconds(*seconds)),
                Created::Otherwise(_) => None,
            },
            state: match number.cmp(&self.active()) {
                std::cmp::Ordering::Less => KeyVersionState::Unwrapping,
                std::cmp::Ordering::Equal => KeyVersionState::Active,
                std::cmp::Ordering::Greater => KeyVersionState::Waiting,
            },
        };
        numbers.into_iter().map(version).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use KeyVersionState::{Active, Unwrapping, Waiting};

    fn facts(more: &str) -> KeyFacts {
        serde_json::from_str(&format!(r#"{{"type": "aes256-gcm96", "latest_version": 3{more}}}"#)).unwrap()
    }

    fn states(facts: &KeyFacts) -> Vec<KeyVersionState> {
        let name = KeyName::new("transit", "grantry").unwrap();
        facts.versions(&name).into_iter().map(|version| version.state).collect()
    }

    #[test]
    fn the_latest_version_is_active_until_one_is_promoted() {
        let keys = r#", "keys": {"1": 1554654295, "2": 1554654296, "3": 1554654297}"#;
        assert_eq!(states(&facts(keys)), [Unwrapping, Unwrapping, Active]);
        let promoted = facts(&format!(r#"{keys}, "min_encryption_version": 2"#));
        assert_eq!((states(&promoted), promoted.active()), (vec![Unwrapping, Active, Waiting], 2));
        let retired = facts(&format!(r#"{keys}, "min_encryption_version": 2, "min_decryption_version": 2"#));
        assert_eq!((states(&retired), retired.oldest()), (vec![Active, Waiting], 2));
    }

    #[test]
    fn versions_are_in_the_order_of_their_numbers_with_when_they_were_made() {
        let name = KeyName::new("transit", "grantry").unwrap();
        let text = r#"{"type": "aes256-gcm96", "latest_version": 10, "keys": {"10": 1, "9": {"name": "x"}, "x": 2, "11": 3}}"#;
        let versions = serde_json::from_str::<KeyFacts>(text).unwrap().versions(&name);
        assert_eq!(
            versions.iter().map(|version| version.id.clone()).collect::<Vec<_>>(),
            [name.key_id(9), name.key_id(10)]
        );
        let created = versions.iter().map(|version| version.created).collect::<Vec<_>>();
        assert_eq!(created, [None, Some(Timestamp::from_unix_seconds(1))]);
    }

    #[test]
    fn a_key_that_will_not_do_says_what_to_change() {
        let name = KeyName::new("transit", "grantry").unwrap();
        let refused = |text: &str| {
            serde_json::from_str::<KeyFacts>(text).unwrap().check(&name, false).unwrap_err().to_string()
        };
        for kind in ["rsa-4096", "aes128-gcm96", "ed25519", "hmac", "managed_key", "aes256-cmac"] {
            let text = refused(&format!(r#"{{"type": "{kind}", "latest_version": 1}}"#));
            assert!(text.contains("type=aes256-gcm96"), "{text}");
        }
        for (member, said) in [
            ("exportable", "allow_exportable_key"),
            ("allow_plaintext_backup", "allow_exportable_key"),
            ("convergent_encryption", "convergent"),
            ("soft_deleted", "soft-delete-restore"),
        ] {
            let text = refused(&format!(
                r#"{{"type": "chacha20-poly1305", "latest_version": 1, "{member}": true}}"#
            ));
            assert!(text.contains(said), "{text}");
        }
        assert!(facts(r#", "exportable": true"#).check(&name, true).is_ok());
    }
}
