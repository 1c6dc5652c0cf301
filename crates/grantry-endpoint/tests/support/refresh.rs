//! A refresh-token grant over answers in a list, and a keeper that remembers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use grantry_core::{Attempt, Failure, Grant, RefreshToken, Scope, TokenSet};
use grantry_endpoint::{Answer, KeepError, Keeper, Kept, RefreshTokenGrant, TransportFailure};

use super::{Left, Script, answer, endpoint, server};

/// Remembers what it was given; fails as often as it is told to.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    kept: Mutex<Vec<String>>,
    /// With the token from before behind a slash.
    both: Mutex<Vec<String>>,
    pub(crate) fail: AtomicUsize,
}

#[async_trait]
impl Keeper for Shelf {
    async fn keep(&self, kept: Kept<'_>) -> Result<(), KeepError> {
        if self.fail.load(Ordering::SeqCst) > 0 {
            self.fail.fetch_sub(1, Ordering::SeqCst);
            return Err(KeepError::new("the disk is full"));
        }
        self.kept.lock().unwrap().push(kept.refresh_token.expose().to_owned());
        let before = kept.before.map(|before| format!("/{}", before.expose()));
        let both = format!("{}{}", kept.refresh_token.expose(), before.unwrap_or_default());
        self.both.lock().unwrap().push(both);
        Ok(())
    }
}

impl Shelf {
    pub(crate) fn both(&self) -> Vec<String> {
        self.both.lock().unwrap().clone()
    }

    pub(crate) fn kept(&self) -> Vec<String> {
        self.kept.lock().unwrap().clone()
    }
}

pub(crate) fn grant(
    answers: impl IntoIterator<Item = Result<Answer, TransportFailure>>,
) -> (RefreshTokenGrant, Arc<Script>, Arc<Shelf>) {
    let (script, shelf) = (Script::new(answers), Arc::new(Shelf::default()));
    let grant =
        RefreshTokenGrant::builder(endpoint(server(), &script), RefreshToken::new("r0"), shelf.clone())
            .granted_scope(Scope::parse("a b").unwrap())
            .build()
            .unwrap();
    (grant, script, shelf)
}

pub(crate) fn new(access: &str, refresh: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(200, format!(r#"{{"access_token":"{access}","expires_in":60,"refresh_token":"{refresh}"}}"#)))
}

pub(crate) async fn obtain(grant: &RefreshTokenGrant) -> Result<TokenSet, Failure> {
    grant.obtain(Attempt::first()).await
}

pub(crate) fn redeemed(script: &Script) -> Vec<String> {
    script.left().iter().map(|left: &Left| left.parameter("refresh_token").unwrap()).collect()
}

/// An answer that was cut off behind its refresh token.
pub(crate) fn wreck(refresh: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(200, format!(r#"{{"refresh_token":"{refresh}","access_token":"#)))
}

pub(crate) fn refused(code: &str) -> Result<Answer, TransportFailure> {
    Ok(answer(400, format!(r#"{{"error":"{code}"}}"#)))
}
