//! Why a call was not done, by the answer's status and, of a 400, by the words that the engine is known to use.

use grantry_endpoint::{Answer, TransportCause, TransportFailure};
use grantry_vault::KeyError;
use serde::Deserialize;

use crate::call::Call;
use crate::name::KeyName;

/// Why a call was not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) error: KeyError,
    /// Whether something that was known of the key is no longer so: reading it again may help.
    pub(crate) is_stale: bool,
}

impl From<KeyError> for Refusal {
    fn from(error: KeyError) -> Self {
        Self { error, is_stale: false }
    }
}

impl Refusal {
    /// An answer that is no success.
    pub(crate) fn of_answer(call: Call, name: &KeyName, answer: &Answer) -> Self {
        let (path, number) = (call.path(name), answer.status().as_u16());
        let error = match number {
            400 => return Self::of_words(call, name, answer.expose_body()),
            403 => KeyError::refused(format!(
                "the server refuses {path} (403): the token has expired, or its policy lacks `{}` there",
                call.capability()
            )),
            404 => KeyError::unknown_key(format!(
                "the server has no {path} (404): `vault secrets enable -path={} transit`, then `vault write -f {}/keys/{}` \
                 make it (or `bao`); check the namespace too",
                name.mount(),
                name.mount(),
                name.key()
            )),
            405 => KeyError::configuration(format!(
                "the server does not take this call of {path} (405): is the engine at that mount a transit engine?"
            )),
            301 | 302 | 303 | 307 | 308 => KeyError::unavailable(format!(
                "the server redirects ({number}), most likely a standby to the active node: name an address that leads to \
                 the active one, or let standbys forward requests"
            )),
            412 => KeyError::unavailable("the server has not caught up with the cluster yet (412)"),
            429 => KeyError::unavailable("the server has had too many requests, or is a standby (429)"),
            472 | 473 => {
                KeyError::unavailable(format!("the server is a standby that does not serve this ({number})"))
            }
            501 => KeyError::unavailable("the server is not initialized (501)"),
            503 => KeyError::unavailable("the server is sealed or in maintenance (503)"),
            408 | 425 | 500..=599 => KeyError::unavailable(format!("the server failed ({number})")),
            _ => KeyError::refused(format!("the server answered {number} to {path}")),
        };
        error.into()
    }

    /// No answer.
    pub(crate) fn of_failure(failure: &TransportFailure) -> KeyError {
        match failure.cause() {
            TransportCause::AddressNotAllowed => {
                KeyError::configuration("the address has to be https (http only for loopback)")
            }
            cause => KeyError::unavailable(format!("the server could not be asked: {cause}")),
        }
    }

    /// A 400: which one is told by the text only. What is not known is no verdict on what was wrapped.
    fn of_words(call: Call, name: &KeyName, body: &[u8]) -> Self {
        let path = call.path(name);
        let words = Words::parse(body);
        // The order counts: the more particular first.
        if words.say("version is disallowed by policy") {
            return KeyError::unknown_key(format!(
                "that version of {name} was retired; where it was not trimmed, `vault write {}/keys/{}/config \
                 min_decryption_version=...` brings it back",
                name.mount(),
                name.key()
            ))
            .into();
        }
        if words.say("version is too new") {
            return KeyError::unknown_key(format!(
                "{name} has no such version yet: the server was restored from an older copy, or the key was made anew"
            ))
            .into();
        }
        if words.say("key not found") || words.say("policy not found") || words.say("no existing key named") {
            return KeyError::unknown_key(format!(
                "the server has no key at {path}: `vault write -f {}/keys/{}` makes it (or `bao`)",
                name.mount(),
                name.key()
            ))
            .into();
        }
        if words.say("requested version for encryption") || words.say("missing 'context'") {
            let error = KeyError::unavailable(format!("{name} is being changed"));
            return Self { error, is_stale: true };
        }
        if words.say("soft") && words.say("deleted") {
            return KeyError::refused(format!(
                "{name} was soft-deleted: `bao write -f {}/keys/{}/soft-delete-restore` brings it back",
                name.mount(),
                name.key()
            ))
            .into();
        }
        if words.say("non-AEAD") || words.say("not supported for key type") {
            return wrong_type(name).into();
        }
        let is_damaged = ["message authentication failed", "invalid ciphertext", "illegal base64"];
        if call == Call::Decrypt && is_damaged.into_iter().any(|text| words.say(text)) {
            return KeyError::damaged(format!(
                "the wrapped key was changed or belongs to another context, or {name} was made anew since"
            ))
            .into();
        }
        KeyError::refused(format!("the server refuses {path} (400) for a reason that is not known here"))
            .into()
    }
}

/// The key cannot bind a context.
pub(crate) fn wrong_type(name: &KeyName) -> KeyError {
    KeyError::configuration(format!(
        "{name} is of a type that takes no associated data, or is too weak: `vault write -f {}/keys/<another name> \
         type=aes256-gcm96` makes one that will do (chacha20-poly1305 will, too)",
        name.mount()
    ))
}

/// What an answer gives for its reasons. It is looked into, and never told.
#[derive(Deserialize)]
struct Words {
    errors: Vec<String>,
}

impl Words {
    fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or(Self { errors: Vec::new() })
    }

    fn say(&self, text: &str) -> bool {
        self.errors.iter().any(|error| error.contains(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn refusal(call: Call, status: u16, text: &str) -> Refusal {
        let name = KeyName::new("transit", "grantry").unwrap();
        let body = serde_json::json!({ "errors": [text] }).to_string();
        let answer = Answer::new(StatusCode::from_u16(status).unwrap()).with_body(body);
        Refusal::of_answer(call, &name, &answer)
    }

    #[test]
    fn each_status_says_whose_move_it_is() {
        let kind = |status| match refusal(Call::Decrypt, status, "canary").error {
            KeyError::Unavailable(_) => "unavailable",
            KeyError::Refused(_) => "refused",
            KeyError::UnknownKey(_) => "unknown",
            KeyError::Configuration(_) => "configuration",
            _ => "other",
        };
        for status in [301, 302, 307, 308, 408, 412, 425, 429, 472, 473, 500, 501, 502, 503, 504, 599] {
            assert_eq!(kind(status), "unavailable", "{status}");
        }
        for status in [400, 401, 403, 413, 418] {
            assert_eq!(kind(status), "refused", "{status}");
        }
        assert_eq!((kind(404), kind(405)), ("unknown", "configuration"));
    }

    #[test]
    fn each_documented_text_of_a_400_is_told_apart() {
        let damaged = [
            "cipher: message authentication failed",
            "chacha20poly1305: message authentication failed",
            "invalid ciphertext: no prefix",
            "invalid ciphertext: wrong number of fields",
            "invalid ciphertext: could not decode base64",
            "invalid ciphertext length",
        ];
        for text in damaged {
            assert!(matches!(refusal(Call::Decrypt, 400, text).error, KeyError::Damaged(_)), "{text}");
            assert!(matches!(refusal(Call::Encrypt, 400, text).error, KeyError::Refused(_)), "{text}");
        }
        let unknown = [
            "ciphertext or signature version is disallowed by policy (too old)",
            "invalid ciphertext: version is too new",
            "encryption key not found",
            "no existing key named grantry could be found",
        ];
        for text in unknown {
            assert!(matches!(refusal(Call::Decrypt, 400, text).error, KeyError::UnknownKey(_)), "{text}");
        }
        let stale = [
            "requested version for encryption is less than the minimum encryption key version",
            "requested version for encryption is higher than the latest key version",
            "missing 'context' for key derivation; the key was created using a derived key",
        ];
        for text in stale {
            assert!(refusal(Call::Encrypt, 400, text).is_stale, "{text}");
        }
        let wrong = "'[0].associated_data' provided for non-AEAD cipher suite rsa-2048";
        assert!(matches!(refusal(Call::Encrypt, 400, wrong).error, KeyError::Configuration(_)));
    }

    #[test]
    fn a_body_is_never_told() {
        for call in [Call::Read, Call::Encrypt, Call::Decrypt, Call::Rotate, Call::Configure, Call::Trim] {
            for status in [400, 403, 404, 405, 418, 429, 500, 503] {
                let refusal = refusal(call, status, "canary");
                assert!(!format!("{refusal:?} {}", refusal.error).contains("canary"));
            }
        }
    }

    #[test]
    fn a_refused_token_says_which_path_needs_which_capability() {
        let text = |call| refusal(call, 403, "permission denied").error.to_string();
        assert!(text(Call::Read).contains("`read`") && text(Call::Read).contains("transit/keys/grantry"));
        assert!(
            text(Call::Trim).contains("`update`") && text(Call::Trim).contains("transit/keys/grantry/trim")
        );
    }

    #[test]
    fn an_answer_that_is_no_json_is_no_verdict() {
        let name = KeyName::new("transit", "grantry").unwrap();
        let page = "<html>message authentication failed</html>";
        let answer = Answer::new(StatusCode::BAD_REQUEST).with_body(page);
        assert!(matches!(Refusal::of_answer(Call::Decrypt, &name, &answer).error, KeyError::Refused(_)));
    }
}
