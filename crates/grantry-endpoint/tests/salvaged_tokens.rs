//! Refresh tokens that are salvaged from unusable answers: tried first, and never at the cost of the one that works.
#![allow(missing_docs, clippy::unwrap_used)]

mod support;

use std::sync::Arc;

use grantry_core::{Consumed, ErrorKind};
use grantry_endpoint::RefreshTokenGrant;
use support::refresh::{Shelf, grant, new, obtain, redeemed, refused, wreck};
use support::{Script, answer, endpoint, server};

#[tokio::test]
async fn req_d16_a_salvaged_token_is_kept_and_tried_first_and_the_old_one_after_it() {
    let wreck = || Ok(answer(200, r#"{"refresh_token":"r1","access_token":"#));
    let no = || Ok(answer(400, r#"{"error":"invalid_grant"}"#));
    let (works, script, shelf) = grant([wreck(), new("t1", "r2")]);
    let failed = obtain(&works).await.unwrap_err();
    assert_eq!(failed.salvaged.unwrap().expose(), "r1");
    assert!(obtain(&works).await.is_ok());
    assert_eq!(
        (redeemed(&script), shelf.kept()),
        (vec!["r0".into(), "r1".into()], vec!["r1".into(), "r2".into()])
    );

    let (refused, script, shelf) = grant([wreck(), no(), no()]);
    assert!(obtain(&refused).await.is_err());
    let doubt = obtain(&refused).await.unwrap_err();
    assert_eq!((doubt.error.kind(), doubt.consumed), (ErrorKind::InDoubt, Consumed::Unknown));
    let end = obtain(&refused).await.unwrap_err();
    assert_eq!((end.error.kind(), end.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
    assert_eq!(redeemed(&script), ["r0", "r1", "r0"]);
    assert_eq!(shelf.kept(), ["r1", "r0"]);
}

#[tokio::test]
async fn a_salvaged_token_that_is_no_token_at_all_gives_way_to_the_proven_one() {
    for code in ["invalid_grant", "invalid_request", "unauthorized_client"] {
        let (grant, script, shelf) = grant([wreck("[FILTERED]"), refused(code), new("t1", "r1")]);
        assert_eq!(obtain(&grant).await.unwrap_err().salvaged.unwrap().expose(), "[FILTERED]");
        let doubt = obtain(&grant).await.unwrap_err();
        assert_eq!((doubt.error.kind(), doubt.error.is_definite()), (ErrorKind::InDoubt, false), "{code}");
        assert!(obtain(&grant).await.is_ok());
        assert_eq!(redeemed(&script), ["r0", "[FILTERED]", "r0"]);
        assert_eq!(shelf.both(), ["[FILTERED]/r0", "r0", "r1"], "the keeper has the proven one throughout");
    }
    let (grant, _, _) = grant([refused("invalid_request")]);
    let definite = obtain(&grant).await.unwrap_err();
    assert_eq!(definite.error.kind(), ErrorKind::Refused, "nothing was salvaged, so it is the server's word");
}

#[tokio::test]
async fn the_proven_token_outlasts_any_number_of_wrecks() {
    let (grant, script, shelf) =
        grant([wreck("w1"), wreck("w2"), Ok(answer(502, "")), refused("invalid_grant"), new("t1", "r1")]);
    for _ in 0..4 {
        assert!(!obtain(&grant).await.unwrap_err().error.is_definite());
    }
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(redeemed(&script), ["r0", "w1", "w2", "w2", "r0"]);
    assert_eq!(shelf.both(), ["w1/r0", "w2/r0", "r0", "r1"]);
}

#[tokio::test]
async fn a_salvaged_token_that_works_takes_the_proven_ones_place() {
    let (grant, script, shelf) =
        grant([wreck("w1"), Ok(answer(200, r#"{"access_token":"t1"}"#)), refused("invalid_grant")]);
    assert!(obtain(&grant).await.is_err());
    assert_eq!(obtain(&grant).await.unwrap().refresh_token().unwrap().expose(), "w1");
    let dead = obtain(&grant).await.unwrap_err();
    assert_eq!((dead.error.kind(), dead.consumed), (ErrorKind::InvalidGrant, Consumed::Refused));
    assert_eq!(redeemed(&script), ["r0", "w1", "w1"]);
    assert_eq!(shelf.both(), ["w1/r0", "w1"]);
}

#[tokio::test]
async fn an_error_page_that_quotes_the_request_changes_nothing() {
    let echo = r#"{"message":"boom","request":{"refresh_token":"[FILTERED]"}}"#;
    let (grant, script, shelf) = grant([Ok(answer(500, echo)), Ok(answer(400, echo)), new("t1", "r1")]);
    for _ in 0..2 {
        assert!(obtain(&grant).await.unwrap_err().salvaged.is_none());
    }
    assert!(obtain(&grant).await.is_ok());
    assert_eq!((redeemed(&script), shelf.both()), (vec!["r0".into(); 3], vec!["r1".into()]));
}

#[tokio::test]
async fn a_refresh_token_beside_an_error_in_a_success_is_saved() {
    let both = r#"{"error":"temporarily_unavailable","refresh_token":"r1"}"#;
    let (grant, script, _) = grant([Ok(answer(200, both)), new("t1", "r2")]);
    let failed = obtain(&grant).await.unwrap_err();
    assert_eq!((failed.error.kind(), failed.consumed), (ErrorKind::InvalidAnswer, Consumed::Unknown));
    assert_eq!(failed.salvaged.unwrap().expose(), "r1");
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(redeemed(&script), ["r0", "r1"]);
}

#[tokio::test]
async fn after_a_restart_both_kept_tokens_are_held_again() {
    let script = Script::new([refused("invalid_grant"), new("t1", "r1")]);
    let shelf = Arc::new(Shelf::default());
    let build = |before: &str| {
        RefreshTokenGrant::builder(endpoint(server(), &script), "w1".into(), shelf.clone())
            .before(before.into())
            .build()
    };
    let grant = build("r0").unwrap();
    assert_eq!(obtain(&grant).await.unwrap_err().error.kind(), ErrorKind::InDoubt);
    assert!(obtain(&grant).await.is_ok());
    assert_eq!(
        (redeemed(&script), shelf.both()),
        (vec!["w1".into(), "r0".into()], vec!["r0".into(), "r1".into()])
    );
    assert_eq!(build("").unwrap_err().kind(), ErrorKind::Configuration);
}
