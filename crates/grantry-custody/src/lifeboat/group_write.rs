//! One sync of the disk for all who wait for one.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Joins the syncs of many writers: whoever comes while one runs waits for the next, which is one for all of them.
#[derive(Debug, Default)]
pub(super) struct GroupSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    started: u64,
    done: u64,
    is_running: bool,
    /// What the disk said when a sync failed. What was written before it may be gone, though a later sync succeeds; so
    /// there is none.
    failed: Option<String>,
}

impl GroupSync {
    /// Returns when a sync has ended that began after this call. Blocks.
    pub(super) fn sync(&self, sync: impl Fn() -> std::io::Result<()>) -> Result<(), String> {
        let mut state = self.lock();
        let mine = state.started + 1;
        loop {
            if let Some(failed) = &state.failed {
                return Err(failed.clone());
            }
            if state.done >= mine {
                return Ok(());
            }
            if state.is_running {
                state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.is_running = true;
            state.started += 1;
            let this = state.started;
            drop(state);
            let result = sync();
            state = self.lock();
            state.is_running = false;
            match result {
                Ok(()) => state.done = this,
                Err(error) => state.failed = Some(error.to_string()),
            }
            self.ended.notify_all();
        }
    }

    /// What the disk said, if a sync failed.
    pub(super) fn failed(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn sixteen_writers_share_a_few_syncs_and_each_is_after_its_writer_came() {
        let (group, syncs) = (GroupSync::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    group
                        .sync(|| {
                            syncs.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(20));
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        assert!(syncs.into_inner() < 16, "some were joined");
    }

    #[test]
    fn after_a_sync_that_failed_nothing_is_called_durable_any_more() {
        let group = GroupSync::default();
        assert!(group.sync(|| Err(std::io::Error::other("the disk is gone"))).is_err());
        assert_eq!(group.sync(|| Ok(())).unwrap_err(), "the disk is gone");
    }
}
