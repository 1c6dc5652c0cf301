//! What is wrong with an ID token.

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry, Stage};

/// Why an ID token is not accepted, although its signature is: the source of the error that says so. It holds nothing of
/// the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum IdTokenFlaw {
    /// The answer holds none, although `openid` was asked for.
    #[error("the answer holds no ID token")]
    Missing,
    /// Its header says that it is a token of another kind (`typ`).
    #[error("it is a token of another kind (typ)")]
    OtherType,
    /// Its claims are no JSON object, or one of those that decide is missing, of a wrong type, or there twice.
    #[error("a claim is missing, of a wrong type, or there twice")]
    Malformed,
    /// `iss` is not the issuer that was asked, to the last character.
    #[error("it is of another issuer (iss)")]
    OtherIssuer,
    /// `sub` is empty, longer than 255 bytes, or holds control characters.
    #[error("its subject is empty, longer than 255 bytes, or holds control characters (sub)")]
    Subject,
    /// `aud` does not hold the client.
    #[error("it is for another client (aud)")]
    OtherAudience,
    /// `aud` holds somebody else, who is not trusted.
    #[error("it is also for somebody else, who is not trusted (aud)")]
    UntrustedAudience,
    /// `azp` is not the client.
    #[error("it was issued to another client (azp)")]
    OtherParty,
    /// `aud` holds several, and `azp` is missing.
    #[error("it is for several, and does not say to whom it was issued (azp)")]
    PartyMissing,
    /// `sub` is not that of the login that the grant began with.
    #[error("it is of another person than the login that the grant began with (sub)")]
    OtherSubject,
    /// `aud` or `azp` is not that of the login that the grant began with.
    #[error("it is for others than at the login that the grant began with (aud, azp)")]
    ChangedAudience,
    /// `auth_time` is not that of the login that the grant began with.
    #[error("it is of another login than the one that the grant began with (auth_time)")]
    OtherAuthentication,
    /// `exp` is past.
    #[error("it has expired (exp)")]
    Expired,
    /// `iat`, `nbf` or `auth_time` lies ahead.
    #[error("it is of the future (iat, nbf, auth_time)")]
    FromTheFuture,
    /// `auth_time` is missing, although a highest age was asked for.
    #[error("it does not say when the person logged in (auth_time), although that was asked for")]
    AuthenticationTimeMissing,
    /// `auth_time` is longer ago than was asked for.
    #[error("the person logged in longer ago than was asked for (auth_time)")]
    AuthenticatedTooLongAgo,
    /// `nonce` is missing.
    #[error("it holds no nonce")]
    NonceMissing,
    /// `nonce` is not the one of the authorization request, or none was sent.
    #[error("it belongs to another authorization request (nonce)")]
    OtherNonce,
    /// `at_hash` is not that of the access token beside it.
    #[error("it belongs to another access token (at_hash)")]
    OtherAccessToken,
}

impl IdTokenFlaw {
    /// The error that it is to callers.
    pub fn into_error(self) -> Error {
        let again = "let the person begin again";
        let (party, remedy, causes): (_, _, &[&'static str]) = match self {
            Self::Missing => (
                Party::AuthorizationServer,
                "have the server issue ID tokens to this client; or, where the login may do without, say so \
                 (`id_token_may_be_missing`, `without_id_token`)",
                &[
                    "the server does not speak OpenID Connect",
                    "the person or the server did not grant the scope openid",
                ],
            ),
            Self::OtherIssuer => (
                Party::Application,
                "compare the configured issuer with the one in the server's metadata, to the last slash",
                &[
                    "the issuer is that of another tenant",
                    "the server was asked by another name than its own",
                ],
            ),
            Self::OtherAudience | Self::OtherParty => (
                Party::Application,
                "compare the client id with the one that is registered",
                &["the code was issued to another client, and injected here"],
            ),
            Self::UntrustedAudience | Self::PartyMissing => (
                Party::Application,
                "see who else the token is for; where they belong to the application, say so (`trusted_audience`)",
                &["the server issues tokens for several clients at once"],
            ),
            Self::OtherSubject | Self::ChangedAudience | Self::OtherAuthentication => (
                Party::AuthorizationServer,
                again,
                &[
                    "the server's answer was made for another grant",
                    "what is stored of the login is that of another account",
                ],
            ),
            Self::Expired | Self::FromTheFuture => (
                Party::AuthorizationServer,
                "set the clocks of this machine and of the server right; then let the person begin again",
                &["the clocks differ by more than the leeway", "an old token was replayed"],
            ),
            Self::AuthenticatedTooLongAgo => (
                Party::ResourceOwner,
                "begin again, so that the server asks the person to log in",
                &["the server passed over the highest age that was asked for (max_age)"],
            ),
            Self::NonceMissing | Self::OtherNonce => (
                Party::AuthorizationServer,
                again,
                &[
                    "a code of another authorization was injected here (RFC 9700 section 4.5)",
                    "the server does not hand the nonce on",
                ],
            ),
            _ => (
                Party::AuthorizationServer,
                again,
                &["the server makes tokens that OpenID Connect does not allow"],
            ),
        };
        let diagnosis = Diagnosis::new(party, remedy, Retry::Never);
        let diagnosis = causes.iter().copied().fold(diagnosis, Diagnosis::cause);
        let fact = match self {
            Self::Missing => "there is none in the answer, although the person was asked to log in",
            _ => "what it says is not accepted",
        };
        Error::new(ErrorKind::InvalidAnswer, Stage::IdToken, fact).with_source(self).with_diagnosis(diagnosis)
    }
}
