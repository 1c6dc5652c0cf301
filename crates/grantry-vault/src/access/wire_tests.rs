use grantry_core::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::access::{Principal, PrincipalKind};

const EXAMPLE: &str = r#"{"version":1,"epoch":7,"roles":[{"name":"reader","permissions":["token.use","grant.read"]}],"bindings":[{"effect":"allow","principal":"workload:billing","role":"reader","tenant":"acme","service":"crm-*","account":"=user-*","until":"2027-01-01T00:00:00Z"},{"effect":"deny","principal":"*","role":"service","tenant":"*","service":"*","account":"*"}]}"#;

fn refusal(json: impl AsRef<[u8]>) -> String {
    AccessPolicy::from_json(json).unwrap_err().to_string()
}

/// The example with something else in one place.
fn with(from: &str, to: &str) -> String {
    assert_eq!(EXAMPLE.matches(from).count(), 1, "{from}");
    EXAMPLE.replace(from, to)
}

#[test]
fn the_form_is_stable() {
    let policy = AccessPolicy::from_json(EXAMPLE).unwrap();
    assert_eq!(policy.to_json(), EXAMPLE);
    let billing = Principal::workload("billing").unwrap();
    let built = AccessPolicy::builder()
        .epoch(7)
        .role(Role::custom("reader", [Permission::GrantRead, Permission::TokenUse]).unwrap())
        .bind(
            Binding::allow(billing, "reader", Reach::parse("acme/crm-*/=user-*").unwrap())
                .until(Timestamp::from_unix_seconds(1_798_761_600)),
        )
        .bind(Binding::deny(PrincipalPattern::everybody(), Role::service(), Reach::everything()))
        .build()
        .unwrap();
    assert_eq!(built, policy);
}

#[test]
fn a_binding_without_service_and_account_is_for_any_but_a_tenant_is_required() {
    let binding = r#"{"effect":"allow","principal":"system:renewal","role":"service"TENANT}"#;
    let json = |tenant: &str| {
        let binding = binding.replace("TENANT", tenant);
        format!(r#"{{"version":1,"epoch":0,"roles":[],"bindings":[{binding}]}}"#)
    };
    let policy = AccessPolicy::from_json(json(r#","tenant":"acme""#)).unwrap();
    let binding = policy.bindings().next().unwrap();
    assert_eq!(binding.reach().to_string(), "acme/*/*");
    assert_eq!(*binding.principal(), Principal::system("renewal").unwrap().into());
    assert!(refusal(json("")).contains("missing field `tenant`"));
}

#[test]
fn a_field_that_is_unknown_missing_or_there_twice_is_named() {
    for (json, named) in [
        (with("\"epoch\":7", "\"epoch\":7,\"scope\":1"), "unknown field `scope`"),
        (with("\"name\":\"reader\"", "\"name\":\"reader\",\"inherits\":[]"), "unknown field `inherits`"),
        (with("\"tenant\":\"acme\"", "\"tenant\":\"acme\",\"Tenant\":\"b\""), "unknown field `Tenant`"),
        (with("\"epoch\":7", "\"epoch\":7,\"epoch\":8"), "duplicate field `epoch`"),
        (with("\"version\":1", "\"version\":1,\"version\":1"), "duplicate field `version`"),
        (with("\"tenant\":\"acme\"", "\"tenant\":\"acme\",\"tenant\":\"b\""), "duplicate field `tenant`"),
        (with("\"until\":\"2027", "\"until\":null,\"until\":\"2027"), "duplicate field `until`"),
        (with("\"name\":\"reader\"", "\"name\":\"reader\",\"name\":\"reader\""), "duplicate field `name`"),
        (with("\"epoch\":7,", ""), "missing field `epoch`"),
        (with("\"version\":1,", ""), "missing field `version`"),
        (with("\"effect\":\"deny\",", ""), "missing field `effect`"),
    ] {
        let text = refusal(json);
        assert!(text.contains(named) && text.contains("line 1 column"), "{text}");
    }
}

#[test]
fn what_is_wrong_inside_a_role_or_a_binding_is_placed() {
    for (json, place, fault) in [
        (with("\"token.use\"", "\"token.*\""), "role 1: ", "is no permission"),
        (with("\"token.use\"", "\"grant.read\""), "role 1: ", "names the permission grant.read twice"),
        (with("\"token.use\",\"grant.read\"", ""), "role 1: ", "has no permissions"),
        (with("\"name\":\"reader\"", "\"name\":\"admin\""), "role 1: ", "choose another name"),
        (with("\"workload:billing\"", "\"workload:bill*\""), "binding 1: ", "principal pattern"),
        (with("\"acme\"", "\"Acme\""), "binding 1: ", "tenant"),
        (with("\"crm-*\"", "\"*crm\""), "binding 1: ", "service"),
        (with("\"=user-*\"", "\"us*er-*\""), "binding 1: ", "account pattern"),
        (with("2027-01-01T00", "2027-02-30T00"), "binding 1: ", "moment"),
        (with("\"role\":\"reader\"", "\"role\":\"Reader\""), "binding 1 ", "not defined"),
    ] {
        let text = refusal(json);
        assert!(text.starts_with(place) && text.contains(fault), "{text}");
    }
}

#[test]
fn what_is_there_twice_is_refused() {
    let twice = r#"{"name":"reader","permissions":["key.rotate"]},{"name":"reader","permissions":"#;
    assert!(refusal(with(r#"{"name":"reader","permissions":"#, twice)).contains("defined twice"));
    let binding =
        r#"{"effect":"deny","principal":"*","role":"service","tenant":"*","service":"*","account":"*"}"#;
    assert!(
        refusal(with(binding, &format!("{binding},{binding}")))
            .contains("binding 3 says the same as binding 2")
    );
}

#[test]
fn another_version_is_told_from_a_broken_form() {
    let newer = r#"{"version":2,"something":{"else":[]}}"#;
    assert_eq!(
        refusal(newer),
        "the policy is in version 2 of its form and this program reads version 1: upgrade the program"
    );
    assert!(refusal(with("\"version\":1", "\"version\":0")).contains("write it anew"));
}

#[test]
fn other_types_are_refused_and_arrays_are_no_objects() {
    for json in [
        "null".to_owned(),
        "[]".to_owned(),
        "[1]".to_owned(),
        "[1,7,[],[]]".to_owned(),
        "1".to_owned(),
        "\"{}\"".to_owned(),
        "{}".to_owned(),
        String::new(),
        " ".to_owned(),
        with("\"version\":1", "\"version\":\"1\""),
        with("\"version\":1", "\"version\":1.0"),
        with("\"epoch\":7", "\"epoch\":-1"),
        with("\"epoch\":7", "\"epoch\":7.5"),
        with("\"epoch\":7", "\"epoch\":1e400"),
        with("\"epoch\":7", "\"epoch\":18446744073709551616"),
        with("\"epoch\":7", "\"epoch\":9007199254740992"),
        with("\"epoch\":7", &format!("\"epoch\":{}", "9".repeat(100_000))),
        with("\"epoch\":7", "\"epoch\":null"),
        with("\"allow\"", "\"Allow\""),
        with("\"allow\"", "true"),
        with("\"allow\"", "{\"allow\":null,\"deny\":null}"),
        with("\"acme\"", "null"),
        with("\"acme\"", "[\"acme\",\"other\"]"),
        with("\"acme\"", "\"\""),
        with("\"acme\"", "\"\\ud800\""),
        with("\"token.use\"", "1"),
        with("\"2027-01-01T00:00:00Z\"", "1798761600"),
        with(
            r#"{"effect":"deny","principal":"*","role":"service","tenant":"*","service":"*","account":"*"}"#,
            r#"["deny","*","service","*","*","*"]"#,
        ),
        with(r#"{"name":"reader","permissions":["token.use","grant.read"]}"#, r#"["reader",["token.use"]]"#),
        format!("{EXAMPLE}x"),
        format!("{EXAMPLE}{EXAMPLE}"),
        format!("\u{feff}{EXAMPLE}"),
        EXAMPLE[..EXAMPLE.len() - 1].to_owned(),
    ] {
        assert!(AccessPolicy::from_json(&json).is_err(), "{}", &json[..json.len().min(200)]);
    }
    assert!(AccessPolicy::from_json(b"{\"version\":1,\"\xff\":1}").is_err());
}

#[test]
fn deep_json_is_refused_and_overflows_nothing() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep = |depth: usize| format!("{}0{}", open.repeat(depth), close.repeat(depth));
        assert!(AccessPolicy::from_json(deep(200_000)).is_err());
        for place in ["\"epoch\":7", "\"version\":1"] {
            assert!(
                AccessPolicy::from_json(with(place, &format!("{place},\"x\":{}", deep(100_000)))).is_err()
            );
        }
        assert!(AccessPolicy::from_json(with("\"acme\"", &deep(100_000))).is_err());
    }
}

#[test]
fn messages_are_short_and_hide_nothing_however_hostile_the_text() {
    let long = "x\u{202e}\u{7f}".repeat(100_000);
    for json in [
        with("\"epoch\":7", &format!("\"epoch\":7,\"{long}\":1")),
        with("\"epoch\":7", "\"epoch\":7,\"\\u001b[31m\\n\":1"),
        with("\"epoch\":7", &format!("\"epoch\":\"{long}\"")),
        with("\"acme\"", &format!("\"{long}\"")),
        with("\"crm-*\"", &format!("\"{long}\"")),
        with("\"=user-*\"", "\"a\\nb\""),
        with("\"workload:billing\"", &format!("\"{long}\"")),
        with("\"token.use\"", &format!("\"{long}\"")),
        with("\"role\":\"reader\"", &format!("\"role\":\"{long}\"")),
        with("\"name\":\"reader\"", &format!("\"name\":\"{long}\"")),
        with("\"2027-01-01T00:00:00Z\"", &format!("\"{long}\"")),
        with("\"deny\"", &format!("\"{long}\"")),
    ] {
        let text = refusal(json);
        assert!(text.len() < 3_000, "{} bytes", text.len());
        assert!(!text.chars().any(crate::access::visible::is_hidden), "{text:?}");
    }
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..3_u8);
    prop::collection::vec(change, 1..6).prop_map(|changes| {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        for (place, byte, how) in changes {
            let at = place.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn hostile_bytes_are_refused_or_read_and_never_panic(
        json in prop_oneof![mutated(), prop::collection::vec(any::<u8>(), 0..200)],
    ) {
        match AccessPolicy::from_json(&json) {
            Ok(policy) => prop_assert_eq!(AccessPolicy::from_json(policy.to_json()), Ok(policy)),
            Err(error) => prop_assert!(!error.to_string().chars().any(crate::access::visible::is_hidden)),
        }
    }

    #[test]
    fn every_name_that_can_be_bound_comes_back_as_itself(
        name in "\\PC{1,60}",
        account in "[=*a/\"\\\\]{1,4}|\\PC{1,60}",
        nanos in any::<i64>(),
    ) {
        let account = grantry_core::AccountId::new(&account);
        if let (Ok(principal), Ok(account)) = (Principal::person(&name), account) {
            let reach = Reach::everything().account(&account);
            let binding = Binding::deny(principal, "admin", reach).until(Timestamp::from_unix_nanos(nanos));
            let everybody = PrincipalPattern::all_of(PrincipalKind::Person);
            let other = Binding::allow(everybody, "admin", Reach::everything());
            let policy = AccessPolicy::builder().bind(binding).bind(other).build().unwrap();
            prop_assert_eq!(AccessPolicy::from_json(policy.to_json()), Ok(policy));
        }
    }
}
