//! Which bodies can be sent once more.

use http_body::Body;

/// Copies bodies, so that a request can be sent once more after its token was refused.
///
/// Bodies of hyper, tonic and axum are many types and most cannot be copied, so this is a choice made when the
/// layer is built: [`EmptyBodies`] unless [`AuthorizeLayer::replaying`](crate::AuthorizeLayer::replaying) says
/// otherwise. A copy is asked for before every send and must not wait; it costs what it costs also where all goes
/// well. Implementations are shared by all requests.
///
/// ```
/// use grantry_tower::Replay;
///
/// /// Copies short texts only.
/// #[derive(Debug, Clone)]
/// struct ShortTexts;
///
/// impl Replay<String> for ShortTexts {
///     fn replay(&self, body: &String) -> Option<String> {
///         (body.len() < 4096).then(|| body.clone())
///     }
/// }
/// assert_eq!(ShortTexts.replay(&"text".to_owned()).as_deref(), Some("text"));
/// ```
pub trait Replay<B> {
    /// A body that reads the same as `body`, from its beginning; `None` where there can be none. The request is
    /// then sent once: after a 401 the caller gets the 401, and the next request another token.
    fn replay(&self, body: &B) -> Option<B>;
}

/// Replays bodies that are at their end, by the empty body of the same type: GET, HEAD and DELETE mostly. Works
/// with any body that has a default, among them `Full`, `Empty`, `BoxBody`, tonic's and axum's.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct EmptyBodies;

impl<B: Body + Default> Replay<B> for EmptyBodies {
    fn replay(&self, body: &B) -> Option<B> {
        body.is_end_stream().then(B::default)
    }
}

/// Replays bodies that can be cloned, such as `Full<Bytes>`, whose clones share their bytes.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct ClonedBodies;

impl<B: Clone> Replay<B> for ClonedBodies {
    fn replay(&self, body: &B) -> Option<B> {
        Some(body.clone())
    }
}

/// Replays no body, whatever its type: every request is sent once, and copied never.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::exhaustive_structs, reason = "it holds nothing, and never will")]
pub struct NoBodies;

impl<B> Replay<B> for NoBodies {
    fn replay(&self, _body: &B) -> Option<B> {
        None
    }
}
