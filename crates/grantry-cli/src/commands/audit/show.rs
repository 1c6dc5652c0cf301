//! `audit show`: who did what, the oldest first.

use std::collections::HashMap;

use grantry::Timestamp;
use serde_json::{Value, json};

use super::super::After;
use super::trail::Trail;
use crate::arguments::AuditShow;
use crate::console::Console;
use crate::failed::Failed;
use crate::session::Session;
use crate::spoken::{count, utc};
use crate::table::{Cell, Table, Tone};

/// How many lines more than the entries that are wanted are held until they are sorted out.
const SPARE: usize = 1024;

/// An entry: what somebody wanted, and how it ended.
struct Entry {
    at: Option<Timestamp>,
    /// Whose chain it is in, and where there.
    process: String,
    line: Option<u64>,
    principal: String,
    action: String,
    object: String,
    service: Option<String>,
    decision: String,
    reason: String,
    outcome: Option<String>,
}

pub(crate) async fn show(console: &Console, session: &Session, show: &AuditShow) -> Result<After, Failed> {
    let mut shown = Shown { wanted: show, entries: Vec::new(), outcomes: HashMap::new(), unsettled: 0 };
    let trail = Trail::of(session).await?;
    let unreadable = trail.each(|line| shown.take(line)).await?;
    let entries = shown.all();
    if unreadable > 0 {
        let count = count(unreadable, "line is", "lines are");
        console
            .warn(&format!("{count} not shown, being no line of a trail: grantry audit verify says where"));
    }
    if console.json {
        let objects: Vec<Value> = entries.iter().map(object).collect();
        console.object(json!({ "entries": objects }))?;
        return Ok(After::DONE);
    }
    let mut table = Table::new(&["TIME", "WHO", "WHAT", "OF", "DECISION", "OUTCOME"]);
    for entry in &entries {
        let tone = if entry.decision == "denied" { Tone::Bad } else { Tone::Plain };
        table.row([
            entry.at.map_or_else(|| "-".to_owned(), utc).into(),
            entry.principal.as_str().into(),
            entry.action.as_str().into(),
            entry.object.as_str().into(),
            Cell::toned(&entry.decision, tone),
            entry.outcome.as_deref().unwrap_or("-").into(),
        ]);
    }
    if table.is_empty() {
        match &show.service {
            _ if show.last == Some(0) => {}
            Some(service) => console.note(&format!("nothing was done with {service} yet")),
            None => console.note("nothing was done yet"),
        }
        return Ok(After::DONE);
    }
    console.table(&table)?;
    Ok(After::DONE)
}

/// What of a trail is shown.
struct Shown<'a> {
    wanted: &'a AuditShow,
    entries: Vec<Entry>,
    /// How attempts ended, and whether their intents can still come: those of a process come before, in its own chain.
    outcomes: HashMap<String, (String, bool)>,
    /// How many lines came since it was last settled.
    unsettled: usize,
}

impl Shown<'_> {
    fn take(&mut self, line: &str) {
        let Ok(line) = serde_json::from_str::<Value>(line) else { return };
        if let Some(outcome) = line.get("outcome") {
            let ended = [text(outcome, "ended"), text(outcome, "kind")];
            let attempt = text(outcome, "attempt");
            let is_of_another =
                attempt.split_once('.').is_none_or(|(process, _)| process != text(&line, "writer"));
            self.outcomes.insert(attempt, (ended.join(" ").trim().to_owned(), is_of_another));
        }
        let entry = line.get("intent").map(|intent| entry(&line, intent));
        let service = self.wanted.service.as_ref();
        let is_wanted = |entry: &Entry| service.is_none_or(|service| entry.service.as_ref() == Some(service));
        self.entries.extend(entry.filter(is_wanted));
        self.unsettled += 1;
        // Each process wrote a chain of its own, and they come one after the other.
        if self.wanted.last.is_some_and(|most| self.unsettled > most.saturating_add(SPARE)) {
            self.settle();
        }
    }

    fn all(mut self) -> Vec<Entry> {
        self.settle();
        self.entries
    }

    /// Sorts by time, keeps the last so many, and lets go of what nothing can come for any more. What stands both in the
    /// vault and in a file is there once.
    fn settle(&mut self) {
        self.unsettled = 0;
        let entries = &mut self.entries;
        entries.sort_by(|one, other| one.place().cmp(&other.place()));
        entries.dedup_by(|later, one| {
            let is_same = later.line.is_some() && later.place() == one.place();
            if is_same && one.outcome.is_none() {
                one.outcome = later.outcome.take();
            }
            is_same
        });
        if let Some(most) = self.wanted.last {
            entries.drain(..entries.len().saturating_sub(most));
        }
        for entry in entries.iter_mut().filter(|entry| entry.outcome.is_none()) {
            let line = entry.line.map(|line| line.to_string()).unwrap_or_default();
            entry.outcome =
                self.outcomes.get(&format!("{}.{line}", entry.process)).map(|(ended, _)| ended.clone());
        }
        self.outcomes.retain(|_, (_, is_of_another)| *is_of_another);
    }
}

impl Entry {
    fn place(&self) -> (Option<Timestamp>, &str, Option<u64>) {
        (self.at, &self.process, self.line)
    }
}

fn entry(line: &Value, intent: &Value) -> Entry {
    let names = ["tenant", "service", "account"].map(|name| text(intent, name));
    let object: Vec<&str> = names.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    let [_, service, _] = &names;
    Entry {
        at: line.get("time").and_then(Value::as_i64).map(Timestamp::from_unix_nanos),
        process: text(line, "writer"),
        line: line.get("seq").and_then(Value::as_u64),
        principal: text(intent, "principal"),
        action: text(intent, "action"),
        object: if object.is_empty() { "-".to_owned() } else { object.join("/") },
        service: (!service.is_empty()).then(|| service.clone()),
        decision: match text(intent, "decision").as_str() {
            "deny" => "denied".to_owned(),
            _ => "allowed".to_owned(),
        },
        reason: text(intent, "reason"),
        outcome: None,
    }
}

fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    }
}

fn object(entry: &Entry) -> Value {
    json!({
        "at": entry.at.map(utc),
        "process": entry.process,
        "line": entry.line,
        "principal": entry.principal,
        "action": entry.action,
        "object": entry.object,
        "decision": entry.decision,
        "reason": entry.reason,
        "outcome": entry.outcome,
    })
}
