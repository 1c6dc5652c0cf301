//! Which key it is: its engine's mount, its name, and the names of its versions.

use std::fmt;

use grantry_vault::{KeyError, KeyId};

/// What a mount or a name may have at most, so that the name of a version is never cut.
const MOST_BYTES: usize = 200;

/// A key of a transit engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyName {
    mount: String,
    key: String,
}

impl KeyName {
    /// Checks both; slashes at the ends of the mount are left out.
    pub(crate) fn new(mount: &str, key: &str) -> Result<Self, KeyError> {
        let mount = mount.trim_matches('/');
        if mount.len() > MOST_BYTES || !mount.split('/').all(is_name) {
            return Err(KeyError::configuration(
                "`mount` has to be the path of a transit engine, such as `transit` or `team/transit`",
            ));
        }
        if key.len() > MOST_BYTES || !is_name(key) {
            return Err(KeyError::configuration(
                "the name of the transit key has to be of A-Z, a-z, 0-9, dot, underscore and hyphen, and to begin and \
                 end with a letter, digit or underscore",
            ));
        }
        Ok(Self { mount: mount.to_owned(), key: key.to_owned() })
    }

    /// The parts of the engine's path.
    pub(crate) fn mount_parts(&self) -> impl Iterator<Item = &str> {
        self.mount.split('/')
    }

    pub(crate) fn mount(&self) -> &str {
        &self.mount
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// What wrapped keys name: `transit/<mount>/<key>:v<version>`.
    pub(crate) fn key_id(&self, version: u32) -> KeyId {
        KeyId::new(format!("{self}:v{version}"))
    }

    /// The version that a name is of.
    ///
    /// # Errors
    /// [`KeyError::UnknownKey`] where it is another key's.
    pub(crate) fn version_of(&self, id: &KeyId) -> Result<u32, KeyError> {
        let (key, version) = id.as_str().rsplit_once(":v").unwrap_or_default();
        let number = version.parse().ok().filter(|number| self.key_id(*number) == *id);
        number.filter(|_| !key.is_empty()).ok_or_else(|| {
            KeyError::unknown_key(format!("{id} is no version of {self}: add the provider of that key"))
        })
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "transit/{}/{}", self.mount, self.key)
    }
}

/// What the server takes for the name of a key, and no more for the parts of a mount.
fn is_name(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let [first, .., last] = part.as_bytes() else { return part.bytes().all(is_word) && !part.is_empty() };
    is_word(*first) && is_word(*last) && part.bytes().all(|byte| is_word(byte) || matches!(byte, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_version_is_read_as_it_was_written() {
        let name = KeyName::new("/team/transit/", "grantry-1.a").unwrap();
        let id = name.key_id(7);
        assert_eq!(id.as_str(), "transit/team/transit/grantry-1.a:v7");
        assert_eq!(name.version_of(&id), Ok(7));
    }

    #[test]
    fn the_name_of_another_key_is_unknown() {
        let name = KeyName::new("transit", "grantry").unwrap();
        for id in [
            "",
            ":v1",
            "transit/transit/grantry",
            "transit/transit/grantry:v",
            "transit/transit/grantry:v-1",
            "transit/transit/grantry:v+1",
            "transit/transit/grantry:v01",
            "transit/transit/grantry:v4294967296",
            "transit/transit/other:v1",
            "transit/other/grantry:v1",
            "arn:aws:kms:eu-central-1:111122223333:key/1",
        ] {
            assert!(matches!(name.version_of(&KeyId::new(id)), Err(KeyError::UnknownKey(_))), "{id}");
        }
    }

    #[test]
    fn what_would_change_the_path_is_no_name() {
        for wrong in ["", ".", "..", "a/b", "a b", "a?b", "a#b", "-a", "a-", "%2e", "ä", "a\n"] {
            assert!(KeyName::new("transit", wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "/", "a//b", "a/../b", "a/./b", "sys?", "a b"] {
            assert!(KeyName::new(wrong, "a").is_err(), "{wrong:?}");
        }
        assert!(KeyName::new(&"a".repeat(201), "a").is_err() && KeyName::new("a", &"a".repeat(201)).is_err());
        let longest = KeyName::new(&"a".repeat(200), &"b".repeat(200)).unwrap();
        assert_eq!(longest.version_of(&longest.key_id(u32::MAX)), Ok(u32::MAX));
    }
}
