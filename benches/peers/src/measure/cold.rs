//! Many tasks at once on a source that has no token yet.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::{AN_HOUR, runtime};
use crate::figure::Figure;
use crate::peer::Peer;
use crate::token_endpoint::{Script, TokenEndpoint};

/// Long enough for all tasks to have asked before the first answer comes.
const ANSWER_TAKES: Duration = Duration::from_millis(500);

/// The limit for all tasks together.
const PATIENCE: Duration = Duration::from_secs(60);

/// Peers that open this many requests for a thousand tasks are spared the hundred thousand.
const TOO_MANY: usize = 10;

pub(super) fn metric(tasks: usize) -> &'static str {
    if tasks == 1_000 { "cold_1000_tasks" } else { "cold_100000_tasks" }
}

pub(super) fn measure<P: Peer>(tasks: usize) -> Result<Vec<Figure>, Box<dyn Error>> {
    if tasks > 1_000 {
        let (requests, _) = burst::<P>(1_000)?;
        if requests > TOO_MANY {
            return Err(format!(
                "not run: 1,000 tasks made {requests} requests, and 100,000 connections at once need more ports than there are"
            )
            .into());
        }
    }
    let (requests, failed) = burst::<P>(tasks)?;
    let mut note = if P::OBTAINS_ON_BUILD {
        "the constructor obtains the first token, so the tasks never see a cold source".to_owned()
    } else {
        "all tasks ask while the first answer is on its way".to_owned()
    };
    if failed > 0 {
        note = format!("{failed} of the tasks got no token; {note}");
    }
    Ok(vec![Figure::new::<P>(metric(tasks), requests as f64, "requests", note)])
}

/// Token requests made, and tasks without a token.
fn burst<P: Peer>(tasks: usize) -> Result<(usize, usize), Box<dyn Error>> {
    let endpoint = TokenEndpoint::start(Script::Token { expires_in: AN_HOUR, delay: ANSWER_TAKES })?;
    runtime()?.block_on(async {
        let peer = Arc::new(P::build(&endpoint).await?);
        let (open, gate) = watch::channel(false);
        let callers: Vec<_> = (0..tasks)
            .map(|_| {
                let peer = Arc::clone(&peer);
                let mut gate = gate.clone();
                tokio::spawn(async move {
                    // Only this function holds the other end, and it outlives the tasks.
                    let _ = gate.wait_for(|open| *open).await;
                    peer.header().await.is_ok()
                })
            })
            .collect();
        open.send_replace(true);
        let mut failed = 0;
        let all = async {
            for caller in callers {
                failed += usize::from(!caller.await.unwrap_or(false));
            }
        };
        tokio::time::timeout(PATIENCE, all)
            .await
            .map_err(|_| format!("{tasks} tasks did not finish within {PATIENCE:?}"))?;
        Ok((endpoint.requests(), failed))
    })
}
