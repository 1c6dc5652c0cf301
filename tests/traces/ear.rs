//! Hears what is traced.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};

/// An event: its level, its message, and its other fields by name.
pub(crate) type Told = (String, String, BTreeMap<&'static str, String>);

/// Keeps the events of grantry's crates.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Vec<Told>>>);

impl Ear {
    pub(crate) fn listen() -> (Self, tracing::subscriber::DefaultGuard) {
        let ear = Self::default();
        (ear.clone(), tracing::subscriber::set_default(ear))
    }

    /// What came since it was asked last.
    pub(crate) fn told(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl tracing::Subscriber for Ear {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target().starts_with("grantry")
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_default();
        self.0.lock().unwrap().push((event.metadata().level().to_string(), message, fields.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

pub(crate) fn told<const N: usize>(level: &str, message: &str, fields: [(&'static str, &str); N]) -> Told {
    let fields = fields.map(|(name, value)| (name, value.to_owned()));
    (level.to_owned(), message.to_owned(), fields.into())
}
