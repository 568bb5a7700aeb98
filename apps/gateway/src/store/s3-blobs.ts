/**
 * Files in an S3 bucket, named by their digests, with copies on this machine as they are needed: tasks read files. A copy is hashed before
 * it is used, so a bucket that was tampered with, or a transfer that broke, shows nothing.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pipeline } from "node:stream/promises";
import { gatewayErrors } from "../errors.ts";
import type { BlobStore } from "./blobs.ts";
import type { S3 } from "./s3.ts";

/** An object this young need not be put again: the garbage collector leaves it for longer than its new reference takes to be stored. */
const YOUNG_MS = 1_800_000;
/** Copies on this machine that were not asked for in so long go. */
const COPY_MS = 86_400_000;

const hexOf = (digest: string): string => digest.slice("sha256:".length);
const keyOf = (digest: string): string => `sha256/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`;

/** `copies`: the file store of this machine. */
export function s3Blobs(s3: S3, copies: BlobStore): BlobStore {
  const coming = new Map<string, Promise<void>>();
  const fetchCopy = async (digest: string): Promise<void> => {
    if ((await copies.size(digest)) !== undefined) return utimes(copies.path(digest), new Date(), new Date());
    const file = join(copies.scratch, `${randomBytes(12).toString("hex")}.tmp`);
    try {
      if (!(await s3.get(keyOf(digest), file))) throw gatewayErrors.STORE_FAILED({ action: `reading ${digest}`, reason: "it is not there" });
      await copies.adopt(file, digest);
    } finally {
      await rm(file, { force: true });
    }
  };
  const bring = async (digest: string): Promise<void> => {
    const known = coming.get(digest) ?? fetchCopy(digest).finally(() => coming.delete(digest));
    coming.set(digest, known);
    await known;
  };
  const send = async (kept: { digest: string; size: number }): Promise<{ digest: string; size: number }> => {
    const { digest, size } = kept;
    const found = await s3.head(keyOf(digest));
    if (found?.size !== size || found.at < Date.now() - YOUNG_MS) await s3.put(keyOf(digest), copies.path(digest), hexOf(digest));
    return kept;
  };
  return {
    scratch: copies.scratch,
    path: copies.path,
    bring,
    // The digest is checked before it becomes a part of an address.
    size: async (digest) => (copies.path(digest), (await s3.head(keyOf(digest)))?.size),
    putBytes: async (bytes) => send(await copies.putBytes(bytes)),
    adopt: async (file, expected) => send(await copies.adopt(file, expected)),
    read(digest, start = 0) {
      const out = new PassThrough();
      // A reader that goes away closes the file too.
      bring(digest).then(() => pipeline(createReadStream(copies.path(digest), { start, highWaterMark: 1 << 18 }), out)).catch((error: Error) => out.destroy(error));
      return out;
    },
    async *list() {
      for await (const { key, at } of s3.list("sha256/")) {
        const digest = `sha256:${key.split("/").at(-1)}`;
        if (keyOf(digest) === key) yield { digest, at };
      }
    },
    async remove(digest) {
      await copies.remove(digest);
      await s3.remove(keyOf(digest));
    },
    async tidy() {
      for await (const { digest, at } of copies.list()) if (at < Date.now() - COPY_MS) await copies.remove(digest);
    },
  };
}
