//! Where a source's token lies: in the source itself, so that a hit among a million fetches one place less.

use std::sync::{PoisonError, RwLock};

use arc_swap::ArcSwapOption;
use grantry_core::Token;

/// How often a look is taken that falls between two tokens: more than one is put in meanwhile only if it is held up.
const LOOKS: u8 = 8;

/// A token in place, which looks share and never wait for.
///
/// Whoever puts another in waits for the looks that are being taken, some nanoseconds unless one of them is held up.
/// Until then all looks find the token before: in its place, or beside it where they find the place taken already. From
/// then on all find the new one: beside the place until it lies there. So once anybody has found the new token, nobody
/// finds the one before.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Place {
    lies: RwLock<Option<Token>>,
    /// What looks find that find the place taken: while another token is put in, the one that counts at that moment.
    beside: ArcSwapOption<Token>,
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
            if let Some(token) = self.beside.load().as_deref() {
                return Some(token.clone());
            }
            // It lies there by now, or nothing does.
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
        let beside = |token: Option<&Token>| self.beside.store(token.map(|token| token.clone().into()));
        // Whether a look finds the place taken while a writer waits for it is the lock's affair, and may change from one
        // look to the next. So the new token is shown only once no look can find the one before in its place.
        beside(self.token().as_ref());
        let mut lies = self.lies.write().unwrap_or_else(PoisonError::into_inner);
        beside(token);
        let before = std::mem::replace(&mut *lies, token.cloned());
        drop(lies);
        beside(None);
        // Its bytes are overwritten, which nobody has to wait for.
        drop(before);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use grantry_core::{AccessToken, Instant, TokenSet};

    use super::*;

    fn token(text: &str) -> Token {
        let set = TokenSet::builder(AccessToken::new(text), Instant::ZERO).build().unwrap();
        set.token().clone()
    }

    #[test]
    fn a_look_that_is_held_up_keeps_no_other_look_waiting_and_shows_nobody_two_tokens_in_turn() {
        let place = Place::default();
        place.put(Some(&token("old")));
        std::thread::scope(|scope| {
            let held_up = place.lies.read().unwrap();
            let put = scope.spawn(|| place.put(Some(&token("new"))));
            // Long enough for the writer to stop trying and to wait in line, after which no look gets in.
            while place.lies.try_read().is_ok() {
                std::thread::yield_now();
            }
            assert!((0..1_000).all(|_| place.look().unwrap().expose() == "old"));
            assert!(!put.is_finished());
            assert_eq!(held_up.as_ref().unwrap().expose(), "old");
            drop(held_up);
            put.join().unwrap();
        });
        assert_eq!(place.look().unwrap().expose(), "new");
        assert!(place.beside.load().is_none(), "no second copy stays");
    }

    #[test]
    fn looks_find_a_token_at_any_moment_and_none_that_is_older_than_what_anybody_has_found() {
        let place = Place::default();
        place.put(Some(&token("0")));
        let (over, newest) = (AtomicBool::new(false), AtomicU32::new(0));
        std::thread::scope(|scope| {
            let look = || {
                while !over.load(Ordering::Relaxed) {
                    let least = newest.load(Ordering::SeqCst);
                    let seen: u32 = place.look().expect("a token is at hand").expose().parse().unwrap();
                    assert!(seen >= least, "{seen} after {least}");
                    newest.fetch_max(seen, Ordering::SeqCst);
                }
            };
            scope.spawn(look);
            scope.spawn(look);
            for nth in 1..20_000 {
                place.put(Some(&token(&nth.to_string())));
            }
            over.store(true, Ordering::Relaxed);
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
