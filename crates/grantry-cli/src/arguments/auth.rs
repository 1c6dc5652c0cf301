//! `grantry auth`, `run` and `credential-process`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Subcommand)]
pub(crate) enum AuthCommand {
    /// Store the credentials of a service, or change some of them
    Set(Box<Set>),
    /// Have a person authorize, in a browser or on another device
    Login(Box<Login>),
    /// List stored credentials
    List(List),
    /// Print an access token, obtained or renewed if need be
    Token(Show),
    /// Renew the access token now
    Refresh(Of),
    /// Exchange the client's secret, or renew what there is
    Rotate(Rotate),
    /// Revoke a service's tokens at the server, and delete it here
    Remove(Remove),
    /// Show how the stored grants are
    Status(Status),
    /// Revoke one grant's tokens at the server, and delete it here
    Revoke(Revoke),
    /// Tell why a grant does not work, from what the vault knows
    Diagnose(Diagnose),
}

/// Which grant.
#[derive(Debug, Args)]
pub(crate) struct Of {
    /// The service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    /// The account; a client's own tokens go by `default`
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub(crate) account: String,
}

/// Where a client secret comes from.
#[derive(Debug, Args, Default, PartialEq)]
#[group(multiple = false)]
pub(crate) struct SecretGiven {
    /// The client secret. Other users of this machine may see it: better one of the others
    #[arg(long, value_name = "SECRET", allow_hyphen_values = true)]
    pub(crate) client_secret: Option<String>,
    /// Read the client secret from stdin; where that is a terminal it is asked for, and does not show
    #[arg(long)]
    pub(crate) client_secret_stdin: bool,
    /// Read the client secret from this environment variable
    #[arg(long, value_name = "NAME")]
    pub(crate) client_secret_env: Option<String>,
    /// Read the client secret from this file, which nobody else should be able to read
    #[arg(long, value_name = "FILE")]
    pub(crate) client_secret_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The service, by which everything else names it
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) registered: Registered,
    /// Forget a field that is stored, such as `audience` or `param.NAME`
    #[arg(long, value_name = "FIELD")]
    pub(crate) unset: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    #[command(flatten)]
    pub(crate) of: Of,
    /// Only print the address that is to be opened
    #[arg(long)]
    pub(crate) no_browser: bool,
    /// Show a code to type on another device: for machines without a browser
    #[arg(long, conflicts_with = "no_browser")]
    pub(crate) device: bool,
    /// How long to wait for the browser [default: 600]
    #[arg(
        long,
        value_name = "SECONDS",
        value_parser = clap::value_parser!(u64).range(1..=86_400),
        conflicts_with = "device"
    )]
    pub(crate) timeout: Option<u64>,
    #[command(flatten)]
    pub(crate) registered: Registered,
}

/// A client and its service, as they are stored.
#[derive(Debug, Args, Default, PartialEq)]
pub(crate) struct Registered {
    /// The client identifier
    #[arg(long, value_name = "ID")]
    pub(crate) client_id: Option<String>,
    #[command(flatten)]
    pub(crate) secret: SecretGiven,
    /// Read the private key that signs the client's assertions (PEM or JWK), or that of its certificate (PEM), from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) private_key_file: Option<PathBuf>,
    /// Read the certificate of that key, whose thumbprint assertions are to name, from this file (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate_file: Option<PathBuf>,
    /// Read the certificate that connections present (RFC 8705), with those between it and its root, from this file (PEM)
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_certificate_file: Option<PathBuf>,
    /// A client without a secret: ask for none
    #[arg(long, conflicts_with = "SecretGiven")]
    pub(crate) public: bool,
    #[command(flatten)]
    pub(crate) described: Described,
}

/// What a service is, besides its client.
#[derive(Debug, Clone, Args, Default, PartialEq)]
pub(crate) struct Described {
    /// The provider, as `providers list` has it
    #[arg(long, value_name = "NAME", help_heading = "Service")]
    pub(crate) provider: Option<String>,
    /// What the provider's URLs need, such as tenantId=contoso.example
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Service")]
    pub(crate) provider_param: Vec<String>,
    /// How tokens are obtained
    #[arg(long, value_enum, help_heading = "Service")]
    pub(crate) flow: Option<FlowName>,
    /// The token endpoint
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) token_url: Option<String>,
    /// The authorization endpoint
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) authorization_url: Option<String>,
    /// The revocation endpoint
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) revocation_url: Option<String>,
    /// The introspection endpoint
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) introspection_url: Option<String>,
    /// The device authorization endpoint
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) device_url: Option<String>,
    /// The endpoint for pushed authorization requests
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) par_url: Option<String>,
    /// Where the server publishes its keys, by which ID tokens are checked
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) jwks_uri: Option<String>,
    /// The issuer identifier. Where nothing else says where tokens come from, its metadata is asked for the endpoints
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) issuer: Option<String>,
    /// Where the browser comes back to
    #[arg(long, value_name = "URL", help_heading = "Service")]
    pub(crate) redirect_uri: Option<String>,
    /// A scope to ask for; may be given again, or several with spaces between
    #[arg(long, value_name = "SCOPE", help_heading = "Service")]
    pub(crate) scope: Vec<String>,
    /// A resource that the tokens are for (RFC 8707); may be given again
    #[arg(long, value_name = "URI", help_heading = "Service")]
    pub(crate) resource: Vec<String>,
    /// The parameter `audience`
    #[arg(long, value_name = "VALUE", help_heading = "Service")]
    pub(crate) audience: Option<String>,
    /// Another parameter of the request; may be given again. No place for secrets: it is shown
    #[arg(long, value_name = "NAME=VALUE", help_heading = "Service")]
    pub(crate) param: Vec<String>,
    /// What is exchanged (RFC 8693), for the flow token_exchange [default: an access token]
    #[arg(long, value_name = "URI", help_heading = "Service")]
    pub(crate) subject_token_type: Option<String>,
    /// What it is exchanged for [default: as the server chooses]
    #[arg(long, value_name = "URI", help_heading = "Service")]
    pub(crate) requested_token_type: Option<String>,
    /// Leave PKCE out (RFC 7636): followed only where the preset says that the provider ignores or refuses it
    #[arg(long, help_heading = "Service")]
    pub(crate) no_pkce: bool,
    /// Bind tokens to a key that the vault makes and keeps (DPoP, RFC 9449)
    #[arg(long, help_heading = "Service")]
    pub(crate) dpop: bool,
    /// The server binds tokens to the client's certificate (RFC 8705), as the client is registered
    #[arg(long, help_heading = "Service")]
    pub(crate) certificate_bound: bool,
    /// How the client authenticates, such as client_secret_post, or tls_client_auth by its certificate
    #[arg(long, value_name = "METHOD", help_heading = "Service")]
    pub(crate) auth_method: Option<String>,
    /// The `kid` of the private key
    #[arg(long, value_name = "ID", help_heading = "Service")]
    pub(crate) key_id: Option<String>,
    /// How assertions are signed [default: as the private key is]
    #[arg(long, value_name = "NAME", help_heading = "Service")]
    pub(crate) signing_algorithm: Option<String>,
    /// What the server does with used refresh tokens: none, keep-old, strict, grace:SECONDS
    #[arg(long, value_name = "HOW", help_heading = "Service")]
    pub(crate) rotation: Option<String>,
    /// What a revocation at the server leaves alone, as its documentation says: the refresh token of an access token, later
    /// consents of the same person; may be repeated [default: as the provider is known, else nothing]
    #[arg(long, value_enum, value_name = "WHAT", help_heading = "Service")]
    pub(crate) revocation_spares: Vec<SparedName>,
    /// How often the server lets one refresh token be used, such as 10/600: ten times in 600 seconds; or none, where the provider
    /// is known for a bound that does not hold
    #[arg(long, value_name = "TIMES/SECONDS", help_heading = "Service")]
    pub(crate) refresh_rate: Option<String>,
    /// Whether tokens are renewed before they expire [default: true]
    #[arg(long, value_name = "true|false", help_heading = "Renewal")]
    pub(crate) renew_ahead: Option<bool>,
    /// Renew this many seconds before expiry
    #[arg(long, value_name = "SECONDS", help_heading = "Renewal")]
    pub(crate) buffer_time: Option<u64>,
    /// How often a failed renewal is tried again
    #[arg(long, value_name = "TIMES", help_heading = "Renewal")]
    pub(crate) max_retries: Option<u32>,
    /// The first pause between tries, in milliseconds
    #[arg(long, value_name = "MS", help_heading = "Renewal")]
    pub(crate) retry_delay: Option<u64>,
    /// What callers get while a renewal fails
    #[arg(long, value_enum, help_heading = "Renewal")]
    pub(crate) fallback: Option<FallbackName>,
    /// How long callers wait with the fallback queue [default: 30]
    #[arg(long, value_name = "SECONDS", help_heading = "Renewal")]
    pub(crate) queue_patience: Option<u64>,
    /// How long after its expiry use-expired gives a token out [default: 60]
    #[arg(long, value_name = "SECONDS", help_heading = "Renewal")]
    pub(crate) expired_grace: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum FlowName {
    ClientCredentials,
    AuthorizationCode,
    DeviceAuthorization,
    TokenExchange,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub(crate) enum SparedName {
    RefreshTokens,
    LaterConsents,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum FallbackName {
    Queue,
    Fail,
    UseExpired,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// Of all tenants
    #[arg(long)]
    pub(crate) all_tenants: bool,
}

/// How a token is shown.
#[derive(Debug, Args)]
pub(crate) struct Output {
    /// Print it to a terminal, too
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    #[command(flatten)]
    pub(crate) of: Of,
    #[command(flatten)]
    pub(crate) output: Output,
    #[command(flatten)]
    pub(crate) subject: SubjectGiven,
}

/// Where the token comes from that is exchanged for one of the service. It is no argument: others would see it.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct SubjectGiven {
    /// For services of the flow token_exchange: read the token that is exchanged from stdin
    #[arg(long)]
    pub(crate) subject_token_stdin: bool,
    /// For services of the flow token_exchange: read the token that is exchanged from this file
    #[arg(long, value_name = "FILE")]
    pub(crate) subject_token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Rotate {
    /// The service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    #[command(flatten)]
    pub(crate) secret: SecretGiven,
    /// Keep the old secret beside the new one; another run without this drops it
    #[arg(long)]
    pub(crate) keep_old: bool,
    /// Go on with an exchange that was begun, without the new secret
    #[arg(long = "continue", conflicts_with = "SecretGiven")]
    pub(crate) go_on: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// The service
    #[arg(long, value_name = "NAME")]
    pub(crate) service: String,
    /// Delete it here only: its tokens live on until they expire
    #[arg(long)]
    pub(crate) local_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Of this service only
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<String>,
    /// Of all tenants
    #[arg(long)]
    pub(crate) all_tenants: bool,
    /// End with 4 where a person has to authorize again
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) of: Of,
    /// Delete it here only: its tokens live on until they expire
    #[arg(long)]
    pub(crate) local_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diagnose {
    #[command(flatten)]
    pub(crate) of: Of,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) of: Of,
    /// The environment variable that gets the token
    #[arg(long, value_name = "NAME", default_value = "GRANTRY_TOKEN")]
    pub(crate) env: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct CredentialProcess {
    #[command(flatten)]
    pub(crate) of: Of,
    #[command(flatten)]
    pub(crate) output: Output,
    /// What the program understands
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// An object with `access_token`, `token_type`, `expires_at` and `scope`
    #[default]
    Json,
    /// An ExecCredential of client.authentication.k8s.io/v1
    Kubernetes,
}
