//! Whether a token may go on a request, and what to do after the answer: pure decisions that the reqwest and
//! tower wrappers both obey.
//!
//! A wrapper asks in this order, and adds only the sending:
//!
//! 1. [`AllowedOrigins::check`]: may a token go there at all?
//! 2. [`check_headers`]: does the request leave room for it, and does its `Host` name the same place?
//! 3. [`TokenSource::ready`](crate::TokenSource::ready), else
//!    [`TokenSource::token`](crate::TokenSource::token). No token, no request.
//! 4. [`check_binding`] and [`prove`]: may this client present it, and with which proof?
//! 5. Send; [`remember_answer`].
//! 6. [`after_answer`]: hand the answer on, send once more, or fail.
//!
//! # What a 401 means
//!
//! [`after_answer`] takes a 401 as "this token is refused", also where the server says nothing more: many
//! resource servers send no `WWW-Authenticate`, or a scheme of their own, and a token of unknown lifetime could
//! never be renewed otherwise. It is not so where the challenge names another reason (`invalid_request`,
//! `insufficient_scope`, `insufficient_user_authentication`, `insufficient_claims`, `invalid_dpop_proof`),
//! where every challenge is of a scheme that has nothing to do with tokens (`Basic`, `Digest`, `Negotiate`,
//! `NTLM`), or where a bearer token meets a server that takes only `DPoP`: another token would be refused
//! just the same. Whether a refused token leads to a token request is the source's decision, which bounds it.
//!
//! A gRPC server says the same by its status 16 (UNAUTHENTICATED), over an HTTP 200. It is taken as a 401 where it stands
//! among the headers, as it does where a call ends before its first message: there the answer is all there is, and the call can
//! be sent once more. A status in the trailers comes after the answer was handed on, and is not seen.
//!
//! # What only the person can mend
//!
//! `insufficient_scope` and `insufficient_user_authentication` become an [`Error`](crate::Error) that carries the whole
//! challenge, without what it may have of the token. [`StepUp::of`] reads what it asks for, and the crate of the
//! authorization code flow makes a request of that.

mod allowed;
mod answer;
mod challenge;
mod challenge_parser;
mod grpc;
mod origin;
mod proof;
mod step_up;

pub use allowed::{AllowedOrigins, check_binding, check_headers};
pub use answer::{Answer, Next, Tried, after_answer, is_another, token_rejected};
pub use challenge::{Challenge, Challenges};
pub use origin::Origin;
pub use proof::{proof_nonce, prove, remember_answer};
pub use step_up::StepUp;
