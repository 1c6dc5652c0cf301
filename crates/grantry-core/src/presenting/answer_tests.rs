//! The decision, as a table.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::WWW_AUTHENTICATE;
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::Scope;
use crate::presenting::StepUp;
use crate::presenting::step_up::{LONGEST_SCOPE, MOST_SCOPE_TOKENS};
use crate::shown::TELLING_LENGTH;
use crate::{AccessToken, Binding, Instant, Origin, PrivateKey, ProofRequest, Prover, TokenSet};

#[derive(Debug)]
struct Unproven;

#[async_trait]
impl Prover for Unproven {
    async fn prove(&self, _request: ProofRequest<'_>) -> Result<HeaderValue, Error> {
        Ok(HeaderValue::from_static("a.b.c"))
    }
    fn saw_nonce(&self, _origin: &Origin, _nonce: &str) {}
    fn saw_date(&self, _origin: &Origin, _date: &HeaderValue) {}
    fn private_key(&self) -> Option<PrivateKey> {
        None
    }
}

fn token(text: &str, binding: Binding) -> Token {
    TokenSet::builder(AccessToken::new(text), Instant::ZERO).binding(binding).build().unwrap().token().clone()
}

fn bearer() -> Token {
    token("abc", Binding::Bearer)
}

fn proven() -> Token {
    token("abc", Binding::Proof(Arc::new(Unproven)))
}

fn challenge(values: &[&str]) -> HeaderMap {
    values.iter().map(|v| (WWW_AUTHENTICATE, v.parse().unwrap())).collect()
}

fn named(next: &Next) -> &'static str {
    match next {
        Next::Deliver => "deliver",
        Next::RejectAndDeliver => "reject, deliver",
        Next::RejectAndResend => "reject, resend",
        Next::ResendWithNonce => "nonce, resend",
        Next::Fail(error) => error.kind().as_str(),
    }
}

#[test]
fn req_e05_only_a_401_that_is_about_the_token_leads_to_another_token() {
    for (status, values, expected) in [
        (200, &["Bearer error=invalid_token"][..], "deliver"),
        (302, &[], "deliver"),
        (400, &["Bearer error=invalid_request"], "deliver"),
        (404, &["Bearer error=invalid_token"], "deliver"),
        (407, &["Bearer error=invalid_token"], "deliver"),
        (500, &["Bearer error=invalid_token"], "deliver"),
        (401, &["Bearer error=\"invalid_token\""], "reject, resend"),
        (401, &["bEaReR ERROR=invalid_token"], "reject, resend"),
        (401, &["Bearer"], "reject, resend"),
        (401, &["Bearer realm=x"], "reject, resend"),
        (401, &["DPoP error=invalid_token"], "reject, resend"),
        (401, &["Bearer error=token_expired"], "reject, resend"),
        (401, &[], "reject, resend"),
        (401, &["Token"], "reject, resend"),
        (401, &["Basic realm=x", "Bearer"], "reject, resend"),
        (401, &["Basic realm=x, Bearer error=invalid_token"], "reject, resend"),
        (401, &["Bearer, DPoP"], "reject, resend"),
        (401, &["Basic realm=x"], "deliver"),
        (401, &["Negotiate", "NTLM"], "deliver"),
        (401, &["DPoP algs=ES256"], "deliver"),
        (401, &["Bearer error=invalid_request"], "deliver"),
        (
            401,
            &["Bearer error=insufficient_user_authentication, acr_values=mfa"],
            "insufficient_authentication",
        ),
        (403, &["DPoP error=insufficient_user_authentication"], "insufficient_authentication"),
        (403, &["Basic error=insufficient_user_authentication"], "deliver"),
        (401, &["Bearer error=insufficient_claims"], "deliver"),
        (401, &["DPoP error=use_dpop_nonce"], "deliver"),
        (401, &["Bearer error=insufficient_scope, scope=a"], "insufficient_scope"),
        (403, &["Bearer error=insufficient_scope, scope=a"], "insufficient_scope"),
        (403, &["Basic realm=x", "dpop error=insufficient_scope"], "insufficient_scope"),
        (403, &["Bearer error=invalid_token"], "deliver"),
        (403, &["Basic error=insufficient_scope"], "deliver"),
        (403, &[], "deliver"),
    ] {
        let (token, headers) = (bearer(), challenge(values));
        let answer = Answer::new(StatusCode::from_u16(status).unwrap(), &headers, &token).resendable(true);
        assert_eq!(named(&after_answer(&answer)), expected, "{status} {values:?}");
    }
}

#[test]
fn req_e05_a_refused_token_is_rejected_even_if_the_request_cannot_be_sent_again() {
    let (token, headers) = (bearer(), challenge(&["Bearer error=invalid_token"]));
    let answer = Answer::new(StatusCode::UNAUTHORIZED, &headers, &token);
    assert_eq!(named(&after_answer(&answer)), "reject, deliver");
}

#[test]
fn req_e05_grpcs_own_unauthenticated_is_a_401_where_it_is_all_of_the_answer() {
    for (status, content_type, grpc_status, expected) in [
        (200, "application/grpc", "16", "reject, resend"),
        (200, "application/grpc+proto", "16", "reject, resend"),
        (200, "Application/gRPC; charset=utf-8", "16", "reject, resend"),
        (200, "application/grpc-web", "16", "reject, resend"),
        (200, "application/grpc", "0", "deliver"),
        (200, "application/grpc", "7", "deliver"),
        (200, "application/grpc", "016", "deliver"),
        (200, "application/grpcx", "16", "deliver"),
        (200, "application/json", "16", "deliver"),
        (500, "application/grpc", "16", "deliver"),
    ] {
        let pairs = [("content-type", content_type), ("grpc-status", grpc_status)];
        let headers: HeaderMap = pairs
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .into_iter()
            .collect();
        let (token, status) = (bearer(), StatusCode::from_u16(status).unwrap());
        let answer = Answer::new(status, &headers, &token);
        assert_eq!(named(&after_answer(&answer.resendable(true))), expected, "{status} {pairs:?}");
        if expected != "deliver" {
            assert_eq!(named(&after_answer(&answer)), "reject, deliver");
            let again = answer.after(Tried { another_token: true, nonce: false });
            let Next::Fail(error) = after_answer(&again) else { panic!("not the end") };
            assert_eq!((error.kind(), error.status()), (ErrorKind::TokenRejected, Some(200)));
            assert!(error.to_string().contains("UNAUTHENTICATED"), "{error}");
        }
    }
}

#[test]
fn req_e05_a_challenge_beside_grpcs_unauthenticated_is_read_as_beside_a_401() {
    let mut headers = challenge(&["Bearer error=insufficient_scope, scope=a"]);
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    headers.insert("grpc-status", HeaderValue::from_static("16"));
    let token = bearer();
    let next = after_answer(&Answer::new(StatusCode::OK, &headers, &token).resendable(true));
    assert_eq!(named(&next), "insufficient_scope");
}

#[test]
fn req_e34_a_second_refusal_ends_it() {
    let (token, headers) = (bearer(), challenge(&["Bearer error=invalid_token"]));
    let tried = Tried { another_token: true, nonce: false };
    for can_resend in [true, false] {
        let answer =
            Answer::new(StatusCode::UNAUTHORIZED, &headers, &token).after(tried).resendable(can_resend);
        let Next::Fail(error) = after_answer(&answer) else { panic!("not the end") };
        assert_eq!((error.kind(), error.status()), (ErrorKind::TokenRejected, Some(401)));
    }
}

#[test]
fn req_e34_the_same_token_is_not_sent_twice_under_another_number() {
    let (first, twin, other) = (bearer(), bearer(), token("def", Binding::Bearer));
    assert!(!is_another(&first, &first.apart()), "a copy");
    assert!(!is_another(&twin, &first), "the same bytes, received again");
    assert!(is_another(&other, &first));
}

#[test]
fn req_e06_the_needed_scope_is_in_the_error() {
    for (value, needed) in [
        ("Bearer error=insufficient_scope, scope=\"write read\"", Some("read write")),
        ("Bearer error=insufficient_scope", None),
        ("Bearer error=insufficient_scope, scope=\"\"", None),
        ("Bearer error=insufficient_scope, scope=\"a\tb\"", None),
    ] {
        let (token, headers) = (bearer(), challenge(&[value]));
        let next = after_answer(&Answer::new(StatusCode::FORBIDDEN, &headers, &token).resendable(true));
        let Next::Fail(error) = next else { panic!("{value}") };
        assert_eq!(error.needed_scope().map(Scope::as_str), needed, "{value}");
        assert_eq!(error.oauth_code(), Some("insufficient_scope"));
        assert_eq!(error.status(), Some(403));
    }
}

fn failed(value: &str, token: &Token) -> Error {
    let headers = challenge(&[value]);
    match after_answer(&Answer::new(StatusCode::FORBIDDEN, &headers, token)) {
        Next::Fail(error) => error,
        other => panic!("{value}: {other:?}"),
    }
}

#[test]
fn req_e06_the_needed_scope_is_data_and_never_part_of_the_message() {
    let error = failed("Bearer error=insufficient_scope, scope=\"canary-scope\"", &bearer());
    assert_eq!(error.needed_scope().map(Scope::as_str), Some("canary-scope"));
    assert!(!format!("{error} {error:?} {}", error.diagnosis()).contains("canary"), "{error:?}");
}

#[test]
fn req_e06_a_needed_scope_that_holds_the_access_token_is_dropped() {
    let secret = "eyJhbGciOiJFUzI1NiJ9.canarycanarycanary.c2lnbmF0dXJl";
    let token = token(secret, Binding::Bearer);
    for scope in [
        secret.to_owned(),
        format!("read {secret} write"),
        format!("scope:{secret}!"),
        secret.replace('.', " "),
        secret[..TELLING_LENGTH].to_owned(),
    ] {
        let error = failed(&format!("Bearer error=insufficient_scope, scope=\"{scope}\""), &token);
        assert_eq!(error.needed_scope(), None, "{scope}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let error = failed("Bearer error=insufficient_scope, scope=\"read eyJhbG\"", &token);
    assert_eq!(error.needed_scope().map(Scope::as_str), Some("eyJhbG read"));
}

#[test]
fn req_e06_the_error_carries_the_challenge_without_what_it_has_of_the_token() {
    let secret = "eyJhbGciOiJFUzI1NiJ9.canarycanarycanary.c2lnbmF0dXJl";
    let token = token(secret, Binding::Bearer);
    let long = "x".repeat(LONGEST_PARAMETER + 1);
    let value = format!(
        "DPoP error=insufficient_user_authentication, acr_values=\"mfa hwk\", max_age=60, scope=pay, realm=\"{secret}\", \
         {secret}=1, error_description=\"refused: {} x\", long={long}, resource_metadata=\"https://a.example/m\"",
        &secret[3..25]
    );
    let headers = challenge(&[&value]);
    let Next::Fail(error) = after_answer(&Answer::new(StatusCode::UNAUTHORIZED, &headers, &token)) else {
        panic!("{value}")
    };
    let step_up = StepUp::of(&error).unwrap();
    assert_eq!((step_up.acr_values().len(), step_up.scope().as_str()), (2, "pay"));
    assert_eq!(error.needed_scope().map(Scope::as_str), Some("pay"));
    let kept = error.challenge().unwrap();
    assert_eq!(kept.resource_metadata(), Some("https://a.example/m"));
    let names: Vec<&str> = kept.parameters().map(|(name, _)| name).collect();
    assert_eq!(names, ["error", "acr_values", "max_age", "scope", "resource_metadata"]);
    assert!(!format!("{error} {error:?} {}", error.diagnosis()).contains("mfa"));
}

#[test]
fn req_e06_a_needed_scope_that_is_too_large_is_dropped_whole() {
    let of = |scope: String| {
        let error = failed(&format!("Bearer error=insufficient_scope, scope=\"{scope}\""), &bearer());
        error.needed_scope().map(|scope| scope.as_str().len())
    };
    let numbers = |count: usize| (0..count).map(|n| format!("{n:03}")).collect::<Vec<_>>().join(" ");
    assert_eq!(of("s".repeat(LONGEST_SCOPE)), Some(LONGEST_SCOPE));
    assert_eq!(of("s".repeat(LONGEST_SCOPE + 1)), None);
    assert_eq!(of(numbers(MOST_SCOPE_TOKENS)), Some(4 * MOST_SCOPE_TOKENS - 1));
    assert_eq!(of(numbers(MOST_SCOPE_TOKENS + 1)), None);
}

proptest! {
    #[test]
    fn req_e06_no_error_shows_a_byte_of_a_challenge(
        scheme in prop_oneof![Just("Bearer"), Just("DPoP"), Just("Basic"), Just("canary")],
        name in prop_oneof![Just("error"), Just("scope"), Just("realm"), Just("canary")],
        code in prop_oneof![
            Just("insufficient_scope"), Just("invalid_token"), Just("use_dpop_nonce"), Just("canary"),
        ],
        status in prop_oneof![Just(401_u16), Just(403)],
        another_token: bool,
        nonce: bool,
    ) {
        let value = format!("{scheme} {name}=\"canary\", error=\"{code}\", scope=\"canary\", canary=x");
        let mut headers = challenge(&[&value, "canary"]);
        headers.insert("dpop-nonce", HeaderValue::from_static("canary"));
        for token in [bearer(), proven()] {
            let answer = Answer::new(StatusCode::from_u16(status).unwrap(), &headers, &token)
                .after(Tried { another_token, nonce })
                .resendable(true);
            if let Next::Fail(error) = after_answer(&answer) {
                let shown = format!("{error} {error:?} {} {:?}", error.diagnosis(), error.oauth_code());
                prop_assert!(!shown.contains("canary"), "{}", shown);
            }
        }
        let shown = format!("{:?}", Challenges::of(&headers));
        prop_assert!(!shown.contains("canary"), "{}", shown);
    }
}

#[test]
fn req_e12_a_nonce_is_tried_once() {
    let token = proven();
    let mut headers = challenge(&["Bearer", "DPoP error=\"use_dpop_nonce\", algs=\"ES256\""]);
    let decide = |headers: &HeaderMap, tried, can_resend| {
        let answer = Answer::new(StatusCode::UNAUTHORIZED, headers, &token);
        named(&after_answer(&answer.after(tried).resendable(can_resend)))
    };
    assert_eq!(decide(&headers, Tried::default(), true), "deliver", "it names no nonce");
    headers.insert(HeaderName::from_static("dpop-nonce"), HeaderValue::from_static("n-1"));
    assert_eq!(decide(&headers, Tried::default(), true), "nonce, resend");
    assert_eq!(decide(&headers, Tried::default(), false), "deliver");
    assert_eq!(decide(&headers, Tried { nonce: true, another_token: false }, true), "invalid_answer");
    assert_eq!(decide(&headers, Tried { nonce: false, another_token: true }, true), "nonce, resend");
}

#[test]
fn the_challenge_of_the_scheme_that_was_presented_counts_first() {
    let headers = challenge(&["DPoP error=invalid_dpop_proof, Bearer error=invalid_token"]);
    let decide = |token: &Token| {
        named(&after_answer(&Answer::new(StatusCode::UNAUTHORIZED, &headers, token).resendable(true)))
    };
    assert_eq!(decide(&bearer()), "reject, resend");
    assert_eq!(decide(&proven()), "deliver");
}

#[test]
fn a_request_is_sent_at_most_three_times() {
    assert_eq!(Tried { another_token: true, nonce: true }.resends(), 2);
}
