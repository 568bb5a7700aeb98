/** A gateway moves from the embedded database to Postgres and back, and nothing is lost or changed on the way. */
import { appendFile, cp, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, silentLog, type GatewayOptions } from "@lathe/gateway";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { startPostgres, type Postgres } from "../bench/postgres.ts";
import type { Db } from "../src/db/db.ts";
import { openDb } from "../src/db/open.ts";
import { openPostgres } from "../src/db/postgres.ts";
import { openBlobs } from "../src/store/blobs.ts";
import { exportDump, importDump, tables } from "../src/store/dump.ts";
import { modelFiles } from "../src/store/models.ts";
import { clientOf, digestOf, fixture, image, sendModel, techniques } from "./support.ts";

let folder: string;
let postgres: Postgres;
let empty: Db;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-dump-"));
  postgres = await startPostgres({ from: "package" });
  empty = await openDb({ image: await image() });
});
afterAll(async () => {
  await empty.close();
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Home {
  readonly folder: string;
  readonly databaseUrl?: string;
}

const home = async (databaseUrl?: string): Promise<Home> => ({ folder: await mkdtemp(join(folder, "home-")), ...(databaseUrl ? { databaseUrl } : {}) });
const gatewayAt = async (at: Home, more: Partial<GatewayOptions> = {}) => createGateway({ ...at, port: 0, log: silentLog, techniques: [techniques], databaseImage: await image(), ...more });

async function move(work: typeof exportDump, at: Home, dump: string) {
  const db = await openDb({ url: at.databaseUrl, folder: at.folder, image: await image() });
  try {
    return await work({ db, blobs: await openBlobs(at.folder) }, dump);
  } finally {
    await db.close();
  }
}

const tablesOf = async (dump: string): Promise<unknown> => (JSON.parse(await readFile(join(dump, "manifest.json"), "utf8")) as { tables: unknown }).tables;

describe("a dump", () => {
  const dumps = { embedded: "", postgres: "" };
  let token: string;
  let model: string;
  let job: string;

  it("of an embedded gateway starts one on Postgres, with keys, models, jobs and events", async () => {
    const from = await home();
    const first = await gatewayAt(from);
    token = first.firstToken!;
    model = await sendModel({ gateway: first, token });
    const done = await clientOf({ gateway: first, token }).optimize(model, [{ simplify: {} }], { idempotencyKey: "once" });
    await done.result();
    job = done.id;
    await first.close();
    dumps.embedded = join(folder, "from-embedded");
    const summary = await move(exportDump, from, dumps.embedded);
    expect(summary.files).toBeGreaterThanOrEqual(5);

    const to = await home(postgres.url);
    expect(await move(importDump, to, dumps.embedded)).toEqual(summary);
    dumps.postgres = join(folder, "from-postgres");
    await move(exportDump, to, dumps.postgres);
    expect(await tablesOf(dumps.postgres)).toEqual(await tablesOf(dumps.embedded));

    const second = await gatewayAt(to);
    expect(second.firstToken).toBe(undefined);
    const client = clientOf({ gateway: second, token });
    expect(digestOf(await client.download((await client.model(model))!))).toBe(digestOf(await fixture("fashion-mobilenet.onnx")));
    const types = [];
    for await (const { type } of await client.job(job)) types.push(type);
    expect(types.filter((type) => type !== "PROGRESS")).toEqual(["QUEUED", "STARTED", "STEP_STARTED", "STEP_FINISHED", "SUCCEEDED"]);
    expect((await client.optimize(model, [{ simplify: {} }], { idempotencyKey: "once" })).id).toBe(job);
    // Numbers go on after those that came.
    await client.upload(await fixture("mnist-lenet.onnx"), { name: "another" });
    await second.close();
  }, 180_000);

  it("of a gateway on Postgres starts an embedded one", async () => {
    const to = await home();
    await move(importDump, to, dumps.postgres);
    const again = join(folder, "again");
    await move(exportDump, to, again);
    expect(await tablesOf(again)).toEqual(await tablesOf(dumps.embedded));
    const gateway = await gatewayAt(to, { workers: 0 });
    const client = clientOf({ gateway, token });
    expect((await (await client.job(job)).result()).report!.steps.map((s) => s.name)).toEqual(["simplify"]);
    await client.upload(await fixture("mnist-lenet.onnx"), { name: "another" });
    await gateway.close();
  }, 120_000);

  it.each<[string, (dump: string) => Promise<unknown>, string]>([
    ["a table was changed", (dump) => appendFile(join(dump, "tables", "model.ndjson"), "{}\n"), "DUMP_INVALID"],
    ["a file was changed", async (dump) => changeOne(join(dump, "blobs", "sha256")), "UPLOAD_MISMATCH"],
    ["a file is missing", async (dump) => rm(join(dump, "blobs", "sha256", (await readdir(join(dump, "blobs", "sha256")))[0]!), { recursive: true }), "DUMP_INVALID"],
    ["the export broke off", (dump) => rm(join(dump, "manifest.json")), "DUMP_INVALID"],
    ["its manifest is cut short", (dump) => writeFile(join(dump, "manifest.json"), '{ "format": '), "DUMP_INVALID"],
    ["its manifest leaves a file out", async (dump) => {
      const manifest = JSON.parse(await readFile(join(dump, "manifest.json"), "utf8")) as { files: unknown[] };
      await writeFile(join(dump, "manifest.json"), JSON.stringify({ ...manifest, files: manifest.files.slice(1) }));
    }, "DUMP_INVALID"],
    ["it is of another version", (dump) => rewrite(join(dump, "manifest.json"), '"schemaVersion": ', '"schemaVersion": 9'), "DUMP_INVALID"],
  ])("is refused when %s, and nothing is imported", async (_, harm, code) => {
    const dump = join(await mkdtemp(join(folder, "harmed-")), "dump");
    await cp(dumps.embedded, dump, { recursive: true });
    await harm(dump);
    await expect(importDump({ db: empty, blobs: await openBlobs(await mkdtemp(join(folder, "files-"))) }, dump)).rejects.toMatchObject({ code });
    expect(await empty.query("select * from model")).toEqual([]);
  });

  it("overwrites nothing", async () => {
    await expect(move(importDump, { folder: join(folder, "files"), databaseUrl: postgres.url }, dumps.embedded)).rejects.toMatchObject({ code: "DUMP_TARGET" });
    await expect(move(exportDump, await home(), dumps.embedded)).rejects.toMatchObject({ code: "DUMP_TARGET" });
  });
});

it.each(["../outside", "/outside", "under/it", ".graph.onnx"])("leads nowhere by the name of a data file in its rows: %s", async (name) => {
  const blobs = await openBlobs(await mkdtemp(join(folder, "files-")));
  const file = { digest: digestOf(new Uint8Array(1)), size: 1 };
  expect(() => modelFiles(blobs, { graph: file, data: [{ ...file, name }] })).toThrow(expect.objectContaining({ code: "INVALID_INPUT" }));
});

it("has every table that there is", async () => {
  const found = await empty.query<{ name: string }>("select table_name as name from information_schema.tables where table_schema = 'public' and table_name <> 'schema_version'");
  expect(found.map(({ name }) => name).sort()).toEqual(Object.keys(tables).sort());
});

describe("a Postgres that goes away", () => {
  it("is asked again now and then, not ever more often, and heard again when it is back", async () => {
    const { port, hostname, pathname, username } = new URL(postgres.url);
    const open = new Set<Socket>();
    let down = false;
    let tries = 0;
    const way = createServer((client) => {
      if (down) return void (tries++, client.destroy());
      const target = connect(Number(port), hostname);
      for (const socket of [client, target]) {
        open.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => (client.destroy(), target.destroy()));
      }
      client.pipe(target).pipe(client);
    });
    await new Promise<void>((listening) => void way.listen(0, "127.0.0.1", listening));
    const db = await openPostgres(`postgres://${username}@127.0.0.1:${(way.address() as AddressInfo).port}${pathname}`);
    const heard: string[] = [];
    await db.listen("lathe_test", (payload) => heard.push(payload));
    down = true;
    for (const socket of open) socket.destroy();
    await vi.waitFor(() => expect(tries).toBe(4), 20_000);
    // A try of each of four would be under way by now, had each failure begun two.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(tries).toBeLessThanOrEqual(8);
    down = false;
    await vi.waitFor(async () => {
      await db.query("select pg_notify('lathe_test', 'back')");
      expect(heard).toContain("back");
    }, 20_000);
    await db.close();
    way.close();
  });
});

async function changeOne(blobs: string): Promise<void> {
  const under = join(blobs, (await readdir(blobs))[0]!);
  const file = join(under, (await readdir(under))[0]!);
  const bytes = await readFile(file);
  bytes[0]! ^= 1;
  await writeFile(file, bytes);
}

async function rewrite(file: string, from: string, to: string): Promise<void> {
  await writeFile(file, (await readFile(file, "utf8")).replace(from, to));
}
