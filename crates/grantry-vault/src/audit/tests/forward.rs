//! What a thief of a writer's keys can do: nothing to the epochs that ended.

use super::super::key::EpochKey;
use super::super::line::Parts;
use super::*;

/// The lines of a chain, and the key of its second epoch: what a thief finds in memory then.
fn stolen() -> (Vec<AuditLine>, EpochKey) {
    let key = root().first_epoch(&WriterId::from_bytes([1; 16])).unwrap().next().unwrap();
    (chain(&root(), 1, 9, "workload:billing"), key)
}

/// The line as the thief would write it.
fn forged(key: &EpochKey, mut parts: Parts, previous: [u8; 32]) -> AuditLine {
    parts.previous = previous;
    let line = AuditLine::new(parts.clone());
    parts.digest = key.digest(&previous, &line.canonical());
    AuditLine::new(parts)
}

#[test]
fn a_later_key_does_not_change_an_earlier_epoch() {
    let (mut lines, key) = stolen();
    let mut parts = lines[2].parts().clone();
    parts.content =
        Content::Outcome { attempt: AttemptId::new(lines[2].writer(), 1), outcome: Outcome::ok() };
    // The line claims its own epoch, or the stolen one.
    for epoch in [0, 1] {
        parts.place.epoch = epoch;
        lines[2] = forged(&key, parts.clone(), parts.previous);
        let report = verify(&joined(&texts(&lines)), None);
        assert_eq!(first(&report), Some((BreakKind::Edited, Some(3))), "{report:?}");
    }
}

#[test]
fn a_later_key_does_not_leave_out_the_end_of_an_earlier_epoch() {
    let (lines, key) = stolen();
    // Lines 0 to 9 are the first epoch, line 9 its checkpoint. The thief goes on right after line 4.
    let mut parts = lines[11].parts().clone();
    parts.place.seq = 5;
    let next = forged(&key, parts, lines[4].parts().digest);
    let report = verify(&joined(&texts(&[&lines[..5], &[next]].concat())), None);
    assert_eq!(first(&report), Some((BreakKind::Edited, Some(6))), "{report:?}");
}

#[test]
fn the_key_of_a_running_epoch_does_change_it_and_a_kept_checkpoint_tells() {
    let (lines, key) = stolen();
    let mut parts = lines[11].parts().clone();
    parts.place.time = Timestamp::from_unix_seconds(0);
    let next = forged(&key, parts, lines[10].parts().digest);
    let cut = joined(&texts(&[&lines[..11], &[next]].concat()));
    assert!(verify(&cut, None).is_intact());
    let kept = lines.last().and_then(AuditLine::checkpoint);
    assert_eq!(first(&verify(&cut, kept)), Some((BreakKind::Truncated, None)));
}
