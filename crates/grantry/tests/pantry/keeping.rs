//! What a provider says beside the tokens, from the consent on and through renewals and restarts.

use grantry::authorization_code::{Callback, UserAgentBinding};
use grantry::pantry::{Flow, Grantry, Service, ServiceBuilder};
use grantry::vault::access::Principal;
use grantry::{ErrorKind, FurtherParameters, SystemEntropy, TokenSource, providers};
use grantry_testkit::AnswerStyle;

use crate::fixture::{LIFETIME, REDIRECT_URI, World, acme, admin, other, policy};

const ACCOUNT: (&str, &str) = ("salesforce", "user-17");
const FIRST: &str = "https://acme.my.salesforce.com";
const SECOND: &str = "https://acme2.my.salesforce.com";

impl World {
    /// The preset's facts, at the server of the test.
    fn salesforce(&self) -> ServiceBuilder {
        let here = self.server.authorization_server().unwrap();
        let preset = providers::find("salesforce").unwrap();
        let facts = preset
            .server_at(self.server.token_endpoint(), &[])
            .unwrap()
            .to_builder()
            .issuer(here.issuer().unwrap())
            .authorization_endpoint(here.authorization_endpoint().unwrap().as_str())
            .build()
            .unwrap();
        Service::builder("salesforce", facts)
            .flow(Flow::AuthorizationCode)
            .client_id("billing")
            .secret("s3cret")
            .scope("api refresh_token")
            .redirect_uri(REDIRECT_URI)
    }

    fn answer_instance(&self, instance_url: Option<&str>) {
        let style = AnswerStyle::default();
        let style = instance_url.into_iter().fold(style, |style, url| style.further("instance_url", url));
        self.server.with_authority(|authority, _| authority.settings_mut().answer_style = style);
    }
}

async fn kept(pantry: &Grantry) -> FurtherParameters {
    let source = acme(pantry).stored_source(ACCOUNT).await.unwrap();
    let kept = source.further_parameters().await.unwrap();
    let grants = acme(pantry).grants(None, 10).await.unwrap();
    assert_eq!(grants[0].stored.as_ref().unwrap().further, kept);
    kept
}

#[tokio::test(start_paused = true)]
async fn where_an_org_is_said_to_be_is_known_after_a_restart_and_as_of_the_last_answer_that_said_it() {
    let world = World::new();
    let pantry = world.open([world.salesforce()]).await;
    world.answer_instance(Some(FIRST));
    let user_agent = UserAgentBinding::new(&SystemEntropy);
    let (redirect, pending) = acme(&pantry).authorize(ACCOUNT).begin(&user_agent).await.unwrap();
    let back = world.server.visit(&redirect.into_location().unwrap()).await.unwrap();
    let granted = pending.finish(&user_agent, Callback::from_url(&back).unwrap()).await.unwrap();
    assert_eq!(granted.further.text("instance_url"), Some(FIRST));
    assert_eq!(granted.further, *granted.token_set.further());
    assert_eq!(kept(&pantry).await.text("instance_url"), Some(FIRST));
    pantry.shutdown().await.unwrap();

    // Another process, and a renewal whose answer says nothing of it.
    let pantry = world.open([world.salesforce()]).await;
    world.answer_instance(None);
    let source = acme(&pantry).stored_source(ACCOUNT).await.unwrap();
    let requests = world.requests();
    world.pass(LIFETIME).await;
    assert!(world.is_valid(&source.token().await.unwrap()));
    assert!(world.requests() > requests);
    assert_eq!(kept(&pantry).await.text("instance_url"), Some(FIRST));

    // The org moves.
    world.answer_instance(Some(SECOND));
    world.pass(LIFETIME).await;
    assert!(world.is_valid(&source.token().await.unwrap()));
    assert_eq!(kept(&pantry).await.text("instance_url"), Some(SECOND));
    let shown = format!("{:?}", acme(&pantry).grants(None, 10).await.unwrap());
    assert!(shown.contains("instance_url") && !shown.contains("acme2"), "{shown}");

    // Whose host it is, the preset's rule says; a hostile one is kept as data, and not by that rule.
    let rule = &providers::SALESFORCE.parameters[0];
    assert!(rule.check(kept(&pantry).await.text("instance_url").unwrap()).is_ok());
    world.answer_instance(Some("https://acme.my.salesforce.com.evil.example"));
    world.pass(LIFETIME).await;
    source.token().await.unwrap();
    assert!(rule.check(kept(&pantry).await.text("instance_url").unwrap()).is_err());
}

#[tokio::test(start_paused = true)]
async fn a_clients_own_token_has_what_was_said_beside_it_for_those_who_may_use_it() {
    let world = World::new();
    let facts = providers::SALESFORCE.server_at(world.server.token_endpoint(), &[]).unwrap();
    let service = Service::builder("crm", facts).client_id("billing").secret("s3cret").scope("api");
    let builder = world.builder().access(policy(&[other()])).services([service.build().unwrap()]);
    let pantry = builder.open().await.unwrap();
    pantry.as_principal(admin()).create_tenant("acme").await.unwrap();
    world.answer_instance(Some(FIRST));
    let others = pantry.as_principal(other()).tenant("acme").unwrap();
    let source = others.stored_source("crm").await.unwrap();
    assert!(source.further_parameters().await.unwrap().is_empty(), "nobody has asked the server yet");
    source.token().await.unwrap();
    assert_eq!(source.further_parameters().await.unwrap().text("instance_url"), Some(FIRST));
    let nobody = Principal::workload("nobody").unwrap();
    let nobody = pantry.as_principal(nobody).tenant("acme").unwrap();
    let error = nobody.vault().grant_in_use("crm", "default").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AccessDenied);
}
