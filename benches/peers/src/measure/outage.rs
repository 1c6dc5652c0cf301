//! The token endpoint answers 503 while the token is still valid but inside the peer's buffer.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use super::callers::Callers;
use super::{Effort, endpoint, next_request, runtime};
use crate::figure::Figure;
use crate::peer::Peer;
use crate::token_endpoint::Script;

const SERVED: &str = "outage_served";
const REQUESTS: &str = "outage_requests";
pub(super) const METRICS: [&str; 2] = [SERVED, REQUESTS];

/// Few and slow, because some peers open a connection for every call.
const TASKS: usize = 8;
const PAUSE: Duration = Duration::from_millis(10);

/// The end of the token's life is left out, as clocks with whole seconds differ there.
const NEAR_EXPIRY: Duration = Duration::from_millis(1000);

pub(super) fn measure<P: Peer>(effort: Effort) -> Result<Vec<Figure>, Box<dyn Error>> {
    let watched = Duration::from_secs(if effort.quick { 3 } else { P::LIFETIMES.watched });
    let endpoint = endpoint(P::LIFETIMES.outage)?;
    let (calls, window, requests) = runtime()?.block_on(async {
        let peer = Arc::new(P::build(&endpoint).await?);
        peer.header().await?;
        let seen = endpoint.requests();
        let obtained = endpoint.arrival(0).ok_or("no first token")?;
        endpoint.answer_with(Script::Unavailable);
        let skipped = peer.skip_ahead();
        let callers = Callers::start(&peer, TASKS, PAUSE);
        let begin = next_request(&endpoint, seen).await?;
        let expiry = obtained + Duration::from_secs(P::LIFETIMES.outage) - skipped;
        let end = (begin + watched).min(expiry - NEAR_EXPIRY);
        tokio::time::sleep_until(end.into()).await;
        let requests = endpoint.requests() - seen;
        Ok::<_, Box<dyn Error>>((callers.finish().await, begin..end, requests))
    })?;
    if window.is_empty() {
        return Err("the first renewal came too close to the expiry".into());
    }
    // The call that set off the first renewal began before its request arrived, and counts.
    let touched = |call: &&super::callers::Call| {
        call.start < window.end && call.end.is_none_or(|(end, _)| end >= window.start)
    };
    let all = calls.iter().filter(touched).count();
    let served = calls.iter().filter(touched).filter(|call| matches!(call.end, Some((_, true)))).count();
    let note = format!(
        "{served} of {all} calls of {TASKS} tasks in {:.1} s; {}",
        (window.end - window.start).as_secs_f64(),
        P::LIFETIMES.note
    );
    Ok(vec![
        Figure::new::<P>(SERVED, 100.0 * served as f64 / all.max(1) as f64, "%", note.as_str()),
        Figure::new::<P>(REQUESTS, requests as f64, "requests", note.as_str()),
    ])
}
