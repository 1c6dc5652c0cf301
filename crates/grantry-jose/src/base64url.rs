//! Base64url without padding (RFC 7515 section 2, RFC 4648 section 5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes in base64url, without padding.
///
/// ```
/// assert_eq!(grantry_jose::base64url::encode([3, 236, 255, 224, 193]), "A-z_4ME");
/// ```
pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The same, behind a text.
pub(crate) fn encode_onto(text: &mut String, bytes: impl AsRef<[u8]>) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// The bytes of a text in base64url. Padding, white space, the characters `+` and `/`, and bits left over at the
/// end are refused, so that no two texts mean the same bytes.
///
/// # Errors
/// [`InvalidBase64url`], which says nothing about the text: it may be a secret.
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, InvalidBase64url> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidBase64url)
}

/// A text that is not base64url without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not base64url without padding (RFC 7515 section 2)")]
#[non_exhaustive]
pub struct InvalidBase64url;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_for_one_sequence_of_bytes() {
        for bad in ["A", "AA==", "AB", "A+A/", "A A", "AA\n", "é"] {
            assert_eq!(decode(bad), Err(InvalidBase64url), "{bad:?}");
        }
        assert_eq!(decode("").unwrap(), b"");
        assert_eq!(decode("A-z_4ME").unwrap(), [3, 236, 255, 224, 193]);
    }

    proptest::proptest! {
        #[test]
        fn bytes_come_back(bytes: Vec<u8>) {
            proptest::prop_assert_eq!(decode(encode(&bytes)).unwrap(), bytes);
        }
    }
}
