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
use grantry_core::{AssertionAudience, Attempt, Error, Lifetime, RefreshToken, Scope, TokenSet};
use grantry_endpoint::{
    Answer, Client, ClientAuthentication, FurtherParameters, HttpTransport, Request, TokenEndpoint,
    TokenRequest, Transport, TransportFailure,
};
use grantry_jose::SigningKey;
use grantry_providers::{DefaultFlow, Preset, catalogue, find};
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
    /// How the client authenticates here, where it is another method than the vector's.
    #[serde(default)]
    method: Option<String>,
    /// What is asked for, where it is not what the vector asks for.
    #[serde(default)]
    scopes: Option<Vec<String>>,
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
    /// `{code_verifier}` and `{client_assertion}` stand for what is new in each request.
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
    fn endpoint(&self, exchange: &Exchange, raw: &RawServer, http: &Arc<HttpTransport>) -> TokenEndpoint {
        let values: Vec<(&str, &str)> = self.values.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let secret = self.client.secret.as_str();
        let authentication = match exchange.method.as_ref().unwrap_or(&self.client.method).as_str() {
            "client_secret_basic" => ClientAuthentication::secret_basic(secret),
            "client_secret_post" => ClientAuthentication::secret_post(secret),
            "private_key_jwt" => ClientAuthentication::private_key(SigningKey::generate_es256().unwrap()),
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
        scope(&self.scopes)
    }

    /// The assertion in a body, after a look at who signed it and for whom.
    fn assertion(&self, body: &str) -> String {
        let assertion = parameter(body, "client_assertion");
        let parts: Vec<&str> = assertion.split('.').collect();
        assert_eq!(parts.len(), 3, "header, claims and signature");
        let claims: Value =
            serde_json::from_slice(&grantry_jose::base64url::decode(parts[1]).unwrap()).unwrap();
        let server = self.preset().assertion_audience;
        assert_eq!(server, AssertionAudience::TokenEndpoint, "no vector has another one yet");
        assert_eq!(
            (&claims["iss"], &claims["sub"], &claims["aud"]),
            (
                &Value::from(self.client.id.as_str()),
                &self.client.id.as_str().into(),
                &self.token_url.as_str().into()
            )
        );
        assertion
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
            other => TokenRequest::new(other).scope(scope(exchange.scopes.as_ref().unwrap_or(&self.scopes))),
        };
        match endpoint.redeem(request, Attempt::first()).await {
            Ok(redeemed) => Ok((redeemed.token_set, redeemed.further)),
            Err(failure) => Err((failure.error, Some(format!("{:?}", failure.consumed)))),
        }
    }

    async fn run(&self, exchange: &Exchange, http: &Arc<HttpTransport>) {
        let raw = RawServer::start(exchange.answer.raw()).await.unwrap();
        let result = self.ask(exchange, self.endpoint(exchange, &raw, http)).await;
        let sent = raw.exchanges();
        assert_eq!(sent.len(), 1, "one request for one exchange");
        exchange.sent.check(std::str::from_utf8(sent[0].expose_request()).unwrap(), self);
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
    fn check(&self, request: &str, vector: &Vector) {
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
        let assertion =
            if self.body.contains("{client_assertion}") { vector.assertion(body) } else { String::new() };
        let expected = self.body.replace("{code_verifier}", &verifier);
        assert_eq!(body, expected.replace("{client_assertion}", &assertion));
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

    /// Whether a member or a field is this code.
    fn says(&self, code: &str) -> bool {
        let members = self.json.as_ref().and_then(Value::as_object).into_iter().flat_map(|o| o.values());
        let fields = url::form_urlencoded::parse(self.form.as_deref().unwrap_or_default().as_bytes());
        members.filter_map(Value::as_str).any(|member| member == code)
            || fields.into_iter().any(|(_, field)| field == code)
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

fn scope(tokens: &[String]) -> Scope {
    Scope::from_tokens(tokens.iter().map(String::as_str)).unwrap()
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

/// The flows that a preset offers, by their grants, and what it says of them.
fn offered(preset: &Preset) -> Vec<&'static str> {
    let code = preset.authorization_endpoint.map(|_| "authorization_code");
    let has_none = preset.notes.iter().any(|note| note.ends_with("there are no refresh tokens"));
    let refresh = (!has_none).then_some("refresh_token");
    let of_the_client =
        preset.default_flow != DefaultFlow::AuthorizationCode || preset.client_credentials_methods.is_some();
    let client = of_the_client.then_some("client_credentials");
    [code, refresh, client].into_iter().flatten().collect()
}

#[test]
fn every_preset_has_a_vector() {
    let vectors = Vector::read_all();
    let named: BTreeSet<&str> = vectors.iter().map(|(_, vector)| vector.preset().name).collect();
    let all: BTreeSet<&str> = catalogue().map(|preset| preset.name).collect();
    assert_eq!(named, all);
    for (file, vector) in &vectors {
        let fake = |text: &str| text.starts_with("fake-");
        assert!(fake(&vector.client.id) && fake(&vector.client.secret), "{file}");
        let mut tokens = vector.exchanges.iter().filter_map(|exchange| exchange.token.as_ref());
        assert!(tokens.all(|token| fake(&token.access_token)), "{file}");
    }
}

#[test]
fn every_flow_that_a_preset_offers_is_in_its_vectors() {
    /// A vector for an address at which a flow is not there, which its preset offers elsewhere.
    const ELSEWHERE: &[(&str, &str, &str)] = &[(
        "microsoft-common.json",
        "client_credentials",
        "client credentials need a tenant of their own: not common, organizations or consumers",
    )];
    for (file, vector) in Vector::read_all() {
        let (preset, file) = (vector.preset(), file.rsplit('/').next().unwrap());
        let succeeds = |grant: &str| vector.exchanges.iter().any(|e| e.grant == grant && e.token.is_some());
        let offered = offered(preset);
        for grant in &offered {
            let elsewhere = ELSEWHERE.iter().find(|(name, other, _)| *name == file && other == grant);
            match elsewhere {
                None => assert!(succeeds(grant), "{file} has no {grant} that brings a token"),
                Some((.., note)) => {
                    assert!(!succeeds(grant) && preset.notes.contains(note), "{file}: {note}");
                }
            }
        }
        for exchange in &vector.exchanges {
            let grant = exchange.grant.as_str();
            // Salesforce's client credentials are at a My Domain alone, which is no preset of its own.
            let is_at_my_domain = file == "salesforce-my-domain.json" && grant == "client_credentials";
            assert!(offered.contains(&grant) || is_at_my_domain, "{file}: nobody offers {grant}");
        }
    }
}

#[test]
fn every_flow_that_a_preset_offers_is_asked_for_as_the_preset_says() {
    for (file, vector) in Vector::read_all() {
        let preset = vector.preset();
        for exchange in &vector.exchanges {
            let method = exchange.method.as_ref().unwrap_or(&vector.client.method);
            let accepted = match preset.client_credentials_methods {
                Some(methods) if exchange.grant == "client_credentials" => methods,
                _ => preset.client_authentication_methods,
            };
            assert!(accepted.iter().any(|other| other.as_str() == method), "{file}: {}", exchange.what);
        }
    }
}

#[test]
fn what_a_preset_says_of_answers_is_in_its_vectors() {
    /// A code that a preset has from another one, for a flow that it has not.
    const NOWHERE: &[(&str, &str, &str)] =
        &[("github-oauth-app", "bad_refresh_token", "tokens do not expire, and there are no refresh tokens")];
    let vectors = Vector::read_all();
    for preset in catalogue() {
        let exchanges: Vec<&Exchange> = vectors
            .iter()
            .filter(|(_, vector)| vector.preset().name == preset.name)
            .flat_map(|(_, vector)| &vector.exchanges)
            .collect();
        let refusals: Vec<(&Answered, &Refused)> =
            exchanges.iter().filter_map(|e| Some((&e.answer, e.error.as_ref()?))).collect();
        assert!(!refusals.is_empty(), "{} refuses nothing", preset.name);
        for alias in preset.error_aliases {
            if NOWHERE.iter().any(|(name, code, note)| {
                *name == preset.name && *code == alias.code && preset.notes.contains(note)
            }) {
                continue;
            }
            let is_met = |(answer, refused): &(&Answered, &Refused)| {
                answer.status == alias.status
                    && answer.says(alias.code)
                    && refused.oauth_code.as_deref() == Some(alias.means)
            };
            assert!(refusals.iter().any(is_met), "{}: no answer is {}", preset.name, alias.code);
        }
        if !preset.error_causes.is_empty() {
            let causes: Vec<&str> = refusals.iter().filter_map(|(_, r)| r.cause.as_deref()).collect();
            let is_met = preset.error_causes.iter().any(|known| causes.contains(&known.cause));
            assert!(is_met, "{}: no answer is explained", preset.name);
        }
        for kept in preset.kept_parameters {
            let mut tokens = exchanges.iter().filter_map(|exchange| exchange.token.as_ref());
            let is_met = tokens.any(|token| token.further.contains_key(*kept));
            assert!(is_met, "{}: no answer has {kept}", preset.name);
        }
        let never = exchanges.iter().filter_map(|e| e.token.as_ref()).any(|t| t.expires_in.is_none());
        let says_never = preset.zero_means_never || preset.missing_expires_in == Lifetime::Never;
        assert!(!says_never || never, "{}: no answer is of a token that does not expire", preset.name);
    }
}
