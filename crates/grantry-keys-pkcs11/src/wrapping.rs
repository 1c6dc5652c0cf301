//! How a tenant key is wrapped and unwrapped under one version, by each mechanism.

use std::sync::atomic::Ordering;

use cryptoki::error::RvError;
use grantry_vault::{KeyError, TenantKey};
use zeroize::Zeroizing;

use crate::connection::Live;
use crate::fault::{Fault, Meaning, Trouble};
use crate::plan::KeyMechanism;
use crate::token::{CBC_IV, GCM_IV, Gcm, Object};

/// How many bytes a tag of AES-GCM has here.
const GCM_TAG: usize = 16;
/// How many bytes an HMAC has.
const MAC: usize = 32;
/// 32 bytes and a block of padding.
const CBC_CIPHERTEXT: usize = TenantKey::BYTES + 16;
/// What a MAC is for, so that it is none of anything else.
const MAC_PURPOSE: &[u8] = b"grantry/v1 pkcs11 wrapped key";
/// The context of probes, which is no tenant's.
const PROBE: &[u8] = b"grantry/v1 pkcs11 probe";

/// The keys of a version, in the session at hand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionKeys {
    pub(crate) mechanism: KeyMechanism,
    pub(crate) key: Object,
    /// The key for the HMAC, where the mechanism needs one.
    pub(crate) mac: Option<Object>,
}

/// Wraps 32 bytes. The first byte says how.
pub(crate) fn seal(live: &Live, keys: VersionKeys, context: &[u8], data: &[u8]) -> Result<Vec<u8>, Trouble> {
    let format = keys.mechanism.format();
    let mut sealed = vec![format];
    match keys.mechanism {
        KeyMechanism::AesGcm => {
            let (iv, ciphertext) = seal_gcm(live, keys.key, &[&[format], context].concat(), data)?;
            sealed.extend(iv);
            sealed.extend(ciphertext);
            return Ok(sealed);
        }
        KeyMechanism::AesKeyWrap | KeyMechanism::AesKeyWrapPad => {
            let padded = keys.mechanism == KeyMechanism::AesKeyWrapPad;
            sealed.extend(live.token.wrap(keys.key, padded, data)?);
        }
        KeyMechanism::AesCbcPadHmac => {
            let mut iv = [0; CBC_IV];
            live.token.random(&mut iv)?;
            sealed.extend(iv);
            sealed.extend(live.token.seal_cbc(keys.key, iv, data)?);
        }
    }
    let mac = live.token.mac(mac_key(keys)?, &mac_input(context, &sealed))?;
    if mac.len() != MAC {
        return Err(Fault::odd("the token made an HMAC of another length").into());
    }
    sealed.extend(mac);
    Ok(sealed)
}

/// Unwraps what [`seal`] made. Where the token refuses the bytes, it has to show that it works before they are called
/// damaged: several tokens answer the same code to a wrong tag and to an ailment.
///
/// `keys` finds the version's keys in the session at hand, which may be a new one.
pub(crate) fn unseal(
    live: &mut Live,
    keys: impl Fn(&Live) -> Result<VersionKeys, Trouble>,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let first = keys(live)?;
    if !is_well_formed(first.mechanism, sealed) {
        return Err(damaged());
    }
    match open(live, first, context, sealed) {
        Err(Trouble::Token(fault)) if fault.may_be_a_verdict() => {}
        outcome => return outcome,
    }
    live.reopen()?;
    let again = keys(live)?;
    prove(live, again)?;
    match open(live, again, context, sealed) {
        Err(Trouble::Token(fault)) if fault.may_be_a_verdict() => Err(damaged()),
        outcome => outcome,
    }
}

/// Shows that a version's keys wrap and unwrap, with bytes that the token makes for it.
pub(crate) fn prove(live: &Live, keys: VersionKeys) -> Result<(), Trouble> {
    let mut probe = Zeroizing::new([0; TenantKey::BYTES]);
    live.token.random(probe.as_mut_slice())?;
    let sealed = seal(live, keys, PROBE, probe.as_slice())?;
    if !is_well_formed(keys.mechanism, &sealed) {
        return Err(Fault::odd("the token wraps to bytes of another length than it should").into());
    }
    let opened = open(live, keys, PROBE, &sealed)?;
    if opened.as_slice() == probe.as_slice() {
        Ok(())
    } else {
        Err(Fault::odd("the token does not unwrap what it wrapped").into())
    }
}

fn open(
    live: &Live,
    keys: VersionKeys,
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let format = keys.mechanism.format();
    if keys.mechanism == KeyMechanism::AesGcm {
        let (iv, ciphertext) = after_format(sealed)?.split_first_chunk::<GCM_IV>().ok_or_else(damaged)?;
        return open_gcm(live, keys.key, *iv, &[&[format], context].concat(), ciphertext);
    }
    let (body, mac) = sealed.split_last_chunk::<MAC>().ok_or_else(damaged)?;
    // Nothing is decrypted before its MAC was verified, in the token.
    live.token.verify_mac(mac_key(keys)?, &mac_input(context, body), mac)?;
    let body = after_format(body)?;
    if keys.mechanism == KeyMechanism::AesCbcPadHmac {
        let (iv, ciphertext) = body.split_first_chunk::<CBC_IV>().ok_or_else(damaged)?;
        return Ok(live.token.open_cbc(keys.key, *iv, ciphertext)?);
    }
    Ok(live.token.unwrap(keys.key, keys.mechanism == KeyMechanism::AesKeyWrapPad, body)?)
}

fn seal_gcm(live: &Live, key: Object, aad: &[u8], data: &[u8]) -> Result<([u8; GCM_IV], Vec<u8>), Trouble> {
    let habits = &live.shared.gcm;
    let makes_its_iv = habits.makes_its_iv.load(Ordering::Relaxed);
    let mut gcm = Gcm { iv: [0; GCM_IV], aad, in_parts: habits.in_parts.load(Ordering::Relaxed) };
    if !makes_its_iv {
        live.token.random(&mut gcm.iv)?;
    }
    match live.token.seal_gcm(key, &mut gcm, data) {
        Ok(_) if gcm.iv == [0; GCM_IV] => {
            // It took the zeros for an initialisation vector. What it made goes nowhere.
            habits.makes_its_iv.store(false, Ordering::Relaxed);
            Err(Fault::returned(RvError::MechanismParamInvalid, "Encrypt").into())
        }
        Ok(ciphertext) => Ok((gcm.iv, ciphertext)),
        Err(fault) => {
            let refuses_ours = fault.is(RvError::MechanismParamInvalid) || fault.is(RvError::ArgumentsBad);
            if refuses_ours && !makes_its_iv {
                habits.makes_its_iv.store(true, Ordering::Relaxed);
                return Err(Trouble::Again);
            }
            if fault.meaning() == Meaning::Unsupported {
                habits.makes_its_iv.store(false, Ordering::Relaxed);
            }
            Err(learn_parts(live, fault, gcm.in_parts))
        }
    }
}

fn open_gcm(
    live: &Live,
    key: Object,
    iv: [u8; GCM_IV],
    aad: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let in_parts = live.shared.gcm.in_parts.load(Ordering::Relaxed);
    let mut gcm = Gcm { iv, aad, in_parts };
    // The initialisation vector is given here, whoever made it.
    live.token.open_gcm(key, &mut gcm, ciphertext).map_err(|fault| learn_parts(live, fault, in_parts))
}

/// Some tokens say a length for the answer that is too short for it, and go on well in parts.
fn learn_parts(live: &Live, fault: Fault, in_parts: bool) -> Trouble {
    if fault.is(RvError::BufferTooSmall) && !in_parts {
        live.shared.gcm.in_parts.store(true, Ordering::Relaxed);
        return Trouble::Again;
    }
    fault.into()
}

fn mac_key(keys: VersionKeys) -> Result<Object, Trouble> {
    keys.mac.ok_or_else(|| KeyError::unknown_key("the version's key for the HMAC is not in the token").into())
}

/// The context with its length, so that no other context and bytes make the same input.
fn mac_input(context: &[u8], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(context.len()).unwrap_or(u32::MAX).to_be_bytes();
    [MAC_PURPOSE, &length, context, body].concat()
}

fn is_well_formed(mechanism: KeyMechanism, sealed: &[u8]) -> bool {
    let is_long_enough = match mechanism {
        KeyMechanism::AesGcm => sealed.len() == 1 + GCM_IV + TenantKey::BYTES + GCM_TAG,
        KeyMechanism::AesKeyWrap => sealed.len() == 1 + TenantKey::BYTES + 8 + MAC,
        // What it pads with depends on the token.
        KeyMechanism::AesKeyWrapPad => (1 + TenantKey::BYTES + 8 + MAC..=256).contains(&sealed.len()),
        KeyMechanism::AesCbcPadHmac => sealed.len() == 1 + CBC_IV + CBC_CIPHERTEXT + MAC,
    };
    is_long_enough && sealed.first() == Some(&mechanism.format())
}

fn after_format(sealed: &[u8]) -> Result<&[u8], Trouble> {
    sealed.split_first().map(|(_, rest)| rest).ok_or_else(damaged)
}

fn damaged() -> Trouble {
    Trouble::Known(KeyError::damaged("it was changed, or wrapped for another deployment, tenant or epoch"))
}
