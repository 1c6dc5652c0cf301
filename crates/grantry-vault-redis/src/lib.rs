//! The vault in Redis, with the weaker durability that Redis has.
//!
//! [`RedisVault`] keeps sealed records in one Redis 7 or newer. Each call is one Lua script, so that a record, its
//! revision, its place in the index and the news of its change are one step.
//!
//! # When to use it, and when not
//!
//! Use it where Redis is there and operated well, several processes share grants, and a grant that is lost means that
//! somebody signs in again. Prefer PostgreSQL where losing one is worse than that, and SQLite where all processes are
//! on one machine. A rotated refresh token that a failover forgets cannot be had back: the server has revoked its
//! predecessor.
//!
//! # What is promised
//!
//! | promise of a `Vault` | here |
//! |---|---|
//! | compare-and-swap, read your writes, complete listings | kept, on one primary |
//! | revisions never repeat | kept, also after a removal; also when a crash took the last writes with it, or an older copy of the store was brought back: 128 random bits are part of each |
//! | the clock never runs backwards | kept: when the machine's clock is set back, or another machine takes over, the store's goes on from where it was. It ticks every 50 ms. After a failover the new primary learns it from whoever saw it first; until then it may be behind by as much as the two machines' clocks differ |
//! | durable before it returns | **kept against a crash** with `appendonly yes`, `appendfsync always` and `no-appendfsync-on-rewrite no`; anything else is refused until it is accepted by name ([`RedisVaultBuilder`]) |
//! | | **not kept against a failover**: Redis replicates after it has answered. [`wait_for_replicas`](RedisVaultBuilder::wait_for_replicas) makes a loss unlikely, not impossible: nothing forbids that a replica without the write is promoted, and a primary that was cut off goes on confirming writes until it notices (`min-replicas-to-write` bounds that) |
//! | nothing disappears | kept: a server that evicts (`maxmemory-policy` other than `noeviction`) is refused |
//!
//! These settings are looked at on each new connection; what somebody changes while a connection lasts is seen at the
//! next one.
//!
//! # Errors
//!
//! A connection that is lost after a write was sent is `InDoubt`; before, and that is known by counting the bytes that
//! the system took, it is `Unavailable`. No write is sent twice. When the server is back the same handle goes on.
//! `maxmemory` is `Full`: readings and removals still work then. A replica, a server that is loading, busy, or may not
//! write is `Unavailable`. Rights and settings are `Refused`, with what to do.
//!
//! # What is not there
//!
//! * TLS: plain `redis://` goes to loopback and to sockets only. For a server elsewhere let a TLS tunnel listen on
//!   loopback.
//! * Redis Cluster, which is refused: the clock is one key for all tenants. Sentinel is not asked; name the address
//!   that leads to the primary.
//!
//! * Wiping of the password: the client keeps it in plain memory for as long as there is a handle.
//!
//! # What is in Redis
//!
//! | key | what |
//! |---|---|
//! | `grantry:{acme}:r:acme/grant/crm/user-17` | a hash: `sealed`, `revision` |
//! | `grantry:{acme}:index` | a sorted set of the tenant's keys, all of score 0 |
//! | `grantry:{acme}:changes` | a channel: the keys that were written |
//! | `grantry:state` | a hash: `format`, `clock` and `offset` in microseconds, `writes` |
//! | `grantry:tenants` | a sorted set of all tenants that ever had a record; nobody leaves it |
//!
//! `grantry` is the namespace; `-` stands for a tenant in the deployment's own records. Nothing has an expiry. `KEYS`
//! and `SCAN` are never used, and each script names all its keys.
//!
//! # A second wall between tenants
//!
//! Sealing is the first: a record opens only with its tenant's key, in its place. Redis can add another, with a user
//! for each tenant, for a process that serves one tenant:
//!
//! ```text
//! ACL SETUSER acme on '>password' \
//!   '~grantry:{acme}:*' '~grantry:state' '%W~grantry:tenants' '&grantry:{acme}:changes' \
//!   +auth +hello +ping +select +eval +evalsha +wait +time \
//!   +hmget +hget +hset +hincrby +exists +del +zadd +zrange +zrem \
//!   +publish +subscribe +unsubscribe
//! ```
//!
//! Such a user reads and writes no record of another tenant, and cannot list the tenants. It cannot read the settings
//! either, so connect with [`accept_unchecked_settings`](RedisVaultBuilder::accept_unchecked_settings), or add
//! `+config|get`, which shows it all of them. What the wall does not hold: a process that was broken into can spoil
//! `grantry:state`, and with it the clock of all, or keep Redis busy. A user for all tenants needs `~grantry:*`,
//! `&grantry:*` and the same commands, with `+config|get`.
//!
//! # Invariants
//!
//! * No type of the `redis` crate is in the public API.
//! * A write is sent once; only a script that the server says it does not know is sent again, by its text.
//! * Scripts touch no key that they do not name, and write the record last.
//! * No password and no text of the server is in an error, a log line or a `Debug`.

mod address;
mod answer;
mod builder;
mod changes;
mod link;
mod links;
mod listing;
mod live;
mod names;
mod replicas;
mod revision;
mod scripts;
mod settings;
mod store;
mod stream;
mod vault;

pub use builder::RedisVaultBuilder;
pub use vault::RedisVault;
