//! What a login makes of ID tokens (OpenID Connect Core section 3.1.3): nothing is handed out before they are checked.

use std::time::Duration;

use grantry_core::{AccessToken, Diagnosis, Error, Retry};
use grantry_endpoint::{
    ExpectedIdToken, IdTokenClaims, IdTokenFlaw, IdTokenVerifier, Redeemed, RevocationEndpoint, TokenEndpoint,
};
use grantry_jose::Algorithm;

use crate::parameters::Parameters;
use crate::{AuthorizationCodeBuilder, PendingAuthorization};

/// What the application wishes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wishes {
    algorithms: Vec<Algorithm>,
    trusted: Vec<String>,
    leeway: Option<Duration>,
    pub(crate) max_age: Option<Duration>,
    may_be_missing: bool,
    ignored: bool,
}

/// What comes of the wishes at this server.
#[derive(Debug, Clone)]
pub(crate) struct IdTokens {
    /// None where nothing says who the server is, or the application wants no ID tokens.
    verifier: Option<IdTokenVerifier>,
    may_be_missing: bool,
}

impl AuthorizationCodeBuilder {
    /// The algorithms by which the server signs ID tokens for this client, as it is registered
    /// (`id_token_signed_response_alg`); RS256 if left out.
    pub fn id_token_algorithms(mut self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.id_tokens.algorithms = algorithms.into_iter().collect();
        self
    }

    /// Somebody else for whom the server's ID tokens may be too, beside this client; may be called several times. Without
    /// it a token for several is refused.
    pub fn trusted_audience(mut self, audience: impl Into<String>) -> Self {
        self.id_tokens.trusted.push(audience.into());
        self
    }

    /// How far the clocks of this machine and of the server may be apart where ID tokens are judged, up to 10 minutes; 60 s
    /// if left out. What the server's answers tell of its clock is allowed for besides.
    pub fn id_token_leeway(mut self, leeway: Duration) -> Self {
        self.id_tokens.leeway = Some(leeway);
        self
    }

    /// How long ago the person may have logged in at the server (`max_age`), in whole seconds; the server asks them again
    /// where it is longer, and the ID token has to say when it was (`auth_time`).
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.id_tokens.max_age = Some(max_age);
        self
    }

    /// Takes an answer without an ID token, although `openid` was asked for: [`Granted::claims`](crate::Granted::claims) is
    /// `None` then, and nobody knows who the person is. One that is there is checked all the same.
    pub fn id_token_may_be_missing(mut self) -> Self {
        self.id_tokens.may_be_missing = true;
        self
    }

    /// Sends no nonce, and neither reads ID tokens nor hands them out: for servers that want `openid` in the scope where
    /// only access tokens are of interest.
    pub fn without_id_token(mut self) -> Self {
        self.id_tokens.ignored = true;
        self
    }
}

impl Wishes {
    /// Whether an ID token is wanted where `asked` says that it was asked for.
    pub(crate) fn want(&self, asked: bool) -> bool {
        asked && !self.ignored
    }

    /// A highest age that was given as a parameter is one that is checked.
    pub(crate) fn take_max_age(&mut self, extra: &mut Parameters) -> Result<(), Error> {
        let Some(at) = extra.iter().position(|(name, _)| name == "max_age") else { return Ok(()) };
        let (_, value) = extra.remove(at);
        let seconds = value.parse().map_err(|_| {
            Error::configuration("the parameter max_age is not a number of seconds: use max_age()")
        })?;
        self.max_age = Some(Duration::from_secs(seconds));
        Ok(())
    }

    /// Makes the verifier, where one is wanted or can be had.
    pub(crate) fn at(self, endpoint: &TokenEndpoint, wanted: bool) -> Result<IdTokens, Error> {
        let may_be_missing = self.may_be_missing;
        if self.ignored {
            return Ok(IdTokens { verifier: None, may_be_missing });
        }
        let mut verifier = match IdTokenVerifier::of(endpoint) {
            Ok(verifier) => verifier,
            // What another flow of this server began may want one; it says so when it is finished.
            Err(_) if !wanted => return Ok(IdTokens { verifier: None, may_be_missing }),
            Err(error) => {
                return Err(Error::configuration(
                    "the scope openid brings an ID token, which has to be checked before anything is handed out: name \
                     the server's issuer and JWKS URI, start from its metadata, or leave ID tokens alone \
                     (`without_id_token`)",
                )
                .with_source(error));
            }
        };
        if !self.algorithms.is_empty() {
            verifier = verifier.algorithms(self.algorithms)?;
        }
        if let Some(leeway) = self.leeway {
            verifier = verifier.leeway(leeway)?;
        }
        Ok(IdTokens { verifier: Some(verifier.trusted_audiences(self.trusted)), may_be_missing })
    }
}

impl IdTokens {
    /// Whether an ID token can be checked here, and is wanted where one is asked for.
    pub(crate) fn can_check(&self) -> bool {
        self.verifier.is_some()
    }

    /// Whether what was begun can be finished here: an ID token that is wanted can be checked.
    pub(crate) fn can_finish(&self, pending: &PendingAuthorization) -> bool {
        pending.nonce.is_none() || self.verifier.is_some()
    }

    /// Who checks the ID token of this authorization, with the server's keys at hand, so that no code is spent for a token
    /// that could not be checked; `None` where none is wanted.
    ///
    /// # Errors
    /// Nothing was spent.
    pub(crate) async fn verifier_for(
        &self,
        pending: &PendingAuthorization,
    ) -> Result<Option<&IdTokenVerifier>, Error> {
        // A nonce is sent where, and only where, an ID token is wanted.
        if pending.nonce.is_none() {
            return Ok(None);
        }
        let verifier = self.verifier.as_ref().ok_or_else(|| {
            Error::configuration(
                "the authorization was begun by a flow that checks ID tokens, and this one does not: give each replica \
                 the same flows",
            )
        })?;
        verifier.keys().ready().await?;
        Ok(Some(verifier))
    }

    /// Checks the ID token of an answer.
    ///
    /// # Errors
    /// None of the answer's tokens may be used: they may be somebody else's.
    pub(crate) async fn check(
        &self,
        verifier: &IdTokenVerifier,
        pending: &PendingAuthorization,
        redeemed: &Redeemed,
    ) -> Result<Option<IdTokenClaims>, Error> {
        let Some(token) = &redeemed.id_token else {
            return if self.may_be_missing { Ok(None) } else { Err(IdTokenFlaw::Missing.into_error()) };
        };
        let nonce = pending.nonce.as_ref().map(|nonce| nonce.text());
        let access_token = AccessToken::new(redeemed.token_set.token().expose());
        let mut expected = ExpectedIdToken::new().access_token(access_token);
        if let Some(nonce) = &nonce {
            expected = expected.nonce(nonce);
        }
        if let Some(max_age) = pending.max_age {
            expected = expected.max_age(max_age);
        }
        verifier.verify(token, &expected).await.map(Some)
    }
}

/// Takes tokens back that nobody may use, where the server has a way for that; the error says what became of them.
pub(crate) async fn withdraw(endpoint: &TokenEndpoint, redeemed: Redeemed, error: Error) -> Error {
    let became = match RevocationEndpoint::of(endpoint) {
        Err(_) => "the tokens that came with it were given to nobody; the server has no way to revoke them",
        Ok(revocation) => {
            let revoked = match redeemed.token_set.refresh_token() {
                Some(refresh_token) => revocation.revoke_refresh_token(refresh_token).await,
                None => {
                    let access_token = AccessToken::new(redeemed.token_set.token().expose());
                    revocation.revoke_access_token(&access_token).await
                }
            };
            match revoked {
                Ok(()) => "the tokens that came with it were given to nobody, and revoked",
                Err(_) => "the tokens that came with it were given to nobody, and could not be revoked",
            }
        }
    };
    let said = error.diagnosis();
    let begin_again = "let the person begin again";
    let remedy = match said.remedy() {
        remedy if remedy.contains("begin again") => format!("{remedy} ({became})"),
        remedy => format!("{remedy}; then {begin_again} ({became})"),
    };
    // The code is gone, whatever else could be tried.
    let own = Diagnosis::new(said.party(), remedy, Retry::Never);
    error.with_diagnosis(said.causes().map(str::to_owned).fold(own, Diagnosis::cause))
}
