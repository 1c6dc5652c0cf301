//! What is sent and what comes back, without a copy of a key in memory that is not zeroized.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use grantry_vault::{KeyError, TenantKey, WrappedKey};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// How long a tenant key is in base64.
const KEY_TEXT: usize = TenantKey::BYTES.div_ceil(3) * 4;
/// What decoding needs: a multiple of three.
const KEY_ROOM: usize = KEY_TEXT / 4 * 3;

/// Asks for a key to be encrypted by a version.
pub(crate) fn encrypt(key: &TenantKey, context: &[u8], is_derived: bool, version: u32) -> Zeroizing<Vec<u8>> {
    let mut plain = Zeroizing::new([0; KEY_TEXT]);
    let length = STANDARD.encode_slice(key.expose(), plain.as_mut_slice()).unwrap_or(0);
    let plain = plain.get(..length).unwrap_or_default();
    let binding = binding(context, context, is_derived);
    let end = format!(",{binding},\"key_version\":{version}}}");
    // Of the exact size, so that growing leaves no copy behind.
    let mut body = Zeroizing::new(Vec::with_capacity(64 + plain.len() + end.len()));
    for part in [b"{\"plaintext\":\"", plain, b"\"", end.as_bytes()] {
        body.extend_from_slice(part);
    }
    body
}

/// Asks for a key to be decrypted.
pub(crate) fn decrypt(ciphertext: &str, context: &[u8], is_derived: bool) -> Zeroizing<Vec<u8>> {
    decrypt_as(ciphertext, context, context, is_derived)
}

/// Asks for it with other associated data than belongs to the context.
pub(crate) fn decrypt_as(
    ciphertext: &str,
    context: &[u8],
    aad: &[u8],
    is_derived: bool,
) -> Zeroizing<Vec<u8>> {
    let binding = binding(context, aad, is_derived);
    Zeroizing::new(format!("{{\"ciphertext\":\"{ciphertext}\",{binding}}}").into_bytes())
}

/// The members that bind a context: nothing in base64 needs an escape.
fn binding(context: &[u8], aad: &[u8], is_derived: bool) -> String {
    let context = STANDARD.encode(context);
    let derived = if is_derived { format!(",\"context\":\"{context}\"") } else { String::new() };
    format!("\"associated_data\":\"{}\"{derived}", STANDARD.encode(aad))
}

/// A ciphertext as the engine writes it, `vault:v<version>:<base64>`, which nothing needs to escape.
pub(crate) fn ciphertext(bytes: &[u8], version: u32) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= WrappedKey::MOST_BYTES)?;
    let sealed = text.strip_prefix(&format!("vault:v{version}:"))?;
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    (!sealed.is_empty() && sealed.bytes().all(is_base64)).then_some(text)
}

#[derive(Deserialize)]
struct Enveloped<D> {
    data: D,
}

/// What an answer has under `data`.
pub(crate) fn data<D: DeserializeOwned>(body: &[u8]) -> Option<D> {
    serde_json::from_slice::<Enveloped<D>>(body).ok().map(|answer| answer.data)
}

#[derive(Deserialize)]
pub(crate) struct Encrypted {
    pub(crate) ciphertext: String,
}

#[derive(Deserialize)]
struct Decrypted<'a> {
    /// Borrowed, so that it is nowhere but in the answer's own buffer. The server's encoder escapes nothing of base64;
    /// an answer that does is not understood.
    #[serde(borrow)]
    plaintext: &'a str,
}

/// The key in an answer.
///
/// # Errors
/// [`KeyError::Damaged`] for what is no key, [`KeyError::Unavailable`] for what is no such answer.
pub(crate) fn decrypted(body: &[u8]) -> Result<TenantKey, KeyError> {
    let answer: Enveloped<Decrypted<'_>> = serde_json::from_slice(body).map_err(|_| not_understood())?;
    let text = answer.data.plaintext;
    let mut room = Zeroizing::new([0; KEY_ROOM]);
    // A text of another length would not fit, or is no key.
    let length =
        if text.len() == KEY_TEXT { STANDARD.decode_slice(text, room.as_mut_slice()).ok() } else { None };
    length
        .and_then(|length| TenantKey::from_slice(room.get(..length)?))
        .ok_or_else(|| KeyError::damaged("what was wrapped is no tenant key"))
}

/// An answer that is no answer of the engine.
pub(crate) fn not_understood() -> KeyError {
    KeyError::unavailable(
        "the answer is none of a transit engine: does the address lead to the server itself?",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantry_core::SystemEntropy;

    #[test]
    fn a_key_goes_there_and_back() {
        let key = TenantKey::generate(&SystemEntropy);
        let body = encrypt(&key, b"context", false, 3);
        let sent: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(STANDARD.decode(sent["plaintext"].as_str().unwrap()).unwrap(), key.expose());
        assert_eq!(STANDARD.decode(sent["associated_data"].as_str().unwrap()).unwrap(), b"context");
        assert_eq!((&sent["key_version"], sent.get("context")), (&3.into(), None));
        assert!(body.capacity() == 64 + KEY_TEXT + (body.len() - 15 - KEY_TEXT), "it did not grow");

        let answer = format!(r#"{{"request_id":"x","data":{{"plaintext":{}}}}}"#, sent["plaintext"]);
        assert_eq!(decrypted(answer.as_bytes()).unwrap().expose(), key.expose());
    }

    #[test]
    fn a_derived_key_gets_its_context() {
        let key = TenantKey::generate(&SystemEntropy);
        let sent: serde_json::Value = serde_json::from_slice(&encrypt(&key, b"c", true, 1)).unwrap();
        assert_eq!(sent["context"], sent["associated_data"]);
        let sent: serde_json::Value = serde_json::from_slice(&decrypt("vault:v1:AAAA", b"c", true)).unwrap();
        assert_eq!((&sent["context"], &sent["ciphertext"]), (&"Yw==".into(), &"vault:v1:AAAA".into()));
    }

    #[test]
    fn what_is_no_key_is_damaged_and_what_is_no_answer_is_not_understood() {
        for text in ["", "AAAA", &"A".repeat(43), &"A".repeat(44), &"A".repeat(48), &"!".repeat(44)] {
            let answer = format!(r#"{{"data":{{"plaintext":"{text}"}}}}"#);
            assert!(matches!(decrypted(answer.as_bytes()), Err(KeyError::Damaged(_))), "{text}");
        }
        for answer in ["", "<html>", "{}", r#"{"data":null}"#, r#"{"data":{"plaintext":1}}"#] {
            assert!(matches!(decrypted(answer.as_bytes()), Err(KeyError::Unavailable(_))), "{answer}");
        }
    }

    #[test]
    fn only_a_ciphertext_of_that_version_is_one() {
        assert_eq!(ciphertext(b"vault:v12:aB+/=", 12), Some("vault:v12:aB+/="));
        for wrong in [
            "",
            "vault:v12:",
            "vault:v1:aa",
            "vault:v12:a\"b",
            "vault:v12:a b",
            "vault:v12:a:b",
            "bao:v12:aa",
        ] {
            assert_eq!(ciphertext(wrong.as_bytes(), 12), None, "{wrong}");
        }
        assert_eq!(ciphertext(format!("vault:v1:{}", "a".repeat(8192)).as_bytes(), 1), None);
        assert_eq!(ciphertext(&[0xff], 1), None);
    }
}
