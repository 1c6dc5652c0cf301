//! What each of KMS's answers means, by answers that a small server gives: those that no server for tests gives by itself.

#![allow(clippy::unwrap_used, reason = "a test fails there")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use grantry_core::{SystemEntropy, TenantId};
use grantry_keys_aws_kms::AwsKms;
use grantry_vault::{Deployment, KeyContext, KeyError, KeyId, KeyProvider, TenantKey, WrappedKey};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ARN: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
const OTHER: &str = "arn:aws:kms:eu-central-1:111122223333:key/9999abcd-12ab-34cd-56ef-1234567890ab";
const SECRET: &str = "canary-secret-access-key";

/// A server that answers by a list, and the last of it for ever. It keeps the requests.
#[derive(Debug)]
struct Kms {
    address: SocketAddr,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Kms {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (answers, requests) = (Arc::<Mutex<VecDeque<_>>>::default(), Arc::<Mutex<Vec<_>>>::default());
        let kms = Self { address, answers: Arc::clone(&answers), requests: Arc::clone(&requests) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&answers), Arc::clone(&requests)));
            }
        });
        kms
    }

    fn answer(&self, answers: &[(u16, String)]) {
        *self.answers.lock().unwrap() = answers.iter().cloned().collect();
    }

    fn fail(&self, status: u16, code: &str) {
        let body = format!(r#"{{"__type":"com.amazonaws.kms#{code}","message":"canary-of-a-message"}}"#);
        self.answer(&[(status, body)]);
    }

    fn take_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    fn keys(&self, key: &str) -> AwsKms {
        let credentials = Credentials::new("AKIACANARY", SECRET, None, None, "a test");
        let builder = AwsKms::builder("eu-central-1", credentials, key);
        builder.endpoint_url(format!("http://{}", self.address)).build().unwrap()
    }
}

async fn serve(
    mut stream: TcpStream,
    answers: Arc<Mutex<VecDeque<(u16, String)>>>,
    requests: Arc<Mutex<Vec<String>>>,
) {
    let mut bytes = Vec::new();
    loop {
        let mut more = [0; 4096];
        let Ok(length) = stream.read(&mut more).await else { return };
        if length == 0 {
            return;
        }
        bytes.extend_from_slice(&more[..length]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lowered = head.to_lowercase();
        let expected = lowered.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        if body.len() < expected.parse().unwrap() {
            continue;
        }
        requests.lock().unwrap().push(text);
        bytes.clear();
        let (status, answer) = {
            let mut answers = answers.lock().unwrap();
            if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }.unwrap()
        };
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all((head + &answer).as_bytes()).await.is_err() {
            return;
        }
    }
}

fn context() -> KeyContext {
    KeyContext::new(&Deployment::new("prod").unwrap(), Some(&TenantId::new("acme").unwrap()), 3)
}

fn wrapped(by: &str) -> WrappedKey {
    WrappedKey::new(KeyId::new(by), b"wrapped".to_vec())
}

/// 32 zeros, as KMS gives them back.
fn decrypted(by: &str) -> (u16, String) {
    (200, format!(r#"{{"KeyId":"{by}","Plaintext":"{}="}}"#, "A".repeat(43)))
}

fn described(arn: &str) -> (u16, String) {
    let facts = format!(
        r#"{{"KeyId":"x","Arn":"{arn}","KeyUsage":"ENCRYPT_DECRYPT","KeySpec":"SYMMETRIC_DEFAULT"}}"#
    );
    (200, format!(r#"{{"KeyMetadata":{facts}}}"#))
}

fn kind(error: &KeyError) -> &'static str {
    match error {
        KeyError::Unavailable(_) => "unavailable",
        KeyError::Refused(_) => "refused",
        KeyError::UnknownKey(_) => "unknown",
        KeyError::Damaged(_) => "damaged",
        KeyError::Configuration(_) => "configuration",
        _ => "other",
    }
}

#[tokio::test]
async fn each_code_says_whose_move_it_is() {
    let kms = Kms::start().await;
    let keys = kms.keys(ARN);
    for (status, code, is, says) in [
        (400, "AccessDeniedException", "refused", "kms:Decrypt"),
        (400, "NotFoundException", "unknown", "list-aliases"),
        (400, "DisabledException", "refused", "enable-key"),
        (400, "KMSInvalidStateException", "refused", "cancel-key-deletion"),
        (400, "InvalidKeyUsageException", "configuration", "SYMMETRIC_DEFAULT"),
        (400, "ValidationException", "configuration", "SYMMETRIC_DEFAULT"),
        (400, "IncorrectKeyException", "damaged", "context"),
        (400, "InvalidCiphertextException", "damaged", "context"),
        (400, "InvalidGrantTokenException", "refused", "kms:Decrypt"),
        (400, "ExpiredTokenException", "refused", "expired"),
        (400, "UnrecognizedClientException", "refused", "access key"),
        (400, "InvalidSignatureException", "refused", "clock"),
        (400, "SomethingNewException", "refused", "400"),
        (403, "SomethingNewException", "refused", "403"),
        (500, "KMSInternalException", "unavailable", "failed"),
        (400, "KeyUnavailableException", "unavailable", "failed"),
        (400, "DependencyTimeoutException", "unavailable", "failed"),
        (400, "ThrottlingException", "unavailable", "too many"),
        (503, "SomethingNewException", "unavailable", "503"),
    ] {
        kms.fail(status, code);
        let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
        assert_eq!(kind(&error), is, "{code}: {error}");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(says) && !shown.contains("canary"), "{code}: {shown}");
    }
}

#[tokio::test]
async fn what_a_decryption_says_of_bytes_is_no_verdict_of_an_encryption() {
    let kms = Kms::start().await;
    kms.fail(400, "InvalidCiphertextException");
    let key = TenantKey::generate(&SystemEntropy);
    let error = kms.keys(ARN).wrap_key(&key, &context()).await.unwrap_err();
    assert_eq!(kind(&error), "refused", "{error}");
    kms.fail(400, "AccessDeniedException");
    let error = kms.keys(ARN).wrap_key(&key, &context()).await.unwrap_err();
    assert!(error.to_string().contains("kms:Encrypt"), "{error}");
    let error = kms.keys("alias/grantry").active().await.unwrap_err();
    assert!(error.to_string().contains("kms:DescribeKey"), "{error}");
}

#[tokio::test]
async fn a_page_is_no_verdict() {
    let kms = Kms::start().await;
    let keys = kms.keys(ARN);
    for (status, is) in [(200, "unavailable"), (403, "refused"), (502, "unavailable"), (503, "unavailable")] {
        kms.answer(&[(status, "<html>canary</html>".to_owned())]);
        let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
        assert_eq!(kind(&error), is, "{status}: {error}");
        assert!(!format!("{error:?}").contains("canary"));
    }
    let answers = [
        ("{}", "unavailable"),
        (r#"{"Plaintext":7}"#, "unavailable"),
        (r#"{"Plaintext":""}"#, "damaged"),
        (r#"{"Plaintext":"AAAA"}"#, "damaged"),
    ];
    for (answer, is) in answers {
        kms.answer(&[(200, answer.to_owned())]);
        let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
        assert_eq!(kind(&error), is, "{answer}: {error}");
    }
    for answer in
        ["{}", r#"{"CiphertextBlob":"AAAA"}"#, r#"{"CiphertextBlob":"AAAA","KeyId":"alias/grantry"}"#]
    {
        kms.answer(&[(200, answer.to_owned())]);
        let key = TenantKey::generate(&SystemEntropy);
        let error = keys.wrap_key(&key, &context()).await.unwrap_err();
        assert_eq!(kind(&error), "unavailable", "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_failure_that_passes_is_tried_once_more_and_others_are_not() {
    let kms = Kms::start().await;
    let keys = kms.keys(ARN);
    kms.answer(&[(500, r#"{"__type":"KMSInternalException"}"#.to_owned()), decrypted(ARN)]);
    keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap();
    assert_eq!(kms.take_requests().len(), 2);
    kms.fail(500, "KMSInternalException");
    keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
    assert_eq!(kms.take_requests().len(), 2);
    kms.fail(400, "InvalidCiphertextException");
    keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
    assert_eq!(kms.take_requests().len(), 1);
}

#[tokio::test]
async fn each_request_carries_the_context_and_names_its_key() {
    let kms = Kms::start().await;
    let keys = kms.keys(ARN);
    kms.answer(&[decrypted(ARN)]);
    keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap();
    kms.answer(&[(200, format!(r#"{{"KeyId":"{ARN}","CiphertextBlob":"AAAA"}}"#))]);
    let key = TenantKey::generate(&SystemEntropy);
    assert_eq!(keys.wrap_key(&key, &context()).await.unwrap().key_id().as_str(), ARN);
    let requests = kms.take_requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        for part in
            [r#""deployment":"prod""#, r#""tenant":"acme""#, r#""epoch":"3""#, &format!(r#""KeyId":"{ARN}""#)]
        {
            assert!(request.contains(part), "{part}: {request}");
        }
    }
}

#[tokio::test]
async fn a_key_that_a_store_names_is_used_only_where_it_was_configured() {
    let kms = Kms::start().await;
    kms.answer(&[decrypted(OTHER)]);
    for by in [OTHER, "alias/grantry", "transit/transit/grantry:v1"] {
        let error = kms.keys(ARN).unwrap_key(&wrapped(by), &context()).await.unwrap_err();
        assert_eq!(kind(&error), "unknown", "{by}: {error}");
    }
    assert_eq!(kms.take_requests().len(), 0, "KMS was not asked");
    let keys = kms.keys(ARN).with_previous([OTHER]).unwrap();
    keys.unwrap_key(&wrapped(OTHER), &context()).await.unwrap();
    assert!(kms.take_requests()[0].contains(OTHER));
    let error = kms.keys(ARN).with_previous(["alias/grantry"]).unwrap_err();
    assert_eq!(kind(&error), "configuration");
}

#[tokio::test]
async fn an_alias_is_looked_up_when_it_has_to_be() {
    let kms = Kms::start().await;
    let keys = kms.keys("alias/grantry");
    kms.answer(&[described(ARN), decrypted(ARN), decrypted(ARN), described(OTHER), decrypted(OTHER)]);
    for _ in 0..2 {
        keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap();
    }
    assert_eq!(kms.take_requests().len(), 3);
    // It leads elsewhere now: what the former key wrapped is refused, and says what to do.
    assert_eq!(keys.active().await.unwrap().as_str(), OTHER);
    keys.unwrap_key(&wrapped(OTHER), &context()).await.unwrap();
    kms.answer(&[described(OTHER)]);
    let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
    assert!(kind(&error) == "unknown" && error.to_string().contains("with_previous"), "{error}");
    assert_eq!(kms.keys(ARN).active().await.unwrap().as_str(), ARN);
}

#[tokio::test]
async fn a_key_for_something_else_is_found_out() {
    let kms = Kms::start().await;
    kms.answer(&[(200, described(ARN).1.replace("SYMMETRIC_DEFAULT", "RSA_4096"))]);
    assert_eq!(kind(&kms.keys("alias/grantry").active().await.unwrap_err()), "configuration");
}

#[tokio::test]
async fn a_replica_unwraps_in_its_own_region() {
    let kms = Kms::start().await;
    let (here, there) = ("arn:aws:kms:eu-central-1:1:key/mrk-1", "arn:aws:kms:us-east-1:1:key/mrk-1");
    kms.answer(&[decrypted(here)]);
    kms.keys(here).unwrap_key(&wrapped(there), &context()).await.unwrap();
    assert!(kms.take_requests()[0].contains(here));
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let kms = Kms::start().await;
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = unused.local_addr().unwrap();
    drop(unused);
    let keys = Kms { address, ..kms }.keys(ARN);
    let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
    assert_eq!(kind(&error), "unavailable", "{error}");
}

#[tokio::test]
async fn a_client_without_limits_is_waited_for_within_the_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(aws_sdk_kms::config::BehaviorVersion::v2026_01_12())
        .region(aws_sdk_kms::config::Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIACANARY", SECRET, None, None, "a test"))
        .http_client(grantry_keys_aws_kms::http_client())
        .endpoint_url(format!("http://{}", listener.local_addr().unwrap()))
        .build();
    let client = aws_sdk_kms::Client::from_conf(config);
    let keys = AwsKms::new(client, ARN).time_limit(Duration::from_millis(200));
    let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
    assert_eq!(kind(&error), "unavailable", "{error}");
}

type Cause = fn() -> CredentialsError;

/// A provider of credentials that has none.
#[derive(Debug)]
struct Without(Cause);

impl ProvideCredentials for Without {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::ready(Err((self.0)()))
    }
}

#[tokio::test]
async fn missing_credentials_say_why() {
    let kms = Kms::start().await;
    let causes: [(Cause, &str); 4] = [
        (|| CredentialsError::not_loaded("canary"), "refused"),
        (|| CredentialsError::invalid_configuration("canary"), "configuration"),
        (|| CredentialsError::provider_error("canary"), "unavailable"),
        (|| CredentialsError::provider_timed_out(Duration::from_secs(1)), "unavailable"),
    ];
    for (cause, is) in causes {
        let builder = AwsKms::builder("eu-central-1", Without(cause), ARN);
        let keys = builder.endpoint_url(format!("http://{}", kms.address)).build().unwrap();
        let error = keys.unwrap_key(&wrapped(ARN), &context()).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(kind(&error) == is && shown.contains("credentials") && !shown.contains("canary"), "{shown}");
    }
}
