//! How the authorization server decides and how it words its answers.

use std::collections::BTreeMap;
use std::time::Duration;

use grantry_core::{AssertionAudience, Rotation, Scope};

use super::{Decision, DeviceDecision, IdTokenStyle, ResponseIssuer, ResponseState};
use crate::ProofPolicy;

/// What the server grants of the scope that a client asks for (RFC 6749 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ScopePolicy {
    /// All of it.
    #[default]
    AsAsked,
    /// What of it is also in this scope.
    Narrowed(Scope),
    /// All of it if it is within this scope; otherwise the answer is `invalid_scope`.
    Within(Scope),
    /// This scope, whatever was asked for.
    Always(Scope),
}

/// How `expires_in` stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ExpiresIn {
    /// `3600`, as RFC 6749 section 5.1 has it.
    #[default]
    Number,
    /// `"3600"`.
    Text,
    /// `3600.0`.
    Float,
    /// Not at all.
    Absent,
}

/// How `scope` stands in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ScopeForm {
    /// `"a b"`, as RFC 6749 section 5.1 has it.
    #[default]
    Text,
    /// `["a","b"]`.
    Array,
    /// Not at all, even where another scope was granted than asked for.
    Absent,
}

/// How a token answer is written. The default is what RFC 6749 section 5.1 has.
///
/// ```
/// use grantry_testkit::{AnswerStyle, ExpiresIn, ScopeForm};
/// let odd = AnswerStyle::default()
///     .expires_in(ExpiresIn::Text)
///     .token_type(Some("bEaReR"))
///     .scope(ScopeForm::Array);
/// # let _ = odd;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AnswerStyle {
    pub(crate) expires_in: ExpiresIn,
    pub(crate) token_type: Option<String>,
    pub(crate) scope: ScopeForm,
    pub(crate) refresh_in: Option<Duration>,
    pub(crate) form_encoded: bool,
    pub(crate) further: BTreeMap<String, String>,
}

impl Default for AnswerStyle {
    fn default() -> Self {
        Self {
            expires_in: ExpiresIn::default(),
            token_type: Some("Bearer".to_owned()),
            scope: ScopeForm::default(),
            refresh_in: None,
            form_encoded: false,
            further: BTreeMap::new(),
        }
    }
}

impl AnswerStyle {
    /// How `expires_in` stands.
    #[must_use]
    pub fn expires_in(self, expires_in: ExpiresIn) -> Self {
        Self { expires_in, ..self }
    }

    /// The text of `token_type`; `None` leaves it out.
    #[must_use]
    pub fn token_type(self, token_type: Option<&str>) -> Self {
        Self { token_type: token_type.map(str::to_owned), ..self }
    }

    /// How `scope` stands.
    #[must_use]
    pub fn scope(self, scope: ScopeForm) -> Self {
        Self { scope, ..self }
    }

    /// Adds `refresh_in`, in whole seconds: from when on the server wishes the token renewed.
    #[must_use]
    pub fn refresh_in(self, refresh_in: Duration) -> Self {
        Self { refresh_in: Some(refresh_in), ..self }
    }

    /// Form-encoded in place of JSON, as old servers answer.
    #[must_use]
    pub fn form_encoded(self) -> Self {
        Self { form_encoded: true, ..self }
    }

    /// Adds a member of the provider's own, such as `instance_url`, in place of one of the same name.
    #[must_use]
    pub fn further(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.further.insert(name.into(), value.into());
        self
    }
}

/// What the server goes by. It can be changed while the server runs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long access tokens live; 1 h if not set.
    pub token_lifetime: Duration,
    /// What is granted of the scope asked for; all of it if not set.
    pub scope_policy: ScopePolicy,
    /// What happens to refresh tokens that are used; [`Rotation::None`] if not set.
    ///
    /// Under [`Rotation::Grace`] a used token is accepted for the window after its first use, as long as none of
    /// its successors was used; afterwards it is refused and its family revoked, as Okta and Auth0 do.
    pub rotation: Rotation,
    /// Whether a renewal kills the access tokens before it; no if not set.
    pub old_access_token_dies: bool,
    /// Whom client assertions have to be for; the issuer if not set.
    pub assertion_audience: AssertionAudience,
    /// How token answers are written.
    pub answer_style: AnswerStyle,
    /// What the person decides; consent if not set.
    pub decision: Decision,
    /// The `state` in authorization responses; the one of the request if not set.
    pub response_state: ResponseState,
    /// The `iss` in authorization responses; the issuer if not set.
    pub response_issuer: ResponseIssuer,
    /// Whether the metadata says that every response has `iss`; yes if not set.
    pub advertises_response_issuer: bool,
    /// How long codes live; 60 s if not set.
    pub code_lifetime: Duration,
    /// How long references to pushed requests live; 60 s if not set.
    pub request_uri_lifetime: Duration,
    /// Whether authorization requests have to be pushed; no if not set.
    pub requires_pushed_requests: bool,
    /// Whether requests may come without a code challenge, and a verifier at the token endpoint is refused, as LinkedIn does;
    /// no if not set.
    pub refuses_pkce: bool,
    /// What is made of proofs of possession (RFC 9449): they are taken, and not asked for, if not set.
    pub proofs: ProofPolicy,
    /// How ID tokens are made, which the answer to a code has where the scope holds `openid`: as OpenID Connect has them,
    /// signed by RS256, if not set.
    pub id_token: IdTokenStyle,
    /// The `sub` of the UserInfo endpoint's answers; the person's if not set.
    pub user_info_subject: Option<String>,
    /// What polls of device authorizations are answered with; what the person decides if not set.
    pub device_decision: DeviceDecision,
    /// How long device codes and user codes live; 600 s if not set.
    pub device_code_lifetime: Duration,
    /// How far apart polls have to be; 5 s if not set. `None` asks for the same and does not say so.
    pub device_interval: Option<Duration>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token_lifetime: Duration::from_secs(3600),
            scope_policy: ScopePolicy::default(),
            rotation: Rotation::None,
            old_access_token_dies: false,
            assertion_audience: AssertionAudience::default(),
            answer_style: AnswerStyle::default(),
            decision: Decision::default(),
            response_state: ResponseState::default(),
            response_issuer: ResponseIssuer::default(),
            advertises_response_issuer: true,
            code_lifetime: Duration::from_secs(60),
            request_uri_lifetime: Duration::from_secs(60),
            requires_pushed_requests: false,
            refuses_pkce: false,
            proofs: ProofPolicy::default(),
            id_token: IdTokenStyle::default(),
            user_info_subject: None,
            device_decision: DeviceDecision::default(),
            device_code_lifetime: Duration::from_secs(600),
            device_interval: Some(Duration::from_secs(5)),
        }
    }
}

impl ScopePolicy {
    /// What is granted; `None` where the answer is `invalid_scope`.
    pub(crate) fn grant(&self, asked: &Scope) -> Option<Scope> {
        match self {
            Self::AsAsked => Some(asked.clone()),
            // Asked without those that are not in the limit.
            Self::Narrowed(limit) => Some(asked.without(&asked.without(limit))),
            Self::Within(limit) => limit.covers(asked).then(|| asked.clone()),
            Self::Always(scope) => Some(scope.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_policy_grants_what_it_says() {
        let scope = |s| Scope::parse(s).unwrap();
        let asked = scope("a b");
        assert_eq!(ScopePolicy::AsAsked.grant(&asked), Some(asked.clone()));
        assert_eq!(ScopePolicy::Narrowed(scope("b c")).grant(&asked), Some(scope("b")));
        assert_eq!(ScopePolicy::Within(scope("b c")).grant(&asked), None);
        assert_eq!(ScopePolicy::Within(scope("a b c")).grant(&asked), Some(asked.clone()));
        assert_eq!(ScopePolicy::Always(scope("z")).grant(&asked), Some(scope("z")));
    }
}
