//! One clock of the store, the same for all its users.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use grantry_core::StoreTime;
use grantry_core::{Clock, SystemClock};

use crate::{RecordKey, RecordPrefix, Vault};

use super::Subject;
use super::checking::{
    Answer, Checked, broken, create, key, load_existing, page, replace, sealed, step_aside, together,
};

const ROUNDS: usize = 24;
const READERS: usize = 4;

/// How long the clock is watched at least and at most: a coarse one moves in leaps.
const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(6);

/// By how much a clock may be ahead of ours: less than milliseconds that are taken for microseconds.
const LEAP: Duration = Duration::from_secs(60);

pub(super) async fn the_clock_never_runs_backwards(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/lease/crm/work")?;
    let mut revision = create(&handles.first, &key, sealed("0")).await?;
    let (mut last, mut last_from) = (StoreTime::from_nanos(0), "the beginning".to_owned());
    for round in 0..ROUNDS {
        for nth in 0..6 {
            let vault = handles.nth(nth + nth / 2 + round);
            let (time, from) = read(vault, &key, nth).await?;
            if time < last {
                broken!("{from} gave {time:?} after {last_from} had given {last:?}");
            }
            (last, last_from) = (time, from);
        }
        revision = replace(handles.nth(round), &key, sealed(format!("{round}")), &revision).await?;
    }
    let latest = Arc::new(AtomicU64::new(last.as_nanos()));
    together((0..READERS).map(|nth| {
        let (vault, key, latest) = (Arc::clone(handles.nth(nth)), key.clone(), Arc::clone(&latest));
        async move {
            for round in 0..ROUNDS {
                let before = StoreTime::from_nanos(latest.load(Ordering::SeqCst));
                let (time, from) = read(&vault, &key, round).await?;
                if time < before {
                    broken!("{from} gave {time:?} when another caller had been given {before:?}");
                }
                latest.fetch_max(time.as_nanos(), Ordering::SeqCst);
                step_aside(nth + round).await;
            }
            Ok(())
        }
    }))
    .await
    .map(drop)
}

/// Reads the clock in one of three ways, and names it.
async fn read(vault: &Arc<dyn Vault>, key: &RecordKey, way: usize) -> Checked<(StoreTime, String)> {
    match way % 3 {
        0 => Ok((vault.now().await.succeeds("reading the clock")?, "now()".into())),
        1 => Ok((load_existing(vault, key).await?.read_at, "read_at of a loaded record".into())),
        _ => match page(vault, &RecordPrefix::everything(), None, 1).await?.records.first() {
            Some((_, stored)) => Ok((stored.read_at, "read_at of a listed record".into())),
            None => broken!("{key:?} is not listed"),
        },
    }
}

pub(super) async fn the_clock_counts_nanoseconds(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let ours = SystemClock::new();
    let began = ours.now();
    let first = handles.first.now().await.succeeds("reading the clock")?;
    let (mut pause, mut slept) = (SHORTEST, Duration::ZERO);
    let moved = loop {
        tokio::time::sleep(pause).await;
        slept += pause;
        let moved = handles.second.now().await.succeeds("reading the clock")?.since(first);
        if moved >= slept / 2 {
            break moved;
        }
        if slept >= LONGEST {
            broken!(
                "the clock moved on by {moved:?} in {slept:?}: it stands, or counts something else than nanoseconds"
            );
        }
        pause *= 2;
    };
    let longest = ours.now().since(began) + LEAP;
    if moved > longest {
        broken!(
            "the clock moved on by {moved:?} in less than {longest:?}: it counts something else than nanoseconds"
        );
    }
    Ok(())
}
