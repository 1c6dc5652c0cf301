//! `vault migrate`: everything from one vault into another one.
//!
//! A grant with a refresh token lives in one vault at a time. First it is marked as moved where it was, which every process
//! that uses that vault heeds; then it is written where it goes to, in the same line of descent. Whatever is cut off in
//! between, another run finds the mark and goes on. Nothing is deleted.

use std::path::Path;

use grantry::custody::relocated;
use grantry::vault::{ClientRecord, GrantRecord, GrantState, PrincipalVault, Stored, TenantVault};
use grantry::{ErrorKind, GrantKey, TenantId};
use serde_json::json;

use super::After;
use crate::arguments::Migrate;
use crate::bar::Bar;
use crate::console::Console;
use crate::failed::{Failed, VAULT};
use crate::place::{Place, is_same_file};
use crate::session::{Session, open_whole, tenants};
use crate::spoken::count;

/// How many records are read at a time.
const PAGE: usize = 256;
/// How often a grant may be renewed by others while it is to be marked.
const MOST_CONFLICTS: u32 = 8;

/// What was done.
#[derive(Debug, Default)]
struct Count {
    registrations: usize,
    moved: usize,
    /// Grants that renew by the client's own credential: they may live in both.
    copied: usize,
    already: usize,
    /// What stands in the way.
    obstacles: Vec<String>,
}

pub(super) async fn run(console: &Console, session: &Session, migrate: &Migrate) -> Result<After, Failed> {
    let named = |path: &Path, key: Option<&Path>| Place::named(console, path, key, &session.files);
    let from = match &migrate.from {
        Some(path) => named(path, migrate.from_key_file.as_deref())?,
        None => session.place.clone(),
    };
    let to = named(&migrate.to, migrate.to_key_file.as_deref())?;
    if let (Some(one), Some(other)) = (from.store.path(), to.store.path())
        && (one == other || is_same_file(one, other))
    {
        return Err(Failed::usage("both are the same vault"));
    }
    let (source, from_vault) = open_whole(&from, false).await?;
    let opened =
        if migrate.dry_run && !to.is_used().await? { None } else { Some(open_whole(&to, true).await?) };
    let (target, to_vault) = match &opened {
        Some((target, to_vault)) => (Some(target), Some(to_vault)),
        None => (None, None),
    };
    let done = migrate_all(console, &from_vault, to_vault, migrate.dry_run).await;
    // Both trails are written to their ends, whatever became of it.
    let closed = source.close().await;
    if let Some(target) = target {
        target.close().await?;
    }
    closed?;
    tell(console, migrate, &to, &done?)
}

async fn migrate_all(
    console: &Console,
    from: &PrincipalVault,
    to: Option<&PrincipalVault>,
    dry_run: bool,
) -> Result<Count, Failed> {
    let names = tenants(from).await?;
    // Nothing is changed before everything was looked at.
    let mut survey = Count::default();
    for name in &names {
        each(console, from, to, name, Pass { step: Step::Look, of: None }, &mut survey).await?;
    }
    if dry_run || !survey.obstacles.is_empty() {
        return Ok(survey);
    }
    let of = Some(survey.registrations + survey.moved + survey.copied + survey.already);
    let mut count = Count::default();
    for name in &names {
        each(console, from, to, name, Pass { step: Step::Move, of }, &mut count).await?;
    }
    let mut verified = Count::default();
    for name in &names {
        each(console, from, to, name, Pass { step: Step::Verify, of }, &mut verified).await?;
    }
    count.obstacles.extend(verified.obstacles);
    Ok(count)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Look,
    Move,
    Verify,
}

/// One way through all records.
#[derive(Debug, Clone, Copy)]
struct Pass {
    step: Step,
    /// How many records there are, once they were counted.
    of: Option<usize>,
}

/// Goes through everything of a tenant.
async fn each(
    console: &Console,
    from: &PrincipalVault,
    to: Option<&PrincipalVault>,
    tenant: &TenantId,
    pass: Pass,
    count: &mut Count,
) -> Result<(), Failed> {
    let step = pass.step;
    let part = |vault: &PrincipalVault| {
        vault.tenant(tenant.as_str()).map_err(|error| Failed::usage(error.to_string()))
    };
    let here = part(from)?;
    let mut there = to.map(part).transpose()?;
    if step == Step::Move
        && let Some(to) = to
    {
        to.create_tenant(tenant.as_str()).await?;
    } else if let Some(to) = to
        && !tenants(to).await?.contains(tenant)
    {
        there = None;
    }
    let pair = Pair { here: &here, there: there.as_ref(), step };
    let bar = Bar::new(console);
    let mut after = None;
    loop {
        let page = match here.clients(after.as_ref(), PAGE).await {
            // Its name is left, and nothing else.
            Err(error) if error.kind() == ErrorKind::Erased => return Ok(()),
            page => page?,
        };
        let is_last = page.len() < PAGE;
        for client in &page {
            pair.client(client.value.service.as_str(), count).await?;
        }
        after = page.into_iter().next_back().map(|stored| stored.value.service);
        if is_last {
            break;
        }
    }
    let mut after: Option<GrantKey> = None;
    loop {
        let page = here.grants_one_by_one(after.as_ref(), PAGE).await?;
        let is_last = page.len() < PAGE;
        after = page.last().map(|(key, _)| key.clone());
        for (key, view) in page {
            match view {
                Ok(_) => pair.grant(&key, count).await?,
                Err(error) => count.obstacles.push(format!("{key} cannot be read: {error}")),
            }
            let seen = count.registrations + count.moved + count.copied + count.already;
            if seen.is_multiple_of(16) {
                bar.draw(step.shown(), seen as u64, pass.of.map(|of| of as u64));
            }
        }
        if is_last {
            bar.end();
            return Ok(());
        }
    }
}

/// One tenant's part of both vaults.
struct Pair<'a> {
    here: &'a TenantVault,
    /// `None` where the other vault, or the tenant in it, is not made yet.
    there: Option<&'a TenantVault>,
    step: Step,
}

impl Pair<'_> {
    async fn client(&self, service: &str, count: &mut Count) -> Result<(), Failed> {
        let Some(stored) = self.here.reveal_client(service).await? else { return Ok(()) };
        let standing = match self.there {
            Some(there) => there.reveal_client(service).await?,
            None => None,
        };
        let tenant = self.here.tenant();
        match standing {
            Some(standing) if is_same_client(&standing.value, &stored.value) => count.already += 1,
            Some(_) => count.obstacles.push(format!(
                "the registration {service} of {tenant} is another one there: remove it, or make it the same"
            )),
            None if self.step == Step::Verify => {
                count.obstacles.push(format!("the registration {service} of {tenant} did not arrive"));
            }
            None => {
                if let (Step::Move, Some(there)) = (self.step, self.there) {
                    there.store_client(service, stored.value, None).await?;
                }
                count.registrations += 1;
            }
        }
        Ok(())
    }

    async fn grant(&self, key: &GrantKey, count: &mut Count) -> Result<(), Failed> {
        let mut conflicts = 0;
        loop {
            match self.grant_once(key, count).await {
                Err(error) if error.kind() == ErrorKind::Conflict && conflicts < MOST_CONFLICTS => {
                    conflicts += 1
                }
                Err(error) if error.kind() == ErrorKind::Conflict => {
                    count.obstacles.push(format!("{key} is written by others all the time: run it again"));
                    return Ok(());
                }
                other => return Ok(other?),
            }
        }
    }

    async fn grant_once(&self, key: &GrantKey, count: &mut Count) -> Result<(), grantry::Error> {
        let (service, account) = (key.service(), key.account());
        // The other clock first: what is read afterwards expires there no later than it does.
        let (clock, standing) = match self.there {
            Some(there) => (there.now().await?, there.reveal_grant(service, account).await?),
            None => (self.here.now().await?, None),
        };
        let Some(stored) = self.here.reveal_grant(service, account).await? else { return Ok(()) };
        if stored.state() == GrantState::Revoked {
            // It is gone where it is, as soon as the server has been told.
            return Ok(());
        }
        if let Some(standing) = &standing {
            match compared(&stored, standing) {
                Compared::Arrived => {
                    count.already += 1;
                    return Ok(());
                }
                Compared::Another => {
                    count.obstacles.push(format!("{key} is another grant there, or a newer one"));
                    return Ok(());
                }
                Compared::LeftThere => {}
            }
        }
        if self.step == Step::Verify {
            count.obstacles.push(format!("{key} did not arrive"));
            return Ok(());
        }
        let record = match relocated(&stored, clock) {
            Ok(record) => record,
            Err(why) => {
                count.obstacles.push(format!("{key}: {why}"));
                return Ok(());
            }
        };
        let is_spent_once = stored.refresh_token().is_some() || !stored.alternates().is_empty();
        if let (Step::Move, Some(there)) = (self.step, self.there) {
            if is_spent_once && stored.state() != GrantState::Moved {
                self.here.mark_moved(service, account, &stored.version).await?;
            }
            let over = standing.as_ref().map(|standing| &standing.version);
            there.adopt_grant(service, account, record, &stored.version, over).await?;
        }
        if is_spent_once {
            count.moved += 1;
        } else {
            count.copied += 1;
        }
        Ok(())
    }
}

/// What stands where a grant is to go.
enum Compared {
    /// The same grant, there for good.
    Arrived,
    /// The same grant, from which it was moved here: it comes back.
    LeftThere,
    /// Another one, or the same in a state that came later.
    Another,
}

fn compared(here: &Stored<GrantRecord>, there: &Stored<GrantRecord>) -> Compared {
    let is_own = |stored: &Stored<GrantRecord>| {
        stored.refresh_token().is_none()
            && stored.alternates().is_empty()
            && stored.state() != GrantState::Moved
    };
    let is_one = here.version.lineage() == there.version.lineage();
    match (here.state(), there.state()) {
        (GrantState::Moved, GrantState::Moved) => Compared::Another,
        // A client's own: whichever vault asks gets tokens.
        _ if is_own(here) && is_own(there) => Compared::Arrived,
        // It arrived, or a person has consented anew there since.
        (GrantState::Moved, _) if !is_one || there.version.generation() >= here.version.generation() => {
            Compared::Arrived
        }
        (_, GrantState::Moved) if is_one && here.version.generation() >= there.version.generation() => {
            Compared::LeftThere
        }
        _ => Compared::Another,
    }
}

/// Compares where they lie: no secret is copied for it.
fn is_same_client(one: &ClientRecord, other: &ClientRecord) -> bool {
    fn secrets(record: &ClientRecord) -> impl Iterator<Item = &str> {
        record.secrets().iter().map(|stored| stored.secret.expose())
    }
    let same_secrets = secrets(one).eq(secrets(other));
    let same_key = match (one.private_key(), other.private_key()) {
        (Some(one), Some(other)) => one.expose() == other.expose(),
        (None, None) => true,
        _ => false,
    };
    one.client_id() == other.client_id() && one.attributes() == other.attributes() && same_secrets && same_key
}

impl Step {
    fn shown(self) -> &'static str {
        match self {
            Self::Look => "looking at records",
            Self::Move => "moving records",
            Self::Verify => "verifying records",
        }
    }
}

fn tell(console: &Console, migrate: &Migrate, to: &Place, done: &Count) -> Result<After, Failed> {
    if console.json {
        console.object(json!({
            "to": to.store.shown(),
            "dry_run": migrate.dry_run,
            "registrations": done.registrations,
            "moved": done.moved,
            "copied": done.copied,
            "there_already": done.already,
            "obstacles": done.obstacles,
        }))?;
    } else {
        for obstacle in &done.obstacles {
            console.warn(obstacle);
        }
        let Count { registrations, moved, copied, already, .. } = done;
        let would = if migrate.dry_run { "would bring" } else { "brought" };
        console.note(&format!(
            "{would} {} and {} to {}; {} there already",
            count(*registrations, "registration", "registrations"),
            count(moved + copied, "grant", "grants"),
            to.store.shown(),
            count(*already, "record was", "records were")
        ));
        if !migrate.dry_run && done.obstacles.is_empty() {
            console.note(
                "programs that still use the old vault renew no consent there any more: start them with the new one, and \
                 keep the old one until nobody needs its audit trail",
            );
        }
    }
    if !done.obstacles.is_empty() && !console.json {
        console.note("remove what stands in the way, and run it again: what was moved already stays moved");
    }
    Ok(After::End(if done.obstacles.is_empty() { 0 } else { VAULT }))
}
