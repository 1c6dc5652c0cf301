//! A trail that somebody changed, and checkpoints that were kept elsewhere.

use std::path::{Path, PathBuf};

use grantry::SqliteVault;
use grantry::vault::audit::JsonLines;
use grantry::vault::{RecordKind, RecordPrefix, Vault};
use serde_json::{Value, json};

use crate::fixture::{Home, server};

const VERIFY: &[&str] = &["audit", "verify"];

/// A home in which something was done.
async fn used() -> Home {
    let (home, server) = (Home::new(), server().await);
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    home.run(&["auth", "refresh", "--service", "crm"]).await.ends(0);
    home
}

fn database(home: &Home) -> PathBuf {
    home.vault().join("grantry.db")
}

/// Copies a store with all of its files, so that nothing else is left of what was there.
fn copy_store(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in ["grantry.db", "grantry.db-wal", "grantry.db-shm"] {
        let _ = std::fs::remove_file(to.join(file));
        if from.join(file).exists() {
            std::fs::copy(from.join(file), to.join(file)).unwrap();
        }
    }
}

/// Takes a batch of lines out of the store, which is not the last of its process; says whose, and which line was its first.
async fn take_lines_out(home: &Home) -> (String, u64) {
    let store = SqliteVault::open(database(home)).await.unwrap();
    let page = store.list(&RecordPrefix::deployment(RecordKind::Audit), None, 1000).await.unwrap();
    let batches: Vec<(&str, u64)> = page
        .records
        .iter()
        .filter_map(|(key, _)| key.account().split_once('/'))
        .map(|(process, line)| (process, line.parse().unwrap()))
        .collect();
    // The first of a process would be missed in another way: its chain would not begin.
    let of = |at: usize| batches.iter().filter(|(process, _)| *process == batches[at].0).count();
    let at =
        (1..batches.len()).find(|at| batches[*at].1 > 0 && of(*at) > 2 && batches[*at + 1].1 > 0).unwrap();
    let (process, line) = batches[at];
    let name = format!("{process}/{line:020}");
    let (key, record) = page.records.iter().find(|(key, _)| key.account() == name).unwrap();
    store.remove(key, &record.revision).await.unwrap();
    (process.to_owned(), line)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_with_lines_taken_out_is_broken_and_the_process_and_the_lines_are_named() {
    let home = used().await;
    let (process, line) = take_lines_out(&home).await;
    let ran = home.run(VERIFY).await.ends(6);
    let place = format!("{line}");
    let of = format!(" of process {process}: lines are missing before this\n");
    assert!(ran.stdout.starts_with("broken: line") && ran.stdout.contains(&place), "{}", ran.stdout);
    assert!(ran.stdout.ends_with(&of) && ran.stdout.lines().count() == 1, "{}", ran.stdout);

    let json = home.run(&[VERIFY, &["--json"]].concat()).await.ends(6).json();
    assert_eq!(json["intact"], false, "{json}");
    let places = json["places"].as_array().unwrap();
    assert_eq!(places.len(), 1, "{json}");
    assert_eq!((&places[0]["process"], &places[0]["kind"]), (&json!(process), &json!("missing")));
    assert_eq!(places[0]["line"], json!(line));
    assert!(places[0]["last_line"].as_u64() >= Some(line), "{json}");
    let breaks: Vec<&str> = json["breaks"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(breaks, [ran.stdout.trim().strip_prefix("broken: ").unwrap()]);
    // The process is found in the trail, too.
    let shown = home.run(&["audit", "show", "--json"]).await.ends(0).json();
    let entries = shown["entries"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["process"] == json!(process)), "{shown}");
    assert!(entries.iter().all(|entry| entry["line"].is_u64()), "{shown}");

    // No checkpoint makes it whole again.
    let write = [VERIFY, &["--write-checkpoint", "kept.jsonl"]].concat();
    let refused = home.run(&write).await.ends(6);
    assert!(refused.stderr.contains("no checkpoint was written"), "{}", refused.stderr);
    let json = home.run(&[&write[..], &["--json"]].concat()).await.ends(6).json();
    assert_eq!(json["checkpoints_written"], Value::Null);
    assert!(!home.folder.path().join("kept.jsonl").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_was_cut_off_is_found_by_the_checkpoints_that_the_command_wrote() {
    let home = used().await;
    let older = home.folder.path().join("older");
    home.run(&["vault", "rotate-keys"]).await.ends(0);
    copy_store(&home.vault(), &older);
    home.run(&["auth", "set", "--service", "crm", "--scope", "contacts.write"]).await.ends(0);
    let write = [VERIFY, &["--write-checkpoint", "kept.jsonl"]].concat();
    let ran = home.run(&write).await.ends(0);
    let kept = std::fs::read_to_string(home.folder.path().join("kept.jsonl")).unwrap();
    let said = format!("wrote the checkpoints of {} processes to kept.jsonl\n", kept.lines().count());
    assert!(kept.lines().count() >= 4 && ran.stderr == said, "{}{kept}", ran.stderr);
    let checked = [VERIFY, &["--checkpoint", "kept.jsonl"]].concat();
    assert!(home.run(&checked).await.ends(0).stdout.starts_with("intact: "));
    // Once more over the same file: it is read first, and then has what is new.
    let both = [&checked[..], &["--write-checkpoint", "kept.jsonl"]].concat();
    home.run(&both).await.ends(0);
    let newer = std::fs::read_to_string(home.folder.path().join("kept.jsonl")).unwrap();
    assert!(newer.lines().count() > kept.lines().count(), "the commands since then have written their own");

    // Somebody sets the store back.
    copy_store(&older, &home.vault());
    assert!(home.run(VERIFY).await.ends(0).stdout.starts_with("intact: "), "by itself it cannot know");
    let cut = home.run(&checked).await.ends(6);
    assert!(
        cut.stdout.contains(" of process ") && cut.stdout.contains("the end of a chain is missing"),
        "{cut:?}"
    );
    let json = home.run(&[&checked[..], &["--json"]].concat()).await.ends(6).json();
    let places = json["places"].as_array().unwrap();
    assert!(!places.is_empty() && places.iter().all(|place| place["kind"] == "truncated"), "{json}");
    // What is kept stays as it was: it still tells.
    home.run(&both).await.ends(6);
    assert_eq!(std::fs::read_to_string(home.folder.path().join("kept.jsonl")).unwrap(), newer);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_checkpoint_and_where_none_can_be_written_is_said_with_its_file() {
    let home = used().await;
    let file = home.folder.path().join("kept.jsonl");
    for (text, why) in
        [("", "it is empty"), ("\n\n", "it is empty"), ("{}", "kept.jsonl"), ("x", "kept.jsonl")]
    {
        std::fs::write(&file, text).unwrap();
        let refused = home.run(&[VERIFY, &["--checkpoint", "kept.jsonl"]].concat()).await.ends(2);
        assert!(refused.stderr.contains(why) && refused.stderr.contains("--write-checkpoint"), "{refused:?}");
    }
    home.run(&[VERIFY, &["--checkpoint", "not-there"]].concat()).await.ends(2);
    let nowhere = home.run(&[VERIFY, &["--write-checkpoint", "no/such/folder"]].concat()).await.ends(1);
    assert!(nowhere.stderr.contains("no/such/folder cannot be written"), "{}", nowhere.stderr);
    let left = std::fs::read_dir(home.folder.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".new")), "{left:?}");
}

/// A home whose trail is in a folder, and not in the vault, in which something was done.
async fn used_with_folder() -> (Home, PathBuf) {
    let (home, server) = (Home::new(), server().await);
    let config = r#"{ "vault": { "type": "sqlite", "path": "kept/store.db" }, "audit": { "vault": false, "folder": "trail" } }"#;
    std::fs::write(home.folder.path().join("grantry.json"), config).unwrap();
    let mut home = home;
    home.variables.push(("GRANTRY_CONFIG", "grantry.json".to_owned()));
    home.set(&server).await.ends(0);
    home.run(&["auth", "token", "--service", "crm"]).await.ends(0);
    let folder = home.folder.path().join("trail");
    (home, folder)
}

/// The file of a process that ended in order and has more than a few lines, and what stands in it.
fn longest(folder: &Path) -> (PathBuf, Vec<String>) {
    let read = |path: PathBuf| {
        let lines: Vec<String> = std::fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
        (path, lines)
    };
    JsonLines::files(folder).unwrap().into_iter().map(read).max_by_key(|(_, lines)| lines.len()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_in_a_folder_is_shown_and_verified_with_the_checkpoints_in_it() {
    let (home, folder) = used_with_folder().await;
    let shown = home.run(&["audit", "show", "--service", "crm"]).await.ends(0);
    let first = shown.stdout.lines().nth(1).unwrap();
    assert!(first.contains("default/crm") && first.contains("person:ana"), "{}", shown.stdout);
    assert!(shown.stdout.contains("token.use") && shown.stderr.is_empty(), "{shown:?}");
    let entries = |ran: crate::fixture::Ran| ran.ends(0).json()["entries"].as_array().unwrap().clone();
    let all = entries(home.run(&["audit", "show", "--json"]).await);
    let last = entries(home.run(&["audit", "show", "--json", "--last", "5"]).await);
    assert!(last.len() == 5 && all.len() > 5 && all.iter().any(|entry| entry["outcome"] == "ok"), "{all:?}");

    let write = [VERIFY, &["--write-checkpoint", "kept.jsonl"]].concat();
    let ran = home.run(&write).await.ends(0);
    assert!(
        ran.stdout.starts_with("intact: ") && ran.stderr.starts_with("wrote the checkpoints of "),
        "{ran:?}"
    );
    let checked = [VERIFY, &["--checkpoint", "kept.jsonl"]].concat();
    assert!(home.run(&checked).await.ends(0).stderr.is_empty());
    let json = home.run(&[VERIFY, &["--json"]].concat()).await.ends(0).json();
    assert!(json["lines"].as_u64() > Some(20) && json["torn"] == json!([]), "{json}");

    // All files of a process are gone, and only the checkpoint knows of it.
    let (path, _) = longest(&folder);
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    std::fs::rename(&path, home.folder.path().join("away")).unwrap();
    home.run(VERIFY).await.ends(0);
    let cut = home.run(&checked).await.ends(6);
    assert!(cut.stdout.contains("the end of a chain is missing"), "{cut:?}");
    let process = name.strip_prefix("audit-").unwrap().rsplit_once('-').unwrap().0;
    assert!(cut.stdout.contains(process) && cut.stderr.contains("moved out of"), "{cut:?}");
    std::fs::rename(home.folder.path().join("away"), &path).unwrap();
    home.run(&checked).await.ends(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_in_a_file_of_a_trail_is_said_with_its_file_and_line() {
    let (home, folder) = used_with_folder().await;
    let (path, lines) = longest(&folder);
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let written = |lines: &[String]| lines.join("\n") + "\n";
    let without: Vec<String> = [&lines[..1], &lines[2..]].concat();
    let edited: Vec<String> = lines.iter().map(|line| line.replace("person:ana", "person:bob")).collect();
    let garbage: Vec<String> = [&lines[..], &["\u{1b}[2Jx".to_owned()]].concat();
    for (text, kind, at) in [
        (written(&without), "missing", 2),
        (written(&edited), "edited", 2),
        (written(&garbage), "unreadable", lines.len() as u64 + 1),
    ] {
        std::fs::write(&path, text).unwrap();
        let ran = home.run(VERIFY).await.ends(6);
        let place = format!("trail/{name}:{at}");
        assert!(ran.stdout.starts_with("broken: ") && ran.stdout.contains(&place), "{}", ran.stdout);
        let json = home.run(&[VERIFY, &["--json"]].concat()).await.ends(6).json();
        let places = json["places"].as_array().unwrap();
        let found = places.iter().find(|place| place["kind"] == kind).unwrap_or_else(|| panic!("{json}"));
        assert!(found["file"].as_str().unwrap().ends_with(&name) && found["line_of_file"] == at, "{json}");
    }
    let shown = home.run(&["audit", "show"]).await.ends(0);
    assert!(shown.stderr.contains("1 line is not shown, being no line of a trail"), "{}", shown.stderr);

    // What a crash leaves breaks nothing, and is told.
    std::fs::write(&path, &written(&lines)[..written(&lines).len() - 20]).unwrap();
    let torn = home.run(VERIFY).await.ends(0);
    let told = format!("{name}:{} ends in the middle of a line", lines.len());
    assert!(torn.stdout.starts_with("intact: ") && torn.stderr.contains(&told), "{torn:?}");
    let json = home.run(&[VERIFY, &["--json"]].concat()).await.ends(0).json();
    assert_eq!(json["torn"][0]["line"], lines.len(), "{json}");
    assert!(json["torn"][0]["file"].as_str().unwrap().ends_with(&name), "{json}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trail_in_both_places_is_compared_and_shown_once() {
    let (home, server) = (Home::new(), server().await);
    std::fs::write(home.folder.path().join("grantry.json"), r#"{ "audit": { "folder": "trail" } }"#).unwrap();
    home.set(&server).await.ends(0);
    let with = |arguments: &[&'static str]| [arguments, &["--config", "grantry.json"]].concat();
    for _ in 0..2 {
        home.run(&with(&["auth", "refresh", "--service", "crm"])).await.ends(0);
    }
    let of_service = ["audit", "show", "--json", "--service", "crm"];
    let one = home.run(&of_service).await.ends(0).json();
    let both = home.run(&with(&of_service)).await.ends(0).json();
    assert!(one["entries"].as_array().unwrap().len() > 5);
    assert_eq!(one["entries"], both["entries"]);
    home.run(&with(VERIFY)).await.ends(0);
    let (path, lines) = longest(&home.folder.path().join("trail"));
    std::fs::write(&path, lines[2..].join("\n").replace("crm", "cms")).unwrap();
    let broken = home.run(&with(VERIFY)).await.ends(6);
    assert!(broken.stdout.contains("trail/audit-"), "{}", broken.stdout);
    assert!(home.run(VERIFY).await.ends(0).stdout.starts_with("intact: "), "the vault's own is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_trail_that_cannot_be_read_is_an_error_that_says_what_to_do() {
    let (home, folder) = used_with_folder().await;
    let pipe = folder.join("audit-x.jsonl");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for looks in [VERIFY, &["audit", "show"]] {
        let ran = home.run(looks).await.ends(6);
        assert!(ran.stderr.contains("audit-x.jsonl cannot be read: it is no regular file"), "{}", ran.stderr);
        assert!(ran.stderr.contains("to do: look at what lies there"), "{}", ran.stderr);
    }
    std::fs::remove_file(&pipe).unwrap();
    let nobody = home.run(&["audit", "show", "--service", "erp"]).await.ends(0);
    assert_eq!(nobody.stderr, "nothing was done with erp yet\n");
    let config = r#"{ "vault": { "type": "sqlite", "path": "kept/store.db" }, "audit": { "vault": false, "folder": "grantry.json/x" } }"#;
    std::fs::write(home.folder.path().join("blocked.json"), config).unwrap();
    let blocked = home.run(&["auth", "list", "--config", "blocked.json"]).await.ends(6);
    assert!(
        blocked.stderr.contains("the folder that a configuration has for the trail"),
        "{}",
        blocked.stderr
    );
    std::fs::rename(&folder, home.folder.path().join("away")).unwrap();
    let gone = home.run(VERIFY).await.ends(0);
    assert!(
        gone.stderr.starts_with("warning: the folder ") && gone.stderr.contains("is not there"),
        "{gone:?}"
    );
}
