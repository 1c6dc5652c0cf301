//! Up to which moment access tokens count as obtained with the old secret.

use grantry_core::{Error, StoreTime};
use grantry_vault::{ClientRecord, RecordVersion, TenantVault};

/// The attribute in which a run leaves the moment to the one that goes on. Versions that do not know it leave it alone, as any
/// attribute that means nothing to them; a format of its own would keep them from the client's secrets.
pub(super) const ATTRIBUTE: &str = "secret_exchange.cutoff";

/// The moment on the store's clock, and whose it is: another exchange, or the store that the registration was copied into,
/// has another.
///
/// It is read after the new secret was put first. Nobody who looks into the vault from then on uses the old one. Who looked
/// earlier may go on with it: a pantry looks when a renewal begins and its last look is 5 minutes old, others as they please.
/// Nothing in a token tells by which secret it was obtained, so tokens that such a process obtains still are not found; they live
/// until they expire. Who cannot have that keeps the old secret for so long: the run that drops it reads the moment itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Cutoff {
    pub(super) at: StoreTime,
    exchange: String,
}

impl Cutoff {
    /// Now, for the exchange that the record is in.
    pub(super) async fn now(
        vault: &TenantVault,
        client: &ClientRecord,
        version: &RecordVersion,
    ) -> Result<Self, Error> {
        Ok(Self { at: vault.now().await?, exchange: exchange(client, version) })
    }

    /// The one that an earlier run of this exchange left.
    pub(super) fn left_in(client: &ClientRecord, version: &RecordVersion) -> Option<Self> {
        let (of, at) = client.attributes().get(ATTRIBUTE)?.rsplit_once(' ')?;
        let exchange = exchange(client, version);
        let at = at.parse().ok().map(StoreTime::from_nanos)?;
        (of == exchange).then_some(Self { at, exchange })
    }

    /// As the attribute has it.
    pub(super) fn as_attribute(&self) -> String {
        format!("{} {}", self.exchange, self.at.as_nanos())
    }
}

/// The record's line of descent, and when the secret was added that is first.
fn exchange(client: &ClientRecord, version: &RecordVersion) -> String {
    let added = client.secrets().first().map_or(0, |first| first.added.as_unix_nanos());
    format!("{} {added}", version.lineage())
}
