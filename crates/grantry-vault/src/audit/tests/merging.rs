//! Several sources, several writers, and keys that are not the root.

use super::*;

#[test]
fn writers_may_be_mixed_in_any_way() {
    let one = chain(&root(), 1, 9, "a");
    let two = chain(&root(), 2, 3, "b");
    let mut lines = Vec::new();
    let mut two = two.into_iter();
    for line in one {
        lines.push(line);
        lines.extend(two.next());
    }
    let report = verify(&joined(&texts(&lines)), None);
    assert!(report.is_intact() && report.orphans().is_empty());
    assert_eq!(report.writers().map(|(_, w)| w.allowed).collect::<Vec<_>>(), [9, 3]);
}

#[test]
fn two_copies_are_compared_line_by_line() {
    let lines = chain(&root(), 1, 9, "a");
    let read = |second: &[AuditLine]| {
        let mut verifier = Verifier::new(root());
        verifier.begin("one");
        lines.iter().for_each(|line| verifier.line(line));
        verifier.begin("two");
        second.iter().for_each(|line| verifier.line(line));
        verifier.finish()
    };
    let report = read(&lines);
    assert!(report.is_intact());
    assert_eq!(report.repeated(), lines.len() as u64);
    // What is gone from one copy is told, though the other has it.
    let found = read(&[&lines[..5], &lines[7..]].concat()).first_break().cloned().unwrap();
    assert_eq!((found.kind, found.seq, found.through), (BreakKind::Missing, Some(5), Some(6)));
    assert_eq!(found.at.unwrap().to_string(), "two:6");
}

#[test]
fn a_writer_that_was_run_twice_from_one_image_is_a_fork() {
    let begin = || Chain::new(&root(), WriterId::from_bytes([1; 16])).unwrap();
    let (mut one, mut two) = (begin(), begin());
    let now = Still.wall();
    let same = Content::Intent(intent("a"));
    let mut lines =
        [vec![one.open(now), one.add(same.clone(), now)], vec![two.open(now), two.add(same, now)]];
    assert_eq!(lines[0], lines[1]);
    for _ in 0..3 {
        lines[0].push(one.add(Content::Intent(intent("b")), now));
        lines[1].push(two.add(Content::Intent(intent("c")), now));
    }
    lines[1].push(two.add(Content::Intent(intent("c")), now));
    let report = verify(&joined(&texts(&lines.concat())), None);
    let found = report.first_break().unwrap();
    assert_eq!((found.kind, found.seq), (BreakKind::Forked, Some(2)));
    assert_eq!(report.breaks().len(), 1, "{report:?}");
}

#[test]
fn an_outcome_may_be_told_by_another_writer_and_read_before_its_intent() {
    let mut one = Chain::new(&root(), WriterId::from_bytes([1; 16])).unwrap();
    let mut two = Chain::new(&root(), WriterId::from_bytes([2; 16])).unwrap();
    let now = Still.wall();
    let opened = one.open(now);
    let attempt = AttemptId::new(one.writer(), one.seq());
    let began = one.add(Content::Intent(intent("a")), now);
    let outcome = [two.open(now), two.add(Content::Outcome { attempt, outcome: Outcome::unknown() }, now)];
    let report = Verifier::new(root()).verify(outcome.iter().chain([&opened, &began]));
    assert!(report.is_intact() && report.orphans().is_empty() && report.stray_outcomes().is_empty());
    // Without its intent it is stray; without its outcome the intent is an orphan.
    assert_eq!(Verifier::new(root()).verify(&outcome).stray_outcomes(), [attempt]);
    assert_eq!(Verifier::new(root()).verify([&opened, &began]).orphans()[0].attempt, attempt);
}

#[test]
fn a_second_outcome_of_an_attempt_is_a_break_whoever_tells_it_and_in_whatever_order() {
    let mut one = Chain::new(&root(), WriterId::from_bytes([1; 16])).unwrap();
    let mut two = Chain::new(&root(), WriterId::from_bytes([2; 16])).unwrap();
    let now = Still.wall();
    let opened = one.open(now);
    let attempt = AttemptId::new(one.writer(), one.seq());
    let began = one.add(Content::Intent(intent("a")), now);
    let ended = |outcome| Content::Outcome { attempt, outcome };
    let first_end = one.add(ended(Outcome::failed("invalid_grant")), now);
    let second = [two.open(now), two.add(ended(Outcome::ok()), now)];
    let too_many = |lines: &[&AuditLine]| {
        let report = Verifier::new(root()).verify(lines.iter().copied());
        assert_eq!(report.breaks().len(), 1, "{report:?}");
        let found = report.first_break().unwrap();
        (found.kind, found.writer, found.seq)
    };
    let by =
        |writer: u8, seq| (BreakKind::SecondOutcome, Some(WriterId::from_bytes([writer; 16])), Some(seq));
    assert_eq!(too_many(&[&opened, &began, &first_end, &second[0], &second[1]]), by(2, 1));
    assert_eq!(too_many(&[&second[0], &second[1], &opened, &began, &first_end]), by(1, 2));
    // Of two without their intent the second is one too many all the same.
    let mut three = Chain::new(&root(), WriterId::from_bytes([3; 16])).unwrap();
    let third = [three.open(now), three.add(ended(Outcome::ok()), now)];
    assert_eq!(too_many(&[&second[0], &second[1], &third[0], &third[1]]), by(3, 1));
    // The very line that is read twice is told once.
    let copied = [&opened, &began, &first_end, &opened, &began, &first_end];
    assert!(Verifier::new(root()).verify(copied).is_intact());
}

#[test]
fn an_outcome_of_what_was_denied_is_a_break() {
    let mut one = Chain::new(&root(), WriterId::from_bytes([1; 16])).unwrap();
    let now = Still.wall();
    let opened = one.open(now);
    let attempt = AttemptId::new(one.writer(), one.seq());
    let denied = one.add(Content::Intent(intent("a").denied("no_role")), now);
    let ended = one.add(Content::Outcome { attempt, outcome: Outcome::ok() }, now);
    let report = Verifier::new(root()).verify([&opened, &denied, &ended]);
    assert_eq!(first(&report), Some((BreakKind::SecondOutcome, Some(3))), "{report:?}");
}

#[test]
fn a_denied_intent_needs_no_outcome() {
    let mut one = Chain::new(&root(), WriterId::from_bytes([1; 16])).unwrap();
    let now = Still.wall();
    let lines = [one.open(now), one.add(Content::Intent(intent("a").denied("no_role")), now)];
    let report = Verifier::new(root()).verify(&lines);
    assert!(report.orphans().is_empty());
    assert_eq!(report.writers().next().unwrap().1.denied, 1);
}

#[test]
fn public_keys_verify_checkpoints_and_the_order() {
    let lines = chain(&root(), 1, 9, "a");
    let key: CheckpointKey =
        root().checkpoint_key(WriterId::from_bytes([1; 16])).unwrap().to_string().parse().unwrap();
    let read = |lines: &[AuditLine]| Verifier::with_checkpoint_keys([key.clone()]).verify(lines);
    assert!(read(&lines).is_intact());
    let kind = |lines: &[AuditLine]| first(&read(lines)).map(|(kind, _)| kind);
    assert_eq!(kind(&[&lines[..3], &lines[4..]].concat()), Some(BreakKind::Missing));
    // A digest that was changed.
    let mut changed = lines.clone();
    let mut parts = changed[3].parts().clone();
    parts.digest[0] ^= 1;
    changed[3] = AuditLine::new(parts);
    assert_eq!(kind(&changed), Some(BreakKind::Unlinked));
    // A whole chain of a forger's.
    let forged = chain(&AuditKey::from_slice(&[8; 32]).unwrap(), 1, 9, "a");
    assert_eq!(kind(&forged), Some(BreakKind::Signature));
    // A writer that nobody vouches for.
    assert_eq!(kind(&chain(&root(), 2, 9, "a")), Some(BreakKind::Foreign));
}
