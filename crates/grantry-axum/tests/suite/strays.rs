//! Stores and keepers that fail.

use std::time::Duration;

use async_trait::async_trait;
use grantry::authorization_code::{Granted, PendingAuthorizations, PendingKey, PendingStoreError};
use grantry::{Error, ErrorKind, Stage};
use grantry_axum::{GrantKeeper, Person};
use zeroize::Zeroizing;

/// A store without room.
#[derive(Debug)]
pub(crate) struct Full;

#[async_trait]
impl PendingAuthorizations for Full {
    async fn keep(&self, _: PendingKey, _: Zeroizing<Vec<u8>>, _: Duration) -> Result<(), PendingStoreError> {
        Err(PendingStoreError::Full)
    }
    async fn take(&self, _: PendingKey) -> Result<Option<Zeroizing<Vec<u8>>>, PendingStoreError> {
        Ok(None)
    }
}

/// Keeps nothing.
#[derive(Debug)]
pub(crate) struct Refusing;

#[async_trait]
impl GrantKeeper for Refusing {
    async fn keep(&self, _: &Person, _: &str, _: Granted) -> Result<(), Error> {
        Err(Error::new(ErrorKind::Storage, Stage::Keep, "the disk is full"))
    }
}

/// Breaks down.
#[derive(Debug)]
pub(crate) struct Panicking;

#[async_trait]
impl GrantKeeper for Panicking {
    async fn keep(&self, _: &Person, _: &str, _: Granted) -> Result<(), Error> {
        panic!("a keeper of somebody's own")
    }
}
