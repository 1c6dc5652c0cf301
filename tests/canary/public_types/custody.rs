//! Samples of custody over a vault and a server whose every token is the canary.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use grantry_core::{
    AccessToken, Attempt, ClientSecret, Clock, Error, ErrorKind, Failure, FurtherParameters, Grant, GrantKey,
    RefreshToken, Stage, SystemClock, SystemEntropy, TokenSet,
};
use grantry_custody::{
    Adopted, AdoptedId, Cargo, Custody, FolderLifeboat, GrantHealth, Happened, HealthState, Lifeboat,
    LifeboatError, Lifetimes, NoLifeboat, NoRevocation, NotMovable, ProcessName, Prover, Release, Revocation,
    Revoked, Revoker, Sparing,
};
use grantry_vault::audit::Outcome;
use grantry_vault::{GrantRecord, LineageId, MemoryVault, SealedVault, TenantVault};

use super::Printed;
use super::vault::{self, Named};
use crate::secrets::{CANARY, client_secret};

/// Brings tokens once; afterwards the server refuses, or nobody knows what it did.
#[derive(Debug, Default)]
struct BringsOnce {
    asked: AtomicUsize,
    then_in_doubt: bool,
}

#[async_trait]
impl Grant for BringsOnce {
    async fn obtain(&self, _attempt: Attempt<'_>) -> Result<TokenSet, Failure> {
        if self.asked.fetch_add(1, Ordering::Relaxed) == 0 {
            let now = SystemClock::new().now();
            let set = TokenSet::builder(AccessToken::new(CANARY), now);
            let set = set.further(FurtherParameters::new([("instance_url", CANARY)]));
            return Ok(set.refresh_token(RefreshToken::new(format!("{CANARY}.next"))).build().unwrap());
        }
        if self.then_in_doubt {
            let error = Error::new(ErrorKind::InDoubt, Stage::Token, "the answer is cut off");
            return Err(Failure::unknown(error).with_salvaged(Some(CANARY.into())));
        }
        let error = Error::new(ErrorKind::InvalidGrant, Stage::Token, "the server refused the credential");
        Err(Failure::refused(error.with_provider_code("AADSTS1")))
    }
}

/// Proves secrets, or is told by the server that they are wrong.
#[derive(Debug)]
struct Proves(bool);

#[async_trait]
impl Prover for Proves {
    async fn prove(&self, _secret: &ClientSecret) -> Result<(), Error> {
        let refused = || Error::new(ErrorKind::InvalidClient, Stage::Token, "the server refused the client");
        self.0.then_some(()).ok_or_else(refused)
    }
}

/// Revokes access tokens, and fails with refresh tokens.
#[derive(Debug)]
struct RevokesHalf;

#[async_trait]
impl Revoker for RevokesHalf {
    async fn revoke_refresh_token(&self, _token: &RefreshToken) -> Result<Revoked, Error> {
        Err(Error::new(ErrorKind::Unavailable, Stage::Revoke, "the server is busy"))
    }

    async fn revoke_access_token(&self, _token: &AccessToken) -> Result<Revoked, Error> {
        Ok(Revoked::AtServer)
    }
}

fn key(account: &str) -> GrantKey {
    GrantKey::new("acme", "crm", account).unwrap()
}

pub(super) async fn custody(printed: &Printed) {
    let print = Named(printed, "grantry_custody");
    let vault = SealedVault::builder(MemoryVault::new(), vault::key(), vault::policy()).open().await.unwrap();
    let mine = vault.as_principal(vault::me());
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    for account in ["refused", "doubted", "kept"] {
        let token = RefreshToken::new(CANARY);
        let record = GrantRecord::new(vault::now()).with_refresh_token(token, vault::now());
        acme.create_grant("crm", account, record).await.unwrap();
    }
    // Its state of renewal is the canary.
    acme.create_grant("crm", "unreadable", vault::grant()).await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    print.the("FolderLifeboatBuilder", &FolderLifeboat::builder(folder.path()).seats(4));
    let boat = FolderLifeboat::builder(folder.path()).seats(4).open().unwrap();
    print.the("FolderLifeboat", &boat);
    print.the("Release", &Release::AfterStore);
    let builder = Custody::builder(&vault, boat).release(Release::AfterStore).process_name("one");
    print.the("CustodyBuilder", &builder);
    let custody = builder.open().await.unwrap();
    print.the("Custody", &custody);

    grants(printed, &custody, &acme).await;
    revocation(printed, &custody, &acme).await;
    secret(printed, &custody, &acme).await;
    cargo(printed, &acme).await;
    custody.close().await;
    vault.close().await.unwrap();
}

/// A grant that is renewed and then refused, and one that is in doubt.
async fn grants(printed: &Printed, custody: &Custody, acme: &TenantVault) {
    let print = Named(printed, "grantry_custody");
    let builder = custody.grant(key("refused"), BringsOnce::default());
    print.the("CustodyGrantBuilder", &builder);
    let grant = builder.build().unwrap();
    print.the("CustodyGrant", &grant);
    let set = grant.obtain(Attempt::first()).await.unwrap();
    printed.shown.debug(&set);
    printed.shown.failure(&grant.obtain(Attempt::replace(&set)).await.unwrap_err());
    let health: GrantHealth = grant.health().await.unwrap().unwrap();
    assert_eq!(health.state, HealthState::PersonNeeded, "{health:?}");
    assert_eq!(health.further.text("instance_url"), Some(CANARY));
    print.the("GrantHealth", &health);
    print.the("HealthState", &health.state);
    print.the("Usage", &health.usage);
    let error = health.last_error.as_ref().unwrap();
    print.the("LastError", error);
    print.the("Cause", &error.causes[0]);
    print.the("CauseKind", &error.causes[0].kind);
    let last = health.history.last().unwrap();
    print.the("HistoryEntry", last);
    print.the("Happened", &last.what);
    print.the("ProcessName", &last.by);
    print.the("ProcessName", &ProcessName::new("two"));
    let Happened::Refused(refusal) = &last.what else { panic!("{last:?}") };
    print.the("Refusal", refusal);
    print.the("Lifetimes", &Lifetimes::default());

    let doubted = BringsOnce { then_in_doubt: true, ..BringsOnce::default() };
    let grant = custody.grant(key("doubted"), doubted).build().unwrap();
    let set = grant.obtain(Attempt::first()).await.unwrap();
    printed.shown.failure(&grant.obtain(Attempt::replace(&set)).await.unwrap_err());
    let all = custody.health(acme, None, 10).await.unwrap();
    for state in [HealthState::InDoubt, HealthState::Unreadable] {
        assert!(all.iter().any(|health| health.state == state), "{state:?}: {all:?}");
    }
    printed.shown.debug(&all);
}

/// Grants that are reaped, and one that is revoked in part.
async fn revocation(printed: &Printed, custody: &Custody, acme: &TenantVault) {
    let print = Named(printed, "grantry_custody");
    let reaped = custody.reap(acme, std::time::Duration::ZERO, true).await.unwrap();
    print.the("Reaped", &reaped[0]);
    print.the("ReapedOutcome", &reaped[0].outcome);
    printed.shown.debug(&reaped);

    let unreadable = NotMovable::Unreadable(grantry_core::Error::configuration("something is wrong"));
    print.the("NotMovable", &unreadable);
    printed.shown.chain(&unreadable);
    let revoker = Sparing::new(RevokesHalf).later_consents();
    print.the("Sparing", &revoker);
    print.the("NoRevocation", &NoRevocation);
    print.the("Revoked", &Revoked::AtServer);
    let grant = custody.grant(key("kept"), BringsOnce::default()).revoker(revoker).build().unwrap();
    grant.obtain(Attempt::first()).await.unwrap();
    print.the("Revocation", &Revocation::default());
    let report = grant.revoke(acme, Revocation::default()).await.unwrap();
    assert!(report.is_queued(), "{report:?}");
    print.the("RevocationReport", &report);
    for step in &report.steps {
        print.the("RevocationStep", step);
        print.the("RevokedPart", &step.part);
        print.the("StepOutcome", &step.outcome);
    }
    printed.shown.failure(&grant.obtain(Attempt::first()).await.unwrap_err());
}

/// A client's secret that the server refuses, and another one that it takes.
async fn secret(printed: &Printed, custody: &Custody, acme: &TenantVault) {
    let print = Named(printed, "grantry_custody");
    acme.store_client("crm", vault::client(), None).await.unwrap();
    for proves in [false, true] {
        let rotation = custody.rotate_secret(acme, "crm", Proves(proves)).to(client_secret());
        print.the("SecretRotation", &rotation);
        let report = rotation.run().await;
        assert_eq!(report.is_finished(), proves, "{report:?}");
        print.the("SecretRotationReport", &report);
        print.the("SecretStep", &report.steps[0]);
    }
}

/// What a lifeboat carries.
async fn cargo(printed: &Printed, acme: &TenantVault) {
    let print = Named(printed, "grantry_custody");
    let renewing = acme.renew("crm", "doubted").await.unwrap();
    let sealed = renewing.seal_aside(LineageId::generate(&SystemEntropy), 1, CANARY.as_bytes()).unwrap();
    let cargo = Cargo::new(renewing.record().clone(), sealed);
    renewing.finish(Outcome::ok());
    print.the("Cargo", &cargo);
    let adopted = Adopted::new(AdoptedId::new("boat", 1), cargo.clone());
    print.the("AdoptedId", &adopted.id);
    print.the("Adopted", &adopted);
    print.the("NoLifeboat", &NoLifeboat);
    let seat = NoLifeboat.reserve().await.unwrap();
    print.the("Seat", &seat);
    let full: LifeboatError = NoLifeboat.board(&seat, &cargo).await.unwrap_err();
    print.the("LifeboatError", &full);

    // One that is in a folder, left there by a process that ended.
    let folder = tempfile::tempdir().unwrap();
    let boat = FolderLifeboat::open(folder.path()).unwrap();
    let seat = boat.reserve().await.unwrap();
    boat.board(&seat, &cargo).await.unwrap();
    print.the("Seat", &seat);
    print.the("FolderLifeboat", &boat);
    drop((seat, boat));
    let left = FolderLifeboat::open(folder.path()).unwrap().adopt().await.unwrap();
    print.the("Adopted", &left.entries[0]);
    print.the("Adoption", &left);
}
