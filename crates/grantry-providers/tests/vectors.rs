//! What each preset makes of requests and answers, by the vectors in `tests/vectors`: a file a preset.
//!
//! A vector names the authorization URL and the token requests byte by byte, and answers in the shape that the
//! provider documents, with values that were made up. The requests go over loopback to a raw server of the testkit,
//! which sends the answers.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use grantry_authorization_code::{AuthorizationCode, Callback};
use grantry_core::{Attempt, Error, RefreshToken, Scope, TokenSet};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, FurtherParameters, HttpTransport, Request, TokenEndpoint,
    TokenRequest, Transport, TransportFailure,
};
use grantry_providers::{Preset, catalogue, find};
use grantry_testkit::{RawAnswer, RawServer};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    preset: String,
    #[serde(default)]
    values: BTreeMap<String, String>,
    client: AsClient,
    redirect_uri: String,
    scopes: Vec<String>,
    /// `{state}` and `{code_challenge}` stand for what is new in each request.
    authorization_url: String,
    /// What comes back beside code and state, such as `iss`.
    #[serde(default)]
    callback: String,
    token_url: String,
    exchanges: Vec<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsClient {
    id: String,
    secret: String,
    method: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    what: String,
    grant: String,
    sent: Sent,
    answer: Answered,
    #[serde(default)]
    token: Option<Token>,
    #[serde(default)]
    error: Option<Refused>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    /// The Authorization header.
    authorization: Option<String>,
    /// `{code_verifier}` stands for what is new in each request.
    body: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    status: u16,
    #[serde(default)]
    form: Option<String>,
    #[serde(default)]
    json: Option<Value>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Token {
    access_token: String,
    /// In seconds; `null` where nobody knows, or it is never.
    expires_in: Option<u64>,
    /// What is held afterwards.
    refresh_token: Option<String>,
    scope: String,
    #[serde(default)]
    further: BTreeMap<String, String>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Refused {
    kind: String,
    /// What became of the credential; not told by an authorization code, which is gone in any case.
    consumed: Option<String>,
    oauth_code: Option<String>,
    provider_code: Option<String>,
    /// The likeliest cause, where a preset names it.
    #[serde(default)]
    cause: Option<String>,
}

/// Sends to the raw server what is for the provider, after a look at where it was to go.
#[derive(Debug)]
struct Detour {
    token_url: String,
    to: Url,
    http: Arc<HttpTransport>,
}

#[async_trait]
impl Transport for Detour {
    async fn send(&self, request: Request) -> Result<Answer, TransportFailure> {
        assert_eq!(request.url().as_str(), self.token_url);
        let mut detoured = Request::new(request.method().clone(), self.to.clone())
            .with_body(Zeroizing::new(request.expose_body().to_vec()));
        for (name, value) in request.headers() {
            detoured = detoured.with_header(name.clone(), value.clone());
        }
        self.http.send(detoured).await
    }
}

impl Vector {
    fn read_all() -> Vec<(String, Self)> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors");
        let files = std::fs::read_dir(folder).unwrap();
        let read = |path: &std::path::Path| serde_json::from_slice(&std::fs::read(path).unwrap());
        let mut vectors: Vec<(String, Self)> = files
            .map(|file| file.unwrap().path())
            .map(|path| (path.display().to_string(), read(&path).unwrap_or_else(|e| panic!("{path:?}: {e}"))))
            .collect();
        vectors.sort_by(|(one, _), (other, _)| one.cmp(other));
        vectors
    }

    fn preset(&self) -> &'static Preset {
        find(&self.preset).unwrap_or_else(|| panic!("there is no preset {}", self.preset))
    }

    /// An endpoint whose requests go to the raw server.
    fn endpoint(&self, raw: &RawServer, http: &Arc<HttpTransport>) -> TokenEndpoint {
        let values: Vec<(&str, &str)> = self.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let secret = self.client.secret.as_str();
        let authentication = match self.client.method.as_str() {
            "client_secret_basic" => ClientAuthentication::secret_basic(secret),
            "client_secret_post" => ClientAuthentication::secret_post(secret),
            other => panic!("{other} is no method of a vector"),
        };
        let transport = Detour {
            token_url: self.token_url.clone(),
            to: raw.url("/token").parse().unwrap(),
            http: Arc::clone(http),
        };
        let client = Client::new(self.client.id.as_str(), authentication).unwrap();
        TokenEndpoint::new(self.preset().server(&values).unwrap(), client, Arc::new(transport)).unwrap()
    }

    fn scope(&self) -> Scope {
        Scope::from_tokens(self.scopes.iter().map(String::as_str)).unwrap()
    }

    /// Walks to the provider and back, and redeems the code.
    async fn redeem_code(&self, endpoint: TokenEndpoint) -> Result<(TokenSet, FurtherParameters), Error> {
        let flow = AuthorizationCode::builder(endpoint, self.redirect_uri.as_str())
            .scopes(self.scopes.iter().cloned())
            .build()
            .unwrap();
        let user_agent = flow.user_agent();
        let (redirect, pending) = flow.begin(&user_agent).await.unwrap();
        let url = redirect.into_location().unwrap().to_string();
        let state = parameter(Url::parse(&url).unwrap().query().unwrap(), "state");
        let challenge = parameter(Url::parse(&url).unwrap().query().unwrap(), "code_challenge");
        assert_eq!((state.len(), challenge.len()), (43, 43), "256 bits each, in base64url");
        let expected =
            self.authorization_url.replace("{state}", &state).replace("{code_challenge}", &challenge);
        assert_eq!(url, expected);
        let back = format!("code=fake-code&state={state}{}", self.callback);
        let granted = pending.finish(&flow, &user_agent, &Callback::from_query(&back).unwrap()).await?;
        assert_eq!(granted.requested, self.scope());
        Ok((granted.token_set, granted.further))
    }

    async fn ask(
        &self,
        exchange: &Exchange,
        endpoint: TokenEndpoint,
    ) -> Result<(TokenSet, FurtherParameters), (Error, Option<String>)> {
        let request = match exchange.grant.as_str() {
            "authorization_code" => return self.redeem_code(endpoint).await.map_err(|error| (error, None)),
            "refresh_token" => TokenRequest::new("refresh_token")
                .parameter("refresh_token", "fake-refresh-1")
                .keeping_refresh_token(RefreshToken::new("fake-refresh-1"))
                .assumed_scope(self.scope()),
            other => TokenRequest::new(other).scope(self.scope()),
        };
        match endpoint.redeem(request, Attempt::first()).await {
            Ok(redeemed) => Ok((redeemed.token_set, redeemed.further)),
            Err(failure) => Err((failure.error, Some(format!("{:?}", failure.consumed)))),
        }
    }

    async fn run(&self, exchange: &Exchange, http: &Arc<HttpTransport>) {
        let raw = RawServer::start(exchange.answer.raw()).await.unwrap();
        let result = self.ask(exchange, self.endpoint(&raw, http)).await;
        let sent = raw.exchanges();
        assert_eq!(sent.len(), 1, "one request for one exchange");
        exchange.sent.check(std::str::from_utf8(sent[0].expose_request()).unwrap());
        match (result, &exchange.token, &exchange.error) {
            (Ok((set, further)), Some(expected), None) => assert_eq!(&Token::of(&set, &further), expected),
            (Err((error, consumed)), None, Some(expected)) => {
                assert_eq!(&Refused::of(&error, consumed, expected), expected);
            }
            (other, ..) => panic!("another outcome than the vector's: {other:?}"),
        }
    }
}

impl Sent {
    /// Compares with what came over the wire.
    fn check(&self, request: &str) {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let header = |name: &str| {
            let mut headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
            headers.find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
        };
        assert!(head.starts_with("POST /token HTTP/1.1\r\n"), "{head}");
        assert_eq!(header("authorization"), self.authorization.as_deref());
        assert_eq!(header("content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(header("accept"), Some("application/json"));
        let verifier = if self.body.contains("{code_verifier}") {
            parameter(body, "code_verifier")
        } else {
            String::new()
        };
        assert_eq!(body, self.body.replace("{code_verifier}", &verifier));
    }
}

impl Answered {
    fn raw(&self) -> RawAnswer {
        let (kind, body) = match (&self.form, &self.json) {
            (Some(form), None) => ("application/x-www-form-urlencoded", form.clone()),
            (None, Some(json)) => ("application/json", json.to_string()),
            _ => panic!("an answer is a form or JSON"),
        };
        RawAnswer::with_length(&format!("{} Whatever\r\nContent-Type: {kind}", self.status), body)
    }
}

impl Token {
    fn of(set: &TokenSet, further: &FurtherParameters) -> Self {
        Self {
            access_token: set.token().expose().to_owned(),
            expires_in: set.token().expires().map(|at| at.since(set.obtained()).as_secs()),
            refresh_token: set.refresh_token().map(|token| token.expose().to_owned()),
            scope: set.token().scope().as_str().to_owned(),
            further: further.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }
}

impl Refused {
    fn of(error: &Error, consumed: Option<String>, expected: &Self) -> Self {
        let first = error.diagnosis().causes().next().map(str::to_owned);
        Self {
            kind: format!("{:?}", error.kind()),
            consumed,
            oauth_code: error.oauth_code().map(str::to_owned),
            provider_code: error.provider_code().map(str::to_owned),
            cause: expected.cause.as_ref().and(first),
        }
    }
}

fn parameter(query: &str, name: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(other, _)| other == name).map(|(_, value)| value.into_owned()).unwrap()
}

#[tokio::test]
async fn every_vector_comes_out_as_it_says() {
    let http = Arc::new(HttpTransport::new().unwrap());
    for (file, vector) in Vector::read_all() {
        for exchange in &vector.exchanges {
            // The harness shows what was printed where a test fails.
            println!("{file}: {}", exchange.what);
            vector.run(exchange, &http).await;
        }
    }
}

#[test]
fn every_preset_has_a_vector_with_a_success_a_refresh_or_none_and_an_error() {
    let vectors = Vector::read_all();
    let named: BTreeSet<&str> = vectors.iter().map(|(_, vector)| vector.preset().name).collect();
    let all: BTreeSet<&str> = catalogue().map(|preset| preset.name).collect();
    assert_eq!(named, all);
    for (file, vector) in &vectors {
        let has = |grant: &str, good: bool| {
            vector.exchanges.iter().any(|e| e.grant == grant && e.token.is_some() == good)
        };
        assert!(has("authorization_code", true), "{file}");
        let refreshes = has("refresh_token", true);
        let has_none = vector.exchanges.iter().all(|e| e.grant != "refresh_token");
        assert!(refreshes || has_none, "{file}");
        assert!(vector.exchanges.iter().any(|e| e.error.is_some()), "{file}");
        let fake = |text: &str| text.starts_with("fake-");
        assert!(fake(&vector.client.id) && fake(&vector.client.secret), "{file}");
        assert!(
            vector.exchanges.iter().filter_map(|e| e.token.as_ref()).all(|t| fake(&t.access_token)),
            "{file}"
        );
    }
}
