//! The `refreshToken` block.

use std::time::Duration;

use grantry_refresh::{Fallback, RefreshPolicy};

use super::{Resolving, fact};
use crate::desk::Draft;
use crate::fields::Fields;
use crate::finding::FindingKind;
use crate::place::At;

impl Resolving<'_> {
    pub(super) fn refresh_policy(&mut self, fields: &Fields) -> RefreshPolicy {
        let Some(fields) = fields.section("refreshToken") else { return RefreshPolicy::default() };
        let mut policy = RefreshPolicy::builder();
        if let Some((enabled, _)) = fields.flag("enabled") {
            policy = policy.enabled(enabled);
        }
        if let Some((seconds, _)) = fields.whole("bufferTime") {
            policy = policy.buffer(Duration::from_secs(seconds));
        }
        if let Some((retries, _)) = fields.whole("maxRetries") {
            policy = policy.max_retries(u32::try_from(retries).unwrap_or(u32::MAX));
        }
        let delay = fields.whole("retryDelay").and_then(|given| self.retry_delay(fields, given));
        if let Some(delay) = delay {
            let longest = RefreshPolicy::default().longest_delay();
            policy = policy.retry_delay(delay).longest_delay(longest.max(delay));
        }
        if let Some(fallback) = self.fallback(fields) {
            policy = policy.fallback(fallback);
        }
        match policy.build() {
            Ok(policy) => policy,
            Err(why) => {
                self.invalid(fields.at, fact(&why), "times and counts that go together");
                RefreshPolicy::default()
            }
        }
    }

    /// Nothing where it was refused, so that the rest is looked at all the same.
    fn retry_delay(&mut self, fields: &Fields, (milliseconds, at): (u64, At)) -> Option<Duration> {
        let retries = fields.whole("maxRetries").is_none_or(|(retries, _)| retries > 0);
        if milliseconds == 0 && retries {
            if !fields.is_spoilt("maxRetries") {
                let what = "retryDelay is 0, which would retry in a loop";
                self.invalid(at, what, "1 or more, or maxRetries 0");
            }
            return None;
        }
        Some(Duration::from_millis(milliseconds))
    }

    /// Nothing where the usual one is meant, or what was said was refused.
    fn fallback(&mut self, fields: &Fields) -> Option<Fallback> {
        let (patience, grace) = (fields.whole("queuePatience"), fields.whole("expiredGrace"));
        if fields.is_spoilt("fallbackBehavior") {
            // Whichever was meant, it has no use for nothing.
            for (key, given) in [("queuePatience", patience), ("expiredGrace", grace)] {
                given.and_then(|given| self.time(key, given));
            }
            return None;
        }
        let behaviour = fields.text("fallbackBehavior").map_or("queue", |line| line.text);
        match behaviour {
            "fail" => {
                self.does_nothing("queuePatience", patience, "fallbackBehavior is fail", "queue");
                self.does_nothing("expiredGrace", grace, "fallbackBehavior is fail", "use-expired");
                Some(Fallback::Fail)
            }
            "use-expired" => {
                self.does_nothing("queuePatience", patience, "fallbackBehavior is use-expired", "queue");
                let Some(grace) = grace else { return Some(Fallback::USE_EXPIRED) };
                Some(Fallback::UseExpired { grace: self.time("expiredGrace", grace)? })
            }
            _ => {
                self.does_nothing("expiredGrace", grace, "fallbackBehavior is queue", "use-expired");
                let Some(patience) = patience else { return Some(Fallback::QUEUE) };
                Some(Fallback::Queue { patience: self.time("queuePatience", patience)? })
            }
        }
    }

    fn time(&mut self, key: &str, (seconds, at): (u64, At)) -> Option<Duration> {
        if seconds == 0 {
            self.invalid(at, format!("{key} is 0"), "1 or more, or fallbackBehavior fail");
            return None;
        }
        Some(Duration::from_secs(seconds))
    }

    fn does_nothing(&mut self, key: &str, given: Option<(u64, At)>, because: &str, with: &str) {
        if let Some((_, at)) = given {
            let what = format!("{key} does nothing here: {because}");
            let draft = Draft::warning(FindingKind::NoEffect, at, what);
            self.desk.tell(draft.expected(format!("the key left out, or fallbackBehavior {with}")));
        }
    }
}
