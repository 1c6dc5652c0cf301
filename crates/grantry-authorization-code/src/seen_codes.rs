//! Which codes came to a flow, and when they were sent: for whoever has to say why one was refused.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use grantry_core::{Instant, Timestamp};
use grantry_jose::sha256;

use crate::PendingKey;

/// So many are remembered, the latest ones: a page that is loaded twice is so within moments.
const MOST: usize = 256;

/// The latest codes of a flow, by their hashes. It decides nothing: what is redeemed once is the store's to say.
#[derive(Default)]
pub(crate) struct SeenCodes(Mutex<VecDeque<Seen>>);

struct Seen {
    code: [u8; 32],
    key: PendingKey,
    came: Instant,
    sent: Option<Timestamp>,
}

impl SeenCodes {
    /// A code came with a response: when it did so first.
    pub(crate) fn came(&self, code: &str, key: PendingKey, now: Instant) -> Instant {
        let (mut seen, code) = (self.seen(), sha256(code));
        if let Some(known) = seen.iter().find(|seen| seen.code == code) {
            return known.came;
        }
        if seen.len() >= MOST {
            seen.pop_front();
        }
        seen.push_back(Seen { code, key, came: now, sent: None });
        now
    }

    /// It is sent now: when it was sent before.
    pub(crate) fn sends(&self, code: &str, now: Timestamp) -> Option<Timestamp> {
        let (mut seen, code) = (self.seen(), sha256(code));
        let known = seen.iter_mut().find(|seen| seen.code == code)?;
        let before = known.sent;
        known.sent.get_or_insert(now);
        before
    }

    /// It was not sent after all.
    pub(crate) fn kept_back(&self, code: &str, before: Option<Timestamp>) {
        let (mut seen, code) = (self.seen(), sha256(code));
        if let Some(known) = seen.iter_mut().find(|seen| seen.code == code) {
            known.sent = before;
        }
    }

    /// When the code of this response was sent.
    pub(crate) fn sent_of(&self, key: &PendingKey) -> Option<Timestamp> {
        self.seen().iter().find(|seen| seen.key == *key)?.sent
    }

    fn seen(&self) -> MutexGuard<'_, VecDeque<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_by_when_it_came_first_and_was_sent_first_and_only_the_latest_are_kept() {
        let (codes, user_agent) =
            (SeenCodes::default(), crate::UserAgentBinding::new(&grantry_core::SystemEntropy));
        let key = || PendingKey::of("a state", &user_agent.hash());
        let (now, wall) = (Instant::from_nanos, Timestamp::from_unix_seconds);
        assert_eq!(codes.came("a", key(), now(5)), now(5));
        assert_eq!(codes.came("a", key(), now(9)), now(5));
        assert_eq!(codes.sent_of(&key()), None);
        assert_eq!(codes.sends("a", wall(7)), None);
        codes.kept_back("a", None);
        assert_eq!(codes.sends("a", wall(8)), None);
        assert_eq!(codes.sends("a", wall(9)), Some(wall(8)));
        assert_eq!(codes.sent_of(&key()), Some(wall(8)));
        assert_eq!(codes.sends("never came", wall(9)), None);
        for nth in 0..MOST {
            codes.came(&format!("other {nth}"), key(), now(10));
        }
        assert_eq!(codes.came("a", key(), now(11)), now(11), "it was forgotten");
    }
}
