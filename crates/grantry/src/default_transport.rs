//! One transport for whoever hands in none.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use grantry_core::Error;
use grantry_endpoint::{HttpTransport, Transport};
use tokio::runtime::{Handle, Id};

/// The transport that everybody on the caller's runtime shares who hands in none, for as long as a source holds it: to build one
/// takes milliseconds and a few hundred KiB. Outside of a runtime it is a new one: connections belong to a runtime.
pub(crate) fn default_transport() -> Result<Arc<dyn Transport>, Error> {
    static SHARED: Mutex<Vec<(Id, Weak<HttpTransport>)>> = Mutex::new(Vec::new());
    let Ok(runtime) = Handle::try_current() else {
        return Ok(Arc::new(HttpTransport::new()?));
    };
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.retain(|(_, held)| held.strong_count() > 0);
    let of_runtime = shared.iter().filter(|(id, _)| *id == runtime.id());
    if let Some(found) = of_runtime.filter_map(|(_, held)| held.upgrade()).next() {
        return Ok(found);
    }
    let new = Arc::new(HttpTransport::new()?);
    shared.push((runtime.id(), Arc::downgrade(&new)));
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
    }

    #[test]
    fn sources_of_one_runtime_share_a_transport_and_those_of_another_have_another() {
        let (first, second) = (runtime(), runtime());
        let (a, b) = first.block_on(async { (default_transport().unwrap(), default_transport().unwrap()) });
        let c = second.block_on(async { default_transport().unwrap() });
        let (d, e) = (default_transport().unwrap(), default_transport().unwrap());
        assert!(Arc::ptr_eq(&a, &b));
        assert!(!Arc::ptr_eq(&a, &c) && !Arc::ptr_eq(&d, &e));
    }
}
