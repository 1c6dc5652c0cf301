// A certified authorization server (oidc-provider) for the interop tests.
//
// It listens on a loopback port that the system chooses and prints one line when it is ready:
//
//   READY {"issuer":"http://127.0.0.1:40123","keys":{"ES256":{"kid":"..","pem":"..","jwk":".."},..}}
//
// Environment: ACCESS_TTL (seconds an access token lives, default 3600), ROTATE (0: refresh tokens stay), DPOP_NONCE (1:
// proofs need the server's nonces), TLS_FOLDER (https and mutual TLS, see tls.mjs).
// See control.mjs for what a test can ask of it while it runs.

import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Provider, errors } from 'oidc-provider';
import { API, clientKeys, clients, makeServerKeys } from './clients.mjs';
import { listen, middleware } from './control.mjs';
import { Store } from './store.mjs';
import * as tls from './tls.mjs';

const accessTtl = Number(process.env.ACCESS_TTL ?? 3600);
const rotate = process.env.ROTATE !== '0';
const nonces = process.env.DPOP_NONCE === '1';
const secure = Boolean(process.env.TLS_FOLDER);

/** What an access token may be for: one API takes opaque tokens (and introspects), one takes JWTs. */
const resources = {
  'https://api.example/opaque': { accessTokenFormat: 'opaque' },
  'https://api.example/jwt': { accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } },
};

const ownToken = (ctx, client, token) => client.clientId === token.clientId;

const configuration = {
  adapter: Store,
  clients: secure ? [...clients, ...tls.clients()] : clients,
  scopes: ['openid', 'offline_access', 'read', 'write'],
  clientAuthMethods: [
    'client_secret_basic',
    'client_secret_post',
    'client_secret_jwt',
    'private_key_jwt',
    'none',
    ...(secure ? ['tls_client_auth', 'self_signed_tls_client_auth'] : []),
  ],
  enabledJWA: { clientAuthSigningAlgValues: ['HS256', 'ES256', 'RS256', 'PS256', 'EdDSA'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  pkce: { required: () => true },
  rotateRefreshToken: rotate,
  expiresWithSession: async () => false,
  ttl: {
    AccessToken: accessTtl,
    ClientCredentials: accessTtl,
    RefreshToken: 86_400,
    IdToken: 3600,
    DeviceCode: 600,
    Grant: 86_400,
  },
  features: {
    // Plain login and consent pages, which let anybody in under any name.
    devInteractions: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    deviceFlow: { enabled: true },
    clientCredentials: { enabled: true },
    dPoP: { enabled: true, nonceSecret: nonces ? randomBytes(32) : undefined, requireNonce: () => nonces },
    ...(secure ? { mTLS: tls.feature } : {}),
    revocation: { enabled: true, allowedPolicy: ownToken },
    introspection: {
      enabled: true,
      allowedPolicy: (ctx, client, token) => client.clientId === API || ownToken(ctx, client, token),
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (ctx, client, asked) => asked,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (ctx, indicator) => {
        if (!Object.hasOwn(resources, indicator)) throw new errors.InvalidTarget();
        return { scope: 'read write', audience: indicator, accessTokenTTL: accessTtl, ...resources[indicator] };
      },
    },
  },
};

/** Listens on a loopback port that the system chooses, and gives its origin. */
function open(server) {
  return new Promise((opened) => {
    server.listen(0, '127.0.0.1', () => opened(`${secure ? 'https' : 'http'}://127.0.0.1:${server.address().port}`));
  });
}

const server = secure ? tls.makeServer({ mutual: false }) : createServer();
const mutual = secure ? tls.makeServer({ mutual: true }) : undefined;
const issuer = await open(server);
if (mutual) configuration.discovery = { mtls_endpoint_aliases: tls.aliases(await open(mutual)) };

/** A provider with these keys over the same store. */
function provide(keys) {
  const provider = new Provider(issuer, { ...configuration, jwks: { keys } });
  provider.on('server_error', (ctx, error) => console.error(error));
  provider.on('grant.error', (ctx, error) => console.error(error.error_detail ?? error.message));
  provider.use(middleware);
  return provider;
}

let generation = 1;
const provider = provide(makeServerKeys(generation));
let serve = provider.callback();
server.on('request', (request, response) => serve(request, response));
mutual?.on('request', (request, response) => serve(request, response));
listen(provider, {
  // From now on with other keys; those before are published no more.
  rotate_keys: async () => {
    generation += 1;
    serve = provide(makeServerKeys(generation)).callback();
    return {};
  },
});
console.log(`READY ${JSON.stringify({ issuer, keys: clientKeys })}`);
