//! A checklist: what to look at before production, and what is done for you.
//!
//! # Done for you
//!
//! | practice | how |
//! |---|---|
//! | PKCE for every client, with a secret or without | S256 goes with every authorization request, unless a client with a secret says `"pkce": false` to a provider that is known to do without |
//! | no implicit flow, no passwords | neither exists here |
//! | certificates verified | always; there is no switch |
//! | tokens renewed before they expire | in the background, spread, one request for all callers |
//! | refresh tokens rotated without losing them | [`custody`](super::custody): the successor is kept before anybody sees the token |
//! | nothing secret in logs | types that print `[redacted]`, and a test that looks for canaries |
//! | credentials encrypted, keys exchanged every 90 days | [`vault`](super::vault), [`keys`](super::keys) |
//! | tokens to named origins only | [`requests`](super::requests) |
//! | bounded retries, with jitter and a breaker | [`renewal`](super::renewal) |
//!
//! # Yours to decide
//!
//! | practice | do | because |
//! |---|---|---|
//! | least scope | ask for what this service uses, and for one audience or resource | a stolen token does no more than that |
//! | a client for each service and environment | register several | one that is stolen is revoked alone, and the trail says whose it was |
//! | a key instead of a secret | `private_key_jwt`, [`client_authentication`](super::client_authentication) | the server never learns it |
//! | bound tokens | `.dpop(Dpop::es256())`, or `"dpop": true` in a configuration, where the server can, [`binding`](super::binding) | a stolen one is worth nothing |
//! | short access tokens | set at the server; minutes do, since renewals cost nobody a wait | a revocation takes effect that soon |
//! | rotation of refresh tokens, with a window for repeats | set at the server, where it can be | a stolen one is noticed, and a lost answer costs nothing |
//! | secrets out of files | the vault, `${NAME}`, `${file:...}`: [`configuration`](super::configuration) | a repository is read by many |
//! | `queue`, `fail` or `use-expired` | by what your callers can bear | [`renewal`](super::renewal#what-the-fallback-words-mean) |
//!
//! # Before the first day
//!
//! 1. **The configuration is whole.** `--complete` refuses what lacks something for use:
//!
//!    ```jsonc
//!    // grantry.json
//!    {
//!      "service": "crm",
//!      "auth": {
//!        "flow": "client_credentials",
//!        "tokenUrl": "https://as.example.com/token",
//!        "clientId": "billing",
//!        "clientSecret": "${CRM_SECRET}",
//!        "scopes": ["contacts.read"],
//!      },
//!    }
//!    ```
//!
//!    ```console
//!    $ CRM_SECRET=s3cret grantry config check --complete grantry.json
//!    TENANT   SERVICE  FLOW                TOKEN ENDPOINT                MISSING
//!    (every)  crm      client_credentials  https://as.example.com/token
//!    ```
//!
//!    `grantry doctor` looks at the rest: permissions, keys, registrations, grants, and what the servers answer.
//!
//! 2. **The key has a copy** that is not beside the store's backups, and somebody has opened a restored vault with it once.
//! 3. **Each replica** has a disk for lifeboats, a name, and time to shut down: [`replicas`](super::replicas).
//! 4. **Roles** name what each program may use, and nobody is `admin` by habit: [`access`](super::access).
//! 5. **The server's rotation** is described as it is. A preset knows it; what is not known is taken for the strictest.
//! 6. **Somebody is told**: an observer that raises `ReauthorizationNeeded` and `KeyDue`, or a timer:
//!
//!    ```console
//!    $ grantry auth set --service crm --client-id billing --client-secret-file secret.txt \
//!        --token-url https://as.example.com/token
//!    ...
//!    $ grantry auth status --check
//!    no grant is stored yet: the first token that is asked for makes one
//!    $ grantry audit verify
//!    intact: 9 lines of 2 processes
//!    ```
//!
//! 7. **Checkpoints of the trail** go where whoever runs the vault cannot write.
//! 8. **A day without the server** was tried: stop it, and see what your callers get. `grantry-testkit` does that in a test:
//!    [`testing`](super::testing).
