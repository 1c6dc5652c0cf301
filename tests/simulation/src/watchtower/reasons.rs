//! Why a grant was lost, where that could not be avoided.

use std::collections::BTreeMap;
use std::time::Duration;

use grantry_core::{GrantKey, Instant};

use super::stillness::GONE;
use super::{Issued, Seen, Watchtower};
use crate::life::machine_of;
use crate::network::TIMEOUT;

/// For how long others wait at most before they do what cannot be undone.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long an owner pauses between its attempts to write what it has.
const PAUSE: Duration = Duration::from_secs(2);

impl Watchtower {
    /// Why a grant that is lost at the end was lost, if there is a reason.
    pub(crate) fn reason(&self, key: &GrantKey, window: Option<Duration>) -> Option<String> {
        let seen = self.lock();
        if seen.late_uses.contains(key) {
            return Some("its owner stood still with a request about to leave".to_owned());
        }
        let leaves = seen.tokens.values().filter(|token| token.key == *key && token.first_used.is_none());
        for leaf in leaves {
            // A server that forgives: the request may have left a while before it was handled.
            let first_used = leaf.parent.as_ref().and_then(|parent| seen.tokens.get(parent)?.first_used);
            let until = window.zip(first_used).map(|(window, first_used)| first_used.after(window));
            let why = match leaf.lost {
                "" if leaf.received_by.is_empty() => "nobody was there to receive it",
                "" if leaf.received_by.values().all(|died| *died) && !leaf.boarded && !leaf.stored => {
                    "its receiver died before it was kept"
                }
                "" if until.is_some_and(|until| leaf.kept.is_none_or(|kept| kept > until)) => {
                    "its receiver stood still for longer than the window"
                }
                "" if seen.could_not_come_home(leaf) => {
                    "its receiver died, and something kept its lifeboat from coming home"
                }
                "" if window.is_none() && seen.was_given_up_until_used_again(leaf) => {
                    "its owner stood still for longer than lease and allowance"
                }
                "" if window.is_none() && seen.was_out_of_reach_until_used_again(leaf) => {
                    "its owner was cut off from the store, with it in its lifeboat, for longer than others wait"
                }
                // Others have no way to it: a lifeboat is of one machine.
                "" if until.is_some_and(|until| leaf.stored_at.is_none_or(|stored| stored > until)) => {
                    "it was in its receiver's lifeboat alone when the window ended"
                }
                "" => continue,
                lost => lost,
            };
            if window.is_none() {
                return Some(why.to_owned());
            }
            // One fault is not enough.
            let (first_used, until) = (first_used?, until?);
            let troubles = seen.troubles.get(key).map_or(0, |times| {
                times.iter().filter(|time| first_used.since(**time) <= TIMEOUT && **time <= until).count()
            });
            let outages =
                seen.outages.iter().filter(|(from, to)| *from <= until && *to >= first_used).count();
            let standing = seen.standing(first_used, until);
            if troubles + outages + standing >= 2 {
                let faults = troubles + standing;
                return Some(format!("{why}, with {faults} faults and {outages} outages in the window"));
            }
        }
        None
    }
}

impl Seen {
    /// How many faults it is that processes stood still between two moments: one for each that did nothing for most of the time in
    /// which it had to act, and one if only all together did.
    fn standing(&self, from: Instant, to: Instant) -> usize {
        let mut each = BTreeMap::<u64, Duration>::new();
        for (life, began, ended) in &self.stalls {
            *each.entry(*life).or_default() += (*ended).min(to).since((*began).max(from));
        }
        let most = to.since(from) / 2;
        let alone = each.values().filter(|lasts| **lasts >= most).count();
        alone.max(usize::from(each.values().sum::<Duration>() >= most))
    }

    /// Whether somebody had it in its hands, and could not write, until others took the last chance.
    fn was_given_up_until_used_again(&self, token: &Issued) -> bool {
        let parent = token.parent.as_ref().and_then(|parent| self.tokens.get(parent));
        let Some(until) = parent.and_then(|parent| parent.used_again) else { return false };
        let is_late = token.stored_at.is_none_or(|stored| stored.after(GONE) > until);
        is_late
            && token
                .received_by
                .keys()
                .any(|life| self.was_given_up(*life, &token.key, token.issued_at, until))
    }

    fn was_out_of_reach_until_used_again(&self, token: &Issued) -> bool {
        let parent = token.parent.as_ref().and_then(|parent| self.tokens.get(parent));
        parent.and_then(|parent| parent.used_again).is_some_and(|until| self.was_out_of_reach(token, until))
    }

    /// Whether a token was in the lifeboat of a machine that could not reach the store from when it came until then, so that
    /// nobody could know of it.
    pub(super) fn was_out_of_reach(&self, token: &Issued, until: Instant) -> bool {
        let is_in_hands = token.boarded || self.facts.has_no_lifeboat;
        let is_alone = is_in_hands && token.stored_at.is_none_or(|stored| stored > until);
        let Some(kept) = token.kept.or(token.received_at).filter(|_| is_alone) else { return false };
        token.received_by.keys().any(|life| {
            // Each time that it tried, the store was out of its reach, for one reason or the next.
            let cuts = self.cut_off.iter().filter(|(machine, ..)| *machine == machine_of(*life));
            let mut cuts: Vec<_> = cuts.map(|(_, from, to)| (*from, *to)).collect();
            cuts.sort_unstable();
            let reached = cuts
                .into_iter()
                .fold(kept, |gone, (from, to)| if from <= gone.after(PAUSE) { gone.max(to) } else { gone });
            reached > kept && reached.after(PAUSE) >= until
        })
    }

    /// Whether a token is in the lifeboats of the dead alone, and whoever came after them could not open the vault, or not read them.
    fn could_not_come_home(&self, token: &Issued) -> bool {
        let Some(kept) = token.kept.filter(|_| token.boarded && !token.stored) else { return false };
        let is_meanwhile = |from: &Instant, to: &Instant| *from <= kept.after(PATIENCE) && *to >= kept;
        token.received_by.keys().all(|life| self.dead.contains_key(life))
            && (self.outages.iter().any(|(from, to)| is_meanwhile(from, to))
                || self.unread.iter().any(|(machine, from, to)| {
                    token.received_by.keys().any(|life| machine_of(*life) == *machine)
                        && is_meanwhile(from, to)
                }))
    }
}
