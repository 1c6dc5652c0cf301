//! The login that a grant began with.

use std::fmt;

use grantry_core::Timestamp;
use zeroize::Zeroizing;

use super::{IdTokenClaims, IdTokenFlaw};

/// Who logged in when a grant began: what the ID token of a renewal has to say again (OpenID Connect Core section 12.2).
///
/// Made of the login's checked claims, or of what was stored of them; what is not known is not compared. A nonce need not be
/// there again, and is the login's where it is.
///
/// ```
/// use grantry_endpoint::OriginalLogin;
/// let stored = "248289761001";
/// let login = OriginalLogin::new(stored).audience(["calendar"]);
/// assert!(!format!("{login:?}").contains(stored), "who the person is is nobody's business in a log");
/// ```
#[derive(Clone)]
#[must_use]
pub struct OriginalLogin {
    subject: String,
    issuer: Option<String>,
    audience: Option<Vec<String>>,
    /// Known to be there, or not to be.
    authorized_party: Option<Option<String>>,
    authenticated: Option<Timestamp>,
    nonce: Option<Zeroizing<String>>,
}

/// What the ID token of a renewal says.
pub(super) struct Said<'a> {
    pub(super) issuer: &'a str,
    pub(super) subject: &'a str,
    pub(super) audience: &'a [String],
    pub(super) authorized_party: Option<&'a str>,
    pub(super) authenticated: Option<Timestamp>,
}

impl OriginalLogin {
    /// That of a person with this id at the issuer (`sub`).
    pub fn new(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            issuer: None,
            audience: None,
            authorized_party: None,
            authenticated: None,
            nonce: None,
        }
    }

    /// That of an ID token that was checked.
    pub fn of(claims: &IdTokenClaims) -> Self {
        Self {
            subject: claims.subject.clone(),
            issuer: Some(claims.issuer.clone()),
            audience: Some(claims.audience.clone()),
            authorized_party: Some(claims.authorized_party.clone()),
            authenticated: claims.authenticated,
            nonce: claims.nonce.clone(),
        }
    }

    /// Who said so (`iss`); the server that is asked, if left out.
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        Self { issuer: Some(issuer.into()), ..self }
    }

    /// Whom it was for (`aud`), in any order.
    pub fn audience<S: Into<String>>(self, audience: impl IntoIterator<Item = S>) -> Self {
        Self { audience: Some(audience.into_iter().map(Into::into).collect()), ..self }
    }

    /// To whom it was issued (`azp`); `None` where it did not say, and then it must not say so now.
    pub fn authorized_party(self, party: Option<String>) -> Self {
        Self { authorized_party: Some(party), ..self }
    }

    /// When the person proved to the server who they are (`auth_time`).
    pub fn authenticated(self, at: Timestamp) -> Self {
        Self { authenticated: Some(at), ..self }
    }

    /// The nonce of the authorization request.
    pub fn nonce(self, nonce: impl Into<String>) -> Self {
        Self { nonce: Some(Zeroizing::new(nonce.into())), ..self }
    }

    /// The nonce that a token has to have if it has one.
    pub(super) fn sent_nonce(&self) -> Option<&str> {
        self.nonce.as_ref().map(|nonce| nonce.as_str())
    }

    /// Whether it is the same login.
    pub(super) fn check(&self, said: &Said<'_>) -> Result<(), IdTokenFlaw> {
        if self.issuer.as_ref().is_some_and(|issuer| issuer != said.issuer) {
            return Err(IdTokenFlaw::OtherIssuer);
        }
        if self.subject != said.subject {
            return Err(IdTokenFlaw::OtherSubject);
        }
        let sorted = |audience: &[String]| {
            let mut audience = audience.to_vec();
            audience.sort();
            audience
        };
        if self.audience.as_ref().is_some_and(|audience| sorted(audience) != sorted(said.audience)) {
            return Err(IdTokenFlaw::ChangedAudience);
        }
        if self.authorized_party.as_ref().is_some_and(|party| party.as_deref() != said.authorized_party) {
            return Err(IdTokenFlaw::ChangedAudience);
        }
        match (self.authenticated, said.authenticated) {
            (Some(then), Some(now)) if then != now => Err(IdTokenFlaw::OtherAuthentication),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for OriginalLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginalLogin")
            .field("issuer", &self.issuer)
            .field("authenticated", &self.authenticated)
            .finish_non_exhaustive()
    }
}
