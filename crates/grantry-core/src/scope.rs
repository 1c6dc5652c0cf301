//! Scopes (RFC 6749 section 3.3) and what an access token is for.

use std::fmt;
use std::sync::Arc;

/// A set of scope tokens, in canonical order: sorted by bytes, without repeats, joined by single spaces.
///
/// Scope tokens are case-sensitive and their order means nothing (RFC 6749 section 3.3), so two scopes that
/// grant the same are equal here.
///
/// ```
/// use grantry_core::Scope;
/// let asked = Scope::parse("write read")?;
/// assert_eq!(asked, Scope::parse("read write read")?);
/// assert!(asked.contains("read") && !asked.contains("Read"));
/// # Ok::<(), grantry_core::InvalidScope>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Scope(Option<Arc<str>>);

/// A scope token with a byte that RFC 6749 section 3.3 does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a scope may hold only printable ASCII without space, '\"' and '\\' (RFC 6749 section 3.3)")]
#[non_exhaustive]
pub struct InvalidScope;

impl Scope {
    /// The empty scope.
    pub const EMPTY: Self = Self(None);

    /// Reads a space-delimited list, as it stands in requests and answers. Several spaces count as one.
    ///
    /// # Errors
    /// [`InvalidScope`] where a byte is not allowed.
    pub fn parse(list: &str) -> Result<Self, InvalidScope> {
        Self::from_tokens(list.split(' ').filter(|t| !t.is_empty()))
    }

    /// Takes scope tokens one by one, as they stand in configurations. A token with a space is several.
    ///
    /// # Errors
    /// [`InvalidScope`] where a byte is not allowed.
    pub fn from_tokens<'a>(tokens: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidScope> {
        let mut all: Vec<&str> =
            tokens.into_iter().flat_map(|t| t.split(' ')).filter(|t| !t.is_empty()).collect();
        let allowed = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if !all.iter().all(|t| t.bytes().all(allowed)) {
            return Err(InvalidScope);
        }
        all.sort_unstable();
        all.dedup();
        Ok(Self((!all.is_empty()).then(|| all.join(" ").into())))
    }

    /// The tokens, in canonical order.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.as_str().split(' ').filter(|t| !t.is_empty())
    }

    /// The tokens joined by single spaces; empty for the empty scope.
    pub fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    /// Whether no token is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Whether this very token is in it.
    pub fn contains(&self, token: &str) -> bool {
        self.tokens().any(|t| t == token)
    }

    /// Whether every token of `other` is in it.
    pub fn covers(&self, other: &Self) -> bool {
        other.tokens().all(|t| self.contains(t))
    }

    /// The tokens of both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        // Both were checked, so the joined list cannot be refused.
        Self::from_tokens(self.tokens().chain(other.tokens())).unwrap_or_default()
    }

    /// The tokens of this one that `other` lacks.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        Self::from_tokens(self.tokens().filter(|t| !other.contains(t))).unwrap_or_default()
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({:?})", self.as_str())
    }
}

/// What an access token is for: its scope and the resources it may be sent to (RFC 8707).
///
/// Caches are keyed by [`GrantKey`](crate::GrantKey) and `Target`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
#[non_exhaustive]
pub struct Target {
    /// The scope asked for; empty leaves the choice to the authorization server.
    pub scope: Scope,
    /// Resource indicators: absolute URIs without a fragment (RFC 8707 section 2), sorted, without repeats.
    pub resources: Vec<String>,
}

impl Target {
    /// A target for `scope`, with no resource named.
    pub fn new(scope: Scope) -> Self {
        Self { scope, resources: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repeats_do_not_matter_but_case_does() {
        let scope = Scope::parse("b a  b").unwrap();
        assert_eq!(scope.as_str(), "a b");
        assert_eq!(scope, Scope::from_tokens(["a b", "b"]).unwrap());
        assert_ne!(scope, Scope::parse("A b").unwrap());
    }

    #[test]
    fn req_d06_a_scope_with_a_forbidden_byte_is_refused() {
        for bad in ["a\"b", "a\\b", "a\tb", "a\nb", "é", "\u{7f}"] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
    }

    #[test]
    fn union_and_difference_stay_canonical() {
        let (ab, bc) = (Scope::parse("a b").unwrap(), Scope::parse("c b").unwrap());
        assert_eq!(ab.union(&bc).as_str(), "a b c");
        assert_eq!(ab.without(&bc).as_str(), "a");
        assert!(ab.union(&bc).covers(&ab) && !ab.covers(&bc));
        assert_eq!(ab.without(&ab), Scope::EMPTY);
    }
}
