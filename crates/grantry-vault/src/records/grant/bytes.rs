//! The bytes of a grant.

use grantry_core::{AccessToken, FurtherParameters, PrivateKey, RefreshToken, Scope, Target, Thumbprint};
use zeroize::Zeroizing;

use super::{GrantRecord, GrantState, StoredAccessToken, StoredBinding};
use crate::backend::RecordKind;
use crate::records::{Content, Reader, Writer, fields};

/// Of bearer tokens alone.
const PLAIN: u8 = 1;
/// With what tokens are bound to.
const BOUND: u8 = 2;
/// With what the server said beside them.
const FURTHER: u8 = 3;

impl Content for GrantRecord {
    const KIND: RecordKind = RecordKind::Grant;
    const FORMAT: u8 = FURTHER;

    fn format(&self) -> u8 {
        if !self.further.is_empty() {
            return FURTHER;
        }
        let is_bound = |kept: &StoredAccessToken| kept.binding != StoredBinding::Bearer;
        if self.proof_key.is_some() || self.access_tokens.iter().any(is_bound) { BOUND } else { PLAIN }
    }

    fn room(&self) -> usize {
        let refresh = self.refresh_token.iter().chain(&self.alternates).map(|token| token.expose().len() + 8);
        let access = self.access_tokens.iter().map(|kept| {
            let resources = kept.target.resources.iter().map(|resource| resource.len() + 4).sum::<usize>();
            kept.token.expose().len()
                + kept.target.scope.as_str().len()
                + kept.granted.as_str().len()
                + resources
                + 80
        });
        let key = self.proof_key.as_ref().map_or(0, |key| key.expose().len());
        let further = self.further.iter().map(|(name, value)| name.len() + value.len() + 8).sum::<usize>();
        refresh.sum::<usize>() + access.sum::<usize>() + self.renewal.len() + key + further + 64
    }

    fn write(&self, to: &mut Writer) {
        to.byte(match self.state {
            GrantState::Active => 1,
            GrantState::ReauthorizationNeeded => 2,
            GrantState::Revoked => 3,
            GrantState::Moved => 4,
        });
        to.time(self.consented);
        to.time(self.rotated);
        to.option(self.refresh_token.as_ref(), |to, token| to.text(token.expose()));
        to.list(self.alternates.iter(), |to, token| to.text(token.expose()));
        to.list(self.access_tokens.iter(), |to, kept| {
            to.text(kept.target.scope.as_str());
            to.list(kept.target.resources.iter(), |to, resource| to.text(resource));
            to.text(kept.token.expose());
            to.text(kept.granted.as_str());
            to.store_time(kept.obtained);
            to.option(kept.expires, Writer::store_time);
        });
        to.bytes(&self.renewal);
        if self.format() == PLAIN {
            return;
        }
        to.option(self.proof_key.as_ref(), |to, key| to.text(key.expose()));
        for kept in &self.access_tokens {
            match kept.binding {
                StoredBinding::Bearer => to.byte(1),
                StoredBinding::Proof => to.byte(2),
                StoredBinding::Certificate(thumbprint) => {
                    to.byte(3);
                    to.bytes(&thumbprint.0);
                }
            }
        }
        if self.format() == FURTHER {
            to.list(self.further.iter(), |to, (name, value)| {
                to.text(name);
                to.text(value);
            });
        }
    }

    fn read(format: u8, from: &mut Reader<'_>) -> Option<Self> {
        let mut record = Self {
            state: read_state(from)?,
            consented: from.time()?,
            rotated: from.time()?,
            refresh_token: from.option(|from| from.text().map(RefreshToken::new))?,
            alternates: from.list(|from| from.text().map(RefreshToken::new))?,
            access_tokens: from.list(read_access_token)?,
            proof_key: None,
            further: FurtherParameters::default(),
            renewal: Zeroizing::new(from.bytes()?.to_vec()),
        };
        if format >= BOUND {
            record.proof_key = from.option(|from| from.text().map(PrivateKey::new))?;
            for kept in &mut record.access_tokens {
                kept.binding = read_binding(from)?;
            }
        }
        if format >= FURTHER {
            record.further = read_further(from)?;
        }
        Some(record)
    }
}

fn read_further(from: &mut Reader<'_>) -> Option<FurtherParameters> {
    let read: Vec<(&str, &str)> = from.list(|from| Some((from.text()?, from.text()?)))?;
    Some(FurtherParameters::new(read))
}

/// The state alone, out of a grant's record that was opened: it comes first in every format.
pub(crate) fn grant_state(opened: &[u8]) -> Option<GrantState> {
    read_state(&mut fields(opened)?)
}

fn read_state(from: &mut Reader<'_>) -> Option<GrantState> {
    match from.byte()? {
        1 => Some(GrantState::Active),
        2 => Some(GrantState::ReauthorizationNeeded),
        3 => Some(GrantState::Revoked),
        4 => Some(GrantState::Moved),
        _ => None,
    }
}

fn read_binding(from: &mut Reader<'_>) -> Option<StoredBinding> {
    match from.byte()? {
        1 => Some(StoredBinding::Bearer),
        2 => Some(StoredBinding::Proof),
        3 => Some(StoredBinding::Certificate(Thumbprint(from.bytes()?.try_into().ok()?))),
        _ => None,
    }
}

fn read_access_token(from: &mut Reader<'_>) -> Option<StoredAccessToken> {
    let mut target = Target::new(Scope::parse(from.text()?).ok()?);
    target.resources = from.list(|from| from.text().map(str::to_owned))?;
    Some(StoredAccessToken {
        target,
        token: AccessToken::new(from.text()?),
        granted: Scope::parse(from.text()?).ok()?,
        obtained: from.store_time()?,
        expires: from.option(Reader::store_time)?,
        binding: StoredBinding::Bearer,
    })
}

#[cfg(test)]
mod tests {
    use grantry_core::{StoreTime, Timestamp};

    use super::*;
    use crate::records::Kept;
    use crate::sealing::RefusedRecord;

    fn bound() -> GrantRecord {
        let token = |scope: &str| {
            let target = Target::new(Scope::parse(scope).unwrap());
            StoredAccessToken::new(target, AccessToken::new("at"), StoreTime::from_nanos(1))
        };
        GrantRecord::new(Timestamp::from_unix_seconds(1))
            .with_proof_key(PrivateKey::new("a key"))
            .with_access_token(token("a").bound(StoredBinding::Proof))
            .with_access_token(token("b").bound(StoredBinding::Certificate(Thumbprint([7; 32]))))
            .with_access_token(token("c"))
    }

    fn through_bytes(record: GrantRecord) -> (u8, GrantRecord) {
        let bytes = Kept::Content(record).encode();
        let Kept::Content(read) = Kept::<GrantRecord>::decode(bytes.as_bytes()).unwrap() else {
            panic!("a tombstone");
        };
        (bytes.as_bytes()[1], read)
    }

    #[test]
    fn req_e14_what_tokens_are_bound_to_comes_back() {
        let (format, read) = through_bytes(bound());
        assert_eq!((format, read.proof_key().unwrap().expose()), (2, "a key"));
        let bindings: Vec<StoredBinding> = read.access_tokens().iter().map(|kept| kept.binding).collect();
        let certificate = StoredBinding::Certificate(Thumbprint([7; 32]));
        assert_eq!(bindings, [StoredBinding::Proof, certificate, StoredBinding::Bearer]);
    }

    #[test]
    fn a_grant_of_bearer_tokens_is_written_as_older_versions_read_it() {
        let (format, read) = through_bytes(GrantRecord::new(Timestamp::from_unix_seconds(1)));
        assert_eq!((format, read.proof_key().is_some()), (1, false));
    }

    #[test]
    fn what_the_server_said_beside_the_tokens_comes_back() {
        let further =
            FurtherParameters::new([("instance_url", "https://acme.my.salesforce.com"), ("id", "7")]);
        for record in [bound(), GrantRecord::new(Timestamp::from_unix_seconds(1))] {
            let renewal = Zeroizing::new(b"a state".to_vec());
            let record = record.with_renewal(renewal).with_further(further.clone());
            let shown = format!("{record:?}");
            assert!(shown.contains("instance_url") && !shown.contains("salesforce.com"), "{shown}");
            let keys = (record.proof_key().is_some(), record.access_tokens().len());
            let (format, read) = through_bytes(record.clone());
            assert_eq!((format, read.further(), read.renewal()), (3, &further, &b"a state"[..]));
            assert_eq!((read.proof_key().is_some(), read.access_tokens().len()), keys);
            // Cut off it is refused, and not taken for one without.
            let bytes = Kept::Content(record).encode();
            for length in 0..bytes.as_bytes().len() {
                assert!(Kept::<GrantRecord>::decode(&bytes.as_bytes()[..length]).is_err(), "{length}");
            }
            // Gone again it is as older versions read it.
            assert!(through_bytes(read.with_further(FurtherParameters::default())).0 < 3);
        }
    }

    #[test]
    fn a_grant_of_a_newer_format_is_refused_and_said_to_be_newer() {
        let bytes = Kept::Content(bound()).encode();
        let mut newer = bytes.as_bytes().to_vec();
        newer[1] = 4;
        let refused = Kept::<GrantRecord>::decode(&newer).unwrap_err();
        assert!(matches!(refused, RefusedRecord::NewerFormat { format: 4 }), "{refused:?}");
    }
}
