//! Lines in files, crashes included.

use std::fs::{self, OpenOptions};
use std::io::{BufReader, Write as _};
use std::path::Path;

use super::*;

fn read(folder: &Path, kept: Option<Checkpoint>) -> Report {
    let mut verifier = Verifier::new(root());
    kept.into_iter().for_each(|kept| verifier.has_to_reach(kept));
    for path in JsonLines::files(folder).unwrap() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        verifier.read(&name, BufReader::new(fs::File::open(path).unwrap())).unwrap();
    }
    verifier.finish()
}

fn log_into(folder: &Path) -> AuditLog {
    builder().sink(JsonLines::new(folder)).build().unwrap()
}

async fn pairs(log: &AuditLog, count: usize) {
    for _ in 0..count {
        let attempt = log.intent(intent("a")).await.unwrap();
        log.outcome(attempt, Outcome::ok());
    }
}

#[tokio::test]
async fn two_processes_share_a_folder_without_mixing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("audit");
    let (one, two) = (log_into(&path), log_into(&path));
    tokio::join!(pairs(&one, 20), pairs(&two, 10));
    one.close().await.unwrap();
    two.close().await.unwrap();
    assert_eq!(JsonLines::files(&path).unwrap().len(), 2);
    let report = read(&path, two.last_checkpoint());
    assert!(report.is_intact() && report.orphans().is_empty() && report.torn().is_empty(), "{report:?}");
    assert_eq!(report.writers().map(|(_, w)| w.allowed).sum::<u64>(), 30);
    assert!(report.writers().all(|(_, w)| w.closed));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o700);
        assert!(JsonLines::files(&path).unwrap().iter().all(|file| mode(file) == 0o600));
    }
}

#[tokio::test]
async fn writers_may_share_a_sink() {
    let folder = tempfile::tempdir().unwrap();
    let sink = Arc::new(JsonLines::new(folder.path()));
    let log = || builder().sink(Arc::clone(&sink)).build().unwrap();
    let (one, two) = (log(), log());
    tokio::join!(pairs(&one, 20), pairs(&two, 20));
    one.close().await.unwrap();
    two.close().await.unwrap();
    let report = read(folder.path(), None);
    assert!(report.is_intact() && report.repeated() == 0, "{report:?}");
    assert_eq!(JsonLines::files(folder.path()).unwrap().len(), 2);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_batch_leaves_a_torn_end_and_the_next_process_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let log = log_into(folder.path());
    pairs(&log, 5).await;
    log.intent(intent("killed")).await.unwrap();
    let path = JsonLines::files(folder.path()).unwrap().remove(0);
    let whole = fs::read(&path).unwrap();
    // The crash cuts anywhere in the last line: here in its middle, and right before its newline.
    let start = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in [start + 1, (start + whole.len()) / 2, whole.len() - 1] {
        fs::write(&path, &whole[..cut]).unwrap();
        let next = log_into(folder.path());
        pairs(&next, 3).await;
        next.close().await.unwrap();
        let report = read(folder.path(), None);
        assert!(report.is_intact(), "{report:?}");
        let torn = usize::from(cut != whole.len() - 1);
        assert_eq!((report.torn().len(), report.orphans().len()), (torn, 1 - torn));
        // A line that is torn but ends with a newline was not torn by a crash.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"\n").unwrap();
        assert_eq!(read(folder.path(), None).is_intact(), torn == 0);
    }
}

#[tokio::test]
async fn a_batch_that_was_written_half_goes_to_the_next_part_whole() {
    let folder = tempfile::tempdir().unwrap();
    let lines = chain(&root(), 1, 9, "a");
    // The first part ends in the middle of line 8; nobody knew, so lines 5 on were written again.
    let all = texts(&lines);
    let name = |part| folder.path().join(format!("audit-{}-{part:08}.jsonl", lines[0].writer()));
    let mut torn = joined(&all[..8]);
    torn.extend_from_slice(&all[8].as_bytes()[..40]);
    fs::write(name(0), torn).unwrap();
    fs::write(name(1), joined(&all[5..])).unwrap();
    let report = read(folder.path(), lines.last().and_then(AuditLine::checkpoint));
    assert!(report.is_intact(), "{report:?}");
    assert_eq!((report.repeated(), report.torn().len()), (3, 1));
    // A part that is gone is told.
    fs::remove_file(name(0)).unwrap();
    let found = read(folder.path(), None).first_break().cloned().unwrap();
    assert_eq!((found.kind, found.seq, found.through), (BreakKind::Missing, Some(0), Some(4)));
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_refuses_until_it_can() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    fs::write(&path, "a file where the folder belongs").unwrap();
    let log = builder()
        .sink(JsonLines::new(&path))
        .patience(std::time::Duration::from_millis(200))
        .build()
        .unwrap();
    let error = log.intent(intent("a")).await.unwrap_err();
    assert!(error.is_passing() && !error.to_string().contains("audit-"));
    fs::remove_file(&path).unwrap();
    while log.health().waiting > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    log.close().await.unwrap();
    assert!(read(&path, log.last_checkpoint()).is_intact());
}

#[tokio::test]
async fn a_name_that_is_taken_is_never_written_to() {
    let folder = tempfile::tempdir().unwrap();
    let lines = chain(&root(), 1, 1, "a");
    let taken = folder.path().join(format!("audit-{}-00000000.jsonl", lines[0].writer()));
    fs::write(&taken, "").unwrap();
    let sink = JsonLines::new(folder.path());
    sink.append(&lines).await.unwrap();
    assert_eq!(fs::read(&taken).unwrap(), b"");
    assert!(read(folder.path(), None).is_intact());
    assert_eq!(JsonLines::files(folder.path()).unwrap().len(), 2);
}

#[tokio::test]
async fn what_stands_in_a_file_is_read_line_by_line_however_long_a_line_is() {
    let folder = tempfile::tempdir().unwrap();
    let lines = chain(&root(), 1, 1, "a");
    let mut bytes = joined(&texts(&lines[..1]));
    bytes.extend_from_slice(&[b'x'; 300_000]);
    bytes.extend_from_slice(b"\n\xff\n\n");
    bytes.extend_from_slice(lines[1].to_json().as_bytes());
    let path = folder.path().join("audit-x.jsonl");
    fs::write(&path, &bytes).unwrap();
    let read: Vec<_> = Lines::open(&path).unwrap().map(Result::unwrap).collect();
    let line = |nth: usize| LineRead::Line(lines[nth].clone());
    let bad = || LineRead::Unreadable;
    assert_eq!(read, [line(0), bad(), bad(), bad(), line(1)]);
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let last = Lines::open(&path).unwrap().last().unwrap().unwrap();
    assert_eq!(last, LineRead::Torn);
    assert!(Lines::open(folder.path()).is_err(), "a folder");
}
