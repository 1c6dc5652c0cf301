//! A token that does what a test tells it: it answers chosen codes, hangs, forgets its sessions, goes away and lies.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, MutexGuard};

use cryptoki::error::RvError;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::gate::Gate;
use crate::plan::{Known, MechanismFacts, Use};
use crate::token::{CBC_IV, Gcm, KeyFacts, KeyKind, Module, Object, RefusedPin, Strength, Token, TokenFacts};

pub(crate) const PIN: &str = "4815162342";
pub(crate) const SERIAL: &str = "0123abcd";

/// What SoftHSM 2.6.1 answers to `C_GetMechanismInfo`.
pub(crate) fn soft_hsm() -> Vec<MechanismFacts> {
    let facts = |mechanism, uses: &[Use], sizes| MechanismFacts { mechanism, uses: uses.to_vec(), sizes };
    let most = 0x8000_0000;
    vec![
        facts(Known::AesKeyGen, &[Use::Generate], (16, 32)),
        facts(Known::GenericSecretKeyGen, &[Use::Generate], (1, most)),
        facts(Known::AesGcm, &[Use::Encrypt, Use::Decrypt], (16, 32)),
        facts(Known::AesKeyWrap, &[Use::Wrap, Use::Unwrap], (16, most)),
        facts(Known::AesKeyWrapPad, &[Use::Wrap, Use::Unwrap], (1, most)),
        facts(Known::AesCbcPad, &[Use::Encrypt, Use::Decrypt], (16, 32)),
        facts(Known::Sha256Hmac, &[Use::Sign, Use::Verify], (32, 512)),
    ]
}

/// What happens to a function instead of what it does.
pub(crate) enum Step {
    Answer(RvError),
    /// It hangs until the sender is dropped, and then does what it does.
    Hang(Receiver<()>),
}

/// How the token makes initialisation vectors for AES-GCM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ivs {
    TakesOurs,
    /// It refuses one that is not zero, and writes its own.
    MakesItsOwn,
    /// It refuses one that is not zero, and uses the zeros.
    UsesZeros,
}

/// The token, its module, and what a test says and sees of them.
#[derive(Clone)]
pub(crate) struct Double {
    gate: Arc<Gate>,
    state: Arc<Mutex<State>>,
    refused: RefusedPin,
}

pub(crate) struct State {
    pub(crate) token: TokenFacts,
    pub(crate) is_present: bool,
    pub(crate) is_logged_in: bool,
    pub(crate) pin: Vec<u8>,
    pub(crate) mechanisms: Vec<MechanismFacts>,
    /// What keys say of themselves.
    pub(crate) strength: Strength,
    pub(crate) ivs: Ivs,
    /// `C_Encrypt` and `C_Decrypt` of AES-GCM say a length that is too short.
    pub(crate) in_parts_only: bool,
    /// The answer to bytes that it did not make.
    pub(crate) verdict: RvError,
    /// Next steps of functions, by name.
    pub(crate) script: BTreeMap<&'static str, VecDeque<Step>>,
    /// Functions that always answer a code.
    pub(crate) broken: BTreeMap<&'static str, RvError>,
    pub(crate) objects: BTreeMap<u64, Thing>,
    /// How often each function was called.
    pub(crate) calls: BTreeMap<&'static str, u32>,
    next: u64,
}

#[derive(Clone)]
pub(crate) enum Thing {
    Key { kind: KeyKind, id: Vec<u8>, label: String },
    Record { label: String, value: Vec<u8> },
}

impl Double {
    pub(crate) fn new() -> Self {
        let token = TokenFacts {
            slot: 7,
            label: "vault".to_owned(),
            serial: SERIAL.to_owned(),
            is_final_try: false,
            is_locked: false,
        };
        let state = State {
            token,
            is_present: true,
            is_logged_in: false,
            pin: PIN.as_bytes().to_vec(),
            mechanisms: soft_hsm(),
            strength: STRONG,
            ivs: Ivs::TakesOurs,
            in_parts_only: false,
            verdict: RvError::GeneralError,
            script: BTreeMap::new(),
            broken: BTreeMap::new(),
            objects: BTreeMap::new(),
            calls: BTreeMap::new(),
            next: 1,
        };
        Self { gate: Arc::default(), state: Arc::new(Mutex::new(state)), refused: RefusedPin::default() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Has the next calls of a function answer so, one after the other.
    pub(crate) fn answers(&self, function: &'static str, codes: &[RvError]) {
        let steps = codes.iter().map(|code| Step::Answer(*code));
        self.state().script.entry(function).or_default().extend(steps);
    }

    pub(crate) fn calls(&self, function: &'static str) -> u32 {
        self.state().calls.get(function).copied().unwrap_or(0)
    }

    pub(crate) fn keys(&self) -> usize {
        self.state().objects.values().filter(|thing| matches!(thing, Thing::Key { .. })).count()
    }

    /// Counts the call, and does what the script says.
    fn call(&self, function: &'static str) -> Result<MutexGuard<'_, State>, Fault> {
        let mut state = self.state();
        *state.calls.entry(function).or_default() += 1;
        let step = state.script.get_mut(function).and_then(VecDeque::pop_front);
        let broken = state.broken.get(function).copied();
        let state = match step {
            Some(Step::Answer(code)) => return Err(Fault::returned(code, function)),
            Some(Step::Hang(until)) => {
                drop(state);
                let _ = until.recv();
                self.state()
            }
            None => state,
        };
        match broken {
            Some(code) => Err(Fault::returned(code, function)),
            None => Ok(state),
        }
    }

    /// As `call`, for a function that needs the token and a login.
    fn call_in(&self, function: &'static str) -> Result<MutexGuard<'_, State>, Fault> {
        let state = self.call(function)?;
        if !state.is_present {
            return Err(Fault::returned(RvError::DeviceRemoved, function));
        }
        if !state.is_logged_in {
            return Err(Fault::returned(RvError::UserNotLoggedIn, function));
        }
        Ok(state)
    }
}

pub(crate) const STRONG: Strength = Strength {
    private: true,
    sensitive: true,
    always_sensitive: true,
    unextractable: true,
    never_extractable: true,
    local: true,
    long_enough: true,
    fit_for_nothing_else: true,
};

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Double")
    }
}

impl Module for Double {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn tokens(&self) -> Result<Vec<TokenFacts>, Fault> {
        let state = self.call("GetSlotList")?;
        Ok(if state.is_present { vec![state.token.clone()] } else { Vec::new() })
    }

    fn mechanisms(&self, _slot: u64) -> Result<Vec<MechanismFacts>, Fault> {
        Ok(self.call("GetMechanismList")?.mechanisms.clone())
    }

    fn open(&self, _slot: u64) -> Result<Box<dyn Token>, Fault> {
        drop(self.call("OpenSession")?);
        Ok(Box::new(self.clone()))
    }

    fn renew(&self, life: u64) -> Result<(), Fault> {
        self.gate.renew(life, || {
            self.call("Initialize")?.is_logged_in = false;
            Ok(())
        })
    }

    fn refused_pin(&self, _serial: &str) -> RefusedPin {
        Arc::clone(&self.refused)
    }
}

impl Token for Double {
    fn close(self: Box<Self>) {
        *self.state().calls.entry("CloseSession").or_default() += 1;
    }

    fn is_logged_in(&self) -> Result<bool, Fault> {
        Ok(self.call("GetSessionInfo")?.is_logged_in)
    }

    fn login(&self, pin: &[u8]) -> Result<(), Fault> {
        let mut state = self.call("Login")?;
        if state.pin != pin {
            return Err(Fault::returned(RvError::PinIncorrect, "Login"));
        }
        state.is_logged_in = true;
        Ok(())
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        let mut state = self.call_in("GenerateRandom")?;
        for byte in bytes {
            state.next += 1;
            *byte = hash(&state.next).to_be_bytes()[0] | 1;
        }
        Ok(())
    }

    fn generate(&self, kind: KeyKind, id: &[u8], label: &str) -> Result<Object, Fault> {
        let mut state = self.call_in("GenerateKey")?;
        let key = Thing::Key { kind, id: id.to_vec(), label: label.to_owned() };
        Ok(state.add(key))
    }

    fn strength(&self, _kind: KeyKind, _key: Object) -> Result<Strength, Fault> {
        Ok(self.call_in("GetAttributeValue")?.strength)
    }

    fn keys(&self, wanted: KeyKind, wanted_id: Option<&[u8]>) -> Result<Vec<KeyFacts>, Fault> {
        let state = self.call("FindObjects")?;
        // As a real token, it shows nothing private, and no error, to whoever is not logged in.
        if !state.is_logged_in || !state.is_present {
            return Ok(Vec::new());
        }
        let facts = state.objects.iter().filter_map(|(object, thing)| {
            let Thing::Key { kind, id, label } = thing else { return None };
            let is_wanted = (*kind == KeyKind::Mac) == (wanted == KeyKind::Mac)
                && wanted_id.is_none_or(|wanted| wanted == id.as_slice());
            is_wanted.then(|| KeyFacts { object: Object(*object), id: id.clone(), label: label.clone() })
        });
        Ok(facts.collect())
    }

    fn records(&self, wanted: &str) -> Result<Vec<(Object, Vec<u8>)>, Fault> {
        let state = self.call("FindObjects")?;
        if !state.is_logged_in || !state.is_present {
            return Ok(Vec::new());
        }
        let records = state.objects.iter().filter_map(|(object, thing)| match thing {
            Thing::Record { label, value } if label == wanted => Some((Object(*object), value.clone())),
            _ => None,
        });
        Ok(records.collect())
    }

    fn keep_record(&self, label: &str, value: &[u8]) -> Result<(), Fault> {
        let mut state = self.call_in("CreateObject")?;
        state.add(Thing::Record { label: label.to_owned(), value: value.to_vec() });
        Ok(())
    }

    fn destroy(&self, object: Object) -> Result<(), Fault> {
        let mut state = self.call_in("DestroyObject")?;
        let gone = state.objects.remove(&object.0);
        gone.map(drop).ok_or(Fault::returned(RvError::ObjectHandleInvalid, "DestroyObject"))
    }

    fn seal_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Vec<u8>, Fault> {
        let state = self.call_in("Encrypt")?;
        let secret = state.secret(key)?;
        let is_zero = gcm.iv == [0; 12];
        match state.ivs {
            Ivs::TakesOurs => {}
            _ if !is_zero => return Err(Fault::returned(RvError::MechanismParamInvalid, "Encrypt")),
            Ivs::MakesItsOwn => gcm.iv = [9; 12],
            Ivs::UsesZeros => {}
        }
        if state.in_parts_only && !gcm.in_parts {
            return Err(Fault::returned(RvError::BufferTooSmall, "Encrypt"));
        }
        let mut sealed = stream(hash(&(secret, gcm.iv)), data);
        sealed.extend(tag::<16>(&(secret, gcm.iv, gcm.aad, data)));
        Ok(sealed)
    }

    fn open_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let state = self.call_in("Decrypt")?;
        let secret = state.secret(key)?;
        if state.in_parts_only && !gcm.in_parts {
            return Err(Fault::returned(RvError::BufferTooSmall, "Decrypt"));
        }
        let (sealed, mac) = data.split_last_chunk::<16>().unwrap();
        let opened = stream(hash(&(secret, gcm.iv)), sealed);
        if tag::<16>(&(secret, gcm.iv, gcm.aad, opened.as_slice())) == *mac {
            Ok(Zeroizing::new(opened))
        } else {
            Err(Fault::returned(state.verdict, "Decrypt"))
        }
    }

    fn seal_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Vec<u8>, Fault> {
        let secret = self.call_in("Encrypt")?.secret(key)?;
        Ok(stream(hash(&(secret, iv)), &[data, &[16; 16]].concat()))
    }

    fn open_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let secret = self.call_in("Decrypt")?.secret(key)?;
        let mut opened = stream(hash(&(secret, iv)), data);
        opened.truncate(data.len() - 16);
        Ok(Zeroizing::new(opened))
    }

    fn wrap(&self, key: Object, _padded: bool, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let secret = self.call_in("WrapKey")?.secret(key)?;
        Ok([stream(hash(&secret), bytes), vec![0; 8]].concat())
    }

    fn unwrap(&self, key: Object, _padded: bool, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let secret = self.call_in("UnwrapKey")?.secret(key)?;
        Ok(Zeroizing::new(stream(hash(&secret), &wrapped[..wrapped.len() - 8])))
    }

    fn mac(&self, key: Object, data: &[u8]) -> Result<Vec<u8>, Fault> {
        let secret = self.call_in("Sign")?.secret(key)?;
        Ok(tag::<32>(&(secret, data)).to_vec())
    }

    fn verify_mac(&self, key: Object, data: &[u8], mac: &[u8]) -> Result<(), Fault> {
        let secret = self.call_in("Verify")?.secret(key)?;
        let is_right = tag::<32>(&(secret, data)).as_slice() == mac;
        if is_right { Ok(()) } else { Err(Fault::returned(RvError::SignatureInvalid, "Verify")) }
    }
}

impl State {
    fn add(&mut self, thing: Thing) -> Object {
        self.next += 1;
        self.objects.insert(self.next, thing);
        Object(self.next)
    }

    /// Stands for a key's bytes.
    fn secret(&self, key: Object) -> Result<u64, Fault> {
        match self.objects.get(&key.0) {
            Some(Thing::Key { kind, id, .. }) => Ok(hash(&(*kind as u8, id))),
            _ => Err(Fault::returned(RvError::KeyHandleInvalid, "EncryptInit")),
        }
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn tag<const N: usize>(value: &impl Hash) -> [u8; N] {
    std::array::from_fn(|nth| hash(&(hash(value), nth)).to_be_bytes()[0])
}

/// Encrypts and decrypts, as far as a test needs.
fn stream(seed: u64, data: &[u8]) -> Vec<u8> {
    data.iter().enumerate().map(|(nth, byte)| byte ^ hash(&(seed, nth)).to_be_bytes()[0]).collect()
}
