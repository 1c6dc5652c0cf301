//! grantry against real authorization servers. Each test starts one of its own.

mod apache;
mod authlib;
mod authorization_code;
mod client_authentication;
mod configured;
mod device_authorization;
mod discovery;
mod dpop;
mod harness;
mod held;
mod id_tokens;
mod introspecting_resource;
mod mutual_tls;
mod refresh_token;
mod renewal;
mod resource;
mod revocation;
mod rotation;
mod step_up;
mod support;
