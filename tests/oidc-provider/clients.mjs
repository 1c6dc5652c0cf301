// The registered clients, and the keys that are made anew at each start: no key is kept in the repository.

import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';

const CLIENT_CREDENTIALS = 'client_credentials';

/** A client of its own right, without a person. */
function machine(id, method, more = {}) {
  return {
    client_id: id,
    token_endpoint_auth_method: method,
    grant_types: [CLIENT_CREDENTIALS],
    response_types: [],
    redirect_uris: [],
    ...more,
  };
}

/** A confidential client that acts for people. */
function web(id, more = {}) {
  return {
    client_id: id,
    client_secret: `${id}-secret`,
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['https://app.example/callback?from=oidc-provider'],
    ...more,
  };
}

/** A client on a loopback address, whose port the server does not compare (RFC 8252 section 7.3). */
function native(id, more) {
  return {
    client_id: id,
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    ...more,
  };
}

/** A program without a browser, which has a person approve elsewhere. */
function device(id, more) {
  return {
    client_id: id,
    application_type: 'native',
    grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
    response_types: [],
    redirect_uris: [],
    ...more,
  };
}

/**
 * A new private key in PEM. It is encoded by the job that makes it: exporting the key objects that such a job hands
 * out can hang Node.js for good, when the job is collected in the middle of an export.
 */
function makePem(alg) {
  const encoded = {
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  };
  switch (alg) {
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256', ...encoded }).privateKey;
    case 'EdDSA':
      return generateKeyPairSync('ed25519', encoded).privateKey;
    default:
      return generateKeyPairSync('rsa', { modulusLength: 2048, ...encoded }).privateKey;
  }
}

/** One key for each algorithm: the public JWK is registered, the private half goes to the test by the pipe. */
function makeKey(alg) {
  const pem = makePem(alg);
  const marks = { kid: `key-${alg.toLowerCase()}`, use: 'sig', alg };
  return {
    alg,
    publicJwk: { ...createPublicKey(pem).export({ format: 'jwk' }), ...marks },
    handed: {
      kid: marks.kid,
      pem,
      jwk: JSON.stringify({ ...createPrivateKey(pem).export({ format: 'jwk' }), ...marks }),
    },
  };
}

const keys = ['ES256', 'RS256', 'PS256', 'EdDSA'].map(makeKey);

/** Private keys of the client `private-key-jwt`, by algorithm. */
export const clientKeys = Object.fromEntries(keys.map((key) => [key.alg, key.handed]));

/** The server's own keys, each time new ones under new ids. The last one is for EdDSA by both of its names. */
export function makeServerKeys(generation) {
  return ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => {
    const jwk = createPrivateKey(makePem(alg)).export({ format: 'jwk' });
    const limit = alg === 'EdDSA' ? {} : { alg };
    return { ...jwk, ...limit, use: 'sig', kid: `server-${alg.toLowerCase()}-${generation}` };
  });
}

/** The client that may introspect the tokens of others. */
export const API = 'api';

/** The client that holds refresh tokens. */
export const REFRESHING = 'refreshing';

export const clients = [
  machine('basic', 'client_secret_basic', { client_secret: 'basic-secret' }),
  machine('post', 'client_secret_post', { client_secret: 'post-secret' }),
  // Both halves have to be form-encoded before base64, or the colon cuts the id short.
  machine('odd:id/+&=', 'client_secret_basic', { client_secret: 'p%:+ /&=~!"#' }),
  machine('odd-post', 'client_secret_post', { client_secret: 'p%:+ /&=~!"#' }),
  machine('client-secret-jwt', 'client_secret_jwt', { client_secret: 'shared by both and 32 bytes or longer' }),
  machine('private-key-jwt', 'private_key_jwt', { jwks: { keys: keys.map((key) => key.publicJwk) } }),
  machine(API, 'client_secret_basic', { client_secret: 'api-secret' }),
  {
    client_id: REFRESHING,
    client_secret: 'refreshing-secret',
    token_endpoint_auth_method: 'client_secret_basic',
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: ['http://127.0.0.1/callback'],
    application_type: 'native',
  },
  // A web application that people connect; the second one has to push its requests.
  web('web'),
  web('web-pushing', { require_pushed_authorization_requests: true }),
  // Their ID tokens are signed by other algorithms than RS256, which is what the others get.
  ...['PS256', 'ES256', 'EdDSA', 'Ed25519'].map((alg) =>
    web(`web-${alg.toLowerCase()}`, { id_token_signed_response_alg: alg }),
  ),
  // Its tokens are bound to keys, which the server insists on: a program of a person's own, and a web application.
  web('desktop-bound', {
    client_secret: undefined,
    token_endpoint_auth_method: 'none',
    application_type: 'native',
    dpop_bound_access_tokens: true,
  }),
  web('web-bound', { dpop_bound_access_tokens: true }),
  machine('bound', 'client_secret_basic', { client_secret: 'bound-secret', dpop_bound_access_tokens: true }),
  // A program on the person's machine, at whatever port it gets, and a gateway in development.
  native('desktop', { token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/callback'] }),
  native('gateway', {
    token_endpoint_auth_method: 'client_secret_basic',
    client_secret: 'gateway-secret',
    redirect_uris: ['http://localhost/oauth/callback'],
  }),
  device('tv', { token_endpoint_auth_method: 'none' }),
  device('printer', { token_endpoint_auth_method: 'client_secret_basic', client_secret: 'printer-secret' }),
];
