//! The code for tokens (RFC 6749 section 4.1.3), once.

use grantry_core::{Attempt, Consumed, Diagnosis, Error, ErrorKind, Failure, Party, Retry};
use grantry_endpoint::TokenRequest;

use crate::response::Code;
use crate::{AuthorizationCode, Granted, PendingAuthorization, Unfinished, id_tokens};

impl AuthorizationCode {
    /// Redeems the code at the token endpoint of the server that was asked, in one request, and checks the ID token that
    /// comes along, if one is wanted, before anything else of the answer is used.
    pub(crate) async fn redeem(
        &self,
        pending: PendingAuthorization,
        code: Code,
    ) -> Result<Granted, Unfinished> {
        let verifier = match self.id_tokens.verifier_for(&pending).await {
            Ok(verifier) => verifier,
            Err(error) => return Err(Unfinished::again(unsent(error), pending)),
        };
        let mut request = TokenRequest::new("authorization_code")
            .parameter("code", code.0.as_str())
            .parameter("redirect_uri", &pending.redirect_uri)
            .assumed_scope(pending.scope.clone());
        if let Some(verifier) = &pending.verifier {
            request = request.parameter("code_verifier", verifier.text().as_str());
        }
        for resource in &pending.resources {
            request = request.resource(resource);
        }
        if let Some(key) = &pending.dpop_key {
            request = request.dpop_key(key.clone());
        }
        if let Some(key) = &self.key {
            request = request.key(key.clone());
        }
        let redeemed = match self.endpoint.redeem(request, Attempt::first()).await {
            Ok(redeemed) => redeemed,
            Err(failure) if !failure.sent => return Err(Unfinished::again(unsent(failure.error), pending)),
            Err(failure) => return Err(spent(failure)),
        };
        let claims = match verifier {
            None => None,
            Some(verifier) => match self.id_tokens.check(verifier, &pending, &redeemed).await {
                Ok(claims) => claims,
                Err(error) => {
                    return Err(Unfinished::over(id_tokens::withdraw(&self.endpoint, redeemed, error).await));
                }
            },
        };
        Ok(Granted {
            token_set: redeemed.token_set,
            requested: pending.scope,
            issuer: pending.issuer,
            id_token: redeemed.id_token.filter(|_| claims.is_some()),
            claims,
            further: redeemed.further,
        })
    }
}

/// The code is as it was.
fn unsent(error: Error) -> Error {
    let said = error.diagnosis();
    let remedy = "finish with the same response again, in a while";
    let own = match error.kind() {
        ErrorKind::Unreachable => Diagnosis::new(said.party(), remedy, said.retry()),
        _ => Diagnosis::new(said.party(), format!("{}; then {remedy}", said.remedy()), said.retry()),
    };
    let own = said.causes().map(str::to_owned).fold(own, Diagnosis::cause);
    error.with_diagnosis(own)
}

/// The code may have reached the server. A code works once, and showing it twice may revoke what it brought
/// (RFC 6749 section 4.1.2), so it is never shown again.
fn spent(failure: Failure) -> Unfinished {
    let over = |remedy| Diagnosis::new(Party::ResourceOwner, remedy, Retry::Never);
    let begin_again = "let the person begin again";
    let diagnosis = match failure.consumed {
        Consumed::Refused => over(format!(
            "{begin_again}; if that is refused as well, compare the redirect URI and the client id with those \
             that are registered at the server"
        ))
            .cause("the code was used before, or is too old")
            .cause("the redirect URI differs from the one that is registered")
            .cause("the code was issued to another client, or for another request than this one"),
        // What the server says of the client or the request, with its remedy, is still so; the code is gone.
        Consumed::No => {
            let said = failure.error.diagnosis();
            let remedy = format!("{}; then {begin_again}", said.remedy());
            let own = Diagnosis::new(said.party(), remedy, Retry::Never);
            said.causes().map(str::to_owned).fold(own, Diagnosis::cause)
        }
        _ => over(begin_again.to_owned()).cause(
            "the answer to the token request was lost or could not be used: nobody can tell whether the code was \
             used, and using it twice may revoke what it brought",
        ),
    };
    let error = failure.error.with_diagnosis(diagnosis);
    Unfinished { salvaged: failure.salvaged, ..Unfinished::over(error) }
}
