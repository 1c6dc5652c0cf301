//! Who wrote a line, and which attempt it belongs to.

use std::fmt;
use std::str::FromStr;

use grantry_core::Entropy;

/// One run of one process: 16 random bytes, made at each start.
///
/// Each writer has a chain and keys of its own, so that replicas never wait for each other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WriterId([u8; WriterId::BYTES]);

impl WriterId {
    /// How many bytes an id has.
    pub const BYTES: usize = 16;

    pub(crate) fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = [0; Self::BYTES];
        entropy.fill(&mut bytes);
        Self(bytes)
    }

    /// The id with these bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

/// In hex, 32 digits.
impl fmt::Display for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It stands in every line of the trail, often twice: one write instead of sixteen that are formatted.
        let mut text = [0; 2 * Self::BYTES];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// The hex digit of a number below 16.
const fn digit(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + number - 10 }
}

impl fmt::Debug for WriterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WriterId({self})")
    }
}

/// A text that is no id of a writer or an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no id of an audit writer or attempt")]
#[non_exhaustive]
pub struct InvalidAuditId;

/// As `Display` writes it; capitals are refused, so that one id has one text.
impl FromStr for WriterId {
    type Err = InvalidAuditId;
    fn from_str(text: &str) -> Result<Self, InvalidAuditId> {
        let mut bytes = [0; Self::BYTES];
        let fits =
            text.len() == 2 * Self::BYTES && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        for (to, from) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(from).map_err(|_| InvalidAuditId)?;
            *to = u8::from_str_radix(digits, 16).map_err(|_| InvalidAuditId)?;
        }
        fits.then_some(Self(bytes)).ok_or(InvalidAuditId)
    }
}

/// What links an outcome to its intent: the place of the intent's line.
///
/// It may be kept and used by another process: who recovers an attempt of a process that died can tell how it ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptId {
    writer: WriterId,
    seq: u64,
}

impl AttemptId {
    pub(crate) const fn new(writer: WriterId, seq: u64) -> Self {
        Self { writer, seq }
    }

    /// Who wrote the intent.
    pub const fn writer(&self) -> WriterId {
        self.writer
    }

    /// The number of the intent's line in its writer's chain.
    pub const fn seq(&self) -> u64 {
        self.seq
    }
}

/// `writer.seq`.
impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.writer, self.seq)
    }
}

impl fmt::Debug for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AttemptId({self})")
    }
}

impl FromStr for AttemptId {
    type Err = InvalidAuditId;
    fn from_str(text: &str) -> Result<Self, InvalidAuditId> {
        let (writer, seq) = text.split_once('.').ok_or(InvalidAuditId)?;
        let attempt = Self::new(writer.parse()?, seq.parse().map_err(|_| InvalidAuditId)?);
        // `+1` and `01` are read as numbers, but are not what we write.
        (attempt.to_string() == text).then_some(attempt).ok_or(InvalidAuditId)
    }
}

/// Which token an entry is about, told only to who holds it: 16 bytes of a keyed digest.
///
/// Only [`AuditLog::fingerprint`](super::AuditLog::fingerprint) and
/// [`AuditKey::fingerprint`](super::AuditKey::fingerprint) make one. Without the audit key nobody can test a guess
/// against it, and nothing leads back from it to the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Fingerprint::BYTES]);

impl Fingerprint {
    /// How many bytes a fingerprint has.
    pub const BYTES: usize = 16;

    pub(crate) const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_of_an_id_is_two_digits() {
        let bytes = [0x00, 0x09, 0x0a, 0x0f, 0x10, 0x19, 0x9a, 0xa0, 0xaf, 0xf0, 0xff, 0x5c, 0xc5, 1, 2, 3];
        let id = WriterId::from_bytes(bytes);
        assert_eq!(id.to_string(), "00090a0f10199aa0aff0ff5cc5010203");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn an_id_has_one_text() {
        let attempt = AttemptId::new(WriterId::from_bytes([0xab; 16]), 17);
        let text = attempt.to_string();
        assert_eq!(text, "abababababababababababababababab.17");
        assert_eq!(text.parse(), Ok(attempt));
        for other in
            ["", "abab.1", &text.to_uppercase(), &text.replace("17", "+17"), &text.replace("17", "017")]
        {
            assert_eq!(other.parse::<AttemptId>(), Err(InvalidAuditId), "{other}");
        }
        assert!("ä".repeat(16).parse::<WriterId>().is_err());
    }
}
