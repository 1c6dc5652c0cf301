//! The refresh-token grant against a server that rotates and watches for reuse.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use grantry::{
    Attempt, ClientAuthentication, Consumed, ErrorKind, Grant, KeepError, Keeper, Kept, RefreshToken,
    RefreshTokenGrant,
};
use grantry_tests::{Fallible, Fault, OidcProvider, Settings};

use crate::support::{endpoint, start};

/// Everything that was to be kept, in order.
#[derive(Debug, Default)]
struct Shelf(Mutex<Vec<RefreshToken>>);

impl Shelf {
    fn kept(&self) -> Vec<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().map(|token| token.expose().to_owned()).collect()
    }
}

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(kept.refresh_token.clone());
        Ok(())
    }
}

fn grant(server: &OidcProvider, refresh_token: &str, shelf: &Arc<Shelf>) -> Fallible<RefreshTokenGrant> {
    let secret = ClientAuthentication::secret_basic("refreshing-secret");
    let endpoint = endpoint(server, "refreshing", secret)?;
    Ok(RefreshTokenGrant::new(
        endpoint,
        RefreshToken::new(refresh_token),
        Arc::clone(shelf) as Arc<dyn Keeper>,
    )?)
}

#[tokio::test]
async fn req_d07_each_rotated_refresh_token_is_kept_and_used_next() {
    let server = start().unwrap();
    let first = server.refresh_token().unwrap();
    let shelf = Arc::new(Shelf::default());
    let grant = grant(&server, &first, &shelf).unwrap();
    for _ in 0..3 {
        grant.obtain(Attempt::first()).await.unwrap();
    }
    let kept = shelf.kept();
    assert_eq!(kept.len(), 3);
    assert!(!kept.contains(&first) && kept[0] != kept[1] && kept[1] != kept[2]);
}

#[tokio::test]
async fn req_d08_a_server_that_does_not_rotate_leaves_the_old_one_in_use() {
    let server = OidcProvider::start(Settings { rotate: false, ..Settings::default() }).unwrap();
    let shelf = Arc::new(Shelf::default());
    let grant = grant(&server, &server.refresh_token().unwrap(), &shelf).unwrap();
    for _ in 0..2 {
        grant.obtain(Attempt::first()).await.unwrap();
    }
    assert!(shelf.kept().is_empty(), "nothing new to keep");
}

#[tokio::test]
async fn a_lost_answer_leaves_the_credential_in_doubt_and_its_reuse_is_refused() {
    let server = start().unwrap();
    let shelf = Arc::new(Shelf::default());
    let grant = grant(&server, &server.refresh_token().unwrap(), &shelf).unwrap();
    server.break_with(&Fault { mode: "drop_after", ..Fault::default() }).unwrap();
    let lost = grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!(lost.consumed, Consumed::Unknown, "{:?}", lost.error);
    let refused = grant.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!((refused.consumed, refused.error.kind()), (Consumed::Refused, ErrorKind::InvalidGrant));
}
