//! What a token request brought, on its way into the record, and in the bytes of a lifeboat.

use std::fmt;

use grantry_core::{AccessToken, RefreshToken, Scope, StoreTime};
use grantry_vault::{FieldReader, FieldWriter, Fingerprint, LineageId};
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
}

/// The access token of an answer.
#[derive(Clone)]
pub(crate) struct BroughtAccess {
    pub(crate) token: AccessToken,
    pub(crate) granted: Scope,
    pub(crate) expires: Option<StoreTime>,
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

    /// In bytes; the line of descent is beside them, in the seal.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let length = |access: &BroughtAccess| access.token.expose().len() + access.granted.as_str().len();
        let tokens = self.refresh_token.as_ref().map_or(0, |token| token.expose().len())
            + self.access.as_ref().map_or(0, length);
        let mut to = FieldWriter::with_room(tokens + 160);
        to.byte(FORMAT);
        to.byte(u8::from(self.proceeds.usable));
        to.bytes(&self.proceeds.attempt);
        to.number(self.proceeds.epoch);
        to.option(self.proceeds.parent, |to, parent| to.bytes(parent.as_bytes()));
        to.option(self.refresh_token.as_ref(), |to, token| to.text(token.expose()));
        to.store_time(self.obtained);
        to.option(self.access.as_ref(), |to, access| {
            to.text(access.token.expose());
            to.text(access.granted.as_str());
            to.option(access.expires, FieldWriter::store_time);
        });
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
        let access = from.option(|from| {
            let token = AccessToken::new(from.text()?);
            let granted = Scope::parse(from.text()?).ok()?;
            Some(BroughtAccess { token, granted, expires: from.option(FieldReader::store_time)? })
        })?;
        from.is_at_end().then_some(Self { proceeds, refresh_token, obtained, access })
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
        }
    }

    #[test]
    fn what_was_brought_comes_back_from_a_lifeboat_and_half_of_it_does_not() {
        let access = BroughtAccess {
            token: AccessToken::new("access"),
            granted: Scope::parse("a b").unwrap(),
            expires: Some(StoreTime::from_nanos(5)),
        };
        for brought in [brought(Some(access)), brought(None)] {
            let (lineage, bytes) = (brought.proceeds.lineage, brought.encode());
            let read = Brought::decode(lineage, &bytes).unwrap();
            assert_eq!(read.proceeds, brought.proceeds);
            assert_eq!(read.refresh_token.unwrap().expose(), "successor");
            let parts = |access: &BroughtAccess| (access.token.expose().to_owned(), access.expires);
            assert_eq!(read.access.as_ref().map(parts), brought.access.as_ref().map(parts));
            assert!((0..bytes.len()).all(|length| Brought::decode(lineage, &bytes[..length]).is_none()));
        }
    }
}
