//! Samples of the vault's types, over a vault whose every secret is the canary.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantry_core::{
    AccessToken, Clock, Error, ErrorKind, FurtherParameters, GrantKey, PrivateKey, RefreshToken, Scope,
    StoreTime, SystemClock, SystemEntropy, Target, TenantId, Timestamp,
};
use grantry_vault::access::{
    AccessPolicy, AccountPattern, Binding, Object, Permission, Principal, PrincipalPattern, Reach, Role,
    ServicePattern, TenantPattern,
};
use grantry_vault::audit::{
    AttemptId, AuditError, AuditKey, AuditLog, InvalidAuditId, JsonLines, Lines, MemorySink, Outcome, Traced,
    Verifier,
};
use grantry_vault::conformance::{self, Broken, Subject};
use grantry_vault::sealing::{LineageId, Place, Stamp, open, seal};
use grantry_vault::{
    ChangeHints, ClientRecord, Deployment, FieldReader, FieldWriter, Fingerprint, GrantRecord, KeyContext,
    KeyError, KeyProvider, KeyRotation, LocalKey, LocalKeySet, MemoryVault, Precondition, RecordKey,
    RecordPrefix, RefusedRecord, RotationPhase, RotationPolicy, RotationProgress, SealedRecord, SealedVault,
    StoredAccessToken, TenantKey, Vault, VaultError, VaultKeys, Watch, WrappedKey,
};
use zeroize::Zeroizing;

use super::Printed;
use crate::secrets::{CANARY, private_key};

pub(super) fn me() -> Principal {
    Principal::workload("me").unwrap()
}

pub(super) fn now() -> Timestamp {
    SystemClock::new().wall()
}

fn target() -> Target {
    Target::new(Scope::parse("read").unwrap())
}

/// A policy under which one principal may do everything, read secrets back included.
pub(super) fn policy() -> AccessPolicy {
    let all = Role::custom("everything", Permission::ALL.iter().copied()).unwrap();
    AccessPolicy::builder()
        .role(all)
        .bind(Binding::allow(me(), "everything", Reach::everything()))
        .build()
        .unwrap()
}

/// The same key, as a text that was read.
fn key_set() -> LocalKeySet {
    let key = STANDARD.encode(private_key());
    LocalKeySet::from_text(&format!("grantry key file 1\n1 active - {key}\n"), "the text").unwrap()
}

pub(super) fn key() -> LocalKey {
    LocalKey::from_bytes(Zeroizing::new(private_key()))
}

pub(super) fn grant() -> GrantRecord {
    let token = StoredAccessToken::new(target(), AccessToken::new(CANARY), StoreTime::from_nanos(1))
        .expiring(StoreTime::from_nanos(2));
    GrantRecord::new(now())
        .with_refresh_token(RefreshToken::new(CANARY), now())
        .with_alternates([RefreshToken::new(CANARY)])
        .with_access_token(token)
        .with_proof_key(PrivateKey::new(CANARY))
        .with_further(FurtherParameters::new([("instance_url", CANARY)]))
        .with_renewal(Zeroizing::new(CANARY.as_bytes().to_vec()))
}

pub(super) fn client() -> ClientRecord {
    ClientRecord::new("id").with_secret(CANARY, now()).with_private_key(PrivateKey::new(CANARY))
}

/// A vault, opened, and everything that its handles give.
pub(super) async fn vault(printed: &Printed) {
    let print = Named(printed, "grantry_vault");
    let builder = SealedVault::builder(MemoryVault::new(), VaultKeys::rotating(key()), policy());
    print.the("SealedVaultBuilder", &builder);
    let vault = builder.open().await.unwrap();
    print.the("SealedVault", &vault);
    print.the("VaultKeys", &VaultKeys::new(key()).with_recovery(key()).with_former(key()));
    let mine = vault.as_principal(me());
    print.the("PrincipalVault", &mine);
    mine.create_tenant("acme").await.unwrap();
    let acme = mine.tenant("acme").unwrap();
    print.the("TenantVault", &acme);
    let version = acme.create_grant("crm", "user", grant()).await.unwrap();
    print.the("RecordVersion", &version);
    acme.store_client("crm", client(), None).await.unwrap();
    let revealed = acme.reveal_grant("crm", "user").await.unwrap().unwrap();
    print.the("Stored", &revealed);
    print.the("GrantRecord", &revealed.value);
    print.the("StoredAccessToken", &revealed.access_tokens()[0]);
    print.the("GrantState", &revealed.state());
    print.the("StoredBinding", &revealed.access_tokens()[0].binding);
    let client = acme.reveal_client("crm").await.unwrap().unwrap().value;
    print.the("ClientRecord", &client);
    print.the("StoredSecret", &client.secrets()[0]);
    printed.shown.debug(&acme.grants_one_by_one(None, 10).await.unwrap());
    print.the("GrantView", &acme.grant("crm", "user").await.unwrap().unwrap().value);
    print.the("ClientView", &acme.client("crm").await.unwrap().unwrap().value);
    print.the("AccessTokenView", &acme.access_token("crm", "user", &target()).await.unwrap().unwrap().value);
    let renewing = acme.renew("crm", "user").await.unwrap();
    print.the("Renewing", &renewing);
    let lineage = LineageId::generate(&SystemEntropy);
    let sealed = renewing.seal_aside(lineage, 1, CANARY.as_bytes()).unwrap();
    print.the("SealedRecord", &sealed);
    print.the("Aside", &renewing.open_aside(&sealed).await.unwrap());
    print.the("LateSeal", &renewing.late_seal());
    renewing.finish(Outcome::ok());

    let policy = RotationPolicy::default().every(std::time::Duration::ZERO);
    print.the("RotationPolicy", &policy);
    let told = std::sync::Mutex::new(None::<RotationProgress>);
    let report = mine.rotate(&policy, |progress| *told.lock().unwrap() = Some(progress)).await.unwrap();
    print.the("RotationReport", &report);
    print.the("RotationProgress", &told.lock().unwrap().unwrap());
    print.the("RotationPhase", &RotationPhase::Records);
    let ages = mine.key_ages(&policy, None, 10).await.unwrap();
    print.the("KeyAge", &ages[0]);
    print.the("KeyAgeState", &ages[0].state);
    let task = vault.keep_rotating(policy).unwrap();
    print.the("RotationTask", &task);
    refusals(printed, &mine).await;
    vault.close().await.unwrap();
}

/// What goes wrong, with the canary in whatever is at hand.
async fn refusals(printed: &Printed, mine: &grantry_vault::PrincipalVault) {
    let nobody = mine.tenant("globex").unwrap();
    printed.shown.error(&nobody.create_grant("crm", "user", grant()).await.unwrap_err());
    let acme = mine.tenant("acme").unwrap();
    printed.shown.error(&acme.create_grant("crm", "user", grant()).await.unwrap_err());
    printed.shown.error(&acme.create_grant("C R M", "user", grant()).await.unwrap_err());
    let long = GrantRecord::new(now()).with_refresh_token(RefreshToken::new(CANARY.repeat(100_000)), now());
    let too_long: Error = acme.create_grant("crm", "long", long).await.unwrap_err();
    assert_eq!(too_long.kind(), ErrorKind::Configuration);
    printed.shown.error(&too_long);
}

/// Keys, and the bytes that a backend sees.
pub(super) async fn keys_and_bytes(printed: &Printed) {
    let print = Named(printed, "grantry_vault");
    let deployment = Deployment::new("prod").unwrap();
    let tenant = TenantId::new("acme").unwrap();
    let context = KeyContext::new(&deployment, Some(&tenant), 1);
    let tenant_key = TenantKey::from_slice(&private_key()).unwrap();
    let wrapped: WrappedKey = key().wrap_key(&tenant_key, &context).await.unwrap();
    print.the("KeyId", wrapped.key_id());
    print.the("WrappedKey", &wrapped);
    print.the("LocalKey", &key());
    print.the("LocalKeySet", &key_set());
    let versions = key().versions().await.unwrap();
    print.the("KeyVersion", &versions[0]);
    print.the("KeyVersionState", &versions[0].state);
    print.the("Deployment", &deployment);
    print.the("KeyContext", &context);
    print.the("KeyError", &KeyError::damaged("it does not open"));

    let place = RecordKey::grant(&GrantKey::new("acme", "crm", "user").unwrap());
    let stamp = Stamp { epoch: 1, lineage: LineageId::generate(&SystemEntropy), generation: 0, version: 1 };
    let here = Place::new(&deployment, &place);
    let sealed: SealedRecord = seal(&tenant_key, here, stamp, CANARY.as_bytes(), &SystemEntropy).unwrap();
    let sealing = Named(printed, "grantry_vault::sealing");
    sealing.the("Opened", &open(&tenant_key, here, &sealed).unwrap());
    sealing.the("Place", &here);
    sealing.the("Stamp", &stamp);
    let too_long = vec![0; SealedRecord::MOST_BYTES];
    sealing.the("NotSealed", &seal(&tenant_key, here, stamp, &too_long, &SystemEntropy).unwrap_err());
    for print in [&print, &sealing] {
        print.the("LineageId", &stamp.lineage);
        print.the("RefusedRecord", &RefusedRecord::Altered);
    }
    print.the("TenantKey", &tenant_key);
    print.the("SealedRecord", &sealed);

    let store = MemoryVault::new();
    let revision = store.store(&place, sealed, Precondition::Absent).await.unwrap();
    print.the("Revision", &revision);
    print.the("Precondition", &Precondition::Matches(revision));
    print.the("StoredRecord", &store.load(&place).await.unwrap().unwrap());
    print.the("Page", &store.list(&RecordPrefix::everything(), None, 10).await.unwrap());
    print.the("MemoryVault", &store);
    print.the("RecordKind", &place.kind());
    print.the("RecordPrefix", &RecordPrefix::tenant(&tenant));
    print.the("InvalidRecordKey", &RecordKey::parse(CANARY).unwrap_err());
    print.the("VaultError", &VaultError::in_doubt("the answer was lost"));
    let hints = ChangeHints::default();
    print.the("ChangeHint", &hints.next_change(&place));
    print.the("ChangeHints", &hints);
    print.the("RecordKey", &place);

    let mut fields = FieldWriter::with_room(64);
    fields.text(CANARY);
    print.the("FieldWriter", &fields);
    print.the("FieldReader", &FieldReader::new(fields.as_bytes()));
    print.the("Fingerprint", &Fingerprint::of(&RefreshToken::new(CANARY)));
}

pub(super) fn access(printed: &Printed) {
    let print = Named(printed, "grantry_vault::access");
    let policy = policy();
    let object = Object::DEPLOYMENT;
    print.the("AccessPolicyBuilder", &policy.edit());
    print.the("Decision", &policy.decide(&me(), Permission::TokenUse, &object, now()));
    print.the("Holder", &policy.who_can(Permission::TokenUse, &object, now())[0]);
    print.the("Allowance", &policy.allowed(&me(), now())[0]);
    print.the("Object", &object);
    print.the("AccessPolicy", &policy);
    let binding = Binding::allow(me(), "everything", Reach::everything());
    print.the("Effect", &binding.effect());
    print.the("Reach", binding.reach());
    print.the("PrincipalPattern", &PrincipalPattern::parse("workload:*").unwrap());
    print.the("Binding", &binding);
    print.the("Role", &Role::admin());
    print.the("Permission", &Permission::TokenUse);
    print.the("PrincipalKind", &me().kind());
    print.the("Principal", &me());
    print.the("AccountPattern", &AccountPattern::parse("*").unwrap());
    print.the("ServicePattern", &ServicePattern::parse("*").unwrap());
    print.the("TenantPattern", &TenantPattern::parse("*").unwrap());
    print.the("PolicyError", &Principal::parse("nobody").unwrap_err());
}

pub(super) async fn audit(printed: &Printed) {
    let print = Named(printed, "grantry_vault::audit");
    let root = || AuditKey::from_slice(&private_key()).unwrap();
    print.the("AuditKey", &root());
    let sink = Arc::new(MemorySink::as_if_durable());
    let builder = AuditLog::builder(root(), Arc::new(SystemClock::new()), Arc::new(SystemEntropy))
        .sink(Arc::clone(&sink));
    print.the("AuditLogBuilder", &builder);
    let log = builder.build().unwrap();
    let fingerprint = log.fingerprint(CANARY.as_bytes());
    print.the("Fingerprint", &fingerprint);
    let intent = grantry_vault::audit::Intent::new("workload:me", "token.use").fingerprint(fingerprint);
    print.the("Intent", &intent);
    let attempt = log.intent(intent.clone()).await.unwrap();
    log.intent(intent).await.unwrap();
    log.outcome(attempt, Outcome::failed("invalid_grant"));
    log.close().await.unwrap();
    print.the("AttemptId", &attempt);
    print.the("WriterId", &attempt.writer());
    print.the("Outcome", &Outcome::unknown());
    print.the("AuditHealth", &log.health());
    print.the("SinkHealth", &log.health().sinks[0]);
    print.the("Checkpoint", &log.last_checkpoint().unwrap());
    print.the("CheckpointKey", log.checkpoint_key());
    print.the("AuditLog", &log);
    let lines = sink.lines();
    print.the("AuditLine", &lines[0]);
    printed.shown.debug(&lines.iter().map(grantry_vault::audit::AuditLine::to_json).collect::<Vec<_>>());
    print.the("MemorySink", &*sink);
    print.the("Traced", &Traced::new());
    let folder = tempfile::tempdir().unwrap();
    print.the("JsonLines", &JsonLines::new(folder.path()));
    let mut read = Lines::new(lines[0].to_json().into_bytes().leak() as &[u8]);
    print.the("LineRead", &read.next().unwrap().unwrap());
    print.the("Lines", &read);
    let verifier = Verifier::new(root());
    print.the("Verifier", &verifier);
    let gap: Vec<_> = lines.iter().enumerate().filter(|(nth, _)| *nth != 2).map(|(_, line)| line).collect();
    let report = verifier.verify(gap);
    print.the("Break", report.first_break().unwrap());
    print.the("BreakKind", &report.first_break().unwrap().kind);
    print.the("At", report.first_break().unwrap().at.as_ref().unwrap());
    print.the("WriterSummary", report.writers().next().unwrap().1);
    let orphaned = Verifier::new(root()).verify(&lines[..3]);
    print.the("Orphan", &orphaned.orphans()[0]);
    print.the("Report", &report);
    print.the("AuditError", &AuditError::unavailable("the disk is full"));
    print.the(
        "InvalidAuditId",
        &CANARY.parse::<AttemptId>().map_err(|error: InvalidAuditId| error).unwrap_err(),
    );
}

pub(super) fn conformance(printed: &Printed) {
    let print = Named(printed, "grantry_vault::conformance");
    let subject = Subject::new(MemoryVault::new());
    print.the("Subject", &subject);
    print.the("Promise", &conformance::PROMISES[0]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let report = runtime.block_on(conformance::all(async || Subject::new(MemoryVault::new())));
    print.the("Outcome", report.outcomes().next().unwrap().1);
    print.the("Report", &report);
    let broken: Broken =
        conformance::prove("no such promise", async || Subject::new(MemoryVault::new())).unwrap_err();
    print.the("Broken", &broken);
}

/// Prints types of one module.
pub(super) struct Named<'a>(pub(super) &'a Printed, pub(super) &'static str);

impl Named<'_> {
    pub(super) fn the<T: std::fmt::Debug>(&self, name: &str, value: &T) {
        self.0.print(&format!("{}::{name}", self.1), value);
    }
}
