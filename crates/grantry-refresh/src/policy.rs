//! What a person configures about renewal.

use std::time::Duration;

use grantry_core::{AuthorizationServer, Error};

/// The longest duration that a policy accepts: a year.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// What happens to a caller when no valid token is at hand and a renewal failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fallback {
    /// The caller waits through the retries, up to this patience.
    Queue {
        /// The longest a caller waits.
        patience: Duration,
    },
    /// The caller gets the error of the attempt at once; retries go on in the background. Where the next attempt follows
    /// without a pause, because another client secret is at hand, say, it is part of the same.
    Fail,
    /// The caller gets the expired token, marked as expired, for this long after its expiry, where a renewal failed or
    /// did not end within half of what was left of that time when it asked, 60 s at most; never after a definite verdict. With no
    /// token at all it waits for the first attempt, then fails.
    UseExpired {
        /// How long after its expiry a token is still handed out.
        grace: Duration,
    },
}

impl Fallback {
    /// Waiting with the default patience of 30 s.
    pub const QUEUE: Self = Self::Queue { patience: Duration::from_secs(30) };
    /// The expired token with the default grace of 60 s.
    pub const USE_EXPIRED: Self = Self::UseExpired { grace: Duration::from_secs(60) };
}

/// When and how tokens are renewed: the `refreshToken` block of a configuration.
///
/// The defaults: renewed 300 s before expiry, 3 retries that start at 1000 ms, callers queue for up to 30 s.
///
/// ```
/// use std::time::Duration;
/// use grantry_refresh::{Fallback, RefreshPolicy};
///
/// let policy = RefreshPolicy::builder()
///     .buffer(Duration::from_secs(120))
///     .fallback(Fallback::USE_EXPIRED)
///     .build()?;
/// assert_eq!(policy.buffer(), Duration::from_secs(120));
/// assert!(RefreshPolicy::builder().retry_delay(Duration::ZERO).build().is_err());
/// # Ok::<(), grantry_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshPolicy {
    enabled: bool,
    buffer: Duration,
    earliest_renewal: Option<Duration>,
    max_retries: u32,
    retry_delay: Duration,
    longest_delay: Duration,
    fallback: Fallback,
    cool_down: Duration,
    between_rejections: Duration,
    max_waiting: u32,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            buffer: Duration::from_secs(300),
            earliest_renewal: None,
            max_retries: 3,
            retry_delay: Duration::from_millis(1000),
            longest_delay: Duration::from_secs(60),
            fallback: Fallback::QUEUE,
            cool_down: Duration::from_secs(30),
            between_rejections: Duration::from_secs(5),
            max_waiting: 1_000_000,
        }
    }
}

impl RefreshPolicy {
    /// Starts from the defaults.
    pub fn builder() -> RefreshPolicyBuilder {
        RefreshPolicyBuilder(Self::default())
    }

    /// Starts from this one.
    pub fn to_builder(&self) -> RefreshPolicyBuilder {
        RefreshPolicyBuilder(self.clone())
    }

    /// Whether tokens are renewed ahead of their expiry and failed attempts tried again in the background. If
    /// not, a token is obtained only when a caller needs one and none is fit.
    pub fn enabled(&self) -> bool {
        self.enabled
    }

    /// How long before its expiry a token is renewed. A token that lives less than twice as long is renewed at
    /// half of its life instead.
    pub fn buffer(&self) -> Duration {
        self.buffer
    }

    /// How long before its expiry a token may be renewed at the earliest, where the server refuses sooner ones
    /// ([`AuthorizationServer::earliest_renewal`](grantry_core::AuthorizationServer::earliest_renewal)). Neither a longer buffer
    /// nor a crowd leads to a renewal before that; a token that was refused by a resource server is replaced all the same.
    pub fn earliest_renewal(&self) -> Option<Duration> {
        self.earliest_renewal
    }

    /// The same, kept to what a server says of itself: its earliest moment for a renewal, where this one names none.
    #[must_use]
    pub fn fitted_to(&self, server: &AuthorizationServer) -> Self {
        let allowed = server.earliest_renewal().filter(|before| !before.is_zero());
        Self { earliest_renewal: self.earliest_renewal.or(allowed), ..self.clone() }
    }

    /// How many attempts follow a failed one before the source cools down.
    pub fn max_retries(&self) -> u32 {
        self.max_retries
    }

    /// The delay before the first retry; it doubles with each one. The real delay is drawn evenly between zero
    /// and this (full jitter).
    pub fn retry_delay(&self) -> Duration {
        self.retry_delay
    }

    /// What the doubling stops at.
    pub fn longest_delay(&self) -> Duration {
        self.longest_delay
    }

    /// What happens to callers when a renewal failed.
    pub fn fallback(&self) -> Fallback {
        self.fallback
    }

    /// How long a source rests after its retries are used up, or after a definite verdict. The next demand after
    /// it tries again.
    pub fn cool_down(&self) -> Duration {
        self.cool_down
    }

    /// The shortest time between two renewals that a refusal by the resource server causes. A token that is refused
    /// sooner stays in use until then: a server that refuses everything must not cause a request per call.
    pub fn between_rejections(&self) -> Duration {
        self.between_rejections
    }

    /// How many callers may wait for one renewal at once.
    pub fn max_waiting(&self) -> u32 {
        self.max_waiting
    }

    /// The longest a caller waits, whatever is held.
    pub(crate) fn patience(&self) -> Duration {
        match self.fallback {
            Fallback::Queue { patience } => patience,
            // These wait for one attempt, which the transport's timeouts end; this ends it if they do not.
            Fallback::Fail | Fallback::UseExpired { .. } => Duration::from_secs(60),
        }
    }
}

/// Builds a [`RefreshPolicy`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RefreshPolicyBuilder(RefreshPolicy);

impl RefreshPolicyBuilder {
    /// See [`RefreshPolicy::enabled`].
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.0.enabled = enabled;
        self
    }

    /// See [`RefreshPolicy::buffer`].
    pub fn buffer(mut self, buffer: Duration) -> Self {
        self.0.buffer = buffer;
        self
    }

    /// See [`RefreshPolicy::earliest_renewal`].
    pub fn earliest_renewal(mut self, before_expiry: Duration) -> Self {
        self.0.earliest_renewal = Some(before_expiry);
        self
    }

    /// See [`RefreshPolicy::max_retries`].
    pub fn max_retries(mut self, retries: u32) -> Self {
        self.0.max_retries = retries;
        self
    }

    /// See [`RefreshPolicy::retry_delay`].
    pub fn retry_delay(mut self, delay: Duration) -> Self {
        self.0.retry_delay = delay;
        self
    }

    /// See [`RefreshPolicy::longest_delay`].
    pub fn longest_delay(mut self, delay: Duration) -> Self {
        self.0.longest_delay = delay;
        self
    }

    /// See [`RefreshPolicy::fallback`].
    pub fn fallback(mut self, fallback: Fallback) -> Self {
        self.0.fallback = fallback;
        self
    }

    /// See [`RefreshPolicy::cool_down`].
    pub fn cool_down(mut self, rest: Duration) -> Self {
        self.0.cool_down = rest;
        self
    }

    /// See [`RefreshPolicy::between_rejections`].
    pub fn between_rejections(mut self, shortest: Duration) -> Self {
        self.0.between_rejections = shortest;
        self
    }

    /// See [`RefreshPolicy::max_waiting`].
    pub fn max_waiting(mut self, callers: u32) -> Self {
        self.0.max_waiting = callers;
        self
    }

    /// Checks the durations, each by itself and against each other.
    ///
    /// # Errors
    /// [`Configuration`](grantry_core::ErrorKind::Configuration) names the value to change.
    pub fn build(self) -> Result<RefreshPolicy, Error> {
        let policy = self.0;
        let refuse = |text: &str| Err(Error::configuration(text));
        for (name, duration) in [
            ("bufferTime", policy.buffer),
            ("retryDelay", policy.retry_delay),
            ("the longest retry delay", policy.longest_delay),
            ("the cool-down", policy.cool_down),
            ("the time between rejections", policy.between_rejections),
            ("the patience or grace of the fallback", policy.patience_or_grace()),
        ] {
            if duration > LONGEST {
                return refuse(&format!("{name} is longer than a year: give it in the right unit"));
            }
        }
        if policy.earliest_renewal.is_some_and(|before| before.is_zero()) {
            return refuse(
                "no renewal before the expiry is allowed: set the earliest to 1 s or more, or leave it out",
            );
        }
        if policy.max_retries > 0 && policy.retry_delay.is_zero() {
            return refuse(
                "retryDelay is 0, which would retry in a loop: set it to 1 ms or more, or maxRetries to 0",
            );
        }
        if policy.longest_delay < policy.retry_delay {
            return refuse("the longest retry delay is shorter than retryDelay: make it at least as long");
        }
        if policy.cool_down.is_zero() {
            return refuse("the cool-down is 0, which would try in a loop: set it to 1 ms or more");
        }
        if policy.between_rejections.is_zero() {
            return refuse(
                "the time between rejections is 0, which would renew in a loop: set it to 1 ms or more",
            );
        }
        if matches!(policy.fallback, Fallback::Queue { patience } if patience.is_zero()) {
            return refuse("the patience of `queue` is 0: set it to 1 ms or more, or choose `fail`");
        }
        if matches!(policy.fallback, Fallback::UseExpired { grace } if grace.is_zero()) {
            return refuse("the grace of `use-expired` is 0: set it to 1 ms or more, or choose `fail`");
        }
        if policy.max_waiting == 0 {
            return refuse("no caller may wait for a renewal: set the number that may to 1 or more");
        }
        Ok(policy)
    }
}

impl RefreshPolicy {
    fn patience_or_grace(&self) -> Duration {
        match self.fallback {
            Fallback::UseExpired { grace } => grace,
            Fallback::Queue { .. } | Fallback::Fail => self.patience(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_specification() {
        let policy = RefreshPolicy::default();
        assert!(policy.enabled());
        assert_eq!(policy.buffer(), Duration::from_secs(300));
        assert_eq!(policy.max_retries(), 3);
        assert_eq!(policy.retry_delay(), Duration::from_millis(1000));
        assert_eq!(policy.fallback(), Fallback::Queue { patience: Duration::from_secs(30) });
        assert_eq!(RefreshPolicy::builder().build().unwrap(), policy);
    }

    #[test]
    fn zero_and_contradictory_durations_are_refused_with_what_to_change() {
        let (zero, second) = (Duration::ZERO, Duration::from_secs(1));
        let refused = [
            (RefreshPolicy::builder().retry_delay(zero), "retryDelay"),
            (RefreshPolicy::builder().longest_delay(second / 2), "longest retry delay"),
            (RefreshPolicy::builder().cool_down(zero), "cool-down"),
            (RefreshPolicy::builder().between_rejections(zero), "rejections"),
            (RefreshPolicy::builder().fallback(Fallback::Queue { patience: zero }), "patience"),
            (RefreshPolicy::builder().fallback(Fallback::UseExpired { grace: zero }), "grace"),
            (RefreshPolicy::builder().max_waiting(0), "may wait"),
            (RefreshPolicy::builder().buffer(Duration::MAX), "bufferTime"),
        ];
        for (builder, named) in refused {
            let text = builder.build().unwrap_err().to_string();
            assert!(text.contains(named), "{text}");
        }
        assert!(RefreshPolicy::builder().buffer(zero).build().is_ok(), "a buffer of 0 renews at expiry");
        assert!(RefreshPolicy::builder().max_retries(0).retry_delay(zero).build().is_ok());
    }
}
