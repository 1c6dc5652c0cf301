use grantry::AuthorizationServer;

use super::*;

const NOW: Timestamp = Timestamp::from_unix_seconds(1_790_000_000);

fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap()
}

/// A grant that is well: granted yesterday, used and renewed since, with what was asked for.
fn well() -> Kept {
    Kept {
        place: "calendar (ana)".to_owned(),
        state: HealthState::Active,
        consented: NOW.before(days(1)),
        calls: 3,
        used: Some(NOW),
        last_renewal: Some(NOW),
        last_error: None,
        renewals: vec![true],
        refresh_token: Some(NOW),
        tokens: vec![token("read", "read")],
    }
}

fn token(asked: &str, granted: &str) -> KeptToken {
    let lives = Some(Duration::from_secs(3600));
    KeptToken { target: Target::new(scope(asked)), granted: scope(granted), lives }
}

fn service(rotation: Rotation) -> Examined {
    let server = AuthorizationServer::builder("https://as.example.com/token").rotation(rotation).build();
    Examined {
        tenant: "default".to_owned(),
        name: "calendar".to_owned(),
        is_interactive: true,
        scope: scope("read"),
        server: Some(server.unwrap()),
        ..Examined::default()
    }
}

fn found_with(service: &Examined, kept: &Kept) -> Vec<Finding> {
    let mut findings = Findings::default();
    let how_to = |command: &str| format!("grantry {command} --service calendar --account ana");
    of_grant(&how_to, Some(service), kept, NOW, &mut findings);
    let all = findings.all().to_vec();
    assert!(all.iter().all(|found| found.place == "calendar (ana)" && !found.remedy.is_empty()), "{all:?}");
    all
}

fn found(kept: &Kept) -> Vec<(Severity, Check, String)> {
    let all = found_with(&service(Rotation::UNKNOWN), kept);
    all.into_iter().map(|found| (found.severity, found.check, found.what)).collect()
}

#[track_caller]
fn one(kept: &Kept, severity: Severity, check: Check, what: &str) {
    let found = found(kept);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].0, found[0].1), (severity, check), "{found:?}");
    assert!(found[0].2.contains(what), "{found:?}");
}

#[test]
fn a_grant_that_is_well_is_no_finding_and_neither_is_one_that_goes() {
    assert!(found(&well()).is_empty());
    for state in [HealthState::Moved, HealthState::Revoking] {
        let going =
            Kept { state, consented: NOW.before(days(400)), used: None, last_renewal: None, ..well() };
        assert!(found(&going).is_empty());
    }
    assert!(found(&Kept { state: HealthState::Renewing, ..well() }).is_empty());
}

#[test]
fn what_needs_a_person_cannot_be_read_or_is_in_doubt_is_found_with_the_command_to_give() {
    for (state, severity, what, remedy) in [
        (
            HealthState::PersonNeeded,
            Severity::Broken,
            "has to authorize again",
            "grantry auth login --service calendar",
        ),
        (HealthState::Unreadable, Severity::Broken, "cannot be read", "an older copy"),
        (
            HealthState::InDoubt,
            Severity::Warning,
            "how its last renewal ended",
            "grantry auth refresh --service calendar",
        ),
    ] {
        let kept = Kept { state, ..well() };
        one(&kept, severity, Check::Grants, what);
        assert!(found_with(&service(Rotation::UNKNOWN), &kept)[0].remedy.contains(remedy));
    }
}

#[test]
fn what_nobody_uses_is_found_after_sixty_days_and_what_nobody_ever_used_after_thirty() {
    let used = |ago: u64| Kept {
        consented: NOW.before(days(400)),
        used: Some(NOW.before(days(ago))),
        last_renewal: None,
        ..well()
    };
    assert!(found(&used(59)).is_empty());
    one(&used(61), Severity::Warning, Check::Idle, "nobody has used it for 61 days");
    // A renewal is for somebody.
    assert!(found(&Kept { last_renewal: Some(NOW.before(days(2))), ..used(61) }).is_empty());
    let never = |ago: u64| Kept {
        consented: NOW.before(days(ago)),
        calls: 0,
        used: None,
        last_renewal: None,
        renewals: Vec::new(),
        ..well()
    };
    assert!(found(&never(29)).is_empty());
    one(
        &never(31),
        Severity::Note,
        Check::Unused,
        "no use of it was counted since it was granted 31 days ago: read",
    );
    one(&never(61), Severity::Warning, Check::Idle, "nobody has used it since it was granted 61 days ago");
    // A clock that was set back makes nothing idle.
    assert!(found(&Kept { consented: NOW.after(days(400)), ..never(0) }).is_empty());
}

#[test]
fn what_went_wrong_with_a_grant_that_is_there_all_the_same_is_told_with_the_way_to_the_cause() {
    let with = |kind| Kept { last_error: Some((kind, NOW.before(Duration::from_secs(240)))), ..well() };
    let refused = with(ErrorKind::InvalidClient);
    one(
        &refused,
        Severity::Warning,
        Check::Grants,
        "the last attempt at a token failed 4 min ago: invalid_client",
    );
    let remedy = &found_with(&service(Rotation::UNKNOWN), &refused)[0].remedy;
    assert_eq!(remedy, "why, and what to do: grantry auth diagnose --service calendar --account ana");
    one(&with(ErrorKind::Unavailable), Severity::Note, Check::Grants, "failed 4 min ago");
    // Other states say it themselves.
    for state in [HealthState::PersonNeeded, HealthState::InDoubt, HealthState::Revoking, HealthState::Moved]
    {
        let all = found(&Kept { state, ..with(ErrorKind::InDoubt) });
        assert!(all.iter().all(|(_, _, what)| !what.contains("last attempt")), "{all:?}");
    }
}

#[test]
fn a_service_whose_secret_lies_unused_is_found_after_thirty_days() {
    let stored = |ago: Option<u64>| {
        let stored = ago.map(|ago| NOW.before(days(ago)));
        let mut findings = Findings::default();
        never_used(&Examined { stored, ..service(Rotation::UNKNOWN) }, NOW, &mut findings);
        findings.all().to_vec()
    };
    assert!(stored(None).is_empty() && stored(Some(29)).is_empty());
    let found = stored(Some(31));
    assert_eq!((found.len(), found[0].severity, found[0].check), (1, Severity::Note, Check::Unused));
    assert!(
        found[0].what.contains("31 days ago") && found[0].what.ends_with("never used: read"),
        "{found:?}"
    );
    assert_eq!(found[0].remedy, "if nobody needs it: grantry auth remove --service calendar");
}

#[test]
fn scopes_are_compared_as_asked_as_granted_and_as_asked_for_now() {
    let with = |asked: &str, granted: &str| Kept { tokens: vec![token(asked, granted)], ..well() };
    one(&with("read write", "read"), Severity::Warning, Check::Scope, "never granted: write");
    one(&with("read", "read admin"), Severity::Warning, Check::Scope, "without being asked for: admin");
    one(&with("read write", "read write"), Severity::Warning, Check::Scope, "asked for no more: write");
    // The server chose, or the application did.
    assert!(found(&with("", "read")).is_empty());
    let mut open = service(Rotation::UNKNOWN);
    open.scope = Scope::default();
    assert!(found_with(&open, &with("read write", "read write")).is_empty());
    // These are answered in other words.
    open.scope = scope("https://graph.microsoft.com/.default offline_access");
    let default =
        with("https://graph.microsoft.com/.default offline_access", "https://graph.microsoft.com/User.Read");
    assert!(found_with(&open, &default).is_empty());
    let offline = with("read offline_access", "read");
    open.scope = scope("read offline_access");
    assert!(found_with(&open, &offline).is_empty());
    let without = Kept { refresh_token: None, ..offline };
    assert!(found_with(&open, &without)[0].what.ends_with("never granted: offline_access"));
    // What nobody consented to is asked for anew with every token.
    let machine = Examined { is_interactive: false, ..service(Rotation::UNKNOWN) };
    assert!(found_with(&machine, &with("read write", "read write")).is_empty());
}

#[test]
fn tokens_that_live_for_more_than_a_day_or_for_nobody_knows_how_long_are_found() {
    let lives = |lives: Option<Duration>| Kept {
        tokens: vec![KeptToken { lives, ..token("read", "read") }],
        ..well()
    };
    assert!(found(&lives(Some(days(1)))).is_empty());
    one(&lives(Some(days(60))), Severity::Warning, Check::Lifetime, "live for 60 days");
    one(&lives(Some(days(1) + Duration::from_secs(1))), Severity::Warning, Check::Lifetime, "live for 24 h");
    one(&lives(None), Severity::Note, Check::Lifetime, "does not say how long");
}

#[test]
fn a_refresh_token_that_never_changes_is_found_where_it_might() {
    let stays = |changed: u64, renewals: Vec<bool>| Kept {
        refresh_token: Some(NOW.before(days(changed))),
        renewals,
        ..well()
    };
    one(
        &stays(9, vec![false; 3]),
        Severity::Note,
        Check::Rotation,
        "renewed for 9 days, and its refresh token never",
    );
    // Too few, too soon, or it did change.
    assert!(found(&stays(9, vec![false; 2])).is_empty());
    assert!(found(&stays(1, vec![false; 30])).is_empty());
    assert!(found(&stays(9, vec![true, false, false, false])).is_empty());
    assert!(found(&Kept { refresh_token: None, ..stays(9, vec![false; 3]) }).is_empty());
    let with = |server: AuthorizationServer, kept: &Kept| {
        let service = Examined { server: Some(server), ..service(Rotation::UNKNOWN) };
        found_with(&service, kept)
    };
    let okta = grantry::providers::okta("acme").unwrap();
    let found = with(okta, &stays(9, vec![false; 3]));
    assert_eq!(found[0].remedy, "switch rotation on: at this provider it is a setting of the client");
    // It was said not to change.
    assert!(found_with(&service(Rotation::None), &stays(9, vec![false; 3])).is_empty());
}

#[test]
fn a_refresh_token_that_changes_where_it_is_said_not_to_is_found() {
    let rotated = Kept { renewals: vec![false, true], ..well() };
    let found = found_with(&service(Rotation::None), &rotated);
    assert_eq!((found.len(), found[0].severity, found[0].check), (1, Severity::Warning, Check::Rotation));
    assert!(found[0].remedy.ends_with("--service calendar --rotation strict"), "{found:?}");
    assert!(found_with(&service(Rotation::KeepOld), &rotated).is_empty());
    assert!(found_with(&service(Rotation::None), &Kept { renewals: vec![false], ..well() }).is_empty());
}
