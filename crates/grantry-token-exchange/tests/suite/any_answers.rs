//! Whatever a token exchange is answered with: what is not said to be a bearer token never becomes one.

use grantry_core::{Attempt, Grant};
use proptest::prelude::*;
use serde_json::Value;

use crate::support::*;

fn token_type() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => prop::sample::select(vec!["Bearer", "bearer", "N_A", "n_a", "DPoP", "", "mac"]).prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<String>().prop_map(Value::from),
    ]
}

fn issued_token_type() -> impl Strategy<Value = Value> {
    let registered = ["access_token", "refresh_token", "id_token", "saml1", "saml2", "jwt", ""];
    let uri = |name: &str| Value::from(format!("urn:ietf:params:oauth:token-type:{name}"));
    prop_oneof![
        5 => prop::sample::select(registered.to_vec()).prop_map(uri),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn req_c15_only_a_bearer_token_that_is_an_access_token_gets_out_of_the_grant(
        token_type in token_type(),
        issued in issued_token_type(),
        refresh in any::<bool>(),
    ) {
        let mut body = serde_json::json!({
            "access_token": "abc", "token_type": token_type, "issued_token_type": issued,
        });
        if refresh {
            body["refresh_token"] = "rt".into();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let case = Case::new();
            let subject = case.token("a").await;
            let exchange = case.exchange(subject.clone()).build().unwrap();
            case.answers(body.to_string());
            let obtained = exchange.obtain(Attempt::first()).await;
            case.answers(body.to_string());
            let other = case.exchange(subject).build_issue().unwrap().issue().await;

            let bearer = token_type.is_null() || token_type.as_str().is_some_and(|t| t.eq_ignore_ascii_case("bearer"));
            let name = issued.as_str().and_then(|i| i.strip_prefix("urn:ietf:params:oauth:token-type:"));
            let another = matches!(name, Some("id_token" | "saml1" | "saml2")) || (name == Some("refresh_token") && !refresh);
            if obtained.is_ok() {
                prop_assert!(bearer && !another);
            }
            if let Ok(other) = other {
                prop_assert_eq!(other.is_access_token(), bearer && !another);
                prop_assert_eq!(other.is_access_token(), obtained.is_ok());
            } else {
                prop_assert!(obtained.is_err());
            }
            Ok(())
        })?;
    }
}
