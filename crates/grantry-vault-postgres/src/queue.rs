//! Calls that wait for a connection, and who looks for one on their behalf.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grantry_vault::VaultError;
use tokio::time::Instant;

/// A call that can go together with others of its kind.
pub(crate) trait Waits: Send + 'static {
    /// Whether whoever made it still wants it.
    fn is_wanted(&self) -> bool;

    /// Until when it waits for a connection.
    fn deadline(&self) -> Instant;

    /// How long its part of the message is.
    fn bytes(&self) -> usize;

    /// Answers it: it was not sent.
    fn give_up(self, error: VaultError);
}

/// What is sent at once at most, so that no answer waits for long and no message is large.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Most {
    pub(crate) calls: usize,
    /// The first is taken whatever it has.
    pub(crate) bytes: usize,
}

/// The calls that wait. At any moment at most one [`Seeking`] looks for a connection for them, and while any waits there
/// is one.
pub(crate) struct Queue<C>(Mutex<Waiting<C>>);

struct Waiting<C> {
    calls: VecDeque<C>,
    is_sought_for: bool,
}

/// The duty to find a connection for what waits. Where it is dropped instead, nobody is left waiting.
pub(crate) struct Seeking<C: Waits>(Option<Arc<Queue<C>>>);

impl<C: Waits> Queue<C> {
    /// Whoever gets the duty has to begin.
    pub(crate) fn push(self: &Arc<Self>, call: C) -> Option<Seeking<C>> {
        let mut waiting = self.lock();
        waiting.calls.push_back(call);
        let is_first = !std::mem::replace(&mut waiting.is_sought_for, true);
        is_first.then(|| Seeking(Some(Arc::clone(self))))
    }
}

impl<C> Queue<C> {
    fn lock(&self) -> MutexGuard<'_, Waiting<C>> {
        // Each change is whole when the lock is let go of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<C: Waits> Seeking<C> {
    /// Takes what can be sent at once. The duty goes on where something is left.
    pub(crate) fn take(mut self, most: Most) -> (Vec<C>, Option<Self>) {
        let Some(queue) = self.0.take() else { return (Vec::new(), None) };
        let mut waiting = queue.lock();
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some(call) = waiting.calls.pop_front() {
            // Whoever dropped the future does not want it any more.
            if !call.is_wanted() {
                continue;
            }
            bytes = bytes.saturating_add(call.bytes());
            if taken.len() >= most.calls || (bytes > most.bytes && !taken.is_empty()) {
                waiting.calls.push_front(call);
                break;
            }
            taken.push(call);
        }
        waiting.is_sought_for = !waiting.calls.is_empty();
        let goes_on = waiting.is_sought_for.then(|| Self(Some(Arc::clone(&queue))));
        drop(waiting);
        (taken, goes_on)
    }

    /// The duty itself, and until when the first and the last wait. It ends where nobody is left who wants an answer.
    pub(crate) fn go_on(mut self) -> Option<(Self, Instant, Instant)> {
        let queue = self.0.take()?;
        let mut waiting = queue.lock();
        while waiting.calls.front().is_some_and(|call| !call.is_wanted()) {
            waiting.calls.pop_front();
        }
        let deadlines = waiting.calls.front().zip(waiting.calls.back());
        let deadlines = deadlines.map(|(first, last)| (first.deadline(), last.deadline()));
        waiting.is_sought_for = deadlines.is_some();
        drop(waiting);
        let (first, last) = deadlines?;
        Some((Self(Some(queue)), first, last))
    }

    /// Answers those who wait until then at most. Their calls were not sent.
    pub(crate) fn give_up(&self, until: Instant, error: &VaultError) {
        let Some(queue) = &self.0 else { return };
        let mut waiting = queue.lock();
        while waiting.calls.front().is_some_and(|call| call.deadline() <= until) {
            if let Some(call) = waiting.calls.pop_front() {
                call.give_up(error.clone());
            }
        }
    }
}

impl<C> Default for Queue<C> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { calls: VecDeque::new(), is_sought_for: false }))
    }
}

impl<C> fmt::Debug for Queue<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.lock().calls.len()).finish_non_exhaustive()
    }
}

impl<C: Waits> Drop for Seeking<C> {
    fn drop(&mut self) {
        let Some(queue) = self.0.take() else { return };
        let mut waiting = queue.lock();
        waiting.is_sought_for = false;
        for call in waiting.calls.drain(..) {
            call.give_up(VaultError::unavailable("nobody is left to send it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    type Answer = oneshot::Receiver<VaultError>;

    const MOST: Most = Most { calls: 3, bytes: 10 };

    struct Call {
        bytes: usize,
        deadline: Instant,
        reply: oneshot::Sender<VaultError>,
    }

    impl Waits for Call {
        fn is_wanted(&self) -> bool {
            !self.reply.is_closed()
        }
        fn deadline(&self) -> Instant {
            self.deadline
        }
        fn bytes(&self) -> usize {
            self.bytes
        }
        fn give_up(self, error: VaultError) {
            let _ = self.reply.send(error);
        }
    }

    fn call(bytes: usize, seconds: u64) -> (Call, Answer) {
        let (reply, answer) = oneshot::channel();
        let deadline = tokio::time::Instant::from_std(epoch()) + std::time::Duration::from_secs(seconds);
        (Call { bytes, deadline, reply }, answer)
    }

    /// Any moment, the same for all.
    #[allow(clippy::disallowed_methods, reason = "deadlines are moments of this machine")]
    fn epoch() -> std::time::Instant {
        static EPOCH: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
        *EPOCH.get_or_init(std::time::Instant::now)
    }

    /// Calls of these lengths wait, each for a second longer than the one before.
    fn waiting(lengths: &[usize]) -> (Arc<Queue<Call>>, Seeking<Call>, Vec<Answer>) {
        let (queue, mut duty, mut answers) = (Arc::<Queue<Call>>::default(), None, Vec::new());
        for (nth, bytes) in lengths.iter().enumerate() {
            let (call, answer) = call(*bytes, nth as u64);
            let seeking = queue.push(call);
            assert_eq!(seeking.is_some(), nth == 0, "one seeks for all");
            duty = duty.or(seeking);
            answers.push(answer);
        }
        (queue, duty.unwrap(), answers)
    }

    fn lengths(calls: &[Call]) -> Vec<usize> {
        calls.iter().map(|call| call.bytes).collect()
    }

    #[test]
    fn a_batch_is_bounded_in_number_and_bytes_and_in_the_order_of_arrival() {
        let (queue, seeking, _answers) = waiting(&[1, 2, 3, 4, 11, 6, 5]);
        let (taken, next) = seeking.take(MOST);
        assert_eq!(lengths(&taken), [1, 2, 3]);
        let (taken, next) = next.unwrap().take(MOST);
        assert_eq!(lengths(&taken), [4]);
        // Longer than allowed, and so alone.
        let (taken, next) = next.unwrap().take(MOST);
        assert_eq!(lengths(&taken), [11]);
        let (taken, next) = next.unwrap().take(MOST);
        assert_eq!(lengths(&taken), [6]);
        let (taken, next) = next.unwrap().take(MOST);
        assert_eq!(lengths(&taken), [5]);
        assert!(next.is_none());
        assert!(queue.push(call(1, 9).0).is_some(), "whoever comes next seeks");
    }

    #[test]
    fn whoever_left_is_not_taken_and_not_waited_for() {
        let (_queue, seeking, mut answers) = waiting(&[1, 2, 3, 4, 5]);
        drop(answers.drain(..2));
        answers.remove(1);
        let (seeking, first, last) = seeking.go_on().unwrap();
        assert_eq!((last - first).as_secs(), 2);
        let (taken, next) = seeking.take(MOST);
        assert_eq!(lengths(&taken), [3, 5]);
        assert!(next.is_none());

        let (queue, seeking, answers) = waiting(&[1, 2]);
        drop(answers);
        assert!(seeking.go_on().is_none());
        assert!(queue.push(call(1, 9).0).is_some());
    }

    #[test]
    fn only_who_waited_for_long_enough_is_told_that_there_is_no_connection() {
        let (_queue, seeking, mut answers) = waiting(&[1, 2, 3]);
        let (seeking, first, _) = seeking.go_on().unwrap();
        seeking.give_up(first, &VaultError::unavailable("x"));
        assert_eq!(answers[0].try_recv().unwrap(), VaultError::unavailable("x"));
        assert!(answers[1].try_recv().is_err());
        assert_eq!(lengths(&seeking.take(MOST).0), [2, 3]);
    }

    #[test]
    fn nobody_waits_for_a_connection_that_nobody_seeks() {
        let (queue, seeking, mut answers) = waiting(&[1, 2]);
        drop(seeking);
        for answer in &mut answers {
            assert!(matches!(answer.try_recv().unwrap(), VaultError::Unavailable(_)));
        }
        assert!(queue.push(call(1, 9).0).is_some());
    }
}
