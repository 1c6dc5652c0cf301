//! 100,000 grants whose tokens expire within the same minute.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, Rotation, TokenSource};
use grantry_refresh::{Fallback, ManagedSource, Profile, RefreshPolicy, Scheduler};
use grantry_vault::MemoryVault;

use super::authority::Authority;
use super::stand;
use super::virtual_time::{self, VirtualTime};
use crate::figure::Report;

const GRANTS: u64 = 100_000;
/// Enough for a server that can serve a quarter of them in time.
const GRANTS_OF_A_SLOW_SERVER: u64 = 20_000;
const LIFE: Duration = Duration::from_secs(3_600);
/// When the first of them expires.
const FIRST: Duration = Duration::from_secs(1_200);
const MINUTE_NANOS: u64 = 60_000_000_000;
/// How many renewals may run at once.
const CAP: u64 = 64;
/// Of so many sources one is asked for a token each second.
const ASKED: usize = 53;

pub(crate) fn run(report: &mut Report) {
    // 64 at once, 100 ms each: 640 in a second, and all of them within three minutes.
    let calm = crowd(GRANTS, Duration::from_millis(100));
    let most = 1_000.0 / 100.0 * CAP as f64;
    let title = "custody: 100,000 that expire in one minute";
    let add = |report: &mut Report, what: &str, value: u64, limit: u64| {
        let (value, limit) = (value as f64, limit as f64);
        report.add(format!("{title}: {what}"), value, "", Some(limit), "<= 1", value <= limit);
    };
    add(report, "most at once", calm.most_at_once, CAP);
    report.add(
        "custody: their fullest second",
        calm.fullest_second as f64,
        "/s",
        Some(most),
        "<= 1",
        calm.fullest_second as f64 <= most,
    );
    let none = |report: &mut Report, what: &str, value: u64| {
        report.add(what, value as f64, "", None, "0", value == 0);
    };
    none(report, "custody: expired tokens handed out under `fail`", calm.expired);
    none(report, "custody: callers who were told that there is none", calm.refused);

    // A server that is so slow that most of them expire before their turn comes.
    let slow = crowd(GRANTS_OF_A_SLOW_SERVER, Duration::from_secs(4));
    report.add(
        "custody: 20,000 and a slow server: most at once",
        slow.most_at_once as f64,
        "",
        Some(CAP as f64),
        "<= 1",
        slow.most_at_once <= CAP,
    );
    none(report, "custody: expired tokens handed out, slow server", slow.expired);
    report.add(
        "custody: callers who were told that there is none, slow server",
        slow.refused as f64,
        "",
        None,
        "-",
        true,
    );
}

/// What happened.
struct Seen {
    most_at_once: u64,
    fullest_second: u64,
    expired: u64,
    refused: u64,
}

/// Lets the minute come and pass for so many grants with a server whose answers take so long.
fn crowd(grants: u64, delay: Duration) -> Seen {
    let folder = tempfile::tempdir_in("target").unwrap();
    let time = Arc::new(VirtualTime::new());
    let clock: Arc<dyn Clock> = time.clone();
    let strict = |_| Rotation::Strict { revokes_family: true };
    let authority = Authority::new(Arc::clone(&clock), LIFE, delay, strict);
    let runtime = virtual_time::runtime();
    runtime.block_on(async {
        time.follow();
        let backend = MemoryVault::with_clock(time.clone());
        let vault = stand::vault(backend, Arc::clone(&clock)).await;
        let now = grantry_core::StoreTime::from_nanos(clock.now().as_nanos());
        let expires = |nth: u64| {
            let within = nth.wrapping_mul(7_919_777_777) % MINUTE_NANOS;
            now.after(FIRST).after(Duration::from_nanos(within))
        };
        stand::fill(&vault, &authority, grants, (clock.as_ref(), now), expires).await;
        let custody = stand::custody(&vault, stand::lifeboat(folder.path()), Arc::clone(&clock)).await;
        let scheduler =
            Scheduler::builder().clock(Arc::clone(&clock)).concurrent_renewals(CAP as usize).build();
        let policy = RefreshPolicy::builder().fallback(Fallback::Fail).build().unwrap();
        let profile = Profile::builder("https://as.test/token", "crm", &scheduler).policy(policy).build();
        let mut sources = Vec::new();
        for nth in 0..grants {
            let grant = Arc::new(stand::open(&custody, &authority, nth));
            let source = ManagedSource::new(stand::key(nth), grant, &profile);
            source.token().await.unwrap();
            sources.push(source);
        }
        assert_eq!(authority.asked(), 0, "the stored tokens are fit");

        let (mut expired, mut refused) = (0, 0);
        let last = FIRST + Duration::from_secs(120);
        let end = clock.now().after(last);
        let mut round = 0;
        while clock.now() < end {
            tokio::time::sleep(Duration::from_secs(1)).await;
            round += 1;
            for source in sources.iter().skip(round % ASKED).step_by(ASKED) {
                let given = match source.ready() {
                    Some(token) => Some(token),
                    // Under `fail` nobody waits for longer than an attempt takes.
                    None => tokio::time::timeout(Duration::from_millis(1), source.token())
                        .await
                        .ok()
                        .and_then(Result::ok),
                };
                match given {
                    Some(token) => {
                        let is_fit = token.expires().is_none_or(|expires| clock.now() < expires);
                        expired += u64::from(!is_fit);
                    }
                    None => refused += 1,
                }
            }
        }
        scheduler.shutdown().await;
        custody.close().await;
        assert_eq!(authority.refused(), 0, "no refresh token is used twice");
        Seen {
            most_at_once: authority.most_at_once(),
            fullest_second: authority.fullest_second(),
            expired,
            refused,
        }
    })
}
