//! What is answered to a client that asks for a token bound to its key (RFC 9449).

use grantry_core::{Consumed, ErrorKind};
use grantry_testkit::{RawAnswer, RawServer};

use crate::ask;
use crate::rows::{self, ACCESS, Outcome, REFRESH, Way};

const WAYS: [Way; 2] = [Way::ClientCredentials, Way::RefreshToken];

fn failed(consumed: Consumed, salvaged: Option<&str>) -> Outcome {
    let salvaged = salvaged.map(str::to_owned);
    Outcome::Failed { kind: ErrorKind::InvalidAnswer, consumed, salvaged, wait: None }
}

async fn comes_to(name: &str, body: String, expected: &Outcome) {
    for way in WAYS {
        let server = RawServer::start(RawAnswer::json(body.clone())).await.unwrap();
        let came = ask::ask_for_a_bound_token(&server, way).await;
        assert_eq!((&came.outcome, came.complaints), (expected, Vec::new()), "{name} {way:?}");
        assert_eq!(server.exchanges().len(), 1, "{name} {way:?}");
    }
}

#[tokio::test]
async fn req_e13_a_token_of_another_type_is_not_used_and_its_refresh_token_is_saved() {
    for written in
        ["\"Bearer\"", "\"bearer\"", "null", "\"\"", "\"mac\"", "\"DPoP \"", "\"N_A\"", "1", "[\"DPoP\"]"]
    {
        let body = rows::with("token_type", written);
        comes_to(written, body, &failed(Consumed::Unknown, Some(REFRESH))).await;
    }
    let body = rows::without("token_type");
    comes_to("no type", body, &failed(Consumed::Unknown, Some(REFRESH))).await;
}

#[tokio::test]
async fn req_e13_the_type_is_read_without_regard_to_case() {
    let granted = Outcome::Granted {
        access: ACCESS.to_owned(),
        lifetime: Some(3600),
        scope: "a b".to_owned(),
        refresh: Some(REFRESH.to_owned()),
    };
    for written in ["\"DPoP\"", "\"dpop\"", "\"DPOP\""] {
        comes_to(written, rows::with("token_type", written), &granted).await;
    }
}

#[tokio::test]
async fn req_e12_a_server_that_wants_one_nonce_after_another_is_asked_twice_and_no_more() {
    let wants = |nonce: &str| {
        let head = format!("400 X\r\nContent-Type: application/json\r\nDPoP-Nonce: {nonce}");
        RawAnswer::with_length(&head, r#"{"error":"use_dpop_nonce"}"#)
    };
    let endless: Vec<_> = (0..9).map(|nth| wants(&format!("nonce-{nth}"))).collect();
    let long = vec![wants(&"n".repeat(60_000)); 9];
    let none = vec![wants(""); 9];
    for (answers, requests) in [(endless, 2), (long, 1), (none, 1)] {
        for way in WAYS {
            let server = RawServer::start_sequence(answers.clone()).await.unwrap();
            let came = ask::ask_for_a_bound_token(&server, way).await;
            assert_eq!((came.outcome, came.complaints), (failed(Consumed::No, None), Vec::new()), "{way:?}");
            assert_eq!(server.exchanges().len(), requests, "{way:?}");
        }
    }
}
