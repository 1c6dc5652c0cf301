//! Which tenants, services and accounts a binding is for.
//!
//! A pattern is a name, the beginning of a name, or anything. It is compared byte by byte, without folding case and
//! without normalising, so that what only looks alike does not match.

use std::fmt;
use std::sync::Arc;

use grantry_core::{AccountId, ServiceName, TenantId};

use super::error::PolicyError;

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Pattern {
    Any,
    Prefix(Arc<str>),
    Exact(Arc<str>),
}

impl Pattern {
    /// Nothing there is matched by "anything" alone.
    fn matches(&self, name: Option<&str>) -> bool {
        match (self, name) {
            (Self::Any, _) => true,
            (_, None) => false,
            (Self::Prefix(prefix), Some(name)) => name.starts_with(&**prefix),
            (Self::Exact(exact), Some(name)) => name == &**exact,
        }
    }

    /// Whether it matches all that `other` matches.
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, _) => true,
            (_, Self::Any) | (Self::Exact(_), Self::Prefix(_)) => false,
            (_, Self::Prefix(name) | Self::Exact(name)) => self.matches(Some(name)),
        }
    }

    /// Whether something is matched by both: two prefixes share names only where one begins with the other.
    fn overlaps(&self, other: &Self) -> bool {
        self.covers(other) || other.covers(self)
    }
}

macro_rules! pattern {
    ($(#[$doc:meta])* $pattern:ident, $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $pattern(Pattern);

        impl $pattern {
            /// Anything. It is also what matches where nothing is named.
            pub const fn any() -> Self {
                Self(Pattern::Any)
            }

            /// That very name. Whatever it holds, it is never read as a pattern.
            pub fn exact(name: &$name) -> Self {
                Self(Pattern::Exact(name.as_str().into()))
            }

            /// Whether it matches anything.
            pub fn is_any(&self) -> bool {
                self.0 == Pattern::Any
            }

            /// Whether a name, or that nothing is named, is matched.
            pub fn matches(&self, name: Option<&$name>) -> bool {
                self.0.matches(name.map($name::as_str))
            }

            /// Whether a name is matched, or nothing is named and so all names are meant.
            pub(super) fn touches(&self, name: Option<&$name>) -> bool {
                name.is_none() || self.matches(name)
            }

            pub(super) fn covers(&self, other: &Self) -> bool {
                self.0.covers(&other.0)
            }

            pub(super) fn overlaps(&self, other: &Self) -> bool {
                self.0.overlaps(&other.0)
            }
        }

        impl From<$name> for $pattern {
            fn from(name: $name) -> Self {
                Self::exact(&name)
            }
        }

        impl From<&$name> for $pattern {
            fn from(name: &$name) -> Self {
                Self::exact(name)
            }
        }

        impl fmt::Debug for $pattern {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($pattern), self.to_string())
            }
        }
    };
}

pattern! {
    /// One tenant, or any (`*`). There are no prefixes: whose grants are touched is always spelled out.
    TenantPattern, TenantId, "tenant"
}

pattern! {
    /// One service, those that begin alike (`crm-*`), or any (`*`).
    ServicePattern, ServiceName, "service"
}

pattern! {
    /// One account, those that begin alike (`user-*`), or any (`*`).
    ///
    /// A prefix is just its bytes: `user-1*` also matches `user-17`, and `ana@example.com*` also matches
    /// `ana@example.community`. End it with what separates.
    ///
    /// As text, an account that holds a `*` or begins with `=` is written with a `=` before it: `=user-*` is the account
    /// `user-*` and no other.
    ///
    /// ```
    /// use grantry_core::AccountId;
    /// use grantry_vault::access::AccountPattern;
    /// let star = AccountId::new("user-*")?;
    /// assert!(AccountPattern::parse("user-*")?.matches(Some(&AccountId::new("user-17")?)));
    /// assert!(!AccountPattern::exact(&star).matches(Some(&AccountId::new("user-17")?)));
    /// assert_eq!(AccountPattern::exact(&star).to_string(), "=user-*");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    AccountPattern, AccountId, "account"
}

impl TenantPattern {
    /// Reads a tenant's name or `*`.
    ///
    /// # Errors
    /// [`PolicyError`] for anything else, prefixes included.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text == "*" {
            return Ok(Self::any());
        }
        if text.contains('*') {
            let rule = "name a tenant whole, or any as *: there are no prefixes of tenants";
            return Err(PolicyError::invalid("tenant pattern", text, rule));
        }
        Ok(TenantId::new(text)?.into())
    }
}

impl ServicePattern {
    /// The services that begin with `prefix`, that very name included.
    ///
    /// # Errors
    /// [`PolicyError`] where no service could begin so.
    pub fn prefix(prefix: &str) -> Result<Self, PolicyError> {
        Ok(Self(Pattern::Prefix(ServiceName::new(prefix)?.as_str().into())))
    }

    /// Reads a service's name, `crm-*` or `*`.
    ///
    /// # Errors
    /// [`PolicyError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        match text.strip_suffix('*') {
            Some("") => Ok(Self::any()),
            Some(prefix) => Self::prefix(prefix),
            None => Ok(ServiceName::new(text)?.into()),
        }
    }
}

impl AccountPattern {
    /// The accounts that begin with `prefix`, that very id included.
    ///
    /// # Errors
    /// [`PolicyError`] where no account could begin so, and for a prefix that holds a `*` or begins with `=`, which
    /// could not be written as text.
    pub fn prefix(prefix: &str) -> Result<Self, PolicyError> {
        if prefix.contains('*') || prefix.starts_with('=') {
            let rule = "a prefix cannot hold '*' or begin with '=', and '*' stands at its end alone; to name an account \
                        that holds a '*', write '=' before it";
            return Err(PolicyError::invalid("account pattern", prefix, rule));
        }
        Ok(Self(Pattern::Prefix(AccountId::new(prefix)?.as_str().into())))
    }

    /// Reads an account's id, `user-*` or `*`. After a `=` stands an id that is taken as it is.
    ///
    /// Never make the text from an id that somebody else chose: [`exact`](AccountPattern::exact) is for that.
    ///
    /// # Errors
    /// [`PolicyError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if let Some(exact) = text.strip_prefix('=') {
            return Ok(AccountId::new(exact)?.into());
        }
        match text.strip_suffix('*') {
            Some("") => Ok(Self::any()),
            Some(prefix) => Self::prefix(prefix),
            None if text.contains('*') => Self::prefix(text),
            None => Ok(AccountId::new(text)?.into()),
        }
    }
}

impl fmt::Display for TenantPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ServicePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for AccountPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Exact(id) if id.contains('*') || id.starts_with('=') => write!(f, "={id}"),
            other => other.fmt(f),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
            Self::Exact(exact) => f.write_str(exact),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str) -> AccountId {
        AccountId::new(id).unwrap()
    }

    #[test]
    fn names_that_only_look_alike_do_not_match() {
        let pattern = AccountPattern::parse("acme").unwrap();
        assert!(pattern.matches(Some(&account("acme"))));
        for other in
            ["Acme", "\u{430}cme", "acme ", "acme.", "acme-", "acm", "acme\u{301}", "ACME", "\u{200b}acme"]
        {
            assert!(!pattern.matches(Some(&account(other))), "{other:?}");
        }
        let pattern = AccountPattern::parse("us\u{e9}r-*").unwrap();
        assert!(
            pattern.matches(Some(&account("us\u{e9}r-1"))) && pattern.matches(Some(&account("us\u{e9}r-")))
        );
        for other in ["use\u{301}r-1", "US\u{c9}R-1", "us\u{e9}r", "user-1"] {
            assert!(!pattern.matches(Some(&account(other))), "{other:?}");
        }
    }

    #[test]
    fn where_nothing_is_named_only_anything_matches() {
        assert!(AccountPattern::any().matches(None) && ServicePattern::any().matches(None));
        assert!(TenantPattern::any().matches(None));
        assert!(!AccountPattern::parse("user-*").unwrap().matches(None));
        assert!(!ServicePattern::parse("crm").unwrap().matches(None));
        assert!(!TenantPattern::parse("acme").unwrap().matches(None));
    }

    #[test]
    fn an_account_that_looks_like_a_pattern_is_only_itself() {
        for id in ["*", "user-*", "=", "=*", "=user", "a*b", "**", "==*"] {
            let pattern = AccountPattern::exact(&account(id));
            assert!(
                pattern.matches(Some(&account(id))) && !pattern.matches(Some(&account("user-17"))),
                "{id}"
            );
            assert_eq!(AccountPattern::parse(&pattern.to_string()), Ok(pattern), "{id}");
        }
    }

    #[test]
    fn patterns_of_other_languages_are_refused() {
        for text in ["", "a*b", "**", "*a", "a**", "=", "a\n*", "a\nb"] {
            assert!(AccountPattern::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "a*b", "**", "*a", "Crm", "Crm*", "=crm", "-*", "crm?", "[a-z]", "crm/*"] {
            assert!(ServicePattern::parse(text).is_err(), "{text:?}");
        }
        for text in ["", "acme*", "**", "a*", "Acme", "=acme", "\u{430}cme", "acme/crm", "acme "] {
            assert!(TenantPattern::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_that_could_not_be_written_is_refused() {
        for prefix in ["", "*", "a*", "a*b", "=", "=a"] {
            assert!(AccountPattern::prefix(prefix).is_err(), "{prefix:?}");
        }
        for prefix in ["", "*", "a*", "=a", "A", "-"] {
            assert!(ServicePattern::prefix(prefix).is_err(), "{prefix:?}");
        }
    }

    #[test]
    fn covering_and_overlapping_follow_the_prefixes() {
        let all = ["*", "a*", "ab*", "ab", "abc", "b"].map(|text| AccountPattern::parse(text).unwrap());
        let ids = ["a", "ab", "abc", "abd", "b", "c"].map(account);
        let matched = |pattern: &AccountPattern| -> Vec<bool> {
            ids.iter().map(|id| pattern.matches(Some(id))).chain([pattern.matches(None)]).collect()
        };
        for a in &all {
            for b in &all {
                let pairs: Vec<_> = matched(a).into_iter().zip(matched(b)).collect();
                assert_eq!(a.covers(b), pairs.iter().all(|(a, b)| *a || !*b), "{a} covers {b}");
                assert_eq!(a.overlaps(b), pairs.iter().any(|(a, b)| *a && *b), "{a} overlaps {b}");
            }
        }
    }
}
