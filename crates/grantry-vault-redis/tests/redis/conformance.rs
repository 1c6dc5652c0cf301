//! The suite of promises. Between two openings the server is killed and started again.

use std::sync::{Arc, Mutex};

use grantry_tests::redis::Redis;
use grantry_vault::conformance::Subject;
use grantry_vault_redis::RedisVault;

use crate::{connect, server};

async fn subject() -> Subject {
    let server = server();
    let (first, second) = (connect(&server).await, connect(&server).await);
    let url = server.url();
    let server = Arc::new(Mutex::new(server));
    let restarted = Arc::clone(&server);
    Subject::new(first)
        .with_second_handle(second)
        .reopened_by(async move || {
            Redis::restart(&mut restarted.lock().unwrap()).unwrap();
            RedisVault::connect(&url).await.unwrap()
        })
        .keeping(server)
}

grantry_vault::conformance!(subject());

/// The same by a socket and in another namespace.
mod by_a_socket {
    use super::*;

    async fn subject() -> Subject {
        let server = server();
        let url = format!("unix:{}", server.socket().display());
        let open = async || RedisVault::builder(&url).namespace("other").connect().await.unwrap();
        let (first, second) = (open().await, open().await);
        Subject::new(first).with_second_handle(second).keeping(server)
    }

    grantry_vault::conformance!(subject());
}
