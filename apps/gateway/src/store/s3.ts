/**
 * The few requests of an S3-compatible server that a store of files needs, signed by `aws4fetch` (AWS Signature Version 4), which
 * is loaded only when a store is opened.
 */
import { createWriteStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { AwsClient } from "aws4fetch";
import { gatewayErrors } from "../errors.ts";
import { sha256 } from "../hash.ts";
import { redact } from "../log.ts";
import { piecesOf } from "../pieces.ts";

export interface S3Options {
  /** Server, bucket and, if wanted, the beginning of all names: https://s3.eu-central-1.amazonaws.com/bucket/prefix */
  readonly url: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** Default "us-east-1", which servers other than Amazon's take. */
  readonly region?: string | undefined;
  /** Bytes of one part of a large file; servers want 5 MiB at least. Default 16 MiB. */
  readonly partBytes?: number;
}

export interface S3Object {
  readonly key: string;
  readonly size: number;
  /** When it was last put, ms since 1970. */
  readonly at: number;
}

export interface S3 {
  head(key: string): Promise<{ size: number; at: number } | undefined>;
  /** Sends a file, in parts when it is large. `sha256` in hexadecimal digits. */
  put(key: string, file: string, sha256: string): Promise<void>;
  /** Writes an object into a new file; false when there is none. */
  get(key: string, file: string): Promise<boolean>;
  list(prefix: string): AsyncIterable<S3Object>;
  remove(key: string): Promise<void>;
}

const PART = 16 * 2 ** 20;

/** @throws STORE_FAILED when the bucket cannot be reached with these keys, INVALID_INPUT for an address that is none */
export async function openS3({ url, partBytes = PART, region = "us-east-1", ...keys }: S3Options, pageKeys = 1000): Promise<S3> {
  const { bucket, prefix } = placeOf(url);
  const { AwsClient } = await import("aws4fetch");
  const { accessKeyId, secretAccessKey, sessionToken } = keys;
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3", retries: 4, ...(sessionToken === undefined ? {} : { sessionToken }) });
  const ask = asker(client);
  const at = (key: string, query = ""): string => `${bucket}/${prefix}${key}${query}`;
  const s3: S3 = {
    async head(key) {
      const { status, headers } = await ask("HEAD", at(key), { or404: true });
      return status === 404 ? undefined : { size: Number(headers.get("content-length")), at: Date.parse(headers.get("last-modified") ?? "") };
    },
    async put(key, file, sha256) {
      const { size } = await stat(file);
      if (size > partBytes) return putParts(ask, at, key, file, size, partBytes);
      await ask("PUT", at(key), { body: await part(file, 0, size), sha256 });
    },
    async get(key, file) {
      const response = await ask("GET", at(key), { or404: true });
      if (response.status === 404) return false;
      await pipeline(response.body ? piecesOf(response.body) : [], createWriteStream(file, { flags: "wx", mode: 0o600 }));
      return true;
    },
    async *list(under) {
      for (let token: string | undefined, more = true; more; ) {
        const query = new URLSearchParams({ "list-type": "2", "max-keys": String(pageKeys), prefix: prefix + under, ...(token === undefined ? {} : { "continuation-token": token }) });
        const text = await (await ask("GET", `${bucket}?${query.toString()}`)).text();
        for (const [, entry = ""] of text.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
          yield { key: inside(entry, "Key").slice(prefix.length), size: Number(inside(entry, "Size")), at: Date.parse(inside(entry, "LastModified")) };
        }
        token = inside(text, "NextContinuationToken");
        more = token !== "";
      }
    },
    async remove(key) {
      await ask("DELETE", at(key), { or404: true });
    },
  };
  await ask("GET", `${bucket}?${new URLSearchParams({ "list-type": "2", "max-keys": "1", prefix }).toString()}`);
  return s3;
}

type Ask = (method: string, url: string, more?: { body?: Uint8Array<ArrayBuffer> | string; sha256?: string; or404?: boolean }) => Promise<Response>;

/** Hashes of bodies are signed, so that the server refuses what was changed on the way. */
const asker = (client: AwsClient): Ask => async (method, url, { body, sha256: hash = sha256(body ?? ""), or404 = false } = {}) => {
  const action = `${method} ${new URL(url).pathname}`;
  const response = await client.fetch(url, { method, body: body ?? null, headers: { "x-amz-content-sha256": hash } }).catch((cause: unknown) => {
    throw gatewayErrors.STORE_FAILED({ action, reason: cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause) });
  });
  if (response.ok || (or404 && response.status === 404)) return response;
  const text = await response.text();
  throw gatewayErrors.STORE_FAILED({ action, reason: `${response.status} ${inside(text, "Code")} ${inside(text, "Message")}`.trim() });
};

async function putParts(ask: Ask, at: (key: string, query?: string) => string, key: string, file: string, size: number, partBytes: number): Promise<void> {
  const id = encodeURIComponent(inside(await (await ask("POST", at(key, "?uploads="))).text(), "UploadId"));
  try {
    const tags: string[] = [];
    for (let start = 0; start < size; start += partBytes) {
      const { headers } = await ask("PUT", at(key, `?partNumber=${tags.length + 1}&uploadId=${id}`), { body: await part(file, start, Math.min(partBytes, size - start)) });
      tags.push(headers.get("etag") ?? "");
    }
    const parts = tags.map((tag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${tag}</ETag></Part>`).join("");
    const text = await (await ask("POST", at(key, `?uploadId=${id}`), { body: `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>` })).text();
    // This request may fail after its status was sent.
    if (text.includes("<Error>")) throw gatewayErrors.STORE_FAILED({ action: `completing ${key}`, reason: `${inside(text, "Code")} ${inside(text, "Message")}` });
  } catch (error) {
    await ask("DELETE", at(key, `?uploadId=${id}`), { or404: true }).catch(() => undefined);
    throw error;
  }
}

function placeOf(url: string): { bucket: string; prefix: string } {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  const [bucket = "", ...rest] = parsed?.pathname.split("/").filter((name) => name !== "") ?? [];
  // Other characters are written in three ways: in addresses, in queries and in lists.
  const plain = [bucket, ...rest].every((name) => /^[\w.~-]+$/.test(name));
  if (!parsed || !/^https?:$/.test(parsed.protocol) || !plain || parsed.username !== "" || parsed.search !== "") {
    throw gatewayErrors.INVALID_INPUT({ at: "The address of an S3 store", expected: "https://server/bucket or https://server/bucket/prefix, of letters, digits, dots, dashes and underscores, and without a password", received: JSON.stringify(redact(url)) });
  }
  return { bucket: `${parsed.origin}/${bucket}`, prefix: rest.map((name) => `${name}/`).join("") };
}

async function part(file: string, start: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(file, "r");
  try {
    const bytes = new Uint8Array(length);
    for (let have = 0; have < length; ) {
      const { bytesRead } = await handle.read(bytes, have, length - have, start + have);
      if (bytesRead === 0) throw new Error(`${file} became shorter while it was sent.`);
      have += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

/** Text of the first element of that name; names and numbers of S3 hold nothing that needs decoding, but for messages, which people read. */
const inside = (xml: string, name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1] ?? "";
