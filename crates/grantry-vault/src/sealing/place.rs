//! What a record is bound to.

use std::fmt;

use grantry_core::Entropy;

use super::Canonical;
use crate::backend::RecordKey;
use crate::keys::Deployment;

/// A record's place: it opens there and nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    deployment: &'a Deployment,
    key: &'a RecordKey,
}

impl<'a> Place<'a> {
    /// The place of a key in a deployment.
    pub fn new(deployment: &'a Deployment, key: &'a RecordKey) -> Self {
        Self { deployment, key }
    }

    /// The place in bytes that no other place has, as the beginning of what binds a record.
    pub(crate) fn canonical(&self, suite: u8) -> Canonical {
        let mut bytes = Canonical::new("grantry/v1 record");
        bytes.byte(suite);
        bytes.text(self.deployment.as_str());
        bytes.text(self.key.tenant_part());
        bytes.text(self.key.service_part());
        bytes.text(self.key.account());
        bytes.text(self.key.kind().as_str());
        bytes
    }
}

/// A line of descent: new for each consent of a person, and for each record that is made anew.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineageId([u8; 16]);

impl LineageId {
    /// A new line.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut id = [0; 16];
        entropy.fill(&mut id);
        Self(id)
    }

    /// A line that is known by its bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for LineageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for LineageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LineageId({self})")
    }
}

/// Which of the records that stood in a place it is. In clear, and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    clippy::exhaustive_structs,
    reason = "it is what a format's head has: another format has another one"
)]
pub struct Stamp {
    /// The epoch of the tenant's key.
    pub epoch: u32,
    /// Its line of descent.
    pub lineage: LineageId,
    /// How many renewals lie behind it.
    pub generation: u64,
    /// One more for each write: the measure of rollback.
    pub version: u64,
}
