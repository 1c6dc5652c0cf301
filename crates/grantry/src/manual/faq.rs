//! Design FAQ: the choices, and the rivals that were turned down.
//!
//! `ARCHITECTURE.md` in the repository has the plan of the house; here are the questions that users ask.
//!
//! # Sources
//!
//! **Why has `token()` no arguments?** A source that takes a scope or an account as an argument has a cache in it
//! that is keyed by that argument, and each wrapper around it (a cache, a limit, a test) has to key by it again, or
//! gives one identity another's token. So a source is one identity, and a wrapper cannot get it wrong. For many
//! identities there are many sources, of some 300 bytes each, and a [`Directory`](crate::Directory).
//!
//! **Why are there both `ready` and `token`?** A token is at hand nearly always. `ready` is a plain function: it
//! makes no future, which behind `dyn` costs an allocation, and cannot wait. `token` is for the rest.
//!
//! **Why may `ready` say `None` while there is a token?** Somebody has to start the renewal, and `ready` may not.
//! One caller is sent to `token`, which starts it and returns the held token; a claim that comes to nothing lapses
//! after a second.
//!
//! **Why not a cache such as `moka`?** A cache may evict, and drops what has expired; both are wrong here. An
//! expired token may still be wanted (`use-expired`), a refresh token must not be forgotten, and an entry's renewal
//! needs a state (in flight, cooling down, refused) that is most of the work. What is left for a cache is a
//! pointer.
//!
//! **Why not `dashmap` for the directory?** Its look-up takes a key that the stored key can be borrowed as. A
//! [`GrantKeyRef`](crate::GrantKeyRef) of three separate names is no such borrow of a
//! [`GrantKey`](crate::GrantKey), so each look-up would build a key. The directory is 64 tables of its own behind
//! a lock each, in which a look-up reads one cache line; the key lies in the source, not beside it a second time.
//!
//! **Why does [`Directory::ready`](crate::Directory::ready) now and then say `None` with a token at hand?** A hit
//! among a million sources reads from three pages of memory, and waits for them. A key that is asked for
//! again and again comes near: it gets a place among others of its kind, with a copy of its token, and a hit is
//! about half as long. The copy has to be allocated, which `ready` never does, so it sends one caller in many the
//! way that any caller without a token goes.
//!
//! **Why does no thread-local hold a token?** It would be the fastest, and would outlive a refusal: threads that
//! ask rarely would keep a revoked token for as long as they live. Copies belong to the source, which empties and
//! refills them under its lock.
//!
//! # Renewal
//!
//! **Why one scheduler task instead of a timer for each token?** A million timers are a million tasks or timer
//! entries, with nobody who sees them together. One calendar costs a weak pointer for each source, knows how many
//! renewals are booked around a moment, and so can spread them. It wakes every 10 s at the latest, because a timer
//! set before the machine slept is late by as long as it slept.
//!
//! **Why the boot clock?** The wall clock jumps when somebody sets it, and the monotonic clock of Linux stands
//! still while the machine sleeps: by the first a token can become valid again, by the second a laptop presents a
//! token that expired at noon. The boot clock does neither. The fast path reads two cheaper clocks, and asks the
//! boot clock where one of them calls for it.
//!
//! **Why does a lifetime count from the request?** The server counts from when it made the token, which is before
//! the answer comes and after the request left. Counting from the request is never late.
//!
//! **Why no retries inside grants?** One call of [`obtain`](crate::Grant::obtain) sends at most one request. A
//! retry loop below the source would retry what must not be sent twice, wait while callers could be told, and
//! multiply with the loop above it. The source sees every failure, and what became of the credential.
//!
//! **Why full jitter?** Clients that failed together would come back together. A draw between zero and the whole
//! delay spreads them best for the same mean; a `Retry-After` that everyone was told gets a draw on top, since
//! nobody may come before it.
//!
//! **Why is a failure never final?** What was refused may be mended while the service runs: a secret exchanged, a
//! consent given again. A rest between attempts is cheap; a restart is not.
//!
//! # Requests
//!
//! **Why does a 401 without a challenge count as a refusal?** RFC 9110 wants a `WWW-Authenticate` with each 401,
//! and many resource servers send none. If it did not count, a token whose lifetime nobody said could never be
//! replaced. It costs little to be wrong: one more request, and a renewal at most once in five seconds.
//!
//! **Why no renewal on a 403?** 403 says that the token was valid and is not enough. Another one for the same
//! scope changes nothing.
//!
//! **Why no wildcard origins?** A token for `*.example.com` goes to whoever gets a name there.
//!
//! **Why does the client not retry after an outage of the API?** What may be repeated is known to whoever calls.
//! The one repetition here, after a 401, is safe where a server that refuses a token does not act on the request.
//!
//! # Inside
//!
//! **Why does `oauth2` only parse?** It is given successful answers in canonical form, in one file. It knows no
//! client assertions, always adds `client_id` to the body where it is not in the header, keeps forms in plain
//! strings, and refuses answers that servers in use send (`"expires_in": "3600"`, a scope as an array, an error
//! with status 200). So requests are built, and answers classified and normalised, before it. What it gives back is
//! checked types, from a crate that many read.
//!
//! **Why JWS by hand over `ring`, and no JOSE crate?** What is needed is small: the compact form, five algorithms,
//! PEM and JWK. Written here, `none` cannot be named, a public key cannot verify an HMAC, an algorithm is never
//! taken from a header, and a [`Signer`](crate::Signer) may wait for an HSM. `ring` is named in one file for signing and in one for
//! sealing, so that it can be exchanged.
//!
//! **Why rustls on `ring`?** Signing needs `ring` anyway, so one cryptographic library does for both, and the same
//! one on every platform. The feature `native-tls` is there for those who have to use the platform's own.
//!
//! **Why `async_trait`?** Sources and grants are kept as `dyn`, and async functions in traits cannot be called
//! through it yet. The allocation for each call is off the fast path, which is `ready`.
//!
//! **Why have the types no parameters?** People store clients and sources in their own structs. A type that names
//! its transport, its clock and its state in parameters is spelt out in each of them.
//!
//! # Others
//!
//! What other libraries do, and do better: [`comparison`](super::comparison).
