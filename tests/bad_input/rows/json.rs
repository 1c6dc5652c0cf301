//! JSON that is not quite JSON, or too much of it.

use super::{ACCESS, CANARY, REFRESH, Row, SECOND, good, json, with};

pub(super) fn rows() -> Vec<Row> {
    [shapes(), syntax(), sizes()].concat()
}

fn ok(body: impl Into<bytes::Bytes>) -> grantry_testkit::RawAnswer {
    json("200 OK", body)
}

fn shapes() -> Vec<Row> {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let objects = format!("{}1{}", r#"{"x":"#.repeat(20_000), "}".repeat(20_000));
    let twice = |more: String| good().replacen('{', &format!("{{{more},"), 1);
    vec![
        Row::unusable("100,000 arrays around nothing", ok(deep.clone())),
        Row::unusable("20,000 objects around nothing", ok(objects.clone())),
        Row::grants("100,000 arrays in an unknown member", ok(with("x", &deep))),
        Row::grants("20,000 objects in an unknown member", ok(with("x", &objects))),
        Row::unusable("100,000 arrays in the place of the token", ok(with("access_token", &deep)))
            .with_refresh(REFRESH),
        Row::grants("100,000 arrays in the place of the scope", ok(with("scope", &deep))).with_scope(""),
        Row::grants("100,000 arrays in the place of the lifetime", ok(with("expires_in", &deep)))
            .with_lifetime(None),
        Row::unusable("access_token twice", ok(twice(format!("\"access_token\":\"{ACCESS}\""))))
            .with_refresh(REFRESH),
        Row::unusable("refresh_token twice", ok(twice(format!("\"refresh_token\":\"{SECOND}\""))))
            .with_refresh(REFRESH),
        Row::unusable("scope twice, once escaped", ok(twice(r#""scope":"a","sc\u006fpe":"b""#.to_owned())))
            .with_refresh(REFRESH),
        Row::grants("an unknown member twice", ok(twice(r#""x":1,"x":2"#.to_owned()))),
        Row::unusable("a member twice, once null", ok(twice(r#""access_token":null"#.to_owned())))
            .with_refresh(REFRESH),
        Row::unusable("a token set in an array", ok(format!("[{}]", good()))).with_refresh(REFRESH),
        Row::unusable("a token set inside another object", ok(format!("{{\"data\":{}}}", good())))
            .with_refresh(REFRESH),
        Row::unusable("keys of another case", ok(good().replace("access_token", "Access_Token")))
            .with_refresh(REFRESH),
        Row::grants("__proto__", ok(with("__proto__", r#"{"access_token":"x"}"#))),
        Row::grants(
            "constructor and an empty key",
            ok(twice(r#""constructor":{"prototype":1},"":2"#.to_owned())),
        ),
    ]
}

fn syntax() -> Vec<Row> {
    let broken = |name: &str, body: String| Row::unusable(name, ok(body)).with_refresh(REFRESH);
    let mut rows = vec![
        broken("trailing garbage", format!("{}{CANARY}", good())),
        broken("a second object", format!("{}{}", good(), good())),
        Row::grants("blanks around it", ok(format!("\r\n\t {} \r\n", good()))),
        Row::grants("a byte order mark", ok(format!("\u{feff}{}", good()))),
        broken("two byte order marks", format!("\u{feff}\u{feff}{}", good())),
        broken("a comment", good().replacen('{', "{/* c4n4ry5f0c1d9e7b */", 1)),
        broken("a trailing comma", good().replace('}', ",}")),
        broken("single quotes", good().replacen("\"token_type\"", "'token_type'", 1)),
        broken("no closing brace", good().replace('}', "")),
        broken("a raw NUL in a string", with("x", "\"a\0b\"")),
        broken("a raw line break in a string", with("x", "\"a\nb\"")),
        broken("half a surrogate pair in the token", with("access_token", r#""\ud83d""#)),
        broken("an unknown escape in the token", with("access_token", r#""\q""#)),
        broken("NaN", with("expires_in", "NaN")),
        broken("Infinity", with("expires_in", "-Infinity")),
        broken("a number with leading zeros", with("expires_in", "03600")),
        broken("a hexadecimal number", with("expires_in", "0x10")),
        Row::grants("a number of 400 digits", ok(with("x", &"9".repeat(400)))),
        Row::grants("an exponent beyond reason", ok(with("x", "1e999999999"))),
        Row::unusable("UTF-16", ok(good().encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())),
    ];
    let mut invalid = with("access_token", "\"@\"").into_bytes();
    if let Some(at) = invalid.iter().position(|b| *b == b'@') {
        invalid[at] = 0xff;
    }
    rows.push(Row::unusable("invalid UTF-8 in the token", ok(invalid)).with_refresh(REFRESH));
    let mut unknown = with("x", "\"@\"").into_bytes();
    if let Some(at) = unknown.iter().position(|b| *b == b'@') {
        unknown[at] = 0xff;
    }
    // What is passed over is not looked at either.
    rows.push(Row::grants("invalid UTF-8 in an unknown member", ok(unknown)));
    rows
}

fn sizes() -> Vec<Row> {
    let many = |n: usize| (0..n).map(|n| format!("\"k{n}\":0,")).collect::<String>();
    let fill = 256 * 1024 - with("x", "\"\"").len();
    vec![
        Row::unusable(
            "an unknown member of 10 MB",
            ok(with("x", &format!("\"{}\"", "A".repeat(10_000_000)))),
        )
        .with_refresh(REFRESH),
        Row::unusable(
            "100,000 unknown members",
            ok(good().replacen('{', &format!("{{{}", many(100_000)), 1)),
        ),
        Row::grants("20,000 unknown members", ok(good().replacen('{', &format!("{{{}", many(20_000)), 1))),
        Row::grants("as large as the cap", ok(with("x", &format!("\"{}\"", "A".repeat(fill))))),
        Row::unusable("one byte more than the cap", ok(with("x", &format!("\"{}\"", "A".repeat(fill + 1)))))
            .with_refresh(REFRESH),
    ]
}
