//! A session with a real token, over `cryptoki`.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, SessionState, UserType};
use cryptoki::types::{RawAuthPin, Ulong};
use zeroize::{Zeroize, Zeroizing};

use crate::fault::Fault;
use crate::token::{CBC_IV, Gcm, KeyFacts, KeyKind, Object, Strength, Token};

/// How many bytes the keys have that we make.
const KEY_BYTES: u64 = 32;
/// What RFC 3394 makes of 32 bytes.
const WRAPPED_BYTES: usize = 40;
const GCM_TAG_BITS: u64 = 128;
/// Names our data objects for whoever lists the token.
const APPLICATION: &[u8] = b"grantry";

/// The session.
pub(crate) struct RealToken {
    session: Session,
    /// What the module called the objects that this session saw. A handle cannot be made from a number without `unsafe`.
    handles: RefCell<BTreeMap<Object, ObjectHandle>>,
}

impl RealToken {
    pub(crate) fn new(session: Session) -> Self {
        Self { session, handles: RefCell::default() }
    }

    fn keep(&self, handle: ObjectHandle) -> Object {
        let object = Object(wide(handle.handle()));
        self.handles.borrow_mut().insert(object, handle);
        object
    }

    fn handle(&self, object: Object) -> Result<ObjectHandle, Fault> {
        let known = self.handles.borrow().get(&object).copied();
        known.ok_or(Fault::returned(RvError::ObjectHandleInvalid, "GetAttributeValue"))
    }

    fn find(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>, Fault> {
        self.session.find_objects(template).map_err(of("FindObjects"))
    }

    fn attributes(&self, handle: ObjectHandle, wanted: &[AttributeType]) -> Result<Vec<Attribute>, Fault> {
        self.session.get_attributes(handle, wanted).map_err(of("GetAttributeValue"))
    }

    /// Ends an object of the session. One that stays is an error, because it may be a tenant key.
    fn end<T>(&self, handle: ObjectHandle, outcome: Result<T, Fault>) -> Result<T, Fault> {
        let ended = self.session.destroy_object(handle).map_err(of("DestroyObject"));
        let value = outcome?;
        ended.map(|()| value)
    }
}

impl Token for RealToken {
    fn close(self: Box<Self>) {
        // One that ended by itself needs no end.
        let _ = self.session.close();
    }

    fn is_logged_in(&self) -> Result<bool, Fault> {
        let info = self.session.get_session_info().map_err(of("GetSessionInfo"))?;
        Ok(info.session_state() == SessionState::RwUser)
    }

    fn login(&self, pin: &[u8]) -> Result<(), Fault> {
        let pin = RawAuthPin::new(Box::new(pin.to_vec()));
        match self.session.login_with_raw(UserType::User, &pin) {
            Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            outcome => outcome.map_err(of("Login")),
        }
    }

    fn random(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        self.session.generate_random_slice(bytes).map_err(of("GenerateRandom"))
    }

    fn generate(&self, kind: KeyKind, id: &[u8], label: &str) -> Result<Object, Fault> {
        let (mechanism, key_type) = match kind {
            KeyKind::Cipher | KeyKind::Wrapper => (Mechanism::AesKeyGen, KeyType::AES),
            KeyKind::Mac => (Mechanism::GenericSecretKeyGen, KeyType::GENERIC_SECRET),
        };
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(key_type),
            Attribute::ValueLen(ulong(KEY_BYTES)),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Sensitive(true),
            Attribute::Extractable(false),
            // Which version is active is told by data objects, so no key is ever changed.
            Attribute::Modifiable(false),
            Attribute::Derive(false),
            Attribute::Id(id.to_vec()),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        template.extend(uses(kind).map(|(attribute, _)| attribute));
        self.session.generate_key(&mechanism, &template).map_err(of("GenerateKey")).map(|key| self.keep(key))
    }

    fn strength(&self, kind: KeyKind, key: Object) -> Result<Strength, Fault> {
        let wanted = [
            AttributeType::Private,
            AttributeType::Sensitive,
            AttributeType::AlwaysSensitive,
            AttributeType::Extractable,
            AttributeType::NeverExtractable,
            AttributeType::Local,
            AttributeType::ValueLen,
            AttributeType::Derive,
            AttributeType::Encrypt,
            AttributeType::Decrypt,
            AttributeType::Wrap,
            AttributeType::Unwrap,
            AttributeType::Sign,
            AttributeType::Verify,
        ];
        let found = self.attributes(self.handle(key)?, &wanted)?;
        let has = |attribute: &Attribute| found.contains(attribute);
        Ok(Strength {
            private: has(&Attribute::Private(true)),
            sensitive: has(&Attribute::Sensitive(true)),
            always_sensitive: has(&Attribute::AlwaysSensitive(true)),
            unextractable: has(&Attribute::Extractable(false)),
            never_extractable: has(&Attribute::NeverExtractable(true)),
            local: has(&Attribute::Local(true)),
            long_enough: has(&Attribute::ValueLen(ulong(KEY_BYTES))),
            fit_for_nothing_else: !has(&Attribute::Derive(true))
                && uses(kind).all(|(_, weaker)| !has(&weaker)),
        })
    }

    fn keys(&self, kind: KeyKind, id: Option<&[u8]>) -> Result<Vec<KeyFacts>, Fault> {
        let key_type = if kind == KeyKind::Mac { KeyType::GENERIC_SECRET } else { KeyType::AES };
        let mut template = vec![
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(key_type),
            Attribute::Token(true),
        ];
        template.extend(id.map(|id| Attribute::Id(id.to_vec())));
        let mut keys = Vec::new();
        for handle in self.find(&template)? {
            let mut facts = KeyFacts { object: self.keep(handle), id: Vec::new(), label: String::new() };
            for attribute in self.attributes(handle, &[AttributeType::Id, AttributeType::Label])? {
                match attribute {
                    Attribute::Id(id) => facts.id = id,
                    Attribute::Label(label) => facts.label = String::from_utf8_lossy(&label).into_owned(),
                    _ => {}
                }
            }
            keys.push(facts);
        }
        Ok(keys)
    }

    fn records(&self, label: &str) -> Result<Vec<(Object, Vec<u8>)>, Fault> {
        let template = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Label(label.as_bytes().to_vec()),
        ];
        let mut records = Vec::new();
        for handle in self.find(&template)? {
            for attribute in self.attributes(handle, &[AttributeType::Value])? {
                if let Attribute::Value(value) = attribute {
                    records.push((self.keep(handle), value));
                }
            }
        }
        Ok(records)
    }

    fn keep_record(&self, label: &str, value: &[u8]) -> Result<(), Fault> {
        let template = [
            Attribute::Class(ObjectClass::DATA),
            Attribute::Token(true),
            Attribute::Private(true),
            Attribute::Modifiable(false),
            Attribute::Application(APPLICATION.to_vec()),
            Attribute::Label(label.as_bytes().to_vec()),
            Attribute::Value(value.to_vec()),
        ];
        self.session.create_object(&template).map_err(of("CreateObject")).map(|_| ())
    }

    fn destroy(&self, object: Object) -> Result<(), Fault> {
        self.session.destroy_object(self.handle(object)?).map_err(of("DestroyObject"))
    }

    fn seal_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Vec<u8>, Fault> {
        let key = self.handle(key)?;
        let mechanism = gcm_mechanism(&mut gcm.iv, gcm.aad)?;
        if !gcm.in_parts {
            return self.session.encrypt(&mechanism, key, data).map_err(of("Encrypt"));
        }
        self.session.encrypt_init(&mechanism, key).map_err(of("EncryptInit"))?;
        let mut sealed = self.session.encrypt_update(data).map_err(of("EncryptUpdate"))?;
        sealed.extend(self.session.encrypt_final().map_err(of("EncryptFinal"))?);
        Ok(sealed)
    }

    fn open_gcm(&self, key: Object, gcm: &mut Gcm<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let key = self.handle(key)?;
        let mechanism = gcm_mechanism(&mut gcm.iv, gcm.aad)?;
        if !gcm.in_parts {
            return self.session.decrypt(&mechanism, key, data).map_err(of("Decrypt")).map(Zeroizing::new);
        }
        self.session.decrypt_init(&mechanism, key).map_err(of("DecryptInit"))?;
        // What the first part brings is not authentic yet: nobody sees it before the second.
        let first = Zeroizing::new(self.session.decrypt_update(data).map_err(of("DecryptUpdate"))?);
        let rest = Zeroizing::new(self.session.decrypt_final().map_err(of("DecryptFinal"))?);
        Ok(Zeroizing::new([first.as_slice(), rest.as_slice()].concat()))
    }

    fn seal_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Vec<u8>, Fault> {
        self.session.encrypt(&Mechanism::AesCbcPad(iv), self.handle(key)?, data).map_err(of("Encrypt"))
    }

    fn open_cbc(&self, key: Object, iv: [u8; CBC_IV], data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let opened = self.session.decrypt(&Mechanism::AesCbcPad(iv), self.handle(key)?, data);
        opened.map_err(of("Decrypt")).map(Zeroizing::new)
    }

    fn wrap(&self, key: Object, padded: bool, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        let key = self.handle(key)?;
        let mut template = readable_key();
        template.push(Attribute::Value(bytes.to_vec()));
        let created = self.session.create_object(&template).map_err(of("CreateObject"));
        if let Some(Attribute::Value(mut copy)) = template.pop() {
            copy.zeroize();
        }
        let created = created?;
        let wrapped = self.session.wrap_key(&wrap_mechanism(padded), key, created).map_err(of("WrapKey"));
        let mut wrapped = self.end(created, wrapped)?;
        if !padded {
            // Some tokens ask for a longer buffer than they fill.
            wrapped.truncate(WRAPPED_BYTES);
        }
        Ok(wrapped)
    }

    fn unwrap(&self, key: Object, padded: bool, wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let key = self.handle(key)?;
        let mechanism = wrap_mechanism(padded);
        let unwrapped =
            self.session.unwrap_key(&mechanism, key, wrapped, &readable_key()).map_err(of("UnwrapKey"))?;
        let value = self.attributes(unwrapped, &[AttributeType::Value]).and_then(|found| {
            let value = found.into_iter().find_map(|attribute| match attribute {
                Attribute::Value(value) => Some(Zeroizing::new(value)),
                _ => None,
            });
            // The token unwraps, and hides what it unwrapped.
            value.ok_or(Fault::returned(RvError::AttributeSensitive, "GetAttributeValue"))
        });
        self.end(unwrapped, value)
    }

    fn mac(&self, key: Object, data: &[u8]) -> Result<Vec<u8>, Fault> {
        self.session.sign(&Mechanism::Sha256Hmac, self.handle(key)?, data).map_err(of("Sign"))
    }

    fn verify_mac(&self, key: Object, data: &[u8], mac: &[u8]) -> Result<(), Fault> {
        self.session.verify(&Mechanism::Sha256Hmac, self.handle(key)?, data, mac).map_err(of("Verify"))
    }
}

/// What the key may be used for, and beside each the attribute that would make it weaker.
fn uses(kind: KeyKind) -> impl Iterator<Item = (Attribute, Attribute)> {
    type Make = fn(bool) -> Attribute;
    let makes: [(Make, bool); 6] = [
        (Attribute::Encrypt, kind == KeyKind::Cipher),
        (Attribute::Decrypt, kind == KeyKind::Cipher),
        (Attribute::Wrap, kind == KeyKind::Wrapper),
        (Attribute::Unwrap, kind == KeyKind::Wrapper),
        (Attribute::Sign, kind == KeyKind::Mac),
        (Attribute::Verify, kind == KeyKind::Mac),
    ];
    makes.into_iter().map(|(make, may)| (make(may), make(!may)))
}

/// A tenant key as an object of the session. It has to be readable, because records are encrypted in this process; for the
/// moment that it takes, whoever shares this process could read it in the token as well.
fn readable_key() -> Vec<Attribute> {
    vec![
        Attribute::Class(ObjectClass::SECRET_KEY),
        Attribute::KeyType(KeyType::AES),
        Attribute::Token(false),
        Attribute::Private(true),
        Attribute::Sensitive(false),
        Attribute::Extractable(true),
    ]
}

fn gcm_mechanism<'a>(iv: &'a mut [u8], aad: &'a [u8]) -> Result<Mechanism<'a>, Fault> {
    GcmParams::new(iv, aad, ulong(GCM_TAG_BITS)).map(Mechanism::AesGcm).map_err(of("EncryptInit"))
}

fn wrap_mechanism(padded: bool) -> Mechanism<'static> {
    if padded { Mechanism::AesKeyWrapPad } else { Mechanism::AesKeyWrap }
}

/// The type is as wide as the platform's `unsigned long`.
#[allow(clippy::useless_conversion, reason = "32 bits on some platforms")]
fn ulong(value: u64) -> Ulong {
    Ulong::new(value.try_into().unwrap_or_default())
}

#[allow(clippy::useless_conversion, reason = "32 bits on some platforms")]
fn wide(handle: impl Into<u64>) -> u64 {
    handle.into()
}

pub(crate) fn of(during: &'static str) -> impl Fn(Error) -> Fault {
    move |error| Fault::new(&error, during)
}
