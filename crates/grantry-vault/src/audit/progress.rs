//! How far each sink has come.

/// How many lines of the chain each sink has taken.
#[derive(Debug, Clone)]
pub(crate) struct Progress(Vec<Reached>);

#[derive(Debug, Clone, Copy)]
struct Reached {
    durable: bool,
    lines: u64,
}

impl Progress {
    /// Nothing taken yet, by sinks that are durable or not.
    pub(crate) fn new(sinks: impl Iterator<Item = bool>) -> Self {
        Self(sinks.map(|durable| Reached { durable, lines: 0 }).collect())
    }

    /// A sink has taken the first `lines` lines.
    pub(crate) fn reached(&mut self, sink: usize, lines: u64) {
        if let Some(reached) = self.0.get_mut(sink) {
            reached.lines = reached.lines.max(lines);
        }
    }

    /// How many lines are in a durable sink.
    pub(crate) fn durable(&self) -> u64 {
        self.0.iter().filter(|r| r.durable).map(|r| r.lines).max().unwrap_or(0)
    }

    /// How many lines every sink has taken.
    pub(crate) fn everywhere(&self) -> u64 {
        self.0.iter().map(|r| r.lines).min().unwrap_or(0)
    }
}
