//! Configuration: one file for services, vault, keys, roles and the audit trail.
//!
//! JSON, with comments and a comma behind the last member if you like. `grantry config check` reads it as a program would, and
//! tells every mistake at once:
//!
//! ```jsonc
//! // grantry.json
//! {
//!   "defaults": {
//!     "refreshToken": { "bufferTime": 120, "fallbackBehavior": "queue" },   // of every service
//!   },
//!   "services": {
//!     "crm": {
//!       "flow": "client_credentials",
//!       "tokenUrl": "https://as.example.com/token",
//!       "clientId": "billing",
//!       "clientSecret": "${CRM_SECRET}",
//!       "scopes": ["contacts.read"],
//!     },
//!     "drive": {
//!       "provider": "google",
//!       "clientId": "app.apps.googleusercontent.com",
//!       "clientSecret": "${GOOGLE_SECRET}",
//!       "redirectUri": "https://app.example.com/callback",
//!       "scopes": ["https://www.googleapis.com/auth/drive.readonly"],
//!     },
//!   },
//!   "vault": { "type": "sqlite", "path": "grantry.db", "lifeboats": "lifeboats" },
//!   "keys": { "type": "file", "path": "grantry.key" },
//! }
//! ```
//!
//! ```console
//! $ export CRM_SECRET=s3cret GOOGLE_SECRET=s3cret
//! $ grantry config check grantry.json
//! note: "drive" uses the flow authorization_code: what this provider guards belongs to people, who have to consent
//! ...
//! TENANT   SERVICE  FLOW                TOKEN ENDPOINT                       MISSING
//! (every)  crm      client_credentials  https://as.example.com/token
//! (every)  drive    authorization_code  https://oauth2.googleapis.com/token
//! ```
//!
//! The command uses such a file, too: `grantry --config grantry.json auth token --service crm`. How many warnings
//! the files draw is said on stderr, in one line. A mistake is shown where it stands, with what was probably meant. Nothing that may be a secret is shown:
//!
//! ```console
//! $ echo '{"auth": {"tokenURL": "https://as.example.com/token", "clientSecret": "s3cret"}}' > wrong.json
//! $ grantry config check wrong.json
//! error: there is no key "tokenURL" in auth
//!   --> wrong.json:1:11
//!   |
//! 1 | {"auth": {"tokenURL": [hidden], "clientSecret": [hidden]}}
//!   |           ^^^^^^^^^^
//!   = did you mean "tokenUrl"?
//! ...
//! $ echo $?
//! 2
//! ```
//!
//! `grantry config schema` prints a JSON Schema, with which editors complete and check as you type: name it in `$schema`.
//!
//! # Opening it
//!
//! ```toml
//! [dependencies]
//! grantry = { version = "0.1", features = ["config", "sqlite"] }
//! ```
//!
//! ```
//! # #[cfg(all(feature = "config", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let home = tempfile::tempdir()?;
//! # let path = home.path().join("grantry.json");
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let text = format!(r#"{{
//! #     "service": "crm",
//! #     "auth": {{"flow": "client_credentials", "tokenUrl": "{}", "clientId": "billing", "clientSecret": "s3cret"}},
//! #     "vault": {{"type": "sqlite", "path": "grantry.db", "lifeboats": "lifeboats"}},
//! #     "keys": {{"type": "file", "path": "grantry.key"}},
//! #     "access": {{"bindings": [{{"principal": "workload:billing", "role": "admin", "tenant": "*"}}]}}
//! # }}"#, test.token_endpoint());
//! # std::fs::write(&path, text)?;
//! # grantry::vault::LocalKey::generate(home.path().join("grantry.key"))?;
//! use grantry::config::Config;
//! use grantry::vault::access::Principal;
//! use grantry::{Grantry, TokenSource};
//!
//! let loaded = Config::from_file(&path)?;
//! let pantry = Grantry::builder().config(loaded).open().await?;
//!
//! let billing = pantry.as_principal(Principal::workload("billing")?);
//! billing.create_tenant("acme").await?;
//! billing.tenant("acme")?.source("crm").await?.token().await?;
//!
//! // Later, after the file has changed: handles stay, and so do tokens that are still right.
//! pantry.reload(Config::from_file(&path)?).await?;
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The key file has to be there: nothing makes one by itself, since a vault whose key was made anew would be lost. Make it once,
//! with `LocalKey::generate` or `grantry vault init`.
//!
//! Each kind of store and of key is a feature, of `grantry` and of `grantry-cli` alike: `sqlite`, `postgres`, `redis`;
//! `keychain`, `pkcs11`, `aws-kms`, `transit`. Key files, environment variables and passphrases need none. A kind whose feature is
//! off is an error that names it, unless the program opened it itself and hands it in: `.vault(..)`, `.keys(..)`. KMS takes the
//! credentials that AWS gives the process; a PIN or a token stands in the file as secrets do.
//!
//! # Who the process is
//!
//! Where nothing says who may do what, neither the file (`access`) nor the program (`.access(..)`), the process speaks for itself,
//! as `workload:grantry`: it uses tokens, keeps consents and makes tenants. It sees no secret, changes no registration, and
//! turns no key; nobody else may anything.
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
//! use grantry::config::Config;
//! use grantry::{Grantry, TokenSource};
//!
//! let pantry = Grantry::builder().config(Config::from_file(&path)?).open().await?;
//! pantry.create_tenant("acme").await?;
//! pantry.tenant("acme")?.source("crm").await?.token().await?;
//! # pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where there is a policy, `tenant` needs to know whom in it the process is: `.principal(Principal::workload("billing")?)` says it
//! once, for a program that acts for one. A program that acts for several takes `as_principal` each time, and an error says so.
//!
//! # Where secrets come from
//!
//! | in a text | it stands for |
//! |---|---|
//! | `${NAME}` | an environment variable |
//! | `${NAME:-value}` | one, with what to take where it is not set or empty |
//! | `${file:/run/secrets/crm}` | what a file holds, without the line break at its end |
//! | `$${` | `${` itself |
//! | `{tenantId}`, `{instanceUrl}`, `{domain}` | in URLs: the value of that key, never [what a server says](super::providers) |
//!
//! Best of all leave the secret out: where the file has none, the vault's registration has it
//! (`grantry auth set --service crm --client-id billing --client-secret-stdin`). A secret that stands in the file itself draws
//! a warning, and one in both places is an error.
//!
//! Whatever else a service leaves out the registration may have as well: provider, endpoints, scopes, flow, policy. Endpoints count
//! only where it was not registered for another server. What is in neither place is an error for whoever asks for that service, and
//! stops no other; a mistake stops everything. The metadata of an `issuer` is read when the first of its services is needed, once for
//! all of them: while it cannot be had these services fail, and it is asked again.
//!
//! Keys are named as secrets are: `privateKeyFile` for assertions (with `certificateFile`, for servers that want its
//! thumbprint), `mutualTls` for connections that present a certificate, `dpop` for a key that is made with each grant. The last
//! two are told of in [`binding`](super::binding#in-a-configuration).
//!
//! # Layers and tenants
//!
//! Several files are layers: `grantry config check base.json production.json`, `Config::load` in a program. Objects are laid
//! over each other key by key, everything else is replaced, lists too. What a tenant says of a service lies over all of it:
//!
//! ```jsonc
//! // tenants.json
//! {
//!   "services": {
//!     "graph": {
//!       "provider": "microsoft",
//!       "scopes": ["https://graph.microsoft.com/.default"],
//!     },
//!   },
//!   "tenants": {
//!     "contoso": { "services": { "graph": { "tenantId": "contoso.onmicrosoft.com", "clientId": "billing-contoso" } } },
//!     "fabrikam": { "services": { "graph": { "tenantId": "fabrikam.onmicrosoft.com", "clientId": "billing-fabrikam" } } },
//!   },
//! }
//! ```
//!
//! # The policy of renewals
//!
//! ```jsonc
//! // renewal.json
//! {
//!   "defaults": {
//!     "refreshToken": {
//!       "enabled": true,                 // ahead of expiry; without it, when somebody asks after that
//!       "bufferTime": 300,               // seconds before expiry
//!       "maxRetries": 3,                 // after a failed attempt, before a rest
//!       "retryDelay": 1000,              // milliseconds before the first retry; doubles with each
//!       "fallbackBehavior": "use-expired",   // queue, fail, use-expired
//!       "expiredGrace": 60,              // seconds after expiry, with use-expired
//!     },
//!   },
//! }
//! ```
//!
//! These are the defaults but for the fallback, which is `queue`. What each word means to the second is in
//! [`renewal`](super::renewal).
