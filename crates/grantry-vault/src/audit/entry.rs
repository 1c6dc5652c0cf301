//! What is recorded: intents before a secret is released, and outcomes after.

use grantry_core::{AccountId, GrantKey, ServiceName, TenantId};

use super::ids::Fingerprint;
use super::text::Text;

/// Somebody is about to do something with a credential, or was kept from it.
///
/// No secret fits in: names are checked types, actions, kinds and reasons are words of the program, and the only free
/// texts, principal and request id, are bounded to 512 bytes and lose their control characters.
///
/// ```
/// use grantry_core::GrantKey;
/// use grantry_vault::audit::Intent;
///
/// let intent = Intent::new("workload:billing", "token.use")
///     .grant(&GrantKey::new("acme", "crm", "user-17")?)
///     .kind("access_token")
///     .allowed("role_binding")
///     .request("4f1c");
/// # Ok::<(), grantry_core::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub(crate) principal: Text,
    pub(crate) action: Text,
    pub(crate) tenant: Option<TenantId>,
    pub(crate) service: Option<ServiceName>,
    pub(crate) account: Option<AccountId>,
    pub(crate) kind: Option<Text>,
    pub(crate) decision: Decision,
    pub(crate) request: Option<Text>,
    pub(crate) fingerprint: Option<Fingerprint>,
}

impl Intent {
    /// Who does what. It is allowed, until [`denied`](Intent::denied) says otherwise.
    pub fn new(principal: &str, action: &'static str) -> Self {
        Self {
            principal: Text::new(principal),
            action: Text::new(action),
            tenant: None,
            service: None,
            account: None,
            kind: None,
            decision: Decision { verdict: Verdict::Allow, reason: Text::new("") },
            request: None,
            fingerprint: None,
        }
    }

    /// Whose vault it concerns.
    #[must_use]
    pub fn tenant(mut self, tenant: &TenantId) -> Self {
        self.tenant = Some(tenant.clone());
        self
    }

    /// Which service it concerns.
    #[must_use]
    pub fn service(mut self, service: &ServiceName) -> Self {
        self.service = Some(service.clone());
        self
    }

    /// Whose account at the service it concerns.
    #[must_use]
    pub fn account(mut self, account: &AccountId) -> Self {
        self.account = Some(account.clone());
        self
    }

    /// Tenant, service and account at once.
    #[must_use]
    pub fn grant(mut self, key: &GrantKey) -> Self {
        // A grant's key was checked by the same rules when it was made.
        self.tenant = TenantId::new(key.tenant()).ok();
        self.service = ServiceName::new(key.service()).ok();
        self.account = AccountId::new(key.account()).ok();
        self
    }

    /// What kind of thing it concerns, such as `refresh_token`.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = Some(Text::new(kind));
        self
    }

    /// It is allowed, and why.
    #[must_use]
    pub fn allowed(mut self, reason: &str) -> Self {
        self.decision = Decision { verdict: Verdict::Allow, reason: Text::new(reason) };
        self
    }

    /// It is denied, and why. Nothing happens after it, so no outcome is expected.
    #[must_use]
    pub fn denied(mut self, reason: &str) -> Self {
        self.decision = Decision { verdict: Verdict::Deny, reason: Text::new(reason) };
        self
    }

    /// The caller's id of the request that this is part of.
    #[must_use]
    pub fn request(mut self, id: &str) -> Self {
        self.request = Some(Text::new(id));
        self
    }

    /// Which token it concerns.
    #[must_use]
    pub fn fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Whether an outcome is expected.
    pub(crate) fn is_allowed(&self) -> bool {
        self.decision.verdict == Verdict::Allow
    }
}

/// What was decided about an intent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) reason: Text,
}

/// Whether an intent may go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allow,
    Deny,
}

/// How an attempt ended.
///
/// ```
/// use grantry_vault::audit::Outcome;
/// assert_ne!(Outcome::failed("invalid_grant"), Outcome::unknown());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome(pub(crate) Ended);

impl Outcome {
    /// It did what was intended.
    pub const fn ok() -> Self {
        Self(Ended::Ok)
    }

    /// It failed; `kind` is a word of the program, such as `invalid_grant`.
    pub fn failed(kind: &'static str) -> Self {
        Self(Ended::Failed(Text::new(kind)))
    }

    /// Nobody knows: an answer was lost.
    pub const fn unknown() -> Self {
        Self(Ended::Unknown)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Ok,
    Failed(Text),
    Unknown,
}
