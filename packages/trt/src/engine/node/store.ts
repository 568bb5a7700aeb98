/**
 * Engines by content: a folder for each, named by the key of its identity. A folder appears by one rename and vanishes by one, so that any
 * number of processes may use a store at once: of two that build the same engine, one keeps its own and the other takes that.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readFile, readdir, rename, stat, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { Json } from "@lathe/core";
import { z } from "zod";
import { engineErrors } from "../errors.ts";
import type { EngineIdentity, EngineTarget } from "../service.ts";
import { engineKey, fileDigest } from "./identity.ts";
import { readPlanHeader, remove } from "./plan-file.ts";

export interface StoredEngine {
  readonly key: string;
  /** Path of the engine. Copy it, or open it at once: it may be evicted later. */
  readonly plan: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly identity: EngineIdentity;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Milliseconds since 1970; the one used longest ago goes first. */
  readonly usedAt: number;
  /** What its builder had to say. */
  readonly details: Json;
}

export interface StoreOptions {
  /** Bytes of engines above which those used longest ago are removed. Default 20e9. */
  readonly maxBytes?: number;
}

export interface EngineStore {
  readonly path: string;
  /** The engine of this identity. One that is damaged is removed and not given. */
  get(identity: EngineIdentity): Promise<StoredEngine | undefined>;
  /** Keeps what `make` writes at the path it is given, under the identity; its result is kept beside. Then evicts. */
  put(identity: EngineIdentity, make: (plan: string) => Promise<Json>): Promise<StoredEngine>;
  /** Most recently used first. */
  list(): Promise<StoredEngine[]>;
  /** Engines that no build for this target would use again: of another tool, GPU or driver. */
  stale(target: EngineTarget): Promise<StoredEngine[]>;
  /** Whether the content is what was stored; a damaged engine is removed. Reads all of it. */
  verify(key: string): Promise<boolean>;
  remove(key: string): Promise<void>;
}

const manifestSchema = z.object({
  format: z.literal(1), key: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.number().int().positive(), sha256: z.string().regex(/^[0-9a-f]{64}$/), createdAt: z.string(),
  identity: z.object({ format: z.literal(1), model: z.string(), spec: z.record(z.string(), z.unknown()), tool: z.string(), gpu: z.string(), driver: z.string(), platform: z.string() }),
  details: z.json(),
});

const PLAN = "engine.plan";
const MANIFEST = "manifest.json";
/** What a crashed process left is older than any build that still goes on. */
const ABANDONED_MS = 24 * 3600_000;

/** @throws TRT_STORE */
export async function openEngineStore(folder: string, { maxBytes = 20e9 }: StoreOptions = {}): Promise<EngineStore> {
  const path = resolve(folder);
  const engines = join(path, "engines");
  const temporary = join(path, "tmp");
  await guarded(path, async () => {
    await mkdir(engines, { recursive: true });
    await mkdir(temporary, { recursive: true });
    await sweep(temporary);
  });

  const placeOf = (key: string): string => join(engines, key);
  const aside = (): string => join(temporary, randomBytes(8).toString("hex"));

  /** Taken out by one rename: nobody sees half of it. With `damaged`, an engine that is sound after all (put there meanwhile) goes back. */
  const drop = async (key: string, damaged = false): Promise<void> => {
    const away = aside();
    const moved = await rename(placeOf(key), away).then(() => true, () => false);
    if (moved && damaged && (await read(key, away))) await rename(away, placeOf(key)).catch(() => undefined);
    await remove(away);
  };

  const read = async (key: string, place = placeOf(key)): Promise<StoredEngine | undefined> => {
    try {
      const manifest = manifestSchema.parse(JSON.parse(await readFile(join(place, MANIFEST), "utf8")));
      const { mtimeMs } = await stat(join(place, MANIFEST));
      const plan = join(place, PLAN);
      const { size } = await stat(plan);
      if (size !== manifest.bytes || manifest.key !== key || engineKey(manifest.identity) !== key) return undefined;
      return { key, plan, bytes: size, sha256: manifest.sha256, identity: manifest.identity, createdAt: manifest.createdAt, usedAt: mtimeMs, details: manifest.details as Json };
    } catch {
      return undefined;
    }
  };

  const list = async (): Promise<StoredEngine[]> => {
    const keys = await guarded(path, () => readdir(engines));
    const found = await Promise.all(keys.map((key) => read(key)));
    return found.filter((e) => e !== undefined).toSorted((a, b) => b.usedAt - a.usedAt);
  };

  /** `kept` was made just now, and stays however large it is. */
  const evict = async (kept: string): Promise<void> => {
    let total = 0;
    for (const { key, bytes } of await list()) {
      total += bytes;
      if (total > maxBytes && key !== kept) await drop(key);
    }
  };

  /** Ours, or a sound one that another process put there meanwhile. What happens to ours once it has its place is not asked. */
  const place = async (made: string, ours: StoredEngine): Promise<StoredEngine> => {
    for (let attempt = 0; attempt < 20; attempt++) {
      if (await rename(made, placeOf(ours.key)).then(() => true, taken)) return ours;
      const theirs = await read(ours.key);
      if (theirs) return theirs;
      await drop(ours.key, true);
    }
    throw engineErrors.TRT_STORE({ path, reason: `the place of the engine ${ours.key} cannot be had` });
  };

  return {
    path,
    list,
    remove: drop,
    async get(identity) {
      const key = engineKey(identity);
      const found = await read(key);
      if (!found) {
        await drop(key, true);
        return undefined;
      }
      // Its use counts; a store that may only be read serves all the same.
      await utimes(join(placeOf(key), MANIFEST), new Date(), new Date()).catch(() => undefined);
      return found;
    },
    async put(identity, make) {
      const key = engineKey(identity);
      const folderOfIt = aside();
      const plan = join(folderOfIt, PLAN);
      try {
        await guarded(path, () => mkdir(folderOfIt));
        const details = await make(plan);
        const { bytes } = await readPlanHeader(plan);
        const known = { key, bytes, sha256: await fileDigest(plan), createdAt: new Date().toISOString(), identity, details };
        await guarded(path, () => writeWhole(join(folderOfIt, MANIFEST), `${JSON.stringify({ format: 1, ...known }, undefined, 2)}\n`));
        const stored = await guarded(path, () => place(folderOfIt, { ...known, plan: join(placeOf(key), PLAN), usedAt: Date.now() }));
        await guarded(path, () => evict(key));
        return stored;
      } finally {
        await remove(folderOfIt);
      }
    },
    async stale({ tool, gpu, driver, platform }) {
      return (await list()).filter(({ identity: i }) => i.tool !== tool || i.gpu !== gpu || i.driver !== driver || i.platform !== platform);
    },
    async verify(key) {
      const found = await read(key);
      const sound = found !== undefined && (await fileDigest(found.plan).catch(() => "")) === found.sha256;
      if (!sound) await drop(key);
      return sound;
    },
  };
}

/** The name is in use: no error here. */
function taken(error: unknown): false {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOTEMPTY" || code === "EEXIST" || code === "EPERM") return false;
  throw error;
}

async function writeWhole(path: string, text: string): Promise<void> {
  const handle = await open(path, "wx");
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function sweep(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const found = await stat(join(folder, name)).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > ABANDONED_MS) await remove(join(folder, name));
  }
}

/** System errors become ours; our own pass. */
async function guarded<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    if (cause instanceof Error && "syscall" in cause) throw engineErrors.TRT_STORE({ path, reason: "code" in cause ? String(cause.code) : cause.message }, cause);
    throw cause;
  }
}
