/**
 * Content-addressed files: `blobs/sha256/ab/<digest>`. A file gets its name only when all bytes are there, hashed and flushed, so what is
 * found under a digest is that content. Names and paths of clients never come here: only digests that this program has checked.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { gatewayErrors } from "../errors.ts";
import { sha256, sha256OfFile } from "../hash.ts";
import type { S3Options } from "./s3.ts";

export interface BlobStore {
  /** Folder for temporary files, in the same file system. */
  readonly scratch: string;
  /** Where the content is on this machine once it was brought; only for digests that {@link size} knows. */
  path(digest: string): string;
  /** Sees to it that the content is at its {@link path}. @throws STORE_FAILED */
  bring(digest: string): Promise<void>;
  /** Bytes, or undefined when it is not there. */
  size(digest: string): Promise<number | undefined>;
  putBytes(bytes: Uint8Array): Promise<{ digest: string; size: number }>;
  /** Takes over a file inside {@link scratch}: hashes it, flushes it and names it. @throws UPLOAD_MISMATCH, and the file is gone then */
  adopt(file: string, expected?: string): Promise<{ digest: string; size: number }>;
  read(digest: string, start?: number): Readable;
  /** Every digest with the time it was last put, for the garbage collector. */
  list(): AsyncIterable<{ digest: string; at: number }>;
  remove(digest: string): Promise<void>;
  /** Lets go of what is kept for speed alone. */
  tidy(): Promise<void>;
}

const isDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text);

/** @throws INVALID_INPUT for anything but "sha256:" and 64 lower-case hexadecimal digits */
export function checkDigest(text: string): string {
  if (!isDigest(text)) throw gatewayErrors.INVALID_INPUT({ at: "A digest", expected: '"sha256:" and 64 lower-case hexadecimal digits', received: JSON.stringify(text.slice(0, 80)) });
  return text;
}

export const digestOf = (bytes: Uint8Array | string): string => `sha256:${sha256(bytes)}`;

/** In a folder of this machine, or of a file system that several share; with `s3` in a bucket, and the folder holds copies. */
export async function openBlobs(folder: string, s3?: S3Options): Promise<BlobStore> {
  const files = await openFiles(folder);
  if (s3 === undefined) return files;
  const [{ openS3 }, { s3Blobs }] = await Promise.all([import("./s3.ts"), import("./s3-blobs.ts")]);
  return s3Blobs(await openS3(s3), files);
}

async function openFiles(folder: string): Promise<BlobStore> {
  const root = join(folder, "blobs", "sha256");
  const scratch = join(folder, "scratch");
  for (const path of [root, scratch]) await mkdir(path, { recursive: true, mode: 0o700 });
  const pathOf = (digest: string): string => {
    const hex = checkDigest(digest).slice("sha256:".length);
    return join(root, hex.slice(0, 2), hex);
  };
  const adopt: BlobStore["adopt"] = async (file, expected) => {
    // A process that was taken over by a model must not have us publish a file that it can only name.
    if (!(await lstat(file)).isFile()) throw new Error(`${file} is no plain file.`);
    const digest = `sha256:${await sha256OfFile(file)}`;
    if (expected !== undefined && digest !== expected) {
      await rm(file, { force: true });
      throw gatewayErrors.UPLOAD_MISMATCH({ digest: expected, received: digest });
    }
    const target = pathOf(digest);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    await withFile(file, "r+", (handle) => handle.sync());
    const { size } = await stat(file);
    // Same name, same content: replacing is harmless.
    await rename(file, target);
    await withFile(dirname(target), "r", (handle) => handle.sync());
    return { digest, size };
  };
  return {
    scratch,
    path: pathOf,
    bring: async () => {},
    adopt,
    size: async (digest) => (await stat(pathOf(digest)).catch(() => undefined))?.size,
    async putBytes(bytes) {
      const digest = digestOf(bytes);
      const known = await stat(pathOf(digest)).catch(() => undefined);
      if (known) {
        // Young again, so that the garbage collector leaves it until its new reference is stored.
        await utimes(pathOf(digest), new Date(), new Date());
        return { digest, size: known.size };
      }
      const file = join(scratch, `${randomBytes(12).toString("hex")}.tmp`);
      await withFile(file, "wx", (handle) => handle.writeFile(bytes));
      return adopt(file, digest);
    },
    read: (digest, start = 0) => createReadStream(pathOf(digest), { start, highWaterMark: 1 << 18 }),
    async *list() {
      for (const prefix of await readdir(root)) {
        for (const hex of await readdir(join(root, prefix))) {
          const found = await stat(join(root, prefix, hex)).catch(() => undefined);
          if (found && isDigest(`sha256:${hex}`)) yield { digest: `sha256:${hex}`, at: found.mtimeMs };
        }
      }
    },
    remove: (digest) => rm(pathOf(digest), { force: true }),
    tidy: async () => {},
  };
}

async function withFile<T>(path: string, flags: string, work: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await open(path, flags, 0o600);
  try {
    return await work(handle);
  } finally {
    await handle.close();
  }
}
