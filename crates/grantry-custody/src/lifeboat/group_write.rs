//! One sync of the disk for all that is to be written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::LifeboatError;

/// Writes what many tasks bring, in the order in which they came: what comes while a sync runs goes together with the next,
/// and one thread does it for all of them.
pub(super) struct GroupWrite {
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    waiting: Vec<Piece>,
    is_at_work: bool,
    /// What the disk said when a sync failed. What was written before it may be gone, though a later sync succeeds; so
    /// there is none.
    failed: Option<String>,
}

struct Piece {
    at: u64,
    bytes: Vec<u8>,
    done: oneshot::Sender<Result<(), LifeboatError>>,
}

/// The duty to write what waits. Where it is dropped before that is done, nobody is left waiting.
struct Duty {
    group: Arc<GroupWrite>,
    is_done: bool,
}

impl GroupWrite {
    /// Writes to this file.
    pub(super) fn new(file: File) -> Self {
        Self { file, state: Mutex::default() }
    }

    /// The file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Returns when these bytes are on the disk. Dropping the future does not keep them from being written.
    pub(super) async fn write(self: &Arc<Self>, at: u64, bytes: Vec<u8>) -> Result<(), LifeboatError> {
        let (done, written) = oneshot::channel();
        let begins = {
            let mut state = self.lock();
            if let Some(failed) = &state.failed {
                return Err(LifeboatError::Failed(failed.clone()));
            }
            state.waiting.push(Piece { at, bytes, done });
            !std::mem::replace(&mut state.is_at_work, true)
        };
        if begins {
            let duty = Duty { group: Arc::clone(self), is_done: false };
            tokio::task::spawn_blocking(move || duty.work(File::sync_data));
        }
        written.await.unwrap_or_else(|_| Err(LifeboatError::Failed("the runtime shut down".to_owned())))
    }

    /// What the disk said, if a sync failed.
    pub(super) fn failed(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    /// What waits; with nothing, the work is over.
    fn take(&self) -> Vec<Piece> {
        let mut state = self.lock();
        state.is_at_work = !state.waiting.is_empty();
        std::mem::take(&mut state.waiting)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Each change is whole when the lock is let go of.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Duty {
    /// Writes until nothing waits. Blocks.
    fn work(mut self, sync: impl Fn(&File) -> std::io::Result<()>) {
        let group = Arc::clone(&self.group);
        loop {
            let pieces = group.take();
            if pieces.is_empty() {
                self.is_done = true;
                return;
            }
            let write = |piece: &Piece| group.file.write_all_at(&piece.bytes, piece.at);
            let written: Vec<_> = pieces.iter().map(write).collect();
            let failed = match group.failed() {
                Some(failed) => Some(failed),
                None => sync(&group.file).err().map(|error| error.to_string()),
            };
            group.lock().failed.clone_from(&failed);
            for (piece, written) in pieces.into_iter().zip(written) {
                let done = match &failed {
                    Some(failed) => Err(LifeboatError::Failed(failed.clone())),
                    None => written.map_err(LifeboatError::from),
                };
                let _ = piece.done.send(done);
            }
        }
    }
}

impl Drop for Duty {
    fn drop(&mut self) {
        // Once it is done, whoever comes has a duty of his own.
        if !self.is_done {
            let mut state = self.group.lock();
            state.is_at_work = false;
            state.waiting.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    type Answer = oneshot::Receiver<Result<(), LifeboatError>>;

    fn group() -> Arc<GroupWrite> {
        Arc::new(GroupWrite::new(tempfile::tempfile().unwrap()))
    }

    fn push(group: &GroupWrite, at: u64) -> Answer {
        let (done, written) = oneshot::channel();
        group.lock().waiting.push(Piece { at, bytes: vec![7], done });
        written
    }

    fn duty(group: &Arc<GroupWrite>) -> Duty {
        Duty { group: Arc::clone(group), is_done: false }
    }

    #[test]
    fn what_comes_during_a_sync_shares_the_next_one() {
        let (group, syncs, late) = (group(), Cell::new(0), Cell::default());
        let mut early = [push(&group, 0), push(&group, 1)];
        duty(&group).work(|file| {
            if syncs.replace(syncs.get() + 1) == 0 {
                assert_eq!(file.metadata().unwrap().len(), 2, "written before it is synced");
                late.set((2..10).map(|at| push(&group, at)).collect::<Vec<_>>());
            }
            Ok(())
        });
        assert_eq!(syncs.get(), 2);
        let mut late = late.take();
        assert!(early.iter_mut().chain(&mut late).all(|answer| answer.try_recv().unwrap().is_ok()));
        assert_eq!(group.file().metadata().unwrap().len(), 10);
        assert!(!group.lock().is_at_work);
    }

    #[tokio::test]
    async fn after_a_sync_that_failed_nothing_is_called_durable_any_more() {
        let (group, syncs, late) = (group(), Cell::new(0), Cell::default());
        let mut early = push(&group, 0);
        duty(&group).work(|_| {
            syncs.set(syncs.get() + 1);
            late.set(Some(push(&group, 1)));
            Err(std::io::Error::other("the disk is gone"))
        });
        let failed = |answer: &mut Answer| answer.try_recv().unwrap().unwrap_err().to_string();
        assert!(failed(&mut early).contains("the disk is gone"));
        assert!(failed(&mut late.take().unwrap()).contains("the disk is gone"));
        assert_eq!(syncs.get(), 1);
        assert!(group.write(2, vec![7]).await.is_err());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_duty_that_was_dropped() {
        let group = group();
        group.lock().is_at_work = true;
        let answer = push(&group, 0);
        drop(duty(&group));
        assert!(answer.await.is_err());
        group.write(1, vec![7]).await.unwrap();
    }
}
