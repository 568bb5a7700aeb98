/** Lists page by page in both directions, the graph node by node, jobs as they were asked for, and operations that are known ahead. */
import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Tensor, encodeNpz } from "@lathe/core";
import { loadOperations } from "../src/http/operations.ts";
import { makeYoga } from "../src/http/yoga.ts";
import { makeSchema } from "../src/schema/schema.ts";
import { ask, clientOf, sendModel, startGateway, type TestGateway } from "./support.ts";

let g: TestGateway;
let model: string;
beforeAll(async () => {
  // Nothing runs here: jobs stay as they were accepted.
  g = await startGateway({ workers: 0 });
  model = await sendModel(g);
});
afterAll(() => g.close());

interface Page {
  readonly nodes: readonly { readonly name: string }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean; readonly startCursor: string; readonly endCursor: string };
}

const PAGE = "nodes { name } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }";
const NODES = `query ($m: ID!, $first: Int, $after: String, $last: Int, $before: String) { model(id: $m) { nodes(first: $first, after: $after, last: $last, before: $before) { ${PAGE} } } }`;
const nodes = async (args: object): Promise<Page> => (await ask<{ model: { nodes: Page } }>(g, NODES, { m: model, ...args })).data.model.nodes;
const names = ({ nodes: list }: Page): string[] => list.map((n) => n.name);

describe("a list", () => {
  it("is the same read from the front and from the back", async () => {
    const forward: string[] = [];
    for (let page = await nodes({ first: 7 }); ; page = await nodes({ first: 7, after: page.pageInfo.endCursor })) {
      forward.push(...names(page));
      if (!page.pageInfo.hasNextPage) break;
    }
    const backward: string[] = [];
    for (let page = await nodes({ last: 7 }); ; page = await nodes({ last: 7, before: page.pageInfo.startCursor })) {
      backward.unshift(...names(page));
      if (!page.pageInfo.hasPreviousPage) break;
    }
    expect(forward.length).toBeGreaterThan(20);
    expect(backward).toEqual(forward);
  });

  it("can be read between two places", async () => {
    const all = await nodes({ first: 10 });
    const { pageInfo: { endCursor: second } } = await nodes({ first: 2 });
    const { pageInfo: { endCursor: sixth } } = await nodes({ first: 6 });
    expect(names(await nodes({ after: second, before: sixth }))).toEqual(names(all).slice(2, 5));
    expect(names(await nodes({ last: 2, after: second, before: sixth }))).toEqual(names(all).slice(3, 5));
  });

  it.each([{ first: 2, last: 2 }, { last: 0 }, { last: 101 }, { before: "bm90IG91cnM" }])("refuses %j", async (args) => {
    const { errors } = await ask(g, NODES, { m: model, ...args });
    expect(errors.map((e) => e.extensions?.["code"])).toEqual(["BAD_USER_INPUT"]);
  });

  it("of rows pages backward too: jobs, newest first, and events, oldest first", async () => {
    const jobs = [];
    for (let i = 0; i < 5; i++) jobs.push((await clientOf(g).optimize(model, [{ wait: { ms: i } }])).id);
    const newest = jobs.toReversed();
    const JOBS = "query ($last: Int, $before: String, $first: Int) { jobs(last: $last, before: $before, first: $first) { nodes { id } pageInfo { hasPreviousPage startCursor } } }";
    const list = async (args: Record<string, unknown>) => (await ask<{ jobs: { nodes: { id: string }[]; pageInfo: { hasPreviousPage: boolean; startCursor: string } } }>(g, JOBS, args)).data.jobs;
    expect((await list({ first: 5 })).nodes.map((j) => j.id)).toEqual(newest);
    const last = await list({ last: 2 });
    expect([last.nodes.map((j) => j.id), last.pageInfo.hasPreviousPage]).toEqual([newest.slice(3), true]);
    const before = await list({ last: 10, before: last.pageInfo.startCursor });
    expect([before.nodes.map((j) => j.id), before.pageInfo.hasPreviousPage]).toEqual([newest.slice(0, 3), false]);
    await ask(g, "mutation ($id: ID!) { cancelJob(id: $id) { __typename } }", { id: jobs[0] });
    const EVENTS = "query ($id: ID!) { job(id: $id) { events(last: 1) { nodes { seq type } pageInfo { hasPreviousPage hasNextPage } } } }";
    const { data } = await ask<{ job: { events: object } }>(g, EVENTS, { id: jobs[0] });
    expect(data.job.events).toEqual({ nodes: [{ seq: 2, type: "CANCELLED" }], pageInfo: { hasPreviousPage: true, hasNextPage: false } });
  });
});

describe("a model", () => {
  it("can be walked from node to node, each the neighbour of its neighbours", async () => {
    const [first] = names(await nodes({ first: 1 }));
    const WALK = `query ($m: ID!, $n: String!) { model(id: $m) { graphNode(name: $n) { name producers { nodes { name } } consumers(first: 1) { ${PAGE} } } } }`;
    const look = async (n: string) => (await ask<{ model: { graphNode: { producers: Page; consumers: Page } } }>(g, WALK, { m: model, n })).data.model.graphNode;
    let [at, steps] = [first!, 0];
    for (let node = await look(at); node.consumers.nodes.length > 0; node = await look(at)) {
      const before = at;
      at = node.consumers.nodes[0]!.name;
      expect(names((await look(at)).producers)).toContain(before);
      steps++;
    }
    expect(steps).toBeGreaterThan(10);
  });

  it("counts its operators, most frequent first", async () => {
    const { data } = await ask<{ model: { stats: { operators: { name: string; value: number }[] } } }>(g, "query ($m: ID!) { model(id: $m) { stats { operators { name value } } } }", { m: model });
    const values = data.model.stats.operators.map((o) => o.value);
    expect(values).toEqual(values.toSorted((a, b) => b - a));
    expect(new Set(values).size).toBeGreaterThan(3);
  });
});

describe("a job", () => {
  const ASKED = "query ($id: ID!) { job(id: $id) { steps stepInputs dataset { id } batch seed evaluation { dataset { id } metric labels output } teacher { id } } }";

  it("tells all that it was asked for, in a form that can be asked for again", async () => {
    const data = (await clientOf(g).uploadDataset(new Uint8Array(await encodeNpz({ image: Tensor.from("float32", [1], [0]) })))).id;
    const steps = [
      { optionZoo: { count: 2, mode: "X64_VNNI", modes: ["SMALL", "FAST"], clash: "a-b", nested: { depth: 3 }, table: { a: null }, either: "x64-vnni" } },
      { iterate: { times: 2, steps: [{ quantizeStatic: { method: "ENTROPY" } }] } },
    ];
    const START = "mutation ($m: ID!, $s: [StepInput!]!, $d: ID, $t: ID) { optimize(model: $m, steps: $s, data: $d, batch: 4, seed: 7, teacher: $t, evaluation: { metric: NEGATIVE_MSE, labels: \"y\" }) { ... on JobPayload { job { id } } ... on UserError { message } } }";
    const started = async (s: unknown): Promise<string> => (await ask<{ optimize: { job: { id: string } } }>(g, START, { m: model, s, d: data, t: model })).data.optimize.job.id;
    const asked = async (id: string) => (await ask<{ job: Record<string, unknown> }>(g, ASKED, { id })).data.job;
    const job = await asked(await started(steps));
    expect(job).toEqual({
      steps: [
        { use: "option-zoo", with: { count: 2, mode: "x64-vnni", modes: ["small", "fast"], clash: "a-b", nested: { depth: 3 }, table: { a: null }, either: "x64-vnni" } },
        { use: "iterate", with: { times: 2 }, steps: [{ use: "quantize-static", with: { method: "entropy" } }] },
      ],
      stepInputs: steps,
      dataset: { id: data }, batch: 4, seed: 7, evaluation: { dataset: null, metric: "negative-mse", labels: "y", output: null }, teacher: { id: model },
    });
    expect((await asked(await started(job["stepInputs"])))["steps"]).toEqual(job["steps"]);
  });
});

describe("with a file of operations", () => {
  const text = "query Named($id: ID!) { model(id: $id) { name } }";
  const hash = createHash("sha256").update(text).digest("hex");
  let known: TestGateway;
  let reader: string;
  beforeAll(async () => {
    const file = join(g.folder, "operations.json");
    await writeFile(file, JSON.stringify({ named: text }));
    known = await startGateway({ workers: 0, operations: file });
    reader = (await known.gateway.keys.make({ name: "reader", owner: "reader", scopes: ["read"] })).token;
  });
  afterAll(() => known.close());

  const post = async (body: object, token = reader): Promise<{ status: number; code: unknown }> => {
    const response = await fetch(`${known.gateway.url}/graphql`, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body: JSON.stringify(body) });
    const { errors } = (await response.json()) as { errors?: { extensions?: { code?: unknown } }[] };
    return { status: response.status, code: errors?.[0]?.extensions?.code };
  };
  const variables = { id: "eA" };

  it.each([
    ["by its id", { documentId: "named", variables }],
    ["by the hash of its text", { documentId: `sha256:${hash}`, variables }],
    ["by the hash as Apollo sends it", { extensions: { persistedQuery: { version: 1, sha256Hash: hash } }, variables }],
    ["by its exact text", { query: text, variables }],
  ])("runs a known one %s", async (_, body) => {
    expect(await post(body)).toEqual({ status: 200, code: undefined });
  });

  it.each([
    ["another text", { query: "{ models { nodes { id } } }" }],
    ["an unknown id", { documentId: "other" }],
    ["a known id with another text", { documentId: "named", query: "{ models { nodes { id } } }" }],
    ["an unknown hash", { extensions: { persistedQuery: { version: 1, sha256Hash: "0".repeat(64) } } }],
  ])("refuses %s", async (_, body) => {
    expect(await post(body)).toEqual({ status: 403, code: "OPERATION_UNKNOWN" });
  });

  it("runs known ones by GET, and leaves administrators free", async () => {
    const get = (query: string) => fetch(`${known.gateway.url}/graphql?${query}`, { headers: { authorization: `Bearer ${reader}`, "x-lathe-client": "1" } });
    expect(await (await get(`documentId=named&variables=${encodeURIComponent(JSON.stringify(variables))}`)).json()).toEqual({ data: { model: null } });
    expect((await get(`query=${encodeURIComponent("{ rateLimit { limit } }")}`)).status).toBe(403);
    expect(await post({ query: "{ rateLimit { limit } }" }, known.token)).toEqual({ status: 200, code: undefined });
  });

  it.each([["{", /JSON/], ['{"a":"{ nothing }"}', /the operation a cannot run: Cannot query field/], ['["{"]', /Syntax Error/], ['[1]', /not a text/], ['["{ __schema { queryType { name } } }"]', /Introspection/], ["7", /neither a list/]])("cannot start with %s", async (content, reason) => {
    const file = join(g.folder, "bad.json");
    await writeFile(file, content);
    const { app } = known.gateway;
    await expect(loadOperations(file, makeYoga({ app, schema: makeSchema(app.offer), development: false }))).rejects.toThrow(reason);
  });
});
