//! What a token endpoint may answer, row by row: what callers are told, what became of the credential, and
//! which refresh token is saved from an answer that cannot be used.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::time::Duration;

use grantry_core::{
    Attempt, AuthorizationServerBuilder, Consumed, ErrorAlias, ErrorCause, ErrorKind, Failure, Lifetime,
    Retry, Scope, TokenSet,
};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, TokenRequest, TransportCause, TransportFailure,
};
use support::{Script, answer, endpoint, endpoint_for, server, with_headers};

use Consumed::{No, Refused, Unknown};

async fn read_by(
    server: AuthorizationServerBuilder,
    result: Result<Answer, TransportFailure>,
) -> Result<TokenSet, Failure> {
    let script = Script::new([result]);
    let request = TokenRequest::new("refresh_token")
        .parameter("refresh_token", "old")
        .scope(Scope::parse("a b").unwrap());
    let result = endpoint(server, &script).request(request, Attempt::first()).await;
    assert_eq!(script.left().len(), 1, "one request sends at most one token request");
    result
}

async fn read(answer: Answer) -> Result<TokenSet, Failure> {
    read_by(server(), Ok(answer)).await
}

/// The row's outcome: the error's kind, what became of the credential, what was salvaged.
type Expected = (ErrorKind, Consumed, Option<&'static str>);

fn seen(result: &Result<TokenSet, Failure>) -> Expected {
    let failure = result.as_ref().unwrap_err();
    let salvaged = failure.salvaged.as_ref().map(|t| &*t.expose().to_owned().leak());
    (failure.error.kind(), failure.consumed, salvaged)
}

const NEW: Option<&str> = Some("new");
const SUCCESS: &str =
    r#"{"access_token":"at","token_type":"Bearer","expires_in":3600,"refresh_token":"new"}"#;
const HTML: &str = "<!DOCTYPE html><title>Sign in</title><a href='?refresh_token=no&x=1'>";

#[tokio::test]
async fn every_status_with_a_body_that_is_no_oauth_answer_has_its_kind() {
    use ErrorKind::{InvalidAnswer, Unavailable};
    let table = [
        (200, InvalidAnswer, Unknown),
        (201, InvalidAnswer, Unknown),
        (204, InvalidAnswer, Unknown),
        (301, InvalidAnswer, Unknown),
        (302, InvalidAnswer, Unknown),
        (303, InvalidAnswer, Unknown),
        (307, InvalidAnswer, Unknown),
        (308, InvalidAnswer, Unknown),
        (400, InvalidAnswer, Unknown),
        (401, InvalidAnswer, Unknown),
        (403, InvalidAnswer, Unknown),
        (404, InvalidAnswer, Unknown),
        (408, Unavailable, Unknown),
        (413, InvalidAnswer, Unknown),
        (421, InvalidAnswer, Unknown),
        (425, Unavailable, Unknown),
        (429, Unavailable, No),
        (500, Unavailable, Unknown),
        (502, Unavailable, Unknown),
        (503, Unavailable, No),
        (504, Unavailable, Unknown),
        (999, InvalidAnswer, Unknown),
    ];
    for (status, kind, consumed) in table {
        for body in ["", HTML, "null", "[]", "\"str\"", "{}", "7", "not json", "\u{1f}"] {
            let result = read(answer(status, body)).await;
            assert_eq!(seen(&result), (kind, consumed, None), "{status} {body:?}");
            let error = result.unwrap_err().error;
            assert_eq!(error.status(), Some(status));
        }
    }
}

#[tokio::test]
async fn oauth_errors_are_read_with_any_status_and_say_what_became_of_the_credential() {
    let table = [
        (400, "invalid_grant", ErrorKind::InvalidGrant, Refused),
        (200, "invalid_grant", ErrorKind::InvalidGrant, Refused),
        (500, "invalid_grant", ErrorKind::Unavailable, Unknown),
        (503, "invalid_grant", ErrorKind::Unavailable, No),
        (502, "invalid_client", ErrorKind::Unavailable, Unknown),
        (500, "invalid_scope", ErrorKind::Unavailable, Unknown),
        (500, "temporarily_unavailable", ErrorKind::Unavailable, Unknown),
        (401, "invalid_client", ErrorKind::InvalidClient, No),
        (400, "invalid_client", ErrorKind::InvalidClient, No),
        (400, "unauthorized_client", ErrorKind::Refused, No),
        (400, "unsupported_grant_type", ErrorKind::Refused, No),
        (400, "invalid_request", ErrorKind::Refused, No),
        (400, "invalid_scope", ErrorKind::InvalidScope, No),
        (400, "invalid_target", ErrorKind::InvalidScope, No),
        (400, "temporarily_unavailable", ErrorKind::Unavailable, No),
        (400, "server_error", ErrorKind::Unavailable, Unknown),
        (500, "server_error", ErrorKind::Unavailable, Unknown),
        (502, "whatever", ErrorKind::Unavailable, Unknown),
        (503, "whatever", ErrorKind::Unavailable, No),
        (429, "slow_down", ErrorKind::Unavailable, No),
        (200, "bad_verification_code", ErrorKind::Refused, No),
        (400, "what_is_this", ErrorKind::Refused, No),
    ];
    for (status, code, kind, consumed) in table {
        for body in [
            format!(r#"{{"error":"{code}","error_description":"<b>\u001b[31m{}"}}"#, "x".repeat(10_000)),
            format!("error={code}&error_description=no"),
        ] {
            let result = read(answer(status, body)).await;
            assert_eq!(seen(&result), (kind, consumed, None), "{status} {code}");
            let error = result.unwrap_err().error;
            assert_eq!(error.oauth_code(), Some(code));
            assert!(!format!("{error:?} {error}").contains("xxx"));
        }
    }
}

#[tokio::test]
async fn req_d17_a_hostile_error_code_is_data() {
    for code in [r"\u001b[31m<script>".to_owned(), "x".repeat(100_000), "Odd".to_owned(), String::new()] {
        let error = read(answer(400, format!(r#"{{"error":"{code}"}}"#))).await.unwrap_err().error;
        assert_eq!((error.kind(), error.oauth_code()), (ErrorKind::Refused, None), "{code}");
    }
    for body in [r#"{"error":{"code":7}}"#, r#"{"error":7}"#, r#"{"error":null}"#, r#"{"error":[]}"#] {
        assert_eq!(seen(&read(answer(400, body)).await), (ErrorKind::InvalidAnswer, Unknown, None), "{body}");
    }
}

#[tokio::test]
async fn req_d16_what_cannot_be_used_still_gives_its_refresh_token() {
    let token = |rest: &str| format!(r#"{{"refresh_token":"new",{rest}}}"#).into_bytes();
    let access = |value: &str| token(&format!(r#""access_token":{value}"#));
    let rows: Vec<(&str, u16, Vec<u8>)> = vec![
        ("no access token", 200, token(r#""x":1"#)),
        ("oddly cased name", 200, token(r#""Access_Token":"at""#)),
        ("empty", 200, access(r#""""#)),
        ("null", 200, access("null")),
        ("number", 200, access("12")),
        ("object", 200, access("{}")),
        ("line break", 200, access(r#""a\r\nX: y""#)),
        ("space", 200, access(r#""a b""#)),
        ("tab", 200, access(r#""a\tb""#)),
        ("NUL", 200, access(r#""a\u0000b""#)),
        ("non-ASCII", 200, access("\"ü\"")),
        ("lone surrogate", 200, access(r#""\ud800""#)),
        ("not UTF-8", 200, b"{\"refresh_token\":\"new\",\"access_token\":\"\xff\"}".to_vec()),
        ("repeated", 200, token(r#""access_token":"a","access_token":"b""#)),
        (
            "two refresh tokens",
            200,
            br#"{"access_token":"a","refresh_token":"x","refresh_token":"new"}"#.to_vec(),
        ),
        ("error as well", 200, token(r#""access_token":"a","error":"invalid_grant""#)),
        ("an error and a refresh token", 200, token(r#""error":"invalid_grant""#)),
        ("an empty error and a refresh token", 200, token(r#""error":"""#)),
        ("a passing error and a refresh token", 200, token(r#""error":"temporarily_unavailable""#)),
        ("repeated, once null", 200, token(r#""access_token":null,"access_token":"a""#)),
        ("success with 400", 400, SUCCESS.into()),
        ("success with 302", 302, SUCCESS.into()),
        ("trailing garbage", 200, [SUCCESS.as_bytes(), b" oops"].concat()),
        ("two objects", 200, [SUCCESS.as_bytes(), SUCCESS.as_bytes()].concat()),
        ("comment", 200, [b"{/* c */".as_slice(), &SUCCESS.as_bytes()[1..]].concat()),
        ("NaN", 200, token(r#""access_token":"a","expires_in":NaN"#)),
        ("Infinity", 200, token(r#""access_token":"a","expires_in":Infinity"#)),
        ("cut off", 200, SUCCESS.as_bytes()[..SUCCESS.len() - 1].to_vec()),
        ("in a page", 200, format!("<pre>{SUCCESS}</pre>").into()),
        ("in an array", 200, format!("[{SUCCESS}]").into()),
        ("DPoP though not asked for", 200, token(r#""access_token":"a","token_type":"DPoP""#)),
        ("unknown type", 200, token(r#""access_token":"a","token_type":"mac""#)),
        ("no type at all", 200, token(r#""access_token":"a","token_type":7"#)),
        ("form without access token", 200, b"refresh_token=new&token_type=bearer".to_vec()),
    ];
    for (name, status, body) in rows {
        let result = read(answer(status, body)).await;
        assert_eq!(seen(&result), (ErrorKind::InvalidAnswer, Unknown, NEW), "{name}");
    }
    let failed = read(answer(502, SUCCESS)).await;
    assert_eq!(seen(&failed), (ErrorKind::Unavailable, Unknown, NEW));
    let encoded = with_headers(answer(200, SUCCESS), &[("content-encoding", "gzip")]);
    assert_eq!(seen(&read(encoded).await), (ErrorKind::InvalidAnswer, Unknown, NEW), "it was not encoded");
}

#[tokio::test]
async fn transport_failures_say_whether_the_credential_may_be_spent() {
    use TransportCause as Cause;
    let unsent = [
        (Cause::NameNotFound, ErrorKind::Unreachable),
        (Cause::NotConnected, ErrorKind::Unreachable),
        (Cause::ProxyRefused, ErrorKind::Unreachable),
        (Cause::TlsFailed, ErrorKind::Untrusted),
        (Cause::AddressNotAllowed, ErrorKind::Configuration),
    ];
    for (cause, kind) in unsent {
        let result = read_by(server(), Err(TransportFailure::unsent(cause))).await;
        assert_eq!(seen(&result), (kind, No, None));
        assert!(!result.unwrap_err().sent);
    }
    let unknown = [
        (Cause::TimedOut, ErrorKind::Interrupted),
        (Cause::Broken, ErrorKind::Interrupted),
        (Cause::Truncated, ErrorKind::Interrupted),
        (Cause::TooLarge, ErrorKind::InvalidAnswer),
    ];
    for (cause, kind) in unknown {
        let bare = read_by(server(), Err(TransportFailure::unknown(cause))).await;
        assert_eq!(seen(&bare), (kind, Unknown, None));
        assert!(bare.unwrap_err().sent);
        let partial =
            || TransportFailure::unknown(cause).with_partial(answer(200, &SUCCESS[..SUCCESS.len() - 1]));
        assert_eq!(seen(&read_by(server(), Err(partial())).await), (kind, Unknown, NEW));
        let head = TransportFailure::unknown(cause).with_partial(answer(503, "<h"));
        assert_eq!(seen(&read_by(server(), Err(head)).await), (ErrorKind::Unavailable, No, None));
    }
}

#[tokio::test]
async fn req_a08_answers_in_every_accepted_form_are_one_token() {
    let json = |body: &str| answer(200, body);
    let rows = [
        ("plain", json(SUCCESS)),
        ("201", answer(201, SUCCESS)),
        ("byte order mark", answer(200, format!("\u{feff}{SUCCESS}"))),
        ("white space", answer(200, format!("\r\n {SUCCESS}\n"))),
        ("text/plain", with_headers(json(SUCCESS), &[("content-type", "text/plain")])),
        (
            "two content types",
            with_headers(json(SUCCESS), &[("content-type", "text/html"), ("content-type", "x/y")]),
        ),
        ("latin-1", with_headers(json(SUCCESS), &[("content-type", "application/json; charset=iso-8859-1")])),
        ("identity", with_headers(json(SUCCESS), &[("content-encoding", "identity")])),
        ("form", json("access_token=at&token_type=bearer&expires_in=3600&refresh_token=new")),
        ("no type", json(r#"{"access_token":"at","expires_in":"3600","refresh_token":"new"}"#)),
        (
            "null type",
            json(r#"{"access_token":"at","token_type":null,"expires_in":3600.9,"refresh_token":"new"}"#),
        ),
        ("upper case", json(&SUCCESS.replace("Bearer", "BEARER"))),
        (
            "unknown members",
            json(&SUCCESS.replace('{', r#"{"__proto__":{"a":[1,{}]},"id_token":"x.y.z","n":1e999,"#)),
        ),
    ];
    for (name, answer) in rows {
        let set = read(answer).await.unwrap_or_else(|f| panic!("{name}: {:?}", f.error));
        assert_eq!(set.token().header(), "Bearer at", "{name}");
        assert_eq!(set.refresh_token().unwrap().expose(), "new", "{name}");
        let lifetime = set.token().expires().unwrap().since(set.obtained());
        assert_eq!(lifetime, Duration::from_secs(3600), "{name}");
        assert_eq!(set.token().scope().as_str(), "a b", "{name}");
    }
}

#[tokio::test]
async fn req_d01_the_token_type_is_compared_without_regard_to_case_and_another_one_is_not_usable() {
    let body = |written: &str| format!(r#"{{"access_token":"at","token_type":{written}}}"#);
    for good in [r#""Bearer""#, r#""bearer""#, r#""BEARER""#, r#""bEaReR""#] {
        assert!(read(answer(200, body(good))).await.is_ok(), "{good}");
    }
    for bad in [r#""DPoP""#, r#""mac""#, r#""N_A""#, r#""""#, r#""bearer ""#, "1", r#"["Bearer"]"#] {
        let result = read(answer(200, body(bad))).await;
        assert_eq!(seen(&result), (ErrorKind::InvalidAnswer, Unknown, None), "{bad}");
    }
}

#[tokio::test]
async fn req_d02_an_unusable_lifetime_follows_the_server_facts() {
    let body = |written: &str| format!(r#"{{"access_token":"at","expires_in":{written}}}"#);
    let hour = Some(Duration::from_secs(3600));
    for written in ["null", "-5", "true", "\"soon\"", "[]", "0"] {
        let lifetime = |set: TokenSet| set.token().expires().map(|at| at.since(set.obtained()));
        let unknown = read(answer(200, body(written))).await.unwrap();
        assert_eq!(lifetime(unknown), None, "{written}");
        let documented = server().missing_expires_in(Lifetime::Documented(Duration::from_secs(3600)));
        let documented = read_by(documented, Ok(answer(200, body(written)))).await.unwrap();
        assert_eq!(lifetime(documented), hour, "{written}");
        let never = server()
            .zero_means_never(true)
            .missing_expires_in(Lifetime::Documented(Duration::from_secs(3600)));
        let never = read_by(never, Ok(answer(200, body(written)))).await.unwrap();
        assert_eq!(lifetime(never), if written == "0" { None } else { hour }, "{written}");
    }
}

#[tokio::test]
async fn a_scope_that_repeats_a_token_of_the_answer_is_dropped_since_scopes_are_shown() {
    let (access, refresh) = ("access.c4n4ry.c4n4ry.c4n4ry", "refresh.c4n4ry.c4n4ry.c4n4ry");
    let scope = format!("a {access} x:{refresh} {} data", &access[4..22]);
    let body = format!(r#"{{"access_token":"{access}","refresh_token":"{refresh}","scope":"{scope}"}}"#);
    let set = read_by(server(), Ok(answer(200, body))).await.unwrap();
    assert_eq!(set.token().scope().as_str(), "a data");
    assert!(!format!("{set:?}").contains("c4n4ry"));
}

#[tokio::test]
async fn req_d06_scopes_of_every_shape_are_read() {
    for (written, granted) in [
        (r#""b a""#, "a b"),
        (r#""b  a b""#, "a b"),
        (r#""a""#, "a"),
        (r#""a b c""#, "a b c"),
        (r#"["b","a"]"#, "a b"),
        (r#"["a b","c"]"#, "a b c"),
        ("[]", ""),
        (r#""""#, ""),
        ("null", "a b"),
        ("7", ""),
        (r#"{"a":1}"#, ""),
        (r#"["a",7]"#, ""),
        (r#""a b\"c d\u0007 e""#, "a e"),
    ] {
        let body = format!(r#"{{"access_token":"at","scope":{written}}}"#);
        let set = read(answer(200, body)).await.unwrap();
        assert_eq!(set.token().scope().as_str(), granted, "{written}");
    }
    for comma in [server().scope_separator(','), server().granted_scope_separator(',')] {
        let set = read_by(comma, Ok(answer(200, r#"{"access_token":"at","scope":"b,a"}"#))).await.unwrap();
        assert_eq!(set.token().scope().as_str(), "a b");
    }
    // Without such a fact a comma is a character of the scope.
    let set = read(answer(200, r#"{"access_token":"at","scope":"b,a"}"#)).await.unwrap();
    assert_eq!(set.token().scope().as_str(), "b,a");
}

#[tokio::test]
async fn a_bearer_token_by_another_name_is_taken_from_the_server_that_calls_it_so() {
    let body = |written: &str| format!(r#"{{"access_token":"at","token_type":"{written}"}}"#);
    let own = || server().bearer_aliases(["bot", "User"]);
    for good in ["bot", "BOT", "user", "Bearer"] {
        assert!(read_by(own(), Ok(answer(200, body(good)))).await.is_ok(), "{good}");
    }
    for (facts, bad) in [(own(), "mac"), (own(), "N_A"), (own(), "robot"), (server(), "bot")] {
        let result = read_by(facts, Ok(answer(200, body(bad)))).await;
        assert_eq!(seen(&result), (ErrorKind::InvalidAnswer, Unknown, None), "{bad}");
    }
}

#[tokio::test]
async fn refresh_tokens_of_every_shape_are_read() {
    for (written, kept) in [
        (r#""new""#, Some("new")),
        ("12345", Some("12345")),
        (r#""""#, None),
        ("null", None),
        ("{}", None),
        // The access token is good, and the refresh token from before is what is left either way.
        (r#""new\n""#, None),
        (r#""ne\u0000w""#, None),
    ] {
        let body = format!(r#"{{"access_token":"at","refresh_token":{written}}}"#);
        let set = read(answer(200, body)).await.unwrap();
        assert_eq!(set.refresh_token().map(|t| t.expose()), kept, "{written}");
    }
}

#[tokio::test]
async fn req_a10_large_tokens_are_no_mistake() {
    for size in [1, 64 * 1024, 200 * 1024] {
        let body = format!(r#"{{"access_token":"{}"}}"#, "t".repeat(size));
        assert_eq!(read(answer(200, body)).await.unwrap().token().expose().len(), size);
    }
}

#[tokio::test]
async fn a_server_that_says_things_its_own_way_is_understood() {
    let aliases = [
        ErrorAlias { status: 403, code: "unauthorized_client", means: "invalid_grant" },
        ErrorAlias { status: 400, code: "BAD_REFRESH_TOKEN", means: "invalid_grant" },
        ErrorAlias { status: 500, code: "TOKEN_GONE", means: "invalid_grant" },
    ];
    let own = || server().error_aliases(aliases.clone()).provider_code_prefix("AADSTS");
    let refused = (ErrorKind::InvalidGrant, Refused, None);
    let by_code = read_by(own(), Ok(answer(403, r#"{"error":"unauthorized_client"}"#))).await;
    assert_eq!(seen(&by_code), refused);
    let by_status = read_by(own(), Ok(answer(400, r#"{"status":"BAD_REFRESH_TOKEN"}"#))).await;
    assert_eq!(seen(&by_status), refused);
    let broken = read_by(own(), Ok(answer(500, r#"{"error":"TOKEN_GONE"}"#))).await;
    assert_eq!(seen(&broken), refused, "the server's facts say so");
    let elsewhere = read_by(own(), Ok(answer(400, r#"{"error":"unauthorized_client"}"#))).await;
    assert_eq!(seen(&elsewhere), (ErrorKind::Refused, No, None));

    let body =
        r#"{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired"}"#;
    let error = read_by(own(), Ok(answer(400, body))).await.unwrap_err().error;
    assert_eq!(error.provider_code(), Some("AADSTS700082"));
    let causes = [ErrorCause { code: "AADSTS700082", cause: "it was not used for too long" }];
    let explained = read_by(own().error_causes(causes), Ok(answer(400, body))).await.unwrap_err().error;
    assert_eq!(explained.diagnosis().causes().next(), Some("it was not used for too long"));
    assert_eq!(explained.diagnosis().remedy(), error.diagnosis().remedy());
}

#[tokio::test]
async fn req_e29_what_is_written_inside_of_an_access_token_decides_nothing() {
    // {"alg":"none"}.{"exp":1,"scope":"admin","iss":"https://other.example"}. as RFC 9068 would have it, and expired.
    let inside =
        "eyJhbGciOiJub25lIn0.eyJleHAiOjEsInNjb3BlIjoiYWRtaW4iLCJpc3MiOiJodHRwczovL290aGVyLmV4YW1wbGUifQ.";
    let body =
        format!(r#"{{"access_token":"{inside}","token_type":"Bearer","expires_in":3600,"scope":"a"}}"#);
    let set = read(answer(200, body)).await.unwrap();
    let token = set.token();
    assert_eq!(token.expires().unwrap().since(set.obtained()), Duration::from_secs(3600));
    assert_eq!((token.scope().as_str(), token.expose()), ("a", inside));
}

#[tokio::test]
async fn req_a12_no_cut_and_no_changed_byte_does_harm() {
    for end in 0..SUCCESS.len() {
        let result = read(answer(200, &SUCCESS[..end])).await;
        let whole = end > SUCCESS.len() - 2;
        assert_eq!(seen(&result), (ErrorKind::InvalidAnswer, Unknown, NEW.filter(|_| whole)), "cut at {end}");
    }
    for at in 0..SUCCESS.len() {
        for byte in [0, b'"', b'\\', b'{', b'}', b',', b' ', 0x80, 0xff] {
            let mut body = SUCCESS.as_bytes().to_vec();
            body[at] = byte;
            if let Err(failure) = read(answer(200, body)).await {
                assert_eq!(failure.consumed, Unknown, "{at} {byte}");
            }
        }
    }
}

#[tokio::test]
async fn outside_of_a_success_a_quoted_request_is_no_refresh_token() {
    let echo = r#"{"message":"boom","request":{"grant_type":"refresh_token","refresh_token":"[FILTERED]"}}"#;
    let form = "grant_type=refresh_token&refresh_token=%2A%2A%2A";
    for status in [302, 400, 401, 403, 404, 500, 502] {
        for body in [echo, form, r#"{"refresh_token":"x"}"#, r#"[{"access_token":"a","refresh_token":"x"}]"#]
        {
            assert_eq!(seen(&read(answer(status, body)).await).2, None, "{status} {body}");
            let cut = TransportFailure::unknown(TransportCause::Truncated);
            let cut = read_by(server(), Err(cut.with_partial(answer(status, body)))).await;
            assert_eq!(seen(&cut).2, None, "{status} {body} cut");
        }
        assert_eq!(seen(&read(answer(status, SUCCESS)).await).2, NEW, "{status}");
    }
}

#[tokio::test]
async fn the_refresh_token_that_was_sent_is_not_salvaged() {
    for (status, body, kind) in [
        (200, r#"{"error":"invalid_grant","refresh_token":"old"}"#, ErrorKind::InvalidGrant),
        (200, r#"{"refresh_token":"old"}"#, ErrorKind::InvalidAnswer),
        (200, r#"{"access_token":"a b","refresh_token":"old"}"#, ErrorKind::InvalidAnswer),
        (502, r#"{"access_token":"a","refresh_token":"old"}"#, ErrorKind::Unavailable),
    ] {
        let result = read(answer(status, body)).await;
        assert_eq!((seen(&result).0, seen(&result).2), (kind, None), "{body}");
    }
}

#[tokio::test]
async fn a_401_without_an_oauth_error_is_no_verdict_on_the_client() {
    for body in ["", HTML, "{}", r#"{"message":"Unauthorized"}"#] {
        let error = read(answer(401, body)).await.unwrap_err().error;
        assert!(!error.is_definite() && matches!(error.diagnosis().retry(), Retry::After(_)), "{body}");
        assert!(error.diagnosis().causes().any(|c| c.contains("gateway")), "{}", error.diagnosis());
    }
}

#[tokio::test]
async fn no_error_code_tells_a_secret_of_the_request() {
    let aliases = [ErrorAlias { status: 400, code: "BAD_TOKEN", means: "invalid_grant" }];
    let client = || Client::new("c", ClientAuthentication::secret_post("s3cret_value").or_secret("second_1"));
    for (code, told) in [
        ("invalid_request", Some("invalid_request")),
        ("some_code_of_theirs", Some("some_code_of_theirs")),
        ("bad_secret_s3cret_value", None),
        ("bad_secret_second_1", None),
        ("no_such_token_refresh_canary", None),
        ("refresh_can", None),
        ("unknown:the-code", None),
    ] {
        let own = || server().error_aliases(aliases.clone()).provider_code_prefix("no_such_token_");
        for body in [
            format!(r#"{{"error":"{code}"}}"#),
            format!(r#"{{"error":"{code}","status":"BAD_TOKEN"}}"#),
            format!(r#"{{"error":"invalid_grant","error_description":"{code}"}}"#),
        ] {
            let script = Script::new([Ok(answer(400, body))]);
            let request =
                TokenRequest::new("refresh_token").parameter("refresh_token", "refresh_canary_token");
            let endpoint = endpoint_for(own(), client().unwrap(), &script);
            let error = endpoint.request(request, Attempt::first()).await.unwrap_err().error;
            let shown = format!("{error:?} {:?} {:?}", error.oauth_code(), error.provider_code());
            for secret in ["s3cret", "second_1", "refresh_can", "the-code"] {
                assert!(!shown.contains(secret), "{shown}");
            }
            if let Some(told) = told.filter(|_| error.kind() == ErrorKind::Refused) {
                assert_eq!(error.oauth_code(), Some(told));
            }
        }
    }
}
