//! The refresh-token grant under every rotation policy.

use std::sync::Arc;
use std::time::Duration;

use grantry_core::{AccessToken, RefreshToken, Rotation, Scope};
use grantry_testkit::*;

use crate::client::{builder, json, post_in_memory};

const WINDOW: Duration = Duration::from_secs(30);

/// A server under a policy, one of its refresh tokens, and the clock of both.
struct Case {
    server: TestServer,
    clock: ManualClock,
    first: RefreshToken,
}

fn case(rotation: Rotation) -> Case {
    let clock = ManualClock::new();
    let server = builder()
        .client(RegisteredClient::public("other"))
        .rotation(rotation)
        .clock(Arc::new(clock.clone()))
        .build();
    let grant = SeededGrant::new("billing", Scope::parse("a b").unwrap()).subject("user-17");
    let first = server.seed_grant(grant);
    Case { server, clock, first }
}

/// What a use of a refresh token brought: the refresh token in the answer, if any.
#[derive(Debug, PartialEq)]
enum Came {
    Kept,
    Rotated(String),
    Refused(String),
}

impl Case {
    async fn refresh(&self, token: &str) -> (Came, Option<AccessToken>) {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        let answer = json(&post_in_memory(&self.server, &form).await.unwrap());
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        let came = match (text("error"), text("refresh_token")) {
            (Some(error), _) => Came::Refused(error),
            (None, None) => Came::Kept,
            (None, Some(token)) => Came::Rotated(token),
        };
        (came, text("access_token").map(AccessToken::new))
    }

    async fn rotated(&self, token: &str) -> String {
        match self.refresh(token).await.0 {
            Came::Rotated(next) => next,
            other => panic!("{other:?}"),
        }
    }

    async fn is_refused(&self, token: &str) -> bool {
        let live = self.is_live(token);
        let refused = self.refresh(token).await.0 == Came::Refused("invalid_grant".to_owned());
        assert_eq!(live, !refused, "what is said without spending is what happens");
        refused
    }

    fn is_live(&self, token: &str) -> bool {
        self.server.with_authority(|a, at| a.is_live(&RefreshToken::new(token), at))
    }

    fn accepts(&self, token: &AccessToken) -> bool {
        self.server.with_authority(|a, at| a.check(token, at)).is_some()
    }
}

#[tokio::test]
async fn without_rotation_the_token_stays_and_none_is_sent() {
    let case = case(Rotation::None);
    for _ in 0..3 {
        assert_eq!(case.refresh(case.first.expose()).await.0, Came::Kept);
    }
}

#[tokio::test]
async fn keeping_the_old_one_every_generation_stays_good() {
    let case = case(Rotation::KeepOld);
    let second = case.rotated(case.first.expose()).await;
    let third = case.rotated(&second).await;
    case.clock.advance(Duration::from_secs(1_000_000));
    for token in [case.first.expose(), &second, &third] {
        assert!(!case.is_refused(token).await);
    }
}

#[tokio::test]
async fn in_the_grace_window_a_repeat_brings_the_same_successor_or_another() {
    for same in [true, false] {
        let case = case(Rotation::Grace { window: WINDOW, same });
        let first = case.first.expose();
        let successor = case.rotated(first).await;
        case.clock.advance(WINDOW);
        let again = case.rotated(first).await;
        assert_eq!(successor == again, same);
        if !same {
            assert!(case.is_live(&successor), "every answer of the window is good");
        }
        case.rotated(&again).await;
        assert!(case.is_refused(first).await, "it is two generations behind now");
    }
}

#[tokio::test]
async fn after_the_grace_window_a_repeat_revokes_the_family() {
    let case = case(Rotation::Grace { window: WINDOW, same: true });
    let successor = case.rotated(case.first.expose()).await;
    case.clock.advance(WINDOW + Duration::from_nanos(1));
    assert!(case.is_refused(case.first.expose()).await);
    assert!(case.is_refused(&successor).await);
}

#[tokio::test]
async fn the_grace_window_is_for_the_generation_before_the_newest_only() {
    let case = case(Rotation::Grace { window: WINDOW, same: true });
    let second = case.rotated(case.first.expose()).await;
    let third = case.rotated(&second).await;
    assert!(case.is_refused(case.first.expose()).await);
    assert!(case.is_refused(&third).await, "the family went with it");
}

#[tokio::test]
async fn strictly_a_repeat_is_refused_and_may_revoke_the_family() {
    for revokes_family in [false, true] {
        let case = case(Rotation::Strict { revokes_family });
        let (_, access) = case.refresh(case.first.expose()).await;
        let (second, third);
        {
            let spare = case.server.seed_grant(SeededGrant::new("billing", Scope::EMPTY));
            second = case.rotated(spare.expose()).await;
            third = case.rotated(&second).await;
            assert!(case.is_refused(&second).await);
        }
        assert_eq!(case.is_refused(&third).await, revokes_family);
        assert!(case.accepts(access.as_ref().unwrap()), "another family has nothing to do with it");
        assert!(case.is_refused(case.first.expose()).await);
        assert_eq!(case.accepts(&access.unwrap()), !revokes_family);
    }
}

#[tokio::test]
async fn a_renewal_may_kill_the_access_token_before_it() {
    for dies in [false, true] {
        let case = case(Rotation::KeepOld);
        case.server.with_authority(|a, _| a.settings_mut().old_access_token_dies = dies);
        let old = case.refresh(case.first.expose()).await.1.unwrap();
        let new = case.refresh(case.first.expose()).await.1.unwrap();
        assert_eq!(case.accepts(&old), !dies);
        assert!(case.accepts(&new));
    }
}

#[tokio::test]
async fn scope_may_shrink_but_never_grow_and_a_refusal_spends_nothing() {
    let case = case(Rotation::Strict { revokes_family: true });
    let first = case.first.expose().to_owned();
    let refresh = async |more: &str| {
        let form = format!("grant_type=refresh_token&refresh_token={first}{more}");
        json(&post_in_memory(&case.server, &form).await.unwrap())
    };
    assert_eq!(refresh("&scope=a+c").await["error"], "invalid_scope");
    assert_eq!(refresh("&scope=a").await["scope"], "a");
    let unknown = "grant_type=refresh_token&refresh_token=made-up";
    assert_eq!(json(&post_in_memory(&case.server, unknown).await.unwrap())["error"], "invalid_grant");
    let missing = "grant_type=refresh_token";
    assert_eq!(json(&post_in_memory(&case.server, missing).await.unwrap())["error"], "invalid_request");
}

#[tokio::test]
async fn another_clients_refresh_token_is_refused_and_not_spent() {
    let case = case(Rotation::Strict { revokes_family: true });
    let foreign = case.server.seed_grant(SeededGrant::new("other", Scope::EMPTY));
    let came = case.refresh(foreign.expose()).await.0;
    assert_eq!(came, Came::Refused("invalid_grant".to_owned()));
    assert!(case.is_live(foreign.expose()));
}

#[tokio::test]
async fn a_person_can_revoke_the_grant() {
    let case = case(Rotation::KeepOld);
    let (_, access) = case.refresh(case.first.expose()).await;
    let access = access.unwrap();
    let facts = case.server.with_authority(|a, at| a.check(&access, at)).unwrap();
    assert_eq!((facts.subject.as_str(), facts.scope.as_str()), ("user-17", "a b"));
    case.server.with_authority(|a, _| a.revoke_grant_of(&case.first));
    assert!(case.is_refused(case.first.expose()).await && !case.accepts(&access));
}
