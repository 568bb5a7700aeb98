/**
 * Uploads in three steps: the client names digest and size and gets a signed address; the bytes go there by plain HTTP, in one piece or
 * resumed; then the client says what they are. Nothing is visible before its SHA-256 is what was promised.
 */
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Transform, type Readable } from "node:stream";
import { demand, type App, type Ctx } from "../app.ts";
import { one, type Db } from "../db/db.ts";
import { gatewayErrors } from "../errors.ts";
import { newId } from "../ids.ts";
import { checkDigest, type BlobStore } from "./blobs.ts";
import { sign, type Grant } from "./sign.ts";

export interface UploadRow {
  readonly id: string;
  readonly owner: string;
  readonly digest: string;
  readonly size: number;
  readonly received: boolean;
  readonly expires_at: Date;
}

export interface UploadTicket {
  readonly row: UploadRow;
  /** Undefined when the bytes are there already. */
  readonly url: string | undefined;
}

/** @throws INVALID_INPUT, UPLOAD_TOO_LARGE, TOO_MANY, FORBIDDEN */
export async function createUploads(ctx: Ctx, files: readonly { readonly digest: string; readonly size: number }[]): Promise<UploadTicket[]> {
  demand(ctx, "write");
  const { app: { db, limits }, principal } = ctx;
  const { open } = (await one<{ open: number }>(db, "select count(*)::int as open from upload where owner = $1 and not received and expires_at > $2", [principal.owner, new Date()]))!;
  if (open + files.length > limits.openUploads) throw gatewayErrors.TOO_MANY({ what: "announced files that have not arrived", limit: limits.openUploads });
  return Promise.all(files.map(({ digest, size }) => createUpload(ctx, digest, size)));
}

async function createUpload(ctx: Ctx, digest: string, size: number): Promise<UploadTicket> {
  const { app, principal, origin } = ctx;
  checkDigest(digest);
  if (size < 1) throw gatewayErrors.INVALID_INPUT({ at: "The size of an upload", expected: "1 byte or more", received: String(size) });
  if (size > app.limits.uploadBytes) throw gatewayErrors.UPLOAD_TOO_LARGE({ size, limit: app.limits.uploadBytes });
  const present = await owns(app.db, app.blobs, principal.owner, digest, size);
  const expires = Date.now() + app.limits.urlMs;
  const row = (await one<UploadRow>(app.db, "insert into upload (id, owner, digest, size, received, expires_at) values ($1, $2, $3, $4, $5, $6) returning *", [
    newId(), principal.owner, digest, size, present, new Date(expires),
  ]))!;
  if (present) return { row, url: undefined };
  const grant: Grant = { method: "PUT", id: row.id, digest, size, owner: principal.owner, expires };
  const query = new URLSearchParams({ digest, size: String(size), owner: grant.owner, expires: String(expires), signature: sign(app.secret, grant) });
  return { row, url: `${origin}/uploads/${row.id}?${query.toString()}` };
}

/** Whoever sent the bytes before need not send them again; knowing the digest of another's file gives nothing. */
async function owns(db: Db, blobs: BlobStore, owner: string, digest: string, size: number): Promise<boolean> {
  const sent = await one(db, `
    select 1 from upload where owner = $1 and digest = $2 and received
    union all select 1 from artifact where owner = $1 and digest = $2
    union all select 1 from model where owner = $1 and files->'graph'->>'digest' = $2 limit 1`, [owner, digest]);
  return sent !== undefined && (await blobs.size(digest)) === size;
}

const partOf = (blobs: BlobStore, id: string): string => join(blobs.scratch, `upload-${id}.part`);

/** Bytes that have arrived so far. Of a file that is there but has no name yet the last byte is asked for again: with it the naming is tried again. */
export async function receivedBytes({ db, blobs }: App, { id, size }: Grant): Promise<number> {
  const row = await one<UploadRow>(db, "select * from upload where id = $1", [id]);
  if (row?.received) return size;
  const part = await stat(partOf(blobs, id)).catch(() => undefined);
  return Math.min(part?.size ?? 0, size - 1);
}

export type Received = { readonly status: "complete" | "partial" | "busy" | "too-long" | "wrong-offset"; readonly offset: number };

const busy = new Set<string>();

/** Writes from `offset` on. @throws UPLOAD_MISMATCH */
export async function receive(app: App, grant: Grant, offset: number, body: Readable): Promise<Received> {
  if (busy.has(grant.id)) return { status: "busy", offset: 0 };
  busy.add(grant.id);
  try {
    return await store(app, grant, offset, body);
  } finally {
    busy.delete(grant.id);
  }
}

async function store(app: App, grant: Grant, offset: number, body: Readable): Promise<Received> {
  const { id, digest, size } = grant;
  const row = await one<UploadRow>(app.db, "select * from upload where id = $1", [id]);
  if (row?.received) return { status: "complete", offset: size };
  const file = partOf(app.blobs, id);
  const have = (await stat(file).catch(() => undefined))?.size ?? 0;
  if (offset > have) return { status: "wrong-offset", offset: have };
  let at = offset;
  const counter = new Transform({
    transform(chunk: Buffer, _, done) {
      at += chunk.length;
      done(at > size ? new TooLong() : null, chunk);
    },
  });
  try {
    await pipeline(body, counter, createWriteStream(file, { flags: offset === 0 ? "w" : "r+", start: offset, mode: 0o600, highWaterMark: 1 << 18 }));
  } catch (error) {
    if (error instanceof TooLong) {
      await rm(file, { force: true });
      return { status: "too-long", offset: 0 };
    }
    // The disk is full, or gone: nothing that the client can mend.
    if (["open", "write"].includes((error as NodeJS.ErrnoException).syscall ?? "")) throw error;
    // The client went away in the middle: what arrived stays for the next try.
    return { status: "partial", offset: (await stat(file).catch(() => undefined))?.size ?? 0 };
  }
  if (at < size) return { status: "partial", offset: at };
  await app.blobs.adopt(file, digest);
  await app.db.query("update upload set received = true where id = $1", [id]);
  return { status: "complete", offset: size };
}

class TooLong extends Error {}
