// Keeps everything in maps without a bound: the store that oidc-provider brings forgets after 1,000 entries.

const GRACE_MS = 60_000;

const entries = new Map();
const keysOfGrant = new Map();
const idByUid = new Map();
const idByUserCode = new Map();

/** The adapter of oidc-provider: one instance for each model. */
export class Store {
  #model;

  constructor(model) {
    this.#model = model;
  }

  async upsert(id, payload, expiresIn) {
    const until = expiresIn ? Date.now() + expiresIn * 1000 + GRACE_MS : Infinity;
    entries.set(this.#key(id), { payload, until });
    if (payload.grantId && this.#model !== 'Grant') this.#remember(payload.grantId, id);
    if (payload.uid) idByUid.set(payload.uid, id);
    if (payload.userCode) idByUserCode.set(payload.userCode, id);
  }

  async find(id) {
    const entry = entries.get(this.#key(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    return this.find(idByUid.get(uid));
  }

  async findByUserCode(userCode) {
    return this.find(idByUserCode.get(userCode));
  }

  async consume(id) {
    const entry = entries.get(this.#key(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    entries.delete(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of keysOfGrant.get(grantId) ?? []) {
      if (key.startsWith(`${this.#model}:`)) entries.delete(key);
    }
  }

  #key(id) {
    return `${this.#model}:${id}`;
  }

  #remember(grantId, id) {
    const keys = keysOfGrant.get(grantId) ?? new Set();
    keysOfGrant.set(grantId, keys.add(this.#key(id)));
  }
}
