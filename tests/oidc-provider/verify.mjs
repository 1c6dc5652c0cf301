// Judges ID tokens by the library `jose`, which has nothing in common with what signs and verifies in grantry: one JSON
// object a line on standard input, one line `ANSWER {..}` on standard output.
//
//   {"token":"..","jwks":{"keys":[..]},"issuer":"..","audience":"..","algorithms":["RS256"]}
//   ANSWER {"subject":"..","refused":null}   or   ANSWER {"subject":null,"refused":"ERR_JWT_EXPIRED"}

import { createInterface } from 'node:readline';
import { createLocalJWKSet, jwtVerify } from 'jose';

console.log('READY {}');
for await (const line of createInterface({ input: process.stdin })) {
  const { token, jwks, ...expected } = JSON.parse(line);
  const options = { ...expected, clockTolerance: 60, typ: 'JWT', requiredClaims: ['sub', 'iat', 'exp'] };
  const verdict = await jwtVerify(token, createLocalJWKSet(jwks), options).then(
    ({ payload }) => ({ subject: payload.sub, refused: null }),
    (error) => ({ subject: null, refused: error.code ?? String(error) }),
  );
  console.log(`ANSWER ${JSON.stringify(verdict)}`);
}
