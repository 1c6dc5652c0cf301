//! The UserInfo endpoint (OpenID Connect Core section 5.3).

use grantry_endpoint::Answer;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::{Value, json};

use super::answers::{self, Refusal};
use super::{Authority, Moment};
use crate::ReceivedRequest;

/// For whoever presents a live access token with the scope `openid`. Proofs are not looked at here.
pub(super) fn answer(
    authority: &Authority,
    request: &ReceivedRequest,
    at: Moment,
) -> Result<Answer, Refusal> {
    if !matches!(*request.method(), Method::GET | Method::POST) {
        return Err(Refusal::method_not_allowed("GET, POST"));
    }
    let token = request.expose_bearer().or(request.expose_proved());
    let live = token.and_then(|token| authority.store.live_access_token(token, at));
    let Some(stored) = live.filter(|stored| stored.scope.contains("openid")) else {
        let challenge = HeaderValue::from_static("Bearer error=\"invalid_token\"");
        let headers = HeaderMap::from_iter([(header::WWW_AUTHENTICATE, challenge)]);
        return Ok(Answer::new(StatusCode::UNAUTHORIZED).with_headers(headers));
    };
    let subject = authority.settings.user_info_subject.as_deref().unwrap_or(&stored.subject);
    let claims: Value = json!({ "sub": subject, "name": "Ada Lovelace", "email": "ada@example.com" });
    Ok(answers::json(StatusCode::OK, &claims))
}
