//! Observing: events, health, traces, metrics.
//!
//! # Events
//!
//! An [`Observer`](crate::Observer) is told what happened, afterwards, from the tasks that do the work. It must not
//! block and cannot refuse. [`Event`](crate::Event) is what it is told:
//!
//! | event | when |
//! |---|---|
//! | `Renewed` | a token was obtained or renewed: its lifetime, and how long the attempt took |
//! | `RenewalFailed` | an attempt failed: kind, number of the attempt, when the next one follows by itself |
//! | `ScopeChanged` | another scope was granted than asked for |
//! | `Rejected` | a resource server refused a token, and that was honoured |
//! | `ServedExpired` | the fallback `use-expired` handed an expired token out |
//! | `ClockSkew` | the server's `Date` and our wall clock came to differ by 10 s or more |
//! | `SecretRefused` | one of several client secrets was refused: which one, and whether another is tried |
//! | `ClientRefused` | the server does not accept the client, and the breaker of its profile opened |
//! | `Rotated` | a grant got a new refresh token, and its vault has it |
//! | `RotationInDoubt` | nobody knows whether a refresh token was spent; it is found out by itself |
//! | `ReauthorizationNeeded` | a person has to consent again; whether an answer was lost before |
//! | `Revoked` | a grant was revoked and deleted; whether the server confirmed it |
//! | `CustodyAtRisk` | a refresh token that was received is not in the store yet; whether a lifeboat holds it |
//! | `NotBound` | a proof was shown, and the answer was a bearer token |
//! | `KeyDue` | a key of the vault should be exchanged soon, or should have been |
//!
//! Three of them belong in an alarm: `ReauthorizationNeeded`, because only a person can help; `CustodyAtRisk` without a lifeboat,
//! because a crash now would cost a grant; `KeyDue` that is overdue.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let server = test.authorization_server()?;
//! use std::sync::{Arc, Mutex};
//! use grantry::{Event, Observer, TokenSource};
//!
//! #[derive(Debug, Default)]
//! struct Names(Mutex<Vec<&'static str>>);
//!
//! impl Observer for Names {
//!     fn on(&self, event: &Event) {
//!         self.0.lock().unwrap().push(event.name());
//!     }
//! }
//!
//! let names = Arc::new(Names::default());
//! let source = grantry::client_credentials(server, "billing", "s3cret")
//!     .observer(names.clone())
//! #   .transport(Arc::new(test.transport()))
//!     .build()?;
//! let token = source.token().await?;
//! source.reject(&token);
//! assert_eq!(*names.0.lock().unwrap(), ["renewed", "rejected"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! An observer that panics takes nothing along: the panic ends there, the panic hook has reported it, and the observer is told
//! of the next event.
//!
//! # Health
//!
//! [`health`](crate::ManagedSource::health) is a snapshot of one source. It changes nothing and holds nothing
//! secret, so it may be shown on a page.
//!
//! | field | it says |
//! |---|---|
//! | `condition` | `Empty`, `Fresh`, `Due` or `Expired` ([`Condition`](crate::Condition)) |
//! | `fit_for` | how long the token is still fit |
//! | `renewal_at`, `renewing`, `waiting` | when the next renewal is booked, whether one is in flight, how many callers wait for it |
//! | `last_error`, `retry_at` | why the last attempt failed, and before when nothing is tried again; `None` after a success |
//! | `hits`, `last_used` | how often a token was handed out, and how long ago, to about a second |
//! | `renewals`, `failures` | how many attempts succeeded and failed |
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).build();
//! # let source = grantry::client_credentials(test.authorization_server()?, "billing", "s3cret")
//! #     .transport(std::sync::Arc::new(test.transport())).build()?;
//! use grantry::{Condition, ManagedSource, TokenSource};
//!
//! /// For a readiness probe: can requests be served now?
//! fn is_ready(source: &ManagedSource) -> bool {
//!     matches!(source.health().condition, Condition::Fresh | Condition::Due)
//! }
//! assert!(!is_ready(&source));
//! source.token().await?;
//! assert!(is_ready(&source));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A [`Grantry`](crate::Grantry) has a [`status`](crate::pantry::Status) of all that is open in it, whose serialised form is stable. It
//! is what `grantry auth status --json` prints, so that one reader understands both:
//!
//! ```
//! # #[cfg(all(feature = "config", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let folder = tempfile::tempdir()?;
//! # let test = grantry_testkit::TestServer::builder()
//! #     .client(grantry_testkit::RegisteredClient::with_secret("billing", "s3cret"))
//! #     .start()
//! #     .await?;
//! # grantry::vault::LocalKey::generate(folder.path().join("grantry.key"))?;
//! # let path = folder.path().join("grantry.json");
//! # std::fs::write(&path, format!(
//! #     r#"{{ "services": {{ "crm": {{ "flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing",
//! #                                    "clientSecret": "s3cret" }} }},
//! #           "vault": {{ "type": "sqlite", "path": "grantry.db" }},
//! #           "keys": {{ "type": "file", "path": "grantry.key" }} }}"#,
//! #     test.token_endpoint(),
//! # ))?;
//! # let pantry = grantry::Grantry::builder().config(grantry::config::Config::from_file(&path)?).open().await?;
//! # pantry.create_tenant("acme").await?;
//! # grantry::TokenSource::token(&*pantry.tenant("acme")?.source("crm").await?).await?;
//! use axum::extract::State;
//! use axum::response::IntoResponse;
//! use axum::routing::get;
//! use grantry::Grantry;
//! use http::{StatusCode, header};
//!
//! /// From memory: a probe asks no store and no server.
//! async fn health(State(pantry): State<Grantry>) -> impl IntoResponse {
//!     let status = pantry.status();
//!     let code = if status.is_well() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
//!     let json = serde_json::to_string(&status).unwrap_or_default();
//!     (code, [(header::CONTENT_TYPE, "application/json")], json)
//! }
//!
//! let app: axum::Router = axum::Router::new().route("/health", get(health)).with_state(pantry.clone());
//! # use tower::ServiceExt;
//! # let answer = app.clone().oneshot(http::Request::get("/health").body(axum::body::Body::empty())?).await?;
//! # assert_eq!(answer.status(), StatusCode::OK);
//!
//! // What the vault tells besides, of one tenant: the history, the forecast, grants that are open nowhere. A principal who may read
//! // them all has it of every tenant: pantry.as_principal(..).status().
//! let acme = pantry.tenant("acme")?.status().await?;
//! assert!(!acme.needs_person());
//! # pantry.shutdown().await?;
//! # let answer = app.oneshot(http::Request::get("/health").body(axum::body::Body::empty())?).await?;
//! # assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | field | it says |
//! |---|---|
//! | `version`, `at`, `tenant` | the form, which is 1; when it was taken; whose grants these are, where they are one tenant's |
//! | `process` | `closed`, `renewals_in_flight`, and `keys`: how the last rotation of keys ended. Not in what the command prints, which ends at once |
//! | `grants` | by `tenant`, `service` and `account`, each with `needs_person` |
//! | of a grant, where the vault was asked | `state`, `consented_at`, `generation`, `last_renewal_at`, `next_renewal_at`, `person_needed_at`, `idle_limit_at`, `absolute_limit_at`, `calls`, `last_used_day`, `last_error`, `further`, `history` |
//! | of a grant, `open`, where it is open in the process | `condition`, `expires_at`, `next_renewal_at`, `renewing`, `waiting`, `hits`, `renewals`, `failures`, `trouble` |
//!
//! Times are in UTC as RFC 3339 has them. Fields are added without a new version.
//!
//! A person who has to consent again is no reason to take a process out of service: where one grant of many must not, answer 200 as
//! long as `process` is not closed, and have the monitoring look at `needs_person`.
//!
//! # Traces
//!
//! Everything goes through `tracing`. Fields have the names that the conventions of OpenTelemetry give them; what those have no
//! name for is under `grantry.`, or under `oauth.` where it is a word of OAuth. Nothing is logged on the path of a token that is
//! at hand.
//!
//! | level | what | fields |
//! |---|---|---|
//! | span, debug | `oauth.request`: one exchange with the authorization server, be it for tokens, metadata, keys or user info | `otel.kind`, `http.request.method`, `server.address`, `server.port`, `url.full`, `http.response.status_code`, `error.type`, `grantry.transport_cause` |
//! | debug | token request failed | `server.address`, `oauth.grant_type`, `http.response.status_code`, `error.type` |
//! | debug | token renewed | `grantry.service`, `grantry.lifetime_s`, `grantry.took_ms` |
//! | warn | token renewal failed | `grantry.service`, `error.type`, `grantry.attempt`, `grantry.again_in_ms`, `grantry.salvaged`, `grantry.in_doubt` |
//! | warn | an expired token is handed out | `grantry.service`, `grantry.expired_for_ms` |
//! | info | a resource server refused the token; the next demand replaces it | `grantry.service` |
//! | debug | a token was refused so soon after the one before that it is kept for now | `grantry.service` |
//! | debug | the resource server refused the token, or asked for a nonce; sending once more | `server.address`, `server.port`, `http.response.status_code`, `http.request.resend_count` |
//! | info | a login was asked for (`grantry-axum`) | `grantry.outcome` |
//! | warn | a login did not work (`grantry-axum`) | `grantry.outcome`, `error.type`, `exception.message`, `grantry.cause`, `grantry.remedy` |
//!
//! Custody, the vault, the stores and the key providers tell besides what goes wrong, or is put right, where nobody waits for an
//! answer. An event about a stored grant names it by `grantry.tenant`, `grantry.service` and `grantry.account`, and one that tells
//! of an error has its text in `exception.message`, and its kind in `error.type` where it has one. What is left of their fields:
//!
//! | level | what | fields |
//! |---|---|---|
//! | warn | a revocation failed | `grantry.queued` |
//! | warn | unfinished revocations, open intents or unused grants of a tenant cannot be looked for | `grantry.tenant` |
//! | info | unused grants were looked at | `grantry.tenant`, `grantry.grants` |
//! | warn | the vault has not written (SQLite) | `grantry.writes` |
//! | debug | not subscribed to changes in Redis | `grantry.again_in_ms` |
//! | warn | an older key does not unwrap; the keys of a tenant cannot be had | `grantry.tenant`, `grantry.epoch` |
//! | warn | not a record: no key of its tenant is retired | `grantry.record` |
//! | warn | a key is to be rotated | `grantry.tenant`, `grantry.age_days`, `grantry.overdue` |
//! | info | a key was made, promoted, retired or destroyed, or cannot be retired yet | `grantry.key`, `grantry.mechanism` |
//! | warn | a mechanism of the token does not work (PKCS#11) | `grantry.mechanism` |
//! | warn | the token is gone: the PKCS#11 module looks for it again | `grantry.module` |
//! | warn, info | the audit sink fails; it takes lines again | `grantry.audit.sink` |
//! | info | a line of the audit trail, from the sink [`Traced`](crate::vault::audit::Traced) | `grantry.audit.writer`, `grantry.audit.seq`, `grantry.audit.stage`, `grantry.audit.line` |
//!
//! | field | it says |
//! |---|---|
//! | `error.type` | [`ErrorKind::as_str`](crate::ErrorKind::as_str), everywhere. In the span only where no whole answer came |
//! | `grantry.transport_cause` | what kept the answer from coming, such as `TimedOut` ([`TransportCause`](crate::TransportCause)) |
//! | `url.full` | the URL without its query, user and fragment |
//! | `grantry.tenant`, `grantry.service`, `grantry.account` | the names of a grant's key. Of a source only the middle one is told |
//! | `grantry.lifetime_s`, `grantry.took_ms` | how long the token is fit, in seconds; how long the attempt took, in milliseconds |
//! | `grantry.attempt`, `grantry.again_in_ms` | the number of the attempt, and when the next one follows by itself; left out if none does |
//! | `grantry.queued` | whether it is tried again by itself |
//! | `grantry.salvaged` | a refresh token was found in an answer that could not be used otherwise |
//! | `grantry.in_doubt` | nobody can tell whether the credential was spent |
//! | `grantry.expired_for_ms` | for how long the token had been expired |
//! | `grantry.outcome` | how a login stands, in one word, such as `connected` |
//! | `grantry.cause`, `grantry.remedy` | the error behind the one in `exception.message`, and what to do about it |
//! | `grantry.grants`, `grantry.writes` | how many grants or writes it concerns |
//! | `grantry.record` | where the record stands in the store |
//! | `grantry.epoch`, `grantry.key`, `grantry.mechanism`, `grantry.module` | the number of a tenant's key; the name of a key provider's; how that encrypts; the PKCS#11 module |
//! | `grantry.age_days`, `grantry.overdue` | how old a key is, and whether it should have been exchanged by now. Without a tenant it is the deployment's |
//! | `grantry.audit.sink` | which of the audit log's sinks, counted from 0 |
//! | `grantry.audit.line` | the line's JSON, so that what was collected can be verified; who wrote it, its number and its stage stand beside it |
//!
//! # Metrics
//!
//! With the feature `metrics` these go through the `metrics` crate:
//!
//! | name | what | label |
//! |---|---|---|
//! | `grantry_renewals_total` | attempts to obtain or renew a token | `outcome`: `ok`, or the kind of the error such as `unavailable` |
//! | `grantry_custody_events_total` | what happened to stored grants | `event`: the name of an event, such as `rotation_in_doubt`; `scope_changed` where a renewal brought another scope than the token before it had |
//! | `grantry_grants` | how many stored grants are how, as of the last look (each minute) | `state`: `active`, `renewing`, `in_doubt`, `person_needed`, `moved`, `revoking`, `unreadable` |
//! | `grantry_person_needed_seconds` | how long until the first of them needs a person if nobody uses it; infinite where no limit is known | |
//! | `grantry_revocations_waiting` | revocations that this process has not finished | |
//!
//! Stored grants are counted by each process for the tenants of which it has grants open. Everything else can be counted by
//! an observer or read from health, with the labels that you choose; names of tenants and accounts are kept out of labels,
//! since they have no end.
