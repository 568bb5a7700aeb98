/** The OWASP list for GraphQL and the failures of other model servers, one test each. */
import { createHmac } from "node:crypto";
import { request as rawRequest } from "node:http";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { serverAudits } from "graphql-http";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { routes } from "../src/http/server.ts";
import { redact, jsonLog } from "../src/log.ts";
import { ask, clientOf, digestOf, fixture, sendModel, startGateway, type Reply, type TestGateway } from "./support.ts";

let g: TestGateway;
let model: string;
const logged: string[] = [];
beforeAll(async () => {
  const log = jsonLog((line) => void logged.push(line));
  g = await startGateway({ log, limits: { requestsPerSecond: 10_000, requestBurst: 10_000, uploadBytes: 2 ** 20, requestBytes: 100_000, memoryBytes: 600 * 2 ** 20, subscriptions: 2, openJobs: 3 } });
  model = await sendModel(g);
});
afterAll(() => g.close());

const as = (token: string) => ({ gateway: g.gateway, token });
const keyFor = async (owner: string, ...scopes: ("read" | "write" | "admin")[]): Promise<string> => (await g.gateway.keys.make({ name: "test", owner, scopes })).token;
const codes = (reply: Reply<unknown>): unknown[] => reply.errors.map((e) => e.extensions?.["code"]);

/** A request exactly as given: `fetch` would tidy the path. */
function raw(method: string, path: string, headers: Record<string, string> = {}, body?: string): Promise<{ status: number; text: string; headers: Record<string, unknown> }> {
  const { hostname, port } = new URL(g.gateway.url);
  return new Promise((resolve, reject) => {
    const req = rawRequest({ hostname, port, method, path, headers }, (res) => {
      let text = "";
      res.on("data", (chunk: Buffer) => (text += chunk.toString()));
      res.on("end", () => resolve({ status: res.statusCode!, text, headers: res.headers }));
    });
    req.on("error", reject);
    req.end(body);
  });
}

describe("who may do what", () => {
  it("needs a key on every route that is not public or signed", async () => {
    const paths: Record<string, string> = { graphql: "/graphql", upload: "/uploads/abc", file: `/files/sha256:${"0".repeat(64)}`, live: "/live", ready: "/ready", metrics: "/metrics", studio: "/" };
    expect(Object.keys(paths).sort()).toEqual(routes.map((r) => r.name).sort());
    for (const route of routes) {
      const { status } = await raw(route.methods.at(0)!, paths[route.name]!);
      expect([route.name, status]).toEqual([route.name, route.access === "public" ? 200 : route.access === "signed" ? 403 : 401]);
    }
  });

  it("has no other way in: odd paths, methods and encodings lead nowhere", async () => {
    for (const path of ["/graphql/", "//graphql", "/GRAPHQL", "/%67raphql", "/./graphql", "/x/../graphql", "/graphql%00", "/metrics/..;/live", "/graphql\\x", "/files/../../etc/passwd", "/files/%2e%2e%2fetc", "/uploads/a%2fb"]) {
      expect([path, (await raw("POST", path, { "content-type": "application/json" }, "{}")).status]).toEqual([path, 404]);
    }
    for (const method of ["DELETE", "PATCH", "TRACE", "OPTIONS"]) expect((await raw(method, "/graphql")).status).toBe(405);
  });

  it("answers wrong keys alike and slows down who tries many", async () => {
    const tries = await Promise.all(Array.from({ length: 40 }, (_, i) => raw("POST", "/graphql", { authorization: `Bearer lathe_${"x".repeat(32)}${i}`, "content-type": "application/json" }, "{}")));
    expect(new Set(tries.map((t) => t.status))).toEqual(new Set([401, 429]));
  });

  it("gives a key its scopes alone", async () => {
    const reader = await keyFor("reader", "read");
    const OPTIMIZE = "mutation ($m: ID!) { optimize(model: $m, steps: [{ simplify: {} }]) { __typename ... on UserError { code } } }";
    expect((await ask(as(reader), OPTIMIZE, { m: model })).data).toEqual({ optimize: { __typename: "Forbidden", code: "FORBIDDEN" } });
    // A plan changes nothing, but it is work.
    const PLAN = "query ($m: ID!) { plan(model: $m, steps: [{ simplify: {} }]) { __typename ... on UserError { code } } }";
    expect((await ask(as(reader), PLAN, { m: model })).data).toEqual({ plan: { __typename: "Forbidden", code: "FORBIDDEN" } });
    expect((await fetch(`${g.gateway.url}/metrics`, { headers: { authorization: `Bearer ${reader}` } })).status).toBe(403);
    expect((await fetch(`${g.gateway.url}/metrics`, { headers: { authorization: `Bearer ${g.token}` } })).status).toBe(200);
  });

  it("forgets a key that was revoked", async () => {
    const { id, token } = await g.gateway.keys.make({ name: "short", owner: "short", scopes: ["read"] });
    expect((await ask(as(token), "{ techniques { name } }")).status).toBe(200);
    await g.gateway.keys.revoke(id);
    expect([401, 429]).toContain((await ask(as(token), "{ techniques { name } }")).status);
  });

  it("lets administrators make and end keys, and nobody else", async () => {
    const MAKE = 'mutation { keyCreate(owner: "alice", scope: WRITE) { ... on KeyCreated { id token } ... on UserError { code } } }';
    const END = "mutation ($id: ID!) { keyRevoke(id: $id) { ... on KeyRevoked { id } ... on UserError { code } } }";
    expect((await ask(as(await keyFor("bob", "write")), MAKE)).data).toEqual({ keyCreate: { code: "FORBIDDEN" } });
    const { keyCreate } = (await ask<{ keyCreate: { id: string; token: string } }>(g, MAKE)).data;
    expect((await ask(as(keyCreate.token), "{ models { nodes { id } } }")).data).toEqual({ models: { nodes: [] } });
    expect((await ask(g, END, { id: keyCreate.id })).data).toEqual({ keyRevoke: { id: keyCreate.id } });
    expect([401, 429]).toContain((await ask(as(keyCreate.token), "{ techniques { name } }")).status);
  });

  it("stores no key in the clear", async () => {
    const rows = await g.gateway.app.db.query("select * from api_key");
    expect(JSON.stringify(rows)).not.toContain(g.token);
  });

  it("shows nobody what belongs to others, whichever way they ask", async () => {
    const other = as(await keyFor("mallory", "write"));
    const job = await clientOf(g).optimize(model, [{ wait: { ms: 1 } }]);
    await job.result();
    const theirs = await clientOf(g).uploadDataset(new Uint8Array(8));
    const READ = "query ($m: ID!, $j: ID!) { model(id: $m) { id } job(id: $j) { id } a: node(id: $m) { id } b: node(id: $j) { id } models { nodes { id } } jobs { nodes { id } } artifacts { nodes { id } } }";
    expect((await ask(other, READ, { m: model, j: job.id })).data).toEqual({ model: null, job: null, a: null, b: null, models: { nodes: [] }, jobs: { nodes: [] }, artifacts: { nodes: [] } });
    const WRITE = "mutation ($m: ID!, $j: ID!, $d: ID!) { a: deleteModel(id: $m) { ...p } b: cancelJob(id: $j) { ...q } c: retryJob(id: $j) { ...q } d: optimize(model: $m, steps: [{ simplify: {} }]) { ...q } e: benchmark(models: [$m]) { ...q } f: deleteDataset(id: $d) { ...p } } fragment p on DeleteResult { ... on UserError { code } } fragment q on JobResult { ... on UserError { code } }";
    const { data } = await ask<Record<string, { code: string }>>(other, WRITE, { m: model, j: job.id, d: theirs.id });
    expect(Object.values(data).map((v) => v.code)).toEqual(Array(6).fill("NOT_FOUND"));
    const events = await ask(other, "query ($m: [ID!]!) { compare(models: $m) { model { id } } }", { m: [model] });
    expect(codes(events)).toEqual(["BAD_USER_INPUT"]);
    const follow = clientOf(other).job(job.id);
    await expect(follow).rejects.toMatchObject({ code: "NOT_FOUND" });
    const stream = await fetch(`${g.gateway.url}/graphql`, { method: "POST", headers: { authorization: `Bearer ${other.token}`, "content-type": "application/json", accept: "text/event-stream" }, body: JSON.stringify({ query: "subscription ($j: ID!) { jobEvents(job: $j) { seq } }", variables: { j: job.id } }) });
    expect(await stream.text()).not.toContain("\"seq\"");
  });

  it("gives nothing for merely knowing a digest", async () => {
    const bytes = await fixture("fashion-mobilenet.onnx");
    const CREATE = "mutation ($d: String!, $s: Long!) { uploadCreate(files: [{ digest: $d, size: $s }]) { ... on UploadsCreated { uploads { alreadyPresent } } } }";
    const present = async (token: string): Promise<boolean> => (await ask<{ uploadCreate: { uploads: { alreadyPresent: boolean }[] } }>(as(token), CREATE, { d: digestOf(bytes), s: bytes.length })).data.uploadCreate.uploads[0]!.alreadyPresent;
    expect(await present(g.token)).toBe(true);
    expect(await present(await keyFor("curious", "write"))).toBe(false);
  });
});

describe("what an operation may cost", () => {
  const nested = (depth: number): string => `{ models { nodes { nodes { nodes { ${"before { ".repeat(depth)} name ${"} ".repeat(depth)} } } } } }`;
  it.each([
    ["depth", nested(12)],
    ["aliases", `{ ${Array.from({ length: 30 }, (_, i) => `a${i}: techniques { name }`).join(" ")} }`],
    ["directives", `{ techniques { name ${"@include(if: true) ".repeat(30)} } }`],
    ["tokens", `{ ${"techniques { name } ".repeat(1000)} }`],
    ["complexity", "{ models(first: 100) { nodes { nodes(first: 100) { nodes { before { after { name } } } } } } }"],
    ["fragments that contain themselves", "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }"],
    ["introspection loops", "{ __schema { types { fields { type { fields { type { fields { type { fields { type { name } } } } } } } } } } }"],
  ])("refuses too much: %s", async (_, query) => {
    const { status, data, errors } = await ask(g, query);
    expect(errors.length).toBeGreaterThan(0);
    expect(data ?? null).toBe(null);
    expect([200, 400]).toContain(status);
    expect(JSON.stringify(errors)).not.toContain("INTERNAL");
  });

  it.each([0, -1, 101, 500_000])("refuses a page of %i", async (first) => {
    const reply = await ask(g, "query ($first: Int) { models(first: $first) { nodes { id } } }", { first });
    expect([400, 200]).toContain(reply.status);
    expect(reply.errors.length).toBe(1);
    expect(reply.data ?? null).toBe(null);
  });

  it("lets the operations of its own client through", async () => {
    const client = clientOf(g);
    expect((await client.model(model))!.name).toBe("fashion");
    expect((await (await client.optimize(model, [{ simplify: {} }])).result()).report!.title).toBe("simplify");
  });

  it("takes no batches, no multipart bodies, no large ones, and JSON alone", async () => {
    const post = (body: string, type: string) => raw("POST", "/graphql", { authorization: `Bearer ${g.token}`, "content-type": type }, body);
    expect((await post("[{\"query\":\"{__typename}\"},{\"query\":\"{__typename}\"}]", "application/json")).status).toBe(400);
    for (const type of ["multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded", "application/graphql"]) expect((await post("{}", type)).status).toBeGreaterThanOrEqual(400);
    expect((await post(JSON.stringify({ query: `{ techniques { name } } #${"x".repeat(200_000)}` }), "application/json")).status).toBe(413);
  });

  it("bounds unfinished jobs and subscriptions", async () => {
    const token = await keyFor("busy", "write");
    const mine = await sendModel(as(token));
    const jobs = await Promise.all([1, 2, 3].map(() => clientOf(as(token)).optimize(mine, [{ wait: { ms: 3000 } }])));
    await expect(clientOf(as(token)).optimize(mine, [{ wait: { ms: 1 } }])).rejects.toMatchObject({ code: "TOO_MANY" });
    const open = await Promise.all([1, 2, 3].map(async () => {
      const events = jobs[2]!.events();
      return (await events.next().then(() => events, (error: unknown) => error)) as AsyncGenerator | Error;
    }));
    expect(open.filter((o) => o instanceof Error)).toHaveLength(1);
    for (const o of open) if (!(o instanceof Error)) await o.return(undefined);
    await Promise.all(jobs.map((j) => j.cancel()));
  });

  it("bounds the plans of one owner, and lets others read models meanwhile", async () => {
    const token = await keyFor("planner", "write");
    const mine = await sendModel(as(token));
    const PLAN = "query ($m: ID!) { plan(model: $m, steps: [{ wait: { ms: 60000 } }]) { __typename ... on UserError { code } } }";
    const { planning } = g.gateway.app.lanes;
    const leave = new AbortController();
    const body = JSON.stringify({ query: PLAN, variables: { m: mine } });
    const plans = Array.from({ length: 4 }, () => fetch(`${g.gateway.url}/graphql`, { method: "POST", headers: { authorization: `Bearer ${token}`, "content-type": "application/json" }, body, signal: leave.signal }).catch((error: Error) => error.name));
    await vi.waitFor(() => expect(planning.held("planner")).toBe(4), 20_000);
    expect((await ask(as(token), PLAN, { m: mine })).data).toEqual({ plan: { __typename: "LimitExceeded", code: "TOO_MANY" } });
    // Two of the four wait: what others ask for does not wait behind them.
    await sendModel(as(await keyFor("bystander", "write")), await fixture("mnist-lenet.onnx"));
    expect(planning.held("planner")).toBe(4);
    // Nobody waits for the plans any more: their turns go to others.
    leave.abort();
    expect(await Promise.all(plans)).toEqual(Array(4).fill("AbortError"));
    await vi.waitFor(() => expect(planning.held("planner")).toBe(0), 20_000);
  });

  it("ends an operation that takes too long, whatever the client accepts, and no subscription", async () => {
    const other = await startGateway();
    const id = await sendModel(other);
    Object.assign(other.gateway.app.limits, { requestMs: 500 });
    for (const accept of ["application/json", "text/event-stream"]) {
      const query = "query ($m: ID!) { plan(model: $m, steps: [{ wait: { ms: 20000 } }]) { __typename } }";
      const reply = await fetch(`${other.gateway.url}/graphql`, { method: "POST", headers: { authorization: `Bearer ${other.token}`, "content-type": "application/json", accept }, body: JSON.stringify({ query, variables: { m: id } }) });
      expect([accept, reply.status, await reply.text()]).toEqual([accept, 503, expect.stringContaining("TIMED_OUT")]);
    }
    const job = await clientOf(other).optimize(id, [{ wait: { ms: 1500 } }]);
    const types: string[] = [];
    for await (const { type } of job.events()) types.push(type);
    expect(types.at(-1)).toBe("SUCCEEDED");
    await other.close();
  });

  it("slows a key down that asks too fast", async () => {
    const { rate } = await import("../src/http/rate.ts");
    let now = 0;
    const bucket = rate(2, 3, () => now);
    expect([1, 2, 3, 4].map(() => bucket.take("a").wait)).toEqual([0, 0, 0, 1]);
    expect(bucket.take("b")).toEqual({ wait: 0, limit: 3, perSecond: 2, remaining: 2, resetSeconds: 1 });
    now = 500;
    expect(bucket.take("a").wait).toBe(0);
  });

  it("tells what is left of the rate, in the headers of the IETF and in the schema", async () => {
    const { headers, data } = await ask<{ rateLimit: { limit: number; remaining: number } }>(as(await keyFor("counted", "read")), "{ rateLimit { limit perSecond remaining resetSeconds } }");
    expect(data.rateLimit).toEqual({ limit: 10_000, perSecond: 10_000, remaining: 9999, resetSeconds: 1 });
    expect([headers.get("ratelimit-policy"), headers.get("ratelimit")]).toEqual(['"key";q=10000;w=1', '"key";r=9999;t=1']);
  });
});

describe("what a reply gives away", () => {
  it("has no stack, path or word of the inside in errors", async () => {
    const { app } = g.gateway;
    const query = app.db.query.bind(app.db);
    Object.assign(app.db, { query: async (text: string, values: never) => {
      if (text.includes("from job") && text.includes("limit")) throw new Error(`secret inside /srv/lathe/db at ${text}`);
      return query(text, values);
    } });
    const reply = await ask(g, "{ jobs { nodes { id } } }");
    Object.assign(app.db, { query });
    expect(JSON.stringify(reply)).not.toMatch(/secret|srv|select|node_modules|at \w+ \(/);
    expect(codes(reply)).toEqual(["INTERNAL_SERVER_ERROR"]);
    expect(logged.some((line) => line.includes("secret inside"))).toBe(true);
  });

  it("suggests no fields and shows the schema to administrators alone", async () => {
    expect((await ask(g, "{ modles { nodes { id } } }")).errors[0]!.message).not.toMatch(/Did you mean/);
    const reader = as(await keyFor("plain", "read"));
    expect(codes(await ask(reader, "{ __schema { queryType { name } } }"))).toContain("FORBIDDEN");
    expect((await ask(g, "{ __schema { queryType { name } } }")).data).toEqual({ __schema: { queryType: { name: "Query" } } });
  });

  it("keeps secrets out of the logs", () => {
    expect(redact(`Bearer ${g.token} postgres://me:hunter2@host/db /files/x?signature=abc&size=1`)).toBe("Bearer lathe_[redacted] postgres://me:[redacted]@host/db /files/x?signature=[redacted]&size=1");
    expect(logged.join("\n")).not.toContain(g.token);
  });
});

describe("browsers", () => {
  it("are told nothing that would let another site read", async () => {
    const { headers } = await raw("POST", "/graphql", { origin: "https://evil.example", authorization: `Bearer ${g.token}`, "content-type": "application/json" }, '{"query":"{__typename}"}');
    expect(Object.keys(headers).filter((name) => name.startsWith("access-control"))).toEqual([]);
    expect(headers["x-content-type-options"]).toBe("nosniff");
  });

  it("cannot be tricked into requests: GET needs a header of our own, and never changes anything", async () => {
    const path = `/graphql?query=${encodeURIComponent("{__typename}")}`;
    expect((await raw("GET", path, { authorization: `Bearer ${g.token}` })).status).toBe(403);
    expect((await raw("GET", path, { authorization: `Bearer ${g.token}`, "x-lathe-client": "1" })).status).toBe(200);
    const mutation = `/graphql?query=${encodeURIComponent('mutation { cancelJob(id: "x") { __typename } }')}`;
    expect((await raw("GET", mutation, { authorization: `Bearer ${g.token}`, "x-lathe-client": "1" })).status).toBe(405);
  });
});

describe("GraphQL over HTTP", () => {
  it("passes the audit of graphql-http without an error", async () => {
    const results = await Promise.all(serverAudits({
      url: `${g.gateway.url}/graphql`,
      fetchFn: (url: string, init: RequestInit = {}) => fetch(url, { ...init, headers: { ...(init.headers as Record<string, string>), authorization: `Bearer ${g.token}`, "x-lathe-client": "1" } }),
    }).map(async (audit) => ({ name: audit.name, result: await audit.fn() })));
    expect(results.filter(({ result }) => result.status === "error").map(({ name, result }) => `${name}: ${"reason" in result ? result.reason : ""}`)).toEqual([]);
    expect(results.filter(({ result }) => result.status === "ok").length).toBeGreaterThan(50);
  });
});

describe("files from outside", () => {
  const create = async (bytes: Uint8Array, size = bytes.length): Promise<{ id: string; url: string }> => {
    const CREATE = "mutation ($d: String!, $s: Long!) { uploadCreate(files: [{ digest: $d, size: $s }]) { ... on UploadsCreated { uploads { id url } } ... on UserError { code } } }";
    return (await ask<{ uploadCreate: { uploads: { id: string; url: string }[] } }>(g, CREATE, { d: digestOf(bytes), s: size })).data.uploadCreate.uploads[0]!;
  };
  const complete = async (graph: string, data: object[] = []): Promise<Record<string, string>> => {
    const COMPLETE = "mutation ($i: UploadCompleteInput!) { uploadComplete(input: $i) { __typename ... on UserError { code message } } }";
    return (await ask<{ uploadComplete: Record<string, string> }>(g, COMPLETE, { i: { model: { name: "x", graph, data } } })).data.uploadComplete;
  };
  const bytesOf = (length: number, fill: number): Uint8Array<ArrayBuffer> => new Uint8Array(length).fill(fill);

  it("are refused when the bytes are not those that were promised, too many, or too large to begin with", async () => {
    const lie = await create(bytesOf(1000, 1));
    expect((await fetch(lie.url, { method: "PUT", body: bytesOf(1000, 2) })).status).toBe(422);
    expect(await complete(lie.id)).toMatchObject({ __typename: "Conflict", code: "UPLOAD_MISSING" });
    const long = await create(bytesOf(1000, 3));
    expect((await fetch(long.url, { method: "PUT", body: bytesOf(1001, 3) })).status).toBe(413);
    const CREATE = `mutation { uploadCreate(files: [{ digest: "sha256:${"0".repeat(64)}", size: 10000000000 }]) { ... on UserError { code } } }`;
    expect((await ask(g, CREATE)).data).toEqual({ uploadCreate: { code: "UPLOAD_TOO_LARGE" } });
  });

  it("resume where they broke", async () => {
    const bytes = bytesOf(5000, 7);
    const { url } = await create(bytes);
    expect((await fetch(url, { method: "PUT", body: bytes.subarray(0, 3000) })).status).toBe(202);
    expect((await fetch(url, { method: "HEAD" })).headers.get("upload-offset")).toBe("3000");
    expect((await fetch(url, { method: "PUT", headers: { "upload-offset": "4000" }, body: bytes.subarray(4000) })).status).toBe(409);
    expect((await fetch(url, { method: "PUT", headers: { "upload-offset": "3000" }, body: bytes.subarray(3000) })).status).toBe(201);
    expect((await create(bytes)).url).toBe(null);
  });

  it("that stop coming without a word do not hold their address: what came stays, the rest may follow", async () => {
    const bytes = bytesOf(5000, 11);
    const { url } = await create(bytes);
    const { app } = g.gateway;
    const { idleMs } = app.limits;
    Object.assign(app.limits, { idleMs: 300 });
    const { port, pathname, search } = new URL(url);
    const stalled = rawRequest({ port, host: "127.0.0.1", method: "PUT", path: pathname + search, headers: { "content-length": 5000 } });
    stalled.write(bytes.subarray(0, 3000));
    await new Promise((resolve) => stalled.once("error", resolve));
    Object.assign(app.limits, { idleMs });
    await vi.waitFor(async () => expect((await fetch(url, { method: "HEAD" })).headers.get("upload-offset")).toBe("3000"), 10_000);
    await vi.waitFor(async () => expect((await fetch(url, { method: "PUT", headers: { "upload-offset": "3000" }, body: bytes.subarray(3000) })).status).toBe(201), 10_000);
  });

  it("that are all there, but were not named, are with their last byte", async () => {
    const bytes = bytesOf(1000, 13);
    const { id, url } = await create(bytes);
    await writeFile(join(g.gateway.app.blobs.scratch, `upload-${id}.part`), bytes);
    expect((await fetch(url, { method: "HEAD" })).headers.get("upload-offset")).toBe("999");
    expect((await fetch(url, { method: "PUT", headers: { "upload-offset": "999" }, body: bytes.subarray(999) })).status).toBe(201);
    expect((await fetch(url, { method: "HEAD" })).headers.get("upload-offset")).toBe("1000");
  });

  it("that cannot be written are a failure of ours, not a broken connection of the client's", async () => {
    const { id, url } = await create(bytesOf(100, 12));
    await mkdir(join(g.gateway.app.blobs.scratch, `upload-${id}.part`));
    expect((await fetch(url, { method: "PUT", body: bytesOf(100, 12) })).status).toBe(500);
    expect(logged.some((line) => line.includes("EISDIR"))).toBe(true);
  });

  it("may be announced up to a number", async () => {
    const token = await keyFor("announcer", "write");
    const { app } = g.gateway;
    const { openUploads } = app.limits;
    Object.assign(app.limits, { openUploads: 3 });
    const CREATE = "mutation ($f: [UploadFileInput!]!) { uploadCreate(files: $f) { __typename ... on UserError { code } } }";
    const announce = async (...fills: number[]) => (await ask(as(token), CREATE, { f: fills.map((fill) => ({ digest: digestOf(bytesOf(10, fill)), size: 10 })) })).data;
    expect(await announce(1, 2)).toEqual({ uploadCreate: { __typename: "UploadsCreated" } });
    expect(await announce(3, 4)).toEqual({ uploadCreate: { __typename: "LimitExceeded", code: "TOO_MANY" } });
    expect(await announce(3)).toEqual({ uploadCreate: { __typename: "UploadsCreated" } });
    Object.assign(app.limits, { openUploads });
  });

  it.each([10.5, -0.25, 1e300])("have a size that is a whole number, never one that was rounded: %d", async (s) => {
    const CREATE = "mutation ($d: String!, $s: Long!) { uploadCreate(files: [{ digest: $d, size: $s }]) { __typename } }";
    expect((await ask(g, CREATE, { d: digestOf(bytesOf(10, 1)), s })).errors[0]!.message).toContain("whole number");
  });

  it.each(["\u0000", "a\nb", "x".repeat(201)])("and the models made of them have no name like %j", async (name) => {
    await expect(clientOf(g).optimize(model, [{ simplify: {} }], { name })).rejects.toMatchObject({ code: "INVALID_INPUT" });
  });

  it("come and go by signed addresses that cannot be altered or forged", async () => {
    const { url } = await create(bytesOf(100, 8));
    const { stats: _, ...mine } = (await clientOf(g).model(model))!;
    const file = mine.files[0]!.url;
    expect((await fetch(file)).status).toBe(200);
    for (const [address, method] of [[url, "PUT"], [file, "GET"]] as const) {
      for (const [name, value] of [["size", "99"], ["owner", "mallory"], ["expires", String(Date.now() + 9e9)], ["signature", createHmac("sha256", "guess").update("x").digest("base64url")]] as const) {
        const altered = new URL(address);
        altered.searchParams.set(name, value);
        const init = method === "PUT" ? { method, body: bytesOf(99, 8) } : { method };
        expect([name, (await fetch(altered, init)).status]).toEqual([name, 403]);
      }
    }
    expect((await fetch(file.replace("/files/sha256:", "/files/sha256:0"))).status).toBe(404);
  });

  it("that are no models are refused with a code, without a word about where things are kept", async () => {
    const junk = await create(bytesOf(400, 255));
    await fetch(junk.url, { method: "PUT", body: bytesOf(400, 255) });
    const refusal = await complete(junk.id);
    expect(refusal).toMatchObject({ __typename: "InvalidInput", code: "MODEL_INVALID" });
    expect(refusal["message"]).not.toContain(g.folder);
  });

  it.each(["../../../etc/passwd", "/etc/passwd", "..\\..\\x", "a/../b", ".hidden", "", "x\0y", "con:x"])("cannot name a path for external data: %j", async (name) => {
    const { id } = await create(bytesOf(100, 9));
    expect(await complete(id, [{ upload: id, name }])).toMatchObject({ __typename: "InvalidInput" });
  });

  it("cannot reach files of ours through a model's external data", async () => {
    const evil = await externalModel("../../../../../../etc/passwd");
    const { id, url } = await create(evil);
    await fetch(url, { method: "PUT", body: evil });
    expect(await complete(id)).toMatchObject({ code: "MODEL_INVALID" });
  });

  it("survive any text where an id belongs", async () => {
    await fc.assert(fc.asyncProperty(fc.oneof(fc.string(), fc.constantFrom("../../etc/passwd", "Model:..", Buffer.from("Model:../../x").toString("base64url"), "%2e%2e%2f", "\u0000", ...["constructor", "toString", "valueOf"].map((type) => Buffer.from(`${type}:x`).toString("base64url")))), async (id) => {
      const reply = await ask<{ node: null; model: null }>(g, "query ($id: ID!) { node(id: $id) { id } model(id: $id) { id } }", { id });
      expect(reply.data).toEqual({ node: null, model: null });
    }), { numRuns: 60 });
  });

  it("never make the gateway call out or evaluate text", async () => {
    const sources = await Promise.all(["../src/http/server.ts", "../src/http/graphql.ts", "../src/http/operations.ts", "../src/http/files.ts", "../src/task/optimize.ts", "../src/task/services.ts", "../src/store/uploads.ts", "../src/store/complete.ts", "../src/jobs/children.ts", "../src/jobs/attempt.ts", "../src/task/run.ts", "../src/gateway.ts"].map((f) => readFile(new URL(f, import.meta.url), "utf8")));
    expect(sources.map((text) => /(?<!yoga\.)\bfetch\(|\beval\(|new Function|shell: true|child_process.*exec\b/.exec(text)?.[0])).toEqual(sources.map(() => undefined));
  });
});

/** A model whose one weight is in a file of that name. */
async function externalModel(location: string): Promise<Uint8Array<ArrayBuffer>> {
  const { encodeProto, decodeModel, modelToProto } = await import("@lathe/core");
  const source = decodeModel(await fixture("fashion-mobilenet.onnx"));
  return new Uint8Array(encodeProto("ModelProto", modelToProto(source, (tensor) => (tensor.byteLength < 4096 ? undefined : [{ key: "location", value: location }, { key: "offset", value: "0" }, { key: "length", value: String(tensor.byteLength) }]))));
}
