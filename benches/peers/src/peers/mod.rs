//! One adapter a file.

mod aliri_tokens;
mod aws_smithy_runtime;
mod azure_identity;
mod google_cloud_auth;
mod grantry;
mod huskarl;
mod middle;
mod yup_oauth2;

pub(crate) use self::aliri_tokens::AliriTokens;
pub(crate) use self::aws_smithy_runtime::AwsSmithyRuntime;
pub(crate) use self::azure_identity::AzureIdentity;
pub(crate) use self::google_cloud_auth::GoogleCloudAuth;
pub(crate) use self::grantry::Grantry;
pub(crate) use self::huskarl::Huskarl;
pub(crate) use self::middle::Middle;
pub(crate) use self::yup_oauth2::YupOauth2;
