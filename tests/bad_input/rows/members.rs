//! Members in forms that servers use, and in forms that nobody should.
//!
//! Nothing here asks for DPoP: an answer of that type was not asked for. What comes where it was is in `bound.rs`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantry_core::Consumed::{No, Refused, Unknown};
use grantry_core::ErrorKind;
use grantry_testkit::RawAnswer;

use super::{CANARY, REFRESH, Row, SENT, Way, good, json, with, without};

/// Ten years: longer lifetimes are taken for this.
const LONGEST: u64 = 10 * 366 * 24 * 3600;

pub(super) fn rows() -> Vec<Row> {
    [access_tokens(), token_types(), lifetimes(), refresh_tokens(), scopes(), identities(), errors()].concat()
}

fn ok(body: impl Into<bytes::Bytes>) -> RawAnswer {
    json("200 OK", body)
}

fn access_tokens() -> Vec<Row> {
    let mut rows = vec![
        Row::unusable("no access_token", ok(without("access_token"))).with_refresh(REFRESH),
        Row::unusable(
            "an access_token of 1 MiB",
            ok(with("access_token", &format!("\"{}\"", "A".repeat(1 << 20)))),
        ),
    ];
    let large = "A".repeat(64 * 1024);
    let mut row = Row::grants("an access_token of 64 KiB", ok(with("access_token", &format!("\"{large}\""))));
    if let super::Outcome::Granted { access, .. } = &mut row.expected {
        *access = large;
    }
    rows.push(row);
    for bad in [
        "\"\"",
        "null",
        "12345",
        "true",
        "[\"x\"]",
        "{\"access_token\":\"x\"}",
        r#""x\r\nX-Evil: c4n4ry5f0c1d9e7b""#,
        r#""a\u000ab""#,
        r#""a\u0000b""#,
        "\"a b\"",
        r#""a\tb""#,
        "\" x\"",
        "\"é\"",
        "\"\u{202e}x\"",
        "\"a,b\"",
        r#""a\"b""#,
    ] {
        let row = Row::unusable(format!("access_token {bad}"), ok(with("access_token", bad)));
        rows.push(row.with_refresh(REFRESH));
    }
    rows
}

fn token_types() -> Vec<Row> {
    let mut rows = vec![Row::grants("no token_type", ok(without("token_type")))];
    for good in ["null", "\"bearer\"", "\"BEARER\"", "\"bEaReR\""] {
        rows.push(Row::grants(format!("token_type {good}"), ok(with("token_type", good))));
    }
    for bad in
        ["\"DPoP\"", "\"mac\"", "\"N_A\"", "\"\"", "\"bearer \"", "1", "[\"Bearer\"]", "\"c4n4ry5f0c1d9e7b\""]
    {
        let row = Row::unusable(format!("token_type {bad}"), ok(with("token_type", bad)));
        rows.push(row.with_refresh(REFRESH));
    }
    rows
}

fn lifetimes() -> Vec<Row> {
    let mut rows = vec![Row::grants("no expires_in", ok(without("expires_in"))).with_lifetime(None)];
    let huge = "9".repeat(400);
    for (written, meant) in [
        ("0", None),
        ("-1", None),
        ("-9223372036854775809", None),
        ("\"-5\"", None),
        ("1", Some(1)),
        ("\"3600\"", Some(3600)),
        ("3600.5", Some(3600)),
        ("3.6e3", Some(3600)),
        ("9223372036854775808", Some(LONGEST)),
        ("18446744073709551616", Some(LONGEST)),
        ("1e300", Some(LONGEST)),
        (huge.as_str(), Some(LONGEST)),
        ("null", None),
        ("true", None),
        ("\"soon\"", None),
        ("\"\"", None),
        ("\"Infinity\"", None),
        ("[3600]", None),
        ("{}", None),
    ] {
        let shown: String = written.chars().take(24).collect();
        rows.push(
            Row::grants(format!("expires_in {shown}"), ok(with("expires_in", written))).with_lifetime(meant),
        );
    }
    rows
}

fn refresh_tokens() -> Vec<Row> {
    let mut rows = vec![Row::grants("no refresh_token", ok(without("refresh_token"))).with_refresh(None)];
    for none in ["\"\"", "null", "true", "[\"x\"]", "{}"] {
        rows.push(
            Row::grants(format!("refresh_token {none}"), ok(with("refresh_token", none))).with_refresh(None),
        );
    }
    // A server that does not rotate may say so by the token that it was sent: that is kept as it is, and is not new.
    let same = with("refresh_token", &format!("\"{SENT}\""));
    rows.push(
        Row::grants("the refresh_token that was sent", ok(same.clone()))
            .with_refresh(None)
            .only_of(Way::RefreshToken),
    );
    rows.push(
        Row::grants("a refresh_token where none was sent", ok(same.clone()))
            .with_refresh(SENT)
            .only_of(Way::ClientCredentials),
    );
    let lost = same.replace("access_token", "nothing");
    rows.push(
        Row::unusable("the refresh_token that was sent, and no access token", ok(lost))
            .only_of(Way::RefreshToken),
    );
    // A number is what some servers write for an opaque token.
    rows.push(Row::grants("refresh_token 12345", ok(with("refresh_token", "12345"))).with_refresh("12345"));
    let lost = with("refresh_token", "12345").replace("access_token", "nothing");
    rows.push(Row::unusable("refresh_token 12345 and no access token", ok(lost)).with_refresh("12345"));
    rows
}

fn scopes() -> Vec<Row> {
    let mut rows = Vec::new();
    for (written, granted) in [
        ("\"a b\"", "a b"),
        ("\"b a\"", "a b"),
        ("\"b  a b a\"", "a b"),
        ("null", "a b"),
        ("\"a\"", "a"),
        ("\"a b c\"", "a b c"),
        ("\"A B\"", "A B"),
        ("\"\"", ""),
        ("[\"a\",\"b\"]", "a b"),
        ("[]", ""),
        ("7", ""),
        (r#""a \"c4n4ry5f0c1d9e7b\" b""#, "a b"),
        (r#""a \u001b[31mc4n4ry5f0c1d9e7b b""#, "a b"),
        (r#""a b\\c""#, "a"),
        (r#""a\tb""#, ""),
    ] {
        rows.push(Row::grants(format!("scope {written}"), ok(with("scope", written))).with_scope(granted));
    }
    rows
}

/// Nothing here asks for an ID token, so whatever comes in its place is passed over. What a login does with one that is signed
/// and says something else is in the tests of ID tokens.
fn identities() -> Vec<Row> {
    let mut rows = Vec::new();
    let signed = |claims: &str| {
        let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
        format!("\"{}.{}.{}\"", part(r#"{"alg":"ES256"}"#), part(claims), part(&"s".repeat(64)))
    };
    for (what, claims) in [
        ("of another issuer", r#"{"iss":"https://evil.test","sub":"ana","aud":"crm","exp":4102444800}"#),
        ("of another person", r#"{"iss":"https://as.test","sub":"eve","aud":"crm","exp":4102444800}"#),
        ("for another client", r#"{"iss":"https://as.test","sub":"ana","aud":"evil","exp":4102444800}"#),
        ("that is over", r#"{"iss":"https://as.test","sub":"ana","aud":"crm","exp":1}"#),
    ] {
        rows.push(Row::grants(format!("an id_token {what}"), ok(with("id_token", &signed(claims)))));
    }
    for (what, id_token) in [
        ("of alg none", "\"eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2V2aWwudGVzdCJ9.\""),
        ("that is none", "\"c4n4ry5f0c1d9e7b\""),
        ("that is an object", r#"{"iss":"https://evil.test","sub":"x","aud":"y"}"#),
    ] {
        rows.push(Row::grants(format!("an id_token {what}"), ok(with("id_token", id_token))));
    }
    rows
}

fn errors() -> Vec<Row> {
    let bad = |body: String| json("400 Bad Request", body);
    let code = |code: &str| {
        bad(format!(r#"{{"error":{code},"error_description":"{CANARY}","error_uri":"x:{CANARY}"}}"#))
    };
    let both = good().replacen('{', r#"{"error":"invalid_grant","#, 1);
    let described = |text: &str| bad(format!(r#"{{"error":"invalid_grant","error_description":"{text}"}}"#));
    let mut rows = vec![
        Row::fails("an error of 1 MB", described(&"x".repeat(1_000_000)), ErrorKind::InvalidAnswer, Unknown),
        Row::fails(
            "an error with ANSI",
            described(r"\u001b[31mc4n4ry5f0c1d9e7b"),
            ErrorKind::InvalidGrant,
            Refused,
        ),
        Row::fails(
            "an error with HTML",
            described("<script>c4n4ry5f0c1d9e7b"),
            ErrorKind::InvalidGrant,
            Refused,
        ),
        Row::unusable("200 with an error and a token", ok(both.clone())).with_refresh(REFRESH),
        Row::unusable("400 with an error and a token", bad(both)).with_refresh(REFRESH),
        Row::unusable("an error that is an object", code("{\"message\":\"c4n4ry5f0c1d9e7b\"}")),
        Row::unusable("an error that is a number", code("17")),
        Row::unusable("an error that is null", code("null")),
        Row::fails(
            "a form with an error",
            bad("error=invalid_grant&x=c4n4ry5f0c1d9e7b".into()),
            ErrorKind::InvalidGrant,
            Refused,
        ),
        Row::fails(
            "404 with an unknown code",
            json("404 X", r#"{"error":"no_such_thing"}"#),
            ErrorKind::Refused,
            No,
        ),
        Row::fails(
            "429 with an unknown code",
            json("429 X", r#"{"error":"slow"}"#),
            ErrorKind::Unavailable,
            No,
        ),
        Row::fails(
            "502 with an unknown code",
            json("502 X", r#"{"error":"bad"}"#),
            ErrorKind::Unavailable,
            Unknown,
        ),
    ];
    for (name, kind, consumed) in [
        ("invalid_request", ErrorKind::Refused, No),
        ("invalid_client", ErrorKind::InvalidClient, No),
        ("invalid_grant", ErrorKind::InvalidGrant, Refused),
        ("unauthorized_client", ErrorKind::Refused, No),
        ("unsupported_grant_type", ErrorKind::Refused, No),
        ("invalid_scope", ErrorKind::InvalidScope, No),
        ("invalid_target", ErrorKind::InvalidScope, No),
        ("temporarily_unavailable", ErrorKind::Unavailable, No),
        ("server_error", ErrorKind::Unavailable, Unknown),
        ("something_new", ErrorKind::Refused, No),
        ("Invalid_Grant", ErrorKind::Refused, No),
        (r"\u001b[31m<b>\u0000", ErrorKind::Refused, No),
    ] {
        rows.push(Row::fails(format!("error {name}"), code(&format!("\"{name}\"")), kind, consumed));
    }
    rows
}
