import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tensor, decodeModel, encodeNpz } from "@lathe/core";
import { saveModel } from "@lathe/core/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connect } from "@lathe/gateway/client";
import { collect } from "../src/ops/collect.ts";
import { ask, clientOf, digestOf, fixture, sendModel, startGateway, type TestGateway } from "./support.ts";

let g: TestGateway;
let model: string;
beforeAll(async () => {
  g = await startGateway({ workers: 2, limits: { memoryBytes: 700 * 2 ** 20, retentionMs: 1000 } });
  model = await sendModel(g);
});
afterAll(() => g.close());

interface JobFacts {
  job: {
    state: string;
    error: { code: string } | null;
    attempts: { number: number; state: string; isolation: string; error: { code: string } | null }[];
    events: { nodes: { seq: number; type: string }[] };
  };
}

const FACTS = "query ($id: ID!) { job(id: $id) { state error { code } attempts { number state isolation error { code } } events(first: 100) { nodes { seq type } } } }";
const factsOf = async (id: string): Promise<JobFacts["job"]> => (await ask<JobFacts>(g, FACTS, { id })).data.job;

const codeOf = (work: Promise<unknown>): Promise<string> => work.then(() => "no error", (error: { code?: string }) => error.code ?? String(error));

describe("a job", () => {
  it("makes a smaller model and a report, and tells of every step", async () => {
    const client = clientOf(g);
    const job = await client.optimize(model, [{ simplify: {} }, { quantizeDynamic: { convWeightType: "UINT8" } }], { name: "small" });
    const events = [];
    for await (const event of job) events.push(event);
    const { model: small, report } = await job.result();

    expect(events.map((e) => e.seq)).toEqual(events.map((_, i) => i + 1));
    expect(events.filter((e) => e.type !== "PROGRESS").map((e) => e.type)).toEqual(["QUEUED", "STARTED", "STEP_STARTED", "STEP_FINISHED", "STEP_STARTED", "STEP_FINISHED", "SUCCEEDED"]);
    expect(small!.name).toBe("small");
    expect(small!.fileBytes).toBeLessThan((await client.model(model))!.fileBytes);
    expect(report!.steps.map((s) => s.name)).toEqual(["simplify", "quantize-dynamic"]);
    expect(digestOf(await client.download(small!))).toBe((await ask<{ model: { files: { digest: string }[] } }>(g, "query ($id: ID!) { model(id: $id) { files { digest } } }", { id: small!.id })).data.model.files[0]!.digest);
    expect(await (await fetch(report!.html!.url)).text()).toContain("<html");
  });

  it("gives the same bytes for the same model, steps and seed", async () => {
    const client = clientOf(g);
    const once = async (): Promise<string> => (await (await client.optimize(model, [{ simplify: {} }], { seed: 3 })).result()).model!.digest;
    expect(await once()).toBe(await once());
  });

  it("is the same job for the same idempotency key, also when both requests come at once", async () => {
    const client = clientOf(g);
    const run = (ms: number) => client.optimize(model, [{ wait: { ms } }], { idempotencyKey: "twice" });
    const [a, b] = await Promise.all([run(10), run(10)]);
    expect(a.id).toBe(b.id);
    expect(await codeOf(run(11))).toBe("IDEMPOTENCY_CONFLICT");
    await a.result();
  });

  it("runs on when its reader goes away, and a reader that comes back misses nothing", async () => {
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 600 } }]);
    const first = [];
    for await (const event of job) {
      first.push(event.seq);
      if (first.length === 3) break;
    }
    const rest = [];
    for await (const event of job.events({ after: first.at(-1)! })) rest.push(event.seq);
    const all = [...first, ...rest];
    expect(all).toEqual(all.map((_, i) => i + 1));
    expect(all.length).toBe((await job.refresh()).lastSeq);
    const late = [];
    for await (const event of job.events({ after: all.length })) late.push(event);
    expect(late).toEqual([]);
  });
});

it("goes on where the gateway, or what stands before it, was away for a moment", async () => {
  const failures = { PUT: 2, POST: 2 };
  const flaky: typeof fetch = async (input, init) => {
    const events = new Headers(init?.headers).get("accept") === "text/event-stream";
    const method = init?.method as keyof typeof failures;
    if ((events || method === "PUT") && failures[method]-- > 0) return new Response("<html>Bad gateway</html>", { status: 502 });
    return fetch(input, init);
  };
  const client = connect({ url: g.gateway.url, token: g.token, fetch: flaky });
  const sent = await client.upload(await fixture("mnist-lenet.onnx"), { name: "flaky" });
  const seen = [];
  for await (const { seq } of await client.optimize(sent, [{ wait: { ms: 1 } }])) seen.push(seq);
  expect(seen).toEqual(seen.map((_, i) => i + 1));
  expect(failures.PUT).toBeLessThan(0);
  expect(failures.POST).toBeLessThan(0);
  const lost = connect({ url: g.gateway.url, token: g.token, fetch: async () => new Response("<html>Bad gateway</html>", { status: 502 }) });
  await expect(lost.model(model)).rejects.toMatchObject({ code: "HTTP_502" });
});

it("works on a model whose weights are in a file beside it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "lathe-external-"));
  const whole = decodeModel(await fixture("fashion-mobilenet.onnx"));
  await saveModel(whole, join(folder, "split.onnx"), { externalData: { file: "weights.bin", threshold: 64 } });
  const client = clientOf(g);
  const split = await client.upload(join(folder, "split.onnx"), { data: { "weights.bin": join(folder, "weights.bin") } });
  expect(split.files.map((f) => f.name)).toEqual(["split.onnx", "weights.bin"]);
  expect(split.stats.parameters).toBe((await client.model(model))!.stats.parameters);
  const { model: made } = await (await client.optimize(split, [{ simplify: {} }])).result();
  expect(made!.stats.bytes).toBeGreaterThan(0);
  await expect(client.upload(join(folder, "split.onnx"))).rejects.toMatchObject({ code: "MODEL_INVALID" });
  await rm(folder, { recursive: true });
});

describe("cancelling", () => {
  it("ends a running job's process, also one that does not listen", async () => {
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 15_000, deaf: true } }]);
    for await (const event of job) if (event.type === "STEP_STARTED") break;
    expect((await job.cancel()).state).toBe("CANCELLING");
    expect(await codeOf(job.result())).toBe("CANCELLED");
    const { attempts, events } = await factsOf(job.id);
    expect(attempts.map((a) => a.state)).toEqual(["CANCELLED"]);
    expect(events.nodes.map((e) => e.type).slice(-2)).toEqual(["CANCEL_REQUESTED", "CANCELLED"]);
  });

  it("refuses a job that is over", async () => {
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 1 } }]);
    await job.result();
    expect(await codeOf(job.cancel())).toBe("JOB_STATE");
  });
});

describe("a failure", () => {
  it.each([
    ["crash", {}, "CHILD_CRASHED"],
    ["hog", {}, "OUT_OF_MEMORY"],
  ])("of %s ends the job with a code at its first attempt, and the gateway goes on", async (technique, options, code) => {
    const job = await clientOf(g).optimize(model, [{ [technique]: options }]);
    expect(await codeOf(job.result())).toBe(code);
    const { state, attempts } = await factsOf(job.id);
    expect([state, attempts.length, attempts[0]!.error!.code]).toEqual(["FAILED", 1, code]);
    expect((await fetch(`${g.gateway.url}/ready`)).status).toBe(200);
  });

  it("of a process that ends tells the last that it said, but no place, no secret and no stack", async () => {
    const job = await clientOf(g).optimize(model, [{ quit: {} }]);
    await expect(job.result()).rejects.toMatchObject({
      code: "CHILD_CRASHED",
      message: expect.stringContaining("ended abnormally (exit code 1). It said last: first | engine: cannot map the file with lathe_[redacted] | Giving up.") as string,
    });
  });

  it("of a step that tells more than the gateway reads at once has a code of its own", async () => {
    const job = await clientOf(g).optimize(model, [{ talk: { figures: 5_000_000 } }]);
    expect(await codeOf(job.result())).toBe("RESULT_TOO_LARGE");
  });

  it("can be tried again as a new job", async () => {
    const job = await clientOf(g).optimize(model, [{ crash: {} }]);
    await codeOf(job.result());
    const RETRY = "mutation ($id: ID!) { retryJob(id: $id) { ... on JobPayload { job { id retryOf { id } } } ... on UserError { code } } }";
    const { data } = await ask<{ retryJob: { job: { id: string; retryOf: { id: string } } } }>(g, RETRY, { id: job.id });
    expect(data.retryJob.job.retryOf.id).toBe(job.id);
    expect(data.retryJob.job.id).not.toBe(job.id);
    await codeOf((await clientOf(g).job(data.retryJob.job.id)).result());
  });
});

describe("data", () => {
  it("is uploaded once and lent to steps that need it", async () => {
    const client = clientOf(g);
    const images = Tensor.from("float32", [8, 1, 28, 28], Array.from({ length: 8 * 784 }, (_, i) => (i % 255) / 255));
    const input = (await client.model(model))!.stats.inputs[0]!.name;
    const data = await client.uploadDataset(new Uint8Array(await encodeNpz({ [input]: images })), { name: "calibration.npz" });
    const job = await client.optimize(model, [{ quantizeStatic: { samples: 8 } }], { data });
    expect((await job.result()).report!.steps[0]!.name).toBe("quantize-static");
  });

  it("is demanded before a job is accepted", async () => {
    expect(await codeOf(clientOf(g).optimize(model, [{ quantizeStatic: {} }]))).toBe("STEP_INVALID");
  });

  it("that is no npz file fails the job with the reader's code", async () => {
    const client = clientOf(g);
    const data = await client.uploadDataset(new TextEncoder().encode("no zip file"));
    expect(await codeOf((await client.optimize(model, [{ quantizeStatic: {} }], { data })).result())).toMatch(/^(ZIP|NPZ)_/);
  });

  it.each([["arrays of different length", { image: [8, 1, 28, 28], labels: [7] }], ["no samples", { image: [0, 1, 28, 28] }]])("with %s fails the job by name", async (_, shapes) => {
    const client = clientOf(g);
    const columns = Object.fromEntries(Object.entries(shapes).map(([name, dims]) => [name, Tensor.from("float32", dims, new Float32Array(dims.reduce((p, d) => p * d, 1)))]));
    const data = await client.uploadDataset(new Uint8Array(await encodeNpz(columns)));
    await expect((await client.optimize(model, [{ quantizeStatic: {} }], { data })).result()).rejects.toThrow(/INVALID_INPUT: .*same number of samples.*"image" with/);
  });
});

describe("a long report", () => {
  const REPORT = "query ($id: ID!) { job(id: $id) { report { title before { parameters } steps { name details warnings } json { size url } } } }";
  interface Told { readonly job: { readonly report: { readonly title: string; readonly before: { readonly parameters: number }; readonly steps: { readonly name: string; readonly details: { readonly text: string } | null; readonly warnings: string[] }[]; readonly json: { readonly size: number; readonly url: string } } } }
  const reportOf = async (options: Readonly<Record<string, number>>): Promise<Told["job"]["report"]> => {
    const job = await clientOf(g).optimize(model, [{ talk: options }]);
    await job.result();
    return (await ask<Told>(g, REPORT, { id: job.id })).data.job.report;
  };

  it("is told like any other", async () => {
    const { title, before, steps, json } = await reportOf({ details: 2_000_000 });
    expect([title, before.parameters, steps[0]!.details!.text.length]).toEqual(["talk", (await clientOf(g).model(model))!.stats.parameters, 2_000_000]);
    expect(json.size).toBeGreaterThan(2_000_000);
  });

  it("leaves details out that are too long, which are in its file", async () => {
    const { title, steps, json } = await reportOf({ details: 5_000_000 });
    expect([title, steps[0]!.details]).toEqual(["talk", null]);
    const whole = (await (await fetch(json.url)).json()) as { steps: { details: { text: string } }[] };
    expect(whole.steps[0]!.details.text.length).toBe(5_000_000);
  });

  it("has all warnings, of which the first thousand are events", async () => {
    const job = await clientOf(g).optimize(model, [{ talk: { warnings: 1200 } }]);
    const told: string[] = [];
    for await (const { type, data } of job) if (type === "WARNING") told.push(String(data["message"]));
    expect([told.length, told[0], told.at(-1)]).toEqual([1000, "warning 0", expect.stringContaining("the report has all")]);
    expect((await ask<Told>(g, REPORT, { id: job.id })).data.job.report.steps[0]!.warnings.length).toBe(1200);
  });
});

describe("benchmark", () => {
  it("times models against each other", async () => {
    const client = clientOf(g);
    const other = (await client.upload(await fixture("fashion-mobilenet.onnx"), { name: "same" })).id;
    const { benchmark } = await (await client.benchmark([model, other], { rounds: 3 })).result();
    expect(benchmark!.timings.map((t) => t.model!.id)).toEqual([model, other]);
    expect(benchmark!.timings[0]!.speedup).toBe(1);
  });
});

describe("plan and compare", () => {
  it("tells what steps would do without running them", async () => {
    const PLAN = `query ($m: ID!) { plan(model: $m, steps: [{ simplify: {} }, { quantizeStatic: { method: ENTROPY } }, { iterate: { times: 2, steps: [{ simplify: { rounds: 1 } }] } }]) {
      ... on Plan { runnable steps { technique options problem steps { technique options } } } ... on UserError { code message } } }`;
    const { data } = await ask<{ plan: { runnable: boolean; steps: { technique: string; options: Record<string, unknown>; problem: string | null; steps: { technique: string; options: object }[] }[] } }>(g, PLAN, { m: model });
    expect(data.plan.runnable).toBe(false);
    expect(data.plan.steps.map((s) => [s.technique, s.problem === null])).toEqual([["simplify", true], ["quantize-static", false], ["iterate", true]]);
    expect(data.plan.steps[1]!.options).toMatchObject({ method: "entropy", format: "qdq", samples: 512 });
    expect(data.plan.steps[2]!.steps).toEqual([{ technique: "simplify", options: expect.objectContaining({ rounds: 1 }) }]);
  });

  it("puts models side by side", async () => {
    const small = (await (await clientOf(g).optimize(model, [{ quantizeDynamic: {} }])).result()).model!;
    const { data } = await ask<{ compare: { fileRatio: number; macRatio: number }[] }>(g, "query ($m: [ID!]!) { compare(models: $m) { fileRatio macRatio } }", { m: [model, small.id] });
    expect(data.compare[0]).toEqual({ fileRatio: 1, macRatio: 1 });
    expect(data.compare[1]!.fileRatio).toBeGreaterThan(1);
  });
});

describe("deleting", () => {
  it("takes a model away, and its files once nothing refers to them", async () => {
    const id = await sendModel(g, await fixture("mnist-lenet.onnx"), "short-lived");
    const DELETE = "mutation ($id: ID!) { deleteModel(id: $id) { ... on Deleted { id } ... on UserError { code } } }";
    expect((await ask(g, DELETE, { id })).data).toEqual({ deleteModel: { id } });
    expect((await ask(g, "query ($id: ID!) { model(id: $id) { name } }", { id })).data).toEqual({ model: null });
    const { app } = g.gateway;
    await app.db.query("update upload set expires_at = now() - interval '2 hours'");
    expect((await collect(app, 0)).files).toBeGreaterThan(0);
    expect(digestOf(await clientOf(g).download((await clientOf(g).model(model))!))).toBe(digestOf(await fixture("fashion-mobilenet.onnx")));
  });

  it("takes a dataset away, and its file once nothing refers to it", async () => {
    const client = clientOf(g);
    const bytes = new Uint8Array(await encodeNpz({ image: Tensor.from("float32", [1], [42]) }));
    const data = await client.uploadDataset(bytes, { name: "short-lived.npz" });
    await client.deleteDataset(data);
    const LIST = "query ($id: ID!) { node(id: $id) { id } artifacts(kind: DATASET, first: 100) { nodes { id kind } } }";
    const { node, artifacts } = (await ask<{ node: null; artifacts: { nodes: { id: string; kind: string }[] } }>(g, LIST, { id: data.id })).data;
    expect([node, artifacts.nodes.some((a) => a.id === data.id)]).toEqual([null, false]);
    expect(await codeOf(client.deleteDataset(data))).toBe("NOT_FOUND");
    expect(await codeOf(client.optimize(model, [{ quantizeStatic: {} }], { data }))).toBe("NOT_FOUND");
    const { app } = g.gateway;
    await app.db.query("update upload set expires_at = now() - interval '2 hours'");
    await collect(app, 0);
    expect(await app.blobs.size(digestOf(bytes))).toBe(undefined);
  });

  it("refuses a dataset that an unfinished job was given, to work on or to judge by, and a report as none", async () => {
    const client = clientOf(g);
    const send = async (value: number) => client.uploadDataset(new Uint8Array(await encodeNpz({ image: Tensor.from("float32", [1], [value]) })));
    const [data, judged] = [await send(1), await send(2)];
    const job = await client.optimize(model, [{ wait: { ms: 20_000 } }], { data, evaluation: { data: judged } });
    for (const used of [data, judged]) expect(await codeOf(client.deleteDataset(used))).toBe("IN_USE");
    await job.cancel();
    await codeOf(job.result());
    for (const used of [data, judged]) await client.deleteDataset(used);
    await (await client.optimize(model, [{ wait: { ms: 1 } }])).result();
    const { artifacts } = (await ask<{ artifacts: { nodes: { id: string }[] } }>(g, "{ artifacts(kind: REPORT_JSON, first: 1) { nodes { id } } }")).data;
    expect(await codeOf(client.deleteDataset(artifacts.nodes[0]!))).toBe("INVALID_INPUT");
  });

  it("and a new job for the same thing never both succeed", async () => {
    const client = clientOf(g);
    for (let i = 0; i < 5; i++) {
      const id = await sendModel(g, await fixture("mnist-lenet.onnx"), `contended ${i}`);
      const [gone, job] = await Promise.allSettled([client.deleteModel(id), client.optimize(id, [{ wait: { ms: 1 } }])]);
      expect([gone.status, job.status].sort()).toEqual(["fulfilled", "rejected"]);
      if (job.status === "fulfilled") await job.value.result();
      for (const lost of [gone, job]) if (lost.status === "rejected") expect(["IN_USE", "NOT_FOUND"]).toContain((lost.reason as { code: string }).code);
    }
  });

  it("refuses a model that an unfinished job works on", async () => {
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 800 } }]);
    const DELETE = "mutation ($id: ID!) { deleteModel(id: $id) { ... on UserError { code } } }";
    expect((await ask(g, DELETE, { id: model })).data).toEqual({ deleteModel: { code: "IN_USE" } });
    await job.result();
  });
});
