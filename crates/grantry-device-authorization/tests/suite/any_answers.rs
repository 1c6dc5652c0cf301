//! Whatever the server answers, and in whatever order: polls keep their distance, and it ends.

use std::time::Duration;

use grantry_core::Clock;
use grantry_device_authorization::DeviceEnding;
use grantry_testkit::*;
use proptest::prelude::*;

use crate::support::*;

/// What comes in place of an answer to a poll.
#[derive(Debug, Clone)]
enum Said {
    Code(u16, &'static str),
    Fault(u8),
    RetryAfter(u32),
    Late(u16),
}

fn said() -> impl Strategy<Value = Said> {
    let codes =
        vec!["authorization_pending", "authorization_pending", "slow_down", "odd", "expired_token", ""];
    let statuses = vec![400_u16, 400, 400, 200, 429, 500, 503];
    prop_oneof![
        6 => (prop::sample::select(statuses), prop::sample::select(codes)).prop_map(|(s, c)| Said::Code(s, c)),
        2 => (0_u8..4).prop_map(Said::Fault),
        1 => any::<u32>().prop_map(Said::RetryAfter),
        1 => (0_u16..300).prop_map(Said::Late),
    ]
}

fn fault(said: &Said) -> Fault {
    match said {
        Said::Code(status, code) => Fault::status(*status).with_body(format!(r#"{{"error":"{code}"}}"#)),
        Said::Fault(0) => Fault::refuse_connection(),
        Said::Fault(1) => Fault::drop_after_handling(),
        Said::Fault(2) => Fault::truncate_at(40),
        Said::Fault(_) => Fault::garbage(),
        Said::RetryAfter(seconds) => Fault::status(503).retry_after(&seconds.to_string()),
        Said::Late(seconds) => Fault::delay(Duration::from_secs((*seconds).into())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn req_c16_c17_c18_polls_keep_their_distance_and_end(
        answers in prop::collection::vec(said(), 0..30),
        lifetime in 1_u64..2_000,
        interval in prop_oneof![Just(None), (0_u64..100).prop_map(Some)],
        approve_after in 0_u64..2_500,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let case = Case::new();
            case.set(|s| {
                s.device_code_lifetime = Duration::from_secs(lifetime);
                s.device_interval = interval.map(Duration::from_secs);
            });
            for said in &answers {
                case.polls_fail(fault(said));
            }
            let begun = case.clock.now();
            let finished = case.run(approve_after).await;
            let over = case.clock.now();
            // A poll under way when the codes expire may take its time.
            prop_assert!(over.since(begun) <= Duration::from_secs(lifetime + 301));
            let named = interval.filter(|seconds| *seconds > 0).unwrap_or(5);
            let mut before = begun;
            for entry in case.server.ledger().of(Endpoint::Token) {
                prop_assert!(entry.at.since(before) >= Duration::from_secs(named), "{:?} {:?}", before, entry.at);
                prop_assert!(entry.at.since(begun) < Duration::from_secs(lifetime));
                before = entry.at;
            }
            if let Err(unfinished) = finished {
                let definite = unfinished.ending != DeviceEnding::Failed;
                prop_assert!(!definite || unfinished.again.is_none());
                prop_assert!(!definite || unfinished.error.is_definite());
            }
            Ok(())
        })?;
    }
}
