//! The code for tokens (RFC 6749 section 4.1.3), once.

use std::time::Duration;

use grantry_core::{Attempt, Consumed, Diagnosis, Error, ErrorKind, Failure, Party, Retry, Timestamp};
use grantry_endpoint::TokenRequest;

use crate::response::Code;
use crate::{AuthorizationCode, Granted, PendingAuthorization, Unfinished, id_tokens};

/// A code that waited for longer before it was sent may have ended meanwhile: servers keep one for a minute at the shortest, and
/// ten at the longest (RFC 6749 section 4.1.2).
const HELD: Duration = Duration::from_secs(55);
/// Two clocks that differ by more are worth a word.
const SKEW: Duration = Duration::from_secs(60);

impl AuthorizationCode {
    /// Redeems the code at the token endpoint of the server that was asked, in one request, and checks the ID token that
    /// comes along, if one is wanted, before anything else of the answer is used.
    pub(crate) async fn redeem(
        &self,
        pending: PendingAuthorization,
        code: Code,
    ) -> Result<Granted, Unfinished> {
        let came = self.codes.came(code.0.as_str(), pending.key(), self.endpoint.clock().now());
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
        let held = self.endpoint.clock().now().since(came);
        let sent_before = self.codes.sends(code.0.as_str(), self.endpoint.clock().wall());
        let redeemed = match self.endpoint.redeem(request, Attempt::first()).await {
            Ok(redeemed) => redeemed,
            Err(failure) if is_unspent(&failure) => {
                self.codes.kept_back(code.0.as_str(), sent_before);
                return Err(Unfinished::again(unsent(failure.error), pending));
            }
            Err(failure) => return Err(spent(failure, &self.evidence(sent_before, held))),
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

impl AuthorizationCode {
    fn evidence(&self, sent_before: Option<Timestamp>, held: Duration) -> Evidence {
        let (ours, theirs) = (self.endpoint.clock().wall(), self.endpoint.server_time());
        Evidence { sent_before, held, ahead: ours.since(theirs), behind: theirs.since(ours) }
    }
}

/// What is known of a code that was refused.
struct Evidence {
    /// When this process sent it before.
    sent_before: Option<Timestamp>,
    /// How long it waited between its response and its request.
    held: Duration,
    /// How far this machine's clock is ahead of the server's, by the `Date` of its answers.
    ahead: Duration,
    /// How far it is behind.
    behind: Duration,
}

impl Evidence {
    /// What the facts show, the most certain first, and what is to be done about the first of them.
    fn causes(&self) -> (Vec<String>, Option<&'static str>) {
        let sent = self.sent_before.map(|at| {
            let what =
                format!("the code was sent before, at {at}, and a code works once (RFC 6749 section 4.1.2)");
            (what, "see what finishes one response twice, as a page that is loaded twice does")
        });
        let held = (self.held >= HELD).then(|| {
            let seconds = self.held.as_secs();
            let what = format!(
                "the code was sent {seconds} s after it had come, and servers keep one for as little as 60 s"
            );
            (what, "see what held it up before it was sent")
        });
        let (by, is) =
            if self.ahead > self.behind { (self.ahead, "ahead of") } else { (self.behind, "behind") };
        let skew = (by >= SKEW).then(|| {
            let what = format!(
                "this machine's clock is {} s {is} the server's, by the Date of its answers",
                by.as_secs()
            );
            (what, "set this machine's clock: servers judge what is signed by it")
        });
        // A clock that is off decides nothing where nothing was signed.
        let decides = sent.as_ref().or(held.as_ref()).map(|(_, remedy)| *remedy);
        let found = [sent, held, skew].into_iter().flatten();
        (found.map(|(what, _)| what).collect(), decides)
    }
}

/// Whether the code did not arrive, or only with a request that was refused for want of a nonce, which says that the server did
/// nothing else (RFC 9449 section 8).
fn is_unspent(failure: &Failure) -> bool {
    let did_not_leave = matches!(failure.error.kind(), ErrorKind::Unreachable | ErrorKind::Untrusted);
    !failure.sent || (failure.consumed == Consumed::No && did_not_leave)
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
fn spent(failure: Failure, evidence: &Evidence) -> Unfinished {
    let over = |remedy| Diagnosis::new(Party::ResourceOwner, remedy, Retry::Never);
    let begin_again = "let the person begin again";
    let diagnosis = match failure.consumed {
        Consumed::Refused => match evidence.causes() {
            (causes, Some(remedy)) => causes.into_iter().fold(over(format!("{begin_again}; {remedy}")), Diagnosis::cause),
            // No fact decides. It was sent once, at once, and with the redirect URI of its request.
            (causes, None) => causes.into_iter().fold(over(format!(
                "{begin_again}; if that is refused as well, compare the redirect URI and the client id with those \
                 that are registered at the server"
            )), Diagnosis::cause)
            .cause("the code was used before by somebody else, or is too old")
            .cause("the redirect URI differs from the one that is registered")
            .cause("the code was issued to another client, or for another request than this one"),
        },
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
