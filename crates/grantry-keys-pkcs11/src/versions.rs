//! The versions of the key in a token: which there are, which is active, and how they come and go.

use std::fmt::Write as _;

use grantry_core::Timestamp;
use grantry_vault::{KeyError, KeyId, KeyVersion, KeyVersionState};

use crate::connection::{Live, Shared};
use crate::fault::{Fault, Meaning, Trouble};
use crate::plan::{KeyMechanism, plans};
use crate::records::{Record, records};
use crate::token::{KeyFacts, KeyKind};
use crate::wrapping::{VersionKeys, prove};

/// How many bytes a version's `CKA_ID` has: the format, five of the time, ten that are random.
pub(crate) const ID_BYTES: usize = 16;

/// What a version's keys have as `CKA_ID`. It never changes, so it holds what has to be known of the version for ever: the
/// mechanism, and the second of its creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VersionId(pub(crate) [u8; ID_BYTES]);

impl VersionId {
    fn new(mechanism: KeyMechanism, created: Timestamp, random: [u8; 10]) -> Self {
        let seconds = created.as_unix_seconds().to_be_bytes();
        let mut id = [0; ID_BYTES];
        let (format, rest) = id.split_at_mut(1);
        format.copy_from_slice(&[mechanism.format()]);
        let (time, rest) = rest.split_at_mut(5);
        time.copy_from_slice(seconds.last_chunk::<5>().unwrap_or(&[0; 5]));
        rest.copy_from_slice(&random);
        Self(id)
    }

    /// How it wraps; an error where a newer release made it.
    pub(crate) fn mechanism(self) -> Result<KeyMechanism, KeyError> {
        let [format, ..] = self.0;
        KeyMechanism::of_format(format).ok_or_else(|| {
            KeyError::unsupported("the version was made by a newer release of this program: upgrade this one")
        })
    }

    fn created(self) -> Timestamp {
        let [_, a, b, c, d, e, ..] = self.0;
        Timestamp::from_unix_seconds(i64::from_be_bytes([0, 0, 0, a, b, c, d, e]))
    }

    /// Its name, with the token's.
    pub(crate) fn key_id(self, shared: &Shared) -> KeyId {
        let mut name = format!("pkcs11/{}/", token_name(shared));
        for byte in self.0 {
            // Writing into a `String` does not fail.
            let _ = write!(name, "{byte:02x}");
        }
        KeyId::new(name)
    }

    /// From a name. One of another token says which it wants.
    pub(crate) fn of_key_id(key: &KeyId, shared: &Shared) -> Result<Self, KeyError> {
        let foreign = || KeyError::unknown_key(format!("{key} is no key of a PKCS#11 token"));
        let (token, id) = key
            .as_str()
            .strip_prefix("pkcs11/")
            .and_then(|rest| rest.rsplit_once('/'))
            .ok_or_else(foreign)?;
        let ours = token_name(shared);
        if token != ours {
            return Err(KeyError::unknown_key(format!(
                "{key} is in the token with the serial number {token:?}, and this one is {ours:?}: use that token; if \
                 its keys were moved to this one, set `serial_in_key_ids`"
            )));
        }
        from_hex(id).map(Self).ok_or_else(foreign)
    }
}

/// Finds the keys of a version; none is an error only after the token showed that it is there.
pub(crate) fn find(live: &Live, id: VersionId) -> Result<VersionKeys, Trouble> {
    let mechanism = id.mechanism()?;
    let ours =
        |keys: Vec<KeyFacts>| keys.into_iter().find(|key| is_ours(live, &key.label)).map(|key| key.object);
    let key = ours(live.keys(KeyKind::Cipher, Some(&id.0))?);
    let mac = if has_mac(mechanism) { ours(live.keys(KeyKind::Mac, Some(&id.0))?) } else { None };
    match key {
        Some(key) if mac.is_some() || !has_mac(mechanism) => Ok(VersionKeys { mechanism, key, mac }),
        _ => {
            live.prove_present()?;
            let name = id.key_id(&live.shared);
            Err(KeyError::unknown_key(format!("{name} is not in the token, or not all of its keys are"))
                .into())
        }
    }
}

/// The active version's id, if any was ever promoted.
fn promoted(live: &Live) -> Result<Option<VersionId>, Trouble> {
    let last = records(live)?.into_iter().filter_map(|(_, record)| record.promotion()).max();
    if last.is_none() {
        live.prove_present()?;
    }
    Ok(last.map(|(_, id)| id))
}

/// The active version's id.
pub(crate) fn active(live: &Live) -> Result<VersionId, Trouble> {
    if let Some(id) = promoted(live)? {
        return Ok(id);
    }
    let prefix = &live.shared.prefix;
    Err(KeyError::configuration(format!(
        "the token has no active key with the label {prefix}/...: `create_if_missing` makes the first one; if there was \
         one, this is the wrong token"
    ))
    .into())
}

/// Every version, the oldest first.
pub(crate) fn list(live: &Live) -> Result<Vec<KeyVersion>, Trouble> {
    let records = records(live)?;
    let active = records.iter().filter_map(|(_, record)| record.promotion()).max();
    let mut versions = Vec::new();
    for key in live.keys(KeyKind::Cipher, None)? {
        let Ok(id) = key.id.as_slice().try_into().map(VersionId) else { continue };
        let mut named = records.iter().map(|(_, record)| record).filter(|record| record.id == id).peekable();
        // A key without a record was never finished.
        if !is_ours(live, &key.label) || named.peek().is_none() {
            continue;
        }
        let state = if active.is_some_and(|(_, active)| active == id) {
            KeyVersionState::Active
        } else if named.any(|record| record.promotion().is_some()) {
            KeyVersionState::Unwrapping
        } else {
            KeyVersionState::Waiting
        };
        let version = KeyVersion { id: id.key_id(&live.shared), created: Some(id.created()), state };
        versions.push((number(live, &key.label), id, version));
    }
    if versions.is_empty() {
        live.prove_present()?;
    }
    versions.sort_by_key(|(number, id, _)| (*number, id.created(), *id));
    Ok(versions.into_iter().map(|(_, _, version)| version).collect())
}

/// Makes and promotes the first version, unless one was promoted: one that waits already, if somebody did not get further.
pub(crate) fn create_first(live: &mut Live) -> Result<(), Trouble> {
    if promoted(live)?.is_some() {
        return Ok(());
    }
    let waiting =
        list(live)?.pop().map(|version| VersionId::of_key_id(&version.id, &live.shared)).transpose()?;
    let first = match waiting {
        Some(waiting) => waiting,
        None => create(live)?,
    };
    promote(live, first)
}

/// Makes a version by the best mechanism that the token really has, and shows that it works before anybody sees it.
pub(crate) fn create(live: &mut Live) -> Result<VersionId, Trouble> {
    let mechanisms = live.module.mechanisms(live.facts.slot)?;
    let keys = live.keys(KeyKind::Cipher, None)?;
    if keys.is_empty() {
        live.prove_present()?;
    }
    let last = keys.iter().filter_map(|key| number(live, &key.label)).max().unwrap_or(0);
    let label = format!("{}/{}", live.shared.prefix, last.saturating_add(1));
    let mut first_fault = None;
    for mechanism in plans(&mechanisms, live.shared.prefer)? {
        let mut random = [0; 10];
        live.token.random(&mut random)?;
        let id = VersionId::new(mechanism, live.shared.clock.wall(), random);
        match make(live, id, mechanism, &label) {
            Ok(()) => {
                Record::waiting(id).keep(live)?;
                tracing::info!(
                    grantry.key = %id.key_id(&live.shared),
                    grantry.mechanism = ?mechanism,
                    "a key was made in the token"
                );
                return Ok(id);
            }
            Err(Trouble::Token(fault)) if is_of_the_mechanism(fault) => {
                // The token only says to have it.
                live.reopen()?;
                live.prove_present()?;
                destroy_keys(live, id)?;
                tracing::warn!(
                    grantry.mechanism = ?mechanism,
                    exception.message = %fault,
                    "the token has the mechanism, but it does not work"
                );
                first_fault.get_or_insert(fault);
            }
            Err(trouble) => {
                live.reopen()?;
                destroy_keys(live, id)?;
                return Err(trouble);
            }
        }
    }
    Err(first_fault
        .map_or_else(|| KeyError::unsupported("the token has no mechanism that works").into(), Into::into))
}

/// Makes a version the active one: by a record with a higher number than every other one.
pub(crate) fn promote(live: &Live, id: VersionId) -> Result<(), Trouble> {
    let keys = find(live, id)?;
    check_strength(live, keys)?;
    let before = records(live)?;
    let last = before.iter().filter_map(|(_, record)| record.promotion()).max();
    let number = match last {
        Some((number, active)) if active == id => number,
        _ => {
            let next = Record::promoted(id, last.map_or(1, |(number, _)| number.saturating_add(1)));
            next.keep(live)?;
            // Another process may have retired it meanwhile.
            find(live, id)?;
            next.number
        }
    };
    // The last record says all that the version's older ones did.
    for (object, record) in before {
        if record.id == id && record.number < number {
            live.destroy(object)?;
        }
    }
    Ok(())
}

/// Destroys a version: its keys, and then what names it, so that a crash between is finished by the next call.
pub(crate) fn retire(live: &Live, id: VersionId) -> Result<(), Trouble> {
    let records = records(live)?;
    let active = records.iter().filter_map(|(_, record)| record.promotion()).max();
    if active.is_some_and(|(_, active)| active == id) {
        let name = id.key_id(&live.shared);
        return Err(KeyError::refused(format!("{name} is the active key: promote another one first")).into());
    }
    // Nothing to destroy is no error, unless it is because the token does not show it.
    live.prove_present()?;
    destroy_keys(live, id)?;
    let left = live.keys(KeyKind::Cipher, Some(&id.0))?.len() + live.keys(KeyKind::Mac, Some(&id.0))?.len();
    live.prove_present()?;
    if left > 0 {
        return Err(Fault::odd("the token keeps a key that it was told to destroy").into());
    }
    for (object, record) in records {
        if record.id == id {
            live.destroy(object)?;
        }
    }
    Ok(())
}

/// Whether it may be that the token cannot do it, and not only that the session or the token was lost.
fn is_of_the_mechanism(fault: Fault) -> bool {
    fault.meaning() != Meaning::Lost || fault.may_be_a_verdict() || fault.is_odd()
}

fn make(live: &Live, id: VersionId, mechanism: KeyMechanism, label: &str) -> Result<(), Trouble> {
    let mac = has_mac(mechanism).then(|| live.token.generate(KeyKind::Mac, &id.0, label)).transpose()?;
    let key = live.token.generate(kind(mechanism), &id.0, label)?;
    let keys = VersionKeys { mechanism, key, mac };
    check_strength(live, keys)?;
    prove(live, keys)
}

/// Refuses keys that the token made, or somebody changed, to be weaker than they were asked for.
fn check_strength(live: &Live, keys: VersionKeys) -> Result<(), Trouble> {
    let mac = keys.mac.map(|mac| (KeyKind::Mac, mac));
    for (kind, key) in [(kind(keys.mechanism), keys.key)].into_iter().chain(mac) {
        if let Some(weakness) = live.token.strength(kind, key)?.weakness() {
            return Err(KeyError::unsupported(format!(
                "the key in the token is weaker than it has to be: {weakness}"
            ))
            .into());
        }
    }
    Ok(())
}

fn destroy_keys(live: &Live, id: VersionId) -> Result<(), Trouble> {
    for kind in [KeyKind::Cipher, KeyKind::Mac] {
        for key in live.keys(kind, Some(&id.0))? {
            if is_ours(live, &key.label) {
                live.destroy(key.object)?;
            }
        }
    }
    Ok(())
}

fn kind(mechanism: KeyMechanism) -> KeyKind {
    match mechanism {
        KeyMechanism::AesGcm | KeyMechanism::AesCbcPadHmac => KeyKind::Cipher,
        KeyMechanism::AesKeyWrap | KeyMechanism::AesKeyWrapPad => KeyKind::Wrapper,
    }
}

fn has_mac(mechanism: KeyMechanism) -> bool {
    mechanism != KeyMechanism::AesGcm
}

fn is_ours(live: &Live, label: &str) -> bool {
    number(live, label).is_some()
}

/// The number in a label such as `grantry/3`. It is for people: versions are told apart by their ids.
fn number(live: &Live, label: &str) -> Option<u64> {
    label.strip_prefix(&live.shared.prefix)?.strip_prefix('/')?.parse().ok()
}

fn token_name(shared: &Shared) -> &str {
    shared.named.as_deref().or(shared.serial.get().map(String::as_str)).unwrap_or_default()
}

fn from_hex(text: &str) -> Option<[u8; ID_BYTES]> {
    let mut bytes = [0; ID_BYTES];
    if text.len() != ID_BYTES * 2 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_holds_the_mechanism_and_the_time() {
        let created = Timestamp::from_unix_seconds(1_900_000_000);
        let id = VersionId::new(KeyMechanism::AesKeyWrap, created, [7; 10]);
        assert_eq!(id.created(), created);
        assert_eq!(id.mechanism().unwrap(), KeyMechanism::AesKeyWrap);
        assert!(matches!(VersionId([99; ID_BYTES]).mechanism(), Err(KeyError::Unsupported(_))));
    }

    #[test]
    fn hexadecimal_of_another_form_is_no_id() {
        assert_eq!(from_hex(&"0a".repeat(16)), Some([10; 16]));
        for text in ["", "0a", &"0A".repeat(16), &"+1".repeat(16), &"é".repeat(16), &"0a".repeat(17)] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
