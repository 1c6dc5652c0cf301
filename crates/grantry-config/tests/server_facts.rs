//! What a configuration knows of a server that no metadata says.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use grantry_config::{Config, FixedSurroundings, ServerConfig, ServiceConfig, Source};
use grantry_core::{AuthorizationServer, RefreshRate, RevocationSpares};

fn load(text: &str) -> Config {
    let loaded = Config::load([Source::text("grantry.json", text)], &FixedSurroundings::new());
    match loaded {
        Ok(loaded) => loaded.config,
        Err(errors) => panic!("{}", errors.report()),
    }
}

fn server(service: &ServiceConfig) -> &AuthorizationServer {
    let ServerConfig::Known(server) = service.server() else { panic!("{service:?}") };
    server
}

#[test]
fn facts_of_a_configuration_are_those_of_the_server_that_it_describes() {
    let config = load(
        r#"{"auth": {"tokenUrl": "https://as.example.com/token",
            "revocation": {"sparesRefreshTokens": true, "sparesLaterConsents": true},
            "refreshRate": {"most": 10, "within": 600}}}"#,
    );
    let server = server(config.service("default").unwrap());
    let both = RevocationSpares::UNKNOWN.with_refresh_tokens(true).with_later_consents(true);
    assert_eq!(server.revocation_spares(), both);
    assert_eq!(server.refresh_rate(), RefreshRate::at_most(10, Duration::from_secs(600)));
}

#[test]
fn what_a_configuration_leaves_out_is_as_the_preset_knows_it() {
    let config = load(
        r#"{"services": {
            "okta": {"provider": "okta", "domain": "acme"},
            "own": {"provider": "okta", "domain": "acme", "revocation": {"sparesRefreshTokens": false}},
            "zoho": {"provider": "zoho"},
            "slower": {"provider": "zoho", "refreshRate": {"most": 5, "within": 600}},
            "unbounded": {"provider": "zoho", "refreshRate": {"bounded": false}},
            "both": {"provider": "zoho", "refreshRate": {"bounded": false, "most": 5, "within": 600}},
            "bounded": {"provider": "zoho", "refreshRate": {"bounded": true, "most": 5, "within": 600}}}}"#,
    );
    let of = |name: &str| server(config.service(name).unwrap()).clone();
    let ten = Duration::from_secs(600);
    assert!(of("okta").revocation_spares().refresh_tokens);
    assert!(!of("own").revocation_spares().refresh_tokens);
    assert_eq!(of("okta").refresh_rate(), None);
    assert_eq!(of("zoho").refresh_rate(), RefreshRate::at_most(10, ten));
    assert_eq!(of("slower").refresh_rate(), RefreshRate::at_most(5, ten));
    assert_eq!((of("unbounded").refresh_rate(), of("both").refresh_rate()), (None, None));
    assert_eq!(of("bounded").refresh_rate(), RefreshRate::at_most(5, ten));
}

#[test]
fn facts_are_kept_where_the_server_itself_is_not_known_yet_and_a_change_of_them_is_one_of_the_server() {
    let with = |rate: u32| {
        load(&format!(
            r#"{{"auth": {{"issuer": "https://as.example.com", "refreshRate": {{"most": {rate}, "within": 60}}}}}}"#
        ))
    };
    let (five, six) = (with(5), with(6));
    let facts = five.service("default").unwrap().facts();
    assert_eq!(facts.refresh_rate, Some(RefreshRate::at_most(5, Duration::from_secs(60))));
    let found = AuthorizationServer::builder("https://as.example.com/token").build().unwrap();
    assert_eq!(Some(facts.over(&found).unwrap().refresh_rate()), facts.refresh_rate);
    assert!(five.changes(&with(5)).is_empty());
    assert_eq!(five.changes(&six).changed[0].keys, ["server"]);
}
