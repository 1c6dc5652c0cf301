//! What custody adds to one renewal, in a SQLite file, beside the token request alone and the syncs that it cannot do
//! without.

use std::sync::Arc;
use std::time::{Duration, Instant};

use grantry_core::{Attempt, Clock, Grant, Rotation, Scope, SystemClock, TokenSet};
use grantry_endpoint::{Client, ClientAuthentication, HttpTransport, RefreshTokenRedemption, TokenEndpoint};
use grantry_testkit::{RegisteredClient, SeededGrant, TestServer};
use grantry_vault::GrantRecord;
use grantry_vault_sqlite::SqliteVault;

use super::durable::{BareFile, NotedBoat, NotedGrant, Notes, percentile};
use super::stand;
use crate::figure::Report;

const STRICT: Rotation = Rotation::Strict { revokes_family: true };
const RENEWALS: u64 = 500;
/// The syncs that a caller waits for: the intent in the audit trail, the claim, the lifeboat, the record.
const SYNCS: f64 = 4.0;

pub(crate) fn run(report: &mut Report) {
    let folder = tempfile::tempdir_in("target").unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let notes = Arc::new(Notes::default());
    let (bare, ours, syncs, durable) = runtime.block_on(async {
        let client = RegisteredClient::with_secret("crm", "s3cret");
        let server = TestServer::builder().client(client).rotation(STRICT).start().await.unwrap();
        let alone = redemption(&server);
        let mut held = server.seed_grant(SeededGrant::new("crm", Scope::parse("contacts.read").unwrap()));

        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let backend = SqliteVault::open(folder.path().join("custody.db")).await.unwrap();
        let vault = stand::vault(backend.clone(), Arc::clone(&clock)).await;
        let consented = server.seed_grant(SeededGrant::new("crm", Scope::parse("contacts.read").unwrap()));
        stand::keep(&vault, 0, GrantRecord::new(clock.wall()).with_refresh_token(consented, clock.wall()))
            .await;
        let boat = NotedBoat(stand::lifeboat(folder.path()), Arc::clone(&notes));
        let custody = stand::custody(&vault, boat, clock).await;
        let inner = NotedGrant(redemption(&server), Arc::clone(&notes));
        let grant = custody.grant(stand::key(0), inner).rotation(STRICT).build().unwrap();

        let file = BareFile::new(folder.path());
        let (mut bare, mut ours, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
        let mut kept: TokenSet = grant.obtain(Attempt::first()).await.unwrap();
        for nth in 0..RENEWALS {
            let start = Instant::now();
            let set = alone.obtain(Attempt::first().redeem(&held)).await.unwrap();
            bare.push(start.elapsed());
            held = set.refresh_token().unwrap().clone();

            let start = Instant::now();
            kept = grant.obtain(Attempt::replace(&kept)).await.unwrap();
            ours.push(start.elapsed());
            // What is written behind the caller's back is written by then.
            tokio::time::sleep(Duration::from_millis(3)).await;
            syncs.push(file.sync(nth, notes.bytes()));
        }
        custody.close().await;
        vault.close().await.unwrap();
        backend.close().await;
        (bare, ours, syncs, notes.take())
    });

    let sync = percentile(&syncs, 50);
    let added = percentile(&ours, 50) - percentile(&bare, 50);
    report.add("custody: a token request alone, median", percentile(&bare, 50), "us", None, "-", true);
    report.add(
        "custody: what it adds to that, SQLite, beside 4 syncs",
        added,
        "us",
        Some(SYNCS * sync),
        "-",
        true,
    );
    let p99 = percentile(&durable, 99);
    report.add(
        "custody: from the answer to durable, p99, beside a sync's median",
        p99,
        "us",
        Some(sync),
        "<= 3",
        p99 <= 3.0 * sync,
    );
    let limit = percentile(&syncs, 99);
    report.add("custody: the same beside a sync's p99", p99, "us", Some(limit), "-", true);
}

fn redemption(server: &TestServer) -> RefreshTokenRedemption {
    let client = Client::new("crm", ClientAuthentication::secret_basic("s3cret")).unwrap();
    let transport = HttpTransport::builder().for_single_use_credentials().build().unwrap();
    let endpoint =
        TokenEndpoint::new(server.authorization_server().unwrap(), client, Arc::new(transport)).unwrap();
    RefreshTokenRedemption::new(endpoint)
}
