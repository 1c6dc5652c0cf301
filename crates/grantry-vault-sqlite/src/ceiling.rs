//! Keeping the clock's ceiling ahead of the readings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use grantry_core::StoreTime;
use grantry_vault::VaultError;
use tokio::sync::oneshot;

use crate::queue::{Queue, thread_has_ended};
use crate::store_clock::{AboveCeiling, StoreClock};
use crate::writer::Order;

/// Reads the clock, and has the ceiling raised long before it is needed.
#[derive(Debug)]
pub(crate) struct Ceiling {
    clock: Arc<StoreClock>,
    orders: Arc<Queue<Order>>,
    /// Whether that was asked for and is not answered.
    is_asked: AtomicBool,
}

impl Ceiling {
    pub(crate) fn new(clock: Arc<StoreClock>, orders: Arc<Queue<Order>>) -> Self {
        Self { clock, orders, is_asked: AtomicBool::new(false) }
    }

    /// The store's time now.
    pub(crate) fn reading(self: &Arc<Self>) -> Result<StoreTime, AboveCeiling> {
        let (time, is_low) = self.clock.reading()?;
        if is_low && !self.is_asked.swap(true, Ordering::AcqRel) {
            // Dropped with the order where nobody takes it, so that the next reading asks again.
            let _ = self.orders.push(Order::RaiseCeiling(None, Some(Asked(Arc::clone(self)))));
        }
        Ok(time)
    }

    /// Raises it now, for a reading that cannot be given out before.
    pub(crate) async fn raise(&self) -> Result<(), VaultError> {
        let (reply, answer) = oneshot::channel();
        self.orders.push(Order::RaiseCeiling(Some(reply), None))?;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            // A read wrote nothing, whatever became of the clock.
            Ok(Err(VaultError::InDoubt(fact))) => Err(VaultError::Unavailable(fact)),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(thread_has_ended()),
        }
    }
}

/// Goes with the order, and with it when it is done or dropped.
#[derive(Debug)]
pub(crate) struct Asked(Arc<Ceiling>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.is_asked.store(false, Ordering::Release);
    }
}
