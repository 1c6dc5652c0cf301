//! What a configuration says of an authorization server that it does not describe to the end.

use std::fmt;

/// What a configuration says of an authorization server that it does not describe to the end: its provider is
/// [`ServiceConfig::provider`](crate::ServiceConfig::provider). `Debug` shows names only, since nobody could check the rest yet.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PartialServer {
    pub(crate) values: Vec<(String, String)>,
    pub(crate) urls: Vec<(&'static str, String)>,
}

impl PartialServer {
    /// What the provider's URLs are made of, as far as it is said: `tenantId` and so on, with their values.
    pub fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The URLs that are said, by their keys, such as `revocationUrl`. One still has a name in braces where nothing
    /// gives a value for it, such as `{tenantId}`.
    pub fn urls(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.urls.iter().map(|(key, url)| (*key, url.as_str()))
    }
}

impl fmt::Debug for PartialServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.values.iter().map(|(name, _)| name.as_str());
        f.debug_set().entries(names.chain(self.urls.iter().map(|(key, _)| *key))).finish()
    }
}
