//! Who waits for a change is told of it.

use std::sync::Arc;

use crate::{ChangeHint, RecordKey, Vault};

use super::Subject;
use super::checking::{Checked, PATIENCE, broken, create, key, load_existing, remove, replace, sealed};
use super::subject::Handles;

const ROUNDS: usize = 4;

pub(super) async fn a_write_is_hinted(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let (one, other) = (handles.first, handles.second);
    hinted(&Handles { first: Arc::clone(&one), second: one }, "acme/grant/crm/one").await?;
    hinted(&Handles { first: Arc::clone(&other), second: other }, "acme/grant/crm/other").await
}

pub(super) async fn a_write_through_another_handle_is_hinted(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    hinted(&handles, "acme/grant/crm/one").await?;
    hinted(&Handles { first: handles.second, second: handles.first }, "acme/grant/crm/other").await
}

/// Waits through the first handle for what is written through the second.
async fn hinted(handles: &Handles, at: &str) -> Checked {
    let at = key(at)?;
    let Some(created) = waiting(&handles.first, &at) else { return Ok(()) };
    let mut revision = create(&handles.second, &at, sealed("0")).await?;
    comes(created, "a creation").await?;
    for round in 0..ROUNDS {
        // Several wait, and one of them gives up.
        let waiting: Vec<_> = (0..3).filter_map(|_| waiting(&handles.first, &at)).collect();
        drop(self::waiting(&handles.first, &at));
        revision = replace(&handles.second, &at, sealed(format!("{round}")), &revision).await?;
        for hint in waiting {
            comes(hint, "a replacement").await?;
        }
    }
    Ok(())
}

pub(super) async fn a_removal_is_hinted(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    for nth in 0..2 * ROUNDS {
        let at = key(&format!("acme/grant/crm/{nth}"))?;
        let revision = create(&handles.first, &at, sealed("there")).await?;
        let Some(removed) = waiting(handles.nth(nth), &at) else { return Ok(()) };
        remove(handles.nth(nth / 2), &at, &revision).await?;
        comes(removed, "a removal").await?;
    }
    Ok(())
}

pub(super) async fn a_hint_registered_before_a_write_is_not_lost(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let at = key("acme/grant/crm/user")?;
    let mut revision = create(&handles.first, &at, sealed("0")).await?;
    for nth in 0..2 * ROUNDS {
        let Some(hint) = waiting(handles.nth(nth), &at) else { return Ok(()) };
        // Reads, as one should; then another writes, twice, before the hint is first polled.
        load_existing(handles.nth(nth), &at).await?;
        for text in ["once", "twice"] {
            revision = replace(handles.nth(nth / 2), &at, sealed(text), &revision).await?;
        }
        tokio::task::yield_now().await;
        comes(hint, "a write before it was polled").await?;
    }
    Ok(())
}

/// A hint of the vault, if it gives any.
fn waiting(vault: &Arc<dyn Vault>, key: &RecordKey) -> Option<ChangeHint> {
    vault.watch().map(|watch| watch.next_change(key))
}

async fn comes(hint: ChangeHint, of: &str) -> Checked {
    match tokio::time::timeout(PATIENCE, hint).await {
        Ok(()) => Ok(()),
        Err(_) => broken!("no hint of {of} came within {PATIENCE:?}"),
    }
}
