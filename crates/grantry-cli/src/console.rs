//! Stdout for data, stderr for messages.

use std::io::{self, ErrorKind, IsTerminal, Write};

use serde_json::{Value, json};

use crate::escaped::{escaped, escaped_json};
use crate::failed::Failed;
use crate::table::Table;

/// Where a command writes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Console {
    pub(crate) json: bool,
    /// Whether stdout shows colours.
    pub(crate) colours: bool,
    /// Whether a line of stderr can be drawn over, and a person sees it.
    pub(crate) redraws: bool,
}

impl Console {
    pub(crate) fn new(json: bool) -> Self {
        let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let colours = io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb;
        Self { json, colours, redraws: !json && io::stderr().is_terminal() && !is_dumb }
    }

    /// Whether a person is there to be asked.
    pub(crate) fn is_interactive() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Data, as it is.
    ///
    /// # Errors
    /// Where stdout cannot be written to; a pipe that is closed is no error.
    pub(crate) fn data(&self, text: &str) -> Result<(), Failed> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Failed::new(1, format!("the output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// An object, as the stable form: its `version` comes with it.
    ///
    /// # Errors
    /// As [`data`](Console::data).
    pub(crate) fn object(&self, mut object: Value) -> Result<(), Failed> {
        if let Value::Object(fields) = &mut object {
            fields.insert("version".to_owned(), json!(1));
        }
        let document = serde_json::to_string_pretty(&object);
        let document = document.map_err(|error| Failed::new(1, error.to_string()))?;
        self.data(&format!("{}\n", escaped_json(&document)))
    }

    /// A table, as wide as the terminal allows.
    ///
    /// # Errors
    /// As [`data`](Console::data).
    pub(crate) fn table(&self, table: &Table) -> Result<(), Failed> {
        self.data(&table.drawn(width(), self.colours))
    }

    /// The same with cells that go on in the next line: nothing is cut.
    ///
    /// # Errors
    /// As [`data`](Console::data).
    pub(crate) fn whole(&self, table: &Table) -> Result<(), Failed> {
        self.data(&table.wrapped(width(), self.colours))
    }

    /// What comes next has a line of its own, after the keys by which a person ended the program.
    pub(crate) fn interrupted(&self) {
        if !self.json && io::stderr().is_terminal() {
            let _ = writeln!(io::stderr());
        }
    }

    /// A message for a person.
    pub(crate) fn note(&self, text: &str) {
        // Whoever closed stderr does not want to be told.
        let _ = writeln!(io::stderr().lock(), "{}", escaped(text));
    }

    /// Several lines for a person.
    pub(crate) fn lines(&self, text: &str) {
        text.lines().for_each(|line| self.note(line));
    }

    /// The same, but not where a program reads.
    pub(crate) fn say(&self, text: &str) {
        if !self.json {
            self.note(text);
        }
    }

    /// What a program that started this one has to know while it runs: an object on a line of stderr.
    pub(crate) fn event(&self, mut event: Value) {
        if let Value::Object(fields) = &mut event {
            fields.insert("version".to_owned(), json!(1));
        }
        let _ = writeln!(io::stderr().lock(), "{}", escaped_json(&event.to_string()));
    }

    /// What a person should change, or a program's author: an event where a program reads.
    pub(crate) fn warn(&self, text: &str) {
        if self.json {
            self.event(json!({ "event": "warning", "message": text }));
        } else {
            self.note(&format!("warning: {text}"));
        }
    }

    pub(crate) fn failed(&self, failed: &Failed) {
        if self.json {
            let error = json!({
                "version": 1,
                "error": {
                    "kind": failed.kind,
                    "exit_code": failed.code,
                    "message": failed.message,
                    "remedy": failed.remedy,
                    "causes": failed.causes,
                    "details": failed.details.lines().collect::<Vec<_>>(),
                },
            });
            let document = serde_json::to_string_pretty(&error).unwrap_or_default();
            let _ = writeln!(io::stderr().lock(), "{}", escaped_json(&document));
            return;
        }
        self.lines(&failed.details);
        self.note(&format!("error: {}", failed.message));
        for cause in &failed.causes {
            self.note(&format!("  perhaps: {cause}"));
        }
        if let Some(remedy) = &failed.remedy {
            self.note(&format!("  to do: {remedy}"));
        }
    }
}

/// A document with a list of objects, written as they come.
#[derive(Debug)]
pub(crate) struct Objects {
    name: &'static str,
    /// What is not written yet.
    waiting: String,
    count: usize,
}

impl Objects {
    /// So much is written at once.
    const CHUNK: usize = 64 * 1024;

    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, waiting: String::new(), count: 0 }
    }

    /// Adds one.
    ///
    /// # Errors
    /// As [`data`](Console::data).
    pub(crate) fn add(&mut self, console: &Console, object: &Value) -> Result<(), Failed> {
        let before = if self.count == 0 { format!("{{\n  \"{}\": [", self.name) } else { ",".to_owned() };
        self.count += 1;
        self.waiting.push_str(&before);
        self.waiting.push_str("\n    ");
        self.waiting.push_str(&escaped_json(&object.to_string()));
        if self.waiting.len() >= Self::CHUNK {
            console.data(&std::mem::take(&mut self.waiting))?;
        }
        Ok(())
    }

    /// Ends the document.
    ///
    /// # Errors
    /// As [`data`](Console::data).
    pub(crate) fn end(mut self, console: &Console) -> Result<(), Failed> {
        let end = if self.count == 0 { format!("{{\n  \"{}\": [", self.name) } else { "\n  ".to_owned() };
        self.waiting.push_str(&end);
        self.waiting.push_str("],\n  \"version\": 1\n}\n");
        console.data(&self.waiting)
    }
}

/// How wide the terminal is; `None` where there is none.
fn width() -> Option<usize> {
    if !io::stdout().is_terminal() {
        return None;
    }
    let wanted = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    wanted.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)))
}
