//! Several servers at one redirect URI, and where what is pending is kept.

use std::fmt;
use std::sync::Arc;

use grantry_core::{Diagnosis, Error, ErrorKind, Party, Retry, Scope, Timestamp};
use zeroize::Zeroizing;

use crate::{
    AuthorizationCode, Callback, Granted, PendingAuthorization, PendingAuthorizations, RedirectUrl, STAGE,
    StepUps, Unfinished, UserAgentBinding,
};

/// The longest note that is kept with an authorization, in bytes.
const LONGEST_NOTE: usize = 512;

/// The flows of a web application by name, with the store of what they began: any replica that has the same flows
/// and store can finish.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use std::sync::Arc;
/// # use grantry_authorization_code::*;
/// # use grantry_core::SystemClock;
/// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
/// # use grantry_testkit::{RegisteredClient, TestServer};
/// # let clock = Arc::new(SystemClock::new());
/// # let callback = "https://app.example.com/callback";
/// # let server = |name: &str| {
/// #     let registered = RegisteredClient::with_secret("app", "s3cret").redirect_uri(callback);
/// #     TestServer::builder().client(registered).issuer_path(name).build()
/// # };
/// # let flow = |test: &TestServer, scope: &str| {
/// #     let client = Client::new("app", ClientAuthentication::secret_basic("s3cret"))?;
/// #     let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
/// #     AuthorizationCode::builder(endpoint, callback).scope(scope).build()
/// # };
/// # let (crm_server, mail_server) = (server("crm"), server("mail"));
/// # let (crm, mail) = (flow(&crm_server, "contacts.read")?, flow(&mail_server, "mail.send")?);
/// # let cookie: Option<&str> = None;
/// let store = Arc::new(PendingInMemory::new(clock));
/// let codes = AuthorizationCodes::new(store, [("crm", crm), ("mail", mail)])?;
///
/// // The browser's own value, or a new one to be set as its cookie:
/// let user_agent = cookie
///     .and_then(UserAgentBinding::from_cookie)
///     .unwrap_or_else(|| UserAgentBinding::new(&grantry_core::SystemEntropy));
/// let location = codes.begin("crm", &user_agent).await?.into_location()?;
/// # let back = crm_server.visit(&location).await.ok_or("nobody came back")?;
/// # let query = back.split_once('?').ok_or("no query")?.1;
/// // .. later, in a request to the redirect URI ..
/// let (name, granted) = codes.finish(&user_agent, &Callback::from_query(query)?).await?;
/// assert_eq!((name, granted.scope().as_str()), ("crm", "contacts.read"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuthorizationCodes {
    flows: Arc<[(String, AuthorizationCode)]>,
    store: Arc<dyn PendingAuthorizations>,
    step_ups: Arc<StepUps>,
}

impl AuthorizationCodes {
    /// Checks that the flows can be told apart.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where two have the same name, or one has none or more than 255
    /// bytes of it; or where two servers share a redirect URI, and not both name themselves in their responses
    /// (RFC 9207): then one could be sent the codes of the other (RFC 9700 section 4.4.2).
    pub fn new<N: Into<String>>(
        store: Arc<dyn PendingAuthorizations>,
        flows: impl IntoIterator<Item = (N, AuthorizationCode)>,
    ) -> Result<Self, Error> {
        let flows: Vec<_> = flows.into_iter().map(|(name, flow)| (name.into(), flow)).collect();
        for (nth, (name, flow)) in flows.iter().enumerate() {
            if name.is_empty() || name.len() > 255 {
                return Err(Error::configuration("the name of a flow is empty or longer than 255 bytes"));
            }
            for (other_name, other) in flows.iter().take(nth) {
                check_pair(name, flow, other_name, other)?;
            }
        }
        Ok(Self { flows: flows.into(), store, step_ups: Arc::default() })
    }

    /// The same flows with another store, as where each tenant has one of its own.
    #[must_use]
    pub fn with_store(&self, store: Arc<dyn PendingAuthorizations>) -> Self {
        Self { store, ..self.clone() }
    }

    /// Every flow by its name.
    pub fn flows(&self) -> impl Iterator<Item = (&str, &AuthorizationCode)> {
        self.flows.iter().map(|(name, flow)| (name.as_str(), flow))
    }

    /// The flow of this name.
    pub fn flow(&self, name: &str) -> Option<&AuthorizationCode> {
        self.flows.iter().find(|(other, _)| other == name).map(|(_, flow)| flow)
    }

    /// Begins an authorization of the flow, and has it kept before anybody is sent anywhere.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) where there is no such flow; of the store; of the pushed request.
    pub async fn begin(&self, name: &str, user_agent: &UserAgentBinding) -> Result<RedirectUrl, Error> {
        self.begin_for(name, user_agent, &[]).await
    }

    /// The same with a note that comes back with the response: whom it is for, say. At most 512 bytes; it is kept with
    /// the authorization and sent nowhere.
    ///
    /// # Errors
    /// As [`begin`](Self::begin), and [`Configuration`](ErrorKind::Configuration) for a longer note.
    pub async fn begin_for(
        &self,
        name: &str,
        user_agent: &UserAgentBinding,
        note: &[u8],
    ) -> Result<RedirectUrl, Error> {
        let flow = self.flow(name).ok_or_else(no_such_name)?;
        self.begin_with(name, flow, user_agent, note).await
    }

    async fn begin_with(
        &self,
        name: &str,
        flow: &AuthorizationCode,
        user_agent: &UserAgentBinding,
        note: &[u8],
    ) -> Result<RedirectUrl, Error> {
        if note.len() > LONGEST_NOTE {
            return Err(Error::configuration(
                "the note is longer than 512 bytes: keep it elsewhere, by a name",
            ));
        }
        let (redirect, pending) = flow.begin(user_agent).await?;
        self.keep(name, note, flow, &pending).await?;
        Ok(redirect)
    }

    /// Begins an authorization for what a request was refused for: for more scope, beside that of the flow and what was
    /// granted (the scope of the token that was refused), or with another login. It comes back to
    /// [`finish`](Self::finish) as any other does.
    ///
    /// How often is counted for each user agent, as [`StepUps`] has it, so that nobody is sent in circles.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use std::sync::Arc;
    /// # use grantry_authorization_code::*;
    /// # use grantry_core::presenting::Challenges;
    /// # use grantry_core::{Error, ErrorKind, Scope, Stage, SystemClock};
    /// # use grantry_endpoint::{Client, ClientAuthentication, TokenEndpoint};
    /// # let callback = "https://app.example.com/callback";
    /// # let registered = grantry_testkit::RegisteredClient::with_secret("app", "s3cret").redirect_uri(callback);
    /// # let test = grantry_testkit::TestServer::builder().client(registered).build();
    /// # let client = Client::new("app", ClientAuthentication::secret_basic("s3cret"))?;
    /// # let endpoint = TokenEndpoint::new(test.authorization_server()?, client, Arc::new(test.transport()))?;
    /// # let crm = AuthorizationCode::builder(endpoint, callback).scope("contacts.read").build()?;
    /// # let challenges = Challenges::parse([r#"Bearer error="insufficient_scope", scope="contacts.write""#]);
    /// # let challenge = challenges.iter().next().ok_or("no challenge")?.clone();
    /// # let refusal = Error::new(ErrorKind::InsufficientScope, Stage::Present, "it needs more").with_challenge(challenge);
    /// # let held = Scope::parse("contacts.read")?;
    /// # let user_agent = crm.user_agent();
    /// # let store = Arc::new(PendingInMemory::new(Arc::new(SystemClock::new())));
    /// # let codes = AuthorizationCodes::new(store, [("crm", crm)])?;
    /// // A request was refused for want of `contacts.write`:
    /// let redirect = codes.step_up("crm", &user_agent, &refusal, &held).await?;
    /// let location = redirect.into_location()?;
    /// # let back = test.visit(&location).await.ok_or("nobody came back")?;
    /// # let query = back.split_once('?').ok_or("no query")?.1;
    /// // .. later, in a request to the redirect URI ..
    /// let (_, granted) = codes.finish(&user_agent, &Callback::from_query(query)?).await?;
    /// assert_eq!(granted.scope().as_str(), "contacts.read contacts.write");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`begin`](Self::begin) and [`StepUps::flow`].
    pub async fn step_up(
        &self,
        name: &str,
        user_agent: &UserAgentBinding,
        refusal: &Error,
        granted: &Scope,
    ) -> Result<RedirectUrl, Error> {
        self.step_up_for(name, user_agent, &[], refusal, granted).await
    }

    /// The same with a note, as [`begin_for`](Self::begin_for) has it.
    ///
    /// # Errors
    /// As [`step_up`](Self::step_up) and [`begin_for`](Self::begin_for).
    pub async fn step_up_for(
        &self,
        name: &str,
        user_agent: &UserAgentBinding,
        note: &[u8],
        refusal: &Error,
        granted: &Scope,
    ) -> Result<RedirectUrl, Error> {
        let flow = self.flow(name).ok_or_else(no_such_name)?;
        let who = format!("{}{name}", user_agent.hash().text());
        let more = self.step_ups.flow(&who, flow, refusal, granted)?;
        self.begin_with(name, &more, user_agent, note).await
    }

    /// The same with what this person needs: another scope, a login hint, a prompt. The flow has to be the named
    /// one's in server, client and redirect URI; clone its builder to make one.
    ///
    /// # Errors
    /// As [`begin`](Self::begin), and [`Configuration`](ErrorKind::Configuration) where the flows differ in more.
    pub async fn begin_as(
        &self,
        name: &str,
        flow: &AuthorizationCode,
        user_agent: &UserAgentBinding,
    ) -> Result<RedirectUrl, Error> {
        let named = self.flow(name).ok_or_else(no_such_name)?;
        let (redirect, pending) = flow.begin(user_agent).await?;
        if !named.began(&pending) {
            return Err(Error::configuration(
                "the flow differs from the one of this name in server, client or redirect URI, so that it could not \
                 be finished",
            ));
        }
        if !named.id_tokens.can_finish(&pending) {
            return Err(Error::configuration(
                "the flow asks for an ID token, which the one of this name would not check",
            ));
        }
        self.keep(name, &[], flow, &pending).await?;
        Ok(redirect)
    }

    /// Finishes the authorization that the response belongs to, by the flow that began it, whose name comes along.
    /// It is taken out of the store first, so of two that finish at once one does. **Cancel-safety**: as
    /// [`PendingAuthorization::finish`].
    ///
    /// # Errors
    /// As [`PendingAuthorization::finish`], and where nothing is kept for this state in this user agent. What can
    /// be finished still is in the store again; [`Unfinished::again`] is `None` then.
    pub async fn finish(
        &self,
        user_agent: &UserAgentBinding,
        callback: &Callback,
    ) -> Result<(&str, Granted), Unfinished> {
        self.finish_for(user_agent, callback, |_, _| true).await
    }

    /// The same, if `is_for` says so of the flow's name and the note with which it was begun. If not, it is in the store
    /// again, and nothing was spent.
    ///
    /// # Errors
    /// As [`finish`](Self::finish), and [`InvalidAnswer`](ErrorKind::InvalidAnswer) where `is_for` says no.
    pub async fn finish_for(
        &self,
        user_agent: &UserAgentBinding,
        callback: &Callback,
        is_for: impl FnOnce(&str, &[u8]) -> bool + Send,
    ) -> Result<(&str, Granted), Unfinished> {
        let nothing = || Unfinished::over(nothing_pending(None));
        let key = callback.key(user_agent).ok_or_else(nothing)?;
        let kept = self.store.take(key).await.map_err(|e| Unfinished::over(e.into()))?;
        let kept = kept.ok_or_else(|| {
            let sent = self.flows.iter().find_map(|(_, flow)| flow.codes.sent_of(&key));
            Unfinished::over(nothing_pending(sent))
        })?;
        let (name, note, bytes) = parts(&kept).ok_or_else(|| Unfinished::over(no_such_flow()))?;
        let (name, flow) = (self.flows.iter().find(|(other, _)| other.as_bytes() == name))
            .ok_or_else(|| Unfinished::over(no_such_flow()))?;
        let clock = flow.endpoint().clock();
        let pending = PendingAuthorization::from_bytes(bytes, &**clock).map_err(Unfinished::over)?;
        if !is_for(name, note) {
            // Where it cannot be kept it is lost, as below.
            let _ = self.keep(name, note, flow, &pending).await;
            return Err(Unfinished::over(for_another()));
        }
        match pending.finish(flow, user_agent, callback).await {
            Ok(granted) => Ok((name, granted)),
            Err(mut unfinished) => {
                if let Some(pending) = unfinished.again.take() {
                    // Where it cannot be kept it is lost, and the person begins again: nothing else is left to do.
                    let _ = self.keep(name, note, flow, &pending).await;
                }
                Err(unfinished)
            }
        }
    }

    /// Keeps it for what is left of its time, behind the name of its flow and the note.
    async fn keep(
        &self,
        name: &str,
        note: &[u8],
        flow: &AuthorizationCode,
        pending: &PendingAuthorization,
    ) -> Result<(), Error> {
        let bytes = pending.to_bytes()?;
        let mut named = Zeroizing::new(Vec::with_capacity(3 + name.len() + note.len() + bytes.len()));
        // `new` and `begin_for` saw to it that they fit.
        named.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        named.extend_from_slice(name.as_bytes());
        named.extend_from_slice(&u16::try_from(note.len()).unwrap_or(u16::MAX).to_be_bytes());
        named.extend_from_slice(note);
        named.extend_from_slice(&bytes);
        let left = pending.expires().since(flow.endpoint().clock().now());
        Ok(self.store.keep(pending.key(), named, left).await?)
    }
}

/// The name of the flow, the note, and the authorization.
fn parts(kept: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (length, rest) = kept.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (length, rest) = rest.split_first_chunk()?;
    let (note, pending) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
    Some((name, note, pending))
}

fn no_such_name() -> Error {
    Error::configuration("there is no flow of this name")
}

fn no_such_flow() -> Error {
    Error::configuration(
        "the authorization was begun by a flow that is not here: give each replica the same flows",
    )
}

fn check_pair(
    name: &str,
    flow: &AuthorizationCode,
    other_name: &str,
    other: &AuthorizationCode,
) -> Result<(), Error> {
    if name == other_name {
        return Err(Error::configuration(format!("two flows are called {}", name.escape_debug())));
    }
    if flow.redirect_uri() != other.redirect_uri() {
        return Ok(());
    }
    let (server, other_server) = (flow.endpoint().server(), other.endpoint().server());
    let same_server =
        server.issuer() == other_server.issuer() && server.token_endpoint() == other_server.token_endpoint();
    let named = |s: &grantry_core::AuthorizationServer| s.authorization_response_iss_parameter();
    let told_apart = named(server) && named(other_server) && server.issuer() != other_server.issuer();
    if same_server || told_apart {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "{} and {} share a redirect URI, and their servers do not both name themselves in their responses (RFC 9207), \
         so that one could be sent the codes of the other: give each a redirect URI of its own",
        name.escape_debug(),
        other_name.escape_debug()
    )))
}

fn for_another() -> Error {
    let fact = "the authorization was begun for somebody or something else";
    let diagnosis = Diagnosis::new(Party::ResourceOwner, "let the person begin again", Retry::Never)
        .cause("the person logged in at the application as somebody else in between");
    Error::new(ErrorKind::InvalidAnswer, STAGE, fact).with_diagnosis(diagnosis)
}

/// `sent` is when its code was sent, where that is known.
fn nothing_pending(sent: Option<Timestamp>) -> Error {
    let fact = "nothing is pending for this response in this user agent";
    let diagnosis = Diagnosis::new(Party::ResourceOwner, "let the person begin again", Retry::Never);
    if let Some(at) = sent {
        let what = format!("its code was sent before, at {at}: the page was loaded twice");
        return Error::new(ErrorKind::InvalidAnswer, STAGE, fact).with_diagnosis(diagnosis.cause(what));
    }
    let diagnosis = diagnosis
        .cause("it was finished before: the page was loaded twice")
        .cause("the person took longer than the application waits")
        .cause(
            "the cookie was lost: SameSite=Strict, another host name, or a form post without SameSite=None",
        )
        .cause("it is the response to nobody's request");
    Error::new(ErrorKind::InvalidAnswer, STAGE, fact).with_diagnosis(diagnosis)
}

impl fmt::Debug for AuthorizationCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.flows.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("AuthorizationCodes").field("flows", &names).field("store", &self.store).finish()
    }
}
