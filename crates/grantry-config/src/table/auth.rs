//! The `auth` block: one service.

use super::{Key, Section, Shape, choice, flag, key, secret, text, whole};

/// A year, in seconds: the longest that the policy of renewals accepts.
const YEAR: u64 = 366 * 24 * 3600;

/// The `auth` block of a service.
pub(crate) static AUTH: Section = Section {
    name: "auth",
    about: "How tokens for one service are obtained and renewed.",
    keys: &[
        key(
            "type",
            Shape::OneOf(&[choice("oauth2", "OAuth 2.0")]),
            "The kind of authorization. There is one, which is also meant where nothing is said.",
        ),
        key(
            "flow",
            Shape::OneOf(&[
                choice("client_credentials", "the service acts for itself (RFC 6749 section 4.4)"),
                choice("authorization_code", "a person consents in a browser (RFC 6749 section 4.1, with PKCE)"),
                choice("device_authorization", "a person consents on another device (RFC 8628)"),
                choice("token_exchange", "another token is exchanged (RFC 8693)"),
            ]),
            "How tokens are obtained. Where it is left out it follows from the provider.",
        )
        .also(&["grant_type", "grantType", "grant"]),
        text("provider", "The name of a preset that knows the server, such as google, microsoft or salesforce.")
            .also(&["preset"]),
        text("tenantId", "The tenant at the provider; it takes the place of {tenantId} in URLs.")
            .also(&["tenant", "directoryId"]),
        text("instanceUrl", "The customer's own host at the provider; it takes the place of {instanceUrl} in URLs."),
        text("domain", "The customer's domain at the provider, such as acme or acme.okta.com."),
        key(
            "providerParams",
            Shape::TextMap,
            "What else the provider's URLs are made of, by the names that its preset uses: shop, subdomain, instance, \
             host, serverId, dataCenter, country.",
        )
        .also(&["shop", "subdomain", "instance", "host", "serverId", "dataCenter", "country"]),
        text("issuer", "The issuer identifier (RFC 8414). Alone it is enough: the server's metadata has the rest.")
            .also(&["issuerUrl", "discoveryUrl"]),
        text("tokenUrl", "The token endpoint.").also(&["token_endpoint", "tokenEndpoint", "accessTokenUrl"]),
        text("authorizationUrl", "The authorization endpoint.").also(&[
            "authorization_endpoint",
            "authorizationEndpoint",
            "authUrl",
            "authorizeUrl",
        ]),
        text("revocationUrl", "The revocation endpoint (RFC 7009).")
            .also(&["revocation_endpoint", "revocationEndpoint", "revokeUrl"]),
        text("introspectionUrl", "The introspection endpoint (RFC 7662).")
            .also(&["introspection_endpoint", "introspectionEndpoint"]),
        text("deviceAuthorizationUrl", "The device authorization endpoint (RFC 8628).")
            .also(&["device_authorization_endpoint", "deviceUrl"]),
        text("pushedAuthorizationUrl", "The pushed authorization request endpoint (RFC 9126).")
            .also(&["pushed_authorization_request_endpoint", "parUrl"]),
        text("jwksUri", "The server's JWK Set, by which ID tokens are checked.").also(&["jwks_uri", "jwksUrl"]),
        key(
            "revocation",
            Shape::Section(&REVOCATION),
            "What a revocation at the server leaves alone (RFC 7009 section 2.1). Where nothing is said, what the preset knows.",
        ),
        key(
            "refreshRate",
            Shape::Section(&REFRESH_RATE),
            "How often the server lets one refresh token be used. Where nothing is said, as often as the preset knows, or not \
             bounded.",
        )
        .also(&["maxRefreshRate"]),
        text("redirectUri", "Where the server sends the person back to, as it is registered there.")
            .also(&["redirectUrl", "callbackUrl", "callback"]),
        text("clientId", "The client identifier. Where it is left out, the vault has it.")
            .also(&["consumerKey", "appId", "applicationId"]),
        secret(
            "clientSecret",
            "The client secret: from the environment or a file, as ${NAME} or ${file:path}. Where it is left out, the \
             vault has it.",
        )
        .also(&["consumerSecret", "secret", "appSecret"]),
        text("clientSecretFile", "A file with the client secret.").also(&["secretFile"]),
        key(
            "clientAuthentication",
            Shape::OneOf(&[
                choice("client_secret_basic", "the secret in the Authorization header"),
                choice("client_secret_post", "the secret in the body"),
                choice("client_secret_jwt", "an assertion under the secret (RFC 7523)"),
                choice("private_key_jwt", "an assertion under a private key (RFC 7523)"),
                choice("tls_client_auth", "the certificate of mutualTls, which an authority issued (RFC 8705)"),
                choice(
                    "self_signed_tls_client_auth",
                    "the certificate of mutualTls, which is registered with the server itself (RFC 8705)",
                ),
                choice("none", "a public client"),
            ]),
            "How the client proves who it is. Where it is left out it follows from the provider and the credentials.",
        )
        .also(&["token_endpoint_auth_method", "tokenEndpointAuthMethod", "authMethod", "clientAuth"]),
        secret("privateKey", "The private key for private_key_jwt, in PEM or as a JWK."),
        // Whoever puts the key itself there is not to see it in an excerpt.
        secret("privateKeyFile", "A file with the private key.").also(&["keyFile"]),
        text("privateKeyId", "The key's id at the server, the kid of assertions.").also(&["kid", "keyId"]),
        key(
            "signingAlgorithm",
            Shape::OneOf(&[
                choice("ES256", "ECDSA on P-256"),
                choice("PS256", "RSASSA-PSS"),
                choice("RS256", "RSASSA-PKCS1-v1_5"),
                choice("EdDSA", "Ed25519"),
            ]),
            "How assertions are signed. Where it is left out it follows from the key.",
        )
        .also(&["alg", "algorithm"]),
        text("certificateFile", "A file with the certificate of the private key, for servers that want its thumbprint.")
            .also(&["certificate"]),
        key("mutualTls", Shape::Section(&MUTUAL_TLS), "The certificate that connections to the server present (RFC 8705).")
            .also(&["mtls", "tls", "clientCertificate"]),
        flag(
            "dpop",
            "Whether tokens are bound to a key that each grant gets for itself (RFC 9449). False where nothing is said.",
        )
        .also(&["dpopBoundAccessTokens", "dpop_bound_access_tokens"]),
        key("scopes", Shape::Texts, "The scopes that are asked for.").also(&["permissions"]),
        key("resources", Shape::Texts, "The resources that tokens are for (RFC 8707).").also(&["resource"]),
        Key {
            hidden: true,
            ..key(
                "additionalParams",
                Shape::TextMap,
                "Parameters that requests carry besides, such as audience: those for the token for client credentials, \
                 those for the authorization where a person consents.",
            )
        }
        .also(&["additionalParameters", "extraParams", "params"]),
        flag("pkce", "PKCE (RFC 7636) is always used; false counts only where the provider is known to ignore or refuse it."),
        text("subjectTokenType", "What kind of token is exchanged (RFC 8693 section 3)."),
        text("requestedTokenType", "What kind of token is asked for in exchange (RFC 8693 section 3)."),
        key("refreshToken", Shape::Section(&REFRESH), "When and how tokens are renewed.")
            .also(&["refresh", "refreshPolicy"]),
    ],
};

static REVOCATION: Section = Section {
    name: "revocation",
    about: "What a revocation at the server leaves alone, as its documentation says (RFC 7009 section 2.1).",
    keys: &[
        flag(
            "sparesRefreshTokens",
            "Whether revoking an access token leaves its refresh token alone. Then old access tokens of people are revoked when \
             the client's secret is exchanged. False where nobody knows.",
        ),
        flag(
            "sparesLaterConsents",
            "Whether revoking a token of one consent leaves later consents of the same person alone. Then what is left of an old \
             consent is revoked where a later one lives. False where nobody knows.",
        ),
    ],
};

static REFRESH_RATE: Section = Section {
    name: "refreshRate",
    about: "How often the server lets one refresh token be used: so many times, in so many seconds.",
    keys: &[
        flag(
            "bounded",
            "Whether the server bounds it. False takes away what a preset says, and whatever else is said here. True where nothing is \
             said.",
        ),
        whole("most", "renewals", u32::MAX as u64, "How many times at most."),
        whole("within", "seconds", YEAR, "In how long."),
    ],
};

static MUTUAL_TLS: Section = Section {
    name: "mutualTls",
    about: "The certificate that connections to the server present, and its private key (RFC 8705).",
    keys: &[
        // Hidden, all of them, since the key itself may stand in the wrong one.
        secret("certificate", "The certificate, and those between it and its root, in PEM: ${file:path}."),
        secret("certificateFile", "A file with the certificate.").also(&["certFile", "cert"]),
        secret(
            "privateKey",
            "Its private key in PEM: from the environment or a file, as ${NAME} or ${file:path}. Where it is left out and \
             the client authenticates by the certificate, the vault has it.",
        ),
        secret("privateKeyFile", "A file with its private key.").also(&["keyFile", "key"]),
        flag(
            "boundTokens",
            "Whether the server binds access tokens to the certificate, so that clients with that certificate alone present \
             them. False where nothing is said.",
        )
        .also(&["tlsClientCertificateBoundAccessTokens", "tls_client_certificate_bound_access_tokens"]),
    ],
};

static REFRESH: Section = Section {
    name: "refreshToken",
    about: "When and how tokens are renewed.",
    keys: &[
        flag("enabled", "Whether tokens are renewed ahead of their expiry. True where nothing is said."),
        whole("bufferTime", "seconds", YEAR, "How long before its expiry a token is renewed; 300 seconds.")
            .also(&["buffer", "skew"]),
        whole("maxRetries", "retries", 1000, "How many attempts follow a failed one before a rest; 3.")
            .also(&["retries"]),
        whole(
            "retryDelay",
            "milliseconds",
            YEAR * 1000,
            "The delay before the first retry, which doubles with each one; 1000 milliseconds.",
        ),
        key(
            "fallbackBehavior",
            Shape::OneOf(&[
                choice("queue", "callers wait through the retries"),
                choice("fail", "callers get the error at once"),
                choice("use-expired", "callers get the expired token for a while"),
            ]),
            "What happens to callers when no valid token is at hand and a renewal failed; queue.",
        )
        .also(&["fallback", "fallbackBehaviour"]),
        whole("queuePatience", "seconds", YEAR, "How long callers wait with queue; 30 seconds."),
        whole(
            "expiredGrace",
            "seconds",
            YEAR,
            "How long after its expiry use-expired hands a token out; 60 seconds.",
        ),
    ],
};
