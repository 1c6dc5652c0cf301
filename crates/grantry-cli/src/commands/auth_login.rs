//! `auth login`.

use std::io::Write;
use std::time::Duration;

use grantry::authorization_code::{Loopback, open_browser};
use grantry::device_authorization::{Waiting, WaitingFor};
use grantry::pantry::{Flow, TenantPantry};
use grantry::{Clock, Error, Party, Scope, SystemClock, TokenSet};
use grantry_config::Flow as ConfiguredFlow;
use serde_json::json;

use super::After;
use super::auth_set::{self, Wanted};
use super::credentials::Credentials;
use super::flow::Chosen;
use crate::arguments::{Login, Registered};
use crate::console::Console;
use crate::escaped::escaped;
use crate::failed::{Failed, PERSON};
use crate::session::Session;
use crate::spoken::{length, utc};

pub(super) async fn run(
    console: &Console,
    session: &Session,
    login: &Login,
    given: Credentials,
) -> Result<After, Failed> {
    if login.registered != Registered::default() {
        let wanted = Wanted {
            service: &login.of.service,
            registered: &login.registered,
            described: login.registered.described.clone(),
            unset: &[],
            // Programs on a person's own machine are public clients.
            asks: false,
            flow: Some(Chosen::said(Flow::AuthorizationCode, "a person logs in")),
            given,
        };
        auth_set::store(console, session, wanted).await?;
    }
    let tenant = session.pantry().await?;
    let (set, missing) =
        if login.device || (!login.no_browser && is_for_devices(session, &tenant, login).await?) {
            on_device(console, &tenant, login).await
        } else {
            here(console, &tenant, login).await
        }?;
    tell(console, login, &set, &missing)
}

/// Whether the service is described as one to which a person consents on another device.
async fn is_for_devices(session: &Session, tenant: &TenantPantry, login: &Login) -> Result<bool, Failed> {
    let service = login.of.service.as_str();
    let described = session.services().find(|described| described.name().as_str() == service);
    if let Some(chosen) = described.and_then(|described| described.flow()) {
        return Ok(chosen.flow() == ConfiguredFlow::DeviceAuthorization);
    }
    let stored = tenant.vault().client(service).await?;
    let flow = stored.as_ref().and_then(|stored| stored.value.attributes.get("flow"));
    Ok(flow.is_some_and(|flow| flow == ConfiguredFlow::DeviceAuthorization.as_str()))
}

/// In a browser that comes back to this machine.
async fn here(console: &Console, tenant: &TenantPantry, login: &Login) -> Result<(TokenSet, Scope), Failed> {
    let mut authorize = tenant.authorize(name(login));
    if let Some(seconds) = login.timeout {
        authorize = authorize.lifetime(Duration::from_secs(seconds));
    }
    let loopback = authorize.loopback().await.map_err(not_ready)?.listen().await?;
    let invitation = Invitation::new(*console, login, &loopback);
    let granted = authorize.login(loopback, move |url| invitation.send(url)).await;
    granted.map(|granted| (granted.token_set.clone(), granted.missing_scope())).map_err(|not_kept| {
        let said = not_kept.unfinished.and_then(|unfinished| unfinished.said);
        failed(not_kept.error, said, not_kept.granted.is_some())
    })
}

/// With a code that the person types elsewhere.
async fn on_device(
    console: &Console,
    tenant: &TenantPantry,
    login: &Login,
) -> Result<(TokenSet, Scope), Failed> {
    let pending = tenant.authorize_on_device(name(login)).await.map_err(not_ready)?;
    let (uri, code) = (pending.verification_uri().to_string(), pending.user_code().to_owned());
    if console.json {
        console.event(json!({
            "event": "enter_code",
            "verification_uri": uri,
            "user_code": code,
            "verification_uri_complete": pending.verification_uri_complete().map(ToString::to_string),
            "expires_in": pending.expires_in().as_secs(),
        }));
    } else {
        console.note(&format!("open {uri} on any device, and type the code {code}"));
        if let Some(complete) = pending.verification_uri_complete() {
            console.note(&format!("or open {complete} and compare the code"));
        }
    }
    let mut progress = Progress::new(*console);
    let granted = pending.finish(move |waiting| progress.tell(&waiting)).await;
    Progress::end(console);
    granted
        .map(|granted| (granted.token_set.clone(), granted.missing_scope()))
        .map_err(|not_kept| failed(not_kept.error, None, not_kept.granted.is_some()))
}

fn name(login: &Login) -> (&str, &str) {
    (&login.of.service, &login.of.account)
}

/// Has the person open an address.
struct Invitation {
    console: Console,
    opens_browser: bool,
    patience: Duration,
    /// Where the browser comes back to, of a machine that is used from another one.
    port: Option<u16>,
}

impl Invitation {
    fn new(console: Console, login: &Login, loopback: &Loopback) -> Self {
        let is_remote = std::env::var_os("SSH_CONNECTION").is_some_and(|value| !value.is_empty());
        let port =
            loopback.redirect_uri().split('/').nth(2).and_then(|host| host.rsplit(':').next()?.parse().ok());
        Self {
            console,
            opens_browser: !login.no_browser,
            patience: Duration::from_secs(login.timeout.unwrap_or(600)),
            port: port.filter(|_| is_remote),
        }
    }

    fn send(self, url: &str) {
        let Self { console, opens_browser, patience, port } = self;
        if console.json {
            console.event(json!({ "event": "open_url", "url": url, "expires_in": patience.as_secs() }));
        } else {
            console.note("to log in, open this address in a browser on this machine:");
            console.note("");
            console.note(&format!("  {url}"));
            console.note("");
            if let Some(port) = port {
                console.note(&format!(
                    "where the browser is on another machine, forward the port first, as by ssh -L \
                     {port}:127.0.0.1:{port}, or log in with --device"
                ));
            }
            console.note(&format!("waiting for the browser to come back, for {}", length(patience)));
        }
        if opens_browser {
            let url = url.to_owned();
            // Some browsers return when they are closed.
            std::thread::spawn(move || {
                if open_browser(&url).is_err() {
                    console.say("no browser could be opened: open the address by hand");
                }
            });
        }
    }
}

/// What is waited for, on one line of a terminal that can draw over it, or told once elsewhere.
struct Progress {
    console: Console,
    told: Option<WaitingFor>,
}

impl Progress {
    fn new(console: Console) -> Self {
        Self { console, told: None }
    }

    fn tell(&mut self, waiting: &Waiting) {
        if self.console.redraws {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K{}", escaped(&waiting.to_string()));
        } else if self.told != Some(waiting.waiting_for) {
            self.told = Some(waiting.waiting_for);
            self.console.say(&waiting.to_string());
        }
    }

    fn end(console: &Console) {
        if console.redraws {
            let _ = writeln!(std::io::stderr());
        }
    }
}

fn tell(console: &Console, login: &Login, set: &TokenSet, missing: &Scope) -> Result<After, Failed> {
    let (service, account) = name(login);
    let token = set.token();
    let clock = SystemClock::new();
    let left = token.expires().map(|expires| expires.since(clock.now()));
    if console.json {
        console.object(json!({
            "service": service,
            "account": account,
            "scope": token.scope().as_str(),
            "missing_scope": missing.as_str(),
            "expires_at": left.map(|left| utc(clock.wall().after(left))),
            "renewable": set.refresh_token().is_some(),
        }))?;
        return Ok(After::DONE);
    }
    let until =
        left.map_or_else(String::new, |left| format!(": the access token is valid for {}", length(left)));
    console.note(&format!("logged in to {service} ({account}){until}"));
    if !missing.as_str().is_empty() {
        console.warn(&format!("not granted: {missing}"));
    }
    if set.refresh_token().is_none() {
        console.warn(
            "the server gave no refresh token: a person has to log in again when the access token expires. Some \
             servers want a scope for it, such as offline_access",
        );
    }
    Ok(After::DONE)
}

/// Why nobody can be asked.
fn not_ready(error: Error) -> Failed {
    let is_of_another_flow = error.to_string().contains("nobody has to consent");
    let failed = Failed::from(error);
    if is_of_another_flow {
        return failed.with_remedy("if a person is to authorize, add --flow authorization_code");
    }
    failed
}

fn failed(error: Error, said: Option<String>, is_alive: bool) -> Failed {
    let is_the_persons = error.diagnosis().party() == Party::ResourceOwner;
    let mut failed = Failed::from(error);
    if is_the_persons {
        failed.code = PERSON;
    }
    failed.causes.extend(said.map(|said| format!("the server says: {}", escaped(&said))));
    if is_alive {
        failed
            .causes
            .push("the tokens were given and could not be kept: they live on at the server".to_owned());
    }
    failed
}
