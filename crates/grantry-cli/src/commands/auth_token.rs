//! Tokens: `auth token`, `auth refresh`, `run`, `credential-process`.

use std::io::IsTerminal;
use std::process::Command as Process;
use std::time::Duration;

use grantry::pantry::{Flow, TenantPantry, completed, default_flow};
use grantry::token_exchange::SubjectToken;
use grantry::{Binding, Clock, Error, ErrorKind, Party, Stage, SystemClock, Token, TokenSource};
use grantry_config::Config;
use serde_json::json;

use super::After;
use crate::arguments::{CredentialProcess, Format, Of, Output, Run, Show};
use crate::console::Console;
use crate::failed::{Failed, PERSON, SERVER};
use crate::secret::Secret;
use crate::session::Session;
use crate::spoken::{length, utc};

pub(super) async fn token(
    console: &Console,
    session: &Session,
    show: &Show,
    subject: Option<Secret>,
) -> Result<After, Failed> {
    may_show(&show.output)?;
    let token = match subject {
        Some(subject) => exchange(console, session, &show.of, &subject).await,
        None => obtain(console, session, &show.of).await,
    }?;
    if console.json {
        console.object(object(&token))?;
    } else {
        console.data(&format!("{}\n", token.expose()))?;
    }
    Ok(After::DONE)
}

pub(super) async fn refresh(console: &Console, session: &Session, of: &Of) -> Result<After, Failed> {
    let tenant = session.pantry().await?;
    let renewed = tenant.renew((of.service.as_str(), of.account.as_str())).await;
    let renewed = match renewed {
        Ok(renewed) => renewed,
        Err(error) => return Err(not_obtained(session, &tenant, of, error).await),
    };
    let left = left(&renewed.token);
    if console.json {
        console.object(json!({
            "service": of.service,
            "account": of.account,
            "expires_at": left.map(expires_at),
            "scope": renewed.token.scope().as_str(),
        }))?;
    } else {
        let until = left.map_or_else(
            || "its lifetime is not known".to_owned(),
            |l| format!("it is valid for {}", length(l)),
        );
        console.note(&format!("renewed {} ({}): {until}", of.service, of.account));
    }
    Ok(After::DONE)
}

pub(super) async fn run(console: &Console, session: &Session, run: &Run) -> Result<After, Failed> {
    let [program, arguments @ ..] = run.command.as_slice() else {
        return Err(Failed::usage("name a command to run"));
    };
    if run.env.is_empty() || run.env.contains(['=', '\0']) {
        return Err(Failed::usage("no environment variable can be called so"));
    }
    let token = obtain(console, session, &run.of).await?;
    let mut process = Process::new(program);
    process.args(arguments);
    // Whoever has the key above all keys has every token, and this child is to have one.
    if let Some(variable) = session.place.key.variable() {
        process.env_remove(variable);
    }
    // With a client's secret it could have tokens by itself.
    for variable in session.config.iter().flat_map(Config::secret_variables) {
        process.env_remove(variable);
    }
    process.env(&run.env, token.expose());
    Ok(After::Become(process))
}

pub(super) async fn credential_process(
    console: &Console,
    session: &Session,
    wanted: &CredentialProcess,
) -> Result<After, Failed> {
    may_show(&wanted.output)?;
    let token = obtain(console, session, &wanted.of).await?;
    if wanted.format == Format::Json {
        console.object(object(&token))?;
        return Ok(After::DONE);
    }
    // The form is Kubernetes', so it has no version of ours.
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": { "token": token.expose(), "expirationTimestamp": left(&token).map(expires_at) },
    });
    console.data(&format!("{credential}\n"))?;
    Ok(After::DONE)
}

async fn obtain(console: &Console, session: &Session, of: &Of) -> Result<Token, Failed> {
    let tenant = session.pantry().await?;
    let source = tenant.source((of.service.as_str(), of.account.as_str())).await;
    let source = match source {
        Ok(source) => source,
        Err(error) => return Err(not_obtained(session, &tenant, of, error).await),
    };
    let token = match source.token().await {
        Ok(token) => token,
        Err(error) => return Err(not_obtained(session, &tenant, of, error).await),
    };
    tell_bound(console, &token);
    Ok(token)
}

/// A token of the service for another one. Nothing of it is kept.
async fn exchange(console: &Console, session: &Session, of: &Of, subject: &Secret) -> Result<Token, Failed> {
    let tenant = session.pantry().await?;
    let exchange =
        tenant.exchange((of.service.as_str(), of.account.as_str()), SubjectToken::new(subject.as_str()));
    let source = exchange.source().await.map_err(|error| failed(session, of, error))?;
    let token = source.token().await.map_err(|error| failed(session, of, error))?;
    tell_bound(console, &token);
    Ok(token)
}

/// The same as [`failed`], but for what follows from the service's flow: one whose tokens are exchanged lacks the one that is, and
/// nobody can consent to a client's own tokens.
pub(super) async fn not_obtained(session: &Session, tenant: &TenantPantry, of: &Of, error: Error) -> Failed {
    let flow = flow(session, tenant, &of.service).await;
    match (error.kind(), error.stage(), flow) {
        (ErrorKind::Configuration, _, Some(Flow::TokenExchange)) => {
            let fact =
                format!("{} exchanges another token for each of its own, and none was given", of.service);
            let remedy =
                "give it to grantry auth token, with --subject-token-stdin or --subject-token-file FILE";
            Failed::usage(fact).with_remedy(remedy)
        }
        (ErrorKind::InvalidGrant, Stage::Vault, Some(Flow::ClientCredentials)) => {
            let fact = format!(
                "the tokens of {} are being revoked, and the server has not confirmed it yet",
                of.service
            );
            Failed::new(SERVER, fact).with_remedy(session.how_to_end_revocation(&of.service, &of.account))
        }
        _ => failed(session, of, error),
    }
}

/// The flow of a service, as the pantry takes it; `None` where nothing is known of the service.
pub(super) async fn flow(session: &Session, tenant: &TenantPantry, service: &str) -> Option<Flow> {
    let described = session.services().find(|described| described.name().as_str() == service);
    if let Some(chosen) = described.and_then(|described| described.flow()) {
        return Flow::from_name(chosen.flow().as_str());
    }
    let stored = tenant.vault().client(service).await.ok().flatten()?;
    let attributes = &stored.value.attributes;
    match (described, attributes.get("flow")) {
        (Some(described), _) => completed(described, attributes).ok().map(|service| service.flow()),
        (None, Some(name)) => Flow::from_name(name),
        (None, None) => Some(default_flow(attributes).unwrap_or_default()),
    }
}

/// Why there is no token, with the command by which a person mends it where only a person can.
pub(super) fn failed(session: &Session, of: &Of, error: Error) -> Failed {
    let (party, stage) = (error.diagnosis().party(), error.stage());
    let failed = Failed::from(error);
    if failed.code != PERSON || party != Party::ResourceOwner {
        return failed;
    }
    let command = session.how_to_log_in(&of.service, &of.account);
    // What the server refused may be mended otherwise, which its remedy says. Where the vault has nothing there is no other way.
    let remedy = match failed.remedy.as_deref().filter(|_| stage != Stage::Vault) {
        Some(remedy) => format!("{remedy}; run: {command}"),
        None => format!("have the person authorize: {command}"),
    };
    failed.with_remedy(remedy)
}

/// A token on a screen is seen by others, and stays in what the terminal remembers.
fn may_show(output: &Output) -> Result<(), Failed> {
    if std::io::stdout().is_terminal() && !output.show {
        let fact = "a token is not printed to a terminal unless that is asked for";
        return Err(Failed::usage(fact).with_remedy("pipe it to where it is needed, or add --show"));
    }
    Ok(())
}

fn object(token: &Token) -> serde_json::Value {
    json!({
        "access_token": token.expose(),
        "token_type": token_type(token),
        "expires_at": left(token).map(expires_at),
        "expires_in": left(token).map(|left| left.as_secs()),
        "scope": token.scope().as_str(),
    })
}

/// By which scheme an API takes it. One that is bound to a certificate is still a bearer's by name (RFC 8705 section 3).
fn token_type(token: &Token) -> &'static str {
    if matches!(token.binding(), Binding::Proof(_)) { "DPoP" } else { "Bearer" }
}

/// A token that is bound is of little use by itself, which whoever takes it elsewhere has to know.
fn tell_bound(console: &Console, token: &Token) {
    let needs = match token.binding() {
        Binding::Proof(_) => {
            "to a key in the vault (DPoP): APIs take it with proofs only, which programs make that have their tokens by \
             the library"
        }
        Binding::Certificate(_) => {
            "to the client's certificate: APIs take it over connections that present that"
        }
        _ => return,
    };
    console.say(&format!("warning: the token is bound {needs}"));
}

fn left(token: &Token) -> Option<Duration> {
    token.expires().map(|expires| expires.since(SystemClock::new().now()))
}

fn expires_at(left: Duration) -> String {
    utc(SystemClock::new().wall().after(left))
}
