//! Why a grant was lost, where that could not be avoided.

use std::time::Duration;

use grantry_core::GrantKey;

use super::{Issued, Seen, Watchtower};
use crate::network::TIMEOUT;

/// For how long others wait at most before they do what cannot be undone.
const PATIENCE: Duration = Duration::from_secs(60);

impl Watchtower {
    /// Why a grant that is lost at the end was lost, if there is a reason.
    pub(crate) fn reason(&self, key: &GrantKey, window: Option<Duration>) -> Option<String> {
        let seen = self.lock();
        let leaves = seen.tokens.values().filter(|token| token.key == *key && token.first_used.is_none());
        for leaf in leaves {
            // A server that forgives: the request may have left a while before it was handled.
            let first_used = leaf.parent.as_ref().and_then(|parent| seen.tokens.get(parent)?.first_used);
            let until = window.zip(first_used).map(|(window, first_used)| first_used.after(window));
            let why = match leaf.lost {
                "" if leaf.received_by.is_empty() => "nobody was there to receive it",
                "" if leaf.received_by.values().all(|died| *died) && !leaf.boarded => {
                    "its receiver died before it was kept"
                }
                "" if until.is_some_and(|until| leaf.kept.is_none_or(|kept| kept > until)) => {
                    "its receiver stood still for longer than the window"
                }
                "" if seen.could_not_come_home(leaf) => {
                    "its receiver died, and an outage kept its lifeboat from coming home"
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
            if troubles + outages >= 2 {
                return Some(format!("{why}, with {troubles} faults and {outages} outages in the window"));
            }
        }
        None
    }
}

impl Seen {
    /// Whether a token is in the lifeboats of the dead alone, and whoever came after them could not open the vault.
    fn could_not_come_home(&self, token: &Issued) -> bool {
        let Some(kept) = token.kept.filter(|_| token.boarded && !token.stored) else { return false };
        token.received_by.keys().all(|life| self.dead.contains(life))
            && self.outages.iter().any(|(from, to)| *from <= kept.after(PATIENCE) && *to >= kept)
    }
}
