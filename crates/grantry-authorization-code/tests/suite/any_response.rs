//! Whatever comes to the redirect URI, a token request leaves only for the one right response.

use grantry_authorization_code::Callback;
use proptest::prelude::*;
use url::form_urlencoded::Serializer;

use crate::support::*;

const NAMES: [&str; 6] = ["code", "state", "iss", "error", "error_description", "x"];

/// A value of a parameter: as the server would send it, or some other.
#[derive(Debug, Clone)]
enum Value {
    Right,
    Empty,
    Other(String),
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        6 => Just(Value::Right),
        1 => Just(Value::Empty),
        1 => "canary[ -~]{0,20}".prop_map(Value::Other),
    ]
}

fn parameters() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let wanted = prop::sample::select(vec!["code", "state", "iss"]);
    let any = prop::sample::select(NAMES.to_vec());
    prop::collection::vec((prop_oneof![5 => wanted, 1 => any], value()), 0..6)
}

/// What the text of a value is, and whether there is one.
fn text(value: &Value, right: &str) -> String {
    match value {
        Value::Right => right.to_owned(),
        Value::Empty => String::new(),
        Value::Other(other) => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn req_a09_b08_b11_nothing_but_the_right_response_costs_a_token_request(parameters in parameters()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let case = Case::new();
            let (pending, back) = case.walk().await;
            let right = query(&back);
            let mut encoded = Serializer::new(String::new());
            let mut sent: Vec<(&str, String)> = Vec::new();
            for (name, value) in &parameters {
                let text = text(value, right.expose(name).unwrap_or("access_denied"));
                encoded.append_pair(name, &text);
                sent.push((name, text));
            }
            let twice = sent.iter().enumerate().any(|(n, (name, _))| sent[..n].iter().any(|(o, _)| o == name));
            let callback = Callback::from_query(&encoded.finish());
            prop_assert_eq!(callback.is_err(), twice);
            let Ok(callback) = callback else { return Ok(()) };

            let of = |name: &str| sent.iter().find(|(n, text)| *n == name && !text.is_empty()).map(|(_, t)| t.as_str());
            let ours = of("state") == right.expose("state") && of("iss") == right.expose("iss");
            let asks = ours && of("code").is_some() && of("error").is_none();
            let granted = asks && of("code") == right.expose("code");
            let finished = pending.finish(&case.flow, &case.user_agent, &callback).await;
            prop_assert_eq!(finished.is_ok(), granted);
            prop_assert_eq!(case.token_requests(), u64::from(asks));
            if let Err(unfinished) = finished {
                let shown = format!("{unfinished:?} {unfinished} {}", unfinished.error.diagnosis());
                // The error code alone is shown, where it is one.
                let shown = of("error").map_or(shown.clone(), |code| shown.replace(code, ""));
                prop_assert!(!shown.contains("canary"), "{}", shown);
                prop_assert!(ours || unfinished.said.is_none());
            }
            Ok(())
        })?;
    }
}
