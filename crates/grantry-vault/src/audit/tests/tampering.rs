//! Every change of a chain is found, and called by its name.

use proptest::prelude::*;

use super::super::line::Parts;
use super::*;

/// A chain of 23 lines, and its last checkpoint as somebody kept it.
fn written() -> (Vec<AuditLine>, Option<Checkpoint>) {
    let lines = chain(&root(), 1, 9, "workload:billing");
    let kept = lines.last().and_then(AuditLine::checkpoint);
    assert_eq!(lines.len(), LINES);
    (lines, kept)
}

const LINES: usize = 22;

/// What to call a line that became `text`.
fn name_of_edit(was: &AuditLine, text: &[u8]) -> BreakKind {
    let Some(is) = std::str::from_utf8(text).ok().and_then(|text| AuditLine::from_json(text).ok()) else {
        return BreakKind::Unreadable;
    };
    if is.writer() != was.writer() {
        BreakKind::Foreign
    } else if (Parts { signature: None, ..is.parts().clone() })
        == (Parts { signature: None, ..was.parts().clone() })
    {
        BreakKind::Signature
    } else {
        BreakKind::Edited
    }
}

#[test]
fn what_was_written_verifies() {
    let (lines, kept) = written();
    let report = verify(&joined(&texts(&lines)), kept);
    assert!(report.is_intact() && report.orphans().is_empty() && report.torn().is_empty(), "{report:?}");
    let (writer, summary) = report.writers().next().unwrap();
    assert_eq!(writer, WriterId::from_bytes([1; 16]));
    assert_eq!((summary.lines, summary.allowed, summary.outcomes, summary.checkpoints), (22, 9, 9, 3));
    assert!(summary.closed);
    let checkpoint = lines.last().and_then(AuditLine::checkpoint).unwrap();
    assert_eq!((checkpoint.entries(), checkpoint.is_last()), (19, true));
    assert_eq!(checkpoint.counts().collect::<Vec<_>>(), [("grants", 17)]);
}

#[test]
fn a_line_is_read_from_its_one_text_only() {
    let (lines, _) = written();
    for line in &lines {
        let text = line.to_json();
        assert_eq!(AuditLine::from_json(&text).as_ref(), Ok(line));
        for other in [
            format!(" {text}"),
            text.replace(":", ": "),
            text.replacen("\"v\":1", "\"v\":1,\"v\":1", 1),
            text.replacen("\"v\":1", "\"v\":2", 1),
            text.replacen("\"v\":1", "\"v\":1,\"w\":1", 1),
            text.replace("acme", "\\u0061cme"),
            text.replace("acme", "ACME"),
        ] {
            assert!(other == text || AuditLine::from_json(&other).is_err(), "{other}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_edit_of_any_byte_is_found(line in 0..LINES, at in any::<prop::sample::Index>(), to in 0x20u8..0x7f) {
        let (lines, kept) = written();
        let mut texts: Vec<Vec<u8>> = texts(&lines).into_iter().map(String::into_bytes).collect();
        let at = at.index(texts[line].len());
        prop_assume!(texts[line][at] != to);
        texts[line][at] = to;
        let kind = name_of_edit(&lines[line], &texts[line]);
        let bytes = texts.iter().flat_map(|text| [text.as_slice(), b"\n"].concat()).collect::<Vec<_>>();
        let report = verify(&bytes, kept);
        prop_assert_eq!(first(&report), Some((kind, Some(line as u64 + 1))), "{:?}", report);
    }

    #[test]
    fn an_edit_of_any_bit_is_found(line in 0..LINES, at in any::<prop::sample::Index>(), bit in 0..8) {
        let (lines, kept) = written();
        let mut bytes = joined(&texts(&lines));
        let start: usize = texts(&lines)[..line].iter().map(|text| text.len() + 1).sum();
        let at = start + at.index(lines[line].to_json().len());
        bytes[at] ^= 1u8 << bit;
        let report = verify(&bytes, kept);
        prop_assert_eq!(first(&report).unwrap().1, Some(line as u64 + 1), "{:?}", report);
    }

    #[test]
    fn a_run_of_lines_that_is_gone_is_found(from in 0..LINES, count in 1..LINES) {
        let (mut lines, kept) = written();
        let to = (from + count).min(LINES);
        lines.drain(from..to);
        let report = verify(&joined(&texts(&lines)), kept);
        let found = report.first_break().unwrap();
        prop_assert_eq!(report.breaks().len(), 1);
        let kind = if to == LINES { BreakKind::Truncated } else { BreakKind::Missing };
        prop_assert_eq!((found.kind, found.seq, found.through), (kind, Some(from as u64), Some(to as u64 - 1)));
    }

    #[test]
    fn lines_that_changed_places_are_found(one in 0..LINES, other in 0..LINES) {
        prop_assume!(one != other);
        let (mut lines, kept) = written();
        lines.swap(one, other);
        let report = verify(&joined(&texts(&lines)), kept);
        prop_assert_eq!(report.breaks().len(), 1, "{:?}", report);
        prop_assert_eq!(first(&report), Some((BreakKind::Reordered, Some(one.min(other) as u64 + 1))));
    }

    #[test]
    fn a_copy_elsewhere_is_found(line in 0..LINES, to in 0..LINES) {
        // Right behind itself it is a batch of one line whose answer was lost.
        prop_assume!(to != line && to != line + 1);
        let (mut lines, kept) = written();
        lines.insert(to, lines[line].clone());
        let report = verify(&joined(&texts(&lines)), kept);
        let kind = if to > line { BreakKind::Inserted } else { BreakKind::Reordered };
        prop_assert_eq!(first(&report), Some((kind, Some(to as u64 + 1))), "{:?}", report);
    }

    #[test]
    fn a_changed_copy_is_found(line in 0..LINES, to in 0..=LINES) {
        let (mut lines, kept) = written();
        let mut parts = lines[line].parts().clone();
        parts.place.time = parts.place.time.after(std::time::Duration::from_nanos(1));
        lines.insert(to, AuditLine::new(parts));
        let report = verify(&joined(&texts(&lines)), kept);
        // At the end of a file nothing follows that would tell what was put in from what was changed.
        let kind = if to == LINES { BreakKind::Edited } else { BreakKind::Inserted };
        prop_assert_eq!(first(&report), Some((kind, Some(to as u64 + 1))), "{:?}", report);
    }

    #[test]
    fn lines_under_another_key_are_found(line in 0..LINES, to in 0..LINES, same_writer: bool) {
        let (mut lines, kept) = written();
        let forger = AuditKey::from_slice(&[8; 32]).unwrap();
        let writer = if same_writer { 1 } else { 2 };
        lines.insert(to, chain(&forger, writer, 9, "workload:billing")[line].clone());
        let report = verify(&joined(&texts(&lines)), kept);
        let kind = if same_writer { BreakKind::Inserted } else { BreakKind::Foreign };
        prop_assert_eq!(first(&report), Some((kind, Some(to as u64 + 1))), "{:?}", report);
        prop_assert_eq!(report.writers().count(), 1);
    }

    #[test]
    fn a_run_that_was_written_again_is_none_of_it(from in 0..LINES, reached in 0..LINES) {
        prop_assume!(from <= reached);
        let (lines, kept) = written();
        let again = [&lines[..=reached], &lines[from..]].concat();
        let report = verify(&joined(&texts(&again)), kept);
        prop_assert!(report.is_intact(), "{:?}", report);
        prop_assert_eq!(report.repeated(), (reached - from + 1) as u64);
        prop_assert_eq!(report.writers().next().unwrap().1.lines, LINES as u64);
    }

    #[test]
    fn bytes_of_any_kind_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut all = bytes.clone();
        all.push(b'\n');
        let report = verify(&all, None);
        prop_assert!(!report.is_intact());
    }
}

#[test]
fn an_end_without_its_lines_is_found_by_what_was_kept_elsewhere_only() {
    let (lines, kept) = written();
    let cut = joined(&texts(&lines[..12]));
    let report = verify(&cut, None);
    assert!(report.is_intact());
    assert!(!report.writers().next().unwrap().1.closed);
    let report = verify(&cut, kept.clone());
    assert_eq!(first(&report), Some((BreakKind::Truncated, None)));
    assert!(report.first_break().unwrap().to_string().contains("lines 12 to 21"));
    // All of it is gone.
    assert_eq!(first(&verify(b"", kept)), Some((BreakKind::Truncated, None)));
}

#[test]
fn a_kept_checkpoint_that_is_forged_is_told() {
    let (lines, _) = written();
    let forger = AuditKey::from_slice(&[8; 32]).unwrap();
    let forged = chain(&forger, 1, 9, "x").last().and_then(AuditLine::checkpoint);
    assert_eq!(first(&verify(&joined(&texts(&lines)), forged)), Some((BreakKind::Signature, None)));
}

#[test]
fn a_line_without_an_end_is_skipped_without_being_kept() {
    let (lines, kept) = written();
    let mut texts = texts(&lines);
    texts.insert(3, "x".repeat(300_000));
    assert_eq!(first(&verify(&joined(&texts), kept)), Some((BreakKind::Unreadable, Some(4))));
}

#[test]
fn far_numbers_cost_nothing() {
    let (lines, _) = written();
    let mut parts = lines[3].parts().clone();
    parts.place.seq = u64::MAX;
    parts.place.epoch = u64::MAX;
    let far = AuditLine::new(parts);
    let report = verify(&joined(&texts(&[lines[0].clone(), far.clone(), far])), None);
    assert_eq!(first(&report), Some((BreakKind::Edited, Some(2))));
}
