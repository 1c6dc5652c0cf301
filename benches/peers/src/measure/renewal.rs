//! Many tasks call while the token is renewed and the answer takes 200 ms.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::callers::Callers;
use super::{AN_HOUR, Effort, endpoint, median, next_request, runtime};
use crate::figure::Figure;
use crate::peer::Peer;
use crate::token_endpoint::Script;

const OVER_50_MS: &str = "renewal_calls_over_50ms";
const P999: &str = "renewal_p999";
const MAX: &str = "renewal_max";
const REQUESTS: &str = "renewal_requests";
pub(super) const METRICS: [&str; 4] = [OVER_50_MS, P999, MAX, REQUESTS];

const TASKS: usize = 64;
const PAUSE: Duration = Duration::from_millis(1);
const ANSWER_TAKES: Duration = Duration::from_millis(200);

/// The second that is looked at: from this long before the renewal's request arrives ...
const BEFORE: Duration = Duration::from_millis(250);
/// ... to this long after.
const AFTER: Duration = Duration::from_millis(750);

pub(super) fn measure<P: Peer>(effort: Effort) -> Result<Vec<Figure>, Box<dyn Error>> {
    let runs = if effort.quick { 1 } else { 3 };
    let passes = (0..runs).map(|_| watch::<P>()).collect::<Result<Vec<Pass>, _>>()?;
    let median_of = |pick: fn(&Pass) -> f64| median(passes.iter().map(pick).collect());
    let calls = median_of(|pass| pass.calls as f64);
    let mut note = format!(
        "{TASKS} tasks, {calls} calls within the second around the renewal, median of {runs}; {}",
        P::LIFETIMES.note
    );
    let failed = median_of(|pass| pass.failed as f64);
    if failed > 0.0 {
        note = format!("{failed} calls failed; {note}");
    }
    let cut_off = median_of(|pass| pass.cut_off as f64);
    if cut_off > 0.0 {
        note = format!("{cut_off} calls still waited at the end; {note}");
    }
    Ok(vec![
        Figure::new::<P>(OVER_50_MS, median_of(|pass| pass.slow as f64), "calls", note.as_str()),
        Figure::new::<P>(P999, median_of(|pass| pass.p999.as_secs_f64() * 1e6), "us", note.as_str()),
        Figure::new::<P>(MAX, median_of(|pass| pass.longest.as_secs_f64() * 1e3), "ms", note.as_str()),
        Figure::new::<P>(REQUESTS, median_of(|pass| pass.requests as f64), "requests", note.as_str()),
    ])
}

/// What one renewal did to the calls around it.
struct Pass {
    calls: usize,
    slow: usize,
    failed: usize,
    cut_off: usize,
    requests: usize,
    p999: Duration,
    longest: Duration,
}

fn watch<P: Peer>() -> Result<Pass, Box<dyn Error>> {
    let endpoint = endpoint(P::LIFETIMES.renewal)?;
    let (calls, renewal, requests) = runtime()?.block_on(async {
        let peer = Arc::new(P::build(&endpoint).await?);
        peer.header().await?;
        let seen = endpoint.requests();
        endpoint.answer_with(Script::Token { expires_in: AN_HOUR, delay: ANSWER_TAKES });
        peer.skip_ahead();
        let callers = Callers::start(&peer, TASKS, PAUSE);
        let renewal = next_request(&endpoint, seen).await?;
        tokio::time::sleep_until((renewal + AFTER).into()).await;
        let requests = endpoint.requests() - seen;
        Ok::<_, Box<dyn Error>>((callers.finish().await, renewal, requests))
    })?;
    let window = renewal - BEFORE..renewal + AFTER;
    let mut cut_off = 0;
    let mut failed = 0;
    let mut waits: Vec<Duration> = Vec::new();
    for call in calls.iter().filter(|call| window.contains(&call.start)) {
        match call.end {
            Some((end, served)) => {
                waits.push(end - call.start);
                failed += usize::from(!served);
            }
            None => {
                waits.push(window.end.saturating_duration_since(call.start));
                cut_off += 1;
            }
        }
    }
    waits.sort();
    Ok(Pass {
        calls: waits.len(),
        slow: waits.iter().filter(|wait| wait.as_millis() >= 50).count(),
        failed,
        cut_off,
        requests,
        p999: waits.get(waits.len() * 999 / 1000).copied().ok_or("no calls")?,
        longest: waits.last().copied().ok_or("no calls")?,
    })
}
