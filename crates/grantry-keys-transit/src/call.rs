//! The calls of the transit engine: methods, paths, and what a token's policy has to allow.

use http::Method;
use url::Url;

use crate::name::KeyName;

/// A call of the engine's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Call {
    /// What is known of the key.
    Read,
    Encrypt,
    Decrypt,
    /// Makes a version.
    Rotate,
    /// Sets which versions may encrypt and decrypt.
    Configure,
    /// Destroys old versions.
    Trim,
}

impl Call {
    pub(crate) fn method(self) -> Method {
        if self == Self::Read { Method::GET } else { Method::POST }
    }

    /// The capability that a policy has to give for the path.
    pub(crate) fn capability(self) -> &'static str {
        if self == Self::Read { "read" } else { "update" }
    }

    /// Whether the same call twice is as good as once.
    pub(crate) fn may_repeat(self) -> bool {
        self != Self::Rotate
    }

    /// The path below the engine's mount.
    fn parts(self, name: &KeyName) -> [Option<&str>; 3] {
        let key = Some(name.key());
        match self {
            Self::Read => [Some("keys"), key, None],
            Self::Encrypt => [Some("encrypt"), key, None],
            Self::Decrypt => [Some("decrypt"), key, None],
            Self::Rotate => [Some("keys"), key, Some("rotate")],
            Self::Configure => [Some("keys"), key, Some("config")],
            Self::Trim => [Some("keys"), key, Some("trim")],
        }
    }

    /// The path as policies name it.
    pub(crate) fn path(self, name: &KeyName) -> String {
        let parts = self.parts(name);
        let parts = std::iter::once(name.mount()).chain(parts.into_iter().flatten());
        parts.collect::<Vec<_>>().join("/")
    }

    /// Where it goes.
    pub(crate) fn url(self, address: &Url, name: &KeyName) -> Url {
        let mut url = address.clone();
        // An address with a host, which was checked, always has a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(name.mount_parts());
            path.extend(self.parts(name).into_iter().flatten());
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_has_its_documented_path() {
        let name = KeyName::new("team/transit", "grantry").unwrap();
        let table = [
            (Call::Read, "keys/grantry"),
            (Call::Encrypt, "encrypt/grantry"),
            (Call::Decrypt, "decrypt/grantry"),
            (Call::Rotate, "keys/grantry/rotate"),
            (Call::Configure, "keys/grantry/config"),
            (Call::Trim, "keys/grantry/trim"),
        ];
        for (call, path) in table {
            assert_eq!(call.path(&name), format!("team/transit/{path}"));
            for (address, prefix) in [("https://bao.test:8200", ""), ("https://a.test/bao/", "/bao")] {
                let url = call.url(&Url::parse(address).unwrap(), &name);
                assert_eq!(url.path(), format!("{prefix}/v1/team/transit/{path}"));
            }
        }
    }
}
