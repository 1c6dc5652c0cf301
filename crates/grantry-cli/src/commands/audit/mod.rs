//! `audit show` and `audit verify`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::path::Path;

use grantry::Timestamp;
use grantry::vault::PrincipalVault;
use grantry::vault::audit::{Break, BreakKind, Checkpoint, WriterId};
use grantry_config::Config;
use serde_json::{Value, json};

use super::After;
use crate::arguments::{AuditShow, AuditVerify};
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, VAULT};
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

pub(super) async fn show(console: &Console, session: &Session, show: &AuditShow) -> Result<After, Failed> {
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

pub(super) async fn verify(
    console: &Console,
    session: &Session,
    verify: &AuditVerify,
) -> Result<After, Failed> {
    let mut kept = Vec::new();
    for path in &verify.checkpoint {
        kept.extend(read(path)?);
    }
    let vault = session.vault().await?;
    tell_elsewhere(console, session);
    let newest = match verify.write_checkpoint {
        Some(_) => newest(&vault).await?,
        None => Vec::new(),
    };
    // Those that are to be written, too: what is written was verified, whatever becomes of the store in between.
    kept.extend(newest.iter().cloned());
    let report = vault.verify_audit(kept).await?;
    let written = match &verify.write_checkpoint {
        Some(path) if report.is_intact() => {
            if newest.is_empty() {
                let fact = "there is no checkpoint in the vault's own store, so that none can be kept";
                return Err(Failed::new(NOT_FOUND, fact).with_remedy(
                    "run it again once a process has ended; where the configuration has the trail elsewhere, keep those of the \
                     folder that it names",
                ));
            }
            write(path, &newest)?;
            Some(path)
        }
        // One of a trail that was cut would have the next verification pass.
        _ => None,
    };
    let lines: u64 = report.writers().map(|(_, summary)| summary.lines).sum();
    if console.json {
        console.object(json!({
            "intact": report.is_intact(),
            "lines": lines,
            "writers": report.writers().count(),
            "breaks": report.breaks().iter().map(spoken).collect::<Vec<_>>(),
            "places": report.breaks().iter().map(place).collect::<Vec<_>>(),
            "unlisted_breaks": report.unlisted_breaks(),
            "attempts_without_outcome": report.orphans().len(),
            "checkpoints_written": written.map(|_| newest.len()),
        }))?;
    } else if report.is_intact() {
        console.data(&format!("intact: {lines} lines of {} processes\n", report.writers().count()))?;
        if let Some(path) = written {
            console.note(&format!(
                "wrote the checkpoints of {} processes to {}",
                newest.len(),
                path.display()
            ));
        }
    } else {
        for found in report.breaks() {
            console.data(&format!("broken: {}\n", spoken(found)))?;
        }
        if report.unlisted_breaks() > 0 {
            console.note(&format!("and in {} places more", report.unlisted_breaks()));
        }
        if verify.write_checkpoint.is_some() {
            console.note("no checkpoint was written");
        }
    }
    Ok(After::End(if report.is_intact() { 0 } else { VAULT }))
}

/// Says where the rest of the trail is, where a configuration has it elsewhere: what is said of the vault's own part would
/// pass for all of it.
fn tell_elsewhere(console: &Console, session: &Session) {
    let Some(audit) = session.config.as_ref().and_then(Config::audit).filter(|audit| !audit.in_vault) else {
        return;
    };
    let folder = audit.folder.as_ref().map(|folder| folder.display().to_string());
    console.warn(&format!(
        "the configuration keeps the trail in {}, and not in the vault: this is about what the vault has of it",
        folder.as_deref().unwrap_or("another place")
    ));
}

/// The checkpoints of a file, which has one on each line.
fn read(path: &Path) -> Result<Vec<Checkpoint>, Failed> {
    let shown = path.display();
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| Failed::usage(format!("{shown} cannot be read: {error}")))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parsed: Result<Vec<_>, _> = lines.map(Checkpoint::from_json).collect();
    let none = |why: String| {
        Failed::usage(format!("{shown} has no checkpoints: {why}"))
            .with_remedy("name a file that grantry audit verify --write-checkpoint wrote")
    };
    match parsed {
        Ok(checkpoints) if checkpoints.is_empty() => Err(none("it is empty".to_owned())),
        Ok(checkpoints) => Ok(checkpoints),
        Err(error) => Err(none(error.to_string())),
    }
}

/// The newest checkpoint of each process that has written one.
async fn newest(vault: &PrincipalVault) -> Result<Vec<Checkpoint>, Failed> {
    let mut newest: BTreeMap<WriterId, Checkpoint> = BTreeMap::new();
    let mut after = None;
    loop {
        let (lines, next) = vault.audit_lines(after.as_ref()).await?;
        for checkpoint in lines.iter().filter_map(|line| Checkpoint::from_json(line).ok()) {
            let is_newer = |known: &Checkpoint| known.seq() < checkpoint.seq();
            if newest.get(&checkpoint.writer()).is_none_or(is_newer) {
                newest.insert(checkpoint.writer(), checkpoint);
            }
        }
        match next {
            Some(_) => after = next,
            None => return Ok(newest.into_values().collect()),
        }
    }
}

/// The file has either all of it or what it had before.
fn write(path: &Path, checkpoints: &[Checkpoint]) -> Result<(), Failed> {
    let text: String =
        checkpoints.iter().map(|checkpoint| format!("{}\n", checkpoint.line().to_json())).collect();
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = Path::new(&beside);
    let written = File::create(beside)
        .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(beside, path));
    written.map_err(|error| {
        // What is half written is of no use.
        let _ = std::fs::remove_file(beside);
        Failed::new(1, format!("{} cannot be written: {error}", path.display()))
    })
}

/// What is broken, and in whose chain. A line has its number there.
fn spoken(found: &Break) -> String {
    let lines = match (found.seq, found.through) {
        (Some(first), Some(last)) if last > first => format!("lines {first} to {last}"),
        (Some(line), _) => format!("line {line}"),
        (None, _) => String::new(),
    };
    let process = found.writer.map(|writer| format!("process {writer}")).unwrap_or_default();
    let place = match (lines.is_empty(), process.is_empty()) {
        (false, false) => format!("{lines} of {process}"),
        _ => lines + &process,
    };
    if place.is_empty() { found.kind.to_string() } else { format!("{place}: {}", found.kind) }
}

fn place(found: &Break) -> Value {
    json!({
        "process": found.writer.map(|writer| writer.to_string()),
        "line": found.seq,
        "last_line": found.through.or(found.seq),
        "kind": kind(found.kind),
    })
}

fn kind(kind: BreakKind) -> &'static str {
    match kind {
        BreakKind::Unreadable => "unreadable",
        BreakKind::Foreign => "foreign",
        BreakKind::Edited => "edited",
        BreakKind::Missing => "missing",
        BreakKind::Inserted => "inserted",
        BreakKind::Reordered => "reordered",
        BreakKind::Truncated => "truncated",
        BreakKind::Forked => "forked",
        BreakKind::Signature => "signature",
        BreakKind::Unlinked => "unlinked",
        _ => "other",
    }
}
