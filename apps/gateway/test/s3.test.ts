/** Files in a bucket, on a real server that speaks S3 by HTTP; it does not check signatures, so a gate before it does. */
import { createHash, randomBytes } from "node:crypto";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import { mkdtemp, readFile, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import type { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { jsonLog } from "@lathe/gateway";
import { collect } from "../src/ops/collect.ts";
import { openBlobs, type BlobStore } from "../src/store/blobs.ts";
import { openS3, type S3, type S3Options } from "../src/store/s3.ts";
import { startGate } from "./s3-gate.ts";
import { ask, clientOf, digestOf, fixture, sendModel, startGateway } from "./support.ts";

interface S3Server {
  run(): Promise<AddressInfo>;
  close(): Promise<void>;
  readonly httpServer: Server;
}
const require = createRequire(import.meta.url);
withDes(require("node:crypto") as Ciphers);
const S3rver = require("s3rver") as new (options: object) => S3Server;

type Cipher = (name: string, key: Buffer, iv: Buffer) => unknown;
type Ciphers = Record<"createCipheriv" | "createDecipheriv", Cipher>;

/** The server hides where a page ends by DES, which OpenSSL 3 has only as triple DES; with one key three times the two are the same. */
function withDes(crypto: Ciphers): void {
  for (const name of ["createCipheriv", "createDecipheriv"] as const) {
    const real = crypto[name];
    crypto[name] = (cipher, key, iv) => (cipher === "des" ? real("des-ede3-cbc", Buffer.concat([key, key, key]), iv) : real(cipher, key, iv));
  }
}

let folder: string;
let server: S3Server;
let serverPort: number;
let gate: Awaited<ReturnType<typeof startGate>>;
let options: S3Options;
let bucket: S3;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-s3-"));
  server = new S3rver({ port: 0, address: "127.0.0.1", silent: true, directory: join(folder, "server"), configureBuckets: [{ name: "models" }] });
  serverPort = (await server.run()).port;
  gate = await startGate(serverPort, "S3RVER");
  options = { url: `http://127.0.0.1:${gate.port}/models/lathe`, accessKeyId: "S3RVER", secretAccessKey: "S3RVER", partBytes: 5 * 2 ** 20 };
  bucket = await openS3(options);
});
afterAll(async () => {
  gate.close();
  await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** A machine: it has nothing of what others have. */
const machine = async (): Promise<BlobStore> => openBlobs(await mkdtemp(join(folder, "machine-")), options);
const read = async (blobs: BlobStore, digest: string, start?: number): Promise<Buffer> => buffer(blobs.read(digest, start) as Readable);
/** How often this process has the file open; 0 where the system does not tell. */
const openFiles = async (path: string): Promise<number> => {
  const handles = await readdir("/proc/self/fd").catch(() => []);
  return (await Promise.all(handles.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => "")))).filter((target) => target === path).length;
};
const keyOf = (digest: string): string => `sha256/${digest.slice(7, 9)}/${digest.slice(7)}`;

describe("a store in a bucket", () => {
  it("gives every machine what one has put there", async () => {
    const [one, other] = [await machine(), await machine()];
    const { digest, size } = await one.putBytes(new TextEncoder().encode("weights"));
    expect(await other.size(digest)).toBe(size);
    expect((await read(other, digest)).toString()).toBe("weights");
    expect((await read(other, digest, 3)).toString()).toBe("ghts");
    await other.bring(digest);
    expect(await readFile(other.path(digest), "utf8")).toBe("weights");
    const listed = [];
    for await (const { digest: d, at } of other.list()) listed.push([d, Math.abs(Date.now() - at) < 60_000]);
    expect(listed).toEqual([[digest, true]]);
    await one.remove(digest);
    expect(await other.size(digest)).toBe(undefined);
  });

  it("sends a large file in parts", async () => {
    const blobs = await machine();
    const bytes = randomBytes(12 * 2 ** 20 + 7);
    const file = join(blobs.scratch, "large");
    await writeFile(file, bytes);
    const { digest, size } = await blobs.adopt(file);
    expect(size).toBe(bytes.length);
    expect(createHash("sha256").update(await read(await machine(), digest)).digest("hex")).toBe(digest.slice(7));
    await blobs.remove(digest);
  });

  it("believes no bytes that are not those of the digest", async () => {
    const { digest } = await (await machine()).putBytes(new TextEncoder().encode("what was stored"));
    const forged = join(folder, "forged");
    await writeFile(forged, "something else.");
    await bucket.put(keyOf(digest), forged, createHash("sha256").update("something else.").digest("hex"));
    const victim = await machine();
    await expect(victim.bring(digest)).rejects.toMatchObject({ code: "UPLOAD_MISMATCH" });
    await expect(read(victim, digest)).rejects.toMatchObject({ code: "UPLOAD_MISMATCH" });
    await victim.remove(digest);
    await expect(victim.bring(digest)).rejects.toMatchObject({ code: "STORE_FAILED" });
  });

  it("closes the copy that it reads when the reader goes away", async () => {
    const blobs = await machine();
    const { digest } = await blobs.putBytes(new Uint8Array(2 ** 21));
    for (const wait of [true, false]) {
      const stream = blobs.read(digest) as Readable;
      stream.on("error", () => {});
      if (wait) await new Promise((resolve) => stream.once("readable", resolve));
      stream.destroy();
    }
    await vi.waitFor(async () => expect(await openFiles(blobs.path(digest))).toBe(0), 5000);
    await blobs.remove(digest);
  });

  it("lists more than one page", async () => {
    const blobs = await machine();
    const put = await Promise.all(Array.from({ length: 5 }, (_, i) => blobs.putBytes(new TextEncoder().encode(`file ${i}`))));
    const listed = [];
    for await (const { key } of (await openS3(options, 2)).list("sha256/")) listed.push(key);
    expect(listed.sort()).toEqual(put.map(({ digest }) => keyOf(digest)).sort());
    for (const { digest } of put) await blobs.remove(digest);
  });
});

describe("what is wrong", () => {
  it.each<[string, Partial<S3Options>, string]>([
    ["the secret", { secretAccessKey: "wrong" }, "STORE_FAILED"],
    ["the key", { accessKeyId: "NOBODY" }, "STORE_FAILED"],
    ["the bucket", { url: "/nowhere" }, "STORE_FAILED"],
    ["the address", { url: "ftp://server/bucket" }, "INVALID_INPUT"],
    ["an address without a bucket", { url: "http://127.0.0.1/" }, "INVALID_INPUT"],
    ["a prefix that is written in several ways", { url: "http://127.0.0.1/models/a%20b" }, "INVALID_INPUT"],
    ["keys in the address", { url: "http://key:secret@127.0.0.1/models" }, "INVALID_INPUT"],
  ])("with %s is said when the store is opened", async (_, change, code) => {
    const url = change.url?.startsWith("/") ? new URL(change.url, options.url).href : (change.url ?? options.url);
    await expect(openS3({ ...options, ...change, url })).rejects.toMatchObject({ code });
  });
});

it("tells the log of a bucket that fails, and clients nothing of it", async () => {
  const way = await startGate(serverPort, "S3RVER");
  const lines: string[] = [];
  const g = await startGateway({ s3: { ...options, url: `http://127.0.0.1:${way.port}/models/lathe` }, log: jsonLog((line) => lines.push(line)) });
  const model = await sendModel(g);
  way.close();
  await rm(join(g.folder, "blobs", "sha256"), { recursive: true });

  const plan = await ask(g, "query ($m: ID!) { plan(model: $m, steps: [{ simplify: {} }]) { ... on UserError { code message remedy } } }", { m: model });
  const url = (await ask<{ uploadCreate: { uploads: { url: string }[] } }>(g, `mutation { uploadCreate(files: [{ digest: "${digestOf(new Uint8Array(3))}", size: 3 }]) { ... on UploadsCreated { uploads { url } } } }`)).data.uploadCreate.uploads[0]!.url;
  const sent = await fetch(url, { method: "PUT", body: new Uint8Array(3) });
  expect(sent.status).toBe(500);
  for (const said of [JSON.stringify(plan), await sent.text()]) {
    expect(said).toContain("INTERNAL_SERVER_ERROR");
    expect(said).not.toMatch(/STORE_FAILED|\/models|127\.0\.0\.1|AWS_/);
  }
  expect(lines.filter((line) => /"level":"error".*STORE_FAILED.*\/models\/lathe/.test(line))).toHaveLength(2);
  await g.close();
}, 180_000);

it("serves a gateway whose machine has lost its copies", async () => {
  const g = await startGateway({ s3: options });
  const client = clientOf(g);
  const bytes = await fixture("fashion-mobilenet.onnx");
  const model = await sendModel(g, bytes);
  await rm(join(g.folder, "blobs", "sha256"), { recursive: true });
  const { model: small, report } = await (await client.optimize(model, [{ simplify: {} }])).result();
  await rm(join(g.folder, "blobs", "sha256"), { recursive: true });
  expect(digestOf(await client.download((await client.model(model))!))).toBe(digestOf(bytes));
  expect((await client.download(small!)).length).toBe(small!.fileBytes);
  expect(report!.steps.map((s) => s.name)).toEqual(["simplify"]);

  await client.query("mutation ($id: ID!) { deleteModel(id: $id) { __typename } }", { id: model });
  await g.gateway.app.db.query("update upload set expires_at = now() - interval '2 hours'");
  expect((await collect(g.gateway.app, 0)).files).toBeGreaterThan(0);
  expect(await g.gateway.app.blobs.size(digestOf(bytes))).toBe(undefined);
  await g.close();
}, 180_000);
