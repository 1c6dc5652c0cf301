//! The top of a file.

use super::deployment::{ACCESS, AUDIT, KEYS, VAULT};
use super::{AUTH, Section, Shape, key, text};

/// What a file begins with.
pub(crate) static ROOT: Section = Section {
    name: "configuration",
    about: "The configuration of grantry.",
    keys: &[
        text("$schema", "Where the schema of this file is, for editors."),
        text("service", "The name of the one service that auth describes; default where nothing is said."),
        key("auth", Shape::Section(&AUTH), "The one service of this file."),
        key("services", Shape::Services, "The services by their names."),
        key("defaults", Shape::Section(&AUTH), "What holds for every service that does not say otherwise."),
        key("tenants", Shape::Map(&TENANT), "The tenants by their names."),
        key("vault", Shape::Section(&VAULT), "Where credentials are kept."),
        key("keys", Shape::Section(&KEYS), "What holds the key above all keys."),
        key("access", Shape::Section(&ACCESS), "Who may do what."),
        key("audit", Shape::Section(&AUDIT), "Where it is recorded who did what."),
    ],
};

/// A service in the map, whose `auth` block stands as in a file of its own.
pub(crate) static WRAPPED: Section = Section {
    name: "service",
    about: "One service.",
    keys: &[key("auth", Shape::Section(&AUTH), "How tokens for it are obtained and renewed.")],
};

static TENANT: Section = Section {
    name: "tenant",
    about: "One tenant.",
    keys: &[key(
        "services",
        Shape::Services,
        "What is different for this tenant, such as a client of its own, and services that it alone has.",
    )],
};
