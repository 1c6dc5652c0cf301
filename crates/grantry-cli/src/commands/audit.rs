//! `audit show` and `audit verify`.

use std::collections::HashMap;

use grantry::Timestamp;
use grantry::vault::audit::{BreakKind, Checkpoint};
use serde_json::{Value, json};

use super::After;
use crate::arguments::{AuditShow, AuditVerify};
use crate::console::Console;
use crate::failed::{Failed, VAULT};
use crate::session::Session;
use crate::spoken::utc;
use crate::table::{Cell, Table, Tone};

/// How many entries more than those that are wanted are held until they are sorted out.
const SPARE: usize = 1024;

/// An entry: what somebody wanted, and how it ended.
struct Entry {
    at: Option<Timestamp>,
    attempt: String,
    principal: String,
    action: String,
    object: String,
    service: Option<String>,
    decision: String,
    reason: String,
    outcome: Option<String>,
}

pub(super) async fn show(console: &Console, session: &Session, show: &AuditShow) -> Result<After, Failed> {
    let vault = session.vault().await?;
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
        entry.outcome = outcomes.remove(&entry.attempt);
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
        attempt: format!("{}.{}", text(line, "writer"), text(line, "seq")),
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
        "principal": entry.principal,
        "action": entry.action,
        "object": entry.object,
        "decision": entry.decision,
        "reason": entry.reason,
        "outcome": entry.outcome,
    })
}

pub(super) async fn verify(
    console: &Console,
    session: &Session,
    verify: &AuditVerify,
) -> Result<After, Failed> {
    let mut kept = Vec::new();
    for path in &verify.checkpoint {
        let shown = path.display();
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failed::usage(format!("{shown} cannot be read: {error}")))?;
        let checkpoint = Checkpoint::from_json(text.trim());
        kept.push(checkpoint.map_err(|error| Failed::usage(format!("{shown} is no checkpoint: {error}")))?);
    }
    let vault = session.vault().await?;
    let report = vault.verify_audit(kept).await?;
    let breaks: Vec<String> = report.breaks().iter().map(|found| spoken(found.kind, found.seq)).collect();
    let lines: u64 = report.writers().map(|(_, summary)| summary.lines).sum();
    if console.json {
        console.object(json!({
            "intact": report.is_intact(),
            "lines": lines,
            "writers": report.writers().count(),
            "breaks": breaks,
            "unlisted_breaks": report.unlisted_breaks(),
            "attempts_without_outcome": report.orphans().len(),
        }))?;
    } else if report.is_intact() {
        console.data(&format!("intact: {lines} lines of {} processes\n", report.writers().count()))?;
    } else {
        for found in &breaks {
            console.data(&format!("broken: {found}\n"))?;
        }
    }
    Ok(After::End(if report.is_intact() { 0 } else { VAULT }))
}

fn spoken(kind: BreakKind, seq: Option<u64>) -> String {
    seq.map_or_else(|| kind.to_string(), |seq| format!("line {seq}: {kind}"))
}
