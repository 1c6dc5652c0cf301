//! The modules of this process: each is loaded once, by its path, and stays.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::{MechanismInfo, MechanismType};
use cryptoki::slot::{Slot, TokenInfo};
use grantry_core::{Clock, Instant, SystemClock};
use grantry_vault::KeyError;

use crate::fault::Fault;
use crate::gate::Gate;
use crate::plan::{Known, MechanismFacts, Use};
use crate::session::{RealToken, of};
use crate::token::{Module, RefusedPin, Token, TokenFacts};

/// A module is begun anew at most so often in so long: all its tokens lose their sessions by it.
const MOST_RENEWALS: u8 = 3;
const RENEWALS_PER: Duration = Duration::from_secs(5);

/// How often a slot is asked for its token where it answers an error, and the first pause; each further one is longer by it.
const LOOKS: u32 = 3;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

/// Modules are never unloaded: several have crashed when they were, and some keep threads of their own.
static MODULES: Mutex<BTreeMap<PathBuf, Arc<RealModule>>> = Mutex::new(BTreeMap::new());

/// The module of that path, which is loaded and initialised by whoever asks for it first.
pub(crate) fn module(path: &Path) -> Result<Arc<dyn Module>, KeyError> {
    // Two names of one file are one module. A bare name is looked for by the system's loader.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(&path) {
        return Ok(Arc::clone(module) as Arc<dyn Module>);
    }
    let module = Arc::new(RealModule::load(&path)?);
    modules.insert(path, Arc::clone(&module));
    Ok(module)
}

struct RealModule {
    path: PathBuf,
    context: Pkcs11,
    gate: Gate,
    /// Whether we initialised it: what somebody else in this process initialised is not ours to end.
    is_ours: bool,
    clock: SystemClock,
    /// Since when renewals are counted, and how many there were.
    renewals: Mutex<(Instant, u8)>,
    refused: Mutex<BTreeMap<String, RefusedPin>>,
}

impl RealModule {
    fn load(path: &Path) -> Result<Self, KeyError> {
        if path.is_absolute() && !path.is_file() {
            return Err(KeyError::configuration(format!(
                "there is no PKCS#11 module {}: install the token's software, or correct the path",
                path.display()
            )));
        }
        let context = Pkcs11::new(path).map_err(|error| not_a_module(path, &error))?;
        let is_ours = match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) => true,
            Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => false,
            Err(error) => {
                return Err(KeyError::configuration(format!(
                    "the PKCS#11 module {} does not start ({}): look whether it finds its own configuration, as in \
                     SOFTHSM2_CONF for SoftHSM",
                    path.display(),
                    Fault::new(&error, "Initialize")
                )));
            }
        };
        let clock = SystemClock::new();
        Ok(Self {
            path: path.to_owned(),
            context,
            gate: Gate::default(),
            is_ours,
            clock,
            renewals: Mutex::new((clock.now(), 0)),
            refused: Mutex::default(),
        })
    }

    fn slot(&self, id: u64) -> Result<Slot, Fault> {
        Slot::try_from(id).map_err(of("GetSlotList"))
    }

    /// What a token says of itself. SoftHSM answers an error while another process writes to the token.
    fn token_info(&self, slot: Slot) -> Option<TokenInfo> {
        (0..LOOKS).find_map(|nth| {
            std::thread::sleep(BETWEEN_LOOKS * nth);
            self.context.get_token_info(slot).ok()
        })
    }

    /// Whether there were not too many renewals of late, and counts one.
    fn may_renew(&self) -> bool {
        let now = self.clock.now();
        let mut renewals = self.renewals.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = *renewals;
        let (since, count) = if now.since(since) >= RENEWALS_PER { (now, 0) } else { (since, count) };
        let may = count < MOST_RENEWALS;
        *renewals = (since, count.saturating_add(may.into()));
        may
    }
}

impl Module for RealModule {
    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn tokens(&self) -> Result<Vec<TokenFacts>, Fault> {
        let slots = self.context.get_slots_with_token().map_err(of("GetSlotList"))?;
        let facts = slots.into_iter().filter_map(|slot| {
            let info = self.token_info(slot)?;
            info.token_initialized().then(|| TokenFacts {
                slot: slot.id(),
                label: info.label().to_owned(),
                serial: info.serial_number().to_owned(),
                is_final_try: info.user_pin_final_try(),
                is_locked: info.user_pin_locked(),
            })
        });
        Ok(facts.collect())
    }

    fn mechanisms(&self, slot: u64) -> Result<Vec<MechanismFacts>, Fault> {
        let slot = self.slot(slot)?;
        let there = self.context.get_mechanism_list(slot).map_err(of("GetMechanismList"))?;
        let wanted = [
            (Known::AesKeyGen, MechanismType::AES_KEY_GEN),
            (Known::GenericSecretKeyGen, MechanismType::GENERIC_SECRET_KEY_GEN),
            (Known::AesGcm, MechanismType::AES_GCM),
            (Known::AesKeyWrap, MechanismType::AES_KEY_WRAP),
            (Known::AesKeyWrapPad, MechanismType::AES_KEY_WRAP_PAD),
            (Known::AesCbcPad, MechanismType::AES_CBC_PAD),
            (Known::Sha256Hmac, MechanismType::SHA256_HMAC),
        ];
        let mut mechanisms = Vec::new();
        for (known, of_type) in wanted.into_iter().filter(|(_, of_type)| there.contains(of_type)) {
            let info = self.context.get_mechanism_info(slot, of_type).map_err(of("GetMechanismInfo"))?;
            let sizes = (info.min_key_size(), info.max_key_size());
            mechanisms.push(MechanismFacts { mechanism: known, uses: uses(&info), sizes });
        }
        Ok(mechanisms)
    }

    fn open(&self, slot: u64) -> Result<Box<dyn Token>, Fault> {
        let session = self.context.open_rw_session_no_drop(self.slot(slot)?).map_err(of("OpenSession"))?;
        Ok(Box::new(RealToken::new(session)))
    }

    fn renew(&self, life: u64) -> Result<(), Fault> {
        if !self.is_ours {
            return Err(Fault::absent());
        }
        if self.gate.life() == life && !self.may_renew() {
            return Err(Fault::absent());
        }
        self.gate.renew(life, || {
            // Whether it ends well or not, it begins again: a module that lost its token often cannot end properly.
            let _ = self.context.clone().finalize();
            match self.context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
                Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(()),
                Err(error) => Err(Fault::new(&error, "Initialize")),
            }
        })
    }

    fn refused_pin(&self, serial: &str) -> RefusedPin {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(refused.entry(serial.to_owned()).or_default())
    }
}

impl fmt::Debug for RealModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Module({})", self.path.display())
    }
}

fn uses(info: &MechanismInfo) -> Vec<Use> {
    let flags = [
        (info.generate(), Use::Generate),
        (info.encrypt(), Use::Encrypt),
        (info.decrypt(), Use::Decrypt),
        (info.sign(), Use::Sign),
        (info.verify(), Use::Verify),
        (info.wrap(), Use::Wrap),
        (MechanismInfo::unwrap(info), Use::Unwrap),
    ];
    flags.into_iter().filter_map(|(is_set, used)| is_set.then_some(used)).collect()
}

fn not_a_module(path: &Path, error: &Error) -> KeyError {
    let path = path.display();
    KeyError::configuration(match error {
        Error::LibraryLoading(_) => format!(
            "{path} cannot be loaded as a library: name the PKCS#11 module of the token, built for this machine, \
             with everything that it needs beside it"
        ),
        Error::MissingSymbol(_) => {
            format!("{path} is a library, but no PKCS#11 module: name the module of the token")
        }
        _ => format!("{path} is no PKCS#11 module that can be used: name the module of the token"),
    })
}
