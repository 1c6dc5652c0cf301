//! Calls to whoever listens, without being at their mercy: an answer may hold the only live refresh token, and a
//! listener that panics must not take it along.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;

use tracing::Span;

/// Calls a listener. Where it panics the panic ends here: the panic hook has reported it already.
pub(crate) fn quietly<T>(call: impl FnOnce() -> T) -> Option<T> {
    // Whatever a listener leaves half-done is its own.
    catch_unwind(AssertUnwindSafe(call)).ok()
}

/// Runs the future inside the span, to the end, whatever the subscriber does.
pub(crate) async fn inside<F: Future>(span: &Span, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let entered = quietly(|| span.enter());
        let polled = future.as_mut().poll(cx);
        quietly(|| drop(entered));
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_ends_with_the_listener() {
        assert_eq!(quietly(|| 1), Some(1));
        assert_eq!(quietly(|| panic!("a listener of this test panics")), None::<()>);
    }
}
