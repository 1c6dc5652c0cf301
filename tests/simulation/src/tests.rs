//! Worlds in every test run.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may")]

use grantry_core::GrantKey;
use grantry_testkit::ManualClock;

use crate::plan::Plan;
use crate::watchtower::{Facts, Watchtower};
use crate::world::{Outcome, run};
use crate::{added_up, count_panics, outcome_of, run_all, summary};

#[test]
fn the_same_seed_gives_the_same_world() {
    // Two revocations wait in 157.
    for seed in [0, 3, 17, 33, 157] {
        let (one, other) = (run(Plan::of(seed), false).unwrap(), run(Plan::of(seed), false).unwrap());
        assert_eq!((one.hash, one.steps), (other.hash, other.steps), "seed {seed}");
    }
}

#[test]
fn a_world_that_was_kept_is_the_world_that_it_was() {
    let kept =
        [(85_928, 0xc587_7d80_76b1_e0d0), (50_236, 0x6ea6_9397_be46_608c), (14_729, 0xd39f_253b_0f4a_06c0)];
    let found = kept.map(|(seed, _)| (seed, run(Plan::with_few_faults(seed), false).unwrap().hash));
    assert_eq!(found, kept, "{found:#x?}");
}

#[test]
fn some_worlds_are_crowded() {
    let crowds: Vec<Plan> = (0..2_000).map(Plan::of).filter(|plan| plan.tenants >= 10).collect();
    assert!(crowds.len() >= 15, "{} of 2,000", crowds.len());
    assert!(crowds.iter().all(|plan| (100..=330).contains(&(plan.tenants * plan.grants))));
}

/// What no world shows as long as nothing is wrong: that whoever looks would see it.
#[test]
fn a_batch_of_the_trail_behind_a_later_one_is_seen() {
    let tower = Watchtower::new(ManualClock::new(), Facts { is_strict: true, ..Facts::default() });
    tower.trail_written(1, "writer/00", true);
    tower.trail_written(1, "writer/04", true);
    assert!(tower.broken().is_empty());
    tower.trail_written(1, "writer/02", true);
    tower.trail_written(1, "writer/05", false);
    assert_eq!(tower.broken().len(), 2, "{:?}", tower.broken());
}

#[test]
fn a_redemption_and_a_release_without_an_intent_are_seen() {
    let tower = Watchtower::new(ManualClock::new(), Facts { is_strict: true, ..Facts::default() });
    let key = GrantKey::new("tenant", "crm", "user").unwrap();
    tower.trail_written(1, "writer/00", true);
    tower.sent_for(1, &key);
    tower.look_at_intents(&[("writer".to_owned(), 1, key.clone())]);
    assert!(tower.broken().is_empty(), "{:?}", tower.broken());
    tower.sent_for(1, &key);
    tower.look_at_intents(&[("writer".to_owned(), 1, key)]);
    assert_eq!(tower.broken().len(), 1, "{:?}", tower.broken());
}

#[test]
fn two_thousand_worlds_break_no_promise() {
    let outcomes = run_all(0, 2_000);
    summary(&outcomes);
    let broken: Vec<_> = outcomes.iter().filter(|outcome| !outcome.broken.is_empty()).collect();
    assert!(broken.is_empty(), "{:?}", broken.iter().map(|o| (o.seed, &o.broken)).collect::<Vec<_>>());
    assert_eq!(outcomes.len(), 2_000);
    // The only grant of a world may be withdrawn before anybody asks for a token (1576).
    let may_be_idle = |plan: Plan| plan.removals && plan.tenants * plan.grants == 1;
    let asks = |outcome: &Outcome| outcome.requests > 0 || may_be_idle(Plan::of(outcome.seed));
    assert!(outcomes.iter().all(asks), "nobody asked for a token");
    let crashes = added_up(outcomes.iter().map(|outcome| &outcome.crashes));
    let points = [
        "load",
        "loaded",
        "store",
        "stored",
        "list",
        "now",
        "reserve",
        "board",
        "sync",
        "synced",
        "adopt",
        "leaves",
        "received",
        "other answer",
        "key provider",
        "unwrapped",
        "take pending",
        "taken pending",
        "keep pending",
    ];
    let spared = points.iter().filter(|point| !crashes.contains_key(*point)).collect::<Vec<_>>();
    assert!(spared.is_empty(), "nobody died at {spared:?}");
    let calm = outcomes.iter().filter(|outcome| Plan::of(outcome.seed).is_calm());
    assert!(calm.count() >= 200, "worlds without any fault");
}

#[test]
fn a_world_in_which_a_task_panics_is_broken() {
    count_panics();
    let world = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::spawn(async { panic!("as it should") }).await.unwrap_err() });
        Ok(Outcome::not_made(7, "no world"))
    };
    assert_eq!(outcome_of(7, world).broken, ["it could not be made: no world", "1 panics"]);
    assert_eq!(outcome_of(7, || panic!("as it should")).broken.len(), 2);
}

/// An owner that died with its request under way: the others held a token that was fit, and nobody looked before the
/// server's window was over.
#[test]
fn what_a_dead_owner_left_is_finished_inside_of_the_window() {
    for seed in [182, 342] {
        assert!(run(Plan::as_found(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// An owner could not write for as long as the store was gone; another process took the last chance as soon as it was back.
#[test]
fn no_last_chance_is_taken_just_after_a_store_came_back() {
    assert!(run(Plan::as_found(1210), false).unwrap().broken.is_empty());
}

/// Two faults in one window, of which the tower counted one: a full disk, or a death before the server had handled the
/// request.
#[test]
fn a_loss_for_which_there_are_two_reasons_is_explained() {
    for seed in [337, 1015, 49_789] {
        assert!(run(Plan::as_found(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
    // A process died with the successor in its lifeboat, and those after it had no keys to open the vault.
    assert!(run(Plan::with_few_faults(14_729), false).unwrap().broken.is_empty());
    // One process was gone and the other stood still three times in a row; one slept with the successor in its lifeboat, and
    // the other was cut off.
    for seed in [53_041, 36_935] {
        assert!(run(Plan::with_few_faults(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
    // Two of two, and three of three, stood still for most of the window.
    for seed in [8742, 10_779] {
        assert!(run(Plan::of_people(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
    // An owner slept with the successor in its hands, and the other was cut off until the window was over.
    assert!(run(Plan::with_grants_alone(64_525), false).unwrap().broken.is_empty());
}

/// A machine slept for longer than lease and allowance. Two attempts woke on it: one had the successor in its hands, the other
/// found the lease over, and took the last chance.
#[test]
fn no_last_chance_is_taken_just_after_a_machine_woke() {
    assert!(run(Plan::with_grants_alone(64_114), false).unwrap().broken.is_empty());
}

/// The current was cut, and an entry that had been home for two generations stood in its lifeboat again.
#[test]
fn what_a_crash_brings_back_into_a_lifeboat_takes_no_place_of_its_own() {
    for seed in [66_767, 71_857] {
        assert!(run(Plan::with_grants_alone(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// A process stood still with an answer in its hands. When it went on, another attempt in it found the lease over that the first
/// could not extend, and sent the token again.
#[test]
fn a_process_does_not_take_what_lives_in_it_for_gone() {
    for seed in [50_236, 70_164, 83_964] {
        assert!(run(Plan::with_few_faults(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// A grant was withdrawn while a renewal was under way, which the server refused for that, and the refusal made the record one
/// that a person could bring back.
#[test]
fn a_late_refusal_does_not_undo_a_withdrawal() {
    assert!(run(Plan::with_few_faults(85_928), false).unwrap().broken.is_empty());
}

/// A mangled answer brings a refresh token alone: whoever has it has to redeem it to learn whether the server goes on with it,
/// though an access token that came before is still fit.
#[test]
fn what_was_salvaged_from_a_mangled_answer_may_be_redeemed_at_once() {
    for seed in [38_635, 60_471, 61_637, 68_095, 74_599, 82_143] {
        assert!(run(Plan::with_few_faults(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// An owner came back after others had brought the grant on by another successor: nothing kept what it had received, and it gave
/// that to its callers.
#[test]
fn callers_never_get_what_nothing_keeps() {
    for seed in [30_962, 73_637] {
        assert!(run(Plan::with_few_faults(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// A token was taken for one of the next generation that was of this one already, or for the one of this generation where a store
/// that failed over had given two tokens one number: so a token was renewed that was fit.
#[test]
fn nobody_renews_a_token_that_is_fit_because_of_a_wrong_number() {
    for seed in [78_389, 58_907] {
        assert!(run(Plan::with_few_faults(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// An owner had the successor in its lifeboat and could not reach the store, for longer than the others wait; and what it brought
/// home afterwards gave the grant back that a person had been asked for.
#[test]
fn what_becomes_of_an_owner_that_is_cut_off_is_explained() {
    for seed in [6063, 7921, 45_385, 11_284, 12_125, 76_101] {
        assert!(run(Plan::with_lifeboats(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// Its machine slept, and a caller that did not looked whether it had renewed.
#[test]
fn nobody_expects_a_machine_that_sleeps_to_renew() {
    assert!(run(Plan::with_lifeboats(43_727), false).unwrap().broken.is_empty());
}

/// An attempt was announced, cut off before it could send, and announced anew with the token that others had brought meanwhile.
#[test]
fn an_attempt_may_be_announced_again_with_another_token() {
    assert!(run(Plan::with_lifeboats(50_466), false).unwrap().broken.is_empty());
}

/// A process had a token in its lifeboat alone, whole; another was given the same refresh token in an answer that could not be used.
#[test]
fn what_another_lifeboat_holds_is_no_use_to_who_salvaged_a_token() {
    assert!(run(Plan::with_lifeboats(55_354), false).unwrap().broken.is_empty());
}

/// An owner stood still between its announcement and the request, and others sent the token as it woke; or with a slow answer on its
/// way, in a world whose store's clock had leapt.
#[test]
fn an_owner_that_stands_still_may_be_overtaken() {
    for seed in [8630, 8895, 8906, 11_363, 32_226] {
        assert!(run(Plan::of_people(seed), false).unwrap().broken.is_empty(), "seed {seed}");
    }
}

/// A process stood still between its look and its claim, which was over as it was written. It sent the token all the same, and so did
/// the one that found it over.
#[test]
fn a_claim_that_is_over_as_it_is_written_sends_nothing() {
    assert!(run(Plan::of_people(40_887), false).unwrap().broken.is_empty());
}

/// An owner found that somebody else had written when it was to extend its lease, and was cut off before it could do so again.
#[test]
fn a_lease_is_extended_though_somebody_else_wrote() {
    assert!(run(Plan::of_people(21_162), false).unwrap().broken.is_empty());
}

/// An owner had just extended its lease when its process stood still. The store's clock leapt, and a process that had not been able to
/// reach the store for long followed it by an eighth of all that time.
#[test]
fn who_did_not_see_a_leap_of_the_clock_does_not_believe_it_for_that() {
    assert!(run(Plan::of_people(6989), false).unwrap().broken.is_empty());
}

/// An owner had just extended its lease when it died. The store's clock leapt, and a process that began after that believed it.
#[test]
fn who_begins_after_a_leap_of_the_clock_believes_it() {
    assert!(run(Plan::of_people(36_090), false).unwrap().broken.is_empty());
}

/// A process that had stood still took a token for older than it was, announced its renewal and died; another found out what had
/// become of that.
#[test]
fn what_one_that_stood_still_has_left_is_found_out_though_the_token_is_fit() {
    assert!(run(Plan::of_people(29_633), false).unwrap().broken.is_empty());
}

/// A process was cut off while it read a record, for sixteen seconds: so much sooner was the token over for it that was in there. It
/// announced its renewal and died, and another found out what had become of that.
#[test]
fn a_token_is_over_sooner_for_who_was_cut_off_while_reading_it() {
    assert!(run(Plan::of_one_consent(85_798), false).unwrap().broken.is_empty());
}

/// A store failed over, and a process that looked long after that found a record behind the one that it had seen: whether what others
/// had written since was redeemed it could not know.
#[test]
fn what_was_written_after_a_failover_may_be_in_doubt_for_who_saw_more_before() {
    assert!(run(Plan::of_one_consent(77_935), false).unwrap().broken.is_empty());
}

/// A process had begun before the store's clock leapt, and looked at that for the first time after it.
#[test]
fn who_had_not_looked_yet_believes_a_leap_of_the_clock_too() {
    assert!(run(Plan::of_one_consent(56_535), false).unwrap().broken.is_empty());
}

/// A server does not rotate, so that access tokens come alone; many of them were refused, and each was renewed for that.
#[test]
fn an_access_token_that_came_alone_is_renewed_for_being_refused_too() {
    assert!(run(Plan::of_unbounded(235_521), false).unwrap().broken.is_empty());
}

/// A store failed over and lost a successor. Somebody who did not know of it wrote for so long that the record's version was newer
/// than any before; who knew of it sent the token that it had replaced.
#[test]
fn what_a_failover_lost_is_written_again_although_others_have_written_since() {
    assert!(run(Plan::of_unbounded(251_530), false).unwrap().broken.is_empty());
}

/// An answer could not be used, and what was found in it was tried inside of the window, whatever the bound.
#[test]
fn what_was_found_in_an_answer_that_cannot_be_used_is_tried_inside_of_the_window() {
    assert!(run(Plan::of(802_713), false).unwrap().broken.is_empty());
}

/// A store failed over between the stopping of a grant and the report of that.
#[test]
fn what_a_store_loses_of_a_withdrawal_before_it_is_told_is_lost_by_the_store() {
    assert!(run(Plan::of_one_consent(56_937), false).unwrap().broken.is_empty());
}

/// A store failed over while a grant was being withdrawn. Whoever looked into the records withdrew it again, and looked into another
/// world from then on.
#[test]
fn whoever_looks_changes_nothing() {
    assert!(run(Plan::with_lifeboats(9525), false).unwrap().broken.is_empty());
}
