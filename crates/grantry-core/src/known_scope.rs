//! Scopes that tokens share without counting references.
//!
//! A token is handed out far more often than its scope is asked for, and a count that every hand-out touches is what threads would
//! wait for. There are few scopes in a program, so each is kept once and for ever, and tokens name it by a number.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use crate::Scope;

/// How many are kept. Authorization servers choose scopes, and what is kept is never freed.
const MOST: usize = 4_096;
/// How long each of them may be, in bytes.
const LONGEST: usize = 1_024;

static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);

#[derive(Default)]
struct Known {
    numbers: HashMap<&'static Scope, u16>,
    scopes: Vec<&'static Scope>,
}

impl Known {
    fn number(&mut self, scope: &Scope) -> Option<u16> {
        if let Some(number) = self.numbers.get(scope) {
            return Some(*number);
        }
        let number = u16::try_from(self.scopes.len() + 1).ok()?;
        if scope.as_str().len() > LONGEST || self.scopes.len() >= MOST {
            return None;
        }
        let kept: &'static Scope = Box::leak(Box::new(scope.clone()));
        self.scopes.push(kept);
        self.numbers.insert(kept, number);
        Some(number)
    }
}

/// The number of a scope that is kept; that of the empty one is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KnownScope(u16);

impl KnownScope {
    pub(crate) const EMPTY: Self = Self(0);

    /// The number of a scope; `None` where it is too long, or there are too many.
    pub(crate) fn of(scope: &Scope) -> Option<Self> {
        if scope.is_empty() {
            return Some(Self::EMPTY);
        }
        let read = KNOWN.read().unwrap_or_else(PoisonError::into_inner).numbers.get(scope).copied();
        if let Some(number) = read {
            return Some(Self(number));
        }
        KNOWN.write().unwrap_or_else(PoisonError::into_inner).number(scope).map(Self)
    }

    /// The scope with this number.
    pub(crate) fn scope(self) -> &'static Scope {
        let Some(place) = usize::from(self.0).checked_sub(1) else { return &Scope::EMPTY };
        let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
        known.scopes.get(place).copied().unwrap_or(&Scope::EMPTY)
    }

    /// In the low bits of a number whose others stand for something else.
    pub(crate) fn beside(self, number: u64) -> u64 {
        number << u16::BITS | u64::from(self.0)
    }

    /// What [`beside`](Self::beside) put together.
    pub(crate) fn apart(both: u64) -> (u64, Self) {
        let number = u16::try_from(both & u64::from(u16::MAX)).unwrap_or_default();
        (both >> u16::BITS, Self(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_one_number_and_comes_back_by_it() {
        let scope = |text: &str| Scope::parse(text).unwrap();
        let one = KnownScope::of(&scope("known.read known.write")).unwrap();
        assert_eq!(KnownScope::of(&scope("known.write known.read")), Some(one));
        assert_ne!(KnownScope::of(&scope("known.read")), Some(one));
        assert_eq!(
            (one.scope(), KnownScope::EMPTY.scope()),
            (&scope("known.read known.write"), &Scope::EMPTY)
        );
        assert_eq!(KnownScope::apart(one.beside(7)), (7, one));
    }

    #[test]
    fn what_a_server_makes_up_is_not_kept_for_ever_without_end() {
        let mut known = Known::default();
        let mut number = |text: &str| known.number(&Scope::parse(text).unwrap());
        assert_eq!(number(&"x".repeat(LONGEST + 1)), None);
        let all: Vec<_> = (0..=MOST).map(|nth| number(&format!("made-up-{nth}"))).collect();
        assert_eq!((all[0], all[MOST - 1], all[MOST]), (Some(1), Some(4_096), None));
        assert_eq!(number("made-up-0"), Some(1));
    }
}
