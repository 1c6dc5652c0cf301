//! What a refused renewal is put down to, where only this process knows it.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use grantry::pantry::Grantry;
use grantry::vault::GrantRecord;
use grantry::{Clock, Error, ErrorKind, TokenSource};
use grantry_testkit::{Endpoint, Fault, RegisteredClient};

use crate::fixture::{LIFETIME, World, acme};

const REFUSED: &str = r#"{"error":"invalid_grant"}"#;

async fn consented(world: &World, pantry: &Grantry) -> Arc<dyn TokenSource> {
    let acme = acme(pantry);
    let wall = world.clock.wall();
    let record = GrantRecord::new(wall).with_refresh_token(world.consent(), wall);
    acme.vault().create_grant("calendar", "user-17", record).await.unwrap();
    acme.source(("calendar", "user-17")).await.unwrap()
}

/// The error of a renewal that the server refuses.
async fn refused(world: &World, source: &Arc<dyn TokenSource>, fault: Fault) -> Error {
    world.server.inject(Endpoint::Token, fault.until_cleared());
    world.pass(LIFETIME).await;
    let error = source.token().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidGrant, "{error}");
    assert!(error.diagnosis().remedy().starts_with("have the person consent again"), "{error:?}");
    error
}

fn first_cause(error: &Error) -> String {
    error.diagnosis().causes().next().unwrap_or_default().to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_changed_where_it_is_described_is_named_until_a_renewal_worked_with_it() {
    for (changes, renews, named) in [(true, false, true), (true, true, false), (false, false, false)] {
        let world = World::new();
        let pantry = world.open([world.calendar()]).await;
        let source = consented(&world, &pantry).await;
        source.token().await.unwrap();
        let client = RegisteredClient::with_secret("billing", "s3cret").or_secret("n3w");
        world.server.with_authority(|authority, _| authority.register(client));
        world.pass(Duration::from_secs(1)).await;
        if changes {
            pantry.replace_services([world.calendar().secret("n3w").build().unwrap()]).await.unwrap();
        }
        if renews {
            acme(&pantry).renew(("calendar", "user-17")).await.unwrap();
        }
        let error = refused(&world, &source, Fault::status(400).with_body(REFUSED)).await;
        let cause = first_cause(&error);
        let said = "the client got a new secret at ";
        assert_eq!(cause.starts_with(said), named, "{changes} {renews}: {cause}");
        assert!(!format!("{error:?} {cause}").contains("n3w"), "{cause}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_the_servers_is_named_where_a_renewal_is_refused() {
    for (off, said) in [(-3600, Some("ahead of")), (7200, Some("behind")), (20, None)] {
        let world = World::new();
        let pantry = world.open([world.calendar()]).await;
        let source = consented(&world, &pantry).await;
        source.token().await.unwrap();
        // The renewal is asked for some minutes before the token's end.
        let then = world.clock.wall().after(LIFETIME).as_unix_seconds() + off;
        let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(u64::try_from(then).unwrap()));
        let off_the_date = match said {
            Some(_) => {
                Fault::status(400).with_body(REFUSED).header(http::header::DATE, date.parse().unwrap())
            }
            None => Fault::status(400).with_body(REFUSED),
        };
        let error = refused(&world, &source, off_the_date).await;
        let cause = error.diagnosis().causes().last().unwrap_or_default().to_owned();
        assert_eq!(cause.contains("the server's, by the Date of its answers"), said.is_some(), "{cause}");
        assert!(cause.contains(said.unwrap_or_default()), "{cause}");
        let status = acme(&pantry).status().await.unwrap();
        let stored = status.grants.iter().find_map(|grant| grant.stored.as_ref()).unwrap();
        let kept = stored.last_error.as_ref().unwrap();
        assert_eq!(kept.diagnosis().causes().last(), Some(cause.as_str()), "the record knows it, too");
    }
}
