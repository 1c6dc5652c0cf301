//! What a refusal of these grants means: no person gave anything that could be asked for once more.

use grantry_core::{Diagnosis, ErrorKind, Failure, Party, Retry};

/// A token exchange that was refused (RFC 8693 section 2.2.2).
pub(crate) fn exchange(failure: Failure) -> Failure {
    let refused = failure.error.kind() == ErrorKind::InvalidGrant
        || failure.error.oauth_code() == Some("invalid_request");
    if !refused {
        return failure;
    }
    let diagnosis = Diagnosis::new(
        Party::Application,
        "see that the subject token, and the actor token if there is one, are valid at this server and of the type that \
         is named",
        Retry::Never,
    )
    .cause("the subject token expired or was revoked")
    .cause("the subject token was issued by a server that this one does not trust, or for another audience")
    .cause("the token type that is named or asked for is not the token's, or is not exchanged here");
    with(failure, diagnosis)
}

/// An assertion that was refused (RFC 7523 section 3.1).
pub(crate) fn assertion(failure: Failure) -> Failure {
    if failure.error.kind() != ErrorKind::InvalidGrant {
        return failure;
    }
    let diagnosis = Diagnosis::new(
        Party::Application,
        "compare issuer, subject, audience and key of the assertion with what the server has registered",
        Retry::Never,
    )
    .cause("the server does not know the issuer, or another key of it")
    .cause("the audience is not the one that the server expects: its issuer, or its token endpoint")
    .cause("the issuer may not act for this subject, or nobody has consented")
    .cause("this machine's clock is off, so that the assertion is not valid yet or not any more");
    with(failure, diagnosis)
}

fn with(mut failure: Failure, diagnosis: Diagnosis) -> Failure {
    failure.error = failure.error.with_diagnosis(diagnosis);
    failure
}
