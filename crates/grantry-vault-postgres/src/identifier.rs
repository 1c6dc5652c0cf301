//! Names in SQL that a user chose.

use std::fmt;

use grantry_vault::VaultError;

/// A checked name: it needs no escaping within its quotes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Identifier(String);

impl Identifier {
    /// The most bytes that PostgreSQL keeps of a name.
    const MOST_BYTES: usize = 63;

    /// Lower-case ASCII letters, digits and underscores, not beginning with a digit.
    pub(crate) fn new(name: &str) -> Result<Self, VaultError> {
        let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        let begins = name.bytes().next().is_some_and(is_letter);
        let goes_on = name.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit());
        if begins && goes_on && name.len() <= Self::MOST_BYTES && !name.starts_with("pg_") {
            return Ok(Self(name.to_owned()));
        }
        Err(VaultError::refused(
            "the name of a schema or role has to be 1 to 63 lower-case ASCII letters, digits and underscores, and \
             begins with neither a digit nor `pg_`",
        ))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As a name in SQL.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// As a text in SQL.
    pub(crate) fn literal(&self) -> String {
        format!("'{}'", self.0)
    }
}

impl fmt::Debug for Identifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_would_need_escaping_is_refused() {
        let long = "a".repeat(64);
        for name in ["", "1a", "A", "a-b", "a b", "a\"", "a'", "\u{e9}", "a;drop", "pg_catalog", "a.b", &long]
        {
            assert!(Identifier::new(name).is_err(), "{name:?}");
        }
        for name in ["grantry", "_a1", "user", &long[..63]] {
            assert_eq!(Identifier::new(name).unwrap().quoted(), format!("\"{name}\""));
        }
    }
}
