//! Token exchange (RFC 8693).

use std::sync::Arc;

use async_trait::async_trait;
use grantry_core::*;
use grantry_testkit::*;
use grantry_token_exchange::*;

use crate::support::*;

#[tokio::test]
async fn req_c14_a_token_goes_with_its_type_and_an_actor_token_with_its_own() {
    let case = Case::new();
    let (subject, actor) = (case.token("a b").await, case.token("x").await);
    let exchange = case.exchange(subject.clone()).scope("a").build().unwrap();
    let set = exchange.obtain(Attempt::first()).await.unwrap();
    assert_eq!(set.token().scope().as_str(), "a");
    assert_ne!(set.token().expose(), subject.expose());
    let asked = case.asked();
    assert_eq!(asked.expose("grant_type"), Some("urn:ietf:params:oauth:grant-type:token-exchange"));
    assert_eq!(asked.expose("subject_token"), Some(subject.expose()));
    assert_eq!(asked.expose("subject_token_type"), Some(TokenType::ACCESS_TOKEN.as_str()));
    assert!(!asked.names().any(|name| name.starts_with("actor") || name.starts_with("requested")));

    let exchange = case.exchange(subject).actor(actor.clone(), TokenType::ACCESS_TOKEN).build().unwrap();
    exchange.obtain(Attempt::first()).await.unwrap();
    let asked = case.asked();
    assert_eq!(asked.expose("actor_token"), Some(actor.expose()));
    assert_eq!(asked.expose("actor_token_type"), Some(TokenType::ACCESS_TOKEN.as_str()));
}

#[tokio::test]
async fn several_audiences_and_resources_are_sent_each() {
    let case = Case::new();
    let exchange = case
        .exchange(case.token("a").await)
        .audience("orders")
        .audience("billing")
        .audience("orders")
        .resource("https://b.example")
        .resource("https://a.example")
        .requested_token_type(TokenType::JWT)
        .parameter("tenant", "north")
        .build()
        .unwrap();
    assert_eq!(exchange.target().resources, ["https://a.example", "https://b.example"]);
    let redeemed = exchange.exchange(Attempt::first()).await.unwrap();
    assert_eq!(redeemed.issued_token_type.as_deref(), Some(TokenType::JWT.as_str()));
    let asked = case.asked();
    let all = |name: &'static str| asked.expose_all(name).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(all("audience"), ["orders", "billing"]);
    assert_eq!(all("resource"), ["https://a.example", "https://b.example"]);
    assert_eq!((all("tenant").len(), all("requested_token_type").len()), (1, 1));
}

#[tokio::test]
async fn the_subject_token_is_asked_for_anew_in_each_attempt() {
    let case = Case::new();
    let tokens = Arc::new(Numbered::default());
    let exchange = case.exchange(tokens.clone() as Arc<dyn SubjectTokens>).build().unwrap();
    for number in 0..3 {
        let failure = exchange.obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(failure.error.oauth_code(), Some("invalid_request"));
        assert_eq!(case.asked().expose("subject_token"), Some(format!("subject-token-{number}").as_str()));
    }
}

#[tokio::test]
async fn where_a_token_cannot_be_had_nothing_is_sent() {
    let case = Case::new();
    let none = || Numbered { none: true, ..Numbered::default() };
    let no_subject = case.exchange(none()).build().unwrap();
    let no_actor = case.exchange(Numbered::default()).actor(none(), TokenType::ACCESS_TOKEN).build().unwrap();
    for exchange in [no_subject, no_actor] {
        let failure = exchange.obtain(Attempt::first()).await.unwrap_err();
        assert_eq!((failure.error.kind(), failure.sent), (ErrorKind::Storage, false));
    }
    let empty = case.exchange(SubjectToken::new("")).build().unwrap();
    let failure = empty.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.sent), (ErrorKind::Configuration, false));
    assert_eq!(case.token_requests(), 0);
}

/// A source that renews itself with each call.
#[derive(Debug)]
struct Renewing(std::sync::atomic::AtomicU64);

#[async_trait]
impl TokenSource for Renewing {
    fn ready(&self) -> Option<Token> {
        None
    }
    async fn token(&self) -> Result<Token, Error> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let set = TokenSet::builder(AccessToken::new(format!("source-token-{number}")), Instant::ZERO);
        Ok(set.build().unwrap().token().clone())
    }
    fn reject(&self, _: &Token) {}
}

#[tokio::test]
async fn a_source_is_asked_before_each_attempt() {
    let case = Case::new();
    let source = Arc::new(Renewing(0.into()));
    let exchange = case.exchange(FromSource::new(source)).build().unwrap();
    for number in 0..2 {
        exchange.obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(case.asked().expose("subject_token"), Some(format!("source-token-{number}").as_str()));
    }
}

#[tokio::test]
async fn req_c15_a_token_that_is_no_access_token_is_an_error_to_the_grant_and_given_out_by_the_other_way() {
    let case = Case::new();
    let subject = case.token("a").await;
    for token_type in [TokenType::ID_TOKEN, TokenType::REFRESH_TOKEN, TokenType::SAML1, TokenType::SAML2] {
        let error =
            case.exchange(subject.clone()).requested_token_type(token_type.clone()).build().unwrap_err();
        assert!(error.to_string().contains("build_issue"), "{error}");

        let builder = case.exchange(subject.clone()).requested_token_type(token_type.clone());
        let issued = builder.build_issue().unwrap().issue().await.unwrap();
        assert_eq!(issued.issued_token_type(), Some(token_type.as_str()));
        assert!(!issued.is_access_token() && issued.expose().starts_with("other-"));
        assert!(issued.expires().is_some() && issued.scope().as_str() == "a");
    }
    let issued = case.exchange(subject).build_issue().unwrap().issue().await.unwrap();
    assert!(issued.is_access_token());
}

#[tokio::test]
async fn req_c15_a_token_type_of_n_a_never_becomes_a_bearer_token() {
    let case = Case::new();
    let exchange = case.exchange(case.token("a").await).build().unwrap();
    let issue = case.exchange(case.token("a").await).build_issue().unwrap();
    let of = |name: &str| format!("urn:ietf:params:oauth:token-type:{name}");
    for (token_type, issued, more, presentable) in [
        ("N_A", of("access_token"), "", false),
        ("n_a", of("jwt"), "", false),
        ("N_A", of("id_token"), "", false),
        ("Bearer", of("id_token"), "", false),
        ("Bearer", of("saml2"), "", false),
        ("Bearer", of("refresh_token"), "", false),
        // Keycloak: both tokens, and the type of the second.
        ("Bearer", of("refresh_token"), r#","refresh_token":"rt-1""#, true),
        ("Bearer", of("access_token"), "", true),
        ("bearer", of("jwt"), "", true),
        ("Bearer", "https://as.example/types/own".to_owned(), "", true),
        ("Bearer", String::new(), "", true),
    ] {
        let body = format!(
            r#"{{"access_token":"abc","token_type":"{token_type}","issued_token_type":"{issued}"{more}}}"#
        );
        case.answers(body.clone());
        let obtained = exchange.obtain(Attempt::first()).await;
        assert_eq!(obtained.is_ok(), presentable, "{body}");
        if let Err(failure) = obtained {
            assert_eq!(failure.error.kind(), ErrorKind::InvalidAnswer);
            assert!(failure.error.to_string().contains("cannot be presented"), "{}", failure.error);
        }
        case.answers(body.clone());
        let other = issue.issue().await.unwrap();
        assert_eq!((other.expose(), other.is_access_token()), ("abc", presentable), "{body}");
        assert_eq!(other.issued_token_type().unwrap_or_default(), issued);
    }
    for broken in [
        r#"{"access_token":"abc","token_type":"Bearer","issued_token_type":7}"#,
        r#"{"access_token":"abc","token_type":"Bearer","issued_token_type":"a b"}"#,
        r#"{"access_token":"abc","token_type":"DPoP","issued_token_type":"urn:x:y"}"#,
        r#"{"token_type":"N_A","issued_token_type":"urn:x:y"}"#,
        r#"{"access_token":"abc","token_type":"N_A","error":"invalid_request"}"#,
    ] {
        case.answers(broken);
        assert_eq!(
            exchange.obtain(Attempt::first()).await.unwrap_err().error.kind(),
            ErrorKind::InvalidAnswer
        );
        case.answers(broken);
        assert_eq!(issue.issue().await.unwrap_err().error.kind(), ErrorKind::InvalidAnswer, "{broken}");
    }
}

#[tokio::test]
async fn what_could_not_work_is_refused_when_it_is_built() {
    let case = Case::new();
    let new = || case.exchange(SubjectToken::new("x"));
    for wrong in [
        new().scope("a\"b"),
        new().audience(""),
        new().resource("not a uri"),
        new().parameter("", "x"),
        new().parameter("x", ""),
        new().parameter("x", "1").parameter("x", "2"),
        new().parameter("audience", "x"),
        new().parameter("subject_token", "x"),
        new().parameter("actor_token_type", "x"),
        new().parameter("requested_token_type", "x"),
        new().parameter("client_secret", "x"),
    ] {
        let error = wrong.clone().build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(wrong.build_issue().is_err());
    }
}

#[tokio::test]
async fn a_refusal_says_what_to_look_at_and_nothing_of_a_persons_consent() {
    let case = Case::new();
    let subject = case.token("a").await;
    let exchange = case.exchange(subject).build().unwrap();
    case.server.revoke_access_tokens();
    let failure = exchange.obtain(Attempt::first()).await.unwrap_err();
    assert_eq!((failure.error.kind(), failure.consumed), (ErrorKind::Refused, Consumed::No));
    let diagnosis = failure.error.diagnosis();
    assert_eq!(diagnosis.party(), Party::Application);
    assert!(diagnosis.remedy().contains("subject token"), "{diagnosis}");
    for (code, kind) in
        [("invalid_target", ErrorKind::InvalidScope), ("unauthorized_client", ErrorKind::Refused)]
    {
        let body = format!(r#"{{"error":"{code}"}}"#);
        case.server.inject(Endpoint::Token, Fault::status(400).with_body(body));
        let failure = exchange.obtain(Attempt::first()).await.unwrap_err();
        assert_eq!(failure.error.kind(), kind, "{code}");
        assert!(!failure.error.diagnosis().remedy().contains("subject token"));
    }
}
