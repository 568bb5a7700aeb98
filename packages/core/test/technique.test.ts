/** The technique contract: binding, running, events, errors, aborts, seeds. */
import { defineComposite, defineTechnique, EventLog, isLatheError, isTechnique, pipeline, type Model, type RunEvent, type Step, type TechniqueSpec, type StandardSchemaV1 } from "@lathe/core";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { mark, noise, scale, tinyModel, weightOf } from "./helpers-technique.ts";

const empty = z.object({});
const collect = async (run: AsyncIterable<RunEvent>): Promise<RunEvent[]> => {
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
};
const failure = async (promise: Promise<unknown>): Promise<Error & { code?: string; details?: Record<string, unknown> }> => {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not fail");
};

describe("a technique is a value", () => {
  test("calling it gives an inert step", async () => {
    let applied = 0;
    const t = defineTechnique({ name: "count", summary: "Counts.", options: empty, apply: () => void applied++ });
    const step = t();
    expect(step).toMatchObject({ kind: "lathe.step", name: "count", given: undefined, options: {}, needs: [] });
    expect(applied).toBe(0);
    await pipeline(step).run(tinyModel()).result;
    await pipeline(step).run(tinyModel()).result;
    expect(applied).toBe(2);
  });
  test("its name is its own, not the function's", () => {
    expect(scale.name).toBe("scale");
    expect(scale.summary).toBe("Multiplies the weights.");
    expect(isTechnique(scale)).toBe(true);
    expect(isTechnique(() => undefined)).toBe(false);
  });
  test("options are checked and completed when it is bound", () => {
    expect(scale().options).toEqual({ by: 2 });
    expect(scale({ by: 3 }).given).toEqual({ by: 3 });
    expect(() => scale({ by: 11 })).toThrow(/^OPTIONS_INVALID: The options of "scale" are not valid: by: .*10/);
  });
  test("a schema of any library will do, also an asynchronous one", async () => {
    const schema: StandardSchemaV1<{ n?: number }, { n: number }> = {
      "~standard": {
        version: 1, vendor: "hand-made",
        validate: async (value) => {
          const { n = 1 } = value as { n?: number };
          return n > 0 ? { value: { n } } : { issues: [{ message: "must be positive", path: ["n"] }] };
        },
      },
    };
    const t = defineTechnique({ name: "later", summary: "Test.", options: schema, apply: (_, { n }) => ({ metrics: { n } }) });
    const { report } = await pipeline(t()).run(tinyModel()).result;
    expect(report.data.steps[0]!.metrics).toEqual({ n: 1 });
    const error = await failure(pipeline(t({ n: -1 })).run(tinyModel()).result);
    expect(error.message).toContain("n: must be positive");
  });
  test.each(["Prune", "2x", "a b", "", "a--b", "-a"])("the name %j is refused", (name) => {
    expect(() => defineTechnique({ name, summary: "", options: empty, apply: () => undefined })).toThrow(/TECHNIQUE_NAME/);
  });
  test("a technique made for another contract version is refused by number", () => {
    const spec = { name: "future", summary: "", options: empty, apiVersion: 2, apply: () => undefined } satisfies TechniqueSpec<typeof empty, never>;
    expect(() => defineTechnique(spec)).toThrow(/TECHNIQUE_API_VERSION.*version 2.*version 1/);
    const foreign = { ...scale(), apiVersion: 2 };
    expect(() => pipeline(foreign)).toThrow(/TECHNIQUE_API_VERSION/);
  });
  test("a step made by another copy of core is accepted: shape counts, not class", async () => {
    const foreign = structuredCloneShape(scale({ by: 3 }));
    const { model } = await pipeline(foreign).run(tinyModel()).result;
    expect(weightOf(model)[0]).toBe(-15);
  });
  test("a bare technique, or anything else, is not a step", () => {
    expect(() => pipeline(scale as unknown as Step)).toThrow(/NOT_A_STEP: The technique "scale".*Call the technique/);
    expect(() => pipeline({} as unknown as Step)).toThrow(/NOT_A_STEP/);
    expect(() => pipeline(undefined as unknown as Step)).toThrow(/NOT_A_STEP: undefined/);
    expect(() => pipeline()).toThrow(/PIPELINE_EMPTY/);
  });
});

/** The same plain data and functions under other object identities. */
function structuredCloneShape(step: Step): Step {
  const { technique } = step;
  const { kind, apiVersion, name, summary, options, needs, takesSteps, expects, ensures, apply, bind } = technique;
  return { ...step, technique: { kind, apiVersion, name, summary, options, needs, takesSteps, expects, ensures, apply, bind } };
}

describe("running", () => {
  test("steps run in order on a clone; the caller's model stays as it was", async () => {
    const model = tinyModel();
    const before = weightOf(model);
    const { model: made, report } = await pipeline(scale({ by: 3 }), mark()).run(model).result;
    expect(weightOf(made)).toEqual(before.map((v) => v * 3));
    expect(made.metadata.get("marked")).toBe("yes");
    expect(weightOf(model)).toEqual(before);
    expect(model.metadata.size).toBe(0);
    expect(report.data.steps.map((s) => s.name)).toEqual(["scale", "mark"]);
    expect(report.data.steps[0]).toMatchObject({ options: { by: 3 }, metrics: { by: 3 }, details: { touched: ["w"] }, warnings: [], steps: [] });
  });
  test("a technique may return another model", async () => {
    const other = tinyModel();
    other.producerName = "other";
    const t = defineTechnique({ name: "swap", summary: "", options: empty, apply: () => ({ model: other }) });
    expect((await pipeline(t(), scale()).run(tinyModel()).result).model).toBe(other);
  });
  test.each([
    ["a number", 3, "3"],
    ["a model by itself", tinyModel(), "An object with"],
    ["a wrong model", { model: { nodes: [] } }, "An object with nodes"],
    ["null", null, "null"],
  ])("returning %s is an error that says so", async (_, value, said) => {
    const t = defineTechnique({ name: "odd", summary: "", options: empty, apply: () => value as never });
    const error = await failure(pipeline(t()).run(tinyModel()).result);
    expect(error.code).toBe("TECHNIQUE_RESULT");
    expect(error.message).toContain(said);
  });
  test("expects stop a step before it touches the model; ensures catch a bad result", async () => {
    let applied = false;
    const picky = defineTechnique({ name: "picky", summary: "", options: empty, expects: [() => undefined, async () => "it has no head."], apply: () => void (applied = true) });
    const expected = await failure(pipeline(picky()).run(tinyModel()).result);
    expect(expected).toMatchObject({ code: "EXPECTATION_FAILED", details: { technique: "picky", step: "picky", position: "1" } });
    expect(expected.message).toContain("it has no head.");
    expect(applied).toBe(false);
    const sloppy = defineTechnique({ name: "sloppy", summary: "", options: empty, ensures: [(m) => (m.graph.nodeCount === 2 ? "two nodes are left." : undefined)], apply: () => undefined });
    expect(await failure(pipeline(sloppy()).run(tinyModel()).result)).toMatchObject({ code: "PROMISE_BROKEN" });
  });
  test("a missing service is named, also for callers without types", async () => {
    const t = defineTechnique({ name: "needy", summary: "", options: empty, needs: ["runtime"], apply: () => undefined });
    const run = pipeline(t()).run as (model: Model, options?: object) => { result: Promise<unknown> };
    const error = await failure(run(tinyModel(), { data: {}, runtime: undefined }).result);
    expect(error).toMatchObject({ code: "SERVICE_MISSING", details: { service: "runtime", lent: ["data"] } });
  });
  test("a service that only some options need is asked for with ctx.need", async () => {
    const t = defineTechnique({ name: "sometimes", summary: "", options: empty, apply: (_, __, ctx) => void ctx.need("data") });
    expect(await failure(pipeline(t()).run(tinyModel()).result)).toMatchObject({ code: "SERVICE_MISSING", details: { technique: "sometimes", service: "data" } });
  });
});

describe("events", () => {
  const talker = defineTechnique({
    name: "talker", summary: "", options: empty,
    async apply(_, __, ctx) {
      ctx.progress(0.25);
      await ctx.turn();
      ctx.progress({ done: 3, total: 4, message: "nearly" });
      ctx.warn({ code: "ODD", message: "odd node", node: "relu" });
      return { metrics: { good: true } };
    },
  });
  test("start, progress, warn and end come in order, with step, time, share and rest time", async () => {
    const events = await collect(pipeline(talker(), scale()).run(tinyModel()));
    expect(events.map((e) => `${e.type} ${e.step.index} ${e.step.name}`)).toEqual([
      "start 0 talker", "progress 0 talker", "progress 0 talker", "warn 0 talker", "end 0 talker", "start 1 scale", "end 1 scale",
    ]);
    expect(events.map((e) => e.overall)).toEqual([0, 0.125, 0.375, 0.375, 0.5, 0.5, 1]);
    expect(events[1]).toMatchObject({ fraction: 0.25, etaMs: expect.any(Number) });
    expect(events[2]).toMatchObject({ fraction: 0.75, done: 3, total: 4, message: "nearly" });
    expect(events[3]).toMatchObject({ warning: { code: "ODD", node: "relu" } });
    expect(events[4]).toMatchObject({ metrics: { good: true }, elapsedMs: expect.any(Number) });
    const times = events.map((e) => e.atMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
  test("warnings are kept in the report", async () => {
    const { report } = await pipeline(talker()).run(tinyModel()).result;
    expect(report.data.steps[0]!.warnings).toEqual([{ code: "ODD", message: "odd node", node: "relu" }]);
  });
  test("options that JSON cannot hold are named in the report, also one that contains itself", async () => {
    const holder = defineTechnique({ name: "holder", summary: "", options: z.object({ v: z.unknown() }), apply: () => undefined });
    const own: Record<string, unknown> = { twice: [1] };
    const v = { ...own, own, again: own, f: Math.max, big: 5n, none: NaN, data: new Float32Array(9) };
    own["own"] = own;
    const { report } = await pipeline(holder({ v })).run(tinyModel()).result;
    const inner = { twice: [1], own: "<circular>" };
    expect(report.data.steps[0]!.options).toEqual({ v: { twice: [1], own: inner, again: inner, f: "<function max>", big: "5", none: "NaN", data: "<Float32Array of 9>" } });
  });
  test("several readers and late readers each get the whole story", async () => {
    const run = pipeline(scale()).run(tinyModel());
    const [a, b] = await Promise.all([collect(run), collect(run)]);
    await run.result;
    const late = await collect(run);
    expect(a.map((e) => e.type)).toEqual(["start", "end"]);
    expect(b).toEqual(a);
    expect(late).toEqual(a);
  });
  test("unread progress of one step is kept as its latest only", async () => {
    const chatty = defineTechnique({ name: "chatty", summary: "", options: empty, apply: (_, __, ctx) => { for (let i = 0; i <= 10_000; i++) ctx.progress(i / 10_000); } });
    const run = pipeline(chatty()).run(tinyModel());
    await run.result;
    expect((await collect(run)).map((e) => (e.type === "progress" ? e.fraction : e.type))).toEqual(["start", 1, "end"]);
  });
  test("a log of one's own keeps every event, unless a later one may stand for an unread one", async () => {
    const read = async (log: EventLog<number>): Promise<number[]> => {
      const all: number[] = [];
      for await (const event of log.read()) all.push(event);
      return all;
    };
    const [plain, even] = [new EventLog<number>(), new EventLog<number>((next, last) => next % 2 === 0 && last % 2 === 0)];
    for (const log of [plain, even]) {
      for (const event of [1, 2, 4, 5]) log.push(event);
      log.close();
      log.push(7);
    }
    expect(await read(plain)).toEqual([1, 2, 4, 5]);
    expect(await read(even)).toEqual([1, 4, 5]);
  });
  test("onEvent sees every event as it happens", async () => {
    const seen: string[] = [];
    await pipeline(scale()).run(tinyModel(), { onEvent: (e) => seen.push(e.type) }).result;
    expect(seen).toEqual(["start", "end"]);
  });
  test("leaving the loop early does not stop the run", async () => {
    const run = pipeline(scale(), scale()).run(tinyModel());
    for await (const _ of run) break;
    expect((await run.result).report.data.steps).toHaveLength(2);
  });
});

describe("errors", () => {
  test("they carry the step; ours keep their code, others are wrapped with their cause", async () => {
    const plain = await failure(pipeline(scale(), mark({ fail: true })).run(tinyModel()).result);
    expect(plain).toMatchObject({ code: "STEP_FAILED", details: { step: "mark", position: "2" }, cause: { message: "the mark does not stick" } });
    expect(plain.message).toBe('STEP_FAILED: Step 2 "mark" failed: the mark does not stick See the cause.');
    const own = defineTechnique({ name: "own", summary: "", options: empty, apply: (_, __, ctx) => void ctx.need("data") });
    const kept = await failure(pipeline(own()).run(tinyModel()).result);
    expect(isLatheError(kept, "SERVICE_MISSING")).toBe(true);
    expect(kept.message).toMatch(/^SERVICE_MISSING: Step 1 "own": Technique "own" needs the service "data".*Pass it to run/);
  });
  test("the caller's model survives", async () => {
    const model = tinyModel();
    await failure(pipeline(mark({ fail: true })).run(model).result);
    expect(model.metadata.size).toBe(0);
    expect(model.graph.node("relu")!.attributes.size).toBe(0);
  });
  test("either side alone may be consumed: the other one raises nothing unhandled", async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown): void => void unhandled.push(reason);
    process.on("unhandledRejection", note);
    try {
      const failing = (): ReturnType<ReturnType<typeof pipeline>["run"]> => pipeline(mark({ fail: true })).run(tinyModel());
      await expect(collect(failing())).rejects.toThrow(/does not stick/);
      await expect(failing().result).rejects.toThrow(/does not stick/);
      failing();
      await new Promise((resolve) => setTimeout(resolve, 20));
    } finally {
      process.off("unhandledRejection", note);
    }
    expect(unhandled).toEqual([]);
  });
});

describe("abort", () => {
  const forever = defineTechnique({ name: "forever", summary: "", options: empty, async apply(_, __, ctx) { for (;;) await ctx.turn(); } });
  const deaf = defineTechnique({ name: "deaf", summary: "", options: empty, apply: (model) => new Promise((resolve) => setTimeout(() => (model.metadata.set("late", "yes"), resolve({ model })), 50)) });

  test.each([["heedful", forever], ["deaf", deaf]])("a %s technique is left within one turn of the event loop", async (_, technique) => {
    const model = tinyModel();
    const controller = new AbortController();
    const run = pipeline(technique()).run(model, { signal: controller.signal });
    for await (const event of run) if (event.type === "start") break;
    let settled = false;
    run.result.catch(() => (settled = true));
    controller.abort(new Error("enough"));
    await new Promise((resolve) => setImmediate(resolve));
    expect(settled).toBe(true);
    const error = await failure(run.result);
    expect(error).toMatchObject({ code: "ABORTED", name: "AbortError", cause: { message: "enough" } });
    expect(error.message).toContain(`Step 1 "${technique.name}" was aborted`);
    expect(model.metadata.size).toBe(0);
  });
  test("a signal that is aborted beforehand stops the run before the first step", async () => {
    const run = pipeline(mark()).run(tinyModel(), { signal: AbortSignal.abort() });
    expect(await failure(run.result)).toMatchObject({ code: "ABORTED" });
    await expect(collect(run)).rejects.toThrow(/ABORTED/);
  });
  test("progress throws after an abort, so that a loop without awaits between reports stops too", async () => {
    const controller = new AbortController();
    let rounds = 0;
    const busy = defineTechnique({ name: "busy", summary: "", options: empty, apply: (_, __, ctx) => { for (;;) { if (++rounds === 3) controller.abort(); ctx.progress(0.1); } } });
    expect(await failure(pipeline(busy()).run(tinyModel(), { signal: controller.signal }).result)).toMatchObject({ code: "ABORTED" });
    expect(rounds).toBe(3);
  });
  test("nothing is told after an abort", async () => {
    const controller = new AbortController();
    const seen: string[] = [];
    const run = pipeline(deaf(), scale()).run(tinyModel(), { signal: controller.signal, onEvent: (e) => seen.push(e.type) });
    for await (const event of run) if (event.type === "start") break;
    controller.abort();
    await failure(run.result);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(seen).toEqual(["start"]);
  });
  test("a finished run leaves no listener on the signal", async () => {
    const { signal } = new AbortController();
    const counts = { added: 0, removed: 0 };
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...args: Parameters<typeof add>) => (counts.added++, add(...args));
    signal.removeEventListener = (...args: Parameters<typeof remove>) => (counts.removed++, remove(...args));
    await pipeline(scale()).run(tinyModel(), { signal }).result;
    expect(counts).toEqual({ added: 1, removed: 1 });
  });
});

describe("seeds", () => {
  const noisy = async (seed?: number): Promise<number[]> => weightOf((await pipeline(noise(), noise()).run(tinyModel(), { seed }).result).model);
  test("the same seed gives the same weights, another seed others, and the default is 0", async () => {
    expect(await noisy(7)).toEqual(await noisy(7));
    expect(await noisy(7)).not.toEqual(await noisy(8));
    expect(await noisy()).toEqual(await noisy(0));
  });
  test("each step has a seed of its own", async () => {
    const { report } = await pipeline(noise(), noise()).run(tinyModel(), { seed: 1 }).result;
    const [a, b] = report.data.steps;
    expect(a!.seed).not.toBe(b!.seed);
  });
});

describe("steps inside steps", () => {
  const both = defineComposite({
    name: "both", summary: "Runs its steps.", options: z.object({ fail: z.boolean().default(false) }),
    async apply(model, _, ctx) {
      for (const step of ctx.steps) model = (await ctx.run(step, model)).model;
      return { model };
    },
  });
  test("they run with the outer services and are reported inside it", async () => {
    const run = pipeline(both({}, scale({ by: 3 }), mark())).run(tinyModel());
    expect((await collect(run)).map((e) => `${e.type} ${e.step.path.join(".")}`)).toEqual(["start 0", "start 0.0", "end 0.0", "start 0.1", "end 0.1", "end 0"]);
    const { model, report } = await run.result;
    expect(weightOf(model)[0]).toBe(-15);
    expect(report.data.steps[0]!.steps.map((s) => s.name)).toEqual(["scale", "mark"]);
  });
  test("an error names the innermost step", async () => {
    const error = await failure(pipeline(scale(), both({}, scale(), mark({ fail: true }))).run(tinyModel()).result);
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { step: "mark", position: "2.2" } });
  });
  test("without steps they are refused", () => {
    expect(() => both({})).toThrow(/PIPELINE_EMPTY/);
  });
});
