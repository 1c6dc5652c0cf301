//! What a token request brought, on its way into the record, and in the bytes of a lifeboat.

use std::fmt;

use grantry_core::{
    AccessToken, Binding, FurtherParameters, PrivateKey, RefreshToken, Scope, StoreTime, Thumbprint,
};
use grantry_vault::{FieldReader, FieldWriter, Fingerprint, LineageId, StoredBinding};
use zeroize::Zeroizing;

use crate::protocol::{Intent, Proceeds};

const FORMAT: u8 = 2;

/// An answer's tokens, and where they belong.
#[derive(Clone)]
pub(crate) struct Brought {
    pub(crate) proceeds: Proceeds,
    pub(crate) refresh_token: Option<RefreshToken>,
    pub(crate) obtained: StoreTime,
    /// `None` where there is none that could be used.
    pub(crate) access: Option<BroughtAccess>,
    /// What the server said beside them. It is not in the bytes: nothing that renews the grant depends on it, the record still
    /// has what was said before, and the next answer says it again.
    pub(crate) further: FurtherParameters,
}

/// The access token of an answer.
#[derive(Clone)]
pub(crate) struct BroughtAccess {
    pub(crate) token: AccessToken,
    pub(crate) granted: Scope,
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
        usable: bool,
    ) -> Proceeds {
        Proceeds {
            lineage,
            attempt: intent.attempt,
            epoch: intent.epoch,
            parent: intent.token,
            successor: successor.map(Fingerprint::of),
            usable,
        }
    }

    /// How a token's binding is kept, and the key beside it.
    pub(crate) fn bound(binding: &Binding) -> (StoredBinding, Option<PrivateKey>) {
        let key = match binding {
            Binding::Proof(prover) => prover.private_key(),
            _ => None,
        };
        (binding.into(), key)
    }

    /// In bytes; the line of descent is beside them, in the seal.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let length = |access: &BroughtAccess| {
            let key = access.proof_key.as_ref().map_or(0, |key| key.expose().len());
            access.token.expose().len() + access.granted.as_str().len() + key
        };
        let tokens = self.refresh_token.as_ref().map_or(0, |token| token.expose().len())
            + self.access.as_ref().map_or(0, length);
        let mut to = FieldWriter::with_room(tokens + 220);
        to.byte(FORMAT);
        to.byte(u8::from(self.proceeds.usable));
        to.bytes(&self.proceeds.attempt);
        to.number(self.proceeds.epoch);
        to.option(self.proceeds.parent, |to, parent| to.bytes(parent.as_bytes()));
        to.option(self.refresh_token.as_ref(), |to, token| to.text(token.expose()));
        to.store_time(self.obtained);
        to.option(self.access.as_ref(), |to, access| access.encode(to));
        Zeroizing::new(to.as_bytes().to_vec())
    }

    /// From the bytes of a lifeboat; `None` where they are of another format.
    pub(crate) fn decode(lineage: LineageId, bytes: &[u8]) -> Option<Self> {
        let mut from = FieldReader::new(bytes);
        from.byte().filter(|format| *format == FORMAT)?;
        let usable = from.byte()? == 1;
        let attempt = from.bytes()?.try_into().ok()?;
        let epoch = from.number()?;
        let parent = from.option(|from| Some(Fingerprint::from_bytes(from.bytes()?.try_into().ok()?)))?;
        let refresh_token = from.option(|from| from.text().map(RefreshToken::new))?;
        let successor = refresh_token.as_ref().map(Fingerprint::of);
        let proceeds = Proceeds { lineage, attempt, epoch, parent, successor, usable };
        let obtained = from.store_time()?;
        let access = from.option(BroughtAccess::decode)?;
        let further = FurtherParameters::default();
        from.is_at_end().then_some(Self { proceeds, refresh_token, obtained, access, further })
    }
}

impl BroughtAccess {
    fn encode(&self, to: &mut FieldWriter) {
        to.text(self.token.expose());
        to.text(self.granted.as_str());
        to.option(self.expires, FieldWriter::store_time);
        let (kind, thumbprint) = match &self.binding {
            StoredBinding::Certificate(thumbprint) => (3, Some(thumbprint)),
            StoredBinding::Proof => (2, None),
            _ => (1, None),
        };
        to.byte(kind);
        to.option(thumbprint, |to, thumbprint| to.bytes(&thumbprint.0));
        to.option(self.proof_key.as_ref(), |to, key| to.text(key.expose()));
    }

    fn decode(from: &mut FieldReader<'_>) -> Option<Self> {
        let token = AccessToken::new(from.text()?);
        let granted = Scope::parse(from.text()?).ok()?;
        let expires = from.option(FieldReader::store_time)?;
        let kind = from.byte()?;
        let thumbprint = from.option(|from| from.bytes()?.try_into().ok())?;
        let binding = match (kind, thumbprint) {
            (1, None) => StoredBinding::Bearer,
            (2, None) => StoredBinding::Proof,
            (3, Some(thumbprint)) => StoredBinding::Certificate(Thumbprint(thumbprint)),
            _ => return None,
        };
        let proof_key = from.option(|from| from.text().map(PrivateKey::new))?;
        Some(Self { token, granted, expires, binding, proof_key })
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

    fn brought(access: Option<BroughtAccess>) -> Brought {
        let successor = RefreshToken::new("successor");
        Brought {
            proceeds: Proceeds {
                lineage: LineageId::from_bytes([1; 16]),
                attempt: [2; 16],
                epoch: 3,
                parent: Some(Fingerprint::of(&RefreshToken::new("parent"))),
                successor: Some(Fingerprint::of(&successor)),
                usable: access.is_some(),
            },
            refresh_token: Some(successor),
            obtained: StoreTime::from_nanos(4),
            access,
            further: FurtherParameters::default(),
        }
    }

    #[test]
    fn what_was_brought_comes_back_from_a_lifeboat_and_half_of_it_does_not() {
        let access = |binding, key: Option<&str>| BroughtAccess {
            token: AccessToken::new("access"),
            granted: Scope::parse("a b").unwrap(),
            expires: Some(StoreTime::from_nanos(5)),
            binding,
            proof_key: key.map(PrivateKey::new),
        };
        let accesses = [
            None,
            Some(access(StoredBinding::Bearer, None)),
            Some(access(StoredBinding::Proof, Some("a key"))),
            Some(access(StoredBinding::Proof, None)),
            Some(access(StoredBinding::Certificate(Thumbprint([9; 32])), None)),
        ];
        for brought in accesses.map(brought) {
            let (lineage, bytes) = (brought.proceeds.lineage, brought.encode());
            let read = Brought::decode(lineage, &bytes).unwrap();
            assert_eq!(read.proceeds, brought.proceeds);
            assert_eq!(read.refresh_token.unwrap().expose(), "successor");
            let parts = |access: &BroughtAccess| {
                let key = access.proof_key.as_ref().map(|key| key.expose().to_owned());
                (access.token.expose().to_owned(), access.expires, access.binding, key)
            };
            assert_eq!(read.access.as_ref().map(parts), brought.access.as_ref().map(parts));
            assert!((0..bytes.len()).all(|length| Brought::decode(lineage, &bytes[..length]).is_none()));
        }
    }
}
