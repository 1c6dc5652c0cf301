//! What the token answered instead of doing what it was asked, and what that means.

use std::borrow::Cow;
use std::fmt;

use cryptoki::error::{Error, RvError};
use grantry_vault::KeyError;

/// `CKR_AEAD_DECRYPT_FAILED` of PKCS#11 3.0, which `cryptoki` has no name for.
const AEAD_DECRYPT_FAILED: std::ffi::c_ulong = 0x42;

/// An answer of the module other than `CKR_OK`. It holds a code and a function's name, nothing that was handed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    code: Code,
    /// Of which function, such as `Decrypt`, or what was wrong with an answer.
    during: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    Returned(RvError),
    /// The module has no such function, or `cryptoki` cannot read what it answered.
    Unreadable,
    /// What it answered cannot be right.
    Odd,
    /// The token is not where it was.
    Absent,
}

/// What an answer means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// The session, the login or the token is lost, or ails: a new session may help.
    Lost,
    /// The token will not, whatever session asks.
    Refused,
    /// The token cannot.
    Unsupported,
}

impl Fault {
    pub(crate) const fn returned(code: RvError, during: &'static str) -> Self {
        Self { code: Code::Returned(code), during }
    }

    /// An answer that cannot be right; `what` says why.
    pub(crate) const fn odd(what: &'static str) -> Self {
        Self { code: Code::Odd, during: what }
    }

    /// The token is not there.
    pub(crate) const fn absent() -> Self {
        Self { code: Code::Absent, during: "the token is not in its slot" }
    }

    /// From an error of `cryptoki`, in which function of the module it came up.
    pub(crate) fn new(error: &Error, during: &'static str) -> Self {
        match error {
            Error::Pkcs11(code, _) => Self::returned(*code, during),
            _ => Self { code: Code::Unreadable, during },
        }
    }

    pub(crate) fn is_absent(self) -> bool {
        self.code == Code::Absent
    }

    pub(crate) fn is_odd(self) -> bool {
        self.code == Code::Odd
    }

    pub(crate) fn is(self, code: RvError) -> bool {
        self.code == Code::Returned(code)
    }

    pub(crate) fn meaning(self) -> Meaning {
        use RvError as R;
        let Code::Returned(code) = self.code else {
            return if self.code == Code::Unreadable { Meaning::Unsupported } else { Meaning::Lost };
        };
        match code {
            R::PinIncorrect
            | R::PinInvalid
            | R::PinLenRange
            | R::PinExpired
            | R::PinLocked
            | R::UserPinNotInitialized
            | R::UserTypeInvalid
            | R::UserAnotherAlreadyLoggedIn
            | R::UserTooManyTypes
            | R::TokenWriteProtected
            | R::SessionReadOnly
            | R::ActionProhibited
            | R::FunctionRejected
            | R::KeyFunctionNotPermitted => Meaning::Refused,
            R::MechanismInvalid
            | R::MechanismParamInvalid
            | R::FunctionNotSupported
            | R::KeySizeRange
            | R::KeyTypeInconsistent
            | R::KeyNotWrappable
            | R::KeyUnextractable
            | R::WrappingKeySizeRange
            | R::WrappingKeyTypeInconsistent
            | R::UnwrappingKeySizeRange
            | R::UnwrappingKeyTypeInconsistent
            | R::TemplateIncomplete
            | R::TemplateInconsistent
            | R::AttributeReadOnly
            | R::AttributeSensitive
            | R::AttributeTypeInvalid
            | R::AttributeValueInvalid
            | R::RandomNoRng => Meaning::Unsupported,
            // A handle that is not valid is one of a session that ended, or of an object that another process destroyed:
            // after a look with a new session it is found or is not.
            _ => Meaning::Lost,
        }
    }

    /// Whether the token answers so to bytes that it did not make. Some of these codes mean an ailing token as well, so
    /// this alone condemns nothing.
    pub(crate) fn may_be_a_verdict(self) -> bool {
        use RvError as R;
        let Code::Returned(code) = self.code else { return false };
        matches!(
            code,
            R::EncryptedDataInvalid
                | R::EncryptedDataLenRange
                | R::SignatureInvalid
                | R::SignatureLenRange
                | R::WrappedKeyInvalid
                | R::WrappedKeyLenRange
                | R::DataInvalid
                | R::DataLenRange
                | R::ArgumentsBad
                | R::FunctionFailed
                | R::GeneralError
                | R::VendorDefined(_)
                | R::UnknownErrorCode(AEAD_DECRYPT_FAILED)
        )
    }

    /// As an error of the key provider, where nothing more is known.
    pub(crate) fn into_error(self) -> KeyError {
        match self.meaning() {
            Meaning::Lost => KeyError::unavailable(format!("{self}")),
            Meaning::Refused if self.is(RvError::UserPinNotInitialized) => {
                KeyError::refused("the token has no user PIN yet: set one with the token's own tool")
            }
            Meaning::Refused => KeyError::refused(format!("{self}")),
            Meaning::Unsupported => KeyError::unsupported(format!("{self}")),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Code::Returned(code) => write!(f, "C_{} answered {}", self.during, code_name(code)),
            Code::Unreadable => write!(f, "the module has no usable C_{}", self.during),
            Code::Odd | Code::Absent => f.write_str(self.during),
        }
    }
}

/// The name that the standard gives the code, such as `CKR_PIN_INCORRECT`.
fn code_name(code: RvError) -> Cow<'static, str> {
    match code {
        RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) => format!("{code:#x}").into(),
        RvError::SlotIdInvalid => "CKR_SLOT_ID_INVALID".into(),
        code => {
            let mut name = String::from("CKR");
            for letter in format!("{code:?}").chars() {
                if letter.is_ascii_uppercase() {
                    name.push('_');
                }
                name.push(letter.to_ascii_uppercase());
            }
            name.into()
        }
    }
}

/// Why a piece of work with the token ended early.
#[derive(Debug, PartialEq)]
pub(crate) enum Trouble {
    /// The token answered something else; where that means that something was lost, it is worth a second session.
    Token(Fault),
    /// Something was learned of how this token wants to be asked: to be asked again, with a new session.
    Again,
    /// Known to the end: no second session changes it.
    Known(KeyError),
}

impl From<Fault> for Trouble {
    fn from(fault: Fault) -> Self {
        Self::Token(fault)
    }
}

impl From<KeyError> for Trouble {
    fn from(error: KeyError) -> Self {
        Self::Known(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_means_what_it_should() {
        use RvError as R;
        let table = [
            (R::SessionHandleInvalid, Meaning::Lost),
            (R::SessionClosed, Meaning::Lost),
            (R::DeviceRemoved, Meaning::Lost),
            (R::TokenNotPresent, Meaning::Lost),
            (R::UserNotLoggedIn, Meaning::Lost),
            (R::DeviceError, Meaning::Lost),
            (R::GeneralError, Meaning::Lost),
            (R::OperationActive, Meaning::Lost),
            (R::CryptokiNotInitialized, Meaning::Lost),
            (R::ObjectHandleInvalid, Meaning::Lost),
            (R::PinIncorrect, Meaning::Refused),
            (R::PinLocked, Meaning::Refused),
            (R::TokenWriteProtected, Meaning::Refused),
            (R::MechanismInvalid, Meaning::Unsupported),
            (R::TemplateInconsistent, Meaning::Unsupported),
        ];
        for (code, meaning) in table {
            assert_eq!(Fault::returned(code, "Decrypt").meaning(), meaning, "{code:?}");
        }
    }

    #[test]
    fn what_tokens_answer_to_a_wrong_tag_may_be_a_verdict_and_a_lost_session_is_none() {
        use RvError as R;
        for code in [R::GeneralError, R::EncryptedDataInvalid, R::SignatureInvalid, R::UnknownErrorCode(0x42)]
        {
            assert!(Fault::returned(code, "Decrypt").may_be_a_verdict(), "{code:?}");
        }
        for code in [R::SessionHandleInvalid, R::DeviceRemoved, R::UserNotLoggedIn, R::UnknownErrorCode(0x43)]
        {
            assert!(!Fault::returned(code, "Decrypt").may_be_a_verdict(), "{code:?}");
        }
        assert!(!Fault::absent().may_be_a_verdict());
    }

    #[test]
    fn a_fault_names_the_function_and_the_code() {
        let fault = Fault::returned(RvError::PinIncorrect, "Login");
        assert_eq!(fault.to_string(), "C_Login answered CKR_PIN_INCORRECT");
        let fault = Fault::returned(RvError::UnknownErrorCode(0x42), "Decrypt");
        assert_eq!(fault.to_string(), "C_Decrypt answered 0x42");
    }
}
