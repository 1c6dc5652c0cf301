//! One sync of the disk for all that is to be written.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::LifeboatError;

/// Writes what many tasks bring. Each writes for itself and at once, so that its process may die from there on: the kernel
/// has it. What machines need to die is a sync; one thread does it for all of them, and what is written while one runs waits
/// for the next.
pub(super) struct GroupWrite {
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whoever has written, and waits for a sync that begins after that.
    waiting: Vec<oneshot::Sender<Result<(), LifeboatError>>>,
    is_at_work: bool,
    /// What the disk said when a sync failed. What was written before it may be gone, though a later sync succeeds; so
    /// there is none.
    failed: Option<String>,
}

/// The duty to sync for those who wait. Where it is dropped before that is done, nobody is left waiting.
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

    /// Returns when these bytes are on the disk. They are written when the future is first polled, whatever becomes of it then.
    pub(super) async fn write(self: &Arc<Self>, at: u64, bytes: &[u8]) -> Result<(), LifeboatError> {
        if let Some(failed) = self.failed() {
            return Err(LifeboatError::Failed(failed));
        }
        // Here, and not by a thread that may wait for a core or for the sync before: this is the only copy of a refresh token.
        // It goes to pages of a file that has its full length, which takes microseconds.
        self.file.write_all_at(bytes, at)?;
        let (done, written) = oneshot::channel();
        let begins = {
            let mut state = self.lock();
            state.waiting.push(done);
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

    /// Whoever waits; with nobody, the work is over.
    fn take(&self) -> Vec<oneshot::Sender<Result<(), LifeboatError>>> {
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
    /// Syncs until nobody waits. Blocks.
    fn work(mut self, sync: impl Fn(&File) -> std::io::Result<()>) {
        let group = Arc::clone(&self.group);
        loop {
            let waiting = group.take();
            if waiting.is_empty() {
                self.is_done = true;
                return;
            }
            let failed = match group.failed() {
                Some(failed) => Some(failed),
                None => sync(&group.file).err().map(|error| error.to_string()),
            };
            group.lock().failed.clone_from(&failed);
            let durable = failed.map_or(Ok(()), |failed| Err(LifeboatError::Failed(failed)));
            for done in waiting {
                let _ = done.send(durable.clone());
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

    fn push(group: &GroupWrite) -> Answer {
        let (done, synced) = oneshot::channel();
        group.lock().waiting.push(done);
        synced
    }

    fn duty(group: &Arc<GroupWrite>) -> Duty {
        Duty { group: Arc::clone(group), is_done: false }
    }

    #[test]
    fn what_comes_during_a_sync_shares_the_next_one() {
        let (group, syncs, late) = (group(), Cell::new(0), Cell::default());
        let mut early = [push(&group), push(&group)];
        duty(&group).work(|_| {
            if syncs.replace(syncs.get() + 1) == 0 {
                late.set((2..10).map(|_| push(&group)).collect::<Vec<_>>());
            }
            Ok(())
        });
        assert_eq!(syncs.get(), 2);
        let mut late = late.take();
        assert!(early.iter_mut().chain(&mut late).all(|answer| answer.try_recv().unwrap().is_ok()));
        assert!(!group.lock().is_at_work);
    }

    #[tokio::test]
    async fn what_is_brought_is_written_at_once_while_a_sync_of_others_runs() {
        let group = group();
        group.lock().is_at_work = true;
        let mut write = Box::pin(group.write(3, &[7]));
        assert!(futures_util::poll!(&mut write).is_pending());
        drop(write);
        assert_eq!(group.file().metadata().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn after_a_sync_that_failed_nothing_is_called_durable_any_more() {
        let (group, syncs, late) = (group(), Cell::new(0), Cell::default());
        let mut early = push(&group);
        duty(&group).work(|_| {
            syncs.set(syncs.get() + 1);
            late.set(Some(push(&group)));
            Err(std::io::Error::other("the disk is gone"))
        });
        let failed = |answer: &mut Answer| answer.try_recv().unwrap().unwrap_err().to_string();
        assert!(failed(&mut early).contains("the disk is gone"));
        assert!(failed(&mut late.take().unwrap()).contains("the disk is gone"));
        assert_eq!(syncs.get(), 1);
        assert!(group.write(2, &[7]).await.is_err());
    }

    #[tokio::test]
    async fn nobody_waits_for_a_duty_that_was_dropped() {
        let group = group();
        group.lock().is_at_work = true;
        let answer = push(&group);
        drop(duty(&group));
        assert!(answer.await.is_err());
        group.write(1, &[7]).await.unwrap();
    }
}
