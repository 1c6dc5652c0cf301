//! Hears every log line, and whether something secret is in it.

use std::fmt;

use grantry_core::Clock;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::life::Fate;

/// A subscriber that hears everything, down to the finest level, and tells it where a story is told.
#[derive(Debug)]
pub(crate) struct Ear(pub(crate) Fate);

/// The fields of a line.
struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = fmt::Write::write_fmt(&mut self.0, format_args!("{}={value:?} ", field.name()));
    }
}

impl Ear {
    fn hear(&self, record: impl FnOnce(&mut Words)) {
        let mut words = Words(String::new());
        record(&mut words);
        self.0.tower.overheard(&words.0);
        self.0.trace.tell(self.0.clock.now().as_nanos(), &words.0);
    }
}

impl Subscriber for Ear {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("grantry")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.hear(|words| span.record(words));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        self.hear(|words| values.record(words));
    }

    fn event(&self, event: &Event<'_>) {
        self.hear(|words| event.record(words));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
