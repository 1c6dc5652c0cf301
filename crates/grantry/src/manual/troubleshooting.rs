//! Troubleshooting: what an error means, why it comes, and which command tells.
//!
//! Every error says what happened, where, and whose move it is; its `diagnosis()` has the likely causes and the remedy
//! ([`errors`](super::errors)). Where credentials are in a vault these commands tell more:
//!
//! | command | it tells |
//! |---|---|
//! | `grantry auth status` | how each grant stands, when it is renewed next, what went wrong last |
//! | `grantry auth diagnose --service NAME --account NAME` | why: causes with their evidence, and the grant's history |
//! | `grantry config check FILE` | every mistake of a configuration, and what is still missing |
//! | `grantry doctor` | what is broken, risky or unused: files, keys, registrations, grants, servers |
//!
//! `grantry auth status --check` ends with 4 where a person is needed: put it into monitoring. The examples below use a service
//! whose people consent:
//!
//! ```console
//! $ grantry auth set --service crm --flow authorization_code --client-id billing --client-secret-file secret.txt \
//!     --token-url https://as.example.com/token --authorization-url https://as.example.com/authorize \
//!     --redirect-uri https://app.example.com/callback --rotation strict
//! ...
//! ```
//!
//! # Invalid grant
//!
//! The authorization server does not accept the refresh token, the code or the assertion that it was shown.
//!
//! <!-- scene: ann consents -->
//! <!-- scene: a script uses ann's refresh token -->
//! ```console
//! $ grantry auth token --service crm --account ann
//! error: token endpoint: the server refused the credential (invalid_grant)
//!   perhaps: [..]something outside of this vault used the refresh token[..]
//!   to do: have the person consent again, for nothing else brings this grant back[..]
//! $ echo $?
//! 4
//! $ grantry auth diagnose --service crm --account ann
//! crm (ann): person needed
//! consented 2 s ago, renewed 0 times
//! a person is needed now
//! last error: invalid_grant, now
//!   perhaps: [..]
//!   to do: ask the person why, if that was not meant
//! have the person authorize: grantry auth login --service crm --account ann
//! history:
//!   2026-11-26T01:14:37Z  refused: invalid_grant  by grantry command
//! $ echo $?
//! 4
//! ```
//!
//! | cause | what speaks for it | what to do |
//! |---|---|---|
//! | another process used the refresh token | the history names the process; or something outside of the vault holds a copy | keep it in one vault, and nowhere else: [`replicas`](super::replicas) |
//! | an answer was lost, and the server took the next use for a theft | a doubt in the history before the refusal | lifeboats that outlive processes; the true `rotation` of the server: [`custody`](super::custody) |
//! | it was idle for too long | days between the last renewal and the refusal | renew at least every half of the limit; `providers show` has the limit |
//! | the consent is too old | it is as old as the provider's limit | ask the person again in time: `auth status` forecasts it |
//! | the person or an administrator took the consent back; a password was changed | nothing in the history speaks for anything else | ask the person |
//! | the client's secret was exchanged, and the provider's tokens end with it | the time of the exchange lies between the last renewal and the refusal; of a secret in a configuration only programs know it that ran when it changed | exchange with overlap: [`rotation`](super::rotation) |
//! | too many live tokens for one person and client (Google: the oldest dies) | other environments use the same client | a client for each environment |
//! | a code was used twice, is too old, or was redeemed with another redirect URI or verifier | it comes right after the consent: the error names when the code was sent before, how long it waited, or how far this clock is off, where one of them is so; a redirect URI that is not the one of the request is refused before anything is sent | [below](#redirect-uri-mismatch); begin anew: a code is good for once |
//! | the clock of this machine is off, and servers judge what is signed by theirs | the cause names by how much, by the `Date` of the refusal; the event `ClockSkew` | set the clock |
//!
//! The source never repeats it by itself, and only a new consent brings the grant back. Handles that are open go on by themselves
//! once it was kept.
//!
//! # Insufficient scope
//!
//! A resource server wants more than the token has: [`InsufficientScope`](crate::ErrorKind::InsufficientScope). Another token for the
//! same scope changes nothing, so none is asked for.
//!
//! | look at | where |
//! |---|---|
//! | what is wanted | the error's `needed_scope` |
//! | what is asked for | `grantry auth list --json`, the configuration's `scopes` |
//! | what was granted, perhaps less than asked for | `Token::scope`, the event `ScopeChanged` |
//!
//! ```console
//! $ grantry auth set --service crm --scope "contacts.read contacts.write"
//! ...
//! ```
//!
//! A program that is at the person's browser asks them at once: [`logins`](super::logins) has the two lines that make a request of the
//! refusal. The same is so for [`InsufficientAuthentication`](crate::ErrorKind::InsufficientAuthentication), by which a resource
//! server asks for a login that is stronger or newer.
//!
//! A changed scope makes other tokens: those of before are not handed out any more. A person's consent covers what they consented
//! to, so they have to consent anew: [`logins`](super::logins#when-a-resource-wants-more) leads from the refusal to that request. What an administrator has to grant (Microsoft's application permissions, say) no request
//! can bring: the provider's console has to. `invalid_scope` is something else: the server does not know the scope, or the client
//! may not have it; compare letter by letter, and see whether the provider wants spaces or commas (presets know).
//!
//! # Token expired
//!
//! An access token expires during a request, or is refused although it looks fit. The wrappers answer the 401 with one new token
//! and one more try, so you see it only where a body was streamed, or where the new token is refused as well
//! ([`TokenRejected`](crate::ErrorKind::TokenRejected)).
//!
//! | cause | what to do |
//! |---|---|
//! | requests take longer than the buffer | raise it: `--buffer-time`, `bufferTime`, `RefreshPolicyBuilder::buffer` |
//! | tokens live for a few minutes, so that the buffer is half of it | ask the server for longer ones, or send sooner |
//! | renewals fail | `auth status` has the last error |
//! | renewal ahead of time is switched off | `"enabled": true` |
//! | the resource server's clock is ahead | [below](#clocks) |
//! | the server says too much in `expires_in`, or nothing | `missing_expires_in` of the server's description |
//! | the token is for another resource: audience, issuer, tenant | the new one is refused as well; compare with what the resource server expects |
//! | another renewal ended it (providers whose old access token dies) | share one vault instead of one copy each |
//!
//! ```console
//! $ grantry auth set --service crm --buffer-time 600
//! ...
//! ```
//!
//! # Invalid client
//!
//! The server does not accept the client, or the way in which it shows who it is. No grant is lost by it; a breaker keeps all
//! sources of this client from asking again for a while.
//!
//! <!-- scene: the server accepts the new secret only -->
//! <!-- scene: ann consents -->
//! ```console
//! $ grantry auth token --service crm --account ann
//! error: token endpoint: the server does not accept the client (invalid_client)
//!   perhaps: the client secret is wrong or expired
//! ...
//!   to do: check client id, client secret or key, and the authentication method that the server expects
//! $ echo $?
//! 5
//! $ grantry auth set --service crm --client-id billing --client-secret-file new-secret.txt
//! ...
//! $ grantry auth token --service crm --account ann > token.txt
//! ```
//!
//! Other causes: a secret with a line break at its end (it is refused before anything is sent); the method, basic where the server
//! wants the body (`--auth-method client_secret_post`); a key that is not registered, or whose `kid` differs (`--key-id`); an
//! assertion for another audience; a clock that is off.
//!
//! # Redirect URI mismatch
//!
//! The server compares the redirect URI with what is registered, letter by letter. It shows the person an error of its own and
//! sends nobody back, so a login that nobody finishes is often this. Compare scheme, host, port, path and the slash at the end;
//! behind a proxy take the address that the browser sees. For programs register `http://127.0.0.1/callback`; some servers want
//! every port named.
//!
//! ```console
//! $ grantry auth list --json
//! ...
//! {[..]"redirect_uri":"https://app.example.com/callback"[..]}
//! ...
//! ```
//!
//! # A login that fails when the browser comes back
//!
//! | the page or the error says | it means |
//! |---|---|
//! | another browser | the cookie did not come: another browser or host name, `SameSite=Strict`, or a `Secure` cookie over http |
//! | nothing is pending; the link does not work any more | finished already, older than its time, or begun at a replica that keeps logins in its own memory |
//! | another person | somebody else logged in at the application in between |
//! | the issuer is another | an answer of another server (mix-up), or the issuer is described wrongly |
//! | `access_denied` | the person declined |
//! | the ID token is not right | [`logins`](super::logins#who-logged-in): issuer, audience, algorithm, clock; the tokens beside it were revoked |
//! | the keys of the server are not there | its issuer and JWKS URI have to be known, and reachable from here; or `without_id_token`, where nobody needs to know who it is |
//!
//! # Clocks
//!
//! Lifetimes go by the machine's boot clock, so a wall clock that is set does no harm. Assertions and proofs carry the time: they
//! use the server's, as far as its answers tell. The event [`ClockSkew`](crate::Event::ClockSkew) tells of a difference of ten
//! seconds or more, and who is ahead. Set the clocks of all machines by a time service.
//!
//! # The server is away
//!
//! <!-- scene: the server is away -->
//! ```console
//! $ grantry auth refresh --service crm --account ann
//! error: token endpoint: the server answered 503
//! ...
//! $ echo $?
//! 5
//! $ grantry auth token --service crm --account ann > token.txt
//! ```
//!
//! The token at hand is served on while it is fit. Afterwards callers wait, fail or get the expired one, as
//! [`renewal`](super::renewal) says. `Untrusted` is a certificate or a host name that does not verify: install the authority of a
//! proxy that looks inside, or name it to the transport; there is no switch that turns verifying off. `InvalidAnswer` is an answer
//! that is no OAuth answer, most often a gateway's page or the wrong URL.
//!
//! # The vault
//!
//! | error | it means | look at |
//! |---|---|---|
//! | `AccessDenied` | no binding allows it, or one denies it | the error names who, what and where; [`access`](super::access) |
//! | `Damaged` | a record was changed, moved, or is older than what this process saw | nothing is repaired by itself: restore that record, or have the person consent again |
//! | `KeyUnavailable` | the key provider does not answer, or the key file is gone | `grantry vault status`, `--key-file` |
//! | `AuditUnavailable` | no durable sink took the line within two seconds | the disk of the trail; the store |
//! | `Conflict` | somebody else wrote in between | read again |
//! | `Erased` | the tenant was erased, for good | another name |
//! | `InDoubt` | an answer was lost, and it is being found out | `auth status`: it resolves by itself |
//! | `Storage` | the store does not answer, is full, or refuses | its own log; the permissions of file and folder (0600, 0700) |
//!
//! ```console
//! $ grantry vault status --vault elsewhere
//! error: there is no vault in elsewhere
//!   to do: run: grantry vault init --vault elsewhere
//! $ echo $?
//! 6
//! ```
//!
//! # In a program
//!
//! | symptom | cause |
//! |---|---|
//! | reqwest panics for want of a TLS provider | a reqwest without one of its own: call [`install_crypto_provider`](crate::install_crypto_provider) first |
//! | `Configuration`: no timers, or outside of a runtime | build the tokio runtime with `enable_all` |
//! | `OriginNotAllowed` | the request goes to another scheme, host or port than those named to the client |
//! | `Closed` | the scheduler or pantry was shut down, and somebody still asks |
//! | `Overloaded` | more callers wait than `max_waiting` lets: the server is slow or away |
//! | a change in the vault is not seen | it is looked for when something is refused, and every five minutes; `Grantry::reread` does at once |
