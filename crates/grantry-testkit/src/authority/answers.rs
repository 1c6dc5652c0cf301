//! The bodies that the authorization server sends, success and refusal.

use std::collections::BTreeMap;

use grantry_endpoint::Answer;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::exchange::Exchanged;
use super::settings::{AnswerStyle, ExpiresIn, ScopeForm};
use super::store::Issued;

/// Why a request is refused: an error answer of RFC 6749 section 5.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    header: Option<(HeaderName, &'static str)>,
}

impl Refusal {
    pub(crate) const fn new(error: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description, header: None }
    }

    /// The client is not who it says it is (RFC 6749 section 5.2).
    pub(crate) const fn invalid_client(description: &'static str) -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            error: "invalid_client",
            description,
            header: Some((header::WWW_AUTHENTICATE, "Basic realm=\"authorization server\"")),
        }
    }

    pub(crate) const fn method_not_allowed(allowed: &'static str) -> Self {
        Self {
            status: StatusCode::METHOD_NOT_ALLOWED,
            error: "invalid_request",
            description: "this endpoint is asked by another method",
            header: Some((header::ALLOW, allowed)),
        }
    }

    pub(crate) const fn not_found() -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            error: "not_found",
            description: "nothing is here",
            header: None,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        #[derive(Serialize)]
        struct Body {
            error: &'static str,
            error_description: &'static str,
        }
        let body = Body { error: refusal.error, error_description: refusal.description };
        let answer = json(refusal.status, &body);
        match refusal.header {
            None => answer,
            Some((name, value)) => {
                let mut headers = answer.headers().clone();
                headers.insert(name, HeaderValue::from_static(value));
                Answer::new(answer.status()).with_headers(headers).with_body(answer.expose_body())
            }
        }
    }
}

/// A JSON answer that must not be stored (RFC 6749 section 5.1).
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Answer {
    // Every body here is a struct of strings and numbers, which always has a JSON form.
    let body = serde_json::to_vec(body).unwrap_or_default();
    Answer::new(status).with_headers(headers("application/json")).with_body(body)
}

fn headers(content_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ])
}

/// The members of a token answer (RFC 6749 section 5.1), in the order in which they are written.
#[derive(Serialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_token_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<serde_json::Value>,
    /// The provider's own.
    #[serde(flatten)]
    further: BTreeMap<String, String>,
}

/// What an exchange brought, in the given style (RFC 8693 section 2.2.1).
pub(crate) fn exchanged(exchanged: &Exchanged, style: &AnswerStyle) -> Answer {
    let none = AnswerStyle { token_type: Some("N_A".to_owned()), ..style.clone() };
    let style = if exchanged.presentable { style } else { &none };
    write(&exchanged.issued, style, Some(exchanged.token_type.clone()))
}

/// A token answer in the given style.
pub(crate) fn token(issued: &Issued, style: &AnswerStyle) -> Answer {
    write(issued, style, None)
}

fn write(issued: &Issued, style: &AnswerStyle, issued_token_type: Option<String>) -> Answer {
    let seconds = issued.lifetime.as_secs();
    let scope = &issued.scope;
    let body = TokenAnswer {
        access_token: issued.access_token.clone(),
        token_type: style.token_type.clone(),
        issued_token_type,
        expires_in: match style.expires_in {
            ExpiresIn::Number => Some(seconds.into()),
            ExpiresIn::Text => Some(seconds.to_string().into()),
            ExpiresIn::Float => Some((seconds as f64).into()),
            ExpiresIn::Absent => None,
        },
        refresh_in: style.refresh_in.map(|d| d.as_secs()),
        refresh_token: issued.refresh_token.clone(),
        id_token: issued.id_token.clone(),
        scope: match style.scope {
            _ if scope.is_empty() => None,
            ScopeForm::Text => Some(scope.as_str().into()),
            ScopeForm::Array => Some(scope.tokens().collect::<Vec<_>>().into()),
            ScopeForm::Absent => None,
        },
        further: style.further.clone(),
    };
    if !style.form_encoded {
        return json(StatusCode::OK, &body);
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("access_token", &body.access_token);
    let others = [
        ("token_type", body.token_type),
        ("issued_token_type", body.issued_token_type),
        ("expires_in", body.expires_in.map(|_| seconds.to_string())),
        ("refresh_in", body.refresh_in.map(|n| n.to_string())),
        ("refresh_token", body.refresh_token),
        ("id_token", body.id_token),
        ("scope", body.scope.map(|_| scope.as_str().to_owned())),
    ];
    for (name, value) in others {
        if let Some(value) = value {
            form.append_pair(name, &value);
        }
    }
    form.extend_pairs(&body.further);
    Answer::new(StatusCode::OK)
        .with_headers(headers("application/x-www-form-urlencoded"))
        .with_body(form.finish())
}
