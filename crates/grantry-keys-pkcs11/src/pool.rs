//! The threads that speak to a module: a few, with a bounded queue before them and a limit of time on each call.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicIsize, AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use grantry_vault::KeyError;
use tokio::sync::oneshot;

/// How many calls wait at most for a thread.
const MOST_WAITING: usize = 256;

/// A call's way. It is abandoned when its caller gave up while a thread was at it.
const WAITING: u8 = 0;
const RUNNING: u8 = 1;
const ABANDONED: u8 = 2;
const OVER: u8 = 3;

/// How long dropping the pool waits for its threads at most.
const FAREWELL: Duration = Duration::from_secs(1);

/// Threads that each own a `C`, which never leaves its thread.
pub(crate) struct Pool<C> {
    /// `None` only while it is dropped.
    queue: Option<SyncSender<Job<C>>>,
    running: Arc<Running>,
    threads: isize,
    limit: Duration,
    /// How many threads are at a call whose caller gave up.
    stuck: Arc<AtomicIsize>,
    /// The process that started the threads: they are not there in a child that was forked off.
    process: u32,
}

struct Job<C> {
    run: Box<dyn FnOnce(&mut C) + Send>,
    progress: Arc<AtomicU8>,
}

impl<C: 'static> Pool<C> {
    /// Starts the threads. They end when the pool is dropped, after the calls that are under way. Dropping waits for that, for
    /// a second at most: a thread that closes its session while the process ends, and with it the module, may crash it.
    pub(crate) fn start(
        threads: u8,
        limit: Duration,
        make: impl Fn() -> C + Clone + Send + 'static,
    ) -> Result<Self, KeyError> {
        let (queue, jobs) = sync_channel(MOST_WAITING);
        let jobs = Arc::new(Mutex::new(jobs));
        let stuck = Arc::new(AtomicIsize::new(0));
        let running = Arc::new(Running::default());
        for number in 0..threads {
            let (jobs, stuck, make) = (Arc::clone(&jobs), Arc::clone(&stuck), make.clone());
            let one = Running::begin(&running);
            let thread = std::thread::Builder::new().name(format!("grantry-pkcs11-{number}"));
            thread
                .spawn(move || {
                    let _one = one;
                    work(&jobs, &stuck, &make);
                })
                .map_err(|_| KeyError::unavailable("the system starts no further thread"))?;
        }
        Ok(Self {
            queue: Some(queue),
            running,
            threads: threads.into(),
            limit,
            stuck,
            process: std::process::id(),
        })
    }

    /// Has a thread do the work, and waits for its answer within the limit of time.
    ///
    /// Work that no thread began is not begun after the caller gave up; what was begun is finished.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> Result<T, KeyError> + Send + 'static,
    ) -> Result<T, KeyError> {
        if std::process::id() != self.process {
            return Err(KeyError::configuration(
                "the process was forked after the PKCS#11 keys were opened: open them after the fork",
            ));
        }
        if self.stuck.load(Ordering::Acquire) >= self.threads {
            return Err(KeyError::unavailable(
                "the token has not answered any of the calls that it was asked before",
            ));
        }
        let (reply, answer) = oneshot::channel();
        let progress = Arc::new(AtomicU8::new(WAITING));
        let run = move |connection: &mut C| {
            if !reply.is_closed() {
                // Whoever gave up meanwhile does not want it any more.
                let _ = reply.send(work(connection));
            }
        };
        let job = Job { run: Box::new(run), progress: Arc::clone(&progress) };
        let mut watch = Watch { progress, stuck: Arc::clone(&self.stuck), is_answered: false };
        match self.queue.as_ref().map(|queue| queue.try_send(job)) {
            Some(Ok(())) => {}
            Some(Err(TrySendError::Full(_))) => {
                return Err(KeyError::unavailable("too many calls wait for the token"));
            }
            _ => return Err(KeyError::unavailable("the threads for the token have ended")),
        }
        let answer = tokio::time::timeout(self.limit, answer).await;
        watch.is_answered = answer.is_ok();
        match answer {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(KeyError::unavailable("the call to the token ended without an answer")),
            Err(_) => Err(KeyError::unavailable(format!("the token did not answer within {:?}", self.limit))),
        }
    }
}

impl<C> Drop for Pool<C> {
    fn drop(&mut self) {
        self.queue = None;
        self.running.wait_for_none(FAREWELL);
    }
}

/// How many threads there are.
#[derive(Default)]
struct Running {
    count: Mutex<usize>,
    ended: Condvar,
}

/// One of them, until it is dropped.
struct One(Arc<Running>);

impl Running {
    fn begin(this: &Arc<Self>) -> One {
        *this.count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        One(Arc::clone(this))
    }

    fn wait_for_none(&self, most: Duration) {
        let count = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are still at a call end after it.
        let _ = self.ended.wait_timeout_while(count, most, |count| *count > 0);
    }
}

impl Drop for One {
    fn drop(&mut self) {
        *self.0.count.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        self.0.ended.notify_all();
    }
}

impl<C> fmt::Debug for Pool<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({} threads, limit {:?})", self.threads, self.limit)
    }
}

fn work<C>(jobs: &Mutex<Receiver<Job<C>>>, stuck: &AtomicIsize, make: &impl Fn() -> C) {
    let mut connection = make();
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = next else { return };
        job.progress.store(RUNNING, Ordering::Release);
        let run = job.run;
        if catch_unwind(AssertUnwindSafe(|| run(&mut connection))).is_err() {
            // Whatever state it was in when the work panicked.
            connection = make();
        }
        if job.progress.swap(OVER, Ordering::AcqRel) == ABANDONED {
            stuck.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

/// Sees the caller give up: by its limit of time, or because its future was dropped.
struct Watch {
    progress: Arc<AtomicU8>,
    stuck: Arc<AtomicIsize>,
    is_answered: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        let abandoned =
            self.progress.compare_exchange(RUNNING, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
        if abandoned.is_ok() {
            // The thread may be over already and have counted down: then this is below zero for a moment.
            self.stuck.fetch_add(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);

    fn blocked() -> (Sender<()>, impl FnOnce(&mut u32) -> Result<u32, KeyError> + Send + 'static) {
        let (end, wait) = channel::<()>();
        (end, move |count: &mut u32| {
            let _ = wait.recv();
            Ok(*count)
        })
    }

    #[tokio::test]
    async fn each_thread_keeps_its_own() {
        let pool = Pool::start(1, LONG, || 0).unwrap();
        for expected in 1..=3 {
            let count = pool.call(|count: &mut u32| {
                *count += 1;
                Ok(*count)
            });
            assert_eq!(count.await, Ok(expected));
        }
    }

    #[tokio::test]
    async fn a_call_that_is_never_answered_ends_and_further_ones_are_refused_until_it_returns() {
        let pool = Pool::start(1, SHORT, || 7).unwrap();
        let end = loop {
            let (end, work) = blocked();
            let (begins, begun) = channel();
            let call = pool.call(move |count| {
                let _ = begins.send(());
                work(count)
            });
            assert!(matches!(call.await, Err(KeyError::Unavailable(_))));
            // One that a busy machine did not get to within the limit never begins.
            if begun.recv().is_ok() {
                break end;
            }
        };
        while !pool.call(|_| Ok(())).await.unwrap_err().to_string().contains("has not answered any") {}
        end.send(()).unwrap();
        while pool.call(|_| Ok(())).await.is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// Polls a future once.
    async fn is_pending<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> bool {
        std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_pending()))
            .await
    }

    #[tokio::test]
    async fn a_dropped_call_that_did_not_begin_never_does() {
        let pool = Pool::start(1, LONG, || 0).unwrap();
        let (end, work) = blocked();
        // Both are asked here, one after the other: the thread cannot come to the second before the first has ended.
        let mut first = Box::pin(pool.call(work));
        assert!(is_pending(&mut first).await);
        let mut second = Box::pin(pool.call(|count| {
            *count = 100;
            Ok(())
        }));
        assert!(is_pending(&mut second).await);
        drop(second);
        end.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(pool.call(|count| Ok(*count)).await, Ok(0));
    }

    #[tokio::test]
    async fn a_full_queue_refuses() {
        let pool = Pool::start(1, LONG, || 0).unwrap();
        let (end, work) = blocked();
        type Call<'a> = Pin<Box<dyn Future<Output = Result<u32, KeyError>> + 'a>>;
        let mut calls: Vec<Call<'_>> = vec![Box::pin(pool.call(work))];
        calls.extend((0..MOST_WAITING + 1).map(|_| Box::pin(pool.call(|_| Ok(0_u32))) as _));
        let mut refused = 0;
        for call in &mut calls {
            let outcome =
                std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context))).await;
            refused += usize::from(matches!(outcome, std::task::Poll::Ready(Err(KeyError::Unavailable(_)))));
        }
        assert!((1..=2).contains(&refused), "{refused}: all but the one at work and those that wait");
        end.send(()).unwrap();
    }

    #[tokio::test]
    async fn a_panic_costs_the_connection_and_not_the_thread() {
        let pool = Pool::start(1, LONG, || 5).unwrap();
        let panicking = pool.call(|count: &mut u32| -> Result<(), KeyError> {
            *count = 6;
            panic!("as a test")
        });
        assert!(matches!(panicking.await, Err(KeyError::Unavailable(_))));
        assert_eq!(pool.call(|count| Ok(*count)).await, Ok(5));
    }
}
