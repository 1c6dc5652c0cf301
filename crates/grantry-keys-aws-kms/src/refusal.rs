//! Why KMS did not do what it was asked: by the code of its error, by the status where there is none that is known, and by
//! what became of the request where there was no answer.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use grantry_vault::KeyError;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Encrypt,
    Decrypt,
    DescribeKey,
}

impl Action {
    /// As policies name it.
    fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "kms:Encrypt",
            Self::Decrypt => "kms:Decrypt",
            Self::DescribeKey => "kms:DescribeKey",
        }
    }
}

/// What an error of the SDK means for a key. Nothing of the error's own text is told.
pub(crate) fn key_error<E>(action: Action, key: &str, error: &SdkError<E, HttpResponse>) -> KeyError
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    if let Some(error) = of_credentials(error) {
        return error;
    }
    match error {
        SdkError::ServiceError(answer) => {
            let status = answer.raw().status().as_u16();
            of_code(action, key, answer.err().code()).unwrap_or_else(|| of_status(action, key, status))
        }
        SdkError::ResponseError(answer) => of_status(action, key, answer.raw().status().as_u16()),
        SdkError::TimeoutError(_) => KeyError::unavailable("KMS did not answer in time"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            KeyError::unavailable("no connection to KMS in time")
        }
        SdkError::ConstructionFailure(_) => KeyError::configuration(
            "the request to KMS cannot be made: does the client have a region, credentials and a well-formed endpoint?",
        ),
        _ => KeyError::unavailable("KMS could not be reached: no connection, or it broke, or TLS failed"),
    }
}

/// Whether the request could not be signed.
fn of_credentials<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> Option<KeyError> {
    let mut causes = std::iter::successors(error.source(), |&cause| cause.source());
    let found = causes.find_map(|cause| cause.downcast_ref::<CredentialsError>())?;
    Some(match found {
        CredentialsError::CredentialsNotLoaded(_) => KeyError::refused(
            "there are no AWS credentials: give the workload a role, or the client a provider that has some",
        ),
        CredentialsError::InvalidConfiguration(_) => {
            KeyError::configuration("the provider of the AWS credentials is not configured rightly")
        }
        _ => KeyError::unavailable("the provider of the AWS credentials did not give any"),
    })
}

/// `None` for a code that is not known.
fn of_code(action: Action, key: &str, code: Option<&str>) -> Option<KeyError> {
    Some(match code? {
        "AccessDeniedException" | "AccessDenied" => KeyError::refused(format!(
            "{} is not allowed for {key}: the workload's IAM policy or the key's policy lacks it, or there is no such key",
            action.name()
        )),
        "NotFoundException" => KeyError::unknown_key(format!(
            "KMS has no {key} in this region and account: `aws kms list-aliases` shows what it has"
        )),
        "DisabledException" => {
            KeyError::refused(format!("{key} is disabled: `aws kms enable-key --key-id {key}` enables it"))
        }
        "KMSInvalidStateException" => KeyError::refused(format!(
            "{key} is in a state in which it cannot be used: where it is to be deleted, `aws kms cancel-key-deletion \
             --key-id {key}` and then `aws kms enable-key` bring it back; where it has no key material, import it"
        )),
        "InvalidKeyUsageException"
        | "InvalidArnException"
        | "ValidationException"
        | "UnsupportedOperationException" => KeyError::configuration(format!(
            "{key} will not do: it has to be the ARN, id or alias of a symmetric key for encryption (SYMMETRIC_DEFAULT)"
        )),
        "IncorrectKeyException" | "InvalidCiphertextException" if action == Action::Decrypt => {
            KeyError::damaged(format!(
                "the wrapped key was changed, belongs to another context, or is not {key}'s"
            ))
        }
        "InvalidGrantTokenException" | "DryRunOperationException" => {
            KeyError::refused(format!("KMS refuses {} for {key}", action.name()))
        }
        "ExpiredTokenException" | "ExpiredToken" => KeyError::refused(
            "the AWS credentials have expired: use a provider that renews them, such as a role of the workload",
        ),
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "IncompleteSignatureException"
        | "NotAuthorized"
        | "OptInRequired" => {
            KeyError::refused("AWS does not know the credentials: look at the access key, and the account")
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" | "RequestExpired" => KeyError::refused(
            "AWS does not take the signature: look at the secret access key, and whether this machine's clock is right",
        ),
        "KMSInternalException"
        | "DependencyTimeoutException"
        | "KeyUnavailableException"
        | "InternalFailure"
        | "InternalError"
        | "InternalServerError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "RequestTimeout"
        | "RequestTimeoutException"
        | "CloudHsmClusterNotActiveException"
        | "CustomKeyStoreInvalidStateException" => KeyError::unavailable("KMS failed for now"),
        "ThrottlingException"
        | "Throttling"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "LimitExceededException"
        | "SlowDown" => KeyError::unavailable("KMS has had too many requests from this account"),
        _ => return None,
    })
}

fn of_status(action: Action, key: &str, status: u16) -> KeyError {
    match status {
        200..=299 => not_understood(),
        401 | 403 => KeyError::refused(format!(
            "AWS refuses the credentials, or {} for {key} ({status}): look at the access key, the clock and the policies",
            action.name()
        )),
        408 | 425 | 429 | 500..=599 => KeyError::unavailable(format!("KMS failed for now ({status})")),
        _ => KeyError::refused(format!("KMS answered {status} to {} for {key}", action.name())),
    }
}

/// An answer that is no answer of KMS.
pub(crate) fn not_understood() -> KeyError {
    KeyError::unavailable("the answer is none of KMS: does the endpoint lead to it?")
}
