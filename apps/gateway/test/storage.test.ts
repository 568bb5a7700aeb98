import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createGateway, silentLog } from "@lathe/gateway";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Db } from "../src/db/db.ts";
import { lockFolder } from "../src/db/lock.ts";
import { openKeys } from "../src/auth.ts";
import { openDb } from "../src/db/open.ts";
import { openEngine, type JobEngine, type NewJob } from "../src/jobs/engine.ts";
import { openEventHub } from "../src/jobs/events.ts";
import type { JobEventRow, JobRow } from "../src/jobs/model.ts";
import { openBlobs } from "../src/store/blobs.ts";
import { clientOf, image, sendModel, startGateway, techniques } from "./support.ts";

let db: Db;
let engine: JobEngine;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lathe-storage-"));
  db = await openDb({ image: await image() });
  engine = openEngine(db);
});
afterAll(async () => {
  await db.close();
  await rm(folder, { recursive: true, force: true });
});

const newJob = (more: Partial<NewJob> = {}): NewJob => ({ owner: "me", kind: "OPTIMIZE", spec: { model: "m", steps: [], seed: 0, batch: 1, name: "x" }, attempts: 2, openJobs: 1000, ...more });
const eventsOf = (id: string): Promise<JobEventRow[]> => db.query("select * from job_event where job_id = $1 order by seq", [id]);
const stateOf = async (id: string): Promise<string> => (await db.query<JobRow>("select * from job where id = $1", [id]))[0]!.state;
const expire = (id: string): Promise<unknown> => db.query("update job set lease_until = now() - interval '1 second' where id = $1", [id]);

describe("the engine", () => {
  it("gives each job to one worker, in order", async () => {
    const jobs = await Promise.all([1, 2, 3, 4].map(() => engine.enqueue(newJob())));
    const claims = await Promise.all([1, 2, 3, 4, 5].map((n) => engine.claim(`w${n}`, "PROCESS")));
    expect(claims.filter((c) => c).map((c) => c!.job.id).sort()).toEqual(jobs.map((j) => j.id).sort());
    for (const claim of claims) if (claim) await engine.cancelled(claim);
  });

  it("writes nothing for an attempt that was given up", async () => {
    const { id } = await engine.enqueue(newJob());
    const zombie = (await engine.claim("slow", "PROCESS"))!;
    await expire(id);
    expect(await engine.sweep()).toBe(1);
    const heir = (await engine.claim("quick", "PROCESS"))!;
    expect(heir.attempt).toBe(2);

    expect(await engine.heartbeat(zombie)).toBe("lost");
    expect(await engine.record(zombie, [{ type: "PROGRESS", data: {} }])).toBe(false);
    let published = 0;
    const publish = async () => {
      published++;
      return {};
    };
    expect(await engine.succeed(zombie, publish)).toBe(false);
    expect(await engine.fail(zombie, { code: "X", message: "x" })).toBe(false);
    expect(await engine.succeed(heir, publish)).toBe(true);
    expect(await engine.succeed(heir, publish)).toBe(false);
    expect(published).toBe(1);
    expect((await eventsOf(id)).map((e) => e.type)).toEqual(["QUEUED", "STARTED", "WORKER_LOST", "STARTED", "SUCCEEDED"]);
  });

  it("ends a job whose worker was lost too often", async () => {
    const { id } = await engine.enqueue(newJob({ attempts: 1 }));
    await engine.claim("w", "PROCESS");
    await expire(id);
    await engine.sweep();
    expect(await stateOf(id)).toBe("FAILED");
  });

  it("counts no attempt that a stopping worker handed back", async () => {
    const { id } = await engine.enqueue(newJob({ attempts: 2 }));
    for (let restart = 0; restart < 3; restart++) expect(await engine.release((await engine.claim("w", "PROCESS"))!)).toBe(true);
    expect(await stateOf(id)).toBe("QUEUED");
    const lose = async (): Promise<void> => {
      await engine.claim("w", "PROCESS");
      await expire(id);
      await engine.sweep();
    };
    await lose();
    expect(await stateOf(id)).toBe("QUEUED");
    await lose();
    const [job] = await db.query<JobRow>("select * from job where id = $1", [id]);
    expect(job).toMatchObject({ state: "FAILED", error: { code: "WORKER_LOST", message: expect.stringContaining("in 2 attempts") } });
    const states = await db.query<{ state: string }>("select state from attempt where job_id = $1 order by number", [id]);
    expect(states.map(({ state }) => state)).toEqual(["RELEASED", "RELEASED", "RELEASED", "LOST", "LOST"]);
  });

  it("publishes nothing when publishing fails half way", async () => {
    const { id } = await engine.enqueue(newJob());
    const claim = (await engine.claim("w", "PROCESS"))!;
    const broken = engine.succeed(claim, async (tx) => {
      await tx.query("insert into setting (name, value) values ('half', 'way')");
      throw new Error("disk full");
    });
    await expect(broken).rejects.toThrow("disk full");
    expect(await db.query("select * from setting where name = 'half'")).toEqual([]);
    expect(await stateOf(id)).toBe("RUNNING");
    await engine.cancelled(claim);
  });

  it("numbers events without gaps, whatever happens in which order", async () => {
    type Action = "claim" | "record" | "expire" | "cancel" | "succeed" | "fail" | "release" | "zombie";
    await fc.assert(fc.asyncProperty(fc.array(fc.constantFrom<Action>("claim", "record", "expire", "cancel", "succeed", "fail", "release", "zombie"), { maxLength: 12 }), async (actions) => {
      const { id } = await engine.enqueue(newJob());
      const claims: Awaited<ReturnType<JobEngine["claim"]>>[] = [];
      for (const action of actions) {
        const claim = claims.at(-1);
        if (action === "claim") claims.push(await engine.claim("w", "PROCESS"));
        if (action === "expire") await expire(id).then(() => engine.sweep());
        if (action === "cancel") await engine.cancel(id).catch(() => undefined);
        if (action === "zombie" && claims[0]) await engine.record(claims[0], [{ type: "PROGRESS", data: {} }]);
        if (!claim) continue;
        if (action === "record") await engine.record(claim, [{ type: "PROGRESS", data: {} }, { type: "WARNING", data: {} }]);
        if (action === "succeed") await engine.succeed(claim, async () => ({}));
        if (action === "fail") await engine.fail(claim, { code: "X", message: "x" });
        if (action === "release") await engine.release(claim);
      }
      const events = await eventsOf(id);
      expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
      expect(events.filter((e) => /^(SUCCEEDED|FAILED|CANCELLED)$/.test(e.type)).length).toBeLessThanOrEqual(1);
      await engine.cancel(id).catch(() => undefined);
      await db.query("delete from job where id = $1", [id]);
    }), { numRuns: 25 });
  });
});

describe("the readers of events", () => {
  it("all see every event once, those that come late and those that read slowly too", async () => {
    const hub = await openEventHub(db);
    const { id } = await engine.enqueue(newJob());
    const claim = (await engine.claim("w", "PROCESS"))!;
    const read = async (after: number, pause: number): Promise<number[]> => {
      const seen: number[] = [];
      for await (const { seq } of hub.follow(id, after, new AbortController().signal)) {
        seen.push(seq);
        if (pause > 0) await new Promise((resolve) => setTimeout(resolve, pause));
      }
      return seen;
    };
    const readers = [read(0, 0), read(0, 5), read(2, 0), ...Array.from({ length: 20 }, () => read(1, 1))];
    for (let i = 0; i < 40; i++) await engine.record(claim, [{ type: "PROGRESS", data: { i } }]);
    readers.push(read(10, 0));
    await engine.succeed(claim, async () => ({}));
    readers.push(read(0, 0), read(43, 0));
    const last = 43;
    const from = [0, 0, 2, ...Array.from({ length: 20 }, () => 1), 10, 0, 43];
    expect(await Promise.all(readers)).toEqual(from.map((after) => Array.from({ length: last - after }, (_, i) => after + 1 + i)));
    await hub.close();
  });

  it("that begin together at different places see each their own at once", async () => {
    const hub = await openEventHub(db);
    const { id } = await engine.enqueue(newJob());
    const claim = (await engine.claim("w", "PROCESS"))!;
    await engine.record(claim, Array.from({ length: 6 }, () => ({ type: "PROGRESS", data: {} }) as const));
    const { signal } = new AbortController();
    const [late, early] = [hub.follow(id, 5, signal).next(), hub.follow(id, 0, signal).next()];
    // Nobody looks again after this.
    await hub.close();
    expect([(await late).value?.seq, (await early).value?.seq]).toEqual([6, 1]);
    await engine.cancelled(claim);
  });

  it("stop when they are told to", async () => {
    const hub = await openEventHub(db);
    const { id } = await engine.enqueue(newJob());
    const abort = new AbortController();
    const reading = hub.follow(id, 1, abort.signal).next();
    abort.abort();
    expect(await reading).toEqual({ done: true, value: undefined });
    await engine.cancel(id);
    await hub.close();
  });
});

describe("the folder of the embedded database", () => {
  it("has one owner, and goes to the next when that one is killed", async () => {
    const home = await mkdtemp(join(folder, "lock-"));
    const holder = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), "--conditions=@lathe/source", "--input-type=module", "-e",
      `const { lockFolder } = await import(${JSON.stringify(new URL("../src/db/lock.ts", import.meta.url).href)}); await lockFolder(${JSON.stringify(home)}); console.log("held"); setInterval(() => {}, 1000);`], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    await expect(lockFolder(home)).rejects.toMatchObject({ code: "STORE_IN_USE", message: expect.stringContaining(`process ${holder.pid}`) as string });
    holder.kill("SIGKILL");
    await new Promise((resolve) => holder.once("close", resolve));
    // One that is killed while it takes the folder over must not keep the next one out.
    if (process.platform === "linux") await writeFile(join(home, "owner.sock.takeover"), "");
    const [a, b] = await Promise.allSettled([lockFolder(home), lockFolder(home)]);
    expect([a.status, b.status].sort()).toEqual(["fulfilled", "rejected"]);
    for (const result of [a, b]) if (result.status === "fulfilled") await result.value.release();
  });

  it("is refused when another version wrote it", async () => {
    const home = await mkdtemp(join(folder, "version-"));
    await writeFile(join(home, "VERSION"), "pglite 0.2 (PostgreSQL 16)\n");
    await expect(openDb({ folder: home })).rejects.toMatchObject({ code: "STORE_VERSION" });
    await (await lockFolder(home)).release();
  });

  it("is refused when a newer gateway has changed its schema", async () => {
    await db.query("insert into schema_version values (99)");
    await expect(migrateAgain()).rejects.toMatchObject({ code: "MIGRATION_AHEAD" });
    await db.query("delete from schema_version where version = 99");
  });

  it("keeps jobs and models over a restart; a job that ran is run again", async () => {
    const home = await mkdtemp(join(folder, "restart-"));
    const options = { folder: home, port: 0, log: silentLog, techniques: [techniques], databaseImage: await image(), limits: { drainMs: 50 } };
    const first = await createGateway(options);
    const token = first.firstToken!;
    const model = await sendModel({ gateway: first, token });
    const job = await clientOf({ gateway: first, token }).optimize(model, [{ wait: { ms: 1500 } }]);
    for await (const event of job) if (event.type === "STEP_STARTED") break;
    await first.close();

    const second = await createGateway(options);
    expect(second.firstToken).toBe(undefined);
    const again = await clientOf({ gateway: second, token }).job(job.id);
    const types: string[] = [];
    for await (const { type } of again) types.push(type);
    expect(types.filter((t) => t !== "PROGRESS")).toEqual(["QUEUED", "STARTED", "STEP_STARTED", "WORKER_LOST", "STARTED", "STEP_STARTED", "STEP_FINISHED", "SUCCEEDED"]);
    expect((await again.result()).model).not.toBe(null);
    await second.close();
  });
});

async function migrateAgain(): Promise<void> {
  const { migrate } = await import("../src/db/open.ts");
  await migrate(db);
}

describe("the file store", () => {
  it("shows a file only under the digest of its bytes, and keeps one copy", async () => {
    const blobs = await openBlobs(await mkdtemp(join(folder, "blobs-")));
    const bytes = new TextEncoder().encode("weights");
    const { digest } = await blobs.putBytes(bytes);
    expect(await blobs.putBytes(bytes)).toEqual({ digest, size: 7 });
    const listed = [];
    for await (const { digest: d } of blobs.list()) listed.push(d);
    expect(listed).toEqual([digest]);
    const other = join(blobs.scratch, "other");
    await writeFile(other, "something else");
    await expect(blobs.adopt(other, digest)).rejects.toMatchObject({ code: "UPLOAD_MISMATCH" });
    const link = join(blobs.scratch, "link");
    await symlink("/etc/hostname", link);
    await expect(blobs.adopt(link)).rejects.toThrow("no plain file");
  });

  it("turns no text but a digest into a path", async () => {
    const blobs = await openBlobs(await mkdtemp(join(folder, "paths-")));
    fc.assert(fc.property(fc.oneof(fc.string(), fc.constantFrom("sha256:../x", `sha256:${"a".repeat(63)}/`, "../../etc/passwd")), (text) => {
      expect(() => blobs.path(text)).toThrow(/INVALID_INPUT/);
    }));
  });
});

it("ends an attempt that takes too long; its process has limits of the system's too", async () => {
  const g = await startGateway({ limits: { attemptMs: 1000, inspectMs: 100_000, memoryBytes: 2 ** 31, threads: 2 } });
  const { children } = g.gateway.app;
  let limits = "";
  await children.run({ kind: "summary", report: "nothing" }, { timeoutMs: 60_000, onStart: (pid) => (limits = children.isolation === "PROCESS_LIMITED" ? readFileSync(`/proc/${pid}/limits`, "utf8") : "") }, async () => {});
  if (limits !== "") expect([/Max cpu time +(\d+)/.exec(limits)![1], /Max data size +(\d+)/.exec(limits)![1]]).toEqual([String(100 * 6 + 60), String(2 ** 31)]);
  const job = await clientOf(g).optimize(await sendModel(g), [{ wait: { ms: 3_600_000, deaf: true } }]);
  await expect(job.result()).rejects.toMatchObject({ code: "TIMED_OUT" });
  await g.close();
});

describe("a gateway that cannot start", () => {
  it("says that its port is taken, and lets go of its folder", async () => {
    const g = await startGateway({ workers: 0 });
    const home = await mkdtemp(join(folder, "taken-"));
    const options = { folder: home, log: silentLog, techniques: [techniques], databaseImage: await image() };
    await expect(createGateway({ ...options, port: Number(new URL(g.gateway.url).port) })).rejects.toMatchObject({ code: "LISTEN_FAILED", message: expect.stringContaining("another program listens there") as string });
    await expect(createGateway({ ...options, port: 100_000 })).rejects.toMatchObject({ code: "LISTEN_FAILED" });
    await (await lockFolder(home)).release();
    await g.close();
  });
});

describe("the first admin key", () => {
  it("is made once, also after keys of others", async () => {
    const keys = openKeys(db);
    await keys.make({ name: "", owner: "early", scopes: ["write"] });
    const token = await keys.first();
    expect((await keys.find(token!))?.scopes.has("admin")).toBe(true);
    expect(await keys.first()).toBe(undefined);
  });
});

describe("a gateway that stops", () => {
  it("lets a running job finish", async () => {
    const g = await startGateway();
    const model = await sendModel(g);
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 700 } }]);
    for await (const event of job) if (event.type === "STEP_STARTED") break;
    const { app } = g.gateway;
    let state = "";
    const close = app.db.close.bind(app.db);
    Object.assign(app.db, { close: async () => {
      state = (await app.db.query<JobRow>("select * from job"))[0]!.state;
      await close();
    } });
    await g.close();
    expect(state).toBe("SUCCEEDED");
  });
});
