//! Who logged in: nothing is handed out before the ID token is right.

use std::error::Error as _;
use std::time::Duration;

use grantry_authorization_code::*;
use grantry_core::{AccessToken, Error, ErrorKind, Party, Retry, Stage, Timestamp};
use grantry_endpoint::{IdTokenFlaw, UserInfoEndpoint};
use grantry_jose::{Algorithm, VerifyError};
use grantry_testkit::{Endpoint, Fault, IdTokenSignature, IdTokenStyle, ManualClock};
use serde_json::json;

use crate::support::*;

const ALGORITHMS: [Algorithm; 4] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa];

fn style() -> IdTokenStyle {
    IdTokenStyle::default()
}

fn flaw(error: &Error) -> Option<IdTokenFlaw> {
    error.source()?.downcast_ref().copied()
}

fn signature(error: &Error) -> Option<VerifyError> {
    error.source()?.downcast_ref().copied()
}

fn count(case: &Case, endpoint: Endpoint) -> u64 {
    case.server.ledger().count(endpoint)
}

/// Runs a login that has to fail after its code was redeemed, and sees that nothing of it is usable.
async fn refused_login(case: &Case) -> Error {
    let revocations = count(case, Endpoint::Revocation);
    let unfinished = case.run().await.unwrap_err();
    assert!(unfinished.again.is_none() && unfinished.salvaged.is_none(), "{unfinished:?}");
    let diagnosis = unfinished.error.diagnosis();
    assert_eq!(diagnosis.retry(), Retry::Never);
    assert!(diagnosis.remedy().contains("begin again"), "{diagnosis}");
    assert!(diagnosis.remedy().contains("given to nobody, and revoked"), "{diagnosis}");
    assert_eq!(count(case, Endpoint::Revocation), revocations + 1);
    assert_eq!(unfinished.error.kind(), ErrorKind::InvalidAnswer);
    assert_eq!(unfinished.error.stage(), Stage::IdToken);
    unfinished.error
}

#[tokio::test]
async fn req_e22_a_right_id_token_says_who_logged_in() {
    for algorithm in ALGORITHMS {
        let case = Case::with(|builder| builder.scope("openid read").id_token_algorithms([algorithm]));
        case.set(|settings| {
            settings.id_token = style()
                .algorithm(algorithm)
                .claim("email", "ada@example.com")
                .claim("email_verified", true)
                .claim("name", "Ada Lovelace")
                .claim("groups", json!(["a", "b"]));
        });
        let granted = case.run().await.unwrap();
        let claims = granted.claims.as_ref().unwrap();
        assert_eq!(claims.issuer(), case.server.issuer());
        assert_eq!(claims.subject(), "resource-owner");
        assert_eq!(claims.audience().collect::<Vec<_>>(), [CLIENT]);
        assert_eq!(claims.expires().since(claims.issued()), Duration::from_secs(3600));
        assert_eq!(claims.authenticated(), Some(claims.issued()));
        assert_eq!((claims.email(), claims.is_email_verified()), (Some("ada@example.com"), true));
        assert_eq!((claims.name(), claims.preferred_username()), (Some("Ada Lovelace"), None));
        assert_eq!(claims.claim::<Vec<String>>("groups").unwrap(), ["a", "b"]);
        assert_eq!(claims.claim::<u64>("groups"), None);
        assert_eq!(claims.claim::<String>("nonce"), None, "it was compared, and is of no further use");
        assert!(claims.to_json().contains("Lovelace") && !claims.to_json().contains("nonce"));
        assert!(granted.id_token.is_some() && granted.refresh_token().is_some());
        assert_eq!(count(&case, Endpoint::Keys), 1);
        case.run().await.unwrap();
        assert_eq!(count(&case, Endpoint::Keys), 1, "the keys at hand do");
    }
}

#[tokio::test]
async fn req_e22_e23_each_claim_that_is_wrong_withholds_the_tokens() {
    let case = Case::with(|builder| builder.scope("openid").trusted_audience("the-api"));
    let now = |seconds: i64| case.clock.wall().as_unix_seconds() + seconds;
    use grantry_core::Clock;
    let both = json!([CLIENT, "the-api"]);
    for (style, expected) in [
        (style().claim("iss", "https://as.test/"), IdTokenFlaw::OtherIssuer),
        (style().claim("iss", "https://AS.test"), IdTokenFlaw::OtherIssuer),
        (style().claim("iss", "https://evil.example"), IdTokenFlaw::OtherIssuer),
        (style().claim("iss", json!(["https://as.test"])), IdTokenFlaw::Malformed),
        (style().without("iss"), IdTokenFlaw::Malformed),
        (style().claim("sub", ""), IdTokenFlaw::Subject),
        (style().claim("sub", "x".repeat(256)), IdTokenFlaw::Subject),
        (style().claim("sub", "a\nb"), IdTokenFlaw::Subject),
        (style().claim("sub", 7), IdTokenFlaw::Malformed),
        (style().without("sub"), IdTokenFlaw::Malformed),
        (style().claim("aud", "somebody"), IdTokenFlaw::OtherAudience),
        (style().claim("aud", "Calendar"), IdTokenFlaw::OtherAudience),
        (style().claim("aud", json!([])), IdTokenFlaw::OtherAudience),
        (style().claim("aud", json!(["the-api"])), IdTokenFlaw::OtherAudience),
        (style().claim("aud", json!([CLIENT, "somebody"])), IdTokenFlaw::UntrustedAudience),
        (style().claim("aud", both.clone()), IdTokenFlaw::PartyMissing),
        (style().claim("aud", both.clone()).claim("azp", "the-api"), IdTokenFlaw::OtherParty),
        (style().claim("azp", "somebody"), IdTokenFlaw::OtherParty),
        (style().claim("azp", 7), IdTokenFlaw::Malformed),
        (style().claim("aud", json!({})), IdTokenFlaw::Malformed),
        (style().without("aud"), IdTokenFlaw::Malformed),
        (style().claim("exp", now(-60)), IdTokenFlaw::Expired),
        (style().claim("exp", 0), IdTokenFlaw::Expired),
        (style().claim("exp", "4000000000"), IdTokenFlaw::Malformed),
        (style().claim("exp", -1), IdTokenFlaw::Malformed),
        (style().claim("exp", 1e300), IdTokenFlaw::Malformed),
        (style().without("exp"), IdTokenFlaw::Malformed),
        (style().claim("iat", now(61)), IdTokenFlaw::FromTheFuture),
        (style().without("iat"), IdTokenFlaw::Malformed),
        (style().claim("nbf", now(61)), IdTokenFlaw::FromTheFuture),
        (style().claim("nonce", "another"), IdTokenFlaw::OtherNonce),
        (style().claim("nonce", ""), IdTokenFlaw::OtherNonce),
        (style().without("nonce"), IdTokenFlaw::NonceMissing),
        (style().claim("nonce", json!(null)), IdTokenFlaw::NonceMissing),
        (style().claim("nonce", json!(["a"])), IdTokenFlaw::Malformed),
        (style().claim("at_hash", "77QmUPtjPfzWtF2AnpK9RQ"), IdTokenFlaw::OtherAccessToken),
        (style().claim("at_hash", ""), IdTokenFlaw::OtherAccessToken),
        (style().claim("at_hash", true), IdTokenFlaw::Malformed),
        (style().typ(Some("at+jwt")), IdTokenFlaw::OtherType),
        (style().typ(Some("logout+jwt")), IdTokenFlaw::OtherType),
        (style().not_issued(), IdTokenFlaw::Missing),
    ] {
        case.set(|settings| settings.id_token = style.clone());
        let error = refused_login(&case).await;
        assert_eq!(flaw(&error), Some(expected), "{style:?}: {error:?}");
    }
    // What looks odd and is right.
    for style in [
        style().claim("aud", json!([CLIENT])),
        style().claim("aud", json!([CLIENT, CLIENT])),
        style().claim("aud", both).claim("azp", CLIENT),
        style().claim("azp", CLIENT),
        style().claim("exp", now(-59)),
        style().claim("exp", now(100) as f64 + 0.5),
        style().claim("iat", now(60)),
        style().claim("sub", "x".repeat(255)),
        style().without("at_hash"),
        style().without("auth_time"),
        style().typ(None),
        style().typ(Some("jwt")),
    ] {
        case.set(|settings| settings.id_token = style.clone());
        let granted = case.run().await.unwrap_or_else(|e| panic!("{style:?}: {e:?}"));
        assert!(granted.claims.is_some());
    }
}

#[tokio::test]
async fn req_c08_e22_no_signature_but_the_servers_own_is_accepted() {
    for algorithm in ALGORITHMS {
        let case = Case::with(|builder| builder.scope("openid").id_token_algorithms([algorithm]));
        for (wrong, expected) in [
            (IdTokenSignature::None, VerifyError::AlgorithmNotAllowed),
            (IdTokenSignature::HmacOfPublicKey, VerifyError::AlgorithmNotAllowed),
            (IdTokenSignature::AnotherKey, VerifyError::BadSignature),
            (IdTokenSignature::Broken, VerifyError::BadSignature),
            (IdTokenSignature::UnknownKey, VerifyError::UnknownKey),
        ] {
            case.set(|settings| settings.id_token = style().algorithm(algorithm).signature(wrong));
            let error = refused_login(&case).await;
            assert_eq!(signature(&error), Some(expected), "{algorithm:?} {wrong:?}");
        }
        case.set(|settings| {
            settings.id_token = style().algorithm(algorithm).signature(IdTokenSignature::WithoutKeyId);
        });
        assert!(case.run().await.is_ok(), "one key alone is for {algorithm:?}");
    }
}

#[tokio::test]
async fn req_c08_e22_the_algorithm_is_the_one_that_is_registered() {
    let case = Case::new();
    for algorithm in [Algorithm::Ps256, Algorithm::Es256, Algorithm::EdDsa] {
        case.set(|settings| settings.id_token = style().algorithm(algorithm));
        let error = refused_login(&case).await;
        assert_eq!(signature(&error), Some(VerifyError::AlgorithmNotAllowed));
        assert_eq!(error.diagnosis().party(), Party::Application);
        assert!(error.diagnosis().remedy().contains("id_token_algorithms"));
    }
    let error = refused(
        builder(&case.server, &case.clock)
            .scope("openid")
            .id_token_algorithms([Algorithm::Rs256, Algorithm::Hs256]),
    );
    assert!(error.to_string().contains("public keys"), "{error}");
}

#[tokio::test]
async fn req_e23_what_is_withheld_lives_no_longer_or_the_error_says_that_it_may() {
    let case = Case::new();
    case.set(|settings| settings.id_token = style().claim("nonce", "another"));
    refused_login(&case).await;
    let asked = case.server.ledger().last(Endpoint::Revocation).unwrap().request;
    let refresh_token = grantry_core::RefreshToken::new(asked.form().expose("token").unwrap());
    assert_eq!(asked.form().expose("token_type_hint"), Some("refresh_token"));
    assert!(!case.server.with_authority(|authority, at| authority.is_live(&refresh_token, at)));

    // A server that gives no refresh token: then it is the access token.
    let (pending, back) = case.walk().await;
    let body = r#"{"access_token":"the-only-one","token_type":"Bearer"}"#;
    case.server.inject(Endpoint::Token, Fault::body(body));
    case.finish(pending, &back).await.unwrap_err();
    let asked = case.server.ledger().last(Endpoint::Revocation).unwrap().request;
    assert_eq!(asked.form().expose("token"), Some("the-only-one"));

    case.server.inject(Endpoint::Revocation, Fault::status(503));
    let unfinished = case.run().await.unwrap_err();
    let diagnosis = unfinished.error.diagnosis();
    assert!(diagnosis.remedy().contains("could not be revoked"), "{diagnosis}");

    let (clock, server) = (ManualClock::new(), test_server(&ManualClock::new(), ""));
    server.with_authority(|authority, _| authority.settings_mut().id_token = style().not_issued());
    let facts = server.authorization_server().unwrap();
    let bare = grantry_core::AuthorizationServer::builder(facts.token_endpoint().as_str())
        .issuer(facts.issuer().unwrap())
        .jwks_uri(facts.jwks_uri().unwrap().as_str())
        .authorization_endpoint(facts.authorization_endpoint().unwrap().as_str())
        .build()
        .unwrap();
    let flow = AuthorizationCode::builder(endpoint(bare, server.transport(), &clock), REDIRECT_URI);
    let flow = flow.scope("openid").build().unwrap();
    let case = Case { server, clock, user_agent: flow.user_agent(), flow };
    let diagnosis = case.run().await.unwrap_err().error.diagnosis();
    assert!(diagnosis.remedy().contains("no way to revoke them"), "{diagnosis}");
}

#[tokio::test]
async fn req_e23_nothing_is_spent_where_the_servers_keys_cannot_be_had() {
    for (fault, kind) in [
        (Fault::refuse_connection(), ErrorKind::Unreachable),
        (Fault::drop_before_handling(), ErrorKind::Interrupted),
        (Fault::status(503), ErrorKind::Unavailable),
        (Fault::status(404), ErrorKind::InvalidAnswer),
        (Fault::body("<html>"), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"keys":[]}"#), ErrorKind::InvalidAnswer),
        (Fault::body("[".repeat(200_000)), ErrorKind::InvalidAnswer),
    ] {
        let case = Case::new();
        let (pending, back) = case.walk().await;
        case.server.inject(Endpoint::Keys, fault.clone());
        let unfinished = case.finish(pending, &back).await.unwrap_err();
        assert_eq!((unfinished.error.kind(), unfinished.error.stage()), (kind, Stage::Keys), "{fault:?}");
        assert_eq!(case.token_requests(), 0, "{fault:?}");
        // At once again nobody is asked; a moment later it works.
        let unfinished = case.finish(*unfinished.again.unwrap(), &back).await.unwrap_err();
        assert_eq!(count(&case, Endpoint::Keys), 1);
        case.clock.advance(Duration::from_secs(2));
        assert!(case.finish(*unfinished.again.unwrap(), &back).await.unwrap().claims.is_some());
    }
}

#[tokio::test]
async fn req_e25_a_server_that_exchanges_its_keys_is_asked_for_them_and_logins_go_on() {
    let case = Case::new();
    for generation in 1..=3 {
        case.run().await.unwrap();
        assert_eq!(count(&case, Endpoint::Keys), generation);
        case.server.rotate_signing_keys();
        case.clock.advance(Duration::from_secs(60));
    }
}

#[tokio::test]
async fn req_e25_a_flood_of_unknown_key_ids_makes_one_request_a_minute() {
    let case = Case::new();
    case.run().await.unwrap();
    assert_eq!(count(&case, Endpoint::Keys), 1);
    for minute in 2..=4 {
        case.clock.advance(Duration::from_secs(60));
        case.set(|settings| settings.id_token = style().signature(IdTokenSignature::UnknownKey));
        for _ in 0..20 {
            let error = refused_login(&case).await;
            assert_eq!(signature(&error), Some(VerifyError::UnknownKey));
        }
        assert_eq!(count(&case, Endpoint::Keys), minute);
        // Everybody else logs in meanwhile.
        case.set(|settings| settings.id_token = style());
        case.run().await.unwrap();
        assert_eq!(count(&case, Endpoint::Keys), minute);
    }
}

#[tokio::test]
async fn req_e25_the_keys_at_hand_go_on_serving_while_the_server_gives_out_none() {
    let case = Case::new();
    case.run().await.unwrap();
    case.server.inject(Endpoint::Keys, Fault::status(503).until_cleared());
    for hours in [1, 2, 23] {
        case.clock.advance(Duration::from_secs(if hours == 23 { 20 * 3600 } else { 3600 }));
        assert!(case.run().await.is_ok(), "{hours}");
    }
    // Not for ever: by now the server may have taken them back.
    case.clock.advance(Duration::from_secs(2 * 3600));
    let unfinished = case.run().await.unwrap_err();
    assert_eq!((unfinished.error.kind(), unfinished.error.stage()), (ErrorKind::Unavailable, Stage::Keys));
    assert!(unfinished.again.is_some(), "nothing was spent");
    case.server.clear_faults(Endpoint::Keys);
    case.clock.advance(Duration::from_secs(60));
    assert!(case.run().await.is_ok());
}

#[tokio::test]
async fn req_c09_e22_times_are_judged_by_the_servers_clock() {
    for (ours, ahead) in [(3_000, false), (3_000, true), (40_000, false), (40_000, true)] {
        let case = Case::new();
        let wall = case.clock.wall();
        use grantry_core::Clock;
        // The server has the time that the case began with; this machine's own is off.
        let off = ManualClock::new();
        off.set_wall(if ahead {
            wall.after(Duration::from_secs(ours))
        } else {
            wall.before(Duration::from_secs(ours))
        });
        let facts = case.server.authorization_server().unwrap();
        let flow = AuthorizationCode::builder(endpoint(facts, case.server.transport(), &off), REDIRECT_URI);
        let flow = flow.scope("openid").max_age(Duration::from_secs(60)).build().unwrap();
        let user_agent = flow.user_agent();
        let (redirect, pending) = flow.begin(&user_agent).await.unwrap();
        let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
        let callback = Callback::from_url(&back).unwrap();
        assert!(pending.finish(&flow, &user_agent, &callback).await.unwrap().claims.is_some());
    }
}

#[tokio::test]
async fn req_e22_a_highest_age_is_asked_for_kept_and_held_against_the_login() {
    use grantry_core::Clock;
    let aged = |builder: AuthorizationCodeBuilder| builder.scope("openid").max_age(Duration::from_secs(300));
    let as_parameter =
        |builder: AuthorizationCodeBuilder| builder.scope("openid").parameter("max_age", "300");
    for change in [aged as fn(AuthorizationCodeBuilder) -> AuthorizationCodeBuilder, as_parameter] {
        let case = Case::with(change);
        let at = |ago: u64| case.clock.wall().before(Duration::from_secs(ago)).as_unix_seconds();
        for (style, expected) in [
            (style().claim("auth_time", at(360)), None),
            (style().claim("auth_time", at(361)), Some(IdTokenFlaw::AuthenticatedTooLongAgo)),
            (style().without("auth_time"), Some(IdTokenFlaw::AuthenticationTimeMissing)),
        ] {
            case.set(|settings| settings.id_token = style.clone());
            let (pending, back) = case.walk().await;
            let sent = case.server.ledger().last(Endpoint::Authorization).unwrap().request;
            let asked = query(&format!("https://as.test/?{}", sent.expose_query().unwrap()));
            assert_eq!(asked.expose("max_age"), Some("300"));
            // Another replica finishes it.
            let bytes = pending.to_bytes().unwrap();
            let pending = PendingAuthorization::from_bytes(&bytes, &case.clock).unwrap();
            assert_eq!(&*pending.to_bytes().unwrap(), &*bytes);
            match (case.finish(pending, &back).await, expected) {
                (Ok(granted), None) => assert!(granted.claims.is_some()),
                (Err(unfinished), Some(expected)) => assert_eq!(flaw(&unfinished.error), Some(expected)),
                (finished, _) => panic!("{style:?}: {finished:?}"),
            }
        }
    }
    let case = Case::new();
    let soon = builder(&case.server, &case.clock).scope("openid").parameter("max_age", "soon");
    assert!(refused(soon).to_string().contains("max_age"));
}

#[tokio::test]
async fn an_id_token_may_be_missing_where_the_application_says_so_but_never_wrong() {
    let case = Case::with(|builder| builder.scope("openid").id_token_may_be_missing());
    case.set(|settings| settings.id_token = style().not_issued());
    let granted = case.run().await.unwrap();
    assert!(granted.claims.is_none() && granted.id_token.is_none());
    case.set(|settings| settings.id_token = style().claim("aud", "somebody"));
    assert_eq!(flaw(&refused_login(&case).await), Some(IdTokenFlaw::OtherAudience));
}

#[tokio::test]
async fn an_id_token_that_nobody_wanted_is_not_handed_out() {
    for case in [
        Case::with(|builder| builder.scope("read")),
        Case::with(|builder| builder.scope("openid").without_id_token()),
        Case::with(|builder| builder.scope("openid").nonce().without_id_token()),
    ] {
        let (pending, back) = case.walk().await;
        let sent = case.server.ledger().last(Endpoint::Authorization).unwrap().request;
        assert!(!sent.expose_query().unwrap().contains("nonce"));
        let body = r#"{"access_token":"abc","token_type":"Bearer","id_token":"x.y.z"}"#;
        case.server.inject(Endpoint::Token, Fault::body(body));
        let granted = case.finish(pending, &back).await.unwrap();
        assert!(granted.id_token.is_none() && granted.claims.is_none());
        assert_eq!(count(&case, Endpoint::Keys), 0);
    }
}

#[tokio::test]
async fn a_server_of_which_nobody_knows_the_keys_or_the_name_cannot_log_people_in() {
    let case = Case::new();
    let facts = case.server.authorization_server().unwrap();
    let start = || {
        grantry_core::AuthorizationServer::builder(facts.token_endpoint().as_str())
            .authorization_endpoint(facts.authorization_endpoint().unwrap().as_str())
    };
    for server in [start(), start().issuer("https://as.test"), start().jwks_uri("https://as.test/jwks")] {
        let server = server.build().unwrap();
        let flow = || {
            let endpoint = endpoint(server.clone(), case.server.transport(), &case.clock);
            AuthorizationCode::builder(endpoint, REDIRECT_URI)
        };
        let error = refused(flow().scope("openid"));
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("JWKS URI"), "{error}");
        assert!(
            flow().scope("read").build().is_ok() && flow().scope("openid").without_id_token().build().is_ok()
        );
    }
    let long = builder(&case.server, &case.clock).scope("openid").id_token_leeway(Duration::from_secs(601));
    assert!(refused(long).to_string().contains("leeway"));
}

#[tokio::test]
async fn what_one_flow_began_another_finishes_only_if_it_checks_the_id_token() {
    let case = Case::with(|builder| builder.scope("read"));
    let store = std::sync::Arc::new(PendingInMemory::new(std::sync::Arc::new(case.clock.clone())));
    let with_openid = builder(&case.server, &case.clock).scope("openid").build().unwrap();
    let blind = builder(&case.server, &case.clock).scope("read").without_id_token().build().unwrap();

    let codes = AuthorizationCodes::new(store.clone(), [("crm", blind.clone())]).unwrap();
    let refused = codes.begin_as("crm", &with_openid, &case.user_agent).await.unwrap_err();
    assert!(refused.to_string().contains("would not check"), "{refused}");

    let codes = AuthorizationCodes::new(store, [("crm", case.flow.clone())]).unwrap();
    let redirect = codes.begin_as("crm", &with_openid, &case.user_agent).await.unwrap();
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let callback = Callback::from_url(&back).unwrap();
    let (_, granted) = codes.finish(&case.user_agent, &callback).await.unwrap();
    assert_eq!(granted.claims.unwrap().subject(), "resource-owner");

    // Bytes that reach a replica whose flow does not check: nothing is spent.
    let (redirect, pending) = with_openid.begin(&case.user_agent).await.unwrap();
    let back = case.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let tokens = case.token_requests();
    let callback = Callback::from_url(&back).unwrap();
    let unfinished = pending.finish(&blind, &case.user_agent, &callback).await.unwrap_err();
    assert_eq!(unfinished.error.kind(), ErrorKind::Configuration);
    assert!(unfinished.again.is_some() && case.token_requests() == tokens);
}

#[tokio::test]
async fn req_e30_neither_claims_nor_errors_show_the_token_or_the_person() {
    let case = Case::new();
    case.set(|settings| {
        settings.id_token = style().claim("email", "ada@example.com").claim("sub", "person-17")
    });
    let granted = case.run().await.unwrap();
    let token = granted.id_token.as_ref().unwrap().expose();
    let shown = format!("{granted:?} {:#?} {:?}", granted, case.flow);
    for secret in ["ada@", "person-17", token, token.rsplit('.').next().unwrap()] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
    for wrong in [
        style().claim("sub", "person-17\n"),
        style().claim("iss", "https://canary.example"),
        style().claim("nonce", "canary-nonce"),
        style().claim("aud", "canary-audience"),
        style().signature(IdTokenSignature::Broken),
        style().typ(Some("canary-type")),
    ] {
        case.set(|settings| settings.id_token = wrong.clone());
        let (pending, back) = case.walk().await;
        let unfinished = case.finish(pending, &back).await.unwrap_err();
        let error = &unfinished.error;
        let shown = format!("{unfinished:?} {error} {:?} {}", error.source(), error.diagnosis());
        assert!(!shown.contains("canary") && !shown.contains("person-17"), "{shown}");
    }
    let moment = Timestamp::from_unix_seconds(0);
    assert!(granted.claims.unwrap().issued() > moment);
}

#[tokio::test]
async fn req_e22_a_token_of_one_login_is_refused_in_another() {
    let case = Case::new();
    let first = case.run().await.unwrap();
    // The whole answer of the first login, replayed into the second: its nonce gives it away.
    let body = json!({
        "access_token": first.token_set.token().expose(),
        "token_type": "Bearer",
        "id_token": first.id_token.unwrap().expose(),
    });
    let (pending, back) = case.walk().await;
    case.server.inject(Endpoint::Token, Fault::body(body.to_string()));
    let unfinished = case.finish(pending, &back).await.unwrap_err();
    assert_eq!(flaw(&unfinished.error), Some(IdTokenFlaw::OtherNonce));
    // And its tokens are taken back.
    let access = AccessToken::new(first.token_set.token().expose());
    assert!(case.server.with_authority(|authority, at| authority.check(&access, at)).is_none());
}

#[tokio::test]
async fn req_e24_what_userinfo_says_is_of_the_person_who_logged_in() {
    let case = Case::new();
    let granted = case.run().await.unwrap();
    let (token, claims) = (granted.token_set.token(), granted.claims.as_ref().unwrap());
    let asked = UserInfoEndpoint::of(case.flow.endpoint()).unwrap();
    let person = asked.ask(token, claims).await.unwrap();
    assert_eq!((person.subject(), person.email()), ("resource-owner", Some("ada@example.com")));
    assert_eq!((person.name(), person.is_email_verified()), (Some("Ada Lovelace"), false));
    assert_eq!(person.claim::<String>("email").as_deref(), Some("ada@example.com"));
    assert!(person.to_json().contains("Lovelace") && !format!("{person:?}").contains("ada@"));

    for subject in ["", "resource-owner ", "Resource-Owner", "somebody-else"] {
        case.set(|settings| settings.user_info_subject = Some(subject.to_owned()));
        let error = asked.ask(token, claims).await.unwrap_err();
        assert_eq!((error.kind(), error.stage()), (ErrorKind::InvalidAnswer, Stage::UserInfo));
        assert!(error.to_string().contains("somebody else") && !error.to_string().contains(CLIENT));
    }
    for (fault, kind) in [
        (Fault::body("{}"), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"sub":7}"#), ErrorKind::InvalidAnswer),
        (Fault::body(r#"{"sub":"resource-owner","sub":"somebody"}"#), ErrorKind::InvalidAnswer),
        (Fault::body(r#"["sub"]"#), ErrorKind::InvalidAnswer),
        (Fault::body("eyJhbGciOiJSUzI1NiJ9.e30.AAAA"), ErrorKind::InvalidAnswer),
        (Fault::status(403), ErrorKind::InsufficientScope),
        (Fault::status(503), ErrorKind::Unavailable),
        (Fault::drop_after_handling(), ErrorKind::Interrupted),
    ] {
        case.server.inject(Endpoint::UserInfo, fault.clone());
        assert_eq!(asked.ask(token, claims).await.unwrap_err().kind(), kind, "{fault:?}");
    }
    case.server.revoke_access_tokens();
    assert_eq!(asked.ask(token, claims).await.unwrap_err().kind(), ErrorKind::TokenRejected);

    // The access token goes to the server that issued it, and to no other.
    let elsewhere = test_server(&case.clock, "elsewhere");
    let facts = elsewhere.authorization_server().unwrap();
    let other = UserInfoEndpoint::of(&endpoint(facts, elsewhere.transport(), &case.clock)).unwrap();
    assert_eq!(other.ask(token, claims).await.unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(elsewhere.ledger().total(), 0);
}
