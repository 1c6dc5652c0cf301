//! gRPC's own way to say what HTTP says with 401.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

/// The status UNAUTHENTICATED.
const UNAUTHENTICATED: &[u8] = b"16";

/// Whether a gRPC call was answered UNAUTHENTICATED and nothing else: its status stands among the headers, since there is no
/// message ("Trailers-Only" in gRPC's protocol over HTTP/2). A status that comes in trailers, after messages, is not seen.
pub(super) fn is_unauthenticated(status: StatusCode, headers: &HeaderMap) -> bool {
    status == StatusCode::OK
        && headers.get("grpc-status").is_some_and(|status| status.as_bytes() == UNAUTHENTICATED)
        && headers.get(CONTENT_TYPE).is_some_and(|named| is_grpc(named.as_bytes()))
}

/// `application/grpc`, with the form of the messages after it where one is named; gRPC-Web's types too.
fn is_grpc(content_type: &[u8]) -> bool {
    const TYPE: &[u8] = b"application/grpc";
    content_type.get(..TYPE.len()).is_some_and(|start| start.eq_ignore_ascii_case(TYPE))
        && matches!(content_type.get(TYPE.len()), None | Some(b'+' | b'-' | b';' | b' '))
}
