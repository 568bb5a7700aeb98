/**
 * Who calls: API keys with scopes. Keys are stored as hashes; a key is shown once, when it is made. Its 192 random bits need no slow
 * hash: they cannot be tried through.
 */
import { randomBytes } from "node:crypto";
import { one, type Db, type Sql } from "./db/db.ts";
import { sha256 } from "./hash.ts";
import { newId } from "./ids.ts";

export const scopes = ["read", "write", "admin"] as const;
/** read: see own things. write: upload, plan, run, delete own things. admin: see and do everything, metrics and introspection too. */
export type Scope = (typeof scopes)[number];

export interface Principal {
  readonly keyId: string;
  /** Things belong to an owner; several keys may act for one. */
  readonly owner: string;
  readonly scopes: ReadonlySet<Scope>;
}

export interface Keys {
  /** Undefined for a token that is unknown or revoked. */
  find(token: string): Promise<Principal | undefined>;
  make(input: { name: string; owner: string; scopes: readonly Scope[] }): Promise<{ id: string; token: string }>;
  revoke(id: string): Promise<boolean>;
  /** The first admin key; undefined when there is one, or ever was. */
  first(token?: string): Promise<string | undefined>;
}

/** How long a key that was looked up is believed, ms: after that long a revoked one is refused everywhere. */
const BELIEVED_MS = 5000;
const REMEMBERED = 1000;

export function openKeys(db: Db): Keys {
  const seen = new Map<string, { principal: Principal | undefined; at: number }>();
  const make: Keys["make"] = async ({ name, owner, scopes: granted }) => insert(db, `lathe_${randomBytes(24).toString("base64url")}`, { name, owner, scopes: granted });
  return {
    make,
    async find(token) {
      const hash = sha256(token);
      const known = seen.get(hash);
      if (known && Date.now() - known.at < BELIEVED_MS) return known.principal;
      const row = await one<{ id: string; owner: string; scopes: string }>(db, "select id, owner, scopes from api_key where hash = $1 and revoked_at is null", [hash]);
      const principal = row && { keyId: row.id, owner: row.owner, scopes: expand(row.scopes.split(" ") as Scope[]) };
      if (seen.size >= REMEMBERED) seen.clear();
      seen.set(hash, { principal, at: Date.now() });
      return principal;
    },
    async revoke(id) {
      const gone = await db.query("update api_key set revoked_at = now() where id = $1 and revoked_at is null returning id", [id]);
      seen.clear();
      return gone.length > 0;
    },
    async first(token) {
      const made = token ?? `lathe_${randomBytes(24).toString("base64url")}`;
      return db.transaction(async (tx) => {
        // Gateways that start together make one key between them.
        await tx.query(`select pg_advisory_xact_lock(${FIRST_KEY_LOCK})`);
        if (await one(tx, "select 1 from api_key where scopes like '%admin%' limit 1")) return undefined;
        await insert(tx, made, { name: "first start", owner: "admin", scopes: ["admin"] });
        return made;
      });
    },
  };
}

/** Any number of our own. */
const FIRST_KEY_LOCK = 7243002;

async function insert(db: Sql, token: string, key: { name: string; owner: string; scopes: readonly Scope[] }): Promise<{ id: string; token: string }> {
  const id = newId();
  await db.query("insert into api_key (id, hash, name, owner, scopes) values ($1, $2, $3, $4, $5)", [id, sha256(token), key.name, key.owner, key.scopes.join(" ")]);
  return { id, token };
}

function expand(granted: readonly Scope[]): ReadonlySet<Scope> {
  const all = new Set(granted);
  if (all.has("admin")) all.add("write");
  if (all.has("write")) all.add("read");
  return all;
}

/** A secret of this database, made at first use: signs upload and download addresses. */
export async function secretOf(db: Db, name: string): Promise<string> {
  await db.query("insert into setting (name, value) values ($1, $2) on conflict (name) do nothing", [name, randomBytes(32).toString("base64url")]);
  return (await one<{ value: string }>(db, "select value from setting where name = $1", [name]))!.value;
}
