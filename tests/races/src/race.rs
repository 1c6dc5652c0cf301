//! One race, from the first process to the report.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use grantry_core::{Clock, SystemClock};
use serde_json::Value;
use tokio::time::sleep;

use crate::accounts::Accounts;
use crate::book::Book;
use crate::database::Running;
use crate::process::{Contestant, Said, Worker};
use crate::reckoning::{Ran, Reckoning, name};
use crate::relay::{Relay, Road};
use crate::server::Servers;
use crate::worker::{GrantSeed, Seed, Terms};
use crate::{Fallible, Report, Scenario, kill_plan};

/// How long workers may take until the first of them asks for a token: the race begins then.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long requests may still be under way after the last worker has ended.
const QUIET_WITHIN: Duration = Duration::from_secs(10);

/// Lets a contestant race, and reports. Kills, lost answers and the testkit's tokens come of `seed`; how the
/// processes interleave does not.
///
/// Call it from a tokio runtime with several threads. It waits for processes while it runs. Dropping the future
/// kills them.
///
/// # Errors
/// A server or a worker does not start, or a worker does not keep to the protocol.
pub async fn race(contestant: &Contestant, scenario: &Scenario, seed: u64) -> Fallible<Report> {
    let course = Course::lay(contestant, scenario, seed).await?;
    let store = tempfile::tempdir()?;
    let seeds = serde_json::to_string(&course.seed())?;
    let machines = machines(store.path(), scenario.machines);
    // What is in files is on every machine in the beginning, as whoever sets them up would copy it.
    if let Some((first, others)) = machines.split_first() {
        std::fs::create_dir(first)?;
        contestant.run_to_end("seed", first, &seeds)?;
        others.iter().try_for_each(|other| copy_folder(first, other))?;
    }
    let accounts = store.path().join("accounts");
    std::fs::create_dir(&accounts)?;
    let ran = course.run(contestant, (&machines, &accounts), seed).await?;
    course.wait_until_quiet().await?;
    let mut held: HashMap<String, Vec<String>> = HashMap::new();
    for machine in &machines {
        // A grant lives that lives on one of them.
        for (grant, tokens) in held_by(&contestant.run_to_end("show", machine, "")?)? {
            held.entry(grant).or_default().extend(tokens);
        }
    }
    let Course { scenario, servers, relay, .. } = &course;
    let (book, accounts) = (relay.book(), &Accounts::read(&accounts)?);
    Reckoning { scenario, servers, book, ran: &ran, accounts, held: &held }.report(&contestant.name, seed)
}

/// The servers and the relay.
#[derive(Debug)]
struct Course {
    scenario: Scenario,
    servers: Servers,
    relay: Relay,
    /// The server that the contestant's store is on.
    database: Option<Running>,
}

impl Course {
    async fn lay(contestant: &Contestant, scenario: &Scenario, seed: u64) -> Fallible<Self> {
        let servers = Servers::start(scenario, seed).await?;
        let road = Road { latency: scenario.latency, dropped_per_mille: scenario.drops_per_mille, seed };
        let book = Arc::new(Book::new(&servers.first));
        let relay = Relay::start(servers.token_endpoint, road, book).await?;
        let database = match contestant.database {
            Some(database) => Some(Running::start(database).await?),
            None => None,
        };
        Ok(Self { scenario: *scenario, servers, relay, database })
    }

    fn seed(&self) -> Seed {
        let servers = &self.servers;
        let names: Vec<String> = (0..servers.first.len()).map(name).collect();
        let grant = |(name, token): (&String, &String)| GrantSeed {
            name: name.clone(),
            refresh_token: token.clone(),
        };
        let grants = names.iter().zip(&servers.first).map(grant).collect();
        let terms = Terms {
            client_id: servers.client_id.to_owned(),
            client_secret: servers.client_secret.to_owned(),
            issuer: servers.issuer.clone(),
            token_endpoint: format!("http://127.0.0.1:{}/token", self.relay.port()),
            resource: servers.resource.clone(),
            database: self.database.as_ref().map(|database| database.url.clone()),
            rotation: self.scenario.server.policy().to_owned(),
            account: None,
            grace_ms: u64::try_from(self.scenario.server.grace().as_millis()).unwrap_or(u64::MAX),
            names,
            begins: begins(self.scenario.lifetime, self.servers.first.len()),
        };
        Seed { terms, grants }
    }

    async fn run(
        &self,
        contestant: &Contestant,
        (machines, accounts): (&[PathBuf], &Path),
        seed: u64,
    ) -> Fallible<Ran> {
        let scenario = &self.scenario;
        let mut ran = Ran::default();
        let start = async |place: usize, number: usize, said: Said| {
            let machine = machines.get(place % machines.len().max(1)).ok_or("there is no machine")?;
            let port = self.relay.open(number).await?;
            let account = accounts.join(number.to_string());
            Worker::start(contestant, machine, scenario.callers, (port, &account), &said)
        };
        let mut workers = Vec::new();
        for number in 1..=scenario.processes {
            workers.push((number, start(number - 1, number, ran.said.clone()).await?));
        }
        let mut started = scenario.processes;
        // A worker that never asks is one whose callers get nothing, and the report will show it.
        let _ = tokio::time::timeout(READY_WITHIN, self.wait_for(|book| !book.is_empty())).await;
        let clock = SystemClock::new();
        let began = clock.now();
        let restarts = self
            .database
            .clone()
            .map(|database| tokio::spawn(database.restart(seed, scenario.restarts, scenario.lasts)));
        for kill in kill_plan(seed, scenario.kills, scenario.processes, scenario.lasts) {
            sleep(kill.after.saturating_sub(clock.now().since(began))).await;
            let Some((number, worker)) = workers.get_mut(kill.victim) else { continue };
            let frozen = worker.freeze(&clock);
            if worker.kill()? {
                ran.kills += 1;
                ran.killed.insert(*number, frozen);
            } else {
                ran.misbehaved += 1;
            }
            started += 1;
            (*number, *worker) = (started, start(kill.victim, started, ran.said.clone()).await?);
        }
        sleep(scenario.lasts.saturating_sub(clock.now().since(began))).await;
        if let Some(restarts) = restarts {
            ran.restarts = restarts.await??;
        }
        workers.iter_mut().for_each(|(_, worker)| worker.tell_to_stop());
        for (_, mut worker) in workers {
            ran.misbehaved += u64::from(!worker.wait().await?);
        }
        Ok(ran)
    }

    async fn wait_until_quiet(&self) -> Fallible<()> {
        let waited = tokio::time::timeout(QUIET_WITHIN, self.wait_for(Book::is_quiet)).await;
        waited.map_err(|_| "a token request goes on after all workers have ended".into())
    }

    async fn wait_for(&self, met: impl Fn(&Book) -> bool) {
        while !met(self.relay.book()) {
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// From when on each grant is asked for, in milliseconds of Unix time: spread over one lifetime, so that at every
/// moment some token expires, and a kill hits what is under way rather than everything or nothing.
fn begins(lifetime: Duration, grants: usize) -> Vec<u64> {
    let now = u64::try_from(SystemClock::new().wall().as_unix_nanos()).unwrap_or(0) / 1_000_000;
    let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
    let grants = u64::try_from(grants).unwrap_or(u64::MAX);
    (0..grants).map(|grant| now.saturating_add(lifetime.saturating_mul(grant) / grants)).collect()
}

/// The folder of each machine.
fn machines(store: &Path, many: usize) -> Vec<PathBuf> {
    (0..many.max(1)).map(|nth| store.join(format!("machine-{nth}"))).collect()
}

fn copy_folder(from: &Path, to: &Path) -> Fallible<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &there)?;
        } else {
            std::fs::copy(entry.path(), there)?;
        }
    }
    Ok(())
}

/// The refresh tokens that a store holds, by grant, from what `show` printed.
fn held_by(shown: &str) -> Fallible<HashMap<String, Vec<String>>> {
    let mut held: HashMap<String, Vec<String>> = HashMap::new();
    for line in shown.lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).map_err(|error| Unreadable(error.to_string()))?;
        let grant = line["grant"].as_str().ok_or_else(|| Unreadable("no grant is named".into()))?;
        // Without one the store holds nothing: the grant is lost, and the line is right.
        let tokens = held.entry(grant.to_owned()).or_default();
        tokens.extend(line["refresh_token"].as_str().map(str::to_owned));
    }
    Ok(held)
}

/// A line of `show` that is none. The line itself may hold a token, so it is not told.
#[derive(Debug)]
struct Unreadable(String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what `show` printed cannot be read: {}", self.0)
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_begin_one_after_the_other_within_one_lifetime() {
        let begins = begins(Duration::from_secs(2), 4);
        let after: Vec<u64> = begins.iter().map(|moment| moment - begins[0]).collect();
        assert_eq!(after, [0, 500, 1_000, 1_500]);
    }

    #[test]
    fn several_tokens_of_a_grant_are_held_together_and_null_is_none() {
        let shown = "{\"grant\":\"a\",\"refresh_token\":\"1\"}\n\n{\"grant\":\"a\",\"refresh_token\":\"2\"}\n\
                     {\"grant\":\"b\",\"refresh_token\":null}\n";
        let held = held_by(shown).unwrap();
        assert_eq!((held["a"].len(), held["b"].len()), (2, 0));
    }

    #[test]
    fn what_is_no_json_is_an_error_that_shows_nothing_of_it() {
        assert!(!held_by("canary").unwrap_err().to_string().contains("canary"));
        assert!(held_by("{\"refresh_token\":\"canary\"}").is_err());
    }
}
