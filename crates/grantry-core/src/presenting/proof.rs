//! Proofs of possession on resource requests (RFC 9449 sections 7 and 9).

use http::header::{AGE, DATE};
use http::{HeaderMap, HeaderValue, Method};

use crate::{AccessToken, Binding, Error, Origin, ProofRequest, Token};

/// The longest nonce that is remembered.
const LONGEST_NONCE: usize = 1024;

/// The proof that goes with `token` on a request of `method` to `path` at `origin`: the value of the `DPoP`
/// header, or `None` for a token that needs none. Each send needs a proof of its own, every repeat included.
///
/// `path` is the path alone: a proof names its target without query and fragment (RFC 9449 section 4.2).
///
/// **Cancel-safety**: dropping the future leaves nothing behind.
///
/// # Errors
/// Where the prover's key cannot sign.
pub async fn prove(
    token: &Token,
    method: &Method,
    origin: &Origin,
    path: &str,
) -> Result<Option<HeaderValue>, Error> {
    let Binding::Proof(prover) = token.binding() else {
        return Ok(None);
    };
    let target = format!("{origin}{path}");
    let access_token = AccessToken::new(token.expose());
    let request = ProofRequest::new(method, &target, origin).with_access_token(&access_token);
    prover.prove(request).await.map(Some)
}

/// Tells the token's prover the nonce that an answer of `origin` names, whatever its status (RFC 9449
/// section 8.2), and its date. The answer has to be of that very origin: nonces of different servers are kept apart.
pub fn remember_answer(token: &Token, origin: &Origin, headers: &HeaderMap) {
    let Binding::Proof(prover) = token.binding() else {
        return;
    };
    if let Some(nonce) = proof_nonce(headers) {
        prover.saw_nonce(origin, nonce);
    }
    // Where a cache answered, the date is that of its copy.
    if let Some(date) = headers.get(DATE).filter(|_| !headers.contains_key(AGE)) {
        prover.saw_date(origin, date);
    }
}

/// The nonce that an answer names: exactly one, `1*NQCHAR` (RFC 9449 section 8.1), of at most 1024 bytes.
pub fn proof_nonce(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all("dpop-nonce").iter();
    let (nonce, None) = (all.next()?.to_str().ok()?, all.next()) else {
        return None;
    };
    let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    (!nonce.is_empty() && nonce.len() <= LONGEST_NONCE && nonce.bytes().all(allowed)).then_some(nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn req_e11_only_a_single_well_formed_nonce_counts() {
        let of = |values: &[&str]| {
            let headers: HeaderMap = values
                .iter()
                .map(|v| (http::HeaderName::from_static("dpop-nonce"), v.parse().unwrap()))
                .collect();
            proof_nonce(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["eyJ7S_zG.eyJH0-Z.HX4w-7v"]).as_deref(), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["a", "b"]), None);
        for bad in ["", "a b", "a\"b", "a\\b", "é", &"n".repeat(LONGEST_NONCE + 1)] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
    }
}
