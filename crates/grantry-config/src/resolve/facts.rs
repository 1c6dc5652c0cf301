//! The `revocation` and `refreshRate` blocks.

use std::time::Duration;

use grantry_core::RefreshRate;

use super::Resolving;
use crate::facts::ServerFacts;
use crate::fields::Fields;

impl Resolving<'_> {
    pub(super) fn facts(&mut self, fields: &Fields) -> ServerFacts {
        let flag = |name: &str| fields.section("revocation")?.flag(name).map(|(flag, _)| flag);
        ServerFacts {
            spares_refresh_tokens: flag("sparesRefreshTokens"),
            spares_later_consents: flag("sparesLaterConsents"),
            refresh_rate: fields.section("refreshRate").map(|rate| self.refresh_rate(rate)),
        }
    }

    /// Nothing where it does not hold, and where it was refused.
    fn refresh_rate(&mut self, fields: &Fields) -> Option<RefreshRate> {
        if let Some((false, _)) = fields.flag("bounded") {
            return None;
        }
        let mut more_than_nothing = |name: &'static str| {
            let Some((value, at)) = fields.whole(name) else {
                if !fields.is_spoilt(name) && !fields.lost {
                    self.missing(fields.at, format!("refreshRate has no {name}"), "both most and within");
                }
                return None;
            };
            if value == 0 {
                self.invalid(at, format!("{name} is 0"), "1 or more, or bounded: false");
                return None;
            }
            Some(value)
        };
        let (most, within) = (more_than_nothing("most"), more_than_nothing("within"));
        RefreshRate::at_most(u32::try_from(most?).unwrap_or(u32::MAX), Duration::from_secs(within?))
    }
}
