//! Whose grant it is: tenant, service, account.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Error;

/// The longest tenant or service name, in bytes.
const NAME_MAX: usize = 63;
/// The longest account id, in bytes.
const ACCOUNT_MAX: usize = 255;

/// A name or id that breaks the rules of its kind.
///
/// The text says which rule and shows at most the first characters of the name, escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind} {shown} is not usable: {rule}")]
pub struct InvalidName {
    kind: &'static str,
    shown: String,
    rule: &'static str,
}

impl InvalidName {
    fn new(kind: &'static str, value: &str, rule: &'static str) -> Self {
        let head: String = value.chars().take(24).collect();
        Self { kind, shown: format!("{head:?}"), rule }
    }
}

/// A name that breaks the rules is a mistake of whoever chose it, found before anything is sent.
impl From<InvalidName> for Error {
    fn from(error: InvalidName) -> Self {
        Self::configuration(error.to_string())
    }
}

/// The names of a tenant or a service: `[a-z0-9][a-z0-9._-]{0,62}`.
fn check_name(kind: &'static str, value: &str) -> Result<(), InvalidName> {
    let refuse = |rule| Err(InvalidName::new(kind, value, rule));
    let Some(first) = value.bytes().next() else {
        return refuse("it is empty");
    };
    if value.len() > NAME_MAX {
        return refuse("it is longer than 63 bytes");
    }
    if !(first.is_ascii_lowercase() || first.is_ascii_digit()) {
        return refuse("it has to begin with a-z or 0-9");
    }
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    if !value.bytes().all(fits) {
        return refuse("only a-z, 0-9, '.', '_' and '-' are allowed");
    }
    Ok(())
}

fn check_account(value: &str) -> Result<(), InvalidName> {
    let refuse = |rule| Err(InvalidName::new("account", value, rule));
    if value.is_empty() {
        return refuse("it is empty");
    }
    if value.len() > ACCOUNT_MAX {
        return refuse("it is longer than 255 bytes");
    }
    if value.chars().any(char::is_control) {
        return refuse("control characters are not allowed");
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks the rules of this kind of name.
            ///
            /// # Errors
            /// [`InvalidName`] says which rule is broken.
            pub fn new(value: impl AsRef<str>) -> Result<Self, InvalidName> {
                let value = value.as_ref();
                $check(value)?;
                Ok(Self(value.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidName;
            fn try_from(value: &str) -> Result<Self, InvalidName> {
                Self::new(value)
            }
        }
    };
}

name! {
    /// One of the parties whose grants are kept apart: `[a-z0-9][a-z0-9._-]{0,62}`.
    TenantId, "tenant", |v: &str| check_name("tenant", v)
}
name! {
    /// A service that tokens are for, such as `crm`: `[a-z0-9][a-z0-9._-]{0,62}`.
    ServiceName, "service", |v: &str| check_name("service", v)
}
name! {
    /// Whose account at the service: 1 to 255 bytes of UTF-8 without control characters, compared as bytes.
    AccountId, "account", check_account
}

/// The longest key, in bytes, that is kept inside the [`GrantKey`] itself.
const INLINE: usize = 36;

/// The full name of one grant, in every cache, lock, row and authenticated datum.
///
/// It is the text `tenant/service/account`, which names exactly one triple because the first two hold no `/`. Up
/// to 36 bytes lie in the key itself, so that a look-up among a million reads one place.
///
/// ```
/// use grantry_core::GrantKey;
/// let key = GrantKey::new("acme", "crm", "user-17")?;
/// assert_eq!(key.to_string(), "acme/crm/user-17");
/// assert!(GrantKey::new("../etc", "crm", "user-17").is_err());
/// # Ok::<(), grantry_core::InvalidName>(())
/// ```
#[derive(Clone)]
pub struct GrantKey(Text);

#[derive(Clone)]
enum Text {
    Inline { lengths: Lengths, length: u8, bytes: [u8; INLINE] },
    Shared { lengths: Lengths, text: Arc<str> },
}

/// How long the tenant's and the service's names are; both were checked to be at most 63 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Lengths {
    tenant: u8,
    service: u8,
}

impl GrantKey {
    /// Checks and joins the three names.
    ///
    /// # Errors
    /// [`InvalidName`] for the first of the three that breaks its rules.
    pub fn new(
        tenant: impl AsRef<str>,
        service: impl AsRef<str>,
        account: impl AsRef<str>,
    ) -> Result<Self, InvalidName> {
        let (tenant, service, account) = (tenant.as_ref(), service.as_ref(), account.as_ref());
        check_name("tenant", tenant)?;
        check_name("service", service)?;
        check_account(account)?;
        Ok(Self::join(tenant, service, account))
    }

    /// Joins names that were checked before.
    pub fn from_parts(tenant: &TenantId, service: &ServiceName, account: &AccountId) -> Self {
        Self::join(tenant.as_str(), service.as_str(), account.as_str())
    }

    fn join(tenant: &str, service: &str, account: &str) -> Self {
        let text = format!("{tenant}/{service}/{account}");
        let short = |name: &str| u8::try_from(name.len()).unwrap_or(u8::MAX);
        let lengths = Lengths { tenant: short(tenant), service: short(service) };
        let mut bytes = [0; INLINE];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(room), Ok(length)) => {
                room.copy_from_slice(text.as_bytes());
                Self(Text::Inline { lengths, length, bytes })
            }
            _ => Self(Text::Shared { lengths, text: text.into() }),
        }
    }

    /// Whose vault it is in.
    pub fn tenant(&self) -> &str {
        self.as_key_ref().tenant
    }

    /// What service it is for.
    pub fn service(&self) -> &str {
        self.as_key_ref().service
    }

    /// Whose account at the service.
    pub fn account(&self) -> &str {
        self.as_key_ref().account
    }

    /// `tenant/service/account` in one piece.
    pub fn as_str(&self) -> &str {
        // The bytes are those of a `str`, whole.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// The same three names, borrowed: looks a key up without building one.
    pub fn as_key_ref(&self) -> GrantKeyRef<'_> {
        let text = self.as_str();
        let tenant = usize::from(self.lengths().tenant);
        let service = tenant + 1 + usize::from(self.lengths().service);
        // The lengths are those of the parts that `join` put together, so none is ever missing.
        let part = |range| text.get(range).unwrap_or_default();
        GrantKeyRef {
            tenant: part(0..tenant),
            service: part(tenant + 1..service),
            account: part(service + 1..text.len()),
        }
    }

    #[inline]
    fn lengths(&self) -> Lengths {
        match self.0 {
            Text::Inline { lengths, .. } | Text::Shared { lengths, .. } => lengths,
        }
    }

    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Text::Inline { length, bytes, .. } => bytes.get(..usize::from(*length)).unwrap_or_default(),
            Text::Shared { text, .. } => text.as_bytes(),
        }
    }
}

impl PartialEq for GrantKey {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for GrantKey {}

impl PartialOrd for GrantKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for GrantKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_key_ref().cmp(&other.as_key_ref())
    }
}

impl Hash for GrantKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_key_ref().hash(state);
    }
}

impl fmt::Display for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for GrantKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GrantKey({:?})", self.as_str())
    }
}

/// A [`GrantKey`] in borrowed form, hashed and compared alike, for look-ups that allocate nothing.
///
/// It is not checked: a name that breaks the rules is simply never found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(clippy::exhaustive_structs, reason = "three names make a key, and always will")]
pub struct GrantKeyRef<'a> {
    /// The tenant's name.
    pub tenant: &'a str,
    /// The service's name.
    pub service: &'a str,
    /// The account's id.
    pub account: &'a str,
}

/// The bytes one after the other, without marks between them: keys that join to the same text share a hash, and
/// are told apart when they are compared.
impl Hash for GrantKeyRef<'_> {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.account.as_bytes());
        state.write(self.tenant.as_bytes());
        state.write(self.service.as_bytes());
    }
}

impl GrantKeyRef<'_> {
    /// Whether `key` is this key.
    #[inline]
    pub fn matches(&self, key: &GrantKey) -> bool {
        let Lengths { tenant, service } = key.lengths();
        let tenant = usize::from(tenant);
        let service = tenant + 1 + usize::from(service);
        let text = key.as_bytes();
        let is = |part: &str, range| text.get(range) == Some(part.as_bytes());
        // The account differs most often.
        is(self.account, service + 1..text.len())
            && is(self.tenant, 0..tenant)
            && is(self.service, tenant + 1..service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_refused_is_a_mistake_of_configuration() {
        let refused = |name: &str| -> Result<TenantId, Error> { Ok(TenantId::new(name)?) };
        let error = refused("Acme").unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Configuration);
        assert!(error.to_string().contains("Acme"), "{error}");
    }

    #[test]
    fn names_that_could_be_mistaken_are_refused() {
        for name in ["", "..", "/", "a/b", "Acme", "a\0b", "é", "-a", ".a", " a", "a ", &"a".repeat(64)] {
            assert!(TenantId::new(name).is_err(), "{name:?}");
            assert!(ServiceName::new(name).is_err(), "{name:?}");
        }
        for name in ["a", "0", "acme-eu.prod_1", &"a".repeat(63)] {
            assert!(TenantId::new(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn accounts_are_any_text_without_control_characters() {
        assert!(AccountId::new("Zoë Ångström <zoe@example.com>").is_ok());
        assert!(AccountId::new("a\nb").is_err());
        assert!(AccountId::new("").is_err());
        assert!(AccountId::new("a".repeat(256)).is_err());
    }

    #[test]
    fn an_account_with_slashes_stays_in_its_place() {
        let key = GrantKey::new("acme", "crm", "a/b/c").unwrap();
        assert_eq!((key.tenant(), key.service(), key.account()), ("acme", "crm", "a/b/c"));
        assert_ne!(key, GrantKey::new("acme", "crm", "a/b").unwrap());
    }

    #[test]
    fn keys_of_every_length_keep_their_parts() {
        for length in 1..=255 {
            let account = "x".repeat(length);
            let key = GrantKey::new("acme", "crm", &account).unwrap();
            assert_eq!(key.account(), account);
            assert!(key.as_key_ref().matches(&key));
            assert_eq!(key, key.clone());
        }
    }

    #[test]
    fn names_that_only_join_to_the_same_text_do_not_match() {
        let key = GrantKey::new("a", "b", "c/d").unwrap();
        for wrong in
            [("a/b", "c", "d"), ("a", "b/c", "d"), ("a", "b", "c/"), ("a", "b", ""), ("", "a", "b/c/d")]
        {
            let wrong = GrantKeyRef { tenant: wrong.0, service: wrong.1, account: wrong.2 };
            assert!(!wrong.matches(&key), "{wrong:?}");
        }
    }

    #[test]
    fn a_borrowed_key_hashes_like_the_owned_one() {
        use std::hash::BuildHasher;
        let hasher = std::hash::RandomState::new();
        let key = GrantKey::new("acme", "crm", "ü").unwrap();
        assert_eq!(hasher.hash_one(&key), hasher.hash_one(key.as_key_ref()));
        assert!(GrantKeyRef { tenant: "acme", service: "crm", account: "ü" }.matches(&key));
    }

    #[test]
    fn the_message_names_the_rule_and_escapes_the_name() {
        let text = TenantId::new("\u{1b}[31m").unwrap_err().to_string();
        assert!(text.contains("begin with a-z"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
