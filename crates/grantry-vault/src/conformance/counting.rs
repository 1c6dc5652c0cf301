//! Counting up by compare-and-swap loses no step.

use std::sync::Arc;

use crate::{Precondition, RecordKey, SealedRecord, Vault, VaultError};

use super::Subject;
use super::checking::{
    Checked, Repetition, StartLine, What, broken, key, load, load_existing, patiently, sealed, shown,
    step_aside, together,
};

const CALLERS: usize = 8;
const STEPS: usize = 16;

pub(super) async fn no_increment_is_lost(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let rounds = Repetition::begin();
    for round in (0..).take_while(|round| rounds.goes_on(*round, 1)) {
        let key = key(&format!("acme/lease/crm/counter {round}"))?;
        let start = StartLine::of(CALLERS);
        // Nobody creates the counter first: the first step of each is a race too.
        together((0..CALLERS).map(|nth| {
            let (vault, key, start) = (Arc::clone(handles.nth(nth)), key.clone(), Arc::clone(&start));
            async move {
                start.wait().await;
                for step in 0..STEPS {
                    count_up(&vault, &key, nth + step).await?;
                }
                Ok(())
            }
        }))
        .await?;
        for vault in [&handles.first, &handles.second] {
            let counted = number(&load_existing(vault, &key).await?.sealed)?;
            if counted != CALLERS * STEPS {
                broken!("{CALLERS} callers counted up {STEPS} times each, and the counter is at {counted}");
            }
        }
    }
    Ok(())
}

/// Reads, adds one and writes until nobody wrote in between.
async fn count_up(vault: &Arc<dyn Vault>, key: &RecordKey, step: usize) -> Checked {
    loop {
        let (next, when) = match load(vault, key).await? {
            None => (1, Precondition::Absent),
            Some(stored) => (number(&stored.sealed)? + 1, Precondition::Matches(stored.revision)),
        };
        // Time for another to write between the reading and the writing.
        step_aside(step).await;
        let store = || vault.store(key, sealed(format!("{next}")), when.clone());
        match patiently(store).await {
            Ok(_) => return Ok(()),
            Err(VaultError::Conflict) => {}
            Err(error) => broken!("counting up to {next} failed: {error} ({error:?})"),
        }
    }
}

fn number(record: &SealedRecord) -> Checked<usize> {
    let text = std::str::from_utf8(record.as_bytes()).ok();
    let number = text.and_then(|text| text.parse().ok());
    number.ok_or_else(|| What::new(format!("the counter has {}", shown(record))))
}
