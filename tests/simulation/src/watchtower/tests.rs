//! What no world shows as long as nothing is wrong: that whoever looks would see it.
#![allow(clippy::unwrap_used, reason = "a test may")]

use std::time::Duration;

use grantry_core::{GrantKey, RefreshRate};
use grantry_endpoint::{Answer, Request};
use grantry_testkit::ManualClock;
use grantry_vault::RecordKey;

use super::{Facts, Sent, Watchtower};

const STRICT: Facts = Facts { is_strict: true, ..NOTHING };
const GRACE: Facts = Facts { window: Some(Duration::from_secs(30)), ..NOTHING };
const NOTHING: Facts = Facts {
    is_strict: false,
    window: None,
    forgets: false,
    leaps: false,
    has_no_lifeboat: false,
    waits_for_store: false,
    inspects: false,
    is_calm: false,
    early: Duration::from_secs(10),
    rate: None,
};

/// A tower that sees one grant, to which a person has consented.
struct Seen {
    tower: Watchtower,
    clock: ManualClock,
    key: GrantKey,
}

impl Seen {
    fn with(facts: Facts) -> Self {
        let clock = ManualClock::new();
        let tower = Watchtower::new(clock.clone(), facts);
        let key = GrantKey::new("acme", "crm", "ana").unwrap();
        tower.consented(&key, "rt-1");
        Self { tower, clock, key }
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    fn send(&self, life: u64, refresh_token: &str) -> Sent {
        let body = format!("grant_type=refresh_token&refresh_token={refresh_token}");
        let url = "https://as.test/token".parse().unwrap();
        let request =
            Request::new(http::Method::POST, url).with_body(zeroize::Zeroizing::new(body.into_bytes()));
        let sent = self.tower.sent(life, &request, true);
        self.tower.over(&sent);
        sent
    }

    fn answer(&self, sent: &Sent, access_token: &str, refresh_token: &str) {
        let body = format!(
            r#"{{"access_token":"{access_token}","token_type":"Bearer","refresh_token":"{refresh_token}"}}"#
        );
        let answer = Answer::new(http::StatusCode::OK).with_body(body);
        self.tower.issued(sent, Some(&answer), "");
        self.tower.received(sent);
        self.tower.usable(sent, &answer, self.tower.clock_now().after(Duration::from_secs(60)));
    }

    fn refuse(&self, sent: &Sent) {
        let answer = Answer::new(http::StatusCode::BAD_REQUEST).with_body(r#"{"error":"invalid_grant"}"#);
        self.tower.issued(sent, Some(&answer), "");
    }

    fn record(&self) -> RecordKey {
        RecordKey::grant(&self.key)
    }

    fn has_broken(&self, promise: &str) {
        let broken = self.tower.broken();
        assert!(broken.len() == 1 && broken.concat().starts_with(promise), "{broken:?}");
    }

    fn has_broken_nothing(&self) {
        assert!(self.tower.broken().is_empty(), "{:?}", self.tower.broken());
    }
}

#[test]
fn a_successor_that_nothing_keeps_is_not_asked_for_once_more_where_the_server_forgives() {
    let seen = Seen::with(GRACE);
    let first = seen.send(1, "rt-1");
    seen.answer(&first, "at-2", "rt-2");
    seen.pass(1);
    seen.send(1, "rt-1");
    seen.has_broken_nothing();
    seen.pass(2);
    seen.send(1, "rt-1");
    seen.has_broken("I3");
    let seen = Seen::with(GRACE);
    let first = seen.send(1, "rt-1");
    seen.answer(&first, "at-2", "rt-2");
    seen.tower.boarded(1, &seen.record());
    seen.pass(5);
    seen.send(1, "rt-1");
    seen.has_broken_nothing();
}

#[test]
fn what_went_wrong_before_a_token_was_used_is_no_reason_to_use_it_again() {
    let seen = Seen::with(STRICT);
    let old = seen.send(1, "rt-1");
    seen.tower.unusable(&old, &Answer::new(http::StatusCode::OK));
    seen.pass(60);
    let first = seen.send(2, "rt-1");
    seen.answer(&first, "at-2", "rt-2");
    seen.tower.stored(2, &seen.record(), true);
    seen.pass(60);
    let again = seen.send(1, "rt-1");
    seen.refuse(&again);
    seen.has_broken("I6");
}

#[test]
fn a_token_that_is_refused_because_the_window_is_over_was_not_to_be_sent_unless_something_was_lost() {
    let seen = Seen::with(GRACE);
    let first = seen.send(1, "rt-1");
    seen.answer(&first, "at-2", "rt-2");
    seen.tower.boarded(1, &seen.record());
    seen.pass(90);
    let again = seen.send(2, "rt-1");
    seen.refuse(&again);
    seen.has_broken("I6");
}

#[test]
fn a_token_that_is_aboard_alone_is_given_out_only_where_the_store_is_away() {
    let given = |is_gone: bool| {
        let seen = Seen::with(STRICT);
        let first = seen.send(1, "rt-1");
        seen.answer(&first, "at-2", "rt-2");
        seen.tower.boarded(1, &seen.record());
        if is_gone {
            let now = seen.tower.clock_now();
            seen.tower.outage(now, now.after(Duration::from_secs(9)));
        }
        seen.pass(1);
        seen.tower.handed_out(1, "at-2");
        seen
    };
    given(true).has_broken_nothing();
    given(false).has_broken("I4");
}

#[test]
fn a_bound_holds_inside_of_a_window_but_for_what_is_asked_for_again_and_again_once_a_leap_is_followed() {
    let rate = RefreshRate::at_most(2, Duration::from_secs(30));
    let seen = Seen::with(Facts { rate, ..GRACE });
    for (nth, token) in ["rt-1", "rt-2", "rt-3"].into_iter().enumerate() {
        let sent = seen.send(1, token);
        seen.send(1, token);
        seen.answer(&sent, &format!("at-{}", nth + 2), &format!("rt-{}", nth + 2));
        seen.tower.stored(1, &seen.record(), true);
        seen.tower.given_up(&format!("at-{}", nth + 2));
        assert_eq!(seen.tower.broken().len(), usize::from(nth == 2), "{:?}", seen.tower.broken());
    }
    let seen = Seen::with(Facts { rate, leaps: true, ..STRICT });
    let three = |seen: &Seen| {
        for _ in 0..3 {
            seen.tower.look_at_rate_of(&seen.key, "rt-1");
        }
    };
    seen.tower.leapt(Duration::from_secs(4));
    three(&seen);
    seen.has_broken_nothing();
    seen.pass(300);
    three(&seen);
    seen.has_broken("I11");
}

#[test]
fn a_living_grant_of_which_nobody_has_a_token_in_calm_is_seen() {
    let seen = Seen::with(STRICT);
    let first = seen.send(1, "rt-1");
    seen.answer(&first, "at-2", "rt-2");
    seen.tower.stored(1, &seen.record(), true);
    seen.tower.handed_out(1, "at-2");
    seen.pass(100);
    seen.tower.look_for_unserved(&seen.key, Duration::from_secs(200));
    seen.has_broken_nothing();
    seen.pass(101);
    seen.tower.look_for_unserved(&seen.key, Duration::from_secs(200));
    seen.has_broken("L2");
}

#[test]
fn an_intent_that_a_process_that_lives_leaves_open_is_seen() {
    let seen = Seen::with(STRICT);
    let most = Duration::from_secs(60);
    seen.tower.trail_written(1, "writer/00", true);
    seen.pass(61);
    assert!(seen.tower.is_open_for_long("writer", 1, most));
    assert!(!seen.tower.is_open_for_long("somebody", 1, most), "it is of nobody in this world");
    seen.tower.died(1);
    assert!(!seen.tower.is_open_for_long("writer", 1, most), "the dead say nothing any more");
}

#[test]
fn a_lifeboat_of_the_dead_has_been_looked_into_after_a_while_without_hindrance() {
    let seen = Seen::with(STRICT);
    seen.tower.died(101);
    seen.pass(80);
    let looked = |seen: &Seen| seen.tower.lock().was_looked_into(101, seen.tower.clock_now());
    assert!(!looked(&seen));
    seen.pass(11);
    assert!(looked(&seen));
    let now = seen.tower.clock_now();
    seen.tower.outage(now, now.after(Duration::from_secs(1)));
    assert!(!looked(&seen), "nobody could bring home what was there");
}
