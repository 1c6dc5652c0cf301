//! The measurements, each with a fresh token endpoint and a fresh peer.

mod callers;
mod cold;
mod hit;
mod outage;
mod renewal;

use std::error::Error;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::figure::Figure;
use crate::peer::Peer;
use crate::token_endpoint::{Script, TokenEndpoint};

/// How long a token lives whose renewal shall not be seen.
const AN_HOUR: u64 = 3600;

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Fewer and shorter runs.
    pub(crate) quick: bool,
}

/// Measures one peer; figures that cannot be had have no value and say why.
pub(crate) fn all<P: Peer>(effort: Effort) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut add = |metrics: &[&'static str], measured: Result<Vec<Figure>, Box<dyn Error>>| match measured {
        Ok(measured) => figures.extend(measured),
        Err(error) => {
            figures.extend(metrics.iter().map(|metric| Figure::missing::<P>(metric, error.to_string())))
        }
    };
    eprintln!("{}: cached token to header value", P::NAME);
    add(&[hit::ONE_THREAD, hit::TWO_THREADS, hit::ALLOCATIONS], hit::measure::<P>(effort));
    for tasks in [1_000, 100_000] {
        eprintln!("{}: {tasks} tasks on a cold source", P::NAME);
        add(&[cold::metric(tasks)], cold::measure::<P>(tasks));
    }
    eprintln!("{}: renewal under load", P::NAME);
    add(&renewal::METRICS, renewal::measure::<P>(effort));
    eprintln!("{}: outage", P::NAME);
    add(&outage::METRICS, outage::measure::<P>(effort));
    figures
}

/// As many workers as the measurements assume cores.
fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()
}

fn endpoint(expires_in: u64) -> std::io::Result<TokenEndpoint> {
    TokenEndpoint::start(Script::Token { expires_in, delay: Duration::ZERO })
}

/// Waits for the next request after `seen` of them and says when it arrived.
async fn next_request(endpoint: &TokenEndpoint, seen: usize) -> Result<Instant, Box<dyn Error>> {
    let give_up = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(arrival) = endpoint.arrival(seen) {
            return Ok(arrival);
        }
        if Instant::now() > give_up {
            return Err("no renewal within 40 s".into());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
