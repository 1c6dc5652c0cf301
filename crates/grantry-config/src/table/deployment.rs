//! The sections about the deployment: vault, keys, access, audit.

use super::{Section, Shape, choice, flag, key, secret, text, whole};

/// The `vault` section.
pub(super) static VAULT: Section = Section {
    name: "vault",
    about: "Where credentials are kept.",
    keys: &[
        key(
            "type",
            Shape::OneOf(&[
                choice("sqlite", "a file, for the processes of one machine"),
                choice("postgres", "a PostgreSQL database, for many replicas"),
                choice("redis", "a Redis server"),
                choice("memory", "the memory of the process, which ends with it"),
            ]),
            "The kind of store.",
        )
        .also(&["backend", "store"]),
        text("path", "The file of the store.").only(&["sqlite"]).also(&["file"]),
        secret(
            "url",
            "How to reach the store. It may hold a password, so take it from the environment or a file.",
        )
        .only(&["postgres", "redis"])
        .also(&["connection", "dsn", "connectionString"]),
        text("schema", "The schema of the tables.").only(&["postgres"]),
        whole("connections", "connections", 10_000, "How many connections there are at most.")
            .only(&["postgres"]),
        text("namespace", "What the names of all keys begin with.").only(&["redis"]),
        whole("waitForReplicas", "replicas", 100, "How many replicas have to have a write before it counts.")
            .only(&["redis"]),
        flag("acceptNoPersistence", "Accepts a server that writes nothing to its disk.").only(&["redis"]),
        flag("acceptLosingRecentWrites", "Accepts a server that syncs its disk once a second.")
            .only(&["redis"]),
        text("deployment", "The name of the deployment, which everything is sealed for."),
        text("lifeboats", "The folder for tokens that could not be written to the store at once; beside the file of a SQLite store if left out.")
            .also(&["lifeboat"]),
        key(
            "reaper",
            Shape::Section(&REAPER),
            "Has grants revoked that nobody uses. None are where nothing is said.",
        ),
    ],
};

static REAPER: Section = Section {
    name: "reaper",
    about: "Grants that are revoked because nobody uses them.",
    keys: &[
        whole("unusedFor", "days", 36_600, "For how long nobody used them.").also(&["after", "idle"]),
        text("principal", "As whom they are revoked; workload:reaper where nothing is said."),
    ],
};

/// The `keys` section.
pub(super) static KEYS: Section = Section {
    name: "keys",
    about: "What holds the key above all keys.",
    keys: &[
        key(
            "type",
            Shape::OneOf(&[
                choice("file", "a key file"),
                choice("keychain", "a key in the keychain of the operating system"),
                choice("environment", "a key in an environment variable"),
                choice("passphrase", "a key that is derived from a passphrase"),
                choice("pkcs11", "an HSM"),
                choice("aws-kms", "AWS KMS"),
                choice("transit", "the transit engine of HashiCorp Vault or OpenBao"),
            ]),
            "The kind of key provider.",
        )
        .also(&["provider"]),
        text("path", "The key file.").only(&["file"]),
        text("entry", "The name of the keychain's entry.").only(&["keychain"]),
        text("variable", "The environment variable with 32 bytes in base64.").only(&["environment"]),
        secret("passphrase", "The passphrase, of at least 12 characters.").only(&["passphrase"]),
        text("salt", "The salt of the passphrase, of at least 16 characters; no secret.")
            .only(&["passphrase"]),
        text("module", "The PKCS#11 module, a shared library.").only(&["pkcs11"]).also(&["library"]),
        text("tokenLabel", "The label of the token.").only(&["pkcs11"]),
        text("tokenSerial", "The serial number of the token.").only(&["pkcs11"]),
        whole("slot", "slots", u64::MAX, "The id of the token's slot.").only(&["pkcs11"]),
        secret("pin", "The PIN of the token.").only(&["pkcs11"]),
        text("keyLabel", "What the labels of the keys begin with.").only(&["pkcs11"]),
        text("serialInKeyIds", "The serial number of the token that the keys were moved from.")
            .only(&["pkcs11"]),
        flag("createIfMissing", "Whether a key is made where there is none.").only(&["pkcs11"]),
        text("region", "The region of KMS.").only(&["aws-kms"]),
        text("endpointUrl", "Where KMS is, in place of the region's own endpoint.").only(&["aws-kms"]),
        text("key", "The name, id or ARN of the key.")
            .only(&["aws-kms", "transit"])
            .also(&["keyId", "keyName"]),
        text("address", "Where the server is.").only(&["transit"]),
        secret("token", "The token for the server. Where it is left out, the application hands one in.")
            .only(&["transit"]),
        text("tokenFile", "A file with the token, which is read anew as it changes.").only(&["transit"]),
        text("mount", "Where the engine is mounted.").only(&["transit"]),
        text("namespace", "In which namespace the engine is.").only(&["transit"]),
        key("rotation", Shape::Section(&ROTATION), "When keys are rotated."),
    ],
};

static ROTATION: Section = Section {
    name: "rotation",
    about: "When keys are rotated.",
    keys: &[
        flag("enabled", "Whether this process rotates keys by itself. True where nothing is said."),
        whole("every", "days", 36_600, "At which age a key is exchanged; 90 days."),
        whole("warnBefore", "days", 36_600, "How long before that age it is reported; 5 days."),
        whole("hold", "days", 36_600, "How long a key is kept after nothing names it any more; 7 days."),
        whole(
            "recordsPerSecond",
            "records",
            1_000_000,
            "How many records are sealed anew in a second; 1000.",
        ),
    ],
};

/// The `access` section.
pub(super) static ACCESS: Section = Section {
    name: "access",
    about: "Who may do what.",
    keys: &[
        whole("epoch", "states", (1 << 53) - 1, "Which state of the policy this is; 1. It only ever grows."),
        key("roles", Shape::Map(&ROLE), "Roles of one's own. Ready-made: admin, auditor, operator, service."),
        key("bindings", Shape::List(&BINDING), "Who has which role, and where."),
    ],
};

static ROLE: Section = Section {
    name: "role",
    about: "A named set of permissions.",
    keys: &[key("permissions", Shape::Texts, "What it allows, such as token.use.")],
};

static BINDING: Section = Section {
    name: "binding",
    about: "Allows or denies somebody all that a role holds.",
    keys: &[
        key(
            "effect",
            Shape::OneOf(&[
                choice("allow", "it may be done"),
                choice("deny", "it may not, whatever else allows it"),
            ]),
            "Whether it is allowed, as where nothing is said, or denied.",
        ),
        text("principal", "Who: workload:billing, person:ana@example.com, workload:* or *."),
        text("role", "The role's name."),
        text(
            "tenant",
            "The tenant, or * for all. It cannot be left out: a tenant forgotten is not all of them.",
        ),
        text(
            "service",
            "The service, the beginning of some (crm-*), or *, which is meant where nothing is said.",
        ),
        text(
            "account",
            "The account, the beginning of some (user-*), or *, which is meant where nothing is said.",
        ),
        text("until", "When it ends, such as 2027-01-01T00:00:00Z."),
    ],
};

/// The `audit` section.
pub(super) static AUDIT: Section = Section {
    name: "audit",
    about: "Where it is recorded who did what.",
    keys: &[
        flag("vault", "Whether the trail is kept in the vault. True where nothing is said."),
        text("folder", "A folder for the trail as lines of JSON, besides or in place of the vault.")
            .also(&["path", "directory"]),
        whole(
            "patience",
            "milliseconds",
            60_000,
            "How long a record may take to be durable before what it is about is refused; 2000 milliseconds.",
        ),
    ],
};
