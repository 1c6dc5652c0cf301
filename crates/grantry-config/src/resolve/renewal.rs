//! The `refreshToken` block.

use std::time::Duration;

use grantry_refresh::{Fallback, RefreshPolicy};

use super::Resolving;
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
        if let Some((milliseconds, at)) = fields.whole("retryDelay") {
            if milliseconds == 0 && fields.whole("maxRetries").is_none_or(|(retries, _)| retries > 0) {
                self.invalid(
                    at,
                    "retryDelay is 0, which would retry in a loop",
                    "1 or more, or maxRetries 0",
                );
                return RefreshPolicy::default();
            }
            let delay = Duration::from_millis(milliseconds);
            let longest = RefreshPolicy::default().longest_delay();
            policy = policy.retry_delay(delay).longest_delay(longest.max(delay));
        }
        let Some(fallback) = self.fallback(fields) else { return RefreshPolicy::default() };
        match policy.fallback(fallback).build() {
            Ok(policy) => policy,
            Err(why) => {
                self.refuse(FindingKind::InvalidValue, fields.at, why.to_string());
                RefreshPolicy::default()
            }
        }
    }

    fn fallback(&mut self, fields: &Fields) -> Option<Fallback> {
        let behaviour = fields.text("fallbackBehavior").map_or("queue", |line| line.text);
        let (patience, grace) = (fields.whole("queuePatience"), fields.whole("expiredGrace"));
        match behaviour {
            "fail" => {
                self.does_nothing("queuePatience", patience, "fallbackBehavior is fail");
                self.does_nothing("expiredGrace", grace, "fallbackBehavior is fail");
                Some(Fallback::Fail)
            }
            "use-expired" => {
                self.does_nothing("queuePatience", patience, "fallbackBehavior is use-expired");
                let Some(grace) = grace else { return Some(Fallback::USE_EXPIRED) };
                Some(Fallback::UseExpired { grace: self.time("expiredGrace", grace)? })
            }
            _ => {
                self.does_nothing("expiredGrace", grace, "fallbackBehavior is queue");
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

    fn does_nothing(&mut self, key: &str, given: Option<(u64, At)>, because: &str) {
        if let Some((_, at)) = given {
            let what = format!("{key} does nothing here: {because}");
            self.desk.tell(Draft::warning(FindingKind::NoEffect, at, what));
        }
    }
}
