//! The provider against moto, which plays AWS KMS: it checks the encryption context and the ciphertext, but neither the state
//! of a key nor, unless it is told to, who asks.

#![allow(clippy::unwrap_used, reason = "a test fails there")]

mod secrecy;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_kms::config::{BehaviorVersion, Region};
use grantry_core::{SystemEntropy, TenantId};
use grantry_keys_aws_kms::{AwsKms, http_client};
use grantry_tests::moto::{Moto, Settings};
use grantry_vault::{Deployment, KeyContext, KeyError, KeyProvider, TenantKey, WrappedKey};

const REGION: &str = "eu-central-1";
const ACCESS_KEY: &str = "AKIACANARYACCESSKEY0";
const SECRET_KEY: &str = "canary/secret+access/key";
const SESSION: &str = "canary-session-token";

fn credentials() -> Credentials {
    Credentials::new(ACCESS_KEY, SECRET_KEY, Some(SESSION.to_owned()), None, "a test")
}

fn start() -> Moto {
    Moto::start(Settings::default()).unwrap()
}

fn client(moto: &Moto) -> aws_sdk_kms::Client {
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new(REGION))
        .credentials_provider(credentials())
        .http_client(http_client())
        .endpoint_url(moto.url());
    aws_sdk_kms::Client::from_conf(config.build())
}

/// Makes a key with an alias, and returns its ARN.
async fn make_key(moto: &Moto, alias: &str) -> String {
    let client = client(moto);
    let arn = client.create_key().send().await.unwrap().key_metadata.unwrap().arn.unwrap();
    client.create_alias().alias_name(alias).target_key_id(&arn).send().await.unwrap();
    arn
}

fn keys(moto: &Moto, key: &str) -> AwsKms {
    AwsKms::builder(REGION, credentials(), key).endpoint_url(moto.url()).build().unwrap()
}

fn context(deployment: &str, tenant: Option<&str>, epoch: u32) -> KeyContext {
    let tenant = tenant.map(|tenant| TenantId::new(tenant).unwrap());
    KeyContext::new(&Deployment::new(deployment).unwrap(), tenant.as_ref(), epoch)
}

fn acme() -> KeyContext {
    context("prod", Some("acme"), 1)
}

fn tenant_key() -> TenantKey {
    TenantKey::generate(&SystemEntropy)
}

#[tokio::test]
async fn what_was_wrapped_is_unwrapped_and_names_the_arn_however_the_key_was_named() {
    let moto = start();
    let arn = make_key(&moto, "alias/grantry").await;
    let id = arn.rsplit('/').next().unwrap().to_owned();
    let of_alias = arn.replace(&format!("key/{id}"), "alias/grantry");
    let key = tenant_key();
    for named in [&arn, &id, "alias/grantry", &of_alias] {
        let wrapped = keys(&moto, named).wrap_key(&key, &acme()).await.unwrap();
        assert_eq!(wrapped.key_id().as_str(), arn, "{named}");
        // Another process, which has not used the alias yet.
        let other = keys(&moto, named);
        assert_eq!(other.unwrap_key(&wrapped, &acme()).await.unwrap().expose(), key.expose());
        assert_eq!(other.active().await.unwrap().as_str(), arn);
        // A client of one's own.
        let own = AwsKms::new(client(&moto), named);
        assert_eq!(own.unwrap_key(&wrapped, &acme()).await.unwrap().expose(), key.expose());
    }
}

#[tokio::test]
async fn a_wrapped_key_opens_under_its_context_only() {
    let moto = start();
    let arn = make_key(&moto, "alias/grantry").await;
    let keys = keys(&moto, &arn);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    for other in [
        context("test", Some("acme"), 1),
        context("prod", Some("other"), 1),
        context("prod", Some("acme"), 2),
        context("prod", None, 1),
    ] {
        let refused = keys.unwrap_key(&wrapped, &other).await;
        assert!(matches!(refused, Err(KeyError::Damaged(_))), "{other:?}: {refused:?}");
    }
    keys.unwrap_key(&wrapped, &acme()).await.unwrap();
}

#[tokio::test]
async fn a_changed_wrapped_key_is_damaged() {
    let moto = start();
    let arn = make_key(&moto, "alias/grantry").await;
    let keys = keys(&moto, &arn);
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    // moto writes the key's id first, and says of another one that it may not be used.
    for at in [36, 48, 60, wrapped.as_bytes().len() - 1] {
        let mut bytes = wrapped.as_bytes().to_vec();
        bytes[at] ^= 1;
        let refused = keys.unwrap_key(&WrappedKey::new(wrapped.key_id().clone(), bytes), &acme()).await;
        assert!(matches!(refused, Err(KeyError::Damaged(_))), "byte {at}: {refused:?}");
    }
    let short = WrappedKey::new(wrapped.key_id().clone(), vec![1]);
    assert!(matches!(keys.unwrap_key(&short, &acme()).await, Err(KeyError::Damaged(_))));
}

#[tokio::test]
async fn a_key_that_is_not_there_is_unknown() {
    let moto = start();
    let arn = make_key(&moto, "alias/grantry").await;
    let wrapped = keys(&moto, &arn).wrap_key(&tenant_key(), &acme()).await.unwrap();
    let (start, _) = arn.rsplit_once('/').unwrap();
    let missing = format!("{start}/00000000-0000-0000-0000-000000000000");
    for named in [missing.as_str(), "00000000-0000-0000-0000-000000000000", "alias/missing"] {
        let keys = keys(&moto, named);
        let refused = keys.wrap_key(&tenant_key(), &acme()).await;
        assert!(matches!(refused, Err(KeyError::UnknownKey(_))), "{named}: {refused:?}");
        let refused = keys.unwrap_key(&wrapped, &acme()).await;
        assert!(matches!(refused, Err(KeyError::UnknownKey(_))), "{named}: {refused:?}");
    }
}

#[tokio::test]
async fn a_former_key_goes_on_unwrapping_where_it_is_named() {
    let moto = start();
    let old = make_key(&moto, "alias/old").await;
    let new = make_key(&moto, "alias/new").await;
    let wrapped = keys(&moto, &old).wrap_key(&tenant_key(), &acme()).await.unwrap();
    let refused = keys(&moto, &new).unwrap_key(&wrapped, &acme()).await;
    assert!(matches!(refused, Err(KeyError::UnknownKey(_))), "{refused:?}");
    let keys = keys(&moto, &new).with_previous([&old]).unwrap();
    keys.unwrap_key(&wrapped, &acme()).await.unwrap();
    assert_eq!(keys.wrap_key(&tenant_key(), &acme()).await.unwrap().key_id().as_str(), new);
}

#[tokio::test]
async fn an_alias_that_leads_elsewhere_says_what_to_do() {
    let moto = start();
    let old = make_key(&moto, "alias/grantry").await;
    let new = make_key(&moto, "alias/other").await;
    let keys = keys(&moto, "alias/grantry");
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();
    client(&moto).update_alias().alias_name("alias/grantry").target_key_id(&new).send().await.unwrap();
    assert_eq!(keys.active().await.unwrap().as_str(), new);
    let refused = keys.unwrap_key(&wrapped, &acme()).await.unwrap_err();
    assert!(matches!(&refused, KeyError::UnknownKey(said) if said.contains("with_previous")), "{refused}");
    keys.with_previous([old]).unwrap().unwrap_key(&wrapped, &acme()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_gone_or_hangs_is_unavailable_and_found_again() {
    let mut moto = start();
    let arn = make_key(&moto, "alias/grantry").await;
    let builder = AwsKms::builder(REGION, credentials(), arn).endpoint_url(moto.url());
    let keys = builder.time_limit(Duration::from_secs(2)).build().unwrap();
    let wrapped = keys.wrap_key(&tenant_key(), &acme()).await.unwrap();

    moto.pause().unwrap();
    let refused = keys.unwrap_key(&wrapped, &acme()).await;
    assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{refused:?}");
    moto.resume().unwrap();
    // It may still be answering those that nobody waits for.
    let mut found = keys.unwrap_key(&wrapped, &acme()).await;
    while found.as_ref().is_err_and(KeyError::is_passing) {
        found = keys.unwrap_key(&wrapped, &acme()).await;
    }
    found.unwrap();

    moto.stop().unwrap();
    let refused = keys.unwrap_key(&wrapped, &acme()).await;
    assert!(matches!(refused, Err(KeyError::Unavailable(_))), "{refused:?}");
    moto.start_again().unwrap();
    // It has forgotten the key, and says so.
    let refused = keys.unwrap_key(&wrapped, &acme()).await;
    assert!(matches!(refused, Err(KeyError::Refused(_) | KeyError::UnknownKey(_))), "{refused:?}");
}

#[tokio::test]
async fn credentials_that_aws_does_not_know_are_refused() {
    let moto = Moto::start(Settings { free_calls: Some(0) }).unwrap();
    let arn = "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let refused = keys(&moto, arn).wrap_key(&tenant_key(), &acme()).await;
    assert!(matches!(&refused, Err(KeyError::Refused(said)) if said.contains("credentials")), "{refused:?}");
}
