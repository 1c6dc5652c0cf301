//! Who acts.

use std::fmt;
use std::sync::Arc;

use super::error::PolicyError;
use super::permission::{Permission, PermissionSet};
use super::visible::is_hidden;

/// The longest name of a principal, in bytes.
const NAME_MAX: usize = 255;

/// What kind of principal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PrincipalKind {
    /// A program: `workload:billing`.
    Workload,
    /// A human being: `person:ana@example.com`.
    Person,
    /// A task of this library: `system:renewal`.
    System,
}

impl PrincipalKind {
    pub(super) const ALL: [Self; 3] = [Self::Workload, Self::Person, Self::System];

    /// The word before the colon.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Workload => "workload",
            Self::Person => "person",
            Self::System => "system",
        }
    }

    pub(super) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Who acts: a workload, a person, or a task of the system. Its text is `workload:billing`.
///
/// Names are 1 to 255 bytes of UTF-8 without control characters, characters that do not show, white space at an end,
/// and `*`. They are compared as bytes: `Billing` is not `billing`, and the same letter of another script is another
/// name.
///
/// A principal is a claim of the program that makes it. Whoever lets a caller choose the name lets the caller be
/// anybody: take it from what was authenticated.
///
/// ```
/// use grantry_vault::access::Principal;
/// let billing = Principal::workload("billing")?;
/// assert_eq!(billing.as_str(), "workload:billing");
/// assert_eq!(Principal::parse("workload:billing")?, billing);
/// # Ok::<(), grantry_vault::access::PolicyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Principal {
    kind: PrincipalKind,
    text: Arc<str>,
}

impl Principal {
    /// A program, by the name that the deployment gives it.
    ///
    /// # Errors
    /// [`PolicyError`] says which rule the name breaks.
    pub fn workload(name: impl AsRef<str>) -> Result<Self, PolicyError> {
        Self::new(PrincipalKind::Workload, name.as_ref())
    }

    /// A human being, by the name that whoever logged them in vouches for.
    ///
    /// # Errors
    /// [`PolicyError`] says which rule the name breaks.
    pub fn person(name: impl AsRef<str>) -> Result<Self, PolicyError> {
        Self::new(PrincipalKind::Person, name.as_ref())
    }

    /// The renewal of grants in the background. Without a binding it has `grant.renew` and `token.use`, for all tenants:
    /// it acts for those who were let in by name.
    pub fn system_renewal() -> Self {
        Self::trusted(PrincipalKind::System, "renewal")
    }

    /// The rotation of keys in the background. Without a binding it has `key.rotate`.
    pub fn system_rotation() -> Self {
        Self::trusted(PrincipalKind::System, "rotation")
    }

    /// A task that nobody asked for, by its name: what is done in the background, such as `renewal`.
    ///
    /// It is for the code that runs such tasks. A request never acts as one, so text that comes from elsewhere cannot
    /// become one: [`parse`](Principal::parse) refuses it.
    ///
    /// # Errors
    /// [`PolicyError`] says which rule the name breaks.
    pub fn system(name: impl AsRef<str>) -> Result<Self, PolicyError> {
        Self::new(PrincipalKind::System, name.as_ref())
    }

    /// Reads `workload:name` or `person:name`.
    ///
    /// # Errors
    /// [`PolicyError`] for any other text, `system:` included.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let found = Self::parse_any(text)?;
        if found.kind == PrincipalKind::System {
            let rule = "text cannot become a task of the system: that takes Principal::system";
            return Err(PolicyError::invalid("principal", text, rule));
        }
        Ok(found)
    }

    /// The same with tasks of the system: for patterns, which name principals without being one.
    pub(super) fn parse_any(text: &str) -> Result<Self, PolicyError> {
        let kind_and_name =
            text.split_once(':').and_then(|(word, name)| Some((PrincipalKind::parse(word)?, name)));
        let Some((kind, name)) = kind_and_name else {
            let rule = "it has to begin with workload:, person: or system:";
            return Err(PolicyError::invalid("principal", text, rule));
        };
        Self::new(kind, name)
    }

    fn new(kind: PrincipalKind, name: &str) -> Result<Self, PolicyError> {
        if let Some(rule) = broken_rule(name) {
            return Err(PolicyError::invalid("principal", name, rule));
        }
        Ok(Self::trusted(kind, name))
    }

    fn trusted(kind: PrincipalKind, name: &str) -> Self {
        Self { kind, text: format!("{}:{name}", kind.as_str()).into() }
    }

    /// What kind of principal it is.
    pub fn kind(&self) -> PrincipalKind {
        self.kind
    }

    /// The name without the kind.
    pub fn name(&self) -> &str {
        self.text.get(self.kind.as_str().len() + 1..).unwrap_or_default()
    }

    /// Kind and name, such as `workload:billing`; at most 264 bytes.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it may without a binding: what it is there for.
    pub(super) fn own_permissions(&self) -> PermissionSet {
        const RENEWAL: PermissionSet = PermissionSet::of(&[Permission::GrantRenew, Permission::TokenUse]);
        const ROTATION: PermissionSet = PermissionSet::of(&[Permission::KeyRotate]);
        match self.as_str() {
            "system:renewal" => RENEWAL,
            "system:rotation" => ROTATION,
            _ => PermissionSet::default(),
        }
    }

    /// The tasks that have something of their own.
    pub(super) fn own_tasks() -> [Self; 2] {
        [Self::system_renewal(), Self::system_rotation()]
    }
}

fn broken_rule(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("the name is empty")
    } else if name.len() > NAME_MAX {
        Some("the name is longer than 255 bytes")
    } else if name.chars().any(is_hidden) {
        Some("control characters and characters that do not show are not allowed")
    } else if name.trim() != name {
        Some("white space at its ends is not allowed")
    } else if name.contains('*') {
        Some("'*' is for patterns: a name cannot hold it")
    } else {
        None
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principal({:?})", &*self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_mistaken_are_refused() {
        let long = "a".repeat(256);
        let wrong = [
            "",
            " a",
            "a ",
            "a\n",
            "a\0b",
            "\u{202e}a",
            "a\u{200b}",
            "a\u{feff}",
            "*",
            "a*",
            "\u{a0}a",
            &long,
        ];
        for name in wrong {
            assert!(Principal::workload(name).is_err(), "{name:?}");
            assert!(Principal::person(name).is_err(), "{name:?}");
            assert!(Principal::system(name).is_err(), "{name:?}");
        }
        for name in ["a", "Zoë Ångström", "spiffe://example.org/ns/a", "auth0|5f7", &"a".repeat(255)] {
            let principal = Principal::person(name).unwrap();
            assert_eq!((principal.name(), principal.kind()), (name, PrincipalKind::Person));
            assert_eq!(Principal::parse(principal.as_str()), Ok(principal));
        }
    }

    #[test]
    fn names_are_compared_as_bytes() {
        let a = Principal::workload("acme").unwrap();
        // Another case, another script, another composition.
        for other in ["Acme", "\u{430}cme", "acme\u{301}", "acm\u{435}"] {
            assert_ne!(a, Principal::workload(other).unwrap());
        }
        assert_ne!(Principal::person("\u{e9}").unwrap(), Principal::person("e\u{301}").unwrap());
        assert_ne!(a, Principal::person("acme").unwrap());
    }

    #[test]
    fn text_never_becomes_a_task_of_the_system() {
        let text = Principal::parse("system:renewal").unwrap_err().to_string();
        assert!(text.contains("Principal::system"), "{text}");
        assert_eq!(Principal::system("renewal").unwrap(), Principal::system_renewal());
        assert_eq!(Principal::system("rotation").unwrap(), Principal::system_rotation());
        assert!(Principal::workload("system:renewal").unwrap().kind() == PrincipalKind::Workload);
    }

    #[test]
    fn text_of_no_kind_is_refused() {
        for text in ["", ":", "billing", "Workload:billing", " workload:a", "workload", "role:a", "workload:"]
        {
            assert!(Principal::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn messages_show_no_control_characters() {
        let text = Principal::workload("\u{1b}[31m\u{202e}").unwrap_err().to_string();
        assert!(!text.chars().any(is_hidden), "{text:?}");
    }
}
