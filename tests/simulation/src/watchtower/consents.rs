//! What people consent to, and withdraw. What came of a consent is of a grant that is no more once they consent again.

use grantry_core::{Clock, GrantKey, Instant};

use super::{Issued, Seen, Watchtower};

/// How far it is known that a person's consent was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Withdrawn {
    /// Somebody asked for it, and may have died with it.
    Asked,
    /// The grant is stopped; what is left of it is to be revoked.
    Stopped,
    /// It is gone.
    Deleted,
}

impl Watchtower {
    /// A person consented.
    pub(crate) fn consented(&self, key: &GrantKey, refresh_token: &str) {
        let issued = Issued::with_consent(key.clone(), self.clock.now());
        self.lock().tokens.insert(refresh_token.to_owned(), issued);
    }

    /// A person's consent is withdrawn, which was asked for then. Whoever consents once more meanwhile may keep that, or lose it.
    pub(crate) fn withdrawn(&self, key: &GrantKey, how_far: Withdrawn, asked: Instant) {
        let now = self.clock.now();
        let mut seen = self.lock();
        let since = *seen.withdrawn_since.entry(key.clone()).or_insert(now);
        // A store that went back since then may have lost it before anybody could say so.
        let may_be_lost = seen.forgotten.get(key).is_some_and(|times| times.iter().any(|at| *at >= since))
            || seen.has_consented_since(key, asked);
        let how_far = if may_be_lost { Withdrawn::Asked } else { how_far };
        let known = seen.withdrawn.entry(key.clone()).or_insert(how_far);
        *known = how_far.max(*known);
    }

    /// Somebody wants a grant to be forgotten here: its tokens live on at the server.
    pub(crate) fn left_at_the_server(&self, key: &GrantKey) {
        self.lock().left_at_the_server.insert(key.clone());
    }

    /// It came to nothing.
    pub(crate) fn not_left_at_the_server(&self, key: &GrantKey) {
        self.lock().left_at_the_server.remove(key);
    }

    /// Whether somebody wanted that.
    pub(crate) fn is_left_at_the_server(&self, key: &GrantKey) -> bool {
        self.lock().left_at_the_server.contains(key)
    }

    /// How far it is withdrawn, if it is.
    pub(crate) fn is_withdrawn(&self, key: &GrantKey) -> Option<Withdrawn> {
        self.lock().withdrawn.get(key).copied()
    }

    /// A person consents once more, and this is what comes of it. It is not kept yet.
    pub(crate) fn consents_anew(&self, key: &GrantKey, refresh_token: &str) {
        let issued = Issued::with_consent(key.clone(), self.clock.now());
        self.lock().tokens.insert(refresh_token.to_owned(), issued);
    }

    /// It was not kept: somebody else wrote the record first.
    pub(crate) fn consent_not_kept(&self, refresh_token: &str) {
        self.lock().tokens.remove(refresh_token);
    }

    /// It is kept, in place of whatever stood there: from now on a record of the grant that holds a token of an earlier consent has
    /// broken I2.
    pub(crate) fn consented_anew(&self, key: &GrantKey, refresh_token: &str) {
        let now = self.clock.now();
        let mut seen = self.lock();
        seen.part_from_the_past_of(key, refresh_token);
        seen.withdrawn.remove(key);
        seen.withdrawn_since.remove(key);
        seen.left_at_the_server.remove(key);
        seen.announced.remove(key);
        seen.current.insert(key.clone(), refresh_token.to_owned());
        seen.note_standing(key, None, now);
        seen.own.forget(key);
        // Nothing is held of it yet: it is redeemed once more than the lives of its tokens ask for.
        seen.noted.note_given_up_in_calm(key);
        seen.consented.insert(key.clone(), now);
    }
}

impl Seen {
    /// Whether a person has consented to a grant once more since then.
    pub(super) fn has_consented_since(&self, key: &GrantKey, then: Instant) -> bool {
        self.consented.get(key).is_some_and(|at| *at >= then)
    }

    /// The grant that a token is of, or once was.
    pub(super) fn grant_of<'a>(&'a self, key: &'a GrantKey) -> &'a GrantKey {
        self.former.get(key).unwrap_or(key)
    }

    /// What there is of a grant, but for this token, is of one with another name from now on.
    fn part_from_the_past_of(&mut self, key: &GrantKey, newest: &str) {
        let name = format!("{}-before-{}", key.account(), self.former.len());
        let Ok(former) = GrantKey::new(key.tenant(), key.service(), name) else { return };
        let theirs = self.tokens.iter_mut().filter(|(name, token)| token.key == *key && *name != newest);
        theirs.for_each(|(_, token)| token.key = former.clone());
        self.written.rename(key, &former);
        self.noted.rename(key, &former);
        if let Some(troubles) = self.troubles.get(key).cloned() {
            self.troubles.insert(former.clone(), troubles);
        }
        if let Some(forgotten) = self.forgotten.get(key).cloned() {
            self.forgotten.insert(former.clone(), forgotten);
        }
        if self.late_uses.remove(key) {
            self.late_uses.insert(former.clone());
        }
        self.former.insert(former, key.clone());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use grantry_testkit::ManualClock;

    use super::*;
    use crate::watchtower::Facts;

    #[test]
    fn a_token_of_an_earlier_consent_in_the_record_is_seen() {
        let tower = Watchtower::new(ManualClock::new(), Facts::default());
        let key = GrantKey::new("acme", "crm", "ana").unwrap();
        tower.consented(&key, "rt-1");
        tower.consents_anew(&key, "rt-2");
        tower.consented_anew(&key, "rt-2");
        tower.holds(&key, "rt-2");
        assert!(tower.broken().is_empty(), "{:?}", tower.broken());
        tower.holds(&key, "rt-1");
        assert!(tower.broken().concat().starts_with("I2"), "{:?}", tower.broken());
    }

    #[test]
    fn who_withdrew_before_the_new_consent_may_have_meant_either() {
        let clock = ManualClock::new();
        let tower = Watchtower::new(clock.clone(), Facts::default());
        let key = GrantKey::new("acme", "crm", "ana").unwrap();
        let asked = clock.now();
        clock.advance(Duration::from_secs(1));
        tower.consents_anew(&key, "rt-2");
        tower.consented_anew(&key, "rt-2");
        tower.withdrawn(&key, Withdrawn::Deleted, asked);
        assert_eq!(tower.is_withdrawn(&key), Some(Withdrawn::Asked));
        tower.withdrawn(&key, Withdrawn::Deleted, clock.now().after(Duration::from_secs(1)));
        assert_eq!(tower.is_withdrawn(&key), Some(Withdrawn::Deleted));
    }
}
