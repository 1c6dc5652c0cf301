//! The tables of the manual say what the code does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by them")]

use std::collections::BTreeSet;

use grantry::{Error, ErrorKind, Party, Retry, Stage};

const ERRORS: &str = include_str!("../src/manual/errors.rs");
const OBSERVING: &str = include_str!("../src/manual/observing.rs");
const KINDS: &str = include_str!("../../grantry-core/src/error/kind.rs");
const EVENTS: &str = include_str!("../../grantry-core/src/event.rs");

/// The rows of a page's tables, cell by cell, that begin with a name in backticks.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("//! | `"));
    rows.map(|row| row.trim_end().trim_end_matches('|').split('|').map(str::trim).collect())
}

fn name<'a>(row: &[&'a str]) -> &'a str {
    row[0].trim_end_matches('`')
}

/// `InvalidGrant` as `invalid_grant`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// The variants that a source file turns into names: `Self::ClockSkew { .. } => "clock_skew"`.
fn variants(source: &str) -> BTreeSet<String> {
    let arms = source.lines().filter_map(|line| line.trim().strip_prefix("Self::"));
    let named = arms.filter_map(|arm| arm.split_once("=> \""));
    named.map(|(variant, _)| variant.split([' ', '{']).next().unwrap().to_owned()).collect()
}

#[test]
fn every_kind_of_error_has_a_row_and_each_row_is_true() {
    let kinds = rows(ERRORS).filter(|row| row.len() == 5);
    let mut told = BTreeSet::new();
    for row in kinds {
        let [_, _, party, again, definite] = row.as_slice() else { panic!("{row:?}") };
        let kind = ErrorKind::from_name(&snake(name(&row))).unwrap_or_else(|| panic!("no kind {row:?}"));
        let diagnosis = Error::new(kind, Stage::Token, "x").diagnosis().clone();
        let expected = match diagnosis.party() {
            Party::AuthorizationServer => "authorization server",
            Party::ResourceServer => "resource server",
            Party::ResourceOwner => "resource owner",
            Party::Application => "application",
            Party::Network => "network",
            Party::Store => "store",
            Party::Library => "library",
            other => panic!("{other:?}"),
        };
        assert_eq!(*party, expected, "{kind}");
        let retry = match diagnosis.retry() {
            Retry::Never => "never",
            Retry::Now => "now",
            Retry::After(_) => "after",
            other => panic!("{other:?}"),
        };
        assert!(again.starts_with(retry), "{kind}: {again}");
        assert_eq!(*definite == "yes", kind.is_definite(), "{kind}");
        told.insert(name(&row).to_owned());
    }
    assert_eq!(told, variants(KINDS));
}

#[test]
fn every_event_has_a_row() {
    let events = variants(EVENTS);
    assert!(events.len() >= 15, "{events:?}");
    let told: BTreeSet<String> = rows(OBSERVING).map(|row| name(&row).to_owned()).collect();
    let missing: Vec<_> = events.difference(&told).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[cfg(feature = "vault")]
#[test]
fn the_ready_made_roles_hold_what_the_page_about_them_says() {
    use grantry::vault::access::{Permission, Role};

    let page = include_str!("../src/manual/access.rs");
    for role in [Role::service(), Role::operator(), Role::auditor()] {
        let row = rows(page).find(|row| name(row) == role.name()).unwrap();
        let told: BTreeSet<&str> = row[2].split('`').skip(1).step_by(2).collect();
        let held: BTreeSet<&str> = role.permissions().map(Permission::as_str).collect();
        assert_eq!(told, held, "{}", role.name());
    }
    let all: BTreeSet<&str> = Permission::ALL.iter().map(|permission| permission.as_str()).collect();
    let held: BTreeSet<&str> = Role::admin().permissions().map(Permission::as_str).collect();
    let missing: Vec<&str> = all.difference(&held).copied().collect();
    assert_eq!(
        missing,
        ["client.read_secret", "grant.renew", "token.read_refresh"],
        "the page names these three"
    );
}

/// What a library served of the calls in an outage, by the table of the peers in `benches/README.md`: its name, and a percentage.
fn served() -> Vec<(&'static str, &'static str)> {
    let benches = include_str!("../../../benches/README.md");
    let rows = benches.lines().map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let table = rows.skip_while(|row| row.get(7) != Some(&"outage: served")).skip(2);
    let table = table.take_while(|row| row.len() > 7);
    table.map(|row| (row[1].split(' ').next().unwrap().trim_matches('*'), row[7].trim_matches('*'))).collect()
}

#[test]
fn the_comparison_says_of_each_library_what_was_measured_of_it() {
    let page = include_str!("../src/manual/comparison.rs").replace("\n//! ", " ");
    let (_, measured) = page.split_once("# What was measured").unwrap();
    let (sentence, _) = measured.split_once("the others none.").unwrap();
    let served = served();
    assert!(served.len() > 5, "{served:?}");
    for (library, percent) in served {
        let told = sentence.split_once(&format!("`{library}`")).map(|(_, rest)| rest);
        match percent {
            _ if library == "grantry" => assert_eq!(percent, "100 %"),
            "100 %" => assert!(told.is_some_and(|rest| rest.contains("served every call")), "{library}"),
            "0 %" => assert!(told.is_none(), "{library} is among the others"),
            some => {
                assert!(
                    told.is_some_and(|rest| rest.starts_with(&format!(" served {some} of them"))),
                    "{library}"
                )
            }
        }
    }
}
