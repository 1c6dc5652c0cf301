//! The vault that the suite examines.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::Vault;

use super::checking::What;

type Reopen = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Arc<dyn Vault>>>>>;

/// A vault on an empty store, and how else to reach that store.
///
/// It is used for one promise, and dropped on the runtime on which it was made.
pub struct Subject {
    // Dropped in this order: the handles before what they stand on.
    handles: RefCell<Option<Handles>>,
    reopen: Option<Reopen>,
    kept: Vec<Box<dyn Any + Send>>,
}

/// Two handles of one store, or the same one twice.
#[derive(Debug, Clone)]
pub(super) struct Handles {
    pub(super) first: Arc<dyn Vault>,
    pub(super) second: Arc<dyn Vault>,
}

impl Handles {
    /// The first for even numbers, the second for odd ones.
    pub(super) fn nth(&self, nth: usize) -> &Arc<dyn Vault> {
        if nth.is_multiple_of(2) { &self.first } else { &self.second }
    }
}

impl Subject {
    /// A vault on an empty store that nobody else writes to.
    pub fn new(vault: impl Vault) -> Self {
        let first: Arc<dyn Vault> = Arc::new(vault);
        let handles = Handles { second: Arc::clone(&first), first };
        Self { handles: RefCell::new(Some(handles)), reopen: None, kept: Vec::new() }
    }

    /// The same store through a handle as another process would have it: with connections and caches of its own.
    #[must_use]
    pub fn with_second_handle(mut self, vault: impl Vault) -> Self {
        if let Some(handles) = self.handles.get_mut() {
            handles.second = Arc::new(vault);
        }
        self
    }

    /// How to open the store again, as a new process would. Every earlier handle was dropped before it is called.
    #[must_use]
    pub fn reopened_by<V: Vault>(mut self, open: impl AsyncFn() -> V + 'static) -> Self {
        let open = Arc::new(open);
        self.reopen = Some(Box::new(move || {
            let open = Arc::clone(&open);
            Box::pin(async move { Arc::new(open().await) as Arc<dyn Vault> })
        }));
        self
    }

    /// Keeps something until after the handles were dropped: a temporary folder, a server.
    #[must_use]
    pub fn keeping(mut self, kept: impl Any + Send) -> Self {
        self.kept.push(Box::new(kept));
        self
    }

    pub(super) fn reopens(&self) -> bool {
        self.reopen.is_some()
    }

    pub(super) fn watches(&self) -> bool {
        self.handles.borrow().as_ref().is_some_and(|handles| handles.first.watch().is_some())
    }

    pub(super) fn handles(&self) -> Result<Handles, What> {
        self.handles.borrow().clone().ok_or_else(|| What::new("its handles were dropped to open it again"))
    }

    /// Drops the handles that it holds and opens the store again. The caller has dropped those that it got.
    pub(super) async fn reopened(&self) -> Result<Arc<dyn Vault>, What> {
        drop(self.handles.take());
        match &self.reopen {
            Some(open) => Ok(open().await),
            None => Err(What::new("nothing says how to open the store again: see Subject::reopened_by")),
        }
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject")
            .field("handles", &self.handles)
            .field("reopens", &self.reopens())
            .field("kept", &self.kept.len())
            .finish()
    }
}
