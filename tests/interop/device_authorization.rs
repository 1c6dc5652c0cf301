//! The device authorization grant, with a person who types the code in, logs in and consents on the server's own pages.

use std::sync::Arc;
use std::time::Duration;

use grantry::{Client, ClientAuthentication, Discovery, ErrorKind, HttpTransport};
use grantry_device_authorization::{DeviceAuthorization, DeviceEnding};
use grantry_tests::{Fallible, OidcProvider};
use http::header::LOCATION;
use reqwest::Url;

use crate::authorization_code::{Browser, Person, between};
use crate::support::start;

/// More pages than a code, a login and a consent ever take, so that a walk in circles fails.
const PAGES: usize = 20;

async fn flow(
    server: &OidcProvider,
    client: &str,
    authentication: ClientAuthentication,
) -> Fallible<DeviceAuthorization> {
    let found = Discovery::new(server.issuer(), Arc::new(HttpTransport::new()?))?.discover().await?;
    let endpoint = found.endpoint(Client::new(client, authentication)?).build()?;
    Ok(DeviceAuthorization::builder(endpoint)
        .scope("openid offline_access read")
        .parameter("prompt", "consent")
        .build()?)
}

/// Opens the address that the program shows, and does what the pages ask for, until one asks nothing.
async fn walk(from: &str, user_code: &str, person: Person) -> Fallible<String> {
    let mut browser = Browser::new(person)?;
    let mut url = Url::parse(from)?;
    let mut form = None;
    for _ in 0..PAGES {
        let answer = browser.load(&url, form.take()).await?;
        if let Some(location) = answer.headers().get(LOCATION) {
            url = url.join(location.to_str()?)?;
            continue;
        }
        let page = String::from_utf8(answer.expose_body().to_vec())?;
        let Some(action) = between(&page, "action=\"", "\"") else {
            return Ok(page);
        };
        url = url.join(action)?;
        form = Some(match between(&page, "name=\"xsrf\" value=\"", "\"") {
            // The code is typed in, or there already; then the person says that it is the right one.
            Some(xsrf) => {
                let answer = match (page.contains("name=\"confirm\""), person) {
                    (false, _) => "",
                    (true, Person::Consents) => "&confirm=yes",
                    (true, Person::Cancels) => "&abort=yes",
                };
                format!("xsrf={xsrf}&user_code={user_code}{answer}")
            }
            None => {
                let prompt = between(&page, "name=\"prompt\" value=\"", "\"")
                    .ok_or_else(|| format!("{} asks something else:\n{page}", answer.status()))?;
                format!("prompt={prompt}&login=ada&password=x")
            }
        });
        if person == Person::Cancels && form.as_ref().is_some_and(|form| form.contains("abort")) {
            let answer = browser.load(&url, form.take()).await?;
            return Ok(String::from_utf8(answer.expose_body().to_vec())?);
        }
    }
    Err("the walk does not end".into())
}

#[tokio::test]
async fn req_c16_a_person_types_the_code_in_consents_and_the_program_gets_its_tokens() {
    let server = start().unwrap();
    let secret = ClientAuthentication::secret_basic("printer-secret");
    for (client, authentication) in [("tv", ClientAuthentication::none()), ("printer", secret)] {
        let flow = flow(&server, client, authentication).await.unwrap();
        let pending = flow.begin().await.unwrap();
        assert_eq!(
            (pending.interval(), pending.expires_in()),
            (Duration::from_secs(5), Duration::from_secs(600))
        );
        let complete = pending.verification_uri_complete().unwrap().as_str();
        assert!(complete.starts_with(pending.verification_uri().as_str()), "{complete}");
        let from = if client == "tv" { pending.verification_uri().as_str() } else { complete };
        let page = walk(from, pending.user_code(), Person::Consents).await.unwrap();
        assert!(page.contains("Success"), "{page}");

        let granted = pending.finish().await.unwrap();
        assert_eq!(granted.scope().as_str(), "offline_access openid read");
        assert!(granted.missing_scope().is_empty());
        assert!(granted.refresh_token().is_some() && granted.id_token.is_some());
    }
    assert_eq!(server.requests("POST /token").unwrap(), 2, "one poll each: the person was quicker");
}

#[tokio::test]
async fn req_c18_polls_go_on_while_nobody_has_approved_and_end_when_the_person_cancels() {
    let server = start().unwrap();
    let flow = flow(&server, "tv", ClientAuthentication::none()).await.unwrap();
    let pending = flow.begin().await.unwrap();
    let (from, user_code) = (pending.verification_uri().to_string(), pending.user_code().to_owned());
    let (polled, mut wait) = tokio::sync::watch::channel(0);
    let program = pending.finish_telling(|waiting| {
        polled.send_replace(waiting.polls);
    });
    let person = async {
        wait.wait_for(|polls| *polls >= 1).await.unwrap();
        walk(&from, &user_code, Person::Cancels).await.unwrap()
    };
    let (finished, page) = tokio::join!(program, person);
    assert!(page.contains("interrupted"), "{page}");
    let unfinished = finished.unwrap_err();
    assert_eq!((unfinished.ending, unfinished.error.kind()), (DeviceEnding::Denied, ErrorKind::Refused));
    assert_eq!(unfinished.error.oauth_code(), Some("access_denied"));
    // Two, where the pages of the person's walk come within one interval.
    assert!(server.requests("POST /token").unwrap() >= 2);
}

#[tokio::test]
async fn a_client_that_may_not_is_told_so_at_once() {
    let server = start().unwrap();
    let flow = flow(&server, "basic", ClientAuthentication::secret_basic("basic-secret")).await.unwrap();
    let error = flow.begin().await.unwrap_err();
    assert!(error.is_definite() && error.oauth_code().is_some(), "{error:?}");
}
