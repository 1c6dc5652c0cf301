//! Other libraries: what they are for, and what they do better.
//!
//! Written in November 2026, from their documentation, their code, and measurements that anybody can repeat. Each is good at what
//! it is for; this page is to help you choose, also against us. Tell us what is wrong here.
//!
//! # In Rust
//!
//! | library | it is | rather that one, if | rather grantry, if |
//! |---|---|---|---|
//! | `oauth2` | the protocol: requests and answers of all common flows, with or without async, over any HTTP client; old, stable, read by many | you want the messages and keep tokens yourself; you target wasm | tokens are to be kept, renewed and shared |
//! | `openidconnect` | `oauth2` and OpenID Connect: ID tokens, key sets, user info, logout | you need the rest of OpenID Connect: hybrid flows, dynamic registration, logout | you need access to their accounts elsewhere, and at most who they are: ID tokens are checked here too |
//! | `huskarl` | an OAuth client with a cache; it passes the OpenID Foundation's client plans for OpenID Connect Basic and FAPI 2.0 (security profile and message signing), and is run against Keycloak, Dex, Okta and `oidc-provider`; signed requests (JAR), DPoP; a sister crate validates tokens for resource servers | you have to comply with a profile such as FAPI 2.0; conformance that somebody else has tested matters most | several processes share rotating refresh tokens; credentials are to be kept encrypted |
//! | `yup-oauth2` | Google's flows, service accounts and a file of tokens; long in use | you write a command for Google's APIs | it is a service, or not Google |
//! | `google-cloud-auth` | Google's own, for its cloud: metadata server, workload identity, impersonation | you run on Google Cloud and call it | other servers too |
//! | `azure_identity` | Microsoft's own: managed identity, workload identity, the developer's own login | you run on Azure and call it | other servers too |
//! | `aws-smithy-runtime` | the identity cache of the AWS SDK | you extend the AWS SDK | anything else |
//! | `aliri_tokens`, `middle` | small: client credentials kept fresh in the background, or when they are asked for | that is all you need, and a small dependency counts | outages, refusals, more than one flow |
//!
//! Cloud providers' own libraries obtain tokens from the platform without any secret. grantry has no metadata server and no
//! managed identity: implement [`Grant`](crate::Grant) around theirs where you want both under one roof.
//!
//! # Elsewhere
//!
//! | library | what to learn from it | what it leaves to you |
//! |---|---|---|
//! | golang `oauth2` | a one-method source that everything is wrapped around; ours is the same idea | storing what rotated; renewal in the background; several processes |
//! | Spring Security (OAuth2 client) | the most complete wiring into a framework, with stores in a database | encryption of the stored tokens; agreement between replicas on who renews |
//! | Duende AccessTokenManagement | renewal and DPoP for ASP.NET with one line, by people who write an authorization server | storage is the session's or the cache's |
//! | Nango | a service with over a thousand provider integrations, a user interface for consents, support | a service to run or to buy; tokens are fetched over its API |
//! | HashiCorp Vault, cloud secret managers | keys, policies, audit at the scale of a company | OAuth: they keep what you give them. As key providers they work with grantry |
//!
//! # What was measured
//!
//! `benches/README.md` and `benches/peers` measure seven crates in Rust: what a token at hand costs, what happens while it is renewed,
//! and in an outage while the token is still valid. In the run that is written down there, `middle`, `aliri_tokens` and
//! `google-cloud-auth` served every call through the outage as we did, the last with half as many requests as we sent; `huskarl`
//! served 34 % of them, the others none. How each was driven, and what the figures do not say, stands beside them; they are ours, so
//! run them yourself: `cargo xtask bench`.
//!
//! `docs/races.md` races processes for refresh tokens. Without faults a lock around `oauth2` or `huskarl` loses nothing either, as
//! long as all processes are on one machine. With 150 kills on a server that forgives nothing, a plain locked file around
//! `oauth2` lost fewer grants (4 of 30) than ours (8 with SQLite, 12 with PostgreSQL, 17 with Redis), because it does less between
//! an answer and its file; it does not sync that file. With kills and lost answers on a server that repeats an answer for a while,
//! ours lost none and failed no call; the locked file lost none and failed 31 calls, `huskarl` behind a lock none and 182.
//!
//! # What grantry does not do
//!
//! * **It is not certified.** It is tested against a certified server (`oidc-provider`), Authlib, Apache with mod_oauth2, and a server
//!   of its own; the conformance suite of the OpenID Foundation has not been run.
//! * **It validates no tokens for resource servers**, and issues none.
//! * **It knows no platform identity** of any cloud.
//! * **It has 34 providers**, not a thousand, and says of each what nobody verified.
//! * **It is young.** Nobody has run it for years, and there was no outside audit.
//! * **It is Rust only**, on tokio only; the command is for everything else.
