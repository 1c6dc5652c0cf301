//! Everything that goes through the `metrics` crate in this process: names, labels, descriptions and values.

use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};

static LOG: Mutex<String> = Mutex::new(String::new());

/// Starts to listen, once for the whole process.
pub(crate) fn listen() {
    static LISTENING: LazyLock<()> = LazyLock::new(|| metrics::set_global_recorder(Writer).unwrap());
    LazyLock::force(&LISTENING);
}

/// What was counted and measured so far, a line each.
pub(crate) fn text() -> String {
    buffer().clone()
}

fn buffer() -> MutexGuard<'static, String> {
    LOG.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer;

impl Recorder for Writer {
    fn describe_counter(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        let _ = writeln!(buffer(), "{} is {text}", name.as_str());
    }

    fn describe_gauge(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        let _ = writeln!(buffer(), "{} is {text}", name.as_str());
    }

    fn describe_histogram(&self, name: KeyName, _: Option<Unit>, text: SharedString) {
        let _ = writeln!(buffer(), "{} is {text}", name.as_str());
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(Arc::new(Meter::of(key)))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(Arc::new(Meter::of(key)))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(Arc::new(Meter::of(key)))
    }
}

/// The name of a metric with its labels.
struct Meter(String);

impl Meter {
    fn of(key: &Key) -> Self {
        let labels: String =
            key.labels().map(|label| format!(" {}={}", label.key(), label.value())).collect();
        Self(format!("{}{labels}", key.name()))
    }

    fn note(&self, what: &str, value: impl std::fmt::Display) {
        let _ = writeln!(buffer(), "{} {what} {value}", self.0);
    }
}

impl CounterFn for Meter {
    fn increment(&self, value: u64) {
        self.note("+", value);
    }

    fn absolute(&self, value: u64) {
        self.note("=", value);
    }
}

impl GaugeFn for Meter {
    fn increment(&self, value: f64) {
        self.note("+", value);
    }

    fn decrement(&self, value: f64) {
        self.note("-", value);
    }

    fn set(&self, value: f64) {
        self.note("=", value);
    }
}

impl HistogramFn for Meter {
    fn record(&self, value: f64) {
        self.note("saw", value);
    }
}
