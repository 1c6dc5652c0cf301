//! Opening grants of which dead processes left something, though nobody asks for them here.

use std::sync::{Arc, Weak};

use async_trait::async_trait;
use grantry_core::GrantKey;
use grantry_custody::{CustodyGrant, Opener};

use super::house::House;

/// Opens any grant whose service is known, for as long as the pantry is open.
pub(super) struct Doors(pub(super) Weak<House>);

#[async_trait]
impl Opener for Doors {
    async fn open(&self, key: &GrantKey) -> Option<Arc<CustodyGrant>> {
        let house = self.0.upgrade().filter(|house| !house.is_closed())?;
        let opened = match house.ready(key.tenant(), key.service()).await {
            Ok(ready) => house.custody_grant(&ready, key),
            Err(error) => Err(error),
        };
        match opened {
            Ok(grant) => Some(grant),
            Err(error) => {
                tracing::warn!(
                    grantry.tenant = key.tenant(),
                    grantry.service = key.service(),
                    grantry.account = key.account(),
                    error.type = error.kind().as_str(),
                    exception.message = %error,
                    "what was left of a grant cannot be finished here"
                );
                None
            }
        }
    }
}
