//! The few things that we ask of a module and of a token: the seam at which tests make them fail.

use std::fmt;
use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::gate::Gate;
use crate::plan::MechanismFacts;

/// How many bytes an initialisation vector of AES-GCM has here.
pub(crate) const GCM_IV: usize = 12;
/// How many bytes one of AES-CBC has.
pub(crate) const CBC_IV: usize = 16;

/// A handle of an object, good within one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Object(pub(crate) u64);

/// A PIN that a token refused in this process, so that nobody tries it again.
pub(crate) type RefusedPin = Arc<Mutex<Option<Zeroizing<Vec<u8>>>>>;

/// A module: what can be asked before there is a session.
pub(crate) trait Module: fmt::Debug + Send + Sync {
    /// Who is inside it, and which of its lives it is in.
    fn gate(&self) -> &Gate;
    /// The tokens that are there. A slot that does not answer is left out.
    fn tokens(&self) -> Result<Vec<TokenFacts>, Fault>;
    /// What the token in a slot can do.
    fn mechanisms(&self, slot: u64) -> Result<Vec<MechanismFacts>, Fault>;
    /// A new session that may write.
    fn open(&self, slot: u64) -> Result<Box<dyn Token>, Fault>;
    /// Ends and begins the module anew, so that it looks for its tokens again; nothing where somebody did so since
    /// `life`. Not to be called from inside.
    fn renew(&self, life: u64) -> Result<(), Fault>;
    /// The PIN that the token with that serial number refused.
    fn refused_pin(&self, serial: &str) -> RefusedPin;
}

/// What a token says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenFacts {
    pub(crate) slot: u64,
    pub(crate) label: String,
    pub(crate) serial: String,
    /// The next wrong PIN locks it.
    pub(crate) is_final_try: bool,
    pub(crate) is_locked: bool,
}

/// The two kinds of keys that we make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// AES-256, with leave to encrypt and decrypt.
    Cipher,
    /// AES-256, with leave to wrap and unwrap.
    Wrapper,
    /// 32 bytes for HMAC, with leave to sign and verify.
    Mac,
}

/// What a key says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyFacts {
    pub(crate) object: Object,
    pub(crate) id: Vec<u8>,
    pub(crate) label: String,
}

/// A key in the token, by its attributes: true as it ought to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Strength {
    pub(crate) private: bool,
    pub(crate) sensitive: bool,
    pub(crate) always_sensitive: bool,
    pub(crate) unextractable: bool,
    pub(crate) never_extractable: bool,
    pub(crate) local: bool,
    pub(crate) long_enough: bool,
    pub(crate) fit_for_nothing_else: bool,
}

impl Strength {
    /// The attribute that makes the key weaker than it was asked for.
    pub(crate) fn weakness(self) -> Option<&'static str> {
        [
            (self.private, "CKA_PRIVATE is not set"),
            (self.sensitive, "CKA_SENSITIVE is not set"),
            (self.always_sensitive, "CKA_ALWAYS_SENSITIVE is not set"),
            (self.unextractable, "CKA_EXTRACTABLE is set"),
            (self.never_extractable, "CKA_NEVER_EXTRACTABLE is not set"),
            (self.local, "CKA_LOCAL is not set"),
            (self.long_enough, "CKA_VALUE_LEN is not 32"),
            (self.fit_for_nothing_else, "it may be used for more than it was made for"),
        ]
        .into_iter()
        .find_map(|(is_right, weakness)| (!is_right).then_some(weakness))
    }
}

/// A session with a token. One thread uses it at a time.
///
/// Dropping it does not end it, because its number may be another session's after a renewal of the module.
pub(crate) trait Token: Send {
    /// Ends it, in the same life of the module.
    fn close(self: Box<Self>);
    /// Whether the user is logged in, by any session of this process.
    fn is_logged_in(&self) -> Result<bool, Fault>;
    fn login(&self, pin: &[u8]) -> Result<(), Fault>;
    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault>;

    /// Makes a key that stays in the token.
    fn generate(&self, kind: KeyKind, id: &[u8], label: &str) -> Result<Object, Fault>;
    fn strength(&self, kind: KeyKind, key: Object) -> Result<Strength, Fault>;
    /// The keys that stay: AES, or those for HMAC; all, or those with an id.
    fn keys(&self, kind: KeyKind, id: Option<&[u8]>) -> Result<Vec<KeyFacts>, Fault>;
    /// The data objects with that label.
    fn records(&self, label: &str) -> Result<Vec<(Object, Vec<u8>)>, Fault>;
    fn keep_record(&self, label: &str, value: &[u8]) -> Result<(), Fault>;
    fn destroy(&self, object: Object) -> Result<(), Fault>;

    /// AES-GCM with a tag of 16 bytes at the end. Afterwards `iv` is the one that was used: tokens that make their own
    /// write it there.
    fn seal_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Vec<u8>, Fault>;
    fn open_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault>;
    /// AES-CBC with PKCS#7 padding.
    fn seal_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Vec<u8>, Fault>;
    fn open_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault>;
    /// Brings bytes into the session as a key and wraps them.
    fn wrap(&self, key: Object, padded: bool, bytes: &[u8]) -> Result<Vec<u8>, Fault>;
    fn unwrap(&self, key: Object, padded: bool, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault>;
    /// HMAC-SHA-256.
    fn mac(&self, key: Object, data: &[u8]) -> Result<Vec<u8>, Fault>;
    fn verify_mac(&self, key: Object, data: &[u8], mac: &[u8]) -> Result<(), Fault>;
}

/// What AES-GCM is asked with.
#[derive(Debug)]
pub(crate) struct Gcm<'a> {
    pub(crate) iv: [u8; GCM_IV],
    pub(crate) aad: &'a [u8],
    /// By `C_EncryptUpdate` and `C_EncryptFinal`, for tokens that cannot say how long the answer to `C_Encrypt` gets.
    pub(crate) in_parts: bool,
}
