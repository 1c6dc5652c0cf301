//! Many callers at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;

use crate::{Precondition, RecordKey, RecordPrefix, Revision, SealedRecord, Vault};

use super::Subject;
use super::checking::{
    Answer, Checked, Repetition, StartLine, broken, create, key, listed_keys, load_existing, page, patiently,
    replace, step_aside, together,
};

/// Long enough that no store writes it in one go.
const LONG: usize = 256 * 1024;
/// How often the record is replaced at least.
const SWAPS: usize = 24;
const READERS: usize = 4;
const CALLERS: usize = 256;

pub(super) async fn readers_never_see_half_a_record(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let key = key("acme/grant/crm/user")?;
    let patterns = [SealedRecord::new(vec![0x55; LONG]), SealedRecord::new(vec![0xaa; LONG])];
    let [first, _] = &patterns;
    let created = create(&handles.first, &key, first.clone()).await?;
    let written = Arc::new(AtomicBool::new(false));
    let mut tasks: Vec<BoxFuture<'static, Checked<Seen>>> = Vec::new();
    for nth in 0..READERS {
        let (vault, key, patterns) = (Arc::clone(handles.nth(nth)), key.clone(), patterns.clone());
        let written = Arc::clone(&written);
        tasks.push(Box::pin(async move { read_until(&written, &vault, &key, &patterns, nth).await }));
    }
    tasks.push(Box::pin({
        let (patterns, key, handles) = (patterns.clone(), key.clone(), handles.clone());
        async move {
            let mut seen = Seen::from([(created.clone(), 0)]);
            let mut revision = created;
            let swaps = Repetition::begin();
            for nth in (1..).take_while(|nth| swaps.goes_on(*nth, SWAPS)) {
                let Some(pattern) = patterns.get(nth % 2) else { break };
                revision = replace(handles.nth(nth), &key, pattern.clone(), &revision).await?;
                seen.insert(revision.clone(), nth % 2);
                step_aside(nth).await;
            }
            written.store(true, Ordering::Release);
            Ok(seen)
        }
    }));
    // Whoever wrote or read a revision has to have had the same bytes under it.
    let mut belongs = Seen::new();
    for (revision, pattern) in together(tasks).await?.into_iter().flatten() {
        if *belongs.entry(revision.clone()).or_insert(pattern) != pattern {
            broken!("{revision:?} came with the bytes of another revision");
        }
    }
    Ok(())
}

/// Which of the patterns came with a revision.
type Seen = HashMap<Revision, usize>;

/// Loads and lists until the writer is done, and once more. Every record has to be one of the patterns.
async fn read_until(
    written: &AtomicBool,
    vault: &Arc<dyn Vault>,
    key: &RecordKey,
    patterns: &[SealedRecord],
    nth: usize,
) -> Checked<Seen> {
    let (mut seen, mut rounds) = (Seen::new(), 0);
    loop {
        let is_last = written.load(Ordering::Acquire);
        let stored = if nth < READERS / 2 {
            load_existing(vault, key).await?
        } else {
            let page = page(vault, &RecordPrefix::everything(), None, 1).await?;
            match page.records.into_iter().next() {
                Some((_, stored)) => stored,
                None => broken!("{key:?} was not listed while it was replaced"),
            }
        };
        let Some(pattern) = patterns.iter().position(|pattern| *pattern == stored.sealed) else {
            let bytes = stored.sealed.as_bytes();
            let changes = bytes.windows(2).position(|pair| pair.first() != pair.last()).map(|at| at + 1);
            broken!("{} bytes were read that nobody wrote, of two kinds from byte {changes:?}", bytes.len());
        };
        seen.insert(stored.revision, pattern);
        if is_last {
            return Ok(seen);
        }
        rounds += 1;
        step_aside(nth + rounds).await;
    }
}

pub(super) async fn many_callers_at_once_are_all_served(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let start = StartLine::of(CALLERS);
    let callers = (0..CALLERS).map(|nth| {
        let (start, vault, other) =
            (Arc::clone(&start), Arc::clone(handles.nth(nth)), Arc::clone(handles.nth(nth + 1)));
        async move {
            let key = key(&format!("acme/grant/crm/caller {nth:03}"))?;
            // Each has bytes of its own: an answer that went to the wrong caller shows.
            let record = SealedRecord::new(format!("caller {nth:03} ").repeat(40).into_bytes());
            start.wait().await;
            let create = || vault.store(&key, record.clone(), Precondition::Absent);
            let revision = patiently(create).await.succeeds("creating a record beside many others")?;
            let stored = patiently(|| other.load(&key)).await.succeeds("loading beside many others")?;
            match stored {
                Some(stored) if stored.sealed == record && stored.revision == revision => Ok(key),
                Some(stored) => broken!("{key:?} was given {stored:?}, which is another record"),
                None => broken!("{key:?} was stored beside many others and is not there"),
            }
        }
    });
    let mut stored = together(callers).await?;
    stored.sort();
    let listed = listed_keys(&handles.second, &RecordPrefix::everything(), 100).await?;
    if listed != stored {
        broken!("{} records were stored at once, and {} are listed", stored.len(), listed.len());
    }
    Ok(())
}
