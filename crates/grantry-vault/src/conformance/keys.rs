//! Every valid key works, and no two are the same.

use crate::{RecordKey, RecordKind, RecordPrefix};

use super::Subject;
use super::checking::{
    Checked, broken, create, is_absent, is_stored, key, listed_keys, remove, replace, sealed,
};

/// Accounts that stores, their languages and their file systems take for something else.
const ACCOUNTS: &[&str] = &[
    "a",
    "A",
    "ab",
    "abc",
    "-",
    ".",
    "..",
    "...",
    "a.",
    "a ",
    " a",
    "a  b",
    "a b",
    "/",
    "//",
    "a/",
    "/a",
    "a/b",
    "a//b",
    "a/../b",
    "%",
    "%%",
    "a%",
    "%2F",
    "%00",
    "_",
    "a_",
    "*",
    "a*",
    "?",
    "[a]",
    "[",
    "]",
    "[^a]",
    "{a}",
    "{",
    "(",
    ")",
    "'",
    "''",
    "\"",
    "`",
    "\\",
    "\\\\",
    "\\0",
    "\\n",
    ";",
    "--",
    "a--b",
    "/*",
    "#",
    "&",
    "=",
    "a=b",
    ":",
    "a:b",
    "|",
    "~",
    "^",
    "!",
    "@",
    "+",
    "<a>",
    "$1",
    "${a}",
    ",",
    "null",
    "NULL",
    "con",
    "0",
    "00",
    "-1",
    "1e3",
    "true",
    "\u{a0}",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "e\u{301}",
    "\u{e9}",
    "\u{e000}",
    "\u{ff5e}",
    "\u{ffff}",
    "\u{1f600}",
    "\u{1f469}\u{200d}\u{1f467}",
    "\u{10ffff}",
    "\u{df}",
    "ss",
    "SS",
    "\u{131}",
    "i",
    "I",
    "\u{130}",
    "\u{212a}",
    "k",
    "K",
];

/// Pairs of accounts that some comparison takes for the same.
const TWINS: &[(&str, &str)] = &[
    ("user", "User"),
    ("user", "useR"),
    ("user", "user "),
    ("user", " user"),
    ("user", "user."),
    ("user", "user/"),
    ("user", "user\u{200b}"),
    ("user", "user\u{a0}"),
    ("user ", "user\u{a0}"),
    ("user", "\u{feff}user"),
    ("user", "use"),
    ("user", "user%"),
    ("user", "use_"),
    ("user", "use*"),
    ("user", "use?"),
    ("user", "[u]ser"),
    ("user", "u\\ser"),
    ("user", "\u{ff55}ser"),
    ("a/b", "a//b"),
    ("a/b", "a%2Fb"),
    ("a/b", "a\\b"),
    ("a.b", "a-b"),
    ("\u{e9}", "e\u{301}"),
    ("\u{c5}", "\u{212b}"),
    ("\u{df}", "ss"),
    ("k", "\u{212a}"),
    ("i", "\u{131}"),
    ("\u{e9}", "\u{c9}"),
    ("\u{1f600}", "\u{1f601}"),
    ("1", "01"),
    ("''", "'"),
    ("\\\\", "\\"),
];

/// Whole keys of which a part differs, or lies across the limit between two parts.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("a/grant/crm/x", "a-/grant/crm/x"),
    ("a/grant/crm/x", "a./grant/crm/x"),
    ("a.b/grant/crm/x", "a-b/grant/crm/x"),
    ("a/grant/crm/x", "-/grant/crm/x"),
    ("a/grant/crm/x", "a/grant/-/x"),
    ("a/grant/-/crm/x", "a/grant/crm/x"),
    ("a/grant/crm/x", "a/lease/crm/x"),
    ("a/grant/crm/x", "a/grant/cr/x"),
    ("a/grant/crm/x", "a/grant/crm/m/x"),
    ("a/grant/cr/mx", "a/grant/crm/x"),
];

/// Every kind of key that the suite has.
fn every_key() -> Checked<Vec<RecordKey>> {
    let mut keys = Vec::new();
    for account in ACCOUNTS {
        keys.push(key(&format!("acme/grant/crm/{account}"))?);
    }
    let long_accounts =
        ["x".repeat(255), "x".repeat(254), format!("{}y", "x".repeat(254)), "\u{1f600}".repeat(63)];
    for account in long_accounts {
        keys.push(key(&format!("acme/grant/crm/{account}"))?);
    }
    for kind in RecordKind::ALL {
        keys.push(key(&format!("-/{kind}/-/name"))?);
        keys.push(key(&format!("acme/{kind}/-/name"))?);
        keys.push(key(&format!("acme/{kind}/crm/name"))?);
    }
    let longest = "n".repeat(63);
    for name in ["0", "a-", "a.b", "a_b", "a--", "n..", &longest] {
        keys.push(key(&format!("{name}/grant/{name}/name"))?);
    }
    keys.push(key(&format!("{longest}/pending/{longest}/{}", "x".repeat(255)))?);
    keys.sort();
    Ok(keys)
}

pub(super) async fn every_valid_key_works(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let keys = every_key()?;
    let mut revisions = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        revisions.push(create(handles.nth(nth), key, sealed(key.as_str())).await?);
    }
    for (nth, (key, revision)) in keys.iter().zip(&mut revisions).enumerate() {
        is_stored(handles.nth(nth + 1), key, &sealed(key.as_str()), revision).await?;
        *revision = replace(handles.nth(nth), key, sealed(format!("{key} again")), revision).await?;
    }
    let listed = listed_keys(&handles.second, &RecordPrefix::everything(), 1000).await?;
    if let Some((wrong, right)) = listed.iter().zip(&keys).find(|(listed, stored)| listed != stored) {
        broken!("the listing has {wrong:?} where {right:?} should be");
    }
    if listed.len() != keys.len() {
        broken!("{} keys were stored and {} are listed", keys.len(), listed.len());
    }
    for (nth, (key, revision)) in keys.iter().zip(&revisions).enumerate() {
        is_stored(handles.nth(nth), key, &sealed(format!("{key} again")), revision).await?;
        remove(handles.nth(nth + 1), key, revision).await?;
        is_absent(handles.nth(nth), key).await?;
    }
    Ok(())
}

pub(super) async fn keys_that_differ_in_one_byte_are_different_records(subject: &Subject) -> Checked {
    let handles = subject.handles()?;
    let mut pairs = Vec::new();
    for (one, other) in TWINS {
        let at = |account: &str| key(&format!("acme/grant/crm/{account}"));
        pairs.push((at(one)?, at(other)?));
    }
    for (one, other) in NEIGHBOURS {
        pairs.push((key(one)?, key(other)?));
    }
    let (long, longest) = ("x".repeat(254), "acme/grant/crm/");
    pairs.push((key(&format!("{longest}{long}x"))?, key(&format!("{longest}{long}y"))?));
    pairs.push((key(&format!("{longest}{long}x"))?, key(&format!("{longest}{long}"))?));
    for (one, other) in &pairs {
        for (one, other) in [(one, other), (other, one)] {
            let vault = &handles.first;
            let first = create(vault, one, sealed("one")).await?;
            is_absent(vault, other).await?;
            let second = create(vault, other, sealed("other")).await?;
            let first = replace(vault, one, sealed("one again"), &first).await?;
            is_stored(&handles.second, other, &sealed("other"), &second).await?;
            remove(vault, other, &second).await?;
            is_stored(&handles.second, one, &sealed("one again"), &first).await?;
            remove(vault, one, &first).await?;
        }
    }
    Ok(())
}
