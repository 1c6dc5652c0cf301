//! Tasks that call steadily and write down each call.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use crate::peer::Peer;

/// One call of one task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) start: Instant,
    /// When it came back and whether with a header; `None` while it still waits.
    pub(super) end: Option<(Instant, bool)>,
}

/// The running tasks.
pub(super) struct Callers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
    logs: Vec<Arc<Mutex<Vec<Call>>>>,
}

impl Callers {
    /// Starts `count` tasks that pause between two calls.
    pub(super) fn start<P: Peer>(peer: &Arc<P>, count: usize, pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = Self { stop: Arc::clone(&stop), tasks: Vec::new(), logs: Vec::new() };
        for _ in 0..count {
            let log = Arc::new(Mutex::new(Vec::with_capacity(1 << 14)));
            callers.logs.push(Arc::clone(&log));
            callers.tasks.push(tokio::spawn(call_steadily(Arc::clone(peer), pause, Arc::clone(&stop), log)));
        }
        callers
    }

    /// Ends the tasks and hands out all calls, those cut off included.
    pub(super) async fn finish(self) -> Vec<Call> {
        self.stop.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(50)).await;
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            // An aborted task ends with an error; its log is what counts.
            let _ = task.await;
        }
        self.logs
            .iter()
            .flat_map(|log| std::mem::take(&mut *log.lock().unwrap_or_else(PoisonError::into_inner)))
            .collect()
    }
}

async fn call_steadily<P: Peer>(
    peer: Arc<P>,
    pause: Duration,
    stop: Arc<AtomicBool>,
    log: Arc<Mutex<Vec<Call>>>,
) {
    let entries = || log.lock().unwrap_or_else(PoisonError::into_inner);
    while !stop.load(Ordering::Relaxed) {
        let place = {
            let mut entries = entries();
            entries.push(Call { start: Instant::now(), end: None });
            entries.len() - 1
        };
        let start = Instant::now();
        let served = peer.header().await.is_ok();
        let end = Instant::now();
        entries()[place] = Call { start, end: Some((end, served)) };
        tokio::time::sleep(pause).await;
    }
}
