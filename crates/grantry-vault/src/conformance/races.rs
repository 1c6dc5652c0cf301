//! Of several callers with the same precondition one succeeds.

use std::sync::Arc;

use crate::{Precondition, RecordKey, Revision, SealedRecord, VaultError};

use super::Subject;
use super::checking::{
    Checked, Repetition, StartLine, broken, create, is_absent, is_stored, key, patiently, sealed, together,
};
use super::subject::Handles;

/// How many callers race, and how often at least.
const CALLERS: usize = 64;
const ROUNDS: usize = 4;

/// What a racer does.
#[derive(Debug, Clone)]
enum Call {
    Store(SealedRecord, Precondition),
    Remove(Revision),
}

pub(super) async fn one_winner_of_concurrent_creates(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let rounds = Repetition::begin();
    for round in (0..).take_while(|round| rounds.goes_on(*round, ROUNDS)) {
        let key = key(&format!("acme/grant/crm/round {round}"))?;
        race(&handles, &key, |nth| Call::Store(sealed(format!("racer {nth}")), Precondition::Absent)).await?;
    }
    Ok(())
}

pub(super) async fn one_winner_of_concurrent_swaps(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let rounds = Repetition::begin();
    for round in (0..).take_while(|round| rounds.goes_on(*round, ROUNDS)) {
        let key = key(&format!("acme/grant/crm/round {round}"))?;
        let revision = create(handles.nth(round), &key, sealed("before")).await?;
        let when = Precondition::Matches(revision);
        race(&handles, &key, |nth| Call::Store(sealed(format!("racer {nth}")), when.clone())).await?;
    }
    Ok(())
}

pub(super) async fn one_winner_of_concurrent_removals(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let rounds = Repetition::begin();
    for round in (0..).take_while(|round| rounds.goes_on(*round, 2 * ROUNDS)) {
        let key = key(&format!("acme/grant/crm/round {round}"))?;
        let revision = create(handles.nth(round), &key, sealed("before")).await?;
        let when = Precondition::Matches(revision.clone());
        // In every other round half of the callers replace it, as many through each handle.
        race(&handles, &key, |nth| match (round % 2, nth / 2 % 2) {
            (1, 1) => Call::Store(sealed(format!("racer {nth}")), when.clone()),
            _ => Call::Remove(revision.clone()),
        })
        .await?;
    }
    Ok(())
}

/// Starts all racers at once: one has to win, and the record has to be as the winner left it.
async fn race(handles: &Handles, key: &RecordKey, call_of: impl Fn(usize) -> Call) -> Checked {
    let start = StartLine::of(CALLERS);
    let racers = (0..CALLERS).map(|nth| {
        let (start, vault) = (Arc::clone(&start), Arc::clone(handles.nth(nth)));
        let (key, call) = (key.clone(), call_of(nth));
        async move {
            start.wait().await;
            let answer = match &call {
                Call::Store(record, when) => {
                    patiently(|| vault.store(&key, record.clone(), when.clone())).await.map(Some)
                }
                Call::Remove(revision) => patiently(|| vault.remove(&key, revision)).await.map(|()| None),
            };
            match answer {
                Ok(revision) => Ok(Some((call, revision))),
                Err(VaultError::Conflict) => Ok(None),
                Err(error) => broken!("a call that lost a race is not a conflict but: {error} ({error:?})"),
            }
        }
    });
    let winners: Vec<_> = together(racers).await?.into_iter().flatten().collect();
    let [(call, revision)] = winners.as_slice() else {
        broken!("{} of {CALLERS} racers for {key:?} were told that they succeeded", winners.len());
    };
    for vault in [&handles.first, &handles.second] {
        match (call, revision) {
            (Call::Store(record, _), Some(revision)) => is_stored(vault, key, record, revision).await?,
            _ => is_absent(vault, key).await?,
        }
    }
    Ok(())
}
