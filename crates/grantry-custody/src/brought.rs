//! What a token request brought, on its way into the record, and in the bytes of a lifeboat.

use std::fmt;

use grantry_core::{AccessToken, Binding, PrivateKey, RefreshToken, Scope, StoreTime, Thumbprint};
use grantry_vault::{FieldReader, FieldWriter, Fingerprint, LineageId, StoredBinding};
use zeroize::Zeroizing;

use crate::protocol::{Intent, Proceeds};

/// Without and with what the tokens are bound to.
const PLAIN: u8 = 1;
const BOUND: u8 = 2;

/// An answer's tokens, and where they belong.
#[derive(Clone)]
pub(crate) struct Brought {
    pub(crate) proceeds: Proceeds,
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) access_token: AccessToken,
    pub(crate) granted: Scope,
    pub(crate) obtained: StoreTime,
    pub(crate) expires: Option<StoreTime>,
    pub(crate) binding: StoredBinding,
    /// The key that they are bound to, where it may be kept.
    pub(crate) proof_key: Option<PrivateKey>,
}

impl Brought {
    /// Where an answer to the request of this intent belongs.
    pub(crate) fn proceeds(
        lineage: LineageId,
        intent: &Intent,
        successor: Option<&RefreshToken>,
    ) -> Proceeds {
        Proceeds {
            lineage,
            attempt: intent.attempt,
            epoch: intent.epoch,
            parent: intent.token,
            successor: successor.map(Fingerprint::of),
        }
    }

    /// How a token's binding is kept, and the key beside it.
    pub(crate) fn bound(binding: &Binding) -> (StoredBinding, Option<PrivateKey>) {
        match binding {
            Binding::Proof(prover) => (StoredBinding::Proof, prover.private_key()),
            Binding::Certificate(thumbprint) => (StoredBinding::Certificate(*thumbprint), None),
            _ => (StoredBinding::Bearer, None),
        }
    }

    /// In bytes; the line of descent is beside them, in the seal.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let refresh_token = self.refresh_token.as_ref().map_or(0, |token| token.expose().len());
        let mut to = FieldWriter::with_room(
            refresh_token
                + self.access_token.expose().len()
                + self.granted.as_str().len()
                + self.proof_key.as_ref().map_or(0, |key| key.expose().len())
                + 220,
        );
        let is_plain = self.binding == StoredBinding::Bearer && self.proof_key.is_none();
        to.byte(if is_plain { PLAIN } else { BOUND });
        to.bytes(&self.proceeds.attempt);
        to.number(self.proceeds.epoch);
        to.option(self.proceeds.parent, |to, parent| to.bytes(parent.as_bytes()));
        to.option(self.refresh_token.as_ref(), |to, token| to.text(token.expose()));
        to.text(self.access_token.expose());
        to.text(self.granted.as_str());
        to.store_time(self.obtained);
        to.option(self.expires, FieldWriter::store_time);
        if !is_plain {
            let (kind, thumbprint) = match &self.binding {
                StoredBinding::Certificate(thumbprint) => (3, Some(thumbprint)),
                StoredBinding::Proof => (2, None),
                _ => (1, None),
            };
            to.byte(kind);
            to.option(thumbprint, |to, thumbprint| to.bytes(&thumbprint.0));
            to.option(self.proof_key.as_ref(), |to, key| to.text(key.expose()));
        }
        Zeroizing::new(to.as_bytes().to_vec())
    }

    /// From the bytes of a lifeboat; `None` where they are of another format.
    pub(crate) fn decode(lineage: LineageId, bytes: &[u8]) -> Option<Self> {
        let mut from = FieldReader::new(bytes);
        let format = from.byte().filter(|format| matches!(*format, PLAIN | BOUND))?;
        let attempt = from.bytes()?.try_into().ok()?;
        let epoch = from.number()?;
        let parent = from.option(|from| Some(Fingerprint::from_bytes(from.bytes()?.try_into().ok()?)))?;
        let refresh_token = from.option(|from| from.text().map(RefreshToken::new))?;
        let successor = refresh_token.as_ref().map(Fingerprint::of);
        let mut brought = Self {
            proceeds: Proceeds { lineage, attempt, epoch, parent, successor },
            refresh_token,
            access_token: AccessToken::new(from.text()?),
            granted: Scope::parse(from.text()?).ok()?,
            obtained: from.store_time()?,
            expires: from.option(FieldReader::store_time)?,
            binding: StoredBinding::Bearer,
            proof_key: None,
        };
        if format == BOUND {
            let kind = from.byte()?;
            let thumbprint = from.option(|from| from.bytes()?.try_into().ok())?;
            brought.binding = match (kind, thumbprint) {
                (1, None) => StoredBinding::Bearer,
                (2, None) => StoredBinding::Proof,
                (3, Some(thumbprint)) => StoredBinding::Certificate(Thumbprint(thumbprint)),
                _ => return None,
            };
            brought.proof_key = from.option(|from| from.text().map(PrivateKey::new))?;
        }
        from.is_at_end().then_some(brought)
    }
}

impl fmt::Debug for Brought {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brought").field("proceeds", &self.proceeds).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brought(binding: StoredBinding, proof_key: Option<&str>) -> Brought {
        let successor = RefreshToken::new("successor");
        Brought {
            proceeds: Proceeds {
                lineage: LineageId::from_bytes([1; 16]),
                attempt: [2; 16],
                epoch: 3,
                parent: Some(Fingerprint::of(&RefreshToken::new("parent"))),
                successor: Some(Fingerprint::of(&successor)),
            },
            refresh_token: Some(successor),
            access_token: AccessToken::new("access"),
            granted: Scope::parse("a b").unwrap(),
            obtained: StoreTime::from_nanos(4),
            expires: Some(StoreTime::from_nanos(5)),
            binding,
            proof_key: proof_key.map(PrivateKey::new),
        }
    }

    #[test]
    fn what_was_brought_comes_back_from_a_lifeboat_and_half_of_it_does_not() {
        let lineage = LineageId::from_bytes([1; 16]);
        for (binding, key, format) in [
            (StoredBinding::Bearer, None, PLAIN),
            (StoredBinding::Proof, Some("a key"), BOUND),
            (StoredBinding::Proof, None, BOUND),
            (StoredBinding::Certificate(Thumbprint([9; 32])), None, BOUND),
        ] {
            let brought = brought(binding, key);
            let bytes = brought.encode();
            assert_eq!(bytes[0], format);
            let read = Brought::decode(lineage, &bytes).unwrap();
            assert_eq!(read.proceeds, brought.proceeds);
            assert_eq!(read.refresh_token.unwrap().expose(), "successor");
            assert_eq!((read.access_token.expose(), read.expires), ("access", brought.expires));
            assert_eq!((read.binding, read.proof_key.as_ref().map(PrivateKey::expose)), (binding, key));
            assert!((0..bytes.len()).all(|length| Brought::decode(lineage, &bytes[..length]).is_none()));
        }
    }
}
