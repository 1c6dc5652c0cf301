//! One thread's connection: it finds the token, logs in, and begins anew once where something was lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cryptoki::error::RvError;
use grantry_core::{Clock, SystemClock};
use grantry_vault::KeyError;

use crate::builder::TokenSelector;
use crate::fault::{Fault, Meaning, Trouble};
use crate::pin::Pin;
use crate::plan::KeyMechanism;
use crate::token::{KeyFacts, KeyKind, Module, Object, Token, TokenFacts};

/// How often a call has the module look for a token that is gone, and what it waits before each further time.
const MOST_RENEWALS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(30);

/// How much is learned of a token in one call at most: there are two things to learn, and threads may learn against each other.
const MOST_LESSONS: u32 = 4;

/// How often the token's objects are looked through while others change them.
const MOST_LOOKS: usize = 10;

type Load = dyn Fn() -> Result<Arc<dyn Module>, KeyError> + Send + Sync;

/// What the connections of one provider share.
pub(crate) struct Shared {
    pub(crate) load: Box<Load>,
    pub(crate) selector: TokenSelector,
    pin: Mutex<Pin>,
    /// A person gave a PIN since the last login: it is tried, whatever was refused before.
    is_pin_new: AtomicBool,
    /// The serial number of the token that was found first: no other one is used afterwards.
    pub(crate) serial: OnceLock<String>,
    /// What stands for the serial number in the names of keys, where keys were moved to another token.
    pub(crate) named: Option<String>,
    pub(crate) prefix: String,
    pub(crate) prefer: Option<KeyMechanism>,
    pub(crate) gcm: GcmHabits,
    pub(crate) clock: Arc<dyn Clock>,
}

/// How this token wants to be asked for AES-GCM, as it was found out.
#[derive(Debug, Default)]
pub(crate) struct GcmHabits {
    pub(crate) in_parts: AtomicBool,
    pub(crate) makes_its_iv: AtomicBool,
}

impl Shared {
    pub(crate) fn new(load: Box<Load>, selector: TokenSelector, pin: Pin, prefix: String) -> Self {
        Self {
            load,
            selector,
            pin: Mutex::new(pin),
            is_pin_new: AtomicBool::new(false),
            serial: OnceLock::new(),
            named: None,
            prefix,
            prefer: None,
            gcm: GcmHabits::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Takes another PIN, and forgets that one was refused.
    pub(crate) fn change_pin(&self, pin: Pin) {
        *self.pin.lock().unwrap_or_else(PoisonError::into_inner) = pin;
        // Only noted, because a login that hangs may hold what was refused.
        self.is_pin_new.store(true, Ordering::Release);
    }
}

/// A connection, with a session or without. Calls begin one where there is none.
pub(crate) struct Connection {
    shared: Arc<Shared>,
    live: Option<Live>,
}

/// A session that is logged in.
pub(crate) struct Live {
    pub(crate) token: Box<dyn Token>,
    pub(crate) module: Arc<dyn Module>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) facts: TokenFacts,
    life: u64,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, live: None }
    }

    /// Does a piece of work, and once more with a new session where the first was lost; where the token itself is gone, the
    /// module looks for it anew, a few times. The work may therefore be done twice.
    pub(crate) fn run<T>(
        &mut self,
        mut work: impl FnMut(&mut Live) -> Result<T, Trouble>,
    ) -> Result<T, KeyError> {
        let module = (self.shared.load)()?;
        let (mut reconnected, mut renewals, mut lessons) = (false, 0, 0);
        loop {
            let life = module.gate().life();
            let fault = match self.attempt(&module, &mut work) {
                Ok(value) => return Ok(value),
                Err(Trouble::Known(error)) => return Err(error),
                Err(Trouble::Again) if lessons < MOST_LESSONS => {
                    lessons += 1;
                    continue;
                }
                Err(Trouble::Again) => Fault::odd("the token asks to be asked in ever other ways"),
                Err(Trouble::Token(fault)) => fault,
            };
            let may_be_seen_anew = fault.is_absent() || fault.is(RvError::UserPinNotInitialized);
            if may_be_seen_anew && renewals < MOST_RENEWALS {
                tracing::warn!(
                    grantry.module = ?module,
                    "the token is gone: the PKCS#11 module looks for it again"
                );
                // SoftHSM sees no token, or one without a PIN, while another process writes to it.
                std::thread::sleep(PAUSE * renewals);
                renewals += 1;
                if module.renew(life).is_err() {
                    return Err(if fault.is_absent() { self.gone(&*module) } else { fault.into_error() });
                }
            } else if fault.is_absent() {
                return Err(self.gone(&*module));
            } else if fault.meaning() == Meaning::Lost && !reconnected {
                reconnected = true;
                tracing::warn!(exception.message = %fault, "the session with the token is lost: a new one begins");
            } else {
                return Err(fault.into_error());
            }
        }
    }

    fn attempt<T>(
        &mut self,
        module: &Arc<dyn Module>,
        work: &mut impl FnMut(&mut Live) -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let inside = module.gate().enter()?;
        // What was open before a renewal is gone.
        let mut live = match self.live.take().filter(|live| live.life == inside.life()) {
            Some(live) => live,
            None => Live::connect(&self.shared, module, inside.life())?,
        };
        let outcome = work(&mut live);
        match outcome {
            Err(Trouble::Token(_) | Trouble::Again) => live.token.close(),
            _ => self.live = Some(live),
        }
        outcome
    }

    /// The token is not there: it is gone, or was never named right.
    fn gone(&self, module: &dyn Module) -> KeyError {
        let selector = &self.shared.selector;
        let there = module.gate().enter().and_then(|_inside| module.tokens()).unwrap_or_default();
        if self.shared.serial.get().is_some() || there.is_empty() {
            return KeyError::unavailable(format!("{selector} is not in any slot of its module"));
        }
        let there: Vec<_> =
            there.iter().map(|token| format!("{:?} ({})", token.label, token.serial)).collect();
        KeyError::configuration(format!("{selector} is not among those of the module: {}", there.join(", ")))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(live) = self.live.take() else { return };
        let module = Arc::clone(&live.module);
        if let Ok(inside) = module.gate().enter()
            && inside.life() == live.life
        {
            live.token.close();
        }
    }
}

impl Live {
    fn connect(shared: &Arc<Shared>, module: &Arc<dyn Module>, life: u64) -> Result<Self, Trouble> {
        let facts = find(shared, &**module)?;
        let token = open(&**module, shared, &facts)?;
        Ok(Self { token, module: Arc::clone(module), shared: Arc::clone(shared), facts, life })
    }

    /// Exchanges the session for a new one, in which nothing is under way. Handles of the old one are void.
    pub(crate) fn reopen(&mut self) -> Result<(), Trouble> {
        let next = open(&*self.module, &self.shared, &self.facts)?;
        std::mem::replace(&mut self.token, next).close();
        Ok(())
    }

    /// As [`Token::keys`], also while other processes destroy some.
    pub(crate) fn keys(&self, kind: KeyKind, id: Option<&[u8]>) -> Result<Vec<KeyFacts>, Fault> {
        once_more(|| self.token.keys(kind, id))
    }

    /// As [`Token::records`], also while other processes destroy some.
    pub(crate) fn records(&self, label: &str) -> Result<Vec<(Object, Vec<u8>)>, Fault> {
        once_more(|| self.token.records(label))
    }

    /// As [`Token::destroy`], where somebody else may have done so.
    pub(crate) fn destroy(&self, object: Object) -> Result<(), Fault> {
        match self.token.destroy(object) {
            Err(fault) if fault.is(RvError::ObjectHandleInvalid) => Ok(()),
            outcome => outcome,
        }
    }

    /// Makes sure that what was not found is not there. A token that is gone, or a login that ended, show as a token without
    /// keys, and not as an error.
    pub(crate) fn prove_present(&self) -> Result<(), Trouble> {
        let is_there =
            |there: &TokenFacts| there.slot == self.facts.slot && there.serial == self.facts.serial;
        if !self.module.tokens()?.iter().any(is_there) {
            return Err(Fault::absent().into());
        }
        if !self.token.is_logged_in()? {
            return Err(Fault::returned(RvError::UserNotLoggedIn, "GetSessionInfo").into());
        }
        Ok(())
    }
}

/// Looks again where an object was destroyed between finding and reading it. To leave that one out would be wrong: what
/// stands in its place may not have been found yet.
fn once_more<T>(look: impl Fn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut found = look();
    for _ in 1..MOST_LOOKS {
        match found {
            Err(fault) if fault.is(RvError::ObjectHandleInvalid) => found = look(),
            _ => break,
        }
    }
    found
}

/// The token that was selected; once one was found, that one.
fn find(shared: &Shared, module: &dyn Module) -> Result<TokenFacts, Trouble> {
    let tokens = module.tokens().map_err(|_| Fault::absent())?;
    if let Some(serial) = shared.serial.get() {
        let same = tokens.into_iter().find(|token| token.serial == *serial && shared.selector.selects(token));
        return same.ok_or(Fault::absent().into());
    }
    let mut selected: Vec<_> = tokens.iter().filter(|token| shared.selector.selects(token)).collect();
    match (selected.pop(), selected.is_empty()) {
        (Some(token), true) => {
            let serial = shared.serial.get_or_init(|| token.serial.clone());
            if *serial == token.serial { Ok(token.clone()) } else { Err(Fault::absent().into()) }
        }
        (Some(_), false) => Err(Trouble::Known(KeyError::configuration(format!(
            "there are several of {}: select it by its serial number",
            shared.selector
        )))),
        (None, _) => Err(Fault::absent().into()),
    }
}

fn open(module: &dyn Module, shared: &Shared, facts: &TokenFacts) -> Result<Box<dyn Token>, Trouble> {
    let token = match module.open(facts.slot) {
        Err(fault) if fault.is(RvError::SessionCount) => {
            return Err(Trouble::Known(KeyError::unavailable(
                "the token has no session left: set fewer `sessions`, or end other users of the token",
            )));
        }
        opened => opened?,
    };
    match log_in(&*token, module, shared, facts) {
        Ok(()) => Ok(token),
        Err(trouble) => {
            token.close();
            Err(trouble)
        }
    }
}

/// Logs in, unless this process is. One thread at a time, and never twice with a PIN that was refused: a few of those lock a
/// token.
fn log_in(
    token: &dyn Token,
    module: &dyn Module,
    shared: &Shared,
    facts: &TokenFacts,
) -> Result<(), Trouble> {
    if token.is_logged_in()? {
        return Ok(());
    }
    let refused = module.refused_pin(&facts.serial);
    let mut refused = refused.lock().unwrap_or_else(PoisonError::into_inner);
    if token.is_logged_in()? {
        return Ok(());
    }
    let pin = shared.pin.lock().unwrap_or_else(PoisonError::into_inner).read()?;
    let known = |what: &'static str| Trouble::Known(KeyError::refused(what));
    if shared.is_pin_new.swap(false, Ordering::AcqRel) {
        *refused = None;
    }
    if refused.as_ref().is_some_and(|refused| **refused == *pin) {
        return Err(known("the token refused this PIN before, so it is not tried again: give another one"));
    }
    if facts.is_locked {
        return Err(known("the token's PIN is locked: the security officer has to set a new one"));
    }
    if facts.is_final_try {
        return Err(known(
            "the token would be locked by one more wrong PIN, so none is tried: log in by hand once, which resets the \
             count",
        ));
    }
    match token.login(&pin) {
        Ok(()) => {
            *refused = None;
            Ok(())
        }
        Err(fault) if fault.is(RvError::PinIncorrect) || fault.is(RvError::PinLenRange) => {
            *refused = Some(pin);
            Err(known("the PIN is wrong; it is not tried again: give another one"))
        }
        Err(fault) if fault.is(RvError::PinLocked) => {
            *refused = Some(pin);
            Err(known("the token's PIN is locked: the security officer has to set a new one"))
        }
        Err(fault) if fault.is(RvError::PinExpired) => {
            Err(known("the token's PIN has expired: set a new one with the token's own tool"))
        }
        Err(fault) => Err(fault.into()),
    }
}
