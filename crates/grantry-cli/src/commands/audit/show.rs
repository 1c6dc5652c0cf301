//! `audit show`: who did what, the oldest first.

use std::collections::HashMap;

use grantry::Timestamp;
use serde_json::{Value, json};

use super::super::After;
use super::tell_elsewhere;
use crate::arguments::AuditShow;
use crate::console::Console;
use crate::failed::Failed;
use crate::session::Session;
use crate::spoken::utc;
use crate::table::{Cell, Table, Tone};

/// How many entries more than those that are wanted are held until they are sorted out.
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
    let vault = session.vault().await?;
    tell_elsewhere(console, session);
    let mut entries: Vec<Entry> = Vec::new();
    let mut outcomes: HashMap<String, String> = HashMap::new();
    let mut after = None;
    loop {
        let (lines, next) = vault.audit_lines(after.as_ref()).await?;
        for line in lines {
            let Ok(line) = serde_json::from_str::<Value>(&line) else { continue };
            if let Some(outcome) = line.get("outcome") {
                let ended = [text(outcome, "ended"), text(outcome, "kind")];
                outcomes.insert(text(outcome, "attempt"), ended.join(" ").trim().to_owned());
            }
            let entry = line.get("intent").map(|intent| entry(&line, intent));
            let is_wanted = |entry: &Entry| show.service.is_none() || entry.service == show.service;
            entries.extend(entry.filter(is_wanted));
            // Each process wrote a chain of its own, and they come one after the other.
            if show.last.is_some_and(|most| entries.len() > most.saturating_add(SPARE)) {
                oldest_first(&mut entries, show.last);
            }
        }
        match next {
            Some(_) => after = next,
            None => break,
        }
    }
    oldest_first(&mut entries, show.last);
    for entry in &mut entries {
        let line = entry.line.map(|line| line.to_string()).unwrap_or_default();
        entry.outcome = outcomes.remove(&format!("{}.{line}", entry.process));
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
        console.note("nothing was done yet");
        return Ok(After::DONE);
    }
    console.table(&table)?;
    Ok(After::DONE)
}

/// Sorts by time, and keeps the last so many.
fn oldest_first(entries: &mut Vec<Entry>, most: Option<usize>) {
    entries.sort_by_key(|entry| entry.at);
    if let Some(most) = most {
        entries.drain(..entries.len().saturating_sub(most));
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
