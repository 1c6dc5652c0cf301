//! Who may do what, and what is written down of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use grantry_core::{AccessToken, ErrorKind, Scope, StoreTime, Target, TenantId, Timestamp};
use grantry_vault::access::{AccessPolicy, Binding, Permission, Principal, Reach, Role};
use grantry_vault::audit::{AuditError, AuditLine, AuditSink, JsonLines, MemorySink, Outcome};
use grantry_vault::{ClientRecord, MemoryVault, SealedVault, StoredAccessToken};
use support::{grant, key};

fn principal(name: &str) -> Principal {
    Principal::workload(name).unwrap()
}

/// Everybody has the role of their own name, for the tenant `acme`; `root` may do everything that a role can.
fn policy() -> AccessPolicy {
    let mut builder = AccessPolicy::builder();
    builder = builder.role(Role::custom("everything", Permission::ALL.iter().copied()).unwrap());
    for name in ["admin", "operator", "service", "auditor"] {
        builder = builder.bind(Binding::allow(principal(name), name, Reach::parse("acme/*/*").unwrap()));
    }
    builder.bind(Binding::allow(principal("root"), "everything", Reach::everything())).build().unwrap()
}

async fn vault(sink: Arc<MemorySink>) -> SealedVault {
    let vault = SealedVault::builder(MemoryVault::new(), key(1), policy())
        .audit_elsewhere()
        .audit_sink(sink)
        .open()
        .await
        .unwrap();
    let root = vault.as_principal(principal("root"));
    for tenant in ["acme", "globex"] {
        root.create_tenant(tenant).await.unwrap();
        let tenant = root.tenant(tenant).unwrap();
        let token = StoredAccessToken::new(
            Target::default(),
            AccessToken::new("at-canary"),
            StoreTime::from_nanos(1),
        );
        tenant.create_grant("crm", "a", grant("rt-canary").with_access_token(token)).await.unwrap();
        let client = ClientRecord::new("id").with_secret("cs-canary", Timestamp::from_unix_seconds(1));
        tenant.store_client("crm", client, None).await.unwrap();
    }
    vault
}

#[tokio::test]
async fn each_role_may_what_its_table_says_within_its_tenant_and_nothing_elsewhere() {
    let vault = vault(Arc::new(MemorySink::as_if_durable())).await;
    for (name, uses, sees, reads_back, writes) in [
        ("admin", true, true, false, true),
        ("operator", false, true, false, true),
        ("service", true, true, false, false),
        ("auditor", false, true, false, false),
        ("nobody", false, false, false, false),
    ] {
        for tenant in ["acme", "globex"] {
            let here = tenant == "acme";
            let handle = vault.as_principal(principal(name)).tenant(tenant).unwrap();
            let allowed = |result: Result<(), grantry_core::Error>| match result {
                Ok(()) => true,
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::AccessDenied, "{error:?}");
                    false
                }
            };
            let used = handle.access_token("crm", "a", &Target::default()).await.map(drop);
            assert_eq!(allowed(used), here && uses, "{name} uses a token of {tenant}");
            assert_eq!(
                allowed(handle.grant("crm", "a").await.map(drop)),
                here && sees,
                "{name} sees a grant"
            );
            assert_eq!(
                allowed(handle.clients(None, 10).await.map(drop)),
                here && sees,
                "{name} sees clients"
            );
            assert_eq!(allowed(handle.reveal_grant("crm", "a").await.map(drop)), reads_back, "{name}");
            assert_eq!(allowed(handle.reveal_client("crm").await.map(drop)), reads_back, "{name}");
            assert_eq!(allowed(handle.renew("crm", "a").await.map(drop)), reads_back, "{name}");
            let version = vault.as_principal(principal("root")).tenant(tenant).unwrap();
            let standing = version.client("crm").await.unwrap().unwrap().version;
            let written = handle.store_client("crm", ClientRecord::new("id"), Some(&standing)).await;
            assert_eq!(allowed(written.map(drop)), here && writes, "{name} writes a client of {tenant}");
            let erased =
                vault.as_principal(principal(name)).erase_tenant(&TenantId::new("globex").unwrap()).await;
            assert!(!allowed(erased), "{name} erases another tenant");
        }
    }
}

#[tokio::test]
async fn a_changed_policy_holds_from_the_next_call_on() {
    let vault = vault(Arc::new(MemorySink::as_if_durable())).await;
    let handle = vault.as_principal(principal("service")).tenant("acme").unwrap();
    handle.access_token("crm", "a", &Target::default()).await.unwrap().unwrap();
    let stale = policy();
    assert_eq!(vault.replace_policy(stale).unwrap_err().kind(), ErrorKind::Configuration);
    let stricter = vault
        .policy()
        .edit()
        .bind(Binding::allow(principal("service"), "service", Reach::everything()))
        .bind(Binding::deny(principal("service"), "service", Reach::parse("acme/crm/*").unwrap()))
        .build()
        .unwrap();
    vault.replace_policy(stricter).unwrap();
    let denied = handle.access_token("crm", "a", &Target::default()).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::AccessDenied);
    assert!(denied.to_string().contains("denies"), "{denied}");
    let all = handle.grants(None, 10).await.unwrap_err();
    assert_eq!(all.kind(), ErrorKind::AccessDenied, "a list of the whole would show what is denied");
}

#[tokio::test]
async fn everything_is_written_down_before_it_happens_and_how_it_ended_after() {
    let sink = Arc::new(MemorySink::as_if_durable());
    let vault = vault(Arc::clone(&sink)).await;
    let before = sink.lines().len();
    let handle = vault.as_principal(principal("service")).tenant("acme").unwrap().for_request("req-7");
    handle.access_token("crm", "a", &Target::default()).await.unwrap().unwrap();
    handle.reveal_grant("crm", "a").await.unwrap_err();
    let renewal = vault.as_principal(Principal::system_renewal()).tenant("acme").unwrap();
    let renewing = renewal.renew("crm", "a").await.unwrap();
    let standing = renewing.grant().await.unwrap().unwrap();
    assert_eq!(renewing.client().await.unwrap().unwrap().secrets().len(), 1);
    let version = renewing.store(grant("rt-canary-2"), &standing.version, 1).await.unwrap();
    assert_eq!((version.generation(), version.lineage()), (1, standing.version.lineage()));
    renewing.finish(Outcome::ok());
    drop(renewal.renew("crm", "a").await.unwrap());
    vault.close().await.unwrap();

    let lines: Vec<String> = sink.lines()[before..].iter().map(AuditLine::to_json).collect();
    let text = lines.join("\n");
    for expected in [
        "\"workload:service\"",
        "\"token.use\"",
        "\"token.read_refresh\"",
        "\"deny\"",
        "\"req-7\"",
        "\"system:renewal\"",
        "\"grant.renew\"",
        "\"unknown\"",
        "(policy 1) allows workload:service the role service on acme/*/*",
    ] {
        assert!(text.contains(expected), "{expected} is not in\n{text}");
    }
    assert!(!text.contains("canary"), "{text}");
    let after_close = handle.grant("crm", "a").await.unwrap_err();
    assert_eq!(after_close.kind(), ErrorKind::Closed);
}

/// A durable sink that can be switched off.
#[derive(Debug, Default)]
struct Fickle {
    is_down: AtomicBool,
}

#[async_trait]
impl AuditSink for Fickle {
    fn is_durable(&self) -> bool {
        true
    }
    async fn append(&self, _batch: &[AuditLine]) -> Result<(), AuditError> {
        if self.is_down.load(Ordering::SeqCst) {
            return Err(AuditError::unavailable("the disk is full"));
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_durable_record_nothing_is_released_and_nothing_has_to_be_restarted() {
    let sink = Arc::new(Fickle::default());
    let vault = SealedVault::builder(MemoryVault::new(), key(1), policy())
        .audit_elsewhere()
        .audit_sink(Arc::clone(&sink))
        .open()
        .await
        .unwrap();
    let root = vault.as_principal(principal("root"));
    root.create_tenant("acme").await.unwrap();
    let acme = root.tenant("acme").unwrap();
    acme.create_grant("crm", "a", grant("kept")).await.unwrap();
    let renewal = vault.as_principal(Principal::system_renewal()).tenant("acme").unwrap();
    let renewing = renewal.renew("crm", "a").await.unwrap();
    let standing = renewing.grant().await.unwrap().unwrap();

    sink.is_down.store(true, Ordering::SeqCst);
    // It waits two seconds, not longer.
    let asked = tokio::time::timeout(Duration::from_secs(3), acme.reveal_grant("crm", "a"));
    let refused = asked.await.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AuditUnavailable);
    assert!(refused.diagnosis().remedy().contains("sink"), "{}", refused.diagnosis());
    // What was recorded before may go on: a renewed token is never dropped.
    renewing.store(grant("renewed"), &standing.version, 1).await.unwrap();
    renewing.finish(Outcome::ok());

    sink.is_down.store(false, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let stored = acme.reveal_grant("crm", "a").await.unwrap().unwrap();
    assert_eq!(stored.refresh_token().unwrap().expose(), "renewed");
}

#[tokio::test]
async fn the_trail_in_the_own_store_is_verified_and_a_missing_part_is_found() {
    let store = MemoryVault::new();
    let open = || SealedVault::builder(store.clone(), key(1), policy()).open();
    let vault = open().await.unwrap();
    let root = vault.as_principal(principal("root"));
    root.create_tenant("acme").await.unwrap();
    for nth in 0..20 {
        let account = format!("a{nth}");
        root.tenant("acme").unwrap().create_grant("crm", &account, grant("x")).await.unwrap();
    }
    vault.close().await.unwrap();

    let vault = open().await.unwrap();
    let root = vault.as_principal(principal("root"));
    let report = root.verify_audit([]).await.unwrap();
    assert!(report.is_intact(), "{report:?}");
    let lines = support::everything(&store).await;
    let trail: Vec<_> = lines
        .iter()
        .filter(|(key, _)| key.as_str().starts_with("-/audit/-/") && !key.account().contains("root"))
        .collect();
    assert!(trail.len() >= 3);
    let (gone, stored) = trail[trail.len() / 2];
    grantry_vault::Vault::remove(&store, gone, &stored.revision).await.unwrap();
    let report = open().await.unwrap().as_principal(principal("root")).verify_audit([]).await.unwrap();
    assert!(!report.is_intact(), "{report:?}");
    let denied = vault.as_principal(principal("service")).verify_audit([]).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::AccessDenied);
}

#[tokio::test]
async fn a_trail_in_files_is_verified_together_with_that_of_the_own_store() {
    let (store, folder) = (MemoryVault::new(), tempfile::tempdir().unwrap());
    let open = |is_elsewhere: bool| {
        let vault =
            SealedVault::builder(store.clone(), key(1), policy()).audit_sink(JsonLines::new(folder.path()));
        if is_elsewhere { vault.audit_elsewhere() } else { vault }.open()
    };
    for is_elsewhere in [false, true] {
        let vault = open(is_elsewhere).await.unwrap();
        let root = vault.as_principal(principal("root"));
        root.create_tenant(if is_elsewhere { "zeta" } else { "acme" }).await.unwrap();
        vault.close().await.unwrap();
    }
    let files = || JsonLines::files(folder.path()).unwrap();
    let vault = SealedVault::builder(store.clone(), key(1), policy()).open().await.unwrap();
    let root = vault.as_principal(principal("root"));
    let report = root.verify_audit_in([], files()).await.unwrap();
    assert!(report.is_intact() && report.repeated() > 0, "{report:?}");
    // The two processes before, and this one.
    assert_eq!((files().len(), report.writers().count()), (2, 3));
    assert_eq!(root.verify_audit([]).await.unwrap().writers().count(), 2);

    let of_both = std::fs::read_to_string(&files()[0]).unwrap();
    let cut: Vec<&str> =
        of_both.lines().enumerate().filter(|(nth, _)| *nth != 1).map(|(_, line)| line).collect();
    std::fs::write(&files()[0], cut.join("\n") + "\n").unwrap();
    let report = root.verify_audit_in([], files()).await.unwrap();
    let found = report.first_break().unwrap();
    assert_eq!(&*found.at.as_ref().unwrap().source, files()[0].to_str().unwrap(), "{found:?}");

    let gone = root.verify_audit_in([], [folder.path().join("audit-gone.jsonl")]).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Storage);
    assert!(gone.to_string().contains("audit-gone.jsonl"), "{gone}");
    let denied = vault.as_principal(principal("service")).verify_audit_in([], files()).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::AccessDenied);
}

#[tokio::test]
async fn targets_are_told_apart() {
    let vault = vault(Arc::new(MemorySink::as_if_durable())).await;
    let root = vault.as_principal(principal("root")).tenant("acme").unwrap();
    let other = Target::new(Scope::parse("other").unwrap());
    assert!(root.access_token("crm", "a", &other).await.unwrap().is_none());
    assert_eq!(
        root.access_token("crm", "a", &Target::default()).await.unwrap().unwrap().token.expose(),
        "at-canary"
    );
}
