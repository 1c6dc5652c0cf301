//! How often one refresh token may be used.

use std::num::NonZeroU32;
use std::time::Duration;

use super::{AuthorizationServer, AuthorizationServerBuilder};

/// How often one refresh token may be used: a server that is asked more often refuses, or ends the oldest tokens that it
/// issued. A window that slides: whichever moment one looks back from, no more were used within.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RefreshRate {
    /// How many times at most.
    pub most: NonZeroU32,
    /// In how long; more than nothing.
    pub within: Duration,
}

impl RefreshRate {
    /// So many times in so long; `None` where one of them is nothing, which no server means.
    ///
    /// ```
    /// use grantry_core::RefreshRate;
    /// use std::time::Duration;
    /// let rate = RefreshRate::at_most(10, Duration::from_secs(600)).unwrap();
    /// assert_eq!((rate.most.get(), rate.within.as_secs()), (10, 600));
    /// assert!(RefreshRate::at_most(0, rate.within).is_none() && RefreshRate::at_most(1, Duration::ZERO).is_none());
    /// ```
    pub const fn at_most(most: u32, within: Duration) -> Option<Self> {
        match NonZeroU32::new(most) {
            Some(most) if !within.is_zero() => Some(Self { most, within }),
            _ => None,
        }
    }
}

impl AuthorizationServerBuilder {
    /// How often one refresh token may be used; not bounded if left out, or with `None` in the place of a preset's bound.
    pub fn refresh_rate(mut self, rate: impl Into<Option<RefreshRate>>) -> Self {
        self.refresh_rate = rate.into();
        self
    }
}

impl AuthorizationServer {
    /// How often one refresh token may be used, if the server limits that.
    pub fn refresh_rate(&self) -> Option<RefreshRate> {
        self.facts.refresh_rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_on_the_rate_of_renewals_is_kept_whatever_way_the_facts_go() {
        let start = || AuthorizationServer::builder("https://a.example/t");
        assert_eq!(start().build().unwrap().refresh_rate(), None);
        let rate = RefreshRate::at_most(10, Duration::from_secs(600));
        let server = start().refresh_rate(rate.unwrap()).build().unwrap();
        assert_eq!(server.refresh_rate(), rate);
        assert_eq!(server.to_builder().build().unwrap().refresh_rate(), rate);
        assert_eq!(server.to_builder().refresh_rate(None).build().unwrap().refresh_rate(), None);
        assert_eq!(server.for_mutual_tls().unwrap().refresh_rate(), rate);
    }
}
