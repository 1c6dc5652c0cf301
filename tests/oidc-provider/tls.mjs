// Https and mutual TLS, with the certificates that the test made: TLS_FOLDER holds ca.pem (who issued the others),
// server.pem (a certificate and its key) and self-signed.pem (the certificate of a client that nobody issued).
//
// One port serves as servers do; the other asks clients for certificates, and is told of as `mtls_endpoint_aliases`.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const folder = process.env.TLS_FOLDER;

/** What a server of that port is made with; `mutual` asks clients for certificates and lets those without in as well. */
export function makeServer({ mutual }) {
  const pem = read('server.pem');
  return createServer({ cert: pem, key: pem, ca: read('ca.pem'), requestCert: mutual, rejectUnauthorized: false });
}

/** The clients that say who they are by their certificates. */
export function clients() {
  const certificate = new X509Certificate(read('self-signed.pem'));
  const jwk = { ...certificate.publicKey.export({ format: 'jwk' }), use: 'sig', x5c: [certificate.raw.toString('base64')] };
  const machine = {
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
    tls_client_certificate_bound_access_tokens: true,
  };
  return [
    {
      ...machine,
      client_id: 'tls',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'orders.example',
    },
    {
      ...machine,
      client_id: 'self-signed',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: { keys: [jwk] },
    },
    {
      client_id: 'web-tls',
      client_secret: 'web-tls-secret',
      token_endpoint_auth_method: 'client_secret_basic',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: ['https://app.example/callback?from=oidc-provider'],
      tls_client_certificate_bound_access_tokens: true,
    },
  ];
}

/** What the library asks of a connection. */
export const feature = {
  enabled: true,
  certificateBoundAccessTokens: true,
  selfSignedTlsClientAuth: true,
  tlsClientAuth: true,
  getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.()?.toString(),
  certificateAuthorized: (ctx) => ctx.socket.authorized,
  certificateSubjectMatches: (ctx, property, expected) =>
    property === 'tls_client_auth_san_dns' &&
    ctx.socket.getPeerX509Certificate().checkHost(expected, { subject: 'never' }) !== undefined,
};

/** The endpoints of the port that asks for certificates. */
export function aliases(origin) {
  return {
    token_endpoint: `${origin}/token`,
    revocation_endpoint: `${origin}/token/revocation`,
    introspection_endpoint: `${origin}/token/introspection`,
    userinfo_endpoint: `${origin}/me`,
  };
}

function read(name) {
  return readFileSync(`${folder}/${name}`, 'utf8');
}
