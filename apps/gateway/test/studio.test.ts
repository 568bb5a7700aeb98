/** The parts of the studio that need no browser. The page itself is used in a real one by studio/check.ts. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";
import type { Json, JsonSchema } from "@lathe/core";
import { loadOffer, makeSchema, standardModule, type Offer } from "@lathe/gateway";
import fc from "fast-check";
import type * as graphql from "graphql";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSse } from "../src/client/sse.ts";
import { toRecipe } from "../src/schema/step-input.ts";
import { follow } from "../studio/api/follow.ts";
import * as queries from "../studio/api/queries.ts";
import { sha256 } from "../studio/api/sha256.ts";
import type { JobEvent, RecipeStep, Technique } from "../studio/api/types.ts";
import { propertiesOf, withoutNull } from "../studio/forms/schema.ts";
import { emptyLent, formOf, jobOf, lentOf, metrics, type LentForm } from "../studio/forms/lent.ts";
import { draftsOf, recipeOf, stepInputsOf, type Draft } from "../studio/forms/steps.ts";
import { bytes, change, count, duration, percent } from "../studio/view/format.ts";
import { advance, noProgress } from "../studio/view/progress.ts";
import { ask, clientOf, sendModel, startGateway, techniques as testTechniques, type TestGateway } from "./support.ts";

/** The copy that the libraries under the gateway use: the bundler of the tests would take the other one. */
const { coerceInputValue, parse, validate } = createRequire(import.meta.url)("graphql") as typeof graphql;

let offer: Offer;
let schema: graphql.GraphQLSchema;
let g: TestGateway;

beforeAll(async () => {
  offer = await loadOffer([standardModule, testTechniques]);
  schema = makeSchema(offer);
  g = await startGateway();
});
afterAll(() => g.close());

describe("what the studio sends", () => {
  it.each(Object.entries(queries).flatMap(([name, document]) => (typeof document === "object" && "text" in document ? [[name, document.text] as const] : [])))("%s fits the schema", (_, text) => {
    expect(validate(schema, parse(text)).map((error) => error.message)).toEqual([]);
  });

  it("are steps that the API reads as the recipe the user put together, for every technique on offer", async () => {
    const { data } = await ask<{ techniques: Technique[] }>(g, queries.techniquesQuery.text);
    expect(data.techniques.map((t) => t.name)).toContain("option-zoo");
    const type = makeSchema(await loadOffer([testTechniques])).getType("StepInput") as graphql.GraphQLInputType;
    const testOffer = await loadOffer([testTechniques]);
    fc.assert(fc.property(fc.array(draft(data.techniques), { minLength: 1, maxLength: 3 }), (drafts) => {
      const inputs = stepInputsOf(drafts).map((input) => coerceInputValue(input, type) as Record<string, unknown>);
      const withDefaults = (recipe: readonly RecipeStep[]): unknown => recipe.map((step) => ({ ...step, with: step.with ?? {}, ...(step.steps ? { steps: withDefaults(step.steps) } : {}) }));
      expect(toRecipe(inputs, testOffer)).toEqual(withDefaults(recipeOf(drafts)));
    }), { numRuns: 300 });
  });

  it("can begin with the recipe of a job; not with one whose techniques are gone", async () => {
    const { data } = await ask<{ techniques: Technique[] }>(g, queries.techniquesQuery.text);
    fc.assert(fc.property(fc.array(draft(data.techniques), { maxLength: 3 }), (drafts) => {
      expect(recipeOf(draftsOf(recipeOf(drafts), data.techniques)!)).toEqual(recipeOf(drafts));
    }), { numRuns: 50 });
    expect(draftsOf([{ use: "no-such-thing" }], data.techniques)).toBeUndefined();
  });
});

describe("what steps are lent", () => {
  const text = fc.constantFrom("", "x", "y z");
  const form: fc.Arbitrary<LentForm> = fc.record({
    data: text, judgeData: text, teacher: text, output: text, labels: text, name: fc.constant(""), batch: fc.constantFrom("", "2", "64"), seed: fc.constantFrom("", "7"), metric: fc.constantFrom("", ...metrics.slice(1).map(([metric]) => metric)),
  });

  it("is nothing where nothing was chosen", () => {
    expect({ ...lentOf(emptyLent), ...jobOf(emptyLent) }).toEqual({ data: null, batch: null, seed: null, evaluation: null, teacher: null, name: null });
  });

  it("has the figures that the API has", () => {
    expect(metrics.map(([metric]) => metric).toSorted()).toEqual((schema.getType("EvaluationMetric") as graphql.GraphQLEnumType).getValues().map(({ name }) => name).toSorted());
  });

  it("comes back from a job as it was chosen", () => {
    const named = (id: string | null) => (id === null ? null : { id });
    fc.assert(fc.property(form, (chosen) => {
      const { data, batch, seed, evaluation } = lentOf(chosen);
      // As the gateway tells of a job: what was left out has its default.
      const told = evaluation && { dataset: named(evaluation.data), metric: (evaluation.metric ?? "ACCURACY").toLowerCase().replaceAll("_", "-"), labels: evaluation.labels, output: evaluation.output };
      expect(formOf({ dataset: named(data), batch: batch ?? 1, seed: seed ?? 0, evaluation: told, teacher: named(jobOf(chosen).teacher) })).toEqual(chosen);
    }), { numRuns: 200 });
  });
});

function draft(techniques: readonly Technique[], depth = 1): fc.Arbitrary<Draft> {
  return fc.constantFrom(...techniques.filter((t) => depth > 0 || !t.takesSteps)).chain((technique) =>
    fc.record({
      id: fc.constant(0),
      technique: fc.constant(technique),
      options: valueOf(technique.options) as fc.Arbitrary<Draft["options"]>,
      steps: technique.takesSteps ? fc.array(draft(techniques, depth - 1), { maxLength: 2 }) : fc.constant([]),
    }),
  );
}

/** Any value that a JSON Schema allows, as far as techniques' schemas go. */
function valueOf(given: JsonSchema): fc.Arbitrary<Json> {
  const schema_ = withoutNull(given);
  const { type, minimum = -1000, maximum = 1000 } = schema_ as { type?: string | string[]; minimum?: number; maximum?: number };
  const choices = schema_["enum"] as Json[] | undefined;
  if (choices) return fc.constantFrom(...choices);
  if (Array.isArray(schema_["anyOf"])) return fc.oneof(...(schema_["anyOf"] as JsonSchema[]).map(valueOf));
  if (Array.isArray(type)) return valueOf({ ...schema_, type: type.find((one) => one !== "null") });
  switch (type) {
    case "boolean":
      return fc.boolean();
    case "integer":
      return fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: Math.max(minimum, Math.min(maximum, 2 ** 31 - 1)) });
    case "number":
      return fc.double({ min: minimum, max: Math.max(minimum, maximum), noNaN: true }).map((x) => x + 0);
    case "string":
      return fc.string();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(valueOf((schema_["items"] ?? {}) as JsonSchema), { maxLength: 3 });
    case "object":
      return objectOf(schema_);
    default:
      throw new Error(`No values are known for ${JSON.stringify(schema_)}.`);
  }
}

function objectOf(schema_: JsonSchema): fc.Arbitrary<Json> {
  const additional = schema_["additionalProperties"];
  if (typeof additional === "object" && additional !== null) return fc.dictionary(fc.string(), valueOf(additional as JsonSchema), { maxKeys: 3, noNullPrototype: true });
  const shape = Object.fromEntries(propertiesOf(schema_).map(([name, property]) => [name, valueOf(property)]));
  return fc.record(shape, { requiredKeys: (schema_["required"] ?? []) as string[], noNullPrototype: true }) as fc.Arbitrary<Json>;
}

describe("files of the studio", () => {
  it("come without a key, with a policy that allows nothing from elsewhere and nothing inline", async () => {
    for (const [path, type] of [["/", "text/html"], ["/studio.js", "text/javascript"], ["/studio.css", "text/css"]] as const) {
      const response = await fetch(g.gateway.url + path);
      expect([path, response.status, response.headers.get("content-type")]).toEqual([path, 200, `${type}; charset=utf-8`]);
      const policy = response.headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      expect(response.headers.get("content-encoding")).toBe("gzip");
      const text = await response.text();
      expect(text.length).toBeGreaterThan(100);
      if (path === "/") expect(text).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|\bon\w+=|https?:/);
    }
  });

  it("are not sent again when they have not changed", async () => {
    const first = await fetch(`${g.gateway.url}/studio.js`);
    const again = await fetch(`${g.gateway.url}/studio.js`, { headers: { "if-none-match": first.headers.get("etag")! } });
    expect([again.status, await again.text()]).toEqual([304, ""]);
  });

  it("are small: less than 60 kB are sent", async () => {
    const sizes = await Promise.all(["/", "/studio.js", "/studio.css"].map(async (path) => Number((await fetch(g.gateway.url + path)).headers.get("content-length"))));
    expect(sizes.reduce((a, b) => a + b)).toBeLessThan(60_000);
  });
});

describe("sha256", () => {
  it("agrees with Node's, however the bytes are cut", () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 6 }), (pieces) => {
      const [ours, theirs] = [sha256(), createHash("sha256")];
      for (const piece of pieces) {
        ours.update(piece);
        theirs.update(piece);
      }
      expect(ours.hex()).toBe(theirs.digest("hex"));
    }), { numRuns: 300 });
  });

  it.each([0, 1, 55, 56, 63, 64, 65, 119, 120, 1_000_003])("of %d bytes", (length) => {
    const ours = sha256();
    const all = Uint8Array.from({ length }, (_, i) => (i * 31) % 251);
    ours.update(all);
    expect(ours.hex()).toBe(createHash("sha256").update(all).digest("hex"));
  });
});

describe("live events", () => {
  it("are read the same however the stream is cut", async () => {
    const text = 'event: next\ndata: {"a":"é"}\n\n:\n\nevent: next\ndata: 2\n\nevent: complete\ndata\n\n';
    const raw = new TextEncoder().encode(text);
    await fc.assert(fc.asyncProperty(fc.array(fc.integer({ min: 1, max: raw.length }), { maxLength: 8 }), async (cuts) => {
      const places = [0, ...cuts.toSorted((a, b) => a - b), raw.length];
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          places.slice(1).forEach((end, i) => controller.enqueue(raw.slice(places[i], end)));
          controller.close();
        },
      });
      const found = [];
      for await (const message of readSse(body)) found.push(message);
      expect(found).toEqual([{ event: "next", data: '{"a":"é"}' }, { event: "next", data: "2" }, { event: "complete", data: "" }]);
    }), { numRuns: 100 });
  });

  it("come each once and in order, though the connection breaks again and again", async () => {
    const proxy = await cuttingProxy(Number(new URL(g.gateway.url).port));
    try {
      const job = await clientOf(g).optimize(await sendModel(g), [{ wait: { ms: 1500 } }]);
      const seen: JobEvent[] = [];
      let lost = 0;
      const onConnection = (connected: boolean): void => void (connected || lost++);
      for await (const event of follow(job.id, { signal: new AbortController().signal, endpoint: `${proxy.url}/graphql`, token: g.token, onConnection })) seen.push(event);
      expect(seen.map((event) => event.seq)).toEqual(seen.map((_, i) => i + 1));
      expect(seen.at(-1)?.type).toBe("SUCCEEDED");
      expect(lost).toBeGreaterThan(0);
      expect(proxy.cuts()).toBeGreaterThan(0);
    } finally {
      await proxy.close();
    }
  });

  it("end with an error for a job that does not exist, without trying for ever", async () => {
    const reading = (async () => {
      for await (const _ of follow("nothing", { signal: new AbortController().signal, endpoint: `${g.gateway.url}/graphql`, token: g.token })) throw new Error("an event came");
    })();
    await expect(reading).rejects.toMatchObject({ name: "Error", code: "BAD_USER_INPUT" });
  });

  it("end with an error for a key that is not valid", async () => {
    const reading = (async () => {
      for await (const _ of follow("nothing", { signal: new AbortController().signal, endpoint: `${g.gateway.url}/graphql`, token: "lathe_notThisOne" })) throw new Error("an event came");
    })();
    await expect(reading).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
  });
});

/** Passes bytes on to the gateway, and breaks each connection soon after the first answer on it. */
async function cuttingProxy(port: number): Promise<{ url: string; cuts(): number; close(): Promise<void> }> {
  let cuts = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const target = connect(port, "127.0.0.1");
    for (const socket of [client, target]) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => (client.destroy(), target.destroy(), open.delete(socket)));
    }
    client.pipe(target);
    target.pipe(client);
    target.once("data", () => setTimeout(() => {
      if (!client.destroyed) cuts++;
      client.destroy();
    }, 400));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cuts: () => cuts,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((closed) => void server.close(() => closed()));
    },
  };
}

describe("what the events of a job amount to", () => {
  const event = (seq: number, type: JobEvent["type"], data: JobEvent["data"] = null, attempt = 1): JobEvent => ({ seq, type, data, attempt, at: "2026-01-01T00:00:00.000Z" });

  it("is its progress and a log without the progress", () => {
    const events = [event(1, "QUEUED", null, 0), event(2, "STARTED"), event(3, "STEP_STARTED", { step: "prune" }), event(4, "PROGRESS", { step: "prune", overall: 0.25, message: "layer 2", etaMs: 900 })];
    const half = events.reduce(advance, noProgress);
    expect(half).toMatchObject({ seq: 4, state: "RUNNING", overall: 0.25, now: "prune: layer 2", etaMs: 900 });
    const whole = [event(5, "STEP_FINISHED", { step: "prune", metrics: { sparsity: 0.51234, nodes: 12_345 } }), event(6, "SUCCEEDED")].reduce(advance, half);
    expect(whole).toMatchObject({ state: "SUCCEEDED", overall: 1, now: "" });
    expect(whole.log.map((line) => line.text)).toEqual(["Accepted; waits for a worker.", "Started.", "prune began.", "prune is done. sparsity: 0.5123, nodes: 12,345", "Done."]);
  });

  it("begins again with another attempt", () => {
    const lost = [event(1, "STARTED"), event(2, "PROGRESS", { step: "prune", overall: 0.9 }), event(3, "WORKER_LOST")].reduce(advance, noProgress);
    expect(lost).toMatchObject({ state: "QUEUED", overall: 0 });
    expect(advance(lost, event(4, "STARTED", null, 2)).log.at(-1)?.text).toBe("Started, attempt 2.");
  });
});

describe("figures in words", () => {
  it.each([[0, "0 B"], [999, "999 B"], [1000, "1.0 kB"], [170_123, "170 kB"], [5_300_000_000, "5.3 GB"]])("%d bytes: %s", (value, text) => expect(bytes(value)).toBe(text));
  it.each([[59, "59"], [40_312, "40.31 k"], [6_090_000, "6.09 M"]])("a count of %d: %s", (value, text) => expect(count(value)).toBe(text));
  it.each([[0, "0 %"], [0.0004, "< 0.1 %"], [0.05, "5.0 %"], [0.5, "50 %"]])("a share of %d: %s", (value, text) => expect(percent(value)).toBe(text));
  it.each([[12, "12 ms"], [1500, "1.5 s"], [61_000, "1 min 1 s"]])("%d ms: %s", (value, text) => expect(duration(value)).toBe(text));
  it.each([[10, 10, "unchanged"], [100, 80, "20 % less"], [100, 25, "4.0 × less"], [25, 100, "4.0 × more"], [5, 0, "gone"], [0, 5, "new"], [1000, 1001, "about the same"]])("from %d to %d: %s", (before, after, text) => expect(change(before, after)).toBe(text));
});
