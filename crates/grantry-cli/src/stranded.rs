//! Tokens that a server has sent and the vault does not take, as where its disk is full.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use grantry::{Event, GrantKey, Observer};
use tokio::sync::watch::Sender;

use crate::console::Console;
use crate::failed::{Failed, VAULT};

/// So long is waited for the vault to take them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Whose tokens wait, and whether a lifeboat holds them.
type Waiting = BTreeMap<GrantKey, bool>;

/// Sees which tokens wait for the vault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stranded(Arc<Sender<Waiting>>);

impl Observer for Stranded {
    fn on(&self, event: &Event) {
        match event {
            Event::CustodyAtRisk { key, aboard, .. } => {
                self.0.send_modify(|waiting| {
                    waiting.insert(key.clone(), *aboard);
                });
            }
            Event::Rotated { key, .. } | Event::Renewed { key, .. } => {
                self.0.send_if_modified(|waiting| waiting.remove(key).is_some());
            }
            _ => {}
        }
    }
}

impl Stranded {
    /// Resolves where the vault does not take them although it was waited for, and a lifeboat holds them all. As long as only this
    /// process holds them it goes on waiting.
    pub(crate) async fn for_too_long(&self, console: &Console, lifeboats: &Path) -> Failed {
        let mut seen = self.0.subscribe();
        let folder = lifeboats.display();
        let mut is_told = false;
        loop {
            // Whom it looks at is there as long as it looks.
            let is_aboard = seen
                .wait_for(|waiting| !waiting.is_empty())
                .await
                .is_ok_and(|now| now.values().all(|aboard| *aboard));
            if !is_told {
                let keeps =
                    if is_aboard { "they are safe" } else { "only this process has them: do not end it" };
                console.say(&format!("warning: the vault does not take the tokens that came, which are kept until it does; {keeps}"));
                is_told = true;
            }
            let ended = tokio::time::timeout(PATIENCE, seen.wait_for(Waiting::is_empty)).await;
            if ended.is_err() && is_aboard {
                let fact = format!("the vault does not take the tokens that came: they are kept in {folder}");
                let remedy = "make room on the vault's disk, or make its files writable; the next command that uses the service \
                              brings them home";
                return Failed::new(VAULT, fact).with_remedy(remedy);
            }
        }
    }
}
