//! Salesforce.

use grantry_core::{AuthorizationServer, ClientAuthenticationMethod as Method, Error, Rotation};

use crate::{Form, Parameter, Preset, Template};

/// Salesforce.
pub const SALESFORCE: Preset = Preset {
    documentation: &[
        "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_endpoints.htm",
        "https://help.salesforce.com/apex/HTViewHelpDoc?id=remoteaccess_oauth_refresh_token_flow.htm",
    ],
    verified: "2026-11-25",
    unverified: &[
        "client authentication: posting the secret is known to work, other methods are not",
        "whether it checks the code challenge, though sending one is known to work",
        "how long refresh tokens live: a policy of each application",
        "that an answer never holds expires_in: none has been seen that does",
    ],
    notes: &[
        "an answer has no expires_in: the policy of the session decides, so a token is used until it \
         is refused; say how long it lives with AuthorizationServerBuilder::missing_expires_in",
        "the answer names the instance that the token is for in instance_url, which is kept",
        "rotation of refresh tokens is a setting of the application; a second use of one then revokes \
         its family",
        "a person has 5 pairs of tokens for each application: the oldest ones end",
        "client credentials work at a My Domain only, not at login.salesforce.com",
        "refresh tokens need the scope refresh_token or offline_access",
    ],
    parameters: &[instance_url("https://login.salesforce.com")],
    authorization_endpoint: Some(Template::new("https://{host}/services/oauth2/authorize")),
    authorization_parameters: &[("prompt", "consent")],
    revocation_endpoint: Some(Template::new("https://{host}/services/oauth2/revoke")),
    client_authentication_methods: &[Method::ClientSecretPost],
    rotation: Rotation::Strict { revokes_family: true },
    rotation_setting_of: Some("the application"),
    kept_parameters: &["instance_url", "id"],
    ..Preset::new("salesforce", "Salesforce", Template::new("https://{host}/services/oauth2/token"))
};

const _: () = SALESFORCE.check();

/// A sandbox of Salesforce.
pub const SALESFORCE_SANDBOX: Preset = Preset {
    name: "salesforce-sandbox",
    title: "Salesforce, a sandbox",
    parameters: &[instance_url("https://test.salesforce.com")],
    ..SALESFORCE
};

const _: () = SALESFORCE_SANDBOX.check();

/// Where an org is.
const fn instance_url(default: &'static str) -> Parameter {
    Parameter {
        name: "instanceUrl",
        hole: "host",
        title: "the Salesforce instance URL",
        expected: "the URL of a My Domain, such as https://acme.my.salesforce.com, without a path",
        form: Form::Origin { homes: &["salesforce.com", "salesforce.mil", "my.site.com"] },
        default: Some(default),
    }
}

/// Salesforce's own log-in host, which every production org may use ([`SALESFORCE`]). The answer names the org's
/// instance ([`kept_parameters`](Preset::kept_parameters)).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn salesforce() -> Result<AuthorizationServer, Error> {
    SALESFORCE.server(&[])
}

/// Salesforce's own log-in host for sandboxes ([`SALESFORCE_SANDBOX`]).
///
/// # Errors
/// None in practice: its URLs are fixed.
pub fn salesforce_sandbox() -> Result<AuthorizationServer, Error> {
    SALESFORCE_SANDBOX.server(&[])
}

/// An org of Salesforce by its My Domain, in production or a sandbox ([`SALESFORCE`]), such as
/// `https://acme.my.salesforce.com`.
///
/// # Errors
/// [`Configuration`](grantry_core::ErrorKind::Configuration) where `instance_url` is not usable; the message says
/// what to change.
pub fn salesforce_my_domain(instance_url: &str) -> Result<AuthorizationServer, Error> {
    SALESFORCE.server(&[("instanceUrl", instance_url)])
}
