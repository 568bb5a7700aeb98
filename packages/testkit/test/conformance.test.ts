import { defineTechnique, iterate, opsetAtLeast, simplify, Tensor, verified, type Model, type TechniqueSpec } from "@lathe/core";
import { ortRuntime, randomFeeds } from "@lathe/ort";
import { conformance, registerConformance, tinyCnn, tinyMlp, tinyTransformer, type ConformanceOptions } from "@lathe/testkit";
import { describe, expect, it } from "vitest";
import { z } from "zod";

const options = z.strictObject({ by: z.number().min(-10).max(10).default(2).describe("factor"), kind: z.enum(["all", "first"]).default("all").describe("which weights") });
type Spec = TechniqueSpec<typeof options, never>;

const floats = (model: Model) => [...model.graph.initializers].filter((v) => v.tensor?.dtype === "float32");

/** A technique as it should be. */
const good: Spec = {
  name: "scale",
  summary: "Multiplies the weights.",
  options,
  expects: [opsetAtLeast(13)],
  ensures: [verified],
  async apply(model, { by, kind }, ctx) {
    const weights = kind === "all" ? floats(model) : floats(model).slice(0, 1);
    for (const [i, weight] of weights.entries()) {
      await ctx.turn();
      model.graph.setInitializer(weight, Tensor.from("float32", weight.tensor!.dims, weight.tensor!.toFloat32().map((v) => v * by)));
      ctx.progress({ done: i + 1, total: weights.length });
    }
    return { metrics: { weights: weights.length }, details: weights.map((w) => w.name) };
  },
};

const examples: ConformanceOptions["examples"] = [
  { name: "mlp", model: () => tinyMlp() },
  { name: "cnn", model: tinyCnn(), options: { by: 3, kind: "first" } },
];

registerConformance(defineTechnique(good), { examples, invalid: [{ by: 11 }] }, { describe, it });
registerConformance(simplify, { examples: [{ name: "cnn", model: tinyCnn(), services: { runtime: ortRuntime() } }, { name: "transformer", model: tinyTransformer(), options: { opset: 23 } }] }, { describe, it });
registerConformance(iterate, { examples: [{ model: tinyTransformer(), options: { times: 2 }, steps: [defineTechnique(good)({ by: -1 })] }] }, { describe, it });

/** Runs the model on each sample and keeps the largest output; asks for services. */
const observe = (careful: boolean) =>
  defineTechnique({
    name: "observe",
    summary: "Notes the largest output.",
    options: z.strictObject({}),
    needs: ["data", "runtime"],
    async apply(model, _, { services, signal, progress }) {
      const session = await services.runtime.load(model, careful ? { signal } : {});
      let most = -Infinity;
      try {
        for await (const sample of services.data) {
          if (careful) progress({ done: 0 });
          const results = await session.run(sample, careful ? { signal } : {});
          for (const tensor of Object.values(results)) most = Math.max(most, ...tensor.toNumbers());
        }
      } finally {
        await session.dispose();
      }
      model.metadata.set("largest", String(most));
    },
  });

async function* samples() {
  for (let seed = 0; seed < 20; seed++) yield randomFeeds(tinyMlp(), { seed });
}
// Frozen, as services may be.
const data = Object.freeze({ [Symbol.asyncIterator]: samples }) as unknown as NonNullable<NonNullable<ConformanceOptions["examples"][number]["services"]>["data"]>;
const withServices = (): ConformanceOptions => ({ examples: [{ model: tinyMlp(), services: { data, runtime: ortRuntime() } }] });

registerConformance(observe(true), withServices(), { describe, it });

/** Names of the failing checks, with what they say. */
async function failures(technique: Parameters<typeof conformance>[0], settings: ConformanceOptions): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const { name, run } of conformance(technique, settings)) {
    await run().catch((error: { code: string; message: string }) => {
      expect(error.code).toBe("TESTKIT_CONFORMANCE");
      found[name] = error.message;
    });
  }
  return found;
}

describe("conformance finds", () => {
  const one: ConformanceOptions = { examples: [{ model: () => tinyMlp() }] };
  const rows: [string, Partial<Spec>, Record<string, RegExp>][] = [
    ["a summary that is no sentence", { summary: "scales" }, { "has the shape and version of the contract": /full stop/ }],
    [
      "a technique that writes into shared tensors",
      { apply: (model) => void (floats(model)[0]!.tensor!.data()[0] = 99) },
      { "leaves the caller's model alone": /changed after a run/, "leaves the caller's model alone on errors": /changed after an error/ },
    ],
    [
      "randomness that the seed does not govern",
      { apply: (model) => void model.metadata.set("id", String(Math.random())) },
      { "gives the same bytes and figures for the same seed": /different bytes/, "does the same as a recipe": /another model/ },
    ],
    [
      "figures that change from run to run",
      { apply: () => ({ metrics: { luck: Math.random(), elapsedMs: Math.random() } }) },
      { "gives the same bytes and figures for the same seed": /different figures/ },
    ],
    ["a report that is no JSON", { apply: () => ({ metrics: { ratio: NaN } }) }, { "reports plain JSON": /NaN at metrics\.ratio/ }],
    [
      "a result that is not sound",
      { ensures: [], apply: (model) => void model.graph.add({ opType: "Gemm", inputs: [] }) },
      { "gives a sound model that survives a file": /not sound/ },
    ],
  ];
  it.each(rows)("%s", async (_what, change, expected) => {
    const found = await failures(defineTechnique({ ...good, ...change }), one);
    for (const [name, message] of Object.entries(expected)) expect(found[name]).toMatch(message);
    expect(Object.keys(found).filter((name) => !/abort/.test(name)).sort()).toEqual(Object.keys(expected).sort());
  });

  it("options without description, defaults that differ, and strays", async () => {
    const loose = z.object({ by: z.number().default(2) });
    const { jsonSchema, ...standard } = loose["~standard"];
    const lying = { "~standard": { ...standard, jsonSchema: { ...jsonSchema, input: () => ({ type: "object", properties: { by: { type: "number", default: 3 } } }) } } };
    const technique = defineTechnique({ name: "loose", summary: "Does nothing.", options: lying as unknown as z.ZodType<{ by: number }>, apply: () => undefined });
    const found = await failures(technique, one);
    expect(found["describes its options as JSON Schema"]).toMatch(/no description: by/);
    expect(found["fills in the defaults that it declares"]).toMatch(/default of "by" is 3 in its JSON Schema but 2 in use/);
    expect(found["refuses bad options"]).toMatch(/takes the options .*no-such-option/);
  });

  it("a need that is none, and work that goes on after an abort", async () => {
    const found = await failures(observe(false), withServices());
    expect(found["stops when aborted after the start"]).toMatch(/goes on after the abort: \d+ more calls/);
    expect(found["hands the abort signal to the engine"]).toMatch(/not hand the abort signal to load and run/);
    const idle = defineTechnique({ name: "idle", summary: "Does nothing.", options: z.strictObject({}), needs: ["data"], apply: () => undefined });
    // The host itself checks for declared services, so this one cannot fail.
    expect(await failures(idle, withServices())).toEqual({});
  });

  it("no examples, and what is no technique", () => {
    expect(() => conformance(defineTechnique(good), { examples: [] })).toThrow(/"has examples": none were given/);
    expect(() => conformance({} as ReturnType<typeof defineTechnique>, one)).toThrow(/NOT_A_TECHNIQUE/);
  });
});
