//! Whom a binding is for.

use std::fmt;

use super::error::PolicyError;
use super::principal::{Principal, PrincipalKind};

/// Whom a binding is for: one principal, all of one kind (`workload:*`), or everybody (`*`).
///
/// `*` includes the tasks of the system: to deny `grant.renew` to `*` stops the renewal in the background.
///
/// ```
/// use grantry_vault::access::{Principal, PrincipalPattern};
/// let workloads = PrincipalPattern::parse("workload:*")?;
/// assert!(workloads.matches(&Principal::workload("billing")?));
/// assert!(!workloads.matches(&Principal::person("ana@example.com")?));
/// assert!(PrincipalPattern::parse("workload:bill*").is_err());
/// # Ok::<(), grantry_vault::access::PolicyError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrincipalPattern(Whom);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Whom {
    One(Principal),
    Kind(PrincipalKind),
    Everybody,
}

impl PrincipalPattern {
    /// Everybody, tasks of the system included.
    pub const fn everybody() -> Self {
        Self(Whom::Everybody)
    }

    /// All principals of a kind.
    pub const fn all_of(kind: PrincipalKind) -> Self {
        Self(Whom::Kind(kind))
    }

    /// Reads a principal, `workload:*`, `person:*`, `system:*` or `*`. Prefixes of names are not patterns.
    ///
    /// # Errors
    /// [`PolicyError`] says what the text has to be.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self::everybody());
        }
        if let Some(kind) = text.strip_suffix(":*").and_then(PrincipalKind::parse) {
            return Ok(Self::all_of(kind));
        }
        if text.contains('*') {
            let rule = "name a principal whole, or all of a kind as in workload:*, or everybody as *";
            return Err(PolicyError::invalid("principal pattern", text, rule));
        }
        Principal::parse_any(text).map(Self::from)
    }

    /// Whether a principal is among them.
    pub fn matches(&self, principal: &Principal) -> bool {
        match &self.0 {
            Whom::One(one) => one == principal,
            Whom::Kind(kind) => *kind == principal.kind(),
            Whom::Everybody => true,
        }
    }

    /// Whether it names one principal and no other.
    pub fn is_exact(&self) -> bool {
        matches!(self.0, Whom::One(_))
    }

    pub(super) fn whom(&self) -> &Whom {
        &self.0
    }

    /// Whether everybody that `other` matches is among them.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Whom::Everybody, _) => true,
            (_, Whom::One(one)) => self.matches(one),
            (mine, theirs) => mine == theirs,
        }
    }
}

impl From<Principal> for PrincipalPattern {
    fn from(principal: Principal) -> Self {
        Self(Whom::One(principal))
    }
}

impl From<&Principal> for PrincipalPattern {
    fn from(principal: &Principal) -> Self {
        principal.clone().into()
    }
}

impl fmt::Display for PrincipalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Whom::One(one) => one.fmt(f),
            Whom::Kind(kind) => write!(f, "{}:*", kind.as_str()),
            Whom::Everybody => f.write_str("*"),
        }
    }
}

impl fmt::Debug for PrincipalPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrincipalPattern({:?})", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_pattern_is_parsed_back() {
        for text in ["*", "workload:*", "person:*", "system:*", "workload:billing", "system:renewal"] {
            let pattern = PrincipalPattern::parse(text).unwrap();
            assert_eq!(pattern.to_string(), text);
            assert_eq!(pattern.is_exact(), !text.contains('*'));
        }
    }

    #[test]
    fn what_looks_like_another_kind_of_pattern_is_refused() {
        for text in
            ["", "**", ":*", "workload:**", "workload:a*", "wor*", "Workload:*", "workload:", "billing"]
        {
            assert!(PrincipalPattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn everybody_covers_a_kind_and_a_kind_its_members() {
        let [all, workloads, people, one] =
            ["*", "workload:*", "person:*", "workload:a"].map(|text| PrincipalPattern::parse(text).unwrap());
        assert!(all.covers(&all) && all.covers(&workloads) && all.covers(&one));
        assert!(workloads.covers(&one) && workloads.covers(&workloads) && one.covers(&one));
        assert!(!workloads.covers(&all) && !people.covers(&one) && !one.covers(&workloads));
    }
}
