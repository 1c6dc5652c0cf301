// What a test may ask of the server: one JSON object a line on standard input, answered by one line
// `ANSWER {..}` on standard output (the library prints notices of its own there).
//
//   {"do":"counts"}                                   requests seen so far, by "METHOD /path", and answers by
//                                                     "METHOD /path STATUS"
//   {"do":"fault","path":"/token","mode":"status","status":503,"retry_after":"2","count":1}
//   {"do":"refresh_token"}                            a refresh token of the client `refreshing`
//   {"do":"rotate_keys"}                              from now on with other signing keys
//   {"do":"is_live","refresh_token":".."}             whether it would be accepted; nothing is spent by asking
//
// Modes of a fault: `status` (an OAuth error in JSON), `html` (a page with that status), `delay` (wait, then serve),
// `drop` (close before serving), `drop_after` (serve, then close without the answer).

import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { REFRESHING } from './clients.mjs';

const counts = {};
const faults = [];

/** Counts every request and its answer, and lets the first armed fault of its path happen. */
export async function middleware(ctx, next) {
  const seen = `${ctx.method} ${ctx.path}`;
  count(seen);
  await serve(ctx, next);
  if (ctx.respond !== false) count(`${seen} ${ctx.status}`);
}

function count(what) {
  counts[what] = (counts[what] ?? 0) + 1;
}

async function serve(ctx, next) {
  const fault = faults.find((armed) => armed.path === ctx.path && armed.count > 0);
  if (!fault) return next();
  fault.count -= 1;
  if (fault.delay_ms) await sleep(fault.delay_ms);
  switch (fault.mode) {
    case 'delay':
      return next();
    case 'drop':
      return hangUp(ctx);
    case 'drop_after':
      await next();
      return hangUp(ctx);
    case 'html':
      ctx.status = fault.status;
      ctx.type = 'text/html';
      ctx.body = '<!doctype html><title>Bad gateway</title>';
      return undefined;
    default:
      if (fault.retry_after) ctx.set('retry-after', fault.retry_after);
      ctx.status = fault.status;
      ctx.body = { error: fault.error };
      return undefined;
  }
}

/** Answers the test until its end of the pipe closes; a server never outlives the test that started it. */
export function listen(provider, more) {
  const commands = {
    counts: async () => counts,
    fault: async (fault) => {
      faults.push({ path: '/token', mode: 'status', status: 503, error: 'temporarily_unavailable', count: 1, ...fault });
      return {};
    },
    refresh_token: async () => ({ refresh_token: await seedRefreshToken(provider) }),
    is_live: async (asked) => ({ is_live: await isLive(provider, asked.refresh_token) }),
    ...more,
  };
  const lines = createInterface({ input: process.stdin });
  lines.on('line', async (line) => {
    const { do: command, ...details } = JSON.parse(line);
    const answer = await commands[command](details).catch((error) => ({ failed: String(error) }));
    console.log(`ANSWER ${JSON.stringify(answer)}`);
  });
  lines.on('close', () => process.exit(0));
}

function hangUp(ctx) {
  ctx.respond = false;
  ctx.req.socket.destroy();
}

async function seedRefreshToken(provider) {
  const scope = 'openid offline_access read';
  const client = await provider.Client.find(REFRESHING);
  const grant = new provider.Grant({ accountId: 'somebody', clientId: REFRESHING });
  grant.addOIDCScope(scope);
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    client,
    accountId: 'somebody',
    grantId,
    gty: 'authorization_code',
    scope,
    claims: {},
    rotations: 0,
  });
  return token.save();
}

async function isLive(provider, value) {
  const token = await provider.RefreshToken.find(value);
  return Boolean(token?.isValid && (await provider.Grant.find(token.grantId)));
}
