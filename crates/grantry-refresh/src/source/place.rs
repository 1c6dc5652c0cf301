//! Where a source's token lies: in the source itself, so that a hit among a million fetches one place less.

use std::sync::{PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use grantry_core::Token;

/// How often a look is taken that falls between two tokens: more than one is put in meanwhile only if it is held up.
const LOOKS: u8 = 8;

/// A token in place, which looks share and never wait for.
///
/// Whoever puts another in waits for the looks that are being taken, some nanoseconds unless one of them is held up.
/// Until then the new token lies beside the place, where looks find it that find the place taken; others still find the
/// one before.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Place {
    lies: RwLock<Option<Token>>,
    /// Present while it is put in.
    comes: ArcSwapOption<Token>,
}

impl Place {
    /// The token, without waiting for anybody.
    #[inline]
    pub(super) fn look(&self) -> Option<Token> {
        match self.lies.try_read() {
            Ok(token) => token.clone(),
            Err(_) => self.look_beside(),
        }
    }

    #[cold]
    fn look_beside(&self) -> Option<Token> {
        for _ in 0..LOOKS {
            if let Some(token) = self.comes.load().as_deref() {
                return Some(token.clone());
            }
            // Nothing comes any more, so it lies there by now, or nothing does.
            if let Ok(token) = self.lies.try_read() {
                return token.clone();
            }
        }
        None
    }

    /// The token, under the source's lock: nobody puts another in meanwhile.
    pub(super) fn token(&self) -> Option<Token> {
        self.lies.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts a token in, or takes the one that is there out. To be called under the source's lock.
    pub(super) fn put(&self, token: Option<&Token>) {
        self.comes.store(token.map(|token| token.clone().into()));
        let mut lies = self.lies.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *lies, token.cloned());
        drop(lies);
        self.comes.store(None);
        // Its bytes are overwritten, which nobody has to wait for.
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use grantry_core::{AccessToken, Instant, TokenSet};

    use super::*;

    fn token(text: &str) -> Token {
        let set = TokenSet::builder(AccessToken::new(text), Instant::ZERO).build().unwrap();
        set.token().clone()
    }

    #[test]
    fn a_look_that_is_held_up_keeps_no_other_look_from_the_new_token() {
        let place = Place::default();
        place.put(Some(&token("old")));
        std::thread::scope(|scope| {
            let held_up = place.lies.read().unwrap();
            let put = scope.spawn(|| place.put(Some(&token("new"))));
            while place.look().unwrap().expose() != "new" {
                std::thread::yield_now();
            }
            assert!(!put.is_finished());
            assert_eq!(held_up.as_ref().unwrap().expose(), "old");
            drop(held_up);
            put.join().unwrap();
        });
        assert_eq!(place.look().unwrap().expose(), "new");
        assert!(place.comes.load().is_none(), "no second copy stays");
    }

    #[test]
    fn looks_find_a_token_at_any_moment_while_tokens_are_put_in() {
        let place = Place::default();
        place.put(Some(&token("0")));
        let over = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            let look = || {
                let mut last = 0_u32;
                while !over.load(std::sync::atomic::Ordering::Relaxed) {
                    let seen: u32 = place.look().expect("a token is at hand").expose().parse().unwrap();
                    assert!(
                        seen + 1 >= last,
                        "a token that was no longer in place when a newer one was seen"
                    );
                    last = seen;
                }
            };
            scope.spawn(look);
            scope.spawn(look);
            for nth in 1..20_000 {
                place.put(Some(&token(&nth.to_string())));
            }
            over.store(true, std::sync::atomic::Ordering::Relaxed);
        });
    }

    #[test]
    fn a_token_that_was_taken_out_is_found_by_nobody() {
        let place = Place::default();
        place.put(Some(&token("refused")));
        place.put(None);
        assert!(place.look().is_none() && place.token().is_none());
    }
}
