//! Canary secrets go through every success and every failure, while everything is traced at TRACE: no byte of them
//! may show in a trace, a log, a metric, an error or a `Debug`.
//!
//! Whatever the crates below us write is held to the same. `h2`, `hyper`, `hyper-util`, `reqwest` and `rustls` write
//! no header values and no bodies, with one exception that is off and has to be asked for: reqwest logs all bytes of
//! a connection at TRACE where a client was built with `connection_verbose(true)`. Our transport never is; a client
//! that was handed in may be.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod capture;
mod metered;
mod presenting;
mod public_types;
// The same answers, here for what they could leak.
#[path = "../bad_input/rows/mod.rs"]
#[allow(dead_code, unused_imports, reason = "not all of it is of interest here")]
mod rows;
mod secrets;
mod servers;
mod shown;
mod token_answers;

use secrets::Needles;
use shown::Shown;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn req_e30_d10_no_byte_of_a_secret_shows_anywhere() {
    capture::listen();
    metered::listen();
    let (shown, mut needles) = (Shown::default(), Needles::of_the_canary());
    let known = needles.len();
    token_answers::every_row_with_every_authentication(&shown, &mut needles).await;
    token_answers::sources_over_failing_grants(&shown).await;
    token_answers::other_endpoints(&shown).await;
    token_answers::over_http2_and_proxies(&shown).await;
    presenting::every_wrapper_with_every_answer(&shown).await;
    presenting::with_the_test_server(&shown).await;
    public_types::in_use(&shown).await;
    assert!(needles.len() > known, "no assertion was seen");

    let (traced, printed, metered) = (capture::text(), shown.text(), metered::text());
    // Without these nothing was proved.
    for target in [
        "grantry_endpoint",
        "grantry_refresh",
        "grantry_reqwest",
        "grantry_tower",
        "h2::",
        "hyper_util::",
        "log reqwest::",
        "log rustls::",
    ] {
        assert!(traced.contains(target), "nothing of {target} was traced");
    }
    for text in ["InvalidGrant", "the answer is cut off", "the keeper failed", "[redacted]"] {
        assert!(printed.contains(text), "{text} was never printed");
    }
    for metric in [
        "grantry_renewals_total outcome=ok + 1",
        "grantry_renewals_total outcome=invalid_grant + 1",
        "grantry_renewals_total outcome=unavailable + 1",
        "grantry_custody_events_total event=rotated + 1",
        "grantry_custody_events_total event=reauthorization_needed + 1",
    ] {
        assert!(metered.contains(metric), "{metric} was never counted");
    }
    let all = format!(
        "{}{}{}",
        needles.complaint("what was printed", &printed),
        needles.complaint("what was traced", &traced),
        needles.complaint("what was counted", &metered)
    );
    assert!(all.is_empty(), "{all}");
}
