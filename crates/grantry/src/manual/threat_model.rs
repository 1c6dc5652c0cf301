//! The threat model: attacker by attacker, what holds and what does not.
//!
//! What is to be protected: client secrets and signing keys; refresh tokens; access tokens; the keys of the vault; the audit
//! trail's truth; and that a service gets a token when it needs one.
//!
//! Each section names an attacker, what holds against them, and the limit. A limit is not a plan: it is where you have to
//! do something yourself.
//!
//! # On the network
//!
//! **Holds.** Every URL is https with a verified certificate and host name, TLS 1.2 or newer. No switch turns that off, in any
//! build. Plain http is for loopback only, and `localhost` is resolved to loopback by us.
//!
//! **Limit.** A certificate authority that you added is trusted. Whoever may read loopback traffic of this machine reads it.
//!
//! # At the authorization server
//!
//! Somebody who runs one, broke into one, or answers in its place.
//!
//! **Holds.** Answers are bounded (256 KiB, with timeouts), classified by status before they are parsed, and never part of an
//! error. No redirect is followed. Addresses that were learned at run time may not lead to private networks. A code goes only
//! to the token endpoint of the server that was asked, `iss` is compared, and a server that sends none needs a redirect URI of
//! its own (mix-up). A token of another type than was asked for is an error.
//!
//! **Limit.** The server issues what it likes to whom it likes. A client secret that it is sent, it knows: a key
//! (`private_key_jwt`) it only verifies.
//!
//! # At a resource server
//!
//! **Holds.** A token goes to the origins that you named and to no other, not along with a redirect, not by a `Host` header. A
//! server that refuses everything causes one token request in five seconds. One that names its authorization server is believed
//! for itself alone, and one that wants more scope gets it from the person only, a bounded number of times. Bound tokens ([`binding`](super::binding)) are worth
//! nothing at another resource server.
//!
//! **Limit.** A bearer token that a resource server was sent, it can use wherever that token is good. Ask for narrow audiences and
//! scopes.
//!
//! # In the person's browser
//!
//! **Holds.** State, verifier and nonce are 256 random bits each; PKCE S256 is sent, unless a client with a secret goes without at a provider that is known to ignore or refuse it; a `__Host-` cookie ties the response
//! to the browser, and tenant and account to the person; a response is taken out of the store once, by compare-and-swap, and
//! its code is never sent twice. An ID token is checked whole before any token is handed out. Pages load nothing, are not stored, and leak no referrer. The loopback listener answers one
//! login on one interface and ignores all else.
//!
//! **Limit.** A browser that is taken over is the person. In the device flow a person who types somebody else's code in connects
//! their account to somebody else: show where the code belongs.
//!
//! # With the store, its disk or a backup
//!
//! **Holds.** Records are sealed under keys that are not in it. Each opens in its own place, tenant and version only: what was
//! changed, moved, exchanged, cut, or is older than what a process saw, is refused. Lengths are padded to steps of 256 bytes.
//! Compare-and-swap is the only write.
//!
//! **Limit.** Names (tenants, services, accounts), kinds, times and sizes in those steps are in clear. A whole store that was set
//! back before any process of yours saw it is not noticed, unless a checkpoint of the trail was kept elsewhere. Whoever may write
//! can destroy: that is what backups are for.
//!
//! # With the key
//!
//! **Holds.** The key alone opens nothing: it wraps keys that are in the store. Keep the two apart, backups too. Every ninety days
//! there is a new one, so an old copy of it opens old copies of the store only.
//!
//! **Limit.** The key file and the store together are everything. An HSM or a KMS keeps the file from being copied, not its
//! holder from using it.
//! A key in the keychain of the operating system does not lie on the disk in clear; while the keychain is unlocked, any program of
//! the same person can read it.
//!
//! # As another tenant
//!
//! **Holds.** A handle names its tenant and can name no other; each tenant has keys of its own; every cache, lock and renewal
//! goes by tenant, service and account together. PostgreSQL adds row-level security, and Redis may have a user for each
//! tenant. A tenant that is erased is erased in the store at once, and in backups as they expire.
//!
//! **Limit.** Your program says which tenant a request belongs to. If it is wrong, so is everything after it.
//!
//! # As somebody of your own
//!
//! **Holds.** What no binding allows is denied; what happens is written down before it happens; nobody, the administrator
//! included, reads refresh tokens and client secrets back by a ready-made role; the trail shows edits, deletions and forks.
//!
//! **Limit.** Whoever can change the program, read its memory, or open the vault beside it with a policy of their own, needs no
//! role. Roles keep honest people and mistakes in bounds. Checkpoints that are kept elsewhere make cutting the trail visible, not
//! impossible.
//!
//! # In the same process, or on the machine
//!
//! **Holds.** Secrets are types without `Display` and `Serialize`, print as `[redacted]`, and are zeroized. There is no unsafe code
//! of ours. Key and store files have to be readable by their owner only.
//!
//! **Limit.** Code in the process reads its memory, root reads every process, and so do a debugger, a core dump and swap.
//! Tenant keys that are in use, tokens and client secrets are there. TLS and HTTP libraries keep copies that nobody wipes.
//!
//! # Who reads logs, traces, metrics and crash reports
//!
//! **Holds.** No token, secret, code, query, header or body is in an error, event, trace, metric or `Debug`. A test sends canaries
//! through every success and failure, and looks for their bytes, in base64 and in hex too. Texts of servers are not shown; names
//! that reach a terminal have their control characters escaped.
//!
//! **Limit.** Names of tenants and accounts are there. What your own code logs of a `Token` that it exposed is yours.
//!
//! # Who stops the authorization server, or slows it
//!
//! **Holds.** Fit tokens are served on. Retries are bounded, spread by full jitter, and stopped by a cool-down and a breaker;
//! `Retry-After` is honoured; the queue of waiters has an end; a hundred thousand callers are one request.
//!
//! **Limit.** When the token has expired there is none, but for `use-expired`, which a resource server may refuse.
//!
//! # Crashes, races and lost answers
//!
//! Not an attacker, and the likeliest way to lose a grant: [`token_life`](super::token_life), [`custody`](super::custody).
//!
//! **Limit.** On a server that takes each refresh token once and forgives nothing, the only answer that is lost on its way takes
//! the grant along. No client can change that.
//!
//! # Who supplies a dependency
//!
//! **Holds.** A lock file, one registry, a list of licences, a bound on the number of packages of the small build. `ring` is named
//! in two files, `oauth2` in one crate.
//!
//! **Limit.** `ring`, rustls, hyper, tokio and the rest are trusted, and this project has had no outside audit.
