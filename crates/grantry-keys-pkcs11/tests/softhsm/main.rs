//! The key provider against SoftHSM 2: everything that a real token does.
//!
//! Each test runs in a child process of its own, because SoftHSM reads where its tokens are from the environment.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod failures;
mod secrecy;
mod sharing;
mod versions;
mod wrapping;

use std::future::Future;

use grantry_core::{SystemEntropy, TenantId};
use grantry_keys_pkcs11::{Pin, Pkcs11Keys, Pkcs11KeysBuilder, TokenSelector};
use grantry_tests::softhsm::{PIN, SoftHsm, in_child};
use grantry_vault::{Deployment, KeyContext, TenantKey};

/// The label of the token that each test has.
const TOKEN: &str = "vault";

/// Runs a test's body in a child process, on a runtime.
fn with_token<F: Future<Output = ()>>(test: &str, body: impl FnOnce(SoftHsm) -> F) {
    in_child(test, TOKEN, |hsm| {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(body(hsm));
    })
    .unwrap();
}

fn builder(hsm: &SoftHsm) -> Pkcs11KeysBuilder {
    Pkcs11Keys::builder(hsm.library(), TokenSelector::label(TOKEN), Pin::new(PIN))
}

async fn open(hsm: &SoftHsm) -> Pkcs11Keys {
    builder(hsm).create_if_missing().open().await.unwrap()
}

fn context(tenant: &str, epoch: u32) -> KeyContext {
    KeyContext::new(&Deployment::new("prod").unwrap(), Some(&TenantId::new(tenant).unwrap()), epoch)
}

fn tenant_key() -> TenantKey {
    TenantKey::generate(&SystemEntropy)
}
