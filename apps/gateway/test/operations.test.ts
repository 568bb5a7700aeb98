/** What operators rely on: health, metrics, spans, retention, and handing back on the way out. */
import { mkdir, readdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { trace, type Attributes, type Span, type Tracer } from "@opentelemetry/api";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseGlobalId } from "../src/ids.ts";
import { collect } from "../src/ops/collect.ts";
import { clientOf, fixture, sendModel, startGateway, type TestGateway } from "./support.ts";

interface Recorded {
  readonly name: string;
  readonly attributes: Attributes;
  ended: boolean;
}
const spans: Recorded[] = [];

/** The least of an SDK: remembers what it is told. */
function startSpan(name: string, attributes: Attributes = {}): Span {
  const recorded: Recorded = { name, attributes: { ...attributes }, ended: false };
  spans.push(recorded);
  const span = { setAttribute: () => span, setAttributes: (more: Attributes) => (Object.assign(recorded.attributes, more), span), recordException() {}, setStatus: () => span, end: () => void (recorded.ended = true) };
  return span as unknown as Span;
}
const tracer = { startSpan, startActiveSpan: (name: string, options: { attributes?: Attributes }, work: (span: Span) => unknown) => work(startSpan(name, options.attributes)) };

let g: TestGateway;
let model: string;
beforeAll(async () => {
  trace.setGlobalTracerProvider({ getTracer: () => tracer as unknown as Tracer });
  g = await startGateway({ limits: { retentionMs: 3_600_000 } });
  model = await sendModel(g);
}, 180_000);
afterAll(async () => {
  trace.disable();
  await g.close();
});

const run = async (): Promise<string> => {
  const job = await clientOf(g).optimize(model, [{ wait: { ms: 1 } }]);
  await job.result();
  return job.id;
};
const metrics = async (): Promise<string> => (await fetch(`${g.gateway.url}/metrics`, { headers: { authorization: `Bearer ${g.token}` } })).text();

it("tells its health and its figures, and a span for each request and attempt", async () => {
  await run();
  for (const path of ["/live", "/ready"]) expect([path, (await fetch(g.gateway.url + path)).status]).toEqual([path, 200]);
  const text = await metrics();
  expect(text).toMatch(/^lathe_attempts_total\{state="SUCCEEDED"\} [1-9]/m);
  expect(text).toMatch(/^lathe_http_request_seconds_count\{route="graphql",status="200"\} [1-9]/m);
  expect(text).toMatch(/^# TYPE lathe_jobs gauge/m);
  expect(text).toMatch(/^process_resident_memory_bytes \d/m);
  const attempt = spans.find((s) => s.name === "lathe.attempt")!;
  expect(attempt).toMatchObject({ ended: true, attributes: { "lathe.kind": "OPTIMIZE", "lathe.attempt": 1 } });
  expect(spans.filter((s) => s.name !== "lathe.attempt" && s.ended).length).toBeGreaterThan(0);
});

describe("retention", () => {
  it("takes finished jobs that are too old, with attempts, events and keys, and nothing else", async () => {
    const { db } = g.gateway.app;
    const [old, young, retried] = [await run(), await run(), await run()];
    const [first, third] = [parseGlobalId(old)!.id, parseGlobalId(retried)!.id];
    await db.query("update job set finished_at = now() - interval '2 hours' where id in ($1, $2)", [first, third]);
    await db.query("insert into job (id, owner, kind, spec, state, max_attempts, retry_of, finished_at) select 'again', owner, kind, spec, 'CANCELLED', 1, id, now() from job where id = $1", [third]);
    const reports = (id: string) => db.query<{ digest: string }>("select digest from artifact where job_id = $1 and deleted_at is null", [id]);
    const [ofOld, ofYoung] = [await reports(first), await reports(parseGlobalId(young)!.id)];
    expect([ofOld.length, ofYoung.length]).toEqual([2, 2]);
    expect((await collect(g.gateway.app)).jobs).toBe(1);
    // Its reports went with it; their files follow, as any that nothing refers to.
    expect([await reports(first), await reports(parseGlobalId(young)!.id)]).toEqual([[], ofYoung]);
    await collect(g.gateway.app, -1000);
    expect(await Promise.all([...ofOld, ...ofYoung].map(async ({ digest }) => (await g.gateway.app.blobs.size(digest)) !== undefined))).toEqual([false, false, true, true]);
    expect((await db.query("select id from job where id = $1", [first])).length).toBe(0);
    expect(await db.query("select 1 from job_event where job_id = $1 union all select 1 from attempt where job_id = $1", [first])).toEqual([]);
    expect((await clientOf(g).job(young)).info.state).toBe("SUCCEEDED");
    expect((await clientOf(g).job(retried)).info.state).toBe("SUCCEEDED");
    expect((await clientOf(g).model(model))!.id).toBe(model);
  });

  it("forgets what was deleted long ago", async () => {
    const { db } = g.gateway.app;
    const [gone, fresh] = [await sendModel(g, await fixture("mnist-lenet.onnx"), "gone"), await sendModel(g, await fixture("mnist-lenet.onnx"), "fresh")];
    for (const id of [gone, fresh]) await clientOf(g).deleteModel(id);
    await db.query("update model set deleted_at = now() - interval '2 hours' where id = $1", [parseGlobalId(gone)!.id]);
    await collect(g.gateway.app);
    expect(await db.query("select name from model where id in ($1, $2)", [parseGlobalId(gone)!.id, parseGlobalId(fresh)!.id])).toEqual([{ name: "fresh" }]);
    await collect(g.gateway.app, -1000);
  });

  it("keeps files that are young, or that something refers to", async () => {
    const { blobs } = g.gateway.app;
    const { digest } = await blobs.putBytes(new TextEncoder().encode("nobody's"));
    expect((await collect(g.gateway.app)).files).toBe(0);
    expect(await blobs.size(digest)).toBe(8);
    expect((await collect(g.gateway.app, -1000)).files).toBe(1);
    expect(await blobs.size(digest)).toBe(undefined);
    expect((await clientOf(g).download((await clientOf(g).model(model))!)).length).toBeGreaterThan(0);
  });
});

it("clears scratch of what is older than any attempt, and of nothing younger", async () => {
  const other = await startGateway({ limits: { attemptMs: 3 * 86_400_000 } });
  const { app } = other.gateway;
  const ages = { "task-working": 2, "task-dead": 4 };
  for (const [name, days] of Object.entries(ages)) {
    const path = join(app.blobs.scratch, name);
    await mkdir(path);
    const at = new Date(Date.now() - days * 86_400_000);
    await utimes(path, at, at);
  }
  await collect(app);
  expect((await readdir(app.blobs.scratch)).filter((name) => name in ages)).toEqual(["task-working"]);
  await other.close();
});

it("is not ready any more while running jobs finish", async () => {
  const other = await startGateway();
  const job = await clientOf(other).optimize(await sendModel(other), [{ wait: { ms: 1500 } }]);
  for await (const event of job) if (event.type === "STEP_STARTED") break;
  const closing = other.close();
  const status = await fetch(`${other.gateway.url}/ready`).then((r) => r.status, () => "refused");
  expect(["refused", 503]).toContain(status);
  await closing;
});

it("shows a job in notebooks and on the console", async () => {
  const job = await clientOf(g).job(await run());
  expect(inspect(job)).toBe("OPTIMIZE SUCCEEDED 100 %");
  const shown = (job as unknown as Record<symbol, () => Record<string, string>>)[Symbol.for("Jupyter.display")]!();
  expect(Object.keys(shown)).toEqual(["text/plain", "text/markdown", "text/html"]);
  expect(shown["text/html"]).toContain("SUCCEEDED");
  expect(JSON.parse(JSON.stringify(job))).toMatchObject({ state: "SUCCEEDED" });
});
