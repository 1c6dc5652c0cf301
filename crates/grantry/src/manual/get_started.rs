//! Get started: from nothing to an authorized request, in a program and from a shell.
//!
//! Two minutes, and three things from whoever runs the authorization server: the token endpoint's URL, a client id, and a
//! client secret. On this page they are `https://as.example.com/token`, `billing`, and what is in `secret.txt`.
//!
//! # In a program
//!
//! One dependency, beside the reqwest and the tokio that a service has anyway:
//!
//! ```toml
//! [dependencies]
//! grantry = "0.1"
//! ```
//!
//! Say who issues the tokens and who you are, wrap the client that you have, and send:
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # let resource = grantry_testkit::ProtectedResource::start(&test).await?;
//! # grantry::install_crypto_provider();
//! use grantry::{AuthorizationServer, AuthorizedClient};
//!
//! let token_url = "https://as.example.com/token";
//! let api_url = "https://api.example.com";
//! let secret = std::env::var("CLIENT_SECRET");
//! # let (token_url, api_url) = (test.token_endpoint(), resource.origin());
//! # let secret = secret.or(Ok::<_, std::env::VarError>("s3cret".to_owned()));
//!
//! let server = AuthorizationServer::builder(token_url).build()?;
//! let source = grantry::client_credentials(server, "billing", secret?).scope("orders.read").build()?;
//! let api = AuthorizedClient::from_builder(reqwest::Client::builder(), source, [api_url])?;
//!
//! let orders = api.get(format!("{api_url}/orders")).send().await?;
//! assert_eq!(orders.status(), 200);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! That is all. The first request obtains a token; later ones find it at hand; it is renewed in the background before it
//! expires; a 401 is answered with one new token and one more try. Clone `api` wherever this identity is needed.
//!
//! Where you know the issuer instead of its endpoints, ask it: `grantry::discover("https://as.example.com").await?`. Where it
//! is a well-known provider, take its preset: `grantry::providers::google()?`; [`providers`](super::providers) lists them.
//!
//! The URL of a token endpoint has to be https. Plain http is accepted for this machine only (127.0.0.1 and `localhost`), so a
//! server in a test needs no certificate.
//!
//! # From a shell
//!
//! The command keeps the same credentials in an encrypted vault, for scripts and for people:
//!
//! ```console
//! $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token --scope orders.read
//! made a vault in /home/ana/.local/share/grantry
//! keep a copy of its key elsewhere: /home/ana/.local/share/grantry/grantry.key
//! stored the credentials of crm (tenant default)
//! ```
//!
//! `--client-secret-stdin` and `--client-secret-env` take the secret from elsewhere; without any of them, a person is asked.
//!
//! ```console
//! $ curl --silent --output answer.txt --write-out '%{http_code}\n' \
//!     --header "Authorization: Bearer $(grantry auth token --service crm)" https://api.example.com/orders
//! 200
//! $ grantry auth status
//! SERVICE  ACCOUNT  STATE   NEXT RENEWAL  LAST RENEWED  PERSON NEEDED  LAST ERROR
//! crm      default  active  in 59 min     now           -              -
//! ```
//!
//! `auth token` obtains a token only where the vault has none that is fit. For a program that reads its token from the
//! environment there is `run`; it ends with the exit code of what it ran:
//!
//! ```console
//! $ grantry run --service crm -- sh -c 'test -n "$GRANTRY_TOKEN" && echo there is a token'
//! there is a token
//! ```
//!
//! # A program that opens the vault
//!
//! With the vault come many tenants, refresh tokens that survive a restart, roles and an audit trail. A program opens what the
//! command made, or the other way round:
//!
//! ```toml
//! [dependencies]
//! grantry = { version = "0.1", features = ["pantry", "sqlite"] }
//! ```
//!
//! ```
//! # #[cfg(all(feature = "pantry", feature = "sqlite"))]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let home = tempfile::tempdir()?;
//! # let folder = home.path();
//! # let client = grantry_testkit::RegisteredClient::with_secret("billing", "s3cret");
//! # let test = grantry_testkit::TestServer::builder().client(client).start().await?;
//! # {
//! #     use grantry::vault::{LocalKey, SealedVault, ClientRecord};
//! #     let ana = grantry::vault::access::Principal::person("ana")?;
//! #     let key = LocalKey::generate(folder.join("grantry.key"))?;
//! #     let store = grantry::SqliteVault::open(folder.join("grantry.db")).await?;
//! #     let policy = grantry::vault::access::AccessPolicy::sole(&ana);
//! #     let vault = SealedVault::builder(store, key, policy).open().await?;
//! #     let as_ana = vault.as_principal(ana);
//! #     as_ana.create_tenant("default").await?;
//! #     let now = grantry::Clock::wall(&grantry::SystemClock::new());
//! #     let record = ClientRecord::new("billing").with_secret("s3cret", now)
//! #         .with_attribute("token_url", test.token_endpoint());
//! #     as_ana.tenant("default")?.store_client("crm", record, None).await?;
//! #     vault.close().await?;
//! # }
//! use grantry::vault::access::{AccessPolicy, Principal};
//! use grantry::vault::{LocalKey, VaultKeys};
//! use grantry::{Grantry, SqliteVault, TokenSource};
//!
//! // `folder` is where `auth set` made the vault.
//! let billing = Principal::workload("billing")?;
//! let pantry = Grantry::builder()
//!     .vault(SqliteVault::open(folder.join("grantry.db")).await?)
//!     .keys(VaultKeys::rotating(LocalKey::from_file(folder.join("grantry.key"))?))
//!     .lifeboats(folder.join("lifeboats"))
//!     .access(AccessPolicy::sole(&billing))
//!     .open()
//!     .await?;
//!
//! let source = pantry.as_principal(billing).tenant("default")?.source("crm").await?;
//! let token = source.token().await?;
//! # let _ = token;
//! pantry.shutdown().await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A source of the pantry goes wherever any other does, `AuthorizedClient` included.
//!
//! # Where next
//!
//! | you have | read |
//! |---|---|
//! | people whose accounts are to be connected, or another flow | [`flows`](super::flows) |
//! | scripts, a terminal, a person who logs in from there | [`command`](super::command) |
//! | many services, and a file that describes them | [`configuration`](super::configuration) |
//! | more than one process | [`replicas`](super::replicas) |
//! | something that does not work | [`troubleshooting`](super::troubleshooting) |
