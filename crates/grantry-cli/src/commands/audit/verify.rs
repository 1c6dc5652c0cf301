//! `audit verify`: whether it is as it was written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use grantry::vault::PrincipalVault;
use grantry::vault::audit::{At, Break, BreakKind, Checkpoint, WriterId};
use serde_json::{Value, json};

use super::super::After;
use super::trail::Trail;
use crate::arguments::AuditVerify;
use crate::console::Console;
use crate::failed::{Failed, NOT_FOUND, VAULT};
use crate::session::Session;
use crate::spoken::count;

pub(crate) async fn verify(
    console: &Console,
    session: &Session,
    verify: &AuditVerify,
) -> Result<After, Failed> {
    let mut kept = Vec::new();
    for path in &verify.checkpoint {
        kept.extend(read(path)?);
    }
    let trail = Trail::of(session).await?;
    let newest = match verify.write_checkpoint {
        Some(_) => newest(&trail).await?,
        None => Vec::new(),
    };
    // Those that are to be written, too: what is written was verified, whatever becomes of the store in between.
    kept.extend(newest.iter().cloned());
    let files = trail.files()?;
    if files.is_none() {
        trail.tell_gone(console);
    }
    let report = trail.vault.verify_audit_in(kept, files.unwrap_or_default()).await?;
    let written = match &verify.write_checkpoint {
        Some(path) if report.is_intact() => {
            if newest.is_empty() {
                let fact = "there is no checkpoint in the trail yet, so that none can be kept";
                return Err(Failed::new(NOT_FOUND, fact).with_remedy("run it again once a process has ended"));
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
            "torn": report.torn().iter().map(|at| json!({ "file": &*at.source, "line": at.line })).collect::<Vec<_>>(),
            "unlisted_breaks": report.unlisted_breaks(),
            "attempts_without_outcome": report.orphans().len(),
            "checkpoints_written": written.map(|_| newest.len()),
        }))?;
    } else if report.is_intact() {
        let processes = count(report.writers().count(), "process", "processes");
        console.data(&format!("intact: {} of {processes}\n", count(lines, "line", "lines")))?;
        if let Some(path) = written {
            console.note(&format!(
                "wrote the checkpoints of {} to {}",
                count(newest.len(), "process", "processes"),
                path.display()
            ));
        }
    } else {
        for found in report.breaks() {
            console.data(&format!("broken: {}\n", spoken(found)))?;
        }
        if report.unlisted_breaks() > 0 {
            console.note(&format!("and in {} more", count(report.unlisted_breaks(), "place", "places")));
        }
        if verify.write_checkpoint.is_some() {
            console.note("no checkpoint was written");
        }
        let is_gone = |found: &Break| matches!(found.kind, BreakKind::Missing | BreakKind::Truncated);
        if let Some(folder) = trail.folder.as_ref().filter(|_| report.breaks().iter().any(is_gone)) {
            console.note(&format!(
                "if files were moved out of {}, bring back those with these processes in their names, and run it again",
                folder.display()
            ));
        }
    }
    for torn in report.torn().iter().filter(|_| !console.json) {
        console.note(&format!(
            "{torn} ends in the middle of a line: the process that wrote it was stopped there, or is at it now"
        ));
    }
    Ok(After::End(if report.is_intact() { 0 } else { VAULT }))
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
async fn newest(trail: &Trail) -> Result<Vec<Checkpoint>, Failed> {
    let mut newest: BTreeMap<WriterId, Checkpoint> = BTreeMap::new();
    let take = |line: &str| {
        let Ok(checkpoint) = Checkpoint::from_json(line) else { return };
        let is_newer = |known: &Checkpoint| known.seq() < checkpoint.seq();
        if newest.get(&checkpoint.writer()).is_none_or(is_newer) {
            newest.insert(checkpoint.writer(), checkpoint);
        }
    };
    trail.each(take).await?;
    Ok(newest.into_values().collect())
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

/// What is broken, in which file, and in whose chain. A line has its number there.
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
    let file = in_file(found).map(At::to_string).unwrap_or_default();
    let places: Vec<String> = [file, place].into_iter().filter(|place| !place.is_empty()).collect();
    [places, vec![found.kind.to_string()]].concat().join(": ")
}

/// Where it was noticed, if that was in a file.
fn in_file(found: &Break) -> Option<&At> {
    found.at.as_ref().filter(|at| &*at.source != PrincipalVault::OWN_STORE)
}

fn place(found: &Break) -> Value {
    json!({
        "process": found.writer.map(|writer| writer.to_string()),
        "line": found.seq,
        "last_line": found.through.or(found.seq),
        "kind": kind(found.kind),
        "file": in_file(found).map(|at| at.source.to_string()),
        "line_of_file": in_file(found).map(|at| at.line),
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
        BreakKind::SecondOutcome => "second_outcome",
        _ => "other",
    }
}
