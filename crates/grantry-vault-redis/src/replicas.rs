//! Waiting until replicas have a write.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_vault::VaultError;
use redis::Value;
use tokio::sync::Mutex;

use crate::live::Live;

/// What was last waited for on a connection. `WAIT` is about all earlier writes of its connection, so one serves
/// everybody who wrote before it was sent.
#[derive(Debug, Default)]
pub(crate) struct Replicas {
    /// How many waits were started.
    started: AtomicU64,
    /// The last wait that is over: which it was, and how many replicas had caught up.
    last: Mutex<(u64, Option<u32>)>,
}

/// How many replicas to wait for, and how long.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wait {
    pub(crate) replicas: u32,
    pub(crate) patience: Duration,
}

impl Wait {
    /// Waits until the replicas have what was written by this connection before.
    pub(crate) async fn on(self, live: &Live) -> Result<(), VaultError> {
        if self.replicas == 0 {
            return Ok(());
        }
        let started_before = live.replicas.started.load(Ordering::Acquire);
        let mut last = live.replicas.last.lock().await;
        if last.0 <= started_before {
            let mine = live.replicas.started.fetch_add(1, Ordering::AcqRel) + 1;
            *last = (mine, self.ask(live).await);
        }
        match last.1 {
            Some(reached) if reached >= self.replicas => Ok(()),
            Some(reached) => Err(VaultError::in_doubt(format!(
                "written, but only {reached} of {} replicas have it in time: a failover may lose it",
                self.replicas
            ))),
            None => Err(VaultError::in_doubt("written, but it is not known whether the replicas have it")),
        }
    }

    async fn ask(self, live: &Live) -> Option<u32> {
        let mut command = redis::cmd("WAIT");
        // The server's patience ends first, so that its answer is on the way when ours ends.
        command.arg(self.replicas).arg((self.patience / 2).as_millis().max(1).to_string());
        match live.send(&command, self.patience).await {
            Ok(Value::Int(reached)) => u32::try_from(reached).ok(),
            _ => None,
        }
    }
}
