//! Finds the blocks of a PEM text (RFC 7468) and says what is in them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::KeyError;

/// What a block holds, by its label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Label {
    /// PKCS#8 (RFC 5958).
    Pkcs8,
    /// SEC 1 `ECPrivateKey` (RFC 5915).
    Sec1,
    /// PKCS#1 `RSAPrivateKey` (RFC 8017).
    Pkcs1,
    /// A private key under a passphrase.
    Encrypted,
    /// A private key of a kind that we do not read.
    OtherPrivate(&'static str),
    /// `SubjectPublicKeyInfo` (RFC 5280).
    PublicKey,
    /// PKCS#1 `RSAPublicKey` (RFC 8017).
    Pkcs1Public,
    /// An X.509 certificate.
    Certificate,
    /// Nothing that matters to a key.
    Other,
}

impl Label {
    fn of(label: &str) -> Self {
        match label {
            "PRIVATE KEY" => Self::Pkcs8,
            "EC PRIVATE KEY" => Self::Sec1,
            "RSA PRIVATE KEY" => Self::Pkcs1,
            "ENCRYPTED PRIVATE KEY" => Self::Encrypted,
            "OPENSSH PRIVATE KEY" => Self::OtherPrivate(
                "a private key in OpenSSH's own format (ssh-keygen -p -m PKCS8 -f KEY converts it)",
            ),
            "DSA PRIVATE KEY" => Self::OtherPrivate("a DSA private key"),
            "PUBLIC KEY" => Self::PublicKey,
            "RSA PUBLIC KEY" => Self::Pkcs1Public,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => Self::Certificate,
            label if label.ends_with("PRIVATE KEY") => Self::OtherPrivate("a private key of an unknown kind"),
            _ => Self::Other,
        }
    }

    /// Whether a private key is in the block, readable or not.
    pub(crate) fn is_private(self) -> bool {
        matches!(self, Self::Pkcs8 | Self::Sec1 | Self::Pkcs1 | Self::Encrypted | Self::OtherPrivate(_))
    }

    /// The content in words, for messages.
    pub(crate) fn content(self) -> &'static str {
        match self {
            Self::Pkcs8 | Self::Sec1 | Self::Pkcs1 | Self::Encrypted => "a private key",
            Self::OtherPrivate(what) => what,
            Self::PublicKey | Self::Pkcs1Public => "a public key",
            Self::Certificate => "a certificate",
            Self::Other => "a PEM block that holds no key",
        }
    }
}

/// One block. Its text is zeroized when dropped.
pub(crate) struct Block {
    pub(crate) label: Label,
    body: Zeroizing<String>,
}

impl Block {
    fn new(label: &str, lines: &[&str]) -> Self {
        // The header lines of RFC 1421, which the older formats still carry.
        let is_header = |line: &&&str| line.contains(':');
        let encrypted = lines.iter().filter(is_header).any(|line| line.contains("ENCRYPTED"));
        // Enough room for all, so that growing leaves no copy behind.
        let mut body = Zeroizing::new(String::with_capacity(lines.iter().map(|l| l.len()).sum()));
        lines.iter().filter(|line| !is_header(line)).for_each(|line| body.push_str(line));
        let label = Label::of(label);
        let label = if encrypted && label.is_private() { Label::Encrypted } else { label };
        Self { label, body }
    }

    /// What the text encodes.
    pub(crate) fn der(&self) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let mut der = Zeroizing::new(vec![0; base64::decoded_len_estimate(self.body.len())]);
        let length = STANDARD
            .decode_slice(self.body.as_bytes(), &mut der)
            .map_err(|_| KeyError::malformed("PEM block is not base64"))?;
        der.truncate(length);
        Ok(der)
    }
}

/// The blocks of a text, in order; at least one.
pub(crate) fn blocks(text: &[u8]) -> Result<Vec<Block>, KeyError> {
    let Ok(text) = std::str::from_utf8(text) else {
        let der = text.first() == Some(&0x30);
        let hint = der.then_some("this looks like binary DER: openssl pkey -inform der -in KEY converts it");
        return Err(KeyError::NoPem { hint });
    };
    let mut blocks = Vec::new();
    let mut lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix("-----BEGIN ").and_then(|l| l.strip_suffix("-----")) else {
            continue;
        };
        // Two dashes in a row are not part of a label (RFC 7468 section 3): here the line breaks are missing.
        if label.contains("--") {
            continue;
        }
        blocks.push(block(label, &mut lines)?);
    }
    if blocks.is_empty() { Err(KeyError::NoPem { hint: hint(text) }) } else { Ok(blocks) }
}

/// Reads one block up to its end line.
fn block<'a>(label: &str, lines: &mut impl Iterator<Item = &'a str>) -> Result<Block, KeyError> {
    let mut inside = Vec::new();
    for line in lines {
        if let Some(end) = line.strip_prefix("-----END ").and_then(|l| l.strip_suffix("-----")) {
            return if end == label { Ok(Block::new(label, &inside)) } else { Err(NO_END) };
        }
        inside.push(line);
    }
    Err(NO_END)
}

const NO_END: KeyError = KeyError::malformed("PEM block has no end line of the same name");

/// What a text without a block looks like.
fn hint(text: &str) -> Option<&'static str> {
    if text.contains("-----BEGIN ") && text.contains("\\n") {
        Some("its line breaks are written as backslash and n: replace them by real ones")
    } else if text.contains("-----BEGIN ") {
        Some("its begin line has to stand on a line of its own")
    } else if text.trim_start().starts_with('{') {
        Some("this looks like JSON: for a JWK use from_jwk")
    } else if text.trim().is_empty() {
        Some("the text is empty")
    } else if text.trim_start().starts_with("MII") || text.trim_start().starts_with("MC") {
        Some("this looks like base64 without its begin and end lines: add them")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<(Label, Vec<u8>), KeyError> {
        let found = blocks(text.as_bytes())?;
        Ok((found[0].label, found[0].der()?.to_vec()))
    }

    #[test]
    fn blocks_are_found_between_other_text_whatever_the_line_ends() {
        let text = "\u{feff}# my key\r\n  -----BEGIN PUBLIC KEY-----\r\nAQID\r\nBA==\r\n-----END PUBLIC KEY-----\r\n";
        assert_eq!(one(text).unwrap(), (Label::PublicKey, vec![1, 2, 3, 4]));
    }

    #[test]
    fn a_traditional_header_tells_of_encryption() {
        let text = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAQID\n\
                    -----END RSA PRIVATE KEY-----\n";
        assert_eq!(blocks(text.as_bytes()).unwrap()[0].label, Label::Encrypted);
    }

    #[test]
    fn what_is_not_pem_is_named() {
        let hint = |text: &[u8]| blocks(text).err().unwrap().to_string();
        assert!(hint(b"").contains("empty"));
        assert!(hint(b"{\"kty\":\"EC\"}").contains("from_jwk"));
        assert!(
            hint(b"-----BEGIN PRIVATE KEY-----\\nAQID\\n-----END PRIVATE KEY-----").contains("backslash")
        );
        assert!(hint(&[0x30, 0x82, 0xff, 0xff]).contains("DER"));
        assert!(hint(b"MIIEvQIBADANBgkq").contains("begin and end"));
    }

    #[test]
    fn broken_blocks_are_refused() {
        for bad in [
            "-----BEGIN PRIVATE KEY-----\nAQID\n",
            "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PUBLIC KEY-----",
            "-----BEGIN PRIVATE KEY-----\nA*ID\n-----END PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nAQI\n-----END PRIVATE KEY-----",
        ] {
            assert!(one(bad).is_err(), "{bad}");
        }
    }
}
