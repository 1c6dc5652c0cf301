//! Keys that never leave AWS KMS: a key provider for the vault.
//!
//! ```no_run
//! # async fn example(credentials: aws_credential_types::Credentials) -> Result<(), grantry_vault::KeyError> {
//! use grantry_keys_aws_kms::AwsKms;
//! use grantry_vault::KeyProvider;
//!
//! let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//! let keys = AwsKms::builder("eu-central-1", credentials, key).build()?;
//! println!("tenant keys are wrapped by {}", keys.active().await?);
//! # Ok(())
//! # }
//! ```
//!
//! # Setting it up
//!
//! ```text
//! aws kms create-key --description grantry
//! aws kms enable-key-rotation --key-id <id> --rotation-period-in-days 90
//! ```
//!
//! What the workload's IAM policy has to allow on the key: `kms:Encrypt` and `kms:Decrypt`, and `kms:DescribeKey` where the
//! key is named by an id or an alias. A condition may bind it to a deployment:
//!
//! ```text
//! "Condition": { "StringEquals": { "kms:EncryptionContext:deployment": "prod" } }
//! ```
//!
//! (`kms:DescribeKey` has no encryption context: allow it in a statement of its own.) The context's names are `deployment`,
//! `tenant` and `epoch`. It is no secret, and CloudTrail records it.
//!
//! Name the key by its **ARN**. An alias leads to one key at a time: where it is pointed to another, wrapped keys of the one
//! before are refused until that is named with [`with_previous`](AwsKms::with_previous).
//!
//! # TLS
//!
//! [`AwsKms::builder`] brings a client with rustls on ring, whose crate does not depend on aws-lc. For a client of your own
//! ([`AwsKms::new`]) or a credentials provider of `aws-config`, switch their default features off and hand them
//! [`http_client`], unless you want a second TLS library:
//!
//! ```text
//! aws-config = { version = "...", default-features = false, features = ["rt-tokio"] }
//! let config = aws_config::defaults(version).http_client(grantry_keys_aws_kms::http_client()).load().await;
//! let keys = AwsKms::new(aws_sdk_kms::Client::new(&config), key);
//! ```
//!
//! # Rotation
//!
//! [`KeyRotation`](grantry_vault::KeyRotation) is not implemented, because KMS rotates by itself: it exchanges the material
//! behind a key every `--rotation-period-in-days`, keeps the old material for what it encrypted, and the key's ARN stays. The
//! vault has nothing to wrap anew then. `aws kms rotate-key-on-demand` does it at once.
//!
//! Moving to **another key** (another account, or because a policy was too wide) is done by two providers: the new one wraps,
//! and the old one goes on unwrapping, either as a former provider of the vault or, in the same region, by
//! [`with_previous`](AwsKms::with_previous). The vault's rotation wraps each tenant key anew; then disable the old key, and
//! schedule its deletion when nothing has needed it for a while.
//!
//! Replicas of a multi-region key (`mrk-...`) count as one key: what one wrapped, another unwraps in its own region. Rotate
//! from one region only, since each names its own replica.
//!
//! # What it costs
//!
//! One `Decrypt` for each tenant, process and cache period of the vault, one `Encrypt` for each tenant key that is made or
//! wrapped anew. Where the key is named by an id or an alias, one `DescribeKey` more for each process, and for each tenant and
//! run of the rotation. AWS bills each request and throttles an account's requests for each region. A request that failed is
//! sent once more.
//!
//! # What is not zeroized
//!
//! The SDK makes a request's body from the tenant key, as base64 in JSON, in memory of its own, and reads an answer's likewise.
//! Neither is zeroized when it is freed. What comes out of the SDK is.
//!
//! # Invariants
//!
//! * The key never comes here, and a tenant key only where it is wrapped or unwrapped.
//! * Each `Encrypt` and `Decrypt` carries deployment, tenant and epoch, and each `Decrypt` names its key. That is a key that was
//!   configured: what a store names is compared, never used.
//! * A wrapped key names the ARN of the key that KMS says it used, never an alias.
//! * A call ends within its limit of time, whatever the client's own limits are.
//! * No error or `Debug` shows a key, a credential, or what KMS answered but for its codes and statuses that are known here. While
//!   it encrypts and decrypts, the SDK is given no subscriber: at its finest level it logs whole requests.
//! * An error whose code is not known is no verdict on what was wrapped.
//! * aws-lc does not enter the graph.

mod builder;
mod key_arn;
mod keys;
mod refusal;

pub use builder::{AwsKmsBuilder, http_client};
pub use keys::AwsKms;
