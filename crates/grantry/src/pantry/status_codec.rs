//! A status in its serialised form, which is stable: see [`Status`].

use std::collections::BTreeMap;

use grantry_core::Timestamp;
use grantry_custody::{Cause, GrantHealth, Happened, HistoryEntry, LastError};
use grantry_refresh::Condition;
use grantry_vault::RotationReport;
use serde::{Serialize, Serializer};

use super::status::{GrantStatus, KeysStatus, OpenGrant, ProcessStatus, Status, Trouble};

/// A field that changes its meaning, or goes, raises it.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct StatusForm<'a> {
    version: u32,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<ProcessForm<'a>>,
    grants: Vec<GrantForm<'a>>,
}

#[derive(Serialize)]
struct ProcessForm<'a> {
    closed: bool,
    renewals_in_flight: usize,
    keys: Option<KeysForm<'a>>,
}

#[derive(Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
enum KeysForm<'a> {
    Done {
        busy_elsewhere: bool,
        promoted: Option<&'a str>,
        rewrapped: u64,
        new_epochs: u64,
        resealed: u64,
        retired_keys: usize,
        waiting_keys: usize,
        failed_tenants: usize,
        refused_records: usize,
    },
    Failed {
        trouble: TroubleForm<'a>,
    },
}

#[derive(Serialize)]
struct GrantForm<'a> {
    tenant: &'a str,
    service: &'a str,
    account: &'a str,
    needs_person: bool,
    #[serde(flatten)]
    stored: Option<StoredForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<OpenForm<'a>>,
}

#[derive(Serialize)]
struct StoredForm<'a> {
    state: &'static str,
    consented_at: String,
    generation: u64,
    last_renewal_at: Option<String>,
    next_renewal_at: Option<String>,
    person_needed_at: Option<String>,
    idle_limit_at: Option<String>,
    absolute_limit_at: Option<String>,
    calls: u64,
    last_used_day: Option<String>,
    last_error: Option<LastErrorForm<'a>>,
    further: BTreeMap<&'a str, &'a str>,
    history: Vec<HistoryForm<'a>>,
}

#[derive(Serialize)]
struct LastErrorForm<'a> {
    at: String,
    kind: &'static str,
    provider_code: Option<&'a str>,
    remedy: String,
    causes: Vec<CauseForm<'a>>,
}

#[derive(Serialize)]
struct CauseForm<'a> {
    evidence: &'a str,
    remedy: &'a str,
}

#[derive(Serialize)]
struct HistoryForm<'a> {
    at: String,
    by: &'a str,
    what: &'static str,
    rotated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider_code: Option<&'a str>,
}

#[derive(Serialize)]
struct OpenForm<'a> {
    condition: Option<&'static str>,
    expires_at: Option<String>,
    next_renewal_at: Option<String>,
    renewing: bool,
    waiting: u32,
    hits: u64,
    renewals: u32,
    failures: u32,
    trouble: Option<TroubleForm<'a>>,
}

#[derive(Serialize)]
struct TroubleForm<'a> {
    kind: &'static str,
    message: &'a str,
    remedy: &'a str,
    causes: &'a [String],
    party: &'static str,
    again_in_seconds: Option<u64>,
    code: Option<&'a str>,
}

/// The form that is told in [`Status`].
impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = StatusForm {
            version: VERSION,
            at: self.at.to_string(),
            tenant: self.tenant.as_ref().map(|tenant| tenant.as_str()),
            process: self.process.as_ref().map(ProcessForm::of),
            grants: self.grants.iter().map(GrantForm::of).collect(),
        };
        form.serialize(serializer)
    }
}

/// As among the `grants` of a [`Status`].
impl Serialize for GrantStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        GrantForm::of(self).serialize(serializer)
    }
}

impl<'a> ProcessForm<'a> {
    fn of(process: &'a ProcessStatus) -> Self {
        Self {
            closed: process.is_closed,
            renewals_in_flight: process.renewals_in_flight,
            keys: process.keys.as_ref().map(|keys| match keys {
                KeysStatus::Done(report) => KeysForm::done(report),
                KeysStatus::Failed(trouble) => KeysForm::Failed { trouble: TroubleForm::of(trouble) },
            }),
        }
    }
}

impl<'a> KeysForm<'a> {
    fn done(report: &'a RotationReport) -> Self {
        Self::Done {
            busy_elsewhere: report.busy_elsewhere,
            promoted: report.promoted.as_ref().map(|key| key.as_str()),
            rewrapped: report.rewrapped,
            new_epochs: report.new_epochs,
            resealed: report.resealed,
            retired_keys: report.retired_keys.len(),
            waiting_keys: report.waiting_keys.len(),
            failed_tenants: report.failed.len(),
            refused_records: report.refused.len(),
        }
    }
}

impl<'a> GrantForm<'a> {
    fn of(grant: &'a GrantStatus) -> Self {
        Self {
            tenant: grant.key.tenant(),
            service: grant.key.service(),
            account: grant.key.account(),
            needs_person: grant.needs_person(),
            stored: grant.stored.as_ref().map(StoredForm::of),
            open: grant.open.as_ref().map(OpenForm::of),
        }
    }
}

impl<'a> StoredForm<'a> {
    fn of(stored: &'a GrantHealth) -> Self {
        Self {
            state: stored.state.as_str(),
            consented_at: stored.consented.to_string(),
            generation: stored.generation,
            last_renewal_at: written(stored.last_renewal.as_ref().map(|entry| entry.at)),
            next_renewal_at: written(stored.next_renewal),
            person_needed_at: written(stored.person_needed()),
            idle_limit_at: written(stored.idle_limit),
            absolute_limit_at: written(stored.absolute_limit),
            calls: stored.usage.calls,
            last_used_day: written(stored.usage.last_used),
            last_error: stored.last_error.as_ref().map(LastErrorForm::of),
            further: stored.further.iter().collect(),
            history: stored.history.iter().map(HistoryForm::of).collect(),
        }
    }
}

impl<'a> LastErrorForm<'a> {
    fn of(last: &'a LastError) -> Self {
        Self {
            at: last.at.to_string(),
            kind: last.kind.as_str(),
            provider_code: last.provider_code.as_deref(),
            remedy: last.diagnosis().remedy().to_owned(),
            causes: last.causes.iter().map(CauseForm::of).collect(),
        }
    }
}

impl<'a> CauseForm<'a> {
    fn of(cause: &'a Cause) -> Self {
        Self { evidence: &cause.evidence, remedy: &cause.remedy }
    }
}

impl<'a> HistoryForm<'a> {
    fn of(entry: &'a HistoryEntry) -> Self {
        let (what, refusal) = match &entry.what {
            Happened::Renewed => ("renewed", None),
            Happened::InDoubt => ("in_doubt", None),
            Happened::Refused(refusal) => ("refused", Some(refusal)),
            Happened::NotRenewed(refusal) => ("not_renewed", Some(refusal)),
            Happened::Revived => ("revived", None),
            Happened::BroughtHome => ("brought_home", None),
            _ => ("other", None),
        };
        Self {
            at: entry.at.to_string(),
            by: entry.by.as_str(),
            what,
            rotated: entry.rotated,
            kind: refusal.map(|refusal| refusal.kind.as_str()),
            provider_code: refusal.and_then(|refusal| refusal.provider_code.as_deref()),
        }
    }
}

impl<'a> OpenForm<'a> {
    fn of(open: &'a OpenGrant) -> Self {
        Self {
            condition: open.condition.map(Condition::as_str),
            expires_at: written(open.expires),
            next_renewal_at: written(open.next_renewal),
            renewing: open.renewing,
            waiting: open.waiting,
            hits: open.hits,
            renewals: open.renewals.0,
            failures: open.renewals.1,
            trouble: open.trouble.as_ref().map(TroubleForm::of),
        }
    }
}

impl<'a> TroubleForm<'a> {
    fn of(trouble: &'a Trouble) -> Self {
        Self {
            kind: trouble.kind,
            message: &trouble.message,
            remedy: &trouble.remedy,
            causes: &trouble.causes,
            party: trouble.party.as_str(),
            again_in_seconds: trouble.again_in.map(|wait| wait.as_secs()),
            code: trouble.code.as_deref(),
        }
    }
}

fn written(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}
