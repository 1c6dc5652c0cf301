//! SIGKILL in the midst of a rotation, two hundred times: no record is lost, and no old key is left at the end.
//!
//! The test starts itself as other processes that rotate, and kills them at random moments. Seeds are printed;
//! `GRANTRY_SEED` replays the moments, as far as moments can be replayed.
#![allow(clippy::print_stdout, clippy::panic, reason = "a test that is a program of its own")]

mod child;
mod random;
mod stores;

use std::process::{Command, Stdio};
use std::time::Duration;

use grantry_tests::Fallible;
use grantry_vault::access::Principal;
use grantry_vault::{KeyRotation, LocalKey};

use self::random::Random;
use self::stores::Store;

const KILLS: usize = 200;
const TENANTS: usize = 3;
const GRANTS: usize = 30;

/// Names the store in the processes that rotate and are killed.
const CHILD: &str = "GRANTRY_ROTATION_CHILD";

#[tokio::main]
async fn main() -> Fallible<()> {
    if let Ok(store) = std::env::var(CHILD) {
        return child::rotate(&store).await;
    }
    let filter = std::env::args().nth(1).filter(|word| !word.starts_with('-'));
    for store in [Store::sqlite()?, Store::postgres().await?] {
        if filter.as_ref().is_none_or(|word| store.name().contains(word.as_str())) {
            kill_and_look(&store).await?;
        }
    }
    Ok(())
}

async fn kill_and_look(store: &Store) -> Fallible<()> {
    let mut random = Random::seeded();
    println!("{}: {KILLS} kills, GRANTRY_SEED={}", store.name(), random.seed());
    LocalKey::generate(store.key_file())?;
    populate(store).await?;
    let took = undisturbed(store).await?;
    let mut killed = 0;
    let mut ended = 0;
    while killed < KILLS {
        let mut child = Command::new(std::env::current_exe()?)
            .env(CHILD, store.address())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        tokio::time::sleep(took.mul_f64(random.fraction())).await;
        match child.try_wait()? {
            // It was done before: that is no kill.
            Some(_) => ended += 1,
            None => {
                child.kill()?;
                child.wait()?;
                killed += 1;
            }
        }
        if killed % 50 == 0 {
            all_can_be_read(store).await?;
        }
    }
    println!("  {killed} killed, {ended} ended before; one undisturbed took {took:?}");
    all_can_be_read(store).await?;
    nothing_old_is_left(store).await
}

async fn populate(store: &Store) -> Fallible<()> {
    let vault = child::open(store.address()).await?;
    let mine = vault.as_principal(child::me()?);
    for tenant in 0..TENANTS {
        let tenant = format!("t{tenant}");
        mine.create_tenant(&tenant).await?;
        let handle = mine.tenant(&tenant)?;
        for nth in 0..GRANTS {
            let account = format!("user-{nth}");
            handle.create_grant("crm", &account, child::grant(&format!("{tenant}/{account}"))).await?;
        }
    }
    vault.close().await?;
    Ok(())
}

/// How long a process takes that nobody kills.
#[allow(clippy::disallowed_methods, reason = "it says until when a kill can hit")]
async fn undisturbed(store: &Store) -> Fallible<Duration> {
    let began = std::time::Instant::now();
    let status = Command::new(std::env::current_exe()?).env(CHILD, store.address()).status()?;
    if !status.success() {
        return Err(format!("a rotation that nobody disturbs ended with {status}").into());
    }
    Ok(began.elapsed())
}

async fn all_can_be_read(store: &Store) -> Fallible<()> {
    let vault = child::open(store.address()).await?;
    let renewal = vault.as_principal(Principal::system_renewal());
    for tenant in 0..TENANTS {
        let tenant = format!("t{tenant}");
        let handle = renewal.tenant(&tenant)?;
        for nth in 0..GRANTS {
            let account = format!("user-{nth}");
            let stored = handle.renew("crm", &account).await?.grant().await?.ok_or("a grant is gone")?;
            let found = stored.refresh_token().map(|token| token.expose().to_owned());
            assert_eq!(found.as_deref(), Some(format!("{tenant}/{account}").as_str()));
        }
    }
    vault.close().await?;
    Ok(())
}

/// After the hold time nothing names an old key, and so it is gone.
async fn nothing_old_is_left(store: &Store) -> Fallible<()> {
    let vault = child::open(store.address()).await?;
    let rotation = vault.as_principal(Principal::system_rotation());
    let settled = child::policy().every(Duration::from_secs(3600));
    let mut last = None;
    for _ in 0..6 {
        tokio::time::sleep(child::HOLD + Duration::from_millis(100)).await;
        let report = rotation.rotate(&settled, |_| {}).await?;
        assert!(report.refused.is_empty() && report.failed.is_empty(), "{report:?}");
        last = Some(report);
    }
    let versions = LocalKey::from_file(store.key_file())?.versions().await?;
    let waiting = versions.iter().filter(|v| v.state != grantry_vault::KeyVersionState::Waiting).count();
    assert_eq!(waiting, 1, "{versions:?} {last:?}");
    assert_eq!(last.map(|report| report.waiting_keys.len()), Some(0));
    all_can_be_read(store).await
}
