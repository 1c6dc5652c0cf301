//! Several ways to the same server, for callers that come at once.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::link::{Link, Target};

/// How many connections there are at most.
///
/// The server reads 16 KiB of a connection at a time and syncs its file once for all that it has read, so that callers
/// who share one connection share fewer syncs than those who have several.
const MOST: usize = 8;

/// The ways to one server. Each is opened when there is more to do than the others are at.
#[derive(Debug)]
pub(crate) struct Links([(Link, AtomicUsize); MOST]);

impl Links {
    pub(crate) fn new(target: &Arc<Target>) -> Self {
        Self(std::array::from_fn(|_| (Link::new(Arc::clone(target)), AtomicUsize::new(0))))
    }

    /// The first of those that fewest callers are at.
    pub(crate) fn least_used(&self) -> Used<'_> {
        let [first, others @ ..] = &self.0;
        let at = |way: &(Link, AtomicUsize)| way.1.load(Ordering::Relaxed);
        let (link, callers) =
            others.iter().fold(first, |least, way| if at(way) < at(least) { way } else { least });
        callers.fetch_add(1, Ordering::Relaxed);
        Used { link, callers }
    }

    /// Lets go of the connections for good.
    pub(crate) fn close(&self) {
        self.0.iter().for_each(|(link, _)| link.close());
    }
}

/// A way that somebody is at.
#[derive(Debug)]
pub(crate) struct Used<'a> {
    link: &'a Link,
    callers: &'a AtomicUsize,
}

impl Deref for Used<'_> {
    type Target = Link;

    fn deref(&self) -> &Link {
        self.link
    }
}

impl Drop for Used<'_> {
    fn drop(&mut self) {
        self.callers.fetch_sub(1, Ordering::Relaxed);
    }
}
