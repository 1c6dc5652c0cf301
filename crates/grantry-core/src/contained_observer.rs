//! An observer whose panics stay its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::{Event, Observer};

/// Tells an observer, and ends its panic there: whoever tells it may have the only live refresh token in its hands, and no
/// observer may take that along. The panic hook has reported the panic by then, with its place.
///
/// Builders put it around what they are given, and whatever is told goes through it. It allocates nothing.
///
/// ```
/// use std::sync::Arc;
/// use grantry_core::{ContainedObserver, Event, Observer};
///
/// #[derive(Debug)]
/// struct Faulty;
/// impl Observer for Faulty {
///     fn on(&self, event: &Event) {
///         panic!("{} is one too many", event.name());
///     }
/// }
///
/// let observer = ContainedObserver::new(Arc::new(Faulty));
/// observer.on(&Event::key_due(None, std::time::Duration::ZERO, false));
/// // It goes on.
/// ```
#[derive(Debug, Clone)]
pub struct ContainedObserver(Arc<dyn Observer>);

impl ContainedObserver {
    /// Around this one.
    pub fn new(observer: Arc<dyn Observer>) -> Self {
        Self(observer)
    }

    /// The one inside, whose panics nobody catches.
    pub fn as_inner(&self) -> &Arc<dyn Observer> {
        &self.0
    }
}

impl Observer for ContainedObserver {
    fn on(&self, event: &Event) {
        // What it leaves half-done is its own.
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| self.0.on(event))) {
            // So is a payload that panics when it is dropped: what that leaves is nobody's any more.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload))).map_err(std::mem::forget);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    /// Panics at every second event, and at the fourth with something that panics again.
    #[derive(Debug, Default)]
    struct Moody(AtomicU32);

    struct PanicsAgain;

    impl Drop for PanicsAgain {
        fn drop(&mut self) {
            panic!("a payload of this test panics");
        }
    }

    impl Observer for Moody {
        fn on(&self, _event: &Event) {
            match self.0.fetch_add(1, Ordering::Relaxed) {
                1 => panic!("an observer of this test panics"),
                3 => std::panic::panic_any(PanicsAgain),
                _ => {}
            }
        }
    }

    #[test]
    fn the_panic_of_an_observer_ends_with_it_and_it_is_told_the_next_time() {
        let moody = Arc::new(Moody::default());
        let observer = ContainedObserver::new(Arc::clone(&moody) as Arc<dyn Observer>);
        for told in 1..=5 {
            observer.on(&Event::key_due(None, Duration::ZERO, false));
            assert_eq!(moody.0.load(Ordering::Relaxed), told);
        }
    }
}
