//! A client registration, as it is kept.

use std::collections::BTreeMap;

use grantry_core::{ClientId, ClientSecret, PrivateKey, Timestamp};

use super::{Content, Reader, Writer};
use crate::backend::RecordKind;

/// A client that is registered at an authorization server, with its secrets.
///
/// Several secrets stand in the order in which they are tried, so that one can be rotated with overlap. `Debug` shows
/// no secret.
///
/// ```
/// use grantry_core::Timestamp;
/// use grantry_vault::ClientRecord;
/// let client = ClientRecord::new("billing")
///     .with_secret("s3cret", Timestamp::from_unix_seconds(1_790_000_000))
///     .with_attribute("provider", "okta");
/// assert_eq!(client.secrets().len(), 1);
/// assert!(!format!("{client:?}").contains("s3cret"));
/// ```
#[derive(Debug, Clone)]
pub struct ClientRecord {
    client_id: ClientId,
    secrets: Vec<StoredSecret>,
    private_key: Option<PrivateKey>,
    attributes: BTreeMap<String, String>,
}

/// A client secret, and since when it is kept.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StoredSecret {
    /// The secret.
    pub secret: ClientSecret,
    /// When it was added.
    pub added: Timestamp,
}

impl ClientRecord {
    /// A client without secrets.
    pub fn new(client_id: impl Into<ClientId>) -> Self {
        let client_id = client_id.into();
        Self { client_id, secrets: Vec::new(), private_key: None, attributes: BTreeMap::new() }
    }

    /// Adds a secret that is tried after those that are there.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<ClientSecret>, added: Timestamp) -> Self {
        self.secrets.push(StoredSecret { secret: secret.into(), added });
        self
    }

    /// Keeps one of the secrets only, by its place in the order.
    #[must_use]
    pub fn with_only_secret(mut self, place: usize) -> Self {
        let kept = self.secrets.drain(..).nth(place);
        self.secrets.extend(kept);
        self
    }

    /// Sets the private key that signs the client's assertions (RFC 7523).
    #[must_use]
    pub fn with_private_key(mut self, key: impl Into<PrivateKey>) -> Self {
        self.private_key = Some(key.into());
        self
    }

    /// Adds a fact that is no secret, such as the provider's name; it replaces one of the same name.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The client identifier (RFC 6749 section 2.2).
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The secrets, in the order in which they are tried.
    pub fn secrets(&self) -> &[StoredSecret] {
        &self.secrets
    }

    /// The private key that signs the client's assertions, if there is one.
    pub fn private_key(&self) -> Option<&PrivateKey> {
        self.private_key.as_ref()
    }

    /// Facts that are no secrets.
    pub fn attributes(&self) -> &BTreeMap<String, String> {
        &self.attributes
    }
}

impl Content for ClientRecord {
    const KIND: RecordKind = RecordKind::Client;
    const FORMAT: u8 = 1;

    fn room(&self) -> usize {
        let secrets = self.secrets.iter().map(|s| s.secret.expose().len() + 16).sum::<usize>();
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + value.len() + 8);
        let key = self.private_key.as_ref().map_or(0, |key| key.expose().len());
        self.client_id.as_str().len() + secrets + key + attributes.sum::<usize>() + 64
    }

    fn write(&self, to: &mut Writer) {
        to.text(self.client_id.as_str());
        to.list(self.secrets.iter(), |to, stored| {
            to.text(stored.secret.expose());
            to.time(stored.added);
        });
        to.option(self.private_key.as_ref(), |to, key| to.text(key.expose()));
        to.list(self.attributes.iter(), |to, (name, value)| {
            to.text(name);
            to.text(value);
        });
    }

    fn read(_format: u8, from: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            client_id: ClientId::new(from.text()?),
            secrets: from.list(|from| {
                Some(StoredSecret { secret: ClientSecret::new(from.text()?), added: from.time()? })
            })?,
            private_key: from.option(|from| from.text().map(PrivateKey::new))?,
            attributes: from
                .list(|from| Some((from.text()?.to_owned(), from.text()?.to_owned())))?
                .into_iter()
                .collect(),
        })
    }
}
